"""Targets that look at audits from outside; no audit needs them, and each runs whenever it is asked.

REQUIRES  nothing; what lies in results/ and in the record cache is read where it is there
PROVIDES  estimate, why, prune: lines on the terminal (prune deletes only when told)
          archive: results/archives/<audit>-<digest>.tar.gz
          benchmark: results/benchmarks/null.json
"""


rule estimate:
    log:
        "logs/estimate.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        audits=nodes_of_audits,
    script:
        "../scripts/estimate.py"


rule why:
    log:
        "logs/why.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        audits=nodes_of_audits,
    script:
        "../scripts/why.py"


rule prune:
    log:
        "logs/prune.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        audits=nodes_of_audits,
        cache=CACHE,
        delete=CONFIG.prune,
    script:
        "../scripts/prune.py"


rule archive:
    log:
        "logs/archive.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        audits=nodes_of_audits,
    script:
        "../scripts/archive.py"


rule benchmark:
    log:
        "logs/benchmark.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        results="results/benchmarks/null.json",
    script:
        "../scripts/benchmark.py"
