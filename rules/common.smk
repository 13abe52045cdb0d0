"""Configuration, keys and paths: everything that the rules look up.

PROVIDES  the table of keys (RECIPES), path patterns and input functions; holds no rule
"""

import gc
import inspect
import os
import socket
import sys
import time
import uuid
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from scripts.models.host import HOSTS
from scripts.workflow.config import load
from scripts.core.errors import AuditError
from scripts.core.job import MAIN, was_killed
from scripts.workflow.keys import DigestIndex
from scripts.workflow.preflight import (
    check,
    check_key,
    check_rounds,
    check_weights,
    emulated,
    notices,
    take_back,
)
from scripts.workflow.recipes import SIDES, Recipes

# The graph of jobs is many objects and no garbage: looking for it took a fifth of a call.
gc.freeze()
gc.set_threshold(100_000)

BEGAN = time.time()
# One id a call of Snakemake, inherited by its jobs: the ledgers tell by it what this call spent.
CALL = os.environ.setdefault("AUTO_INTERVENTIONS_CALL", f"{BEGAN:.0f}-{uuid.uuid4().hex[:8]}")
# Every progress bar, the libraries' own too, reads this when imported: bars would tear the display.
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
except AuditError as error:
    raise WorkflowError(str(error)) from None


onstart:
    # Before the first job, and only for what this call runs: what only looks needs no key.
    if workflow.local_exec:  # other nodes have other processors
        for notice in emulated(RECIPES):
            logger.warning(notice)
    try:
        for job in workflow.dag.needrun_jobs():
            if job.rule.name == "report":
                check_key(RECIPES.nodes["report"][job.wildcards.key])
            for path in job.input:
                if path.startswith("results/model/") and path.endswith("model.json"):
                    check_weights(path)
    except AuditError as error:
        raise WorkflowError(str(error)) from None
    if workflow.is_main_process:
        from scripts.workflow.watch import show

        show(workflow, nodes_of_audits(None), Path(CACHE), BEGAN)


onsuccess:
    from scripts.workflow.watch import hide

    hide()
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
    from scripts.workflow.watch import hide

    hide()
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
# Jobs of this machine find models loaded (scripts/models/host.py), those of other nodes load them.
if workflow.is_main_process:
    os.environ[HOSTS] = str(GPUS if CONFIG.execution.keep_models else 0)
elif workflow.remote_exec:  # in a job of another node; the main process knows no executor yet
    os.environ[HOSTS] = "0"

MODEL = "results/model/{key}/model.json"
ADAPTER = "results/plant/{key}/plant.json"
RESPONSES = "results/responses/{key}/responses.jsonl"
ANSWERED = "results/responses/{key}/prompts.jsonl"
COUNTED = "results/responses/{key}/report.json"
BANK = "results/bank/{key}/bank.jsonl"
REGIONS = "results/regions/{key}/regions.json"
PROMPTS = "results/regions/{key}/prompts.jsonl"
PLAN = "results/plan/{key}/{step}.jsonl"
SHARD = "results/decode/{key}/{side}/{plan}/{step}/shard-{shard}-of-{shards}.jsonl"
VECTORS = "results/embed/{key}/{side}/{step}.h5"
ROUND = "results/measure/{key}/{step}/round.json"
DIVERGENCE = "results/measure/{key}/{step}/regions.jsonl"
TEXTS = "results/measure/{key}/{step}/texts.h5"
SPACE = "results/measure/{key}/{step}/space.h5"
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


def asked_often(function):
    """A function whose signature is at hand: Snakemake looks it up two or three times a job."""
    function.__signature__ = inspect.signature(function)
    return function


def settings_of(stage):
    """Params: the settings in a stage's key, which are all that its script may read."""
    return asked_often(lambda wildcards: dict(_node(stage, wildcards).settings))


def local_of(stage):
    """Params: paths and the like, which no key contains."""
    return asked_often(lambda wildcards: dict(_node(stage, wildcards).local))


def upstream(stage, name, pattern):
    """Input function: the file `pattern` of what `stage` has as input `name`; none if it has none."""

    def files(wildcards):
        node = _node(stage, wildcards).inputs.get(name)
        return [] if node is None else _fill(pattern, node, wildcards)

    return files


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


def loads_a_model(wildcards):
    """Whether a decode job computes itself; otherwise a server or a file has the texts."""
    return "model" in _node("decode", wildcards).inputs


def cores_of_decode(wildcards):
    return GPU_CORES if loads_a_model(wildcards) else 1


def gpus_of_decode(wildcards):
    return 1 if loads_a_model(wildcards) else 0


def no_decode_loads_a_model():
    """Such jobs need the network, or nothing, and stay where Snakemake was called."""
    return not any("model" in node.inputs for node in RECIPES.nodes["decode"].values())


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
             "judgements.jsonl", "behaviours.json", "separability.json", "costs.json",
             "report.html"]  # fmt: skip
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
