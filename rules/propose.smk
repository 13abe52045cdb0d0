"""Write hypotheses from the contrasts of the promising regions.

REQUIRES  generations of all rounds, the last round's divergences
PROVIDES  results/propose/<key>/hypotheses.jsonl
"""


rule propose:
    input:
        regions=upstream("propose", "regions", REGIONS),
        bank=of_ancestor("propose", "bank", BANK),
        divergence=of_last_round("propose", DIVERGENCE),
        texts=of_last_round("propose", TEXTS),
        base=of_all_rounds("propose", "base"),
        intervention=of_all_rounds("propose", "intervention"),
    output:
        hypotheses="results/propose/{key}/hypotheses.jsonl",
        usage="results/propose/{key}/usage.json",
        ledger="results/propose/{key}/ledger.json",
    log:
        "logs/propose/{key}.log",
    benchmark:
        "logs/benchmark/propose/{key}.tsv"
    localrule: asks_a_server("propose")
    conda:
        "../envs/workflow.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        settings=settings_of("propose"),
        local=local_of("propose"),
        cache=CACHE,
        call=CALL,
    script:
        "../scripts/propose.py"
