"""Test the hypotheses that are left on fresh draws of the confirm pool, with error control.

REQUIRES  results/screen/<key>/hypotheses.jsonl, generations of the confirm and explore pools
PROVIDES  results/confirm/<key>/findings.jsonl, judgements.jsonl, themes.json,
          behaviours.json, separability.json
"""


rule confirm:
    input:
        hypotheses=upstream("confirm", "screen", HYPOTHESES),
        regions=upstream("confirm", "regions", REGIONS),
        prompts=upstream("confirm", "regions", PROMPTS),
        bank=upstream("confirm", "bank", BANK),
        spent=usage_of("confirm", "propose", "screen"),
        plan=upstream("confirm", "plan", PLAN.replace("{step}", "confirm")),
        base=generations_of("confirm", "base"),
        intervention=generations_of("confirm", "intervention"),
        vectors_base=vectors_of("confirm", "base"),
        vectors_intervention=vectors_of("confirm", "intervention"),
        space=of_last_round("confirm", SPACE),
        explored_base=of_all_rounds("confirm", "base"),
        explored_intervention=of_all_rounds("confirm", "intervention"),
        texts=of_last_round("confirm", TEXTS),
    output:
        findings="results/confirm/{key}/findings.jsonl",
        judgements="results/confirm/{key}/judgements.jsonl",
        themes="results/confirm/{key}/themes.json",
        behaviours="results/confirm/{key}/behaviours.json",
        separability="results/confirm/{key}/separability.json",
        usage="results/confirm/{key}/usage.json",
        ledger="results/confirm/{key}/ledger.json",
    log:
        "logs/confirm/{key}.log",
    benchmark:
        "logs/benchmark/confirm/{key}.tsv"
    localrule: asks_a_server("confirm")
    conda:
        "../envs/workflow.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        settings=settings_of("confirm"),
        local=local_of("confirm"),
        cache=CACHE,
        call=CALL,
    script:
        "../scripts/confirm.py"
