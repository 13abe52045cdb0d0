"""Build a prompt bank from its sources, and from what recordings answer.

REQUIRES  the sources' files; results/write/<key>/prompts.jsonl, written.json of those that are written; results/responses/<key>/prompts.jsonl, report.json of a side that is recorded
PROVIDES  results/bank/<key>/bank.jsonl, bank.json   (prompts; what was dropped, and why, for each side)
"""


localrules:
    bank,


rule bank:
    input:
        base=INPUTS.upstream("bank", "base", ANSWERED),
        base_report=INPUTS.upstream("bank", "base", COUNTED),
        intervention=INPUTS.upstream("bank", "intervention", ANSWERED),
        intervention_report=INPUTS.upstream("bank", "intervention", COUNTED),
        written=INPUTS.upstreams("bank", "written", AUTHORED),
        written_reports=INPUTS.upstreams("bank", "written", AUTHORED_REPORT),
    output:
        bank=BANK,
        report="results/bank/{key}/bank.json",
        ledger="results/bank/{key}/ledger.json",
    log:
        "logs/bank/{key}.log",
    benchmark:
        "logs/job-times/bank/{key}.tsv"
    priority: 100  # a bad bank should stop a run before anything expensive starts
    conda:
        "../envs/workflow.yaml"
    params:
        settings=PARAMETERS.settings_of("bank", "match", "sources"),
        local=PARAMETERS.local_of("bank"),
        call=CALL,
    script:
        "../scripts/bank.py"
