"""Provide a model's files: from a pinned wheel, a hub revision or a local directory.

REQUIRES  nothing
PROVIDES  results/model/<key>/model.json   (where the files lie; embedded ones beside it)
"""


localrules:
    model,


rule model:
    input:
        SESSION.require_revision,
    output:
        model=MODEL,
        ledger="results/model/{key}/ledger.json",
    log:
        "logs/model/{key}.log",
    benchmark:
        "logs/job-times/model/{key}.tsv"
    conda:
        "../envs/models.yaml"
    threads: ALL_CORES
    params:
        settings=PARAMETERS.settings_of(
            "model",
            optional=[
                "embedded",
                "package",
                "version",
                "wheel",
                "files",
                "kind",
                "licence",
                "hub",
                "revision",
                "directory",
                "code",
                "pickled_weights",
                "gguf",
                "gguf_file",
                "unconverted",
                "conversion",
            ],
        ),
        local=PARAMETERS.local_of("model"),
        call=CALL,
    script:
        "../scripts/model.py"
