"""Plan draws: a round of the explore pool, the screen or confirm pool of given hypotheses, or
prompts written for them.

REQUIRES  regions and prompts; for a later round the rounds before; for a later pool the hypotheses, or the probes
PROVIDES  results/plan/<key>/<step>.jsonl   (a line a draw: prompt, sample, region, inclusion probability)
"""


localrules:
    plan,


rule plan:
    input:
        regions=INPUTS.upstream("plan", "regions", REGIONS),
        prompts=INPUTS.upstream("plan", "regions", PROMPTS),
        earlier=INPUTS.earlier_plans,
        divergence=INPUTS.latest_divergence,
        contrast=INPUTS.before_first_round,
        hypotheses=INPUTS.upstream("plan", "hypotheses", HYPOTHESES),
        probes=INPUTS.upstream("plan", "probes", PROBES),
    output:
        plan=PLAN,
        ledger="results/plan/{key}/{step}.ledger.json",
    log:
        "logs/plan/{key}/{step}.log",
    benchmark:
        "logs/job-times/plan/{key}/{step}.tsv"
    conda:
        "../envs/workflow.yaml"
    params:
        settings=PARAMETERS.settings_of(
            "plan",
            "pool",
            optional=[
                "unit",
                "samples",
                "seed",
                "ready",
                "pilot",
                "draws",
                "floor",
                "rule",
                "boundary",
                "undersampled",
                "recorded",
                "budget",
                "prompts",
                "everywhere",
            ],
        ),
        call=CALL,
    script:
        "../scripts/plan.py"
