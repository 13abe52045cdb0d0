"""Where files lie: a pattern a kind of output, whose `{key}` is that of the node that makes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.core.version import ROOT

if TYPE_CHECKING:
    from scripts.workflow.recipes import Node

RESULTS = Path("results")
MODEL = "results/model/{key}/model.json"
ADAPTER = "results/plant/{key}/plant.json"
RESPONSES = "results/responses/{key}/responses.jsonl"
ANSWERED = "results/responses/{key}/prompts.jsonl"
COUNTED = "results/responses/{key}/report.json"
AUTHORED = "results/write/{key}/prompts.jsonl"
AUTHORED_REPORT = "results/write/{key}/written.json"
BANK = "results/bank/{key}/bank.jsonl"
REGIONS = "results/regions/{key}/regions.json"
PROMPTS = "results/regions/{key}/prompts.jsonl"
PROBES = "results/probe/{key}/probes.jsonl"
WRITTEN = "results/probe/{key}/prompts.jsonl"
CONTRAST = "results/contrast/{key}/contrast.json"
PLAN = "results/plan/{key}/{step}.jsonl"
SHARD = "results/decode/{key}/{side}/{plan}/{step}/shard-{shard}-of-{shards}.jsonl"
VECTORS = "results/embed/{key}/{side}/{step}.h5"
ROUND = "results/measure/{key}/{step}/round.json"
DIVERGENCE = "results/measure/{key}/{step}/regions.jsonl"
TEXTS = "results/measure/{key}/{step}/texts.h5"
SPACE = "results/measure/{key}/{step}/space.h5"
HYPOTHESES = "results/{stage}/{key}/hypotheses.jsonl"
WRITING = "results/{stage}/{key}/writing.json"
INTERACTIONS = "results/{stage}/{key}/interactions.jsonl"
CALIBRATION = "results/{stage}/{key}/calibration.json"
USAGE = "results/{stage}/{key}/usage.json"
REPORT = "results/report/{key}/{file}"
TRIALS = "results/trials/{key}/{part}.json"
EXHAUSTIVE = "results/exhaustive/{key}/exhaustive.json"
CENTROIDS = "results/exhaustive/{key}/centroids.h5"
# What a job has spent lies beside what it made.
LEDGER = "results/{stage}/{key}/ledger.json"
LEDGER_OF_STEP = "results/{stage}/{key}/{step}/ledger.json"
LEDGER_OF_PLAN = "results/plan/{key}/{step}.ledger.json"
LEDGER_OF_SHARD = SHARD.removesuffix(".jsonl") + ".ledger.json"

REPORTED = (
    "audit.json", "rounds.jsonl", "regions.json", "findings.jsonl", "findings.csv",
    "judgements.jsonl", "interactions.jsonl", "behaviours.json", "separability.json",
    "panel.json", "costs.json", "report.html",
)  # fmt: skip

Wildcards = Mapping[str, str]


def fill(pattern: str, node: "Node", wildcards: Wildcards | None = None, **more: object) -> str:
    """The path that a pattern gives for a node, with what else stands in its braces."""
    known = dict(wildcards.items()) if wildcards is not None else {}
    return pattern.format(**{**known, "stage": node.stage, "key": node.key, **more})


def steps_before(step: str) -> list[str]:
    """The rounds before a round; none before the later pools."""
    last = int(step.removeprefix("round-")) if step.startswith("round-") else 0
    return [f"round-{number}" for number in range(last)]


def here_or_shipped(path: str) -> str:
    """A path from the configuration: below the working directory, or, where nothing lies there, as
    it was shipped with the workflow, which may lie elsewhere."""
    shipped = ROOT / path
    return path if Path(path).exists() or not shipped.exists() else str(shipped)
