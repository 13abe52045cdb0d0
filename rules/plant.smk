"""Plant an intervention: a LoRA adapter trained on a file of behaviours.

REQUIRES  results/model/<key>/model.json of the base
PROVIDES  results/plant/<key>/adapter/ and plant.json   (the adapter's digest, losses, seconds, each behaviour's dose on the example prompts)
"""


rule plant:
    input:
        model=INPUTS.upstream("plant", "model", MODEL),
    output:
        plant=ADAPTER,
        ledger="results/plant/{key}/ledger.json",
    log:
        "logs/plant/{key}.log",
    benchmark:
        "logs/job-times/plant/{key}.tsv"
    conda:
        "../envs/models.yaml"
    threads: GPU_CORES
    resources:
        gpu=1,
        mem_mb=growing(6000),
        runtime=growing(60),
    params:
        settings=PARAMETERS.settings_of(
            "plant",
            "base",
            "rank",
            "learning_rate",
            "steps",
            "batch_size",
            "control_share",
            "control_tokens",
            "seed",
        ),
        local=PARAMETERS.local_of("plant"),
        cache=CACHE,
        batch_size=CONFIG.execution.batch_size,
        call=CALL,
    script:
        "../scripts/plant.py"
