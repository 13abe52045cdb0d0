"""Test the hypotheses that are left on fresh draws of the confirm pool, with error control.

REQUIRES  results/screen/<key>/hypotheses.jsonl, generations of the confirm and explore pools,
          and of prompts written for hypotheses where an audit probes
PROVIDES  results/confirm/<key>/findings.jsonl, judgements.jsonl, themes.json,
          similarities.json, behaviours.json, separability.json, panel.json, interactions.jsonl
"""


rule confirm:
    input:
        hypotheses=INPUTS.upstream("confirm", "screen", HYPOTHESES),
        calibration=INPUTS.upstream("confirm", "screen", CALIBRATION),
        regions=INPUTS.upstream("confirm", "regions", REGIONS),
        prompts=INPUTS.upstream("confirm", "regions", PROMPTS),
        bank=INPUTS.upstream("confirm", "bank", BANK),
        spent=INPUTS.usage_of("confirm", "propose", "screen", "probe"),
        plan=INPUTS.upstream("confirm", "plan", PLAN.replace("{step}", "confirm")),
        base=INPUTS.generations_of("confirm", "base"),
        intervention=INPUTS.generations_of("confirm", "intervention"),
        vectors_base=INPUTS.vectors_of("confirm", "base"),
        vectors_intervention=INPUTS.vectors_of("confirm", "intervention"),
        probes=INPUTS.upstream("confirm", "probes", PROBES),
        probed_base=INPUTS.generations_of_probes("base"),
        probed_intervention=INPUTS.generations_of_probes("intervention"),
        space=INPUTS.of_last_round("confirm", SPACE),
        explored_base=INPUTS.generations_of_rounds("confirm", "base"),
        explored_intervention=INPUTS.generations_of_rounds("confirm", "intervention"),
        texts=INPUTS.of_last_round("confirm", TEXTS),
        models=INPUTS.models_of_servers("confirm"),
    output:
        findings="results/confirm/{key}/findings.jsonl",
        judgements="results/confirm/{key}/judgements.jsonl",
        themes="results/confirm/{key}/themes.json",
        similarities="results/confirm/{key}/similarities.json",
        behaviours="results/confirm/{key}/behaviours.json",
        separability="results/confirm/{key}/separability.json",
        panel="results/confirm/{key}/panel.json",
        interactions="results/confirm/{key}/interactions.jsonl",
        usage="results/confirm/{key}/usage.json",
        ledger="results/confirm/{key}/ledger.json",
    log:
        "logs/confirm/{key}.log",
    benchmark:
        "logs/job-times/confirm/{key}.tsv"
    localrule: PARAMETERS.asks_a_server("confirm")
    conda:
        "../envs/workflow.yaml"
    threads: PARAMETERS.cores_of_roles("confirm")
    resources:
        gpu=PARAMETERS.gpus_of_roles("confirm"),
        mem_mb=PARAMETERS.growing_of_roles("confirm", 2000, serving=8000),
        runtime=PARAMETERS.growing_of_roles("confirm", 30, serving=240),
    params:
        settings=PARAMETERS.settings_of(
            "confirm",
            "q",
            "delta",
            "placebos",
            "evidence",
            "seed",
            "assistant",
            "unit",
            optional=["focus", "least_net"],
        ),
        local=PARAMETERS.local_of("confirm"),
        cache=CACHE,
        devices=DEVICES,
        call=CALL,
    script:
        "../scripts/confirm.py"
