"""Measure where the subjects differ, and decide whether another round pays.

REQUIRES  plans and embeddings of all rounds so far, the round before
PROVIDES  results/measure/<key>/round-<r>/round.json (stop and its reason), regions.jsonl, texts.h5,
          space.h5
"""


# Seconds of work between two rounds, and no later job can be planned before it: it does not queue.
localrules:
    measure,


checkpoint measure:
    input:
        regions=INPUTS.upstream("measure", "regions", REGIONS),
        plans=INPUTS.of_rounds_up_to_its_own("plan", PLAN),
        base=INPUTS.of_rounds_up_to_its_own("embed", VECTORS, side="base"),
        intervention=INPUTS.of_rounds_up_to_its_own("embed", VECTORS, side="intervention"),
        before=INPUTS.of_round_before(ROUND),
        texts_before=INPUTS.of_round_before(TEXTS),
        space_before=INPUTS.of_round_before(SPACE),
    output:
        round=ROUND,
        regions=DIVERGENCE,
        texts=TEXTS,
        space=SPACE,
        ledger="results/measure/{key}/{step}/ledger.json",
    log:
        "logs/measure/{key}/{step}.log",
    benchmark:
        "logs/job-times/measure/{key}/{step}.tsv"
    conda:
        "../envs/workflow.yaml"
    params:
        settings=PARAMETERS.settings_of(
            "measure",
            "rounds",
            "budget",
            "promising",
            "ari",
            "silhouette",
            "kinds",
            "permutations",
            "seed",
        ),
        call=CALL,
    script:
        "../scripts/measure.py"
