"""Eliminate hopeless hypotheses on fresh prompts, cheaply.

REQUIRES  results/propose/<key>/hypotheses.jsonl, generations of the screen pool
PROVIDES  results/screen/<key>/hypotheses.jsonl   (those that go on), screened.jsonl (all, with counts)
"""


rule screen:
    input:
        hypotheses=upstream("screen", "propose", HYPOTHESES),
        regions=upstream("screen", "regions", REGIONS),
        prompts=upstream("screen", "regions", PROMPTS),
        bank=of_ancestor("screen", "bank", BANK),
        spent=usage_of("screen", "propose"),
        plan=upstream("screen", "plan", PLAN.replace("{step}", "screen")),
        base=generations_of("screen", "base"),
        intervention=generations_of("screen", "intervention"),
        vectors_base=vectors_of("screen", "base"),
        vectors_intervention=vectors_of("screen", "intervention"),
        space=of_last_round("screen", SPACE),
    output:
        hypotheses="results/screen/{key}/hypotheses.jsonl",
        screened="results/screen/{key}/screened.jsonl",
        usage="results/screen/{key}/usage.json",
        ledger="results/screen/{key}/ledger.json",
    log:
        "logs/screen/{key}.log",
    benchmark:
        "logs/benchmark/screen/{key}.tsv"
    localrule: asks_a_server("screen")
    conda:
        "../envs/workflow.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        settings=settings_of("screen"),
        local=local_of("screen"),
        cache=CACHE,
        call=CALL,
    script:
        "../scripts/screen.py"
