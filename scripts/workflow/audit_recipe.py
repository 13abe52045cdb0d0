"""How an audit is made: a stage a property, in the order of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.assistants.roles import OfStages
from scripts.core.digests import digest
from scripts.core.files import Json, JsonObject
from scripts.core.vocabulary import SIDES
from scripts.draws.settings import ConfirmPool, FreshPool, PoolSettings
from scripts.models.settings import EmbedSettings
from scripts.prompts.prompt import BankError
from scripts.workflow.bank_recipe import bank_node
from scripts.workflow.config import ConfigError
from scripts.workflow.kinds.kind import Recipe, Words
from scripts.workflow.kinds.registry import kind_of
from scripts.workflow.kinds.words import changed_words, subject_words
from scripts.workflow.places import without_places
from scripts.workflow.roles_recipe import RolesRecipe
from scripts.workflow.sections import Audit

if TYPE_CHECKING:
    from scripts.assistants.user_file import OwnLine
    from scripts.workflow.recipes import Node, Recipes

Settings = JsonObject


class AuditRecipe:
    """The nodes of one audit; `report` is made from all others.

    Raises ConfigError where a file or a model cannot be found.
    """

    def __init__(self, recipes: Recipes, name: str, audit: Audit):
        self._recipes, self._name, self._audit = recipes, name, audit
        self._where = f"audits.{name}"
        self._roles = RolesRecipe(recipes, self._where)

    # Subjects, prompts and regions

    @cached_property
    def subjects(self) -> dict[str, Recipe]:
        """What decode is given of a side's subject, and in its settings the name of its kind."""
        found = {}
        for side in SIDES:
            subject = self._recipes.config.subject(self._audit, side, self._where)
            kind, where = kind_of(subject), f"{self._where}.{side}"
            try:
                made = kind.recipe(self._recipes, where, subject, self._audit.match)
            except BankError as error:
                raise ConfigError(str(error)) from None
            found[side] = replace(made, settings={"kind": kind.name, **made.settings})
        return found

    @cached_property
    def recorded(self) -> dict[str, Node]:
        """The recordings of the sides that have one."""
        inputs = {side: subject.inputs for side, subject in self.subjects.items()}
        return {side: made["responses"] for side, made in inputs.items() if "responses" in made}

    @cached_property
    def bank(self) -> Node:
        return bank_node(self._recipes, self._where, self._audit, self.recorded, self._roles)

    @cached_property
    def _embedder(self) -> tuple[Node, EmbedSettings]:
        """The embedder's model, and the settings of whatever embeds with it."""
        given = self._audit.embed
        model, identity = self._recipes.model(
            f"{self._where}.embed.model", given.model, given.revision
        )
        # Vectors of whole texts keep the name that they had before there was a limit.
        limit = [] if given.max_tokens is None else [given.max_tokens]
        return model, {
            "embedder": digest(identity, given.dtype, *limit),
            "dtype": given.dtype,
            "max_tokens": given.max_tokens,
        }

    @cached_property
    def _entailment(self) -> tuple[dict[str, Node], Settings]:
        """The model that reads what texts entail and the setting of whatever reads with it;
        nothing where the audit names none."""
        given = self._audit.entailment
        if given is None:
            return {}, {}
        model, identity = self._recipes.model(
            f"{self._where}.entailment.model", given.model, given.revision
        )
        statements = set(given.statements)
        if lines := self._own:
            from scripts.assistants.user_file import statements_in

            statements |= statements_in(lines)
        asked = {"model": digest(identity), "statements": sorted(statements)}
        return {"entailment": model}, {"entailment": asked}

    @cached_property
    def regions(self) -> Node:
        audit, (embedder, embedding) = self._audit, self._embedder
        settings = {
            "regions": audit.regions.model_dump(),
            "pools": audit.pools.model_dump(),
            "unit": audit.unit,
            "samples": audit.samples,
            "seed": audit.seed,
            **embedding,
        }
        return self._recipes.node("regions", settings, {"bank": self.bank, "embedder": embedder})

    # The loop of rounds

    @cached_property
    def decode(self) -> dict[str, Node]:
        audit = self._audit
        compared = {} if audit.of == "answer" else {"of": audit.of}
        return {
            side: self._recipes.node(
                "decode",
                {**subject.settings, **compared, "seed": audit.seed},
                subject.inputs,
                subject.local,
            )
            for side, subject in self.subjects.items()
        }

    @cached_property
    def contrast(self) -> dict[str, Node]:
        """What compares the subjects before the first round, unless responses are recorded."""
        if self.recorded:
            return {}
        inputs = {"regions": self.regions, "bank": self.bank, **self.decode}
        return {"contrast": self._recipes.node("contrast", {}, inputs)}

    @cached_property
    def _loop(self) -> Settings:
        return self._audit.measure.model_dump() | {"seed": self._audit.seed}

    @cached_property
    def plan(self) -> Node:
        audit, code = self._audit, self._recipes.code
        settings = {
            "pool": "explore",
            **audit.plan.model_dump(),
            "budget": audit.measure.budget,
            "unit": audit.unit,
            "seed": audit.seed,
            "ready": bool(self.recorded),
        }
        # The plans of later rounds depend on what the whole loop computes.
        looped = [self._loop, self._embedder[1], code["embed"], code["measure"]]
        inputs = {"regions": self.regions, **self.decode}
        plan = self._recipes.node("plan", settings, inputs, identity=looped)
        if self.contrast:
            self._recipes.contrasts[plan.key] = self.contrast["contrast"]
        return plan

    @cached_property
    def embed(self) -> Node:
        return self._embed(self.plan)

    @cached_property
    def measure(self) -> Node:
        inputs = {"plan": self.plan, "regions": self.regions, "embed": self.embed}
        return self._recipes.node("measure", self._loop, inputs)

    # Hypotheses and their tests

    @cached_property
    def propose(self) -> Node:
        audit, of_stages = self._audit, self._assistant
        assistant, access, models = self._roles.of_stage(of_stages and of_stages.propose)
        given = audit.propose
        written = given.of_a_model() if of_stages else given.of_the_local_assistant()
        settings = {"promising": audit.measure.promising, "assistant": assistant}
        return self._recipes.node(
            "propose",
            written | settings | self._seeded,
            {"measure": self.measure, "regions": self.regions, **models},
            {"access": access},
        )

    @cached_property
    def screen(self) -> Node:
        roles = self._assistant and self._assistant.screen
        second_cycle = roles and self._audit.propose.second_cycle
        if roles and not second_cycle:
            roles = replace(roles, author=None)
        assistant, access, models = self._roles.of_stage(roles)
        own = self._audit.hypotheses
        if own is not None and not Path(own).is_file():
            raise ConfigError(f"`{self._where}.hypotheses`: there is no file `{own}`")
        confirm: ConfirmPool = {**self._pool("confirm"), "draws": self._audit.confirm.draws}
        settings: Settings = {
            "least_net": self._audit.screen.least_net,
            "confirm": confirm,
            "assistant": assistant,
        }
        if second_cycle:
            settings["second_cycle"] = self._audit.propose.of_a_model()
        given = self._audit.probe
        if given and roles and roles.budget.limited:  # which covers probing, too
            many = given.hypotheses + len(self._written)
            settings["probe"] = given.model_dump() | {"hypotheses": many}
        return self._recipes.node(
            "screen",
            settings | self._seeded,
            {
                "propose": self.propose,
                **self._fresh_draws("screen", self.propose),
                "measure": self.measure,
                "regions": self.regions,
                **models,
            },
            {
                "hypotheses": [] if own is None else [own],
                "entailed": self._audit.entailment is not None,
                "access": access,
            },
            identity=None if own is None else self._recipes.digests.file(own),
        )

    @cached_property
    def _own(self) -> list[OwnLine]:
        """The user's own hypotheses."""
        if self._audit.hypotheses is None:
            return []
        from scripts.assistants.user_file import read_own  # takes a fifth of a second

        entailed = self._audit.entailment is not None
        return read_own(self._audit.hypotheses, self._assistant is None, entailed)

    @cached_property
    def _written(self) -> list[str]:
        """Files of prompts that the user's own hypotheses name."""
        if not (lines := self._own):
            return []
        from scripts.assistants.user_file import written_files

        return written_files(lines)

    @cached_property
    def probe(self) -> dict[str, Node]:
        """What writes prompts for hypotheses, and the plan that draws from them; nothing where an
        audit does not probe."""
        given, own = self._audit.probe, self._audit.hypotheses
        if given is None:
            return {}
        where = f"{self._where}.probe"
        if self.recorded:
            raise ConfigError(
                f"`{where}` draws responses to new prompts, which recorded responses do not have; "
                "remove it, or audit the subjects themselves"
            )
        if self._audit.unit == "draw":
            raise ConfigError(
                f"`{where}` tests claims on prompts that are written for them, and `unit: draw` "
                "is for claims about the very prompts of the bank; remove one of the two"
            )
        files = self._written
        if self._assistant is None and not files:
            raise ConfigError(
                f"`{where}` needs a language model that writes prompts (`assistant`), or prompts "
                "of yours: a file that a line of `hypotheses` names as its `prompts`"
            )
        assistant, access, models = self._roles.of_stage(
            self._assistant and self._assistant.propose
        )
        settings = given.model_dump(exclude={"samples"}) | {
            "q": self._audit.confirm.q,
            "assistant": assistant,
        }
        written = self._recipes.node(
            "probe",
            settings | {"confirm": self._pool("confirm"), "seed": self._audit.seed},
            {"screen": self.screen, "regions": self.regions, "bank": self.bank, **models},
            {
                "hypotheses": [] if own is None else [own],
                "access": access,
                "entailed": self._audit.entailment is not None,
            },
            identity=[self._recipes.digests.file(file) for file in files],
        )
        plan = self._recipes.node(
            "plan",
            {"pool": "probe", "samples": given.samples},
            {"regions": self.regions, "probes": written, **self.decode},
        )
        return {"probes": written, "probed": plan}

    @cached_property
    def confirm(self) -> Node:
        audit, of_stages = self._audit, self._assistant
        assistant, access, models = self._roles.of_stage(of_stages and of_stages.confirm)
        settings: Settings = {
            "evidence": audit.report.evidence,
            "seed": audit.seed,
            "assistant": assistant,
            "unit": audit.unit,
        }
        if of_stages and audit.propose.focus:
            settings["focus"] = audit.propose.focus
        if audit.probe:
            settings["least_net"] = audit.screen.least_net
        return self._recipes.node(
            "confirm",
            audit.confirm.model_dump(include={"q", "delta", "placebos"}) | settings,
            {
                "screen": self.screen,
                **self._fresh_draws("confirm", self.screen),
                **self.probe,
                "measure": self.measure,
                "regions": self.regions,
                "bank": self.bank,
                **models,
            },
            {"access": access, "plants": self._plants},
        )

    @property
    def _plants(self) -> list[str]:
        """Files of what the intervention was trained to show."""
        behind = self.decode["intervention"].ancestors().values()
        return [node.local["file"] for node in behind if node.stage == "plant"]

    @cached_property
    def report(self) -> Node:
        resolved = self._recipes.resolved(self._name)
        keyed_config = without_places(resolved)
        return self._recipes.node(
            "report",
            {
                "audit": self._name,
                "config": keyed_config,
                "map_texts": self._audit.report.map_texts,
                "null": self.decode["base"].key == self.decode["intervention"].key,
                "words": subjects_in_words(keyed_config["audit"]),
            },
            {"confirm": self.confirm, **self.contrast},
            # What the page and audit.json say, places and all.
            {
                "config": resolved,
                "words": subjects_in_words(resolved["audit"]),
                "plants": self._plants,
            },
        )

    # What several stages share

    def _embed(self, plan: Node) -> Node:
        embedder, embedding = self._embedder
        reader, reading = self._entailment
        return self._recipes.node(
            "embed", embedding | reading, {"plan": plan, "embedder": embedder, **reader}
        )

    def _pool(self, pool: FreshPool) -> PoolSettings:
        """The settings of a plan of fresh draws."""
        audit = self._audit
        drawn = audit.screen if pool == "screen" else audit.confirm
        return {
            "pool": pool,
            "unit": audit.unit,
            "prompts": drawn.prompts,
            "samples": 1 if audit.unit == "draw" else drawn.samples,
            "ready": bool(self.recorded),
        }

    def _fresh_draws(self, pool: FreshPool, hypotheses: Node) -> dict[str, Node]:
        """The plan of a later pool, and the embeddings of what it draws."""
        settings: PoolSettings = {**self._pool(pool), "seed": self._audit.seed}
        if pool == "confirm":
            settings["everywhere"] = self._audit.confirm.everywhere
        inputs = {"regions": self.regions, "hypotheses": hypotheses, **self.decode}
        plan = self._recipes.node("plan", settings, inputs)
        return {"plan": plan, "embed": self._embed(plan)}

    @property
    def _seeded(self) -> Settings:
        return {} if self._assistant is None else {"seed": self._audit.seed}

    @cached_property
    def _assistant(self) -> OfStages | None:
        """The roles of each stage; None where no language model is asked."""
        given = self._audit.assistant.of_stages()
        if given is None:
            return None
        return OfStages(
            given.propose.with_servers(self._roles.stands_for),
            given.screen.with_servers(self._roles.stands_for),
            given.confirm.with_servers(self._roles.stands_for),
        )


def subjects_in_words(audit: Mapping[str, Json]) -> dict[str, Words]:
    """A resolved audit's subjects in words, for the page: the intervention as what differs."""
    base, intervention = audit["base"], audit["intervention"]
    return {"base": subject_words(base), "intervention": changed_words(base, intervention)}
