"""Read a subject's ready responses, from the file as its tool left it, once.

REQUIRES  the file or folder that `responses` names, and that of its `prompts`
PROVIDES  results/responses/<key>/responses.jsonl   (a line a response; the samples of a prompt together)
          results/responses/<key>/prompts.jsonl, report.json   (a line a prompt; what was counted)
"""


localrules:
    responses,


rule responses:
    output:
        responses=RESPONSES,
        prompts=ANSWERED,
        report=COUNTED,
        ledger="results/responses/{key}/ledger.json",
    log:
        "logs/responses/{key}.log",
    benchmark:
        "logs/job-times/responses/{key}.tsv"
    priority: 100  # as a bad bank, a bad file should stop a run early
    conda:
        "../envs/workflow.yaml"
    params:
        settings=PARAMETERS.settings_of(
            "responses",
            "format",
            "prompt",
            "category",
            "group",
            "key",
            "where",
            "header",
            "revision",
            "subset",
            "split",
            "response",
            "sample",
            "model",
            "prompts",
            "missing",
            "match",
            optional=["path"],
        ),
        local=PARAMETERS.local_of("responses"),
        call=CALL,
    script:
        "../scripts/responses.py"
