"""Configuration, keys and paths: everything that the rules look up.

PROVIDES  the table of keys (RECIPES), path patterns and input functions; holds no rule
"""

import os
import socket
import sys
import time
import uuid
from functools import cache
from pathlib import Path
from types import SimpleNamespace as Namespace

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from scripts.workflow.config import ConfigError, load
from scripts.workflow.errors import AuditError
from scripts.workflow.files import read_json
from scripts.workflow.job import MAIN, was_killed
from scripts.workflow.keys import DigestIndex
from scripts.workflow.preflight import (
    check,
    check_key,
    check_rounds,
    check_weights,
    notices,
    take_back,
)
from scripts.workflow.recipes import SIDES, Recipes

BEGAN = time.time()
# One id a call of Snakemake, inherited by its jobs: the ledgers tell by it what this call spent.
CALL = os.environ.setdefault("AUTO_INTERVENTIONS_CALL", f"{BEGAN:.0f}-{uuid.uuid4().hex[:8]}")
# Quiet without a terminal: every progress bar, the libraries' own too, reads this when imported.
if not sys.stderr.isatty():
    os.environ.setdefault("TQDM_DISABLE", "1")

try:
    CONFIG = load(config)
    DIGESTS = DigestIndex(Path(CONFIG.cache) / "digests.json")
    RECIPES = Recipes(CONFIG, Path(workflow.basedir), DIGESTS)
    DIGESTS.save()
    if workflow.is_main_process:
        os.environ[MAIN] = f"{socket.gethostname()}:{os.getpid()}"
        check(RECIPES)
        check_rounds(RECIPES)
        for notice in (*take_back(RECIPES), *notices(RECIPES)):
            logger.warning(notice)
except (AuditError, ConfigError) as error:
    raise WorkflowError(str(error)) from None


onstart:
    # Before the first job, and only for what this call runs: what only looks needs no key.
    try:
        for job in workflow.dag.needrun_jobs():
            if job.rule.name == "report":
                check_key(RECIPES.nodes["report"][job.wildcards.key])
            for path in job.input:
                if path.startswith("results/model/") and path.endswith("model.json"):
                    check_weights(path)
    except AuditError as error:
        raise WorkflowError(str(error)) from None


onsuccess:
    # Once it has a job to run, Snakemake judges nothing behind that job before it has run; and what
    # the job makes anew does not call up jobs that take it as `ancient`. Outputs that are missing
    # further behind are then never judged in that call: it ends well without them.
    asked = {path for job in workflow.dag.targetjobs for path in (*job.output, *job.input)}
    if missing := sorted(path for path in asked if not os.path.exists(path)):
        raise WorkflowError(
            f"`{missing[0]}` is not made yet: what lies behind it was made anew first; "
            "the same call again goes on"
        )


onerror:
    # A job that was killed cannot say what it died of.
    for path in sorted({path for job in workflow.dag.needrun_jobs() for path in job.log}):
        if was_killed(path, BEGAN):
            logger.error(
                f"the job that wrote `{path}` was killed; if nobody did it, it took more memory "
                "than there was: lower `execution.batch_size` and `execution.embed_batch_size`, or "
                "give it more (`mem_mb` in the profile)"
            )


CACHE = CONFIG.cache
SHARDS = CONFIG.execution.shards
# Two torch jobs side by side on one machine are ten times slower each: such a job takes every core.
ALL_CORES = workflow.resource_settings.cores or 1
# ... unless `--resources gpu=N` says that there are devices for N.
GPUS = workflow.global_resources.get("gpu").value or 1
GPU_CORES = max(1, ALL_CORES // GPUS)

MODEL = "results/model/{key}/model.json"
ADAPTER = "results/plant/{key}/plant.json"
BANK = "results/bank/{key}/bank.jsonl"
REGIONS = "results/regions/{key}/regions.json"
PROMPTS = "results/regions/{key}/prompts.jsonl"
PLAN = "results/plan/{key}/{step}.jsonl"
SHARD = "results/decode/{key}/{side}/{plan}/{step}/shard-{shard}-of-{shards}.jsonl"
VECTORS = "results/embed/{key}/{side}/{step}.h5"
ROUND = "results/measure/{key}/{step}/round.json"
DIVERGENCE = "results/measure/{key}/{step}/regions.jsonl"
TEXTS = "results/measure/{key}/{step}/texts.h5"
HYPOTHESES = "results/{stage}/{key}/hypotheses.jsonl"
LEDGER = "results/{stage}/{key}/ledger.json"
USAGE = "results/{stage}/{key}/usage.json"


wildcard_constraints:
    key="[0-9a-f]{16}",
    plan="[0-9a-f]{16}",
    side="base|intervention",
    step=r"round-\d+|screen|confirm|exhaustive",
    part="ladder|null|strategies|rates",
    shard=r"\d+",
    shards=r"\d+",


def _node(stage, wildcards):
    return RECIPES.nodes[stage][wildcards.key]


def _fill(pattern, node, wildcards=None, **more):
    known = dict(wildcards.items()) if wildcards is not None else {}
    return pattern.format(**known | {"stage": node.stage, "key": node.key} | more)


def settings_of(stage):
    """Params: the settings in a stage's key, which are all that its script may read."""
    return lambda wildcards: dict(_node(stage, wildcards).settings)


def local_of(stage):
    """Params: paths and the like, which no key contains."""
    return lambda wildcards: dict(_node(stage, wildcards).local)


def upstream(stage, name, pattern):
    """Input function: the file `pattern` of what `stage` has as input `name`; none if it has none."""

    def files(wildcards):
        node = _node(stage, wildcards).inputs.get(name)
        return [] if node is None else _fill(pattern, node, wildcards)

    return files


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


def plan_of_decode(wildcards):
    """The plan whose draws a decode job takes."""
    return PLAN.format(key=wildcards.plan, step=wildcards.step)


def adapter_of_decode(wildcards):
    """The adapter's description: of a plant, or of a hub or local adapter; none without adapter."""
    node = _node("decode", wildcards).inputs.get("adapter")
    return [] if node is None else _fill(ADAPTER if node.stage == "plant" else MODEL, node)


def bank_of_decode(wildcards):
    """The prompts' texts behind a plan."""
    return _fill(BANK, RECIPES.nodes["plan"][wildcards.plan].ancestor("bank"))


# Rounds: the loop plan -> decode -> embed -> measure, closed by the measure checkpoint.

MEASURE_OF = {node.inputs["plan"].key: node for node in RECIPES.nodes["measure"].values()}


def closed_rounds(measure):
    """Steps up to the one that says stop; Snakemake comes back here while one is still open.

    Only the last is asked of the checkpoint, which builds the graph anew each time; those before it
    lie behind it as its inputs, and come first when they are made again.
    """
    steps = []
    while True:
        steps.append(f"round-{len(steps)}")
        path = _fill(ROUND, measure, step=steps[-1])
        if not (os.path.isfile(path) and goes_on(path, os.stat(path).st_mtime_ns)):
            checkpoints.measure.get(key=measure.key, step=steps[-1])
            if read_json(path)["stop"]:
                return steps


@cache
def goes_on(path, _):
    """Whether another round follows the one that is described there (and was at that time)."""
    return not read_json(path)["stop"]


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
            found += [
                _fill("results/{stage}/{key}/{step}/ledger.json", node, step=s) for s in rounds
            ]
        elif node.stage not in ("decode", "report"):
            found.append(_fill(LEDGER, node))
    return found


def published(name=None):
    """Markers of published audits: a marker's name carries the key of what lies beside it."""
    names = [name] if name else RECIPES.audits
    return [f"results/audits/{name}/.published-{RECIPES.audits[name].key}" for name in names]


def of_ancestor(stage, name, pattern):
    """Input function: a file of the one `name` node that a stage rests on."""

    def files(wildcards):
        return _fill(pattern, _node(stage, wildcards).ancestor(name))

    return files


def usage_of(stage, *names):
    """Input function: what the assistant of earlier stages has used."""

    def files(wildcards):
        node = _node(stage, wildcards)
        return [_fill(USAGE, node.ancestor(name)) for name in names]

    return files


def growing(amount):
    """Resources: an amount that a retried job (profiles alone say `retries:`) gets once more."""
    return lambda wildcards, attempt: amount * attempt


def asks_a_server(stage):
    """Whether a language model answers one of a stage's jobs: such jobs need the network, run for
    hours and compute little, so they stay where Snakemake was called."""
    return any(n.settings["assistant"] != "local" for n in RECIPES.nodes[stage].values())


def served(wildcards):
    """Whether a server decodes a subject: such a job computes nothing itself."""
    return "server" in _node("decode", wildcards).local


def cores_of_decode(wildcards):
    return 1 if served(wildcards) else GPU_CORES


def gpus_of_decode(wildcards):
    return 0 if served(wildcards) else 1


def all_served():
    """Whether servers decode all subjects: such jobs need the network and stay where Snakemake was
    called."""
    return all("server" in node.local for node in RECIPES.nodes["decode"].values())


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


# The benchmark: which files of which audits it reads.


def behaviours_of_benchmark(wildcards):
    """The file of planted behaviours. Raises WorkflowError without a benchmark section."""
    if CONFIG.benchmark is None:
        raise WorkflowError(
            "`benchmark` needs its own configuration: add `--config scale=full` (an hour and a "
            "half on two cores) or `--config scale=small` (a few minutes)"
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


def pool_plans(wildcards):
    """The plans of the screen and confirm pools behind a report."""
    nodes = _node("report", wildcards).ancestors().values()
    later = [n for n in nodes if n.stage == "plan" and n.settings["pool"] != "explore"]
    return [_fill(PLAN, node, step=node.settings["pool"]) for node in later]


def nodes_of_report(wildcards):
    """Params: every node behind a report with its settings, for audit.json and `snakemake why`."""
    nodes = _node("report", wildcards).ancestors().values()
    return [
        {"stage": n.stage, "key": n.key, "settings": dict(n.settings)}
        for n in nodes
        if n.stage != "report"
    ]


def audit_label(wildcards):
    """Label of an audit in `snakemake --report`."""
    return {"audit": _node("report", wildcards).settings["audit"]}


def report_files(name):
    """The files of a report that are published."""
    names = ["audit.json", "rounds.jsonl", "regions.json", "findings.jsonl", "findings.csv",
             "costs.json", "report.html"]  # fmt: skip
    key = RECIPES.audits[name].key
    return [f"results/report/{key}/{file}" for file in names]


def nodes_of_audits(wildcards):
    """Params: each audit's report key and every node behind it, inputs first."""
    return {
        name: {
            "key": report.key,
            "nodes": [
                {
                    "stage": node.stage,
                    "key": node.key,
                    "settings": dict(node.settings),
                    "inputs": {role: [i.stage, i.key] for role, i in node.inputs.items()},
                    "local": dict(node.local),
                }
                for node in report.ancestors().values()
            ],
        }
        for name, report in RECIPES.audits.items()
    }


def configs_of_audits(wildcards):
    """Params: the part of the configuration that each audit reads."""
    return {name: CONFIG.only(name) for name in RECIPES.audits}
