"""Embed the rewritten texts that simulated subjects may draw in their explore pools.

REQUIRES  the exhaustive run of the benchmark's suite, the behaviours
PROVIDES  results/rewrite/<key>/vectors.h5   (datasets: behaviour, prompt, sample, vector)
"""


rule rewrite:
    input:
        unpack(BENCHMARK.exhaustive_run("rewrite")),
        embedder=BENCHMARK.embedder_of_rewrite,
    output:
        vectors="results/rewrite/{key}/vectors.h5",
        ledger="results/rewrite/{key}/ledger.json",
    log:
        "logs/rewrite/{key}.log",
    benchmark:
        "logs/job-times/rewrite/{key}.tsv"
    conda:
        "../envs/models.yaml"
    threads: GPU_CORES
    resources:
        gpu=1,
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        settings=PARAMETERS.settings_of("rewrite", "embedder", "dtype", "max_tokens", "benchmark"),
        local=PARAMETERS.local_of("rewrite"),
        cache=CACHE,
        batch_size=CONFIG.execution.embed_batch_size,
        call=CALL,
    script:
        "../scripts/benchmark/rewrite.py"
