"""Decode the draws of a plan from one subject, in shards.

REQUIRES  results/plan/<key>/<step>.jsonl, the bank, the subject's model and adapter, or its recorded responses
PROVIDES  results/decode/<key>/<side>/<plan>/<step>/shard-<s>-of-<n>.jsonl   (a line a generation)
"""


rule decode:
    input:
        unpack(INPUTS.of_decode),
    output:
        generations=SHARD,
        ledger=LEDGER_OF_SHARD,
    log:
        "logs/decode/{key}/{side}/{plan}/{step}/shard-{shard}-of-{shards}.log",
    benchmark:
        "logs/job-times/decode/{key}/{side}/{plan}/{step}/shard-{shard}-of-{shards}.tsv"
    localrule: PARAMETERS.no_decode_loads_a_model()
    conda:
        "../envs/models.yaml"
    threads: PARAMETERS.cores_of_decode
    resources:
        gpu=PARAMETERS.gpus_of_decode,
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        settings=PARAMETERS.settings_of("decode", "kind", "seed", optional=OF_ITS_KIND),
        local=PARAMETERS.local_of("decode"),
        cache=CACHE,
        batch_size=CONFIG.execution.batch_size,
        devices=DEVICES,
        call=CALL,
    script:
        "../scripts/decode.py"
