"""Put an audit's report where people look: the one place whose path carries no key.

REQUIRES  results/report/<key>/
PROVIDES  results/audits/<audit>/ and results/index.html; one target an audit, by its name
"""

for name in CONFIG.audits:

    rule:
        name:
            name
        input:
            published(name),

    rule:
        name:
            f"publish_{name}"
        input:
            files=PARAMETERS.report_files(name),
        output:
            published(name),
        log:
            f"logs/publish/{name}.log",
        localrule: True
        conda:
            "../envs/workflow.yaml"
        script:
            "../scripts/publish.py"
