"""Write hypotheses from the contrasts of the promising regions.

REQUIRES  generations of all rounds, the last round's divergences
PROVIDES  results/propose/<key>/hypotheses.jsonl, writing.json, interactions.jsonl
"""


rule propose:
    input:
        regions=INPUTS.upstream("propose", "regions", REGIONS),
        bank=INPUTS.of_ancestor("propose", "bank", BANK),
        divergence=INPUTS.of_last_round("propose", DIVERGENCE),
        texts=INPUTS.of_last_round("propose", TEXTS),
        base=INPUTS.generations_of_rounds("propose", "base"),
        intervention=INPUTS.generations_of_rounds("propose", "intervention"),
        models=INPUTS.models_of_servers("propose"),
    output:
        hypotheses="results/propose/{key}/hypotheses.jsonl",
        writing="results/propose/{key}/writing.json",
        interactions="results/propose/{key}/interactions.jsonl",
        usage="results/propose/{key}/usage.json",
        ledger="results/propose/{key}/ledger.json",
    log:
        "logs/propose/{key}.log",
    benchmark:
        "logs/job-times/propose/{key}.tsv"
    localrule: PARAMETERS.asks_a_server("propose")
    conda:
        "../envs/workflow.yaml"
    threads: PARAMETERS.cores_of_roles("propose")
    resources:
        gpu=PARAMETERS.gpus_of_roles("propose"),
        mem_mb=PARAMETERS.growing_of_roles("propose", 2000, serving=8000),
        runtime=PARAMETERS.growing_of_roles("propose", 30, serving=240),
    params:
        settings=PARAMETERS.settings_of(
            "propose",
            "hypotheses",
            "regions",
            "promising",
            "assistant",
            optional=["phrase_words", "pairs", "each", "passes", "focus", "seed"],
        ),
        local=PARAMETERS.local_of("propose"),
        cache=CACHE,
        devices=DEVICES,
        call=CALL,
    script:
        "../scripts/propose.py"
