"""Targets that look at audits from outside; no audit needs them, and each runs whenever it is asked.

REQUIRES  nothing (benchmark: the audits and trials of its configuration); what lies in results/ and in the record cache is read where it is there
PROVIDES  estimate, why, prune: lines on the terminal (prune deletes only when told)
          archive: results/archives/<audit>-<digest>.tar.gz
          export: results/export/<audit>/texts.jsonl, .csv or .parquet (as `export` says)
          restore: the outputs of such a file in their places (with `--config archive=…`)
          lock: revisions.lock.yaml beside the configuration, where revisions have names
          benchmark: results/benchmarks/summary.json, tables.txt, *.svg (with `--config scale=…`)
"""


rule estimate:
    log:
        "logs/estimate.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        audits=PARAMETERS.nodes_of_audits,
        cache=CACHE,
    script:
        "../scripts/tools/estimate.py"


rule why:
    log:
        "logs/why.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        audits=PARAMETERS.nodes_of_audits,
    script:
        "../scripts/tools/why.py"


rule prune:
    log:
        "logs/prune.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        audits=PARAMETERS.nodes_of_audits,
        cache=CACHE,
        delete=CONFIG.prune,
    script:
        "../scripts/tools/prune.py"


rule archive:
    log:
        "logs/archive.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        audits=PARAMETERS.nodes_of_audits,
        configs=PARAMETERS.configs_of_audits,
        cache=CACHE,
    script:
        "../scripts/tools/archive.py"


rule export:
    log:
        "logs/export.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        audits=PARAMETERS.nodes_of_audits,
        format=CONFIG.export,
    script:
        "../scripts/tools/export.py"


rule restore:
    log:
        "logs/restore.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        archive=CONFIG.archive,
    script:
        "../scripts/tools/restore.py"


rule lock:
    log:
        "logs/lock.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        wanted=SESSION.revisions.wanted,
        lock=str(SESSION.revisions.lock),
    script:
        "../scripts/tools/lock.py"


rule benchmark:
    input:
        behaviours=BENCHMARK.behaviours,
        files=BENCHMARK.files,
    log:
        "logs/benchmark.log",
    conda:
        "../envs/workflow.yaml"
    resources:
        mem_mb=growing(6000),
        runtime=growing(30),
    params:
        results="results/benchmarks",
        behaviours=BENCHMARK.behaviours,
        truths=BENCHMARK.truths,
        parts=BENCHMARK.parts,
        audits=BENCHMARK.audits,
        call=CALL,
    script:
        "../scripts/benchmark/collect.py"
