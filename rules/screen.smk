"""Eliminate hopeless hypotheses on fresh prompts, cheaply.

REQUIRES  results/propose/<key>/hypotheses.jsonl, generations of the screen and explore pools
PROVIDES  results/screen/<key>/hypotheses.jsonl   (those that go on), screened.jsonl (all, with counts),
          writing.json (of the second cycle), calibration.json, interactions.jsonl
"""


rule screen:
    input:
        hypotheses=INPUTS.upstream("screen", "propose", HYPOTHESES),
        regions=INPUTS.upstream("screen", "regions", REGIONS),
        prompts=INPUTS.upstream("screen", "regions", PROMPTS),
        bank=INPUTS.of_ancestor("screen", "bank", BANK),
        spent=INPUTS.usage_of("screen", "propose"),
        plan=INPUTS.upstream("screen", "plan", PLAN.replace("{step}", "screen")),
        base=INPUTS.generations_of("screen", "base"),
        intervention=INPUTS.generations_of("screen", "intervention"),
        vectors_base=INPUTS.vectors_of("screen", "base"),
        vectors_intervention=INPUTS.vectors_of("screen", "intervention"),
        space=INPUTS.of_last_round("screen", SPACE),
        explored_base=INPUTS.generations_of_rounds("screen", "base"),
        explored_intervention=INPUTS.generations_of_rounds("screen", "intervention"),
        texts=INPUTS.of_last_round("screen", TEXTS),
        models=INPUTS.models_of_servers("screen"),
    output:
        hypotheses="results/screen/{key}/hypotheses.jsonl",
        screened="results/screen/{key}/screened.jsonl",
        writing="results/screen/{key}/writing.json",
        interactions="results/screen/{key}/interactions.jsonl",
        calibration="results/screen/{key}/calibration.json",
        usage="results/screen/{key}/usage.json",
        ledger="results/screen/{key}/ledger.json",
    log:
        "logs/screen/{key}.log",
    benchmark:
        "logs/job-times/screen/{key}.tsv"
    localrule: PARAMETERS.asks_a_server("screen")
    conda:
        "../envs/workflow.yaml"
    threads: PARAMETERS.cores_of_roles("screen")
    resources:
        gpu=PARAMETERS.gpus_of_roles("screen"),
        mem_mb=PARAMETERS.growing_of_roles("screen", 2000, serving=8000),
        runtime=PARAMETERS.growing_of_roles("screen", 30, serving=240),
    params:
        settings=PARAMETERS.settings_of(
            "screen",
            "least_net",
            "confirm",
            "assistant",
            optional=["second_cycle", "seed", "probe"],
        ),
        local=PARAMETERS.local_of("screen"),
        cache=CACHE,
        devices=DEVICES,
        call=CALL,
    script:
        "../scripts/screen.py"
