"""The table of keys: for every stage, what each key is made from.

`Recipes(config, root)` resolves the configuration into nodes. A node's key hashes its settings, the
keys of its inputs and its stage's code; `local` holds what a script needs but a key must not see
(paths). Audits that agree on a stage get the same node, hence share its outputs.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from scripts.assistants.prices import read_prices
from scripts.core.digests import KEY_LENGTH, digest
from scripts.core.errors import AuditError
from scripts.prompts.prompt import BankError
from scripts.readers.registry import source_files
from scripts.workflow.catalog import CONVERSION_VERSION, EMBEDDED
from scripts.workflow.config import Config, ConfigError
from scripts.workflow.keys import DigestIndex, code_digest
from scripts.workflow.kinds.kind import Recipe, Words
from scripts.workflow.kinds.recorded import keyed
from scripts.workflow.kinds.registry import kind_of
from scripts.workflow.kinds.words import changed_words, subject_words
from scripts.workflow.places import without_places
from scripts.workflow.sections import Audit, Benchmark, ChatTemplate, Plant, Subject

SIDES = ("base", "intervention")
LABELLED = ("scripts/checks/refusal.json", "scripts/checks/quality.json")
# Stages in the order of the data flow, and the files beside Python code that each one's output
# depends on. The benchmark's have their scripts with the benchmark.
STAGES: dict[str, tuple[str, ...]] = {
    "model": (),
    "plant": (),
    "responses": LABELLED[:1],
    "bank": (),
    "regions": (),
    "plan": (),
    "decode": (),
    "embed": (),
    "measure": LABELLED,
    "propose": LABELLED,
    "screen": LABELLED,
    "confirm": LABELLED,
    "exhaustive": LABELLED,
    "rewrite": (),
    "trials": LABELLED,
    "report": (*LABELLED, "scripts/page/page.html.j2", "scripts/page/page.css"),
}
OF_BENCHMARK = ("exhaustive", "rewrite", "trials")


def script_of(stage: str) -> str:
    """The script of a stage, below the workflow's root."""
    return f"scripts/{'benchmark/' if stage in OF_BENCHMARK else ''}{stage}.py"


@dataclass(frozen=True)
class Node:
    """One stage with one set of settings and inputs."""

    stage: str
    key: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, "Node"] = field(default_factory=dict)
    local: Mapping[str, Any] = field(default_factory=dict)

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
        self.audits = {name: self._audit(name, audit) for name, audit in config.audits.items()}
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

    def node(self, stage, settings, inputs=None, local=None, identity=None) -> Node:
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

    def model(self, where: str, name: str, revision: str | None) -> tuple[Node, Any]:
        """The node that provides a model's files, and the identity of its content."""
        if name.startswith("embedded:"):
            if name not in EMBEDDED:
                raise ConfigError(
                    f"`{where}` names `{name}`; embedded models: {', '.join(EMBEDDED)}"
                )
            pin = EMBEDDED[name]
            identity = {"wheel": pin["wheel"], "conversion": CONVERSION_VERSION}
            return self.node("model", {"embedded": name, **pin}), identity
        if revision is not None:
            settings = {"hub": name, "revision": revision}
            return self.node("model", settings), settings
        if Path(name).is_dir():
            identity = {"directory": self.digests.directory(name)}
            return self.node("model", identity, local={"path": name}), identity
        if name.startswith((".", "/", "~")) or name.count("/") != 1:
            raise ConfigError(f"`{where}`: there is no model directory `{name}`; correct the path")
        raise ConfigError(
            f"`{where}`: `{name}` is no local directory, and a hub id needs `revision`, "
            "the full 40-digit commit of the version you mean"
        )

    def plant(self, name: str) -> Node:
        plant: Plant = self.config.plants[name]
        if not Path(plant.file).is_file():
            raise ConfigError(f"`plants.{name}.file`: there is no file `{plant.file}`")
        base = self.config.subjects[plant.base]
        assert base.model is not None, "the configuration has checked it"
        model, identity = self.model(f"subjects.{plant.base}.model", base.model, base.revision)
        return self.node(
            "plant",
            plant.model_dump(exclude={"file", "base"})
            | {"base": self.formatting(f"subjects.{plant.base}", base) | {"identity": identity}},
            {"model": model},
            {"file": plant.file},
            identity=self.digests.file(plant.file),
        )

    def formatting(self, where: str, subject: Subject) -> dict[str, Any]:
        """What of a subject's own fields decides its texts; a template file counts by content."""
        fields = {
            "dtype",
            "system_prompt",
            "response_prefix",
            "chat_template",
            "trust_remote_code",
        }
        if subject.quantization != "none":
            fields.add("quantization")
        if subject.log_probabilities:
            fields.add("log_probabilities")
        if subject.prompt_template is not None:
            fields.add("prompt_template")
        if subject.reasoning != "auto":
            fields.add("reasoning")
        if subject.tokenizer != "adapter":
            fields.add("tokenizer")
        settings = subject.model_dump(include=fields) | {"sampling": subject.sampling.keyed()}
        if isinstance(template := subject.chat_template, ChatTemplate):
            text = template.file and _template(f"{where}.chat_template.file", template.file)
            settings["chat_template"] = {"text": text, "arguments": template.arguments}
        return settings

    def _subject(self, where: str, subject: Subject, match: str) -> Recipe:
        """What decode is given of a subject, and in its settings the name of its kind."""
        kind = kind_of(subject)
        try:
            made = kind.recipe(self, where, subject, match)
        except BankError as error:
            raise ConfigError(str(error)) from None
        return replace(made, settings={"kind": kind.name, **made.settings})

    def _bank(self, name: str, audit: Audit, recorded: Mapping[str, Node]) -> Node:
        sources = []
        if audit.bank is not None:
            sources = [source.model_dump() for source in self.config.banks[audit.bank].sources]
        try:
            files = [
                [Path(path).name, self.digests.file(path)]
                for source in sources
                for path in source_files(source)
            ]
        except BankError as error:
            raise ConfigError(f"`audits.{name}`, bank `{audit.bank}`: {error}") from None
        settings = {"sources": [keyed(source) for source in sources], "match": audit.match}
        return self.node("bank", settings, recorded, {"sources": sources}, files)

    def _audit(self, name: str, audit: Audit) -> Node:
        where = f"audits.{name}"
        subjects = {
            side: self._subject(
                f"{where}.{side}", self.config.subject(audit, side, where), audit.match
            )
            for side in SIDES
        }
        ready = {
            side: subject.inputs["responses"]
            for side, subject in subjects.items()
            if "responses" in subject.inputs
        }
        seed = audit.seed
        bank = self._bank(name, audit, ready)
        embedder, embedder_identity = self.model(
            f"audits.{name}.embed.model", audit.embed.model, audit.embed.revision
        )
        dtype, most = audit.embed.dtype, audit.embed.max_tokens
        # Vectors of whole texts keep the name that they had before there was a limit.
        limit = [] if most is None else [most]
        embedding = {
            "embedder": digest(embedder_identity, dtype, *limit),
            "dtype": dtype,
            "max_tokens": most,
        }
        regions = self.node(
            "regions",
            {
                "regions": audit.regions.model_dump(),
                "pools": audit.pools.model_dump(),
                "unit": audit.unit,
                "samples": audit.samples,
                "seed": seed,
                **embedding,
            },
            {"bank": bank, "embedder": embedder},
        )
        compared = {} if audit.of == "answer" else {"of": audit.of}
        decode = {
            side: self.node(
                "decode",
                {**subjects[side].settings, **compared, "seed": seed},
                subjects[side].inputs,
                subjects[side].local,
            )
            for side in SIDES
        }
        loop = audit.measure.model_dump() | {"seed": seed}
        plan = self.node(
            "plan",
            {
                "pool": "explore",
                **audit.plan.model_dump(),
                "budget": audit.measure.budget,
                "unit": audit.unit,
                "seed": seed,
                "ready": bool(ready),
            },
            {"regions": regions, **decode},
            # The plans of later rounds depend on what the whole loop computes.
            identity=[loop, embedding, self.code["embed"], self.code["measure"]],
        )
        embed = self.node("embed", embedding, {"plan": plan, "embedder": embedder})
        measure = self.node("measure", loop, {"plan": plan, "regions": regions, "embed": embed})
        assistant, access = self._assistant(name, audit)
        seeded = {} if assistant == "local" else {"seed": seed}
        propose = self.node(
            "propose",
            audit.propose.model_dump()
            | {"promising": audit.measure.promising, "assistant": assistant}
            | seeded,
            {"measure": measure, "regions": regions},
            {"access": access},
        )
        own, own_content = [], None
        if audit.hypotheses is not None:
            if not Path(audit.hypotheses).is_file():
                raise ConfigError(
                    f"`audits.{name}.hypotheses`: there is no file `{audit.hypotheses}`"
                )
            own, own_content = [audit.hypotheses], self.digests.file(audit.hypotheses)

        def pool_settings(pool):
            fields = {"prompts", "samples", "everywhere"}
            drawn = getattr(audit, pool).model_dump(include=fields)
            drawn |= {"samples": 1} if audit.unit == "draw" else {}
            return {"pool": pool, "unit": audit.unit, **drawn, "ready": bool(ready)}

        def fresh_draws(pool, hypotheses):
            settings = pool_settings(pool) | {"seed": seed}
            inputs = {"regions": regions, "hypotheses": hypotheses, **decode}
            plan = self.node("plan", settings, inputs)
            embed = self.node("embed", embedding, {"plan": plan, "embedder": embedder})
            return {"plan": plan, "embed": embed}

        budget = pool_settings("confirm") | {"draws": audit.confirm.draws}
        del budget["everywhere"]
        screen = self.node(
            "screen",
            {"least_net": audit.screen.least_net, "confirm": budget, "assistant": assistant}
            | seeded,
            {
                "propose": propose,
                **fresh_draws("screen", propose),
                "measure": measure,
                "regions": regions,
            },
            {"hypotheses": own, "access": access},
            identity=own_content,
        )
        confirm = self.node(
            "confirm",
            audit.confirm.model_dump(include={"q", "delta", "placebos"})
            | {"evidence": audit.report.evidence, "seed": seed, "assistant": assistant}
            | {"unit": audit.unit},
            {
                "screen": screen,
                **fresh_draws("confirm", screen),
                "measure": measure,
                "regions": regions,
                "bank": bank,
            },
            {"access": access},
        )
        resolved = self.resolved(name)
        return self.node(
            "report",
            {
                "audit": name,
                "config": without_places(resolved),
                "map_texts": audit.report.map_texts,
                "null": subjects["base"].settings == subjects["intervention"].settings,
                "words": subjects_in_words(without_places(resolved["audit"])),
            },
            {"confirm": confirm},
            # What the page and audit.json say, places and all.
            {"config": resolved, "words": subjects_in_words(resolved["audit"])},
        )

    def _assistant(self, name: str, audit: Audit) -> tuple[Any, dict[str, Any]]:
        """What of the assistant decides the outcome, and what only decides how it is reached.

        Prices are of the first kind where a budget in dollars ends an audit by them.
        """
        given = audit.assistant
        if given.provider == "local":
            return "local", {}
        access = {"prices", "concurrency", "timeout"}
        settings = given.model_dump(exclude=access | {"models"}) | {"models": given.model_names()}
        try:
            prices = read_prices(given.prices)
        except AuditError as error:
            raise ConfigError(f"`audits.{name}`: {error}") from None
        if given.budget.usd is not None:
            settings["prices"] = {
                model: [
                    {"from": str(p.since), "input": p.input, "output": p.output}
                    for p in prices.get(model, ())
                ]
                for model in settings["models"].values()
            }
        return settings, given.model_dump(include=access)

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
            {"propose": audit.propose.model_dump(), "seed": audit.seed},
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
        sections = {"pools", "plan", "measure", "propose", "screen", "confirm"}
        more = {"null_repeats", "rate_repeats"}
        return self.node(
            "trials",
            {
                "audit": audit.model_dump(include=sections),
                "benchmark": bench.model_dump(include=ladder | more),
            },
            {**inputs, "rewrite": rewrite},
            local,
            identity=content,
        )

    def resolved(self, name: str) -> dict[str, Any]:
        """The configuration that an audit reads, with every default written out."""
        audit = self.config.audits[name]
        dump = audit.model_dump()
        for side in SIDES:
            dump[side] = self.config.subject(audit, side, f"audits.{name}").model_dump()
        plants = {
            dump[side]["adapter"].removeprefix("plant:")
            for side in SIDES
            if (dump[side]["adapter"] or "").startswith("plant:")
        }
        return {
            "audit": dump,
            "bank": self.config.banks[audit.bank].model_dump() if audit.bank else None,
            "plants": {plant: self.config.plants[plant].model_dump() for plant in sorted(plants)},
            "subjects": {
                base: self.config.subjects[base].model_dump()
                for base in sorted({self.config.plants[plant].base for plant in plants})
            },
        }


def subjects_in_words(audit: Mapping[str, Any]) -> dict[str, Words]:
    """A resolved audit's subjects in words, for the page: the intervention as what differs."""
    base, intervention = audit["base"], audit["intervention"]
    return {"base": subject_words(base), "intervention": changed_words(base, intervention)}


def _template(where: str, file: str) -> str:
    """The content of a chat template's file. Raises ConfigError when it cannot be read."""
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"`{where}`: `{file}` cannot be read ({error})") from None
