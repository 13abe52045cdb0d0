"""Test the hypotheses that are left on fresh draws of the confirm pool, with error control.

REQUIRES  results/screen/<key>/hypotheses.jsonl, generations of the confirm and explore pools
PROVIDES  results/confirm/<key>/findings.jsonl, judgements.jsonl, themes.json
"""


rule confirm:
    input:
        hypotheses=upstream("confirm", "screen", HYPOTHESES),
        regions=upstream("confirm", "regions", REGIONS),
        bank=upstream("confirm", "bank", BANK),
        spent=usage_of("confirm", "propose", "screen"),
        plan=upstream("confirm", "plan", PLAN.replace("{step}", "confirm")),
        base=generations_of("confirm", "base"),
        intervention=generations_of("confirm", "intervention"),
        explored=of_all_rounds("confirm", "base"),
    output:
        findings="results/confirm/{key}/findings.jsonl",
        judgements="results/confirm/{key}/judgements.jsonl",
        themes="results/confirm/{key}/themes.json",
        usage="results/confirm/{key}/usage.json",
        ledger="results/confirm/{key}/ledger.json",
    log:
        "logs/confirm/{key}.log",
    benchmark:
        "logs/benchmark/confirm/{key}.tsv"
    localrule: asks_a_server("confirm")
    conda:
        "../envs/workflow.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        settings=settings_of("confirm"),
        local=local_of("confirm"),
        cache=CACHE,
        call=CALL,
    script:
        "../scripts/confirm.py"
