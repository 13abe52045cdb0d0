"""Simulated audits, by the hundred: the dose ladder, null audits, rate intervals, strategies.

REQUIRES  the exhaustive run of the benchmark's suite, embedded rewritten texts, the behaviours
PROVIDES  results/trials/<key>/<part>.json   (part: ladder, null, strategies, rates)
"""


rule trials:
    input:
        unpack(BENCHMARK.exhaustive_run("trials")),
        rewritten=INPUTS.upstream("trials", "rewrite", "results/rewrite/{key}/vectors.h5"),
    output:
        trials="results/trials/{key}/{part}.json",
        ledger="results/trials/{key}/{part}.ledger.json",
    log:
        "logs/trials/{key}/{part}.log",
    benchmark:
        "logs/job-times/trials/{key}/{part}.tsv"
    conda:
        "../envs/workflow.yaml"
    threads: ALL_CORES
    resources:
        mem_mb=growing(6000),
        runtime=growing(120),
    params:
        settings=PARAMETERS.settings_of("trials", "audit", "benchmark"),
        local=PARAMETERS.local_of("trials"),
        call=CALL,
    script:
        "../scripts/benchmark/trials.py"
