"""Embed the generations of a round, both sides.

REQUIRES  results/decode/<key>/<side>/<plan>/round-<r>/shard-<s>-of-<n>.jsonl
PROVIDES  results/embed/<key>/<side>/round-<r>.h5   (rows in draw order; datasets: draw, vector, and
          where an audit asks, statement and entailed)
"""


rule embed:
    input:
        embedder=INPUTS.upstream("embed", "embedder", MODEL),
        entailment=INPUTS.upstream("embed", "entailment", MODEL),
        base=INPUTS.generations_of("embed", "base"),
        intervention=INPUTS.generations_of("embed", "intervention"),
    output:
        base="results/embed/{key}/base/{step}.h5",
        intervention="results/embed/{key}/intervention/{step}.h5",
        ledger="results/embed/{key}/{step}/ledger.json",
    log:
        "logs/embed/{key}/{step}.log",
    benchmark:
        "logs/job-times/embed/{key}/{step}.tsv"
    conda:
        "../envs/models.yaml"
    threads: GPU_CORES
    resources:
        gpu=1,
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        settings=PARAMETERS.settings_of(
            "embed", "embedder", "dtype", "max_tokens", optional=["entailment"]
        ),
        cache=CACHE,
        batch_size=CONFIG.execution.embed_batch_size,
        call=CALL,
    script:
        "../scripts/embed.py"
