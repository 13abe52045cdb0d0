"""The table of keys: for every stage, what each key is made from.

`Recipes(config, root)` resolves the configuration into nodes. A node's key hashes its settings, the
keys of its inputs and its stage's code; `local` holds what a script needs but a key must not see
(paths). Audits that agree on a stage get the same node, hence share its outputs.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from scripts.core.digests import KEY_LENGTH, digest
from scripts.core.files import JsonObject
from scripts.core.settings import Given
from scripts.core.vocabulary import SIDES
from scripts.models.hub import repository_and_file
from scripts.workflow.audit_recipe import AuditRecipe
from scripts.workflow.catalog import CONVERSION_VERSION, EMBEDDED
from scripts.workflow.config import Config, ConfigError
from scripts.workflow.keys import DigestIndex, code_digest
from scripts.workflow.kinds.kind import Identity
from scripts.workflow.sections import Benchmark, Plant
from scripts.workflow.subject_sections import ChatTemplate, Subject

LABELLED = ("scripts/checks/refusal.json", "scripts/checks/quality.json")
# Stages in the order of the data flow, and the files beside Python code that each one's output
# depends on. The benchmark's have their scripts with the benchmark.
STAGES: dict[str, tuple[str, ...]] = {
    "model": (),
    "plant": (),
    "responses": LABELLED[:1],
    "write": (),
    "bank": (),
    "regions": (),
    "contrast": (),
    "plan": (),
    "decode": (),
    "embed": (),
    "measure": LABELLED,
    "propose": LABELLED,
    "screen": LABELLED,
    "probe": LABELLED,
    "confirm": LABELLED,
    "exhaustive": LABELLED,
    "rewrite": (),
    "trials": LABELLED,
    "report": (*LABELLED, "scripts/page/page.html.j2", "scripts/page/page.css"),
}
UNCONVERTED = "unconverted"  # of a GGUF file: as a server of its own loads it
OF_BENCHMARK = ("exhaustive", "rewrite", "trials")


def script_of(stage: str) -> str:
    """The script of a stage, below the workflow's root."""
    return f"scripts/{'benchmark/' if stage in OF_BENCHMARK else ''}{stage}.py"


@dataclass(frozen=True)
class Node:
    """One stage with one set of settings and inputs."""

    stage: str
    key: str
    settings: Given
    inputs: Mapping[str, "Node"] = field(default_factory=dict)
    local: Given = field(default_factory=dict)

    def ancestors(self) -> Mapping[tuple[str, str], "Node"]:
        """This node and everything it is made from, by (stage, key), inputs first."""
        return self._ancestors

    @cached_property
    def _ancestors(self) -> dict[tuple[str, str], "Node"]:
        found: dict[tuple[str, str], Node] = {}
        for node in self.inputs.values():
            found |= node.ancestors()
        found[self.stage, self.key] = self
        return found

    def ancestor(self, stage: str) -> "Node":
        """The one node of a stage that this node is made from."""
        (found,) = [node for (name, _), node in self.ancestors().items() if name == stage]
        return found


class Recipes:
    """All nodes of a configuration.

    `nodes[stage][key]` is the table, `audits[name]` the report node of an audit.
    Raises ConfigError where an external file or model cannot be found.
    """

    def __init__(self, config: Config, root: Path, digests: DigestIndex):
        self.config, self.root, self.digests = config, Path(root), digests
        self.nodes: dict[str, dict[str, Node]] = defaultdict(dict)
        self.code = {
            stage: code_digest(digests, self.root, script_of(stage), extra)
            for stage, extra in STAGES.items()
        }
        # Of explore plans by their keys: the first round waits for it, whose key it is not in.
        self.contrasts: dict[str, Node] = {}
        self.audits = {
            name: AuditRecipe(self, name, audit).report for name, audit in config.audits.items()
        }
        # audit -> everything that its subjects say, for the benchmark
        self.exhaustive: dict[str, Node] = {}
        if config.benchmark is not None:
            bench = config.benchmark
            self.exhaustive = {
                name: self._exhaustive(name, bench.samples)
                for name in dict.fromkeys([bench.suite, *bench.exhaustive])
            }
            self.labelled = {name: self._labelled(name) for name in bench.exhaustive}
            self.trials = self._trials(bench)

    def node(
        self,
        stage: str,
        settings: Given,
        inputs: Mapping[str, Node] | None = None,
        local: Given | None = None,
        identity: object = None,
    ) -> Node:
        inputs = inputs or {}
        key = digest(
            stage,
            settings,
            {name: node.key for name, node in inputs.items()},
            identity,
            self.code[stage],
        )[:KEY_LENGTH]
        node = Node(stage, key, settings, inputs, local or {})
        return self.nodes[stage].setdefault(key, node)

    def model(
        self, where: str, name: str, revision: str | None, allowed: Iterable[str] = ()
    ) -> tuple[Node, Identity]:
        """The node that provides a model's files, and the identity of its content. allowed: what
        is fetched beside what runs no code: `code`, `pickled_weights`; or that a GGUF file is
        wanted as it is: `unconverted`."""
        as_it_is: Identity = {UNCONVERTED: True} if UNCONVERTED in allowed else {}
        converted: Identity = as_it_is or {"conversion": CONVERSION_VERSION}
        if name.startswith("embedded:"):
            if name not in EMBEDDED:
                raise ConfigError(
                    f"`{where}` names `{name}`; embedded models: {', '.join(EMBEDDED)}"
                )
            pin = EMBEDDED[name]
            identity: Identity = {"wheel": pin["wheel"], **converted}
            return self.node("model", {"embedded": name, **pin, **as_it_is}), identity
        if revision is not None:
            hub, file = repository_and_file(name)
            settings: Identity = {"hub": hub, "revision": revision}
            if file is not None:
                settings |= {"gguf_file": file, **converted}
                return self.node("model", settings), settings
            return self.node("model", settings | dict.fromkeys(allowed, True)), settings
        if name.endswith(".gguf") and Path(name).is_file():
            identity = {"gguf": self.digests.file(name), **converted}
            return self.node("model", identity, local={"path": name}), identity
        if Path(name).is_dir():
            identity = {"directory": self.digests.directory(name)}
            return self.node("model", identity, local={"path": name}), identity
        if name.startswith((".", "/", "~")) or name.count("/") != 1:
            raise ConfigError(
                f"`{where}`: there is no model directory or GGUF file `{name}`; correct the "
                "path, or give the `revision` of a file on the hub"
            )
        raise ConfigError(
            f"`{where}`: `{name}` is no local directory, and a hub id needs `revision`, "
            "the commit, branch or tag that you mean"
        )

    def plant(self, name: str) -> Node:
        plant: Plant = self.config.plants[name]
        if not Path(plant.file).is_file():
            raise ConfigError(f"`plants.{name}.file`: there is no file `{plant.file}`")
        base = self.config.subjects[plant.base]
        assert base.model is not None, "the configuration has checked it"
        model, identity = self.model(
            f"subjects.{plant.base}.model", base.model, base.revision, base.allowed
        )
        return self.node(
            "plant",
            plant.model_dump(exclude={"file", "base"})
            | {"base": self.formatting(f"subjects.{plant.base}", base) | {"identity": identity}},
            {"model": model},
            {"file": plant.file},
            identity=self.digests.file(plant.file),
        )

    def formatting(self, where: str, subject: Subject) -> JsonObject:
        """What of a subject's own fields decides its texts; a template file counts by content."""
        always = {
            "dtype", "system_prompt", "response_prefix", "chat_template", "trust_remote_code",
        }  # fmt: skip
        later = {
            "quantization", "log_probabilities", "prompt_template", "reasoning", "thinking",
            "pickled_weights", "tokenizer",
        }  # fmt: skip
        settings = subject.keyed(always, later)
        if isinstance(template := subject.chat_template, ChatTemplate):
            text = template.file and _template(f"{where}.chat_template.file", template.file)
            settings["chat_template"] = {"text": text, "arguments": template.arguments}
        return settings

    def _exhaustive(self, name: str, samples: int) -> Node:
        """The embeddings of everything that an audit's subjects say: all prompts, all samples."""
        measure = self.audits[name].ancestor("measure")
        active, embed = measure.inputs["plan"], measure.inputs["embed"]
        settings = {"pool": "exhaustive", "samples": samples}
        plan = self.node("plan", settings, dict(active.inputs))
        return self.node("embed", embed.settings, {**embed.inputs, "plan": plan})

    def _labelled(self, name: str) -> Node:
        """The exhaustive protocol's labels and clusters of an audit's subjects."""
        audit, embed = self.config.audits[name], self.exhaustive[name]
        measure = self.audits[name].ancestor("measure")
        return self.node(
            "exhaustive",
            {"propose": audit.propose.of_the_local_assistant(), "seed": audit.seed},
            {"embed": embed, "regions": measure.inputs["regions"]},
        )

    def _trials(self, bench: Benchmark) -> Node:
        """The simulated audits, on the exhaustive draws of the suite's base against itself."""
        if not Path(bench.behaviours).is_file():
            raise ConfigError(f"`benchmark.behaviours`: there is no file `{bench.behaviours}`")
        content = self.digests.file(bench.behaviours)
        local = {"behaviours": bench.behaviours}
        embed = self.exhaustive[bench.suite]
        regions = embed.ancestor("regions")
        audit = self.config.audits[bench.suite]
        ladder = {"doses", "spreads", "together", "behaviours_of_all", "seeds"}
        inputs = {"embed": embed, "regions": regions}
        rewrite = self.node(
            "rewrite",
            {**embed.settings, "benchmark": bench.model_dump(include=ladder)},
            inputs,
            local,
            identity=content,
        )
        sections = {"pools", "plan", "measure", "screen", "confirm"}
        more = {"null_repeats", "rate_repeats"}
        return self.node(
            "trials",
            {
                "audit": {
                    **audit.model_dump(include=sections),
                    "propose": audit.propose.of_the_local_assistant(),
                },
                "benchmark": bench.model_dump(include=ladder | more),
            },
            {**inputs, "rewrite": rewrite},
            local,
            identity=content,
        )

    def resolved(self, name: str) -> JsonObject:
        """The configuration that an audit reads, with every default written out."""
        audit = self.config.audits[name]
        dump = audit.model_dump()
        plants: set[str] = set()
        for side in SIDES:
            subject = self.config.subject(audit, side, f"audits.{name}")
            dump[side] = subject.model_dump()
            plants |= set(subject.plants)
        return {
            "audit": dump,
            "bank": self.config.banks[audit.bank].model_dump() if audit.bank else None,
            "plants": {plant: self.config.plants[plant].model_dump() for plant in sorted(plants)},
            "subjects": {
                base: self.config.subjects[base].model_dump()
                for base in sorted({self.config.plants[plant].base for plant in plants})
            },
        }


def _template(where: str, file: str) -> str:
    """The content of a chat template's file. Raises ConfigError when it cannot be read."""
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"`{where}`: `{file}` cannot be read ({error})") from None
