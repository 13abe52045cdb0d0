"""Generations, and the rounds that they come in: which files of which steps a job reads.

PROVIDES  input functions; holds no rule
"""

from functools import cache

from scripts.core.files import read_json

# Generations: a decode node, a plan and a step name them; the plan is a path below the key.


def generations(plan, side, step, pattern=SHARD):
    """All shards of a step's generations of one side."""
    return [
        _fill(
            pattern, plan.inputs[side], side=side, plan=plan.key, step=step, shard=s, shards=SHARDS
        )
        for s in range(SHARDS)
    ]


def generations_of(stage, side):
    """Input function: one side's generations of the step or pool that `stage` works on."""

    def files(wildcards):
        plan = _node(stage, wildcards).inputs["plan"]
        step = wildcards.get("step") or plan.settings["pool"]
        return generations(plan, side, step)

    return files


def vectors_of(stage, side):
    """Input function: one side's embeddings of the pool that `stage` works on."""

    def files(wildcards):
        embed = _node(stage, wildcards).inputs["embed"]
        return _fill(VECTORS, embed, side=side, step=embed.inputs["plan"].settings["pool"])

    return files


@asked_often
def inputs_of_decode(wildcards):
    """Files by name: plan and bank, and the subject's model and adapter or its recorded responses,
    where it has them.

    `plant` describes an adapter: of a plant, or of a hub or local adapter.
    """
    node, plan = _node("decode", wildcards), RECIPES.nodes["plan"][wildcards.plan]
    model, adapter = node.inputs.get("model"), node.inputs.get("adapter")
    recorded = node.inputs.get("responses")
    return {
        "plan": _fill(PLAN, plan, wildcards),
        "bank": _fill(BANK, plan.ancestor("bank")),
        "model": _fill(MODEL, model) if model else [],
        "responses": _fill(RESPONSES, recorded) if recorded else [],
        "plant": _fill(ADAPTER if adapter.stage == "plant" else MODEL, adapter) if adapter else [],
    }


# Rounds: the loop plan -> decode -> embed -> measure, closed by the measure checkpoint.

MEASURE_OF = {node.inputs["plan"].key: node for node in RECIPES.nodes["measure"].values()}


@cache
def goes_on(path, _):
    """Whether another round follows the one that is described there (and was at that time)."""
    return not read_json(path)["stop"]


def rounds_there(measure):
    """Steps of the rounds that are measured already, and whether the last of them says stop."""
    steps, more = [], True
    while more:
        path = _fill(ROUND, measure, step=f"round-{len(steps)}")
        if not os.path.isfile(path):
            return steps, False
        more = goes_on(path, os.stat(path).st_mtime_ns)
        steps.append(f"round-{len(steps)}")
    return steps, True


@cache
def may_go_on():
    """Whether this call may measure a round; forced jobs may decide otherwise than what is there.

    If not, measure is made a plain rule: for checkpoints, finished ones too, Snakemake builds much
    of the graph anew.
    """
    asked = workflow.dag_settings
    forced = asked.forceall or asked.forcerun or asked.forcetargets
    closed = all(rounds_there(measure)[1] for measure in RECIPES.nodes["measure"].values())
    rules.measure.rule.is_checkpoint = bool(forced) or not closed
    return rules.measure.rule.is_checkpoint


def closed_rounds(measure):
    """Steps up to the one that says stop; Snakemake comes back here while one is still open.

    Only the last is asked of the checkpoint, which builds the graph anew each time; those before it
    lie behind it as its inputs, and come first when they are made again.
    """
    steps, closed = rounds_there(measure)
    if may_go_on():
        step = steps[-1] if closed else f"round-{len(steps)}"
        checkpoints.measure.get(key=measure.key, step=step)  # raises while it is not made
    return steps


def _steps_before(step):
    last = int(step.removeprefix("round-")) if step.startswith("round-") else 0
    return [f"round-{number}" for number in range(last)]


def earlier_plans(wildcards):
    """Plans of the rounds before, which a new round continues."""
    node = _node("plan", wildcards)
    return [_fill(PLAN, node, step=step) for step in _steps_before(wildcards.step)]


def latest_divergence(wildcards):
    """Regions as measured by the round before; none in round 0 and in the later pools."""
    steps = _steps_before(wildcards.step)
    return _fill(DIVERGENCE, MEASURE_OF[wildcards.key], step=steps[-1]) if steps else []


def so_far(name, pattern, **more):
    """Input function of measure: a file of its input `name` for every round up to its own."""

    def files(wildcards):
        node = _node("measure", wildcards).inputs[name]
        steps = [*_steps_before(wildcards.step), wildcards.step]
        return [_fill(pattern, node, step=step, **more) for step in steps]

    return files


def round_before(pattern):
    """Input function of measure: its own file of the round before; none in round 0."""

    def files(wildcards):
        steps = _steps_before(wildcards.step)
        return _fill(pattern, _node("measure", wildcards), step=steps[-1]) if steps else []

    return files


def of_all_rounds(stage, what):
    """Input function: what every closed round left: `round`, `vectors_<side>`, a `<side>`'s
    generations."""

    def files(wildcards):
        measure = _node(stage, wildcards).ancestor("measure")
        plan = measure.inputs["plan"]
        steps = closed_rounds(measure)
        if what == "round":
            return [_fill(ROUND, measure, step=step) for step in steps]
        if what.startswith("vectors_"):
            side = what.removeprefix("vectors_")
            return [_fill(VECTORS, measure.inputs["embed"], side=side, step=step) for step in steps]
        return [path for step in steps for path in generations(plan, what, step)]

    return files


def of_last_round(stage, pattern):
    """Input function: a file that the last closed round measured."""

    def files(wildcards):
        measure = _node(stage, wildcards).ancestor("measure")
        return _fill(pattern, measure, step=closed_rounds(measure)[-1])

    return files


def ledgers(wildcards):
    """What every job behind a report has spent."""
    root = _node("report", wildcards)
    rounds = closed_rounds(root.ancestor("measure"))
    found = []
    for node in root.ancestors().values():
        if node.stage == "plan":
            pool = node.settings["pool"]
            for step in rounds if pool == "explore" else [pool]:
                found.append(_fill(PLAN.replace(".jsonl", ".ledger.json"), node, step=step))
                for side in SIDES:
                    found += generations(node, side, step, SHARD.replace(".jsonl", ".ledger.json"))
        elif node.stage in ("embed", "measure"):
            pool = node.inputs["plan"].settings["pool"]
            for step in rounds if pool == "explore" else [pool]:
                found.append(_fill("results/{stage}/{key}/{step}/ledger.json", node, step=step))
        elif node.stage not in ("decode", "report"):
            found.append(_fill(LEDGER, node))
    return found
