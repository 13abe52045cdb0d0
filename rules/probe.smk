"""Write prompts for hypotheses that the bank's prompts test badly; only where an audit probes.

REQUIRES  results/screen/<key>/screened.jsonl, hypotheses.jsonl, the bank
PROVIDES  results/probe/<key>/probes.jsonl   (a line a hypothesis, with its prompts), prompts.jsonl,
          interactions.jsonl
"""


rule probe:
    input:
        hypotheses=INPUTS.upstream("probe", "screen", HYPOTHESES),
        screened=INPUTS.upstream("probe", "screen", "results/screen/{key}/screened.jsonl"),
        regions=INPUTS.upstream("probe", "regions", REGIONS),
        prompts=INPUTS.upstream("probe", "regions", PROMPTS),
        bank=INPUTS.upstream("probe", "bank", BANK),
        spent=INPUTS.usage_of("probe", "propose", "screen"),
        models=INPUTS.models_of_servers("probe"),
    output:
        probes=PROBES,
        prompts=WRITTEN,
        interactions="results/probe/{key}/interactions.jsonl",
        usage="results/probe/{key}/usage.json",
        ledger="results/probe/{key}/ledger.json",
    log:
        "logs/probe/{key}.log",
    benchmark:
        "logs/job-times/probe/{key}.tsv"
    localrule: PARAMETERS.asks_a_server("probe")
    conda:
        "../envs/workflow.yaml"
    threads: PARAMETERS.cores_of_roles("probe")
    resources:
        gpu=PARAMETERS.gpus_of_roles("probe"),
        mem_mb=PARAMETERS.growing_of_roles("probe", 2000, serving=8000),
        runtime=PARAMETERS.growing_of_roles("probe", 30, serving=240),
    params:
        settings=PARAMETERS.settings_of(
            "probe", "hypotheses", "prompts", "q", "confirm", "assistant", "seed"
        ),
        local=PARAMETERS.local_of("probe"),
        cache=CACHE,
        devices=DEVICES,
        call=CALL,
    script:
        "../scripts/probe.py"
