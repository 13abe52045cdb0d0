"""Which files a job reads: input functions, from the wildcards of a job's outputs to paths."""

import inspect
from collections.abc import Callable
from typing import TypeVar

from scripts.core.vocabulary import SIDES
from scripts.workflow.paths import (
    ADAPTER,
    BANK,
    CONTRAST,
    DIVERGENCE,
    LEDGER,
    LEDGER_OF_PLAN,
    LEDGER_OF_SHARD,
    LEDGER_OF_STEP,
    MODEL,
    PLAN,
    PROMPTS,
    RESPONSES,
    ROUND,
    SHARD,
    USAGE,
    VECTORS,
    WRITTEN,
    Wildcards,
    fill,
    steps_before,
)
from scripts.workflow.recipes import Node, Recipes
from scripts.workflow.rounds import Rounds

Files = str | list[str]
InputFunction = Callable[[Wildcards], Files]
F = TypeVar("F", bound=Callable)


def asked_often(function: F) -> F:
    """A function whose signature is at hand: Snakemake looks it up two or three times a job."""
    function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return function


def loaded_files(subject: Node) -> tuple[Files, Files]:
    """What describes a decode node's model and its adapters, in the order in which these are
    applied; none where it has none."""
    model = subject.inputs.get("model")
    adapters = [
        fill(ADAPTER if node.stage == "plant" else MODEL, node)
        for role, node in subject.inputs.items()
        if role.startswith("adapter")
    ]
    return fill(MODEL, model) if model else [], adapters


class Inputs:
    """Input functions of the rules, for the nodes of a configuration.

    Methods that take a stage make an input function of its rule; those that take wildcards are
    one.
    """

    def __init__(self, recipes: Recipes, shards: int, rounds: Rounds):
        self._nodes, self._shards, self._rounds = recipes.nodes, shards, rounds
        self._contrasts = recipes.contrasts
        loops = recipes.nodes["measure"].values()
        self._measure_of = {node.inputs["plan"].key: node for node in loops}

    def node(self, stage: str, wildcards: Wildcards) -> Node:
        return self._nodes[stage][wildcards["key"]]

    # What a node is made from

    def upstream(self, stage: str, name: str, pattern: str) -> InputFunction:
        """The file `pattern` of what `stage` has as input `name`; none if it has none."""

        def files(wildcards: Wildcards) -> Files:
            node = self.node(stage, wildcards).inputs.get(name)
            return [] if node is None else fill(pattern, node, wildcards)

        return files

    def of_ancestor(self, stage: str, name: str, pattern: str) -> InputFunction:
        """A file of the one `name` node that a stage rests on."""

        def files(wildcards: Wildcards) -> Files:
            return fill(pattern, self.node(stage, wildcards).ancestor(name))

        return files

    def upstreams(self, stage: str, names: str, pattern: str) -> InputFunction:
        """The file `pattern` of each input that `stage` has whose name begins so."""

        def files(wildcards: Wildcards) -> Files:
            inputs = self.node(stage, wildcards).inputs
            return [fill(pattern, node) for name, node in inputs.items() if name.startswith(names)]

        return files

    def models_of_servers(self, stage: str) -> InputFunction:
        """What describes the models that a stage's jobs serve for an assistant's roles."""
        return self.upstreams(stage, "served", MODEL)

    def of_ancestors(self, stage: str, pattern: str, *names: str) -> InputFunction:
        """A file of each of these nodes that a stage rests on, of those that there are."""

        def files(wildcards: Wildcards) -> Files:
            behind = self.node(stage, wildcards).ancestors().values()
            return [fill(pattern, node) for node in behind if node.stage in names]

        return files

    def usage_of(self, stage: str, *names: str) -> InputFunction:
        """What the assistant of earlier stages has used."""
        return self.of_ancestors(stage, USAGE, *names)

    # Generations: a decode node, a plan and a step name them; the plan is a path below the key.

    def generations(self, plan: Node, side: str, step: str, pattern: str = SHARD) -> list[str]:
        """All shards of a step's generations of one side."""
        node, shards = plan.inputs[side], self._shards
        return [
            fill(pattern, node, side=side, plan=plan.key, step=step, shard=shard, shards=shards)
            for shard in range(shards)
        ]

    def generations_of(self, stage: str, side: str) -> InputFunction:
        """One side's generations of the step or pool that `stage` works on."""

        def files(wildcards: Wildcards) -> Files:
            plan = self.node(stage, wildcards).inputs["plan"]
            step = wildcards.get("step") or plan.settings["pool"]
            return self.generations(plan, side, step)

        return files

    def generations_of_probes(self, side: str) -> InputFunction:
        """Of confirm: one side's generations of prompts written for hypotheses."""

        def files(wildcards: Wildcards) -> Files:
            plan = self.node("confirm", wildcards).inputs.get("probed")
            return self.generations(plan, side, "probe") if plan else []

        return files

    def generations_of_confirm(self, side: str) -> InputFunction:
        """Of report: one side's generations of the confirm pool and of written prompts, where the
        audit has a plant whose recovery is told."""

        def files(wildcards: Wildcards) -> Files:
            report = self.node("report", wildcards)
            if not report.local["plants"]:
                return []
            inputs = report.inputs["confirm"].inputs
            plans = [inputs[name] for name in ("plan", "probed") if name in inputs]
            return [f for p in plans for f in self.generations(p, side, p.settings["pool"])]

        return files

    def vectors_of(self, stage: str, side: str) -> InputFunction:
        """One side's embeddings of the pool that `stage` works on."""

        def files(wildcards: Wildcards) -> Files:
            embed = self.node(stage, wildcards).inputs["embed"]
            return fill(VECTORS, embed, side=side, step=embed.inputs["plan"].settings["pool"])

        return files

    @asked_often
    def of_decode(self, wildcards: Wildcards) -> dict[str, Files]:
        """Files by name: plan and bank, and the subject's model and adapter or its recorded
        responses, where it has them.

        `plant` describes an adapter: of a plant, or of a hub or local adapter.
        """
        node, plan = self.node("decode", wildcards), self._nodes["plan"][wildcards["plan"]]
        recorded = node.inputs.get("responses")
        model, adapter = loaded_files(node)
        return {
            "plan": fill(PLAN, plan, wildcards),
            "bank": self._prompts_of(plan),
            "model": model,
            "responses": fill(RESPONSES, recorded) if recorded else [],
            "plant": adapter,
        }

    def _prompts_of(self, plan: Node) -> str:
        """The prompts that a plan draws from: those written for hypotheses, else the bank."""
        written = plan.inputs.get("probes")
        return fill(WRITTEN, written) if written else fill(BANK, plan.ancestor("bank"))

    def of_contrast(self, wildcards: Wildcards) -> dict[str, Files]:
        """Files by name: explore prompts, and each side's model and adapter, where it has them."""
        node = self.node("contrast", wildcards)
        files: dict[str, Files] = {
            "prompts": fill(PROMPTS, node.inputs["regions"]),
            "bank": fill(BANK, node.inputs["bank"]),
        }
        for side in SIDES:
            files[f"{side}_model"], files[f"{side}_adapter"] = loaded_files(node.inputs[side])
        return files

    # Inside the loop

    def before_first_round(self, wildcards: Wildcards) -> Files:
        """What says whether the intervention does anything, which the first round waits for."""
        contrast = self._contrasts.get(wildcards["key"])
        return fill(CONTRAST, contrast) if contrast and wildcards["step"] == "round-0" else []

    def earlier_plans(self, wildcards: Wildcards) -> list[str]:
        """Plans of the rounds before, which a new round continues."""
        node = self.node("plan", wildcards)
        return [fill(PLAN, node, step=step) for step in steps_before(wildcards["step"])]

    def latest_divergence(self, wildcards: Wildcards) -> Files:
        """Regions as measured by the round before; none in round 0 and in the later pools."""
        steps = steps_before(wildcards["step"])
        if not steps:
            return []
        return fill(DIVERGENCE, self._measure_of[wildcards["key"]], step=steps[-1])

    def of_rounds_up_to_its_own(
        self, name: str, pattern: str, side: str | None = None
    ) -> InputFunction:
        """Of measure: a file of its input `name` for every round up to its own."""

        def files(wildcards: Wildcards) -> Files:
            node, step = self.node("measure", wildcards).inputs[name], wildcards["step"]
            return [fill(pattern, node, step=s, side=side) for s in (*steps_before(step), step)]

        return files

    def of_round_before(self, pattern: str) -> InputFunction:
        """Of measure: its own file of the round before; none in round 0."""

        def files(wildcards: Wildcards) -> Files:
            steps, node = steps_before(wildcards["step"]), self.node("measure", wildcards)
            return fill(pattern, node, step=steps[-1]) if steps else []

        return files

    # After the loop

    def round_files(self, stage: str) -> InputFunction:
        """What every closed round decided."""

        def files(wildcards: Wildcards) -> Files:
            measure, steps = self._loop(stage, wildcards)
            return [fill(ROUND, measure, step=step) for step in steps]

        return files

    def vectors_of_rounds(self, stage: str, side: str) -> InputFunction:
        """One side's embeddings of every closed round."""

        def files(wildcards: Wildcards) -> Files:
            measure, steps = self._loop(stage, wildcards)
            return [fill(VECTORS, measure.inputs["embed"], side=side, step=step) for step in steps]

        return files

    def generations_of_rounds(self, stage: str, side: str) -> InputFunction:
        """One side's generations of every closed round."""

        def files(wildcards: Wildcards) -> Files:
            measure, steps = self._loop(stage, wildcards)
            plan = measure.inputs["plan"]
            return [path for step in steps for path in self.generations(plan, side, step)]

        return files

    def of_last_round(self, stage: str, pattern: str) -> InputFunction:
        """A file that the last closed round measured."""

        def files(wildcards: Wildcards) -> Files:
            measure, steps = self._loop(stage, wildcards)
            return fill(pattern, measure, step=steps[-1])

        return files

    def _loop(self, stage: str, wildcards: Wildcards) -> tuple[Node, list[str]]:
        measure = self.node(stage, wildcards).ancestor("measure")
        return measure, self._rounds.closed(measure)

    # Of the report

    def pool_plans(self, wildcards: Wildcards) -> list[str]:
        """The plans of the screen and confirm pools behind a report."""
        nodes = self.node("report", wildcards).ancestors().values()
        later = [n for n in nodes if n.stage == "plan" and n.settings["pool"] != "explore"]
        return [fill(PLAN, node, step=node.settings["pool"]) for node in later]

    def ledgers(self, wildcards: Wildcards) -> list[str]:
        """What every job behind a report has spent."""
        root, found = self.node("report", wildcards), []
        rounds = self._rounds.closed(root.ancestor("measure"))
        for node in root.ancestors().values():
            if node.stage == "plan":
                for step in _steps(node, rounds):
                    found.append(fill(LEDGER_OF_PLAN, node, step=step))
                    for side in SIDES:
                        found += self.generations(node, side, step, LEDGER_OF_SHARD)
            elif node.stage in ("embed", "measure"):
                for step in _steps(node.inputs["plan"], rounds):
                    found.append(fill(LEDGER_OF_STEP, node, step=step))
            elif node.stage not in ("decode", "report"):
                found.append(fill(LEDGER, node))
        return found


def _steps(plan: Node, rounds: list[str]) -> list[str]:
    pool = plan.settings["pool"]
    return rounds if pool == "explore" else [pool]
