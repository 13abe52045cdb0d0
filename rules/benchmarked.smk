"""The benchmark: which files of which audits it reads, and what an exhaustive run leaves.

PROVIDES  input functions; holds no rule
"""

from types import SimpleNamespace as Namespace


def exhaustive_run(stage):
    """Input function: everything that a pair of subjects says, with its bank and regions."""

    def files(wildcards):
        embed = _node(stage, wildcards).inputs["embed"]
        plan = embed.inputs["plan"]
        found = {
            "bank": _fill(BANK, plan.ancestor("bank")),
            "regions": _fill(REGIONS, plan.inputs["regions"]),
            "prompts": _fill(PROMPTS, plan.inputs["regions"]),
        }
        for side in SIDES:
            found[side] = generations(plan, side, "exhaustive")
            found[f"vectors_{side}"] = _fill(VECTORS, embed, side=side, step="exhaustive")
        return found

    return files


def embedder_of_rewrite(wildcards):
    """The embedder that the exhaustive run's texts were embedded with."""
    return _fill(MODEL, _node("rewrite", wildcards).inputs["embed"].inputs["embedder"])


def behaviours_of_benchmark(wildcards):
    """The file of planted behaviours. Raises WorkflowError without a benchmark section."""
    if CONFIG.benchmark is None:
        raise WorkflowError(
            "`benchmark` needs its own configuration: add `--config scale=full` (70 minutes on "
            "two cores) or `--config scale=small` (a few minutes)"
        )
    return CONFIG.benchmark.behaviours


def parts_of_benchmark(wildcards):
    """The simulated parts."""
    names = ("ladder", "null", "rates", "strategies")
    return {part: f"results/trials/{RECIPES.trials.key}/{part}.json" for part in names}


def audits_of_benchmark(wildcards):
    """By audit of real subjects what the benchmark reads of it, and of the exhaustive protocol's
    run where there is one."""
    found = {}
    for name in CONFIG.benchmark.audits:
        root = RECIPES.audits[name]
        key = Namespace(key=root.key)
        confirm = root.ancestor("confirm")
        screen = confirm.inputs["screen"]
        found[name] = {
            **{file: f"results/report/{root.key}/{file}.json" for file in ("audit", "costs")},
            "findings": f"results/report/{root.key}/findings.jsonl",
            "regions": _fill(REGIONS, root.ancestor("regions")),
            "prompts": _fill(PROMPTS, root.ancestor("regions")),
            "screened": f"results/screen/{screen.key}/screened.jsonl",
            "screen": _fill(PLAN, screen.inputs["plan"], step="screen"),
            "confirm": _fill(PLAN, confirm.inputs["plan"], step="confirm"),
            "active_ledgers": ledgers(key),
            "active_vectors": [
                path for side in SIDES for path in of_all_rounds("report", f"vectors_{side}")(key)
            ],
        }
        if name in CONFIG.benchmark.exhaustive:
            found[name] |= _exhaustive_protocol(name)
    return found


def _exhaustive_protocol(name):
    labelled, embed = RECIPES.labelled[name], RECIPES.exhaustive[name]
    ledger = SHARD.replace(".jsonl", ".ledger.json")
    return {
        **exhaustive_run("exhaustive")(Namespace(key=labelled.key)),
        "exhaustive": f"results/exhaustive/{labelled.key}/exhaustive.json",
        "centroids": f"results/exhaustive/{labelled.key}/centroids.h5",
        "ledgers": [
            *(
                path
                for side in SIDES
                for path in generations(embed.inputs["plan"], side, "exhaustive", ledger)
            ),
            f"results/embed/{embed.key}/exhaustive/ledger.json",
            f"results/exhaustive/{labelled.key}/ledger.json",
        ],
    }


def files_of_benchmark(wildcards):
    """Everything above, as one list."""

    def flat(value):
        if isinstance(value, str):
            return [value]
        return [p for v in (value.values() if isinstance(value, dict) else value) for p in flat(v)]

    return list(
        dict.fromkeys(flat([parts_of_benchmark(wildcards), audits_of_benchmark(wildcards)]))
    )
