"""Compare the two subjects on a few explore prompts: does the intervention do anything?

REQUIRES  the bank and its explore prompts, the subjects' models and adapters, where they are loaded
PROVIDES  results/contrast/<key>/contrast.json
"""


rule contrast:
    input:
        unpack(INPUTS.of_contrast),
    output:
        contrast=CONTRAST,
        ledger=LEDGER.replace("{stage}", "contrast"),
    log:
        "logs/contrast/{key}.log",
    benchmark:
        "logs/job-times/contrast/{key}.tsv"
    localrule: PARAMETERS.no_decode_loads_a_model()
    conda:
        "../envs/models.yaml"
    threads: PARAMETERS.shard_cores
    resources:
        gpu=DEVICES,
        mem_mb=growing(12000),
        runtime=growing(30),
    params:
        sides=PARAMETERS.sides_of_contrast,
        cache=CACHE,
        batch_size=CONFIG.execution.batch_size,
        devices=DEVICES,
        call=CALL,
    script:
        "../scripts/contrast.py"
