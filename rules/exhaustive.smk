"""The exhaustive protocol: label and judge every region on every prompt's samples.

REQUIRES  the exhaustive run of an audit's subjects
PROVIDES  results/exhaustive/<key>/exhaustive.json, centroids.h5
"""


rule exhaustive:
    input:
        unpack(BENCHMARK.exhaustive_run("exhaustive")),
    output:
        exhaustive="results/exhaustive/{key}/exhaustive.json",
        centroids="results/exhaustive/{key}/centroids.h5",
        ledger="results/exhaustive/{key}/ledger.json",
    log:
        "logs/exhaustive/{key}.log",
    benchmark:
        "logs/job-times/exhaustive/{key}.tsv"
    conda:
        "../envs/workflow.yaml"
    threads: ALL_CORES
    resources:
        mem_mb=growing(6000),
        runtime=growing(60),
    params:
        settings=PARAMETERS.settings_of("exhaustive", "propose", "seed"),
        call=CALL,
    script:
        "../scripts/benchmark/exhaustive.py"
