"""Plan draws: a round of the explore pool, or the screen or confirm pool of given hypotheses.

REQUIRES  regions and prompts; for a later round the rounds before; for a later pool the hypotheses
PROVIDES  results/plan/<key>/<step>.jsonl   (a line a draw: prompt, sample, region, inclusion probability)
"""


localrules:
    plan,


rule plan:
    input:
        regions=upstream("plan", "regions", REGIONS),
        prompts=upstream("plan", "regions", PROMPTS),
        earlier=earlier_plans,
        divergence=latest_divergence,
        hypotheses=upstream("plan", "hypotheses", HYPOTHESES),
    output:
        plan=PLAN,
        ledger="results/plan/{key}/{step}.ledger.json",
    log:
        "logs/plan/{key}/{step}.log",
    benchmark:
        "logs/benchmark/plan/{key}/{step}.tsv"
    conda:
        "../envs/workflow.yaml"
    params:
        settings=settings_of("plan"),
        call=CALL,
    script:
        "../scripts/plan.py"
