"""What rules give their scripts beside files, and what their jobs take of a machine."""

from collections.abc import Callable, Iterable

from scripts.assistants.roles import LOCAL
from scripts.core.errors import AuditError
from scripts.core.files import JsonObject
from scripts.workflow.described import Audits, DescribedNode
from scripts.workflow.inputs import asked_often
from scripts.workflow.paths import REPORT, REPORTED, Wildcards, fill
from scripts.workflow.recipes import Node, Recipes

ParamsFunction = Callable[[Wildcards], JsonObject]
# What more decode is given is for the kind of subject to say (scripts/workflow/kinds/).
OF_ITS_KIND = ("*",)


class Parameters:
    """Params and resources of the rules, for the nodes of a configuration."""

    def __init__(self, recipes: Recipes, cores: int, gpus: int, devices: int = 1):
        self._recipes, self._nodes = recipes, recipes.nodes
        # Two torch jobs side by side on one machine are ten times slower each: such a job takes
        # every core, unless `--resources gpu=N` says that there are devices for N.
        self.cores, self.gpu_cores = cores, max(1, cores // gpus)
        # A shard of a subject may have several devices, and as many times the cores.
        self.devices, self.shard_cores = devices, min(cores, self.gpu_cores * devices)

    def node(self, stage: str, wildcards: Wildcards) -> Node:
        return self._nodes[stage][wildcards["key"]]

    # Params

    def settings_of(self, stage: str, *names: str, optional: Iterable[str] = ()) -> ParamsFunction:
        """The settings that a stage's key hashes, as its rule names them; `optional` ones are those
        that not every configuration gives.

        Raises AuditError where the recipe gives others: a rule says all that its script may read.
        """
        for node in self._nodes[stage].values():
            require_settings(node, names, optional)
        return asked_often(lambda wildcards: dict(self.node(stage, wildcards).settings))

    def local_of(self, stage: str) -> ParamsFunction:
        """Paths and the like, which no key contains."""
        return asked_often(lambda wildcards: dict(self.node(stage, wildcards).local))

    def sides_of_contrast(self, wildcards: Wildcards) -> JsonObject:
        """Each side's settings in decode, and what no key contains."""
        node = self.node("contrast", wildcards)
        return {
            side: {"settings": dict(subject.settings), "local": dict(subject.local)}
            for side, subject in node.inputs.items()
            if subject.stage == "decode"
        }

    def nodes_of_report(self, wildcards: Wildcards) -> list[JsonObject]:
        """Every node behind a report with its settings, for audit.json and `snakemake why`."""
        nodes = self.node("report", wildcards).ancestors().values()
        return [
            {"stage": n.stage, "key": n.key, "settings": dict(n.settings)}
            for n in nodes
            if n.stage != "report"
        ]

    def audit_label(self, wildcards: Wildcards) -> dict[str, str]:
        """Label of an audit in `snakemake --report`."""
        return {"audit": self.node("report", wildcards).settings["audit"]}

    def report_files(self, name: str) -> list[str]:
        """The files of a report that are published."""
        return [fill(REPORT, self._recipes.audits[name], file=file) for file in REPORTED]

    def nodes_of_audits(self, wildcards: Wildcards) -> Audits:
        """Each audit's report key and every node behind it, inputs first."""
        return {
            name: {"key": report.key, "nodes": [_described(n) for n in report.ancestors().values()]}
            for name, report in self._recipes.audits.items()
        }

    def configs_of_audits(self, wildcards: Wildcards) -> dict[str, JsonObject]:
        """The part of the configuration that each audit reads."""
        return {name: self._recipes.config.only(name) for name in self._recipes.audits}

    # Resources

    def asks_a_server(self, stage: str) -> bool:
        """Whether a language model answers one of a stage's jobs at an address: such jobs need the
        network, run for hours and compute little, so they stay where Snakemake was called, unless
        one of them starts a server."""
        nodes = self._nodes[stage].values()
        asked = any(n.settings["assistant"] != LOCAL for n in nodes)
        return asked and not any(map(_serves, nodes))

    def cores_of_roles(self, stage: str) -> Callable[[Wildcards], int]:
        """Cores of a stage that may start servers for an assistant's roles."""
        return asked_often(
            lambda wildcards: self.shard_cores if _serves(self.node(stage, wildcards)) else 1
        )

    def gpus_of_roles(self, stage: str) -> Callable[[Wildcards], int]:
        """Devices of such a stage."""
        return asked_often(
            lambda wildcards: self.devices if _serves(self.node(stage, wildcards)) else 0
        )

    def growing_of_roles(
        self, stage: str, plain: int, serving: int
    ) -> Callable[[Wildcards, int], int]:
        """As `growing`, of such a stage: what a job needs that starts no server, and one that
        does."""

        def amount(wildcards: Wildcards, attempt: int) -> int:
            return attempt * (serving if _serves(self.node(stage, wildcards)) else plain)

        return amount

    def no_decode_loads_a_model(self) -> bool:
        """Whether decode jobs need the network, or nothing, and stay where Snakemake was called."""
        return not any("model" in node.inputs for node in self._nodes["decode"].values())

    @asked_often
    def cores_of_decode(self, wildcards: Wildcards) -> int:
        return self.shard_cores if self._loads_a_model(wildcards) else 1

    @asked_often
    def gpus_of_decode(self, wildcards: Wildcards) -> int:
        return self.devices if self._loads_a_model(wildcards) else 0

    def _loads_a_model(self, wildcards: Wildcards) -> bool:
        return "model" in self.node("decode", wildcards).inputs


def growing(amount: int) -> Callable[[Wildcards, int], int]:
    """Resources: an amount that a retried job (profiles alone say `retries:`) gets once more."""
    return lambda wildcards, attempt: amount * attempt


def require_settings(node: Node, names: Iterable[str], optional: Iterable[str] = ()) -> None:
    """Raise AuditError unless a node has the settings that its rule names, and no others."""
    always, given = set(names), set(node.settings)
    unnamed, missing = sorted(given - always - set(optional)), sorted(always - given)
    if optional == OF_ITS_KIND:
        unnamed = []
    if unnamed or missing:
        wrong = f"does not name `{unnamed[0]}`" if unnamed else f"names `{missing[0]}`"
        truth = "the recipe gives" if unnamed else "the recipe does not give"
        raise AuditError(
            f"the rule `{node.stage}` {wrong} among its settings, which {truth}; "
            "make rules/ and scripts/workflow/ agree"
        )


def _serves(node: Node) -> bool:
    """Whether a job of a node starts a server for one of its roles."""
    return any(name.startswith("served") for name in node.inputs)


def _described(node: Node) -> DescribedNode:
    return {
        "stage": node.stage,
        "key": node.key,
        "settings": dict(node.settings),
        "inputs": {role: [made.stage, made.key] for role, made in node.inputs.items()},
        "local": dict(node.local),
    }
