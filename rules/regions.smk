"""Cut the prompt bank into regions and pools.

REQUIRES  results/bank/<key>/bank.jsonl, the sentence encoder
PROVIDES  results/regions/<key>/regions.json, prompts.jsonl
"""


rule regions:
    input:
        bank=INPUTS.upstream("regions", "bank", BANK),
        embedder=INPUTS.upstream("regions", "embedder", MODEL),
    output:
        regions=REGIONS,
        prompts=PROMPTS,
        ledger="results/regions/{key}/ledger.json",
    log:
        "logs/regions/{key}.log",
    benchmark:
        "logs/job-times/regions/{key}.tsv"
    conda:
        "../envs/models.yaml"
    threads: GPU_CORES
    resources:
        gpu=1,
        mem_mb=growing(3000),
        runtime=growing(30),
    params:
        settings=PARAMETERS.settings_of(
            "regions",
            "regions",
            "pools",
            "unit",
            "samples",
            "seed",
            "embedder",
            "dtype",
            "max_tokens",
        ),
        cache=CACHE,
        batch_size=CONFIG.execution.embed_batch_size,
        call=CALL,
    script:
        "../scripts/regions.py"
