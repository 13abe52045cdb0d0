"""Build a prompt bank from its sources.

REQUIRES  the sources' files
PROVIDES  results/bank/<key>/bank.jsonl, bank.json   (prompts; counts of duplicates, empty lines, categories)
"""


localrules:
    bank,


rule bank:
    output:
        bank=BANK,
        report="results/bank/{key}/bank.json",
        ledger="results/bank/{key}/ledger.json",
    log:
        "logs/bank/{key}.log",
    benchmark:
        "logs/benchmark/bank/{key}.tsv"
    priority: 100  # a bad bank should stop a run before anything expensive starts
    conda:
        "../envs/workflow.yaml"
    params:
        settings=settings_of("bank"),
        local=local_of("bank"),
        call=CALL,
    script:
        "../scripts/bank.py"
