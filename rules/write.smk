"""Have a language model write the prompts of a bank, once.

REQUIRES  nothing but its author
PROVIDES  results/write/<key>/prompts.jsonl, written.json, interactions.jsonl   (prompts by topic; how many were asked
          for, left out and asked for again)
"""


rule write:
    input:
        models=INPUTS.models_of_servers("write"),
    output:
        prompts=AUTHORED,
        report=AUTHORED_REPORT,
        interactions="results/write/{key}/interactions.jsonl",
        usage="results/write/{key}/usage.json",
        ledger="results/write/{key}/ledger.json",
    log:
        "logs/write/{key}.log",
    benchmark:
        "logs/job-times/write/{key}.tsv"
    priority: 100  # all of an audit waits for its bank
    localrule: PARAMETERS.asks_a_server("write")
    conda:
        "../envs/workflow.yaml"
    threads: PARAMETERS.cores_of_roles("write")
    resources:
        gpu=PARAMETERS.gpus_of_roles("write"),
        mem_mb=PARAMETERS.growing_of_roles("write", 2000, serving=8000),
        runtime=PARAMETERS.growing_of_roles("write", 30, serving=240),
    params:
        settings=PARAMETERS.settings_of(
            "write", "description", "topics", "prompts", "passes", "seed", "assistant"
        ),
        local=PARAMETERS.local_of("write"),
        cache=CACHE,
        devices=DEVICES,
        call=CALL,
    script:
        "../scripts/write.py"
