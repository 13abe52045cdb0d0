"""What the benchmark reads of its audits, and what an exhaustive run leaves: input functions."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from scripts.core.vocabulary import SIDES
from scripts.workflow.config import ConfigError
from scripts.workflow.inputs import Files, Inputs
from scripts.workflow.paths import (
    BANK,
    CENTROIDS,
    EXHAUSTIVE,
    LEDGER,
    LEDGER_OF_SHARD,
    LEDGER_OF_STEP,
    MODEL,
    PLAN,
    PROMPTS,
    REGIONS,
    REPORT,
    TRIALS,
    VECTORS,
    Wildcards,
    fill,
)
from scripts.workflow.recipes import Node, Recipes
from scripts.workflow.sections import Benchmark

Tree: TypeAlias = "str | list[str] | Mapping[str, Tree]"
PARTS = ("ladder", "null", "rates", "strategies")


class BenchmarkInputs:
    """Input functions of the benchmark's rules."""

    def __init__(self, recipes: Recipes, inputs: Inputs):
        self._recipes, self._inputs = recipes, inputs

    @property
    def _section(self) -> Benchmark:
        if self._recipes.config.benchmark is None:
            raise ConfigError(
                "`benchmark` needs its own configuration: add `--config scale=full` (70 minutes on "
                "two cores) or `--config scale=small` (a few minutes)"
            )
        return self._recipes.config.benchmark

    def exhaustive_run(self, stage: str) -> Callable[[Wildcards], dict[str, Files]]:
        """Everything that a pair of subjects says, with its bank and regions."""
        return lambda wildcards: self._everything(self._inputs.node(stage, wildcards))

    def embedder_of_rewrite(self, wildcards: Wildcards) -> str:
        """The embedder that the exhaustive run's texts were embedded with."""
        embed = self._inputs.node("rewrite", wildcards).inputs["embed"]
        return fill(MODEL, embed.inputs["embedder"])

    def behaviours(self, wildcards: Wildcards) -> str:
        """The file of planted behaviours. Raises ConfigError without a benchmark section."""
        return self._section.behaviours

    def truths(self, wildcards: Wildcards) -> dict[str, dict[str, list[str]]]:
        """Params: by audit what was planted, and on which topics."""
        return self._section.truths

    def parts(self, wildcards: Wildcards) -> dict[str, str]:
        """The simulated parts."""
        return {part: fill(TRIALS, self._recipes.trials, part=part) for part in PARTS}

    def audits(self, wildcards: Wildcards) -> dict[str, dict[str, Files]]:
        """By audit of real subjects what the benchmark reads of it, and of the exhaustive
        protocol's run where there is one."""
        found = {}
        for name in self._section.audits:
            found[name] = self._audit(self._recipes.audits[name])
            if name in self._section.exhaustive:
                found[name] |= self._exhaustive_protocol(name)
        return found

    def files(self, wildcards: Wildcards) -> list[str]:
        """All of that, as one list."""
        every = [*_leaves(self.parts(wildcards)), *_leaves(self.audits(wildcards))]
        return list(dict.fromkeys(every))

    def _audit(self, report: Node) -> dict[str, Files]:
        inputs, wildcards = self._inputs, {"key": report.key}
        confirm = report.ancestor("confirm")
        screen = confirm.inputs["screen"]
        vectors = (inputs.vectors_of_rounds("report", side)(wildcards) for side in SIDES)
        return {
            "audit": fill(REPORT, report, file="audit.json"),
            "costs": fill(REPORT, report, file="costs.json"),
            "findings": fill(REPORT, report, file="findings.jsonl"),
            "regions": fill(REGIONS, report.ancestor("regions")),
            "prompts": fill(PROMPTS, report.ancestor("regions")),
            "screened": f"results/screen/{screen.key}/screened.jsonl",
            "screen": fill(PLAN, screen.inputs["plan"], step="screen"),
            "confirm": fill(PLAN, confirm.inputs["plan"], step="confirm"),
            "active_ledgers": inputs.ledgers(wildcards),
            "active_vectors": [path for side in vectors for path in side],
        }

    def _exhaustive_protocol(self, name: str) -> dict[str, Files]:
        labelled, embed = self._recipes.labelled[name], self._recipes.exhaustive[name]
        plan, step = embed.inputs["plan"], "exhaustive"
        spent = (self._inputs.generations(plan, side, step, LEDGER_OF_SHARD) for side in SIDES)
        return {
            **self._everything(labelled),
            "exhaustive": fill(EXHAUSTIVE, labelled),
            "centroids": fill(CENTROIDS, labelled),
            "ledgers": [
                *(path for side in spent for path in side),
                fill(LEDGER_OF_STEP, embed, step=step),
                fill(LEDGER, labelled),
            ],
        }

    def _everything(self, node: Node) -> dict[str, Files]:
        embed, step = node.inputs["embed"], "exhaustive"
        plan = embed.inputs["plan"]
        found: dict[str, Files] = {
            "bank": fill(BANK, plan.ancestor("bank")),
            "regions": fill(REGIONS, plan.inputs["regions"]),
            "prompts": fill(PROMPTS, plan.inputs["regions"]),
        }
        for side in SIDES:
            found[side] = self._inputs.generations(plan, side, step)
            found[f"vectors_{side}"] = fill(VECTORS, embed, side=side, step=step)
        return found


def _leaves(tree: "Tree") -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    else:
        for part in tree.values() if isinstance(tree, Mapping) else tree:
            yield from _leaves(part)
