"""Write what an audit leaves behind: tables, costs and a page that a person reads.

REQUIRES  everything behind an audit: findings, rounds, divergences, vectors, ledgers
PROVIDES  results/report/<key>/{audit.json, rounds.jsonl, regions.json, findings.jsonl, findings.csv,
          judgements.jsonl, interactions.jsonl, behaviours.json, separability.json, panel.json,
          costs.json, report.html}
"""


report: "../config/report/workflow.rst"


rule report:
    input:
        findings=INPUTS.upstream("report", "confirm", "results/confirm/{key}/findings.jsonl"),
        judgements=INPUTS.upstream("report", "confirm", "results/confirm/{key}/judgements.jsonl"),
        themes=INPUTS.upstream("report", "confirm", "results/confirm/{key}/themes.json"),
        similarities=INPUTS.upstream("report", "confirm", "results/confirm/{key}/similarities.json"),
        behaviours=INPUTS.upstream("report", "confirm", "results/confirm/{key}/behaviours.json"),
        separability=INPUTS.upstream("report", "confirm", "results/confirm/{key}/separability.json"),
        panel=INPUTS.upstream("report", "confirm", "results/confirm/{key}/panel.json"),
        screened=INPUTS.of_ancestor("report", "screen", "results/screen/{key}/screened.jsonl"),
        interactions=INPUTS.of_ancestors(
            "report", INTERACTIONS, "write", "propose", "screen", "probe", "confirm"
        ),
        writing=INPUTS.of_ancestors("report", WRITING, "propose", "screen"),
        calibration=INPUTS.of_ancestor("report", "screen", CALIBRATION),
        bank=INPUTS.of_ancestor("report", "bank", "results/bank/{key}/bank.json"),
        prompts=INPUTS.of_ancestor("report", "bank", BANK),
        regions=INPUTS.of_ancestor("report", "regions", REGIONS),
        pools=INPUTS.of_ancestor("report", "regions", PROMPTS),
        contrast=INPUTS.upstream("report", "contrast", CONTRAST),
        rounds=INPUTS.round_files("report"),
        base=INPUTS.generations_of_rounds("report", "base"),
        intervention=INPUTS.generations_of_rounds("report", "intervention"),
        vectors_base=INPUTS.vectors_of_rounds("report", "base"),
        vectors_intervention=INPUTS.vectors_of_rounds("report", "intervention"),
        divergence=INPUTS.of_last_round("report", DIVERGENCE),
        texts=INPUTS.of_last_round("report", TEXTS),
        space=INPUTS.of_last_round("report", SPACE),
        confirmed_base=INPUTS.generations_of_confirm("base"),
        confirmed_intervention=INPUTS.generations_of_confirm("intervention"),
        plans=INPUTS.pool_plans,
        usage=INPUTS.usage_of("report", "write", "propose", "screen", "probe", "confirm"),
        ledgers=INPUTS.ledgers,
    output:
        audit="results/report/{key}/audit.json",
        rounds="results/report/{key}/rounds.jsonl",
        regions="results/report/{key}/regions.json",
        findings="results/report/{key}/findings.jsonl",
        table="results/report/{key}/findings.csv",
        judgements="results/report/{key}/judgements.jsonl",
        interactions="results/report/{key}/interactions.jsonl",
        behaviours="results/report/{key}/behaviours.json",
        separability="results/report/{key}/separability.json",
        panel="results/report/{key}/panel.json",
        costs="results/report/{key}/costs.json",
        page=report(
            "results/report/{key}/report.html",
            caption="../config/report/page.rst",
            category="Audits",
            labels=PARAMETERS.audit_label,
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
        "logs/job-times/report/{key}.tsv"
    conda:
        "../envs/workflow.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        settings=PARAMETERS.settings_of("report", "audit", "config", "map_texts", "null", "words"),
        local=PARAMETERS.local_of("report"),
        nodes=PARAMETERS.nodes_of_report,
        call=CALL,
    script:
        "../scripts/report.py"
