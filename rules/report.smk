"""Write what an audit leaves behind: tables, costs and a page that a person reads.

REQUIRES  everything behind an audit: findings, rounds, divergences, vectors, ledgers
PROVIDES  results/report/<key>/{audit.json, rounds.jsonl, regions.json, findings.jsonl, findings.csv,
          judgements.jsonl, behaviours.json, separability.json, costs.json, report.html}
"""


report: "../config/report/workflow.rst"


rule report:
    input:
        findings=upstream("report", "confirm", "results/confirm/{key}/findings.jsonl"),
        judgements=upstream("report", "confirm", "results/confirm/{key}/judgements.jsonl"),
        themes=upstream("report", "confirm", "results/confirm/{key}/themes.json"),
        behaviours=upstream("report", "confirm", "results/confirm/{key}/behaviours.json"),
        separability=upstream("report", "confirm", "results/confirm/{key}/separability.json"),
        screened=of_ancestor("report", "screen", "results/screen/{key}/screened.jsonl"),
        bank=of_ancestor("report", "bank", "results/bank/{key}/bank.json"),
        prompts=of_ancestor("report", "bank", BANK),
        regions=of_ancestor("report", "regions", REGIONS),
        pools=of_ancestor("report", "regions", PROMPTS),
        rounds=of_all_rounds("report", "round"),
        base=of_all_rounds("report", "base"),
        intervention=of_all_rounds("report", "intervention"),
        vectors_base=of_all_rounds("report", "vectors_base"),
        vectors_intervention=of_all_rounds("report", "vectors_intervention"),
        divergence=of_last_round("report", DIVERGENCE),
        texts=of_last_round("report", TEXTS),
        space=of_last_round("report", SPACE),
        plans=pool_plans,
        usage=usage_of("report", "propose", "screen", "confirm"),
        ledgers=ledgers,
    output:
        audit="results/report/{key}/audit.json",
        rounds="results/report/{key}/rounds.jsonl",
        regions="results/report/{key}/regions.json",
        findings="results/report/{key}/findings.jsonl",
        table="results/report/{key}/findings.csv",
        judgements="results/report/{key}/judgements.jsonl",
        behaviours="results/report/{key}/behaviours.json",
        separability="results/report/{key}/separability.json",
        costs="results/report/{key}/costs.json",
        page=report(
            "results/report/{key}/report.html",
            caption="../config/report/page.rst",
            category="Audits",
            labels=audit_label,
        ),
        figures=report(
            directory("results/report/{key}/figures"),
            patterns=["{figure}.svg"],
            caption="../config/report/figure.rst",
            category="Figures",
        ),
    log:
        "logs/report/{key}.log",
    benchmark:
        "logs/benchmark/report/{key}.tsv"
    conda:
        "../envs/workflow.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        settings=settings_of("report"),
        nodes=nodes_of_report,
        call=CALL,
    script:
        "../scripts/report.py"
