"""What an audit takes at most, before anything runs: draws, tokens of replies, requests.

An upper bound from the settings: all rounds are taken, as many regions as allowed turn out
promising, every reply is as long as it may be.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, cast

from scripts.assistants import author
from scripts.assistants.judge import prompt_texts
from scripts.assistants.quoting import LONGEST_TEXT
from scripts.assistants.roles import (
    LOCAL,
    ConfirmRoles,
    Of,
    ProposeRoles,
    ScreenRoles,
    read_roles,
)
from scripts.assistants.settings import ModelProposeSettings
from scripts.assistants.user_file import read_own, written_files
from scripts.core.rows import read_document, read_rows
from scripts.core.settings import settings_as
from scripts.core.vocabulary import SIDES
from scripts.draws.planning import SAMPLES_OF_A_PROMPT
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.judging.settings import ModelScreenSettings
from scripts.models.formatting import template_places
from scripts.models.plant_file import planted_in
from scripts.models.reasoning import MOST, longest_reply, most_thoughts
from scripts.models.settings import Formatting, Loading
from scripts.prompts.prompt import MOST_REGIONS, Prompt, region_count
from scripts.recordings.bank import BankReport
from scripts.workflow.at_hand import Made, bank_rows, model_at_hand, most_prompts, recording
from scripts.workflow.bill import Bill, Compared, Meter, Pool, Probing, Sizes, sizes
from scripts.workflow.described import DescribedAudit, DescribedNode

LOADED = "loaded"  # the kind of subjects whose thoughts have a limit of their own


class LongestReply(NamedTuple):
    """Tokens of a subject's reply at most; `perhaps`: of thoughts beside them, where it is not
    known whether it thinks; `compared`: of what is compared of it."""

    tokens: int
    perhaps: int
    compared: int


class BankSize(NamedTuple):
    """How much there is to draw: prompts (or, where the draw is the unit, draws) and, of ready
    responses, texts."""

    units: int
    texts: int


def explore_draws(
    plan: Mapping[str, Any], loop: Mapping[str, Any], regions: int, bank: BankSize | None
) -> int:
    """Draws of one subject over all rounds at most."""
    if plan["ready"]:
        return min(bank.texts, plan["recorded"]) if bank else 0
    draws = plan["pilot"] * regions + (loop["rounds"] - 1) * plan["draws"]
    draws = min(draws, plan["budget"])
    return min(draws, SAMPLES_OF_A_PROMPT * bank.units) if bank else draws


def pool_draws(plan: Mapping[str, Any], regions: int, bank: BankSize | None) -> int:
    """Draws of one subject in the screen or confirm pool at most."""
    units = plan["prompts"] * regions
    return (min(units, bank.units) if bank else units) * plan["samples"]


@dataclass(frozen=True)
class AuditPlan:
    """What an audit takes at most, from its nodes and from what lies in `results` already."""

    audit: DescribedAudit
    results: Path

    def node(self, stage: str, pool: str | None = None) -> DescribedNode:
        """The one node of a stage, of `plan` that of a pool."""
        (found,) = [
            node
            for node in self.audit["nodes"]
            if node["stage"] == stage and pool in (None, node["settings"].get("pool"))
        ]
        return found

    def settings(self, stage: str, pool: str | None = None) -> Mapping[str, Any]:
        return self.node(stage, pool)["settings"]

    def subjects(self) -> list[DescribedNode]:
        """The nodes that draw from the two sides."""
        inputs = self.node("plan", "explore")["inputs"]
        return [self._input(inputs[side]) for side in SIDES]

    def _input(self, named: Sequence[str]) -> DescribedNode:
        return next(n for n in self.audit["nodes"] if [n["stage"], n["key"]] == list(named))

    def output(self, stage: str, file: str) -> Path:
        return self.results / stage / self.node(stage)["key"] / file

    @cached_property
    def bank(self) -> BankSize | None:
        """Prompts of the bank, at most where they are still to be written, and its texts where they
        are ready responses; None where counting them takes long. Raises BankError when the bank's
        sources cannot be used."""
        done = self.output("bank", "bank.json")
        if done.is_file() and not self._recorded:
            return BankSize(read_document(done, BankReport).prompts, 0)
        if (rows := self.bank_rows) is not None:
            return BankSize(len(rows), sum(row.samples or 0 for row in rows))
        most = most_prompts(made(self.node("bank")))
        return None if most is None else BankSize(most, 0)

    @cached_property
    def bank_rows(self) -> list[Prompt] | None:
        """The prompts of the bank where they are read quickly."""
        return bank_rows(made(self.node("bank")), self._recorded, self.results)

    @property
    def _recorded(self) -> dict[str, Made]:
        """The recordings that bound the bank, by side."""
        inputs = self.node("bank")["inputs"]
        return {side: made(self._input(inputs[side])) for side in SIDES if side in inputs}

    @property
    def by_draw(self) -> bool:
        return self.settings("regions")["unit"] == "draw"

    @property
    def local(self) -> bool:
        """Whether no language model writes and judges."""
        return self.settings("propose")["assistant"] == LOCAL

    @property
    def own_files(self) -> list[str]:
        """Files of the user's own hypotheses, which may concern any region."""
        return list(self.node("screen")["local"]["hypotheses"])

    @property
    def evidence(self) -> BankSize | None:
        """The bank's size in pieces of evidence."""
        if self.bank is None or not self.by_draw:
            return self.bank
        samples = self.settings("regions")["samples"]
        return BankSize(self.bank.texts or self.bank.units * samples, self.bank.texts)

    @property
    def regions(self) -> int:
        """Regions at most."""
        asked = self.settings("regions")["regions"]
        if self.bank is None:
            return asked["count"] or MOST_REGIONS
        if self.by_draw:
            return self.bank.units
        return min(region_count(asked, self.bank.units), self.bank.units)

    @property
    def promising(self) -> int:
        """Regions that hypotheses are written on, at most; the local assistant's may be on all."""
        most = self.regions
        return most if self.local else min(self.settings("propose")["regions"], most)

    @property
    def tested(self) -> int:
        """Regions that hypotheses are tested in, at most."""
        return self.regions if self.own_files else self.promising

    @property
    def explored(self) -> int:
        """Draws of one subject over all rounds, at most."""
        plan, loop = self.settings("plan", "explore"), self.settings("measure")
        draws = explore_draws(plan, loop, self.regions, self.bank)
        if not self.by_draw or self.evidence is None:
            return draws
        share = self.settings("regions")["pools"]["explore"]
        return min(draws, math.ceil(share * self.evidence.units / self.regions) * self.regions)

    @property
    def screened(self) -> int:
        """Draws of one subject in the screen pool, at most."""
        return pool_draws(self.settings("plan", "screen"), self.promising, self.evidence)

    @property
    def allowance(self) -> float:
        """Draws that testing may take: a user's own hypotheses are tested whatever they take."""
        confirm = self.settings("screen")["confirm"]
        return math.inf if self.own_files or confirm["ready"] else confirm["draws"]

    @property
    def confirmed(self) -> int:
        """Draws of one subject in the confirm pool, at most."""
        plan = self.settings("plan", "confirm")
        draws = min(pool_draws(plan, self.tested, self.evidence), self.allowance)
        everywhere = 0 if plan["ready"] else plan["everywhere"] * self.regions
        return int(draws) + everywhere

    def decoded(self, draws: int) -> int:
        """Tokens of so many draws of each subject, with thoughts where it is known to think; ready
        responses decode nothing."""
        return draws * sum(reply.tokens for reply in self._replies)

    def perhaps_decoded(self, draws: int) -> int:
        """Tokens more where those think of whom it is not known."""
        return draws * sum(reply.perhaps for reply in self._replies)

    @cached_property
    def _replies(self) -> list[LongestReply]:
        """Bounds on a reply of each subject that decodes."""
        return [self._reply(side) for side in self.subjects() if "sampling" in side["settings"]]

    def _reply(self, side: DescribedNode) -> LongestReply:
        settings = side["settings"]
        sampling, of = settings["sampling"], settings.get("of", "answer")
        if settings.get("kind") != LOADED:  # a server has one limit for both
            whole = longest_reply(sampling, settings.get("reasoning"))
            return LongestReply(whole, 0, whole)
        answer = sampling["max_new_tokens"]
        found = most_thoughts(cast(Formatting, settings), self._templates(side))
        thoughts = MOST if found is None else found
        compared = {"answer": answer, "thoughts": thoughts, "both": thoughts + answer}
        if found is None:
            return LongestReply(answer, MOST, compared[of])
        return LongestReply(answer + thoughts, 0, compared[of])

    def _templates(self, side: DescribedNode) -> list[Path] | None:
        """The folders that a loaded subject's chat template may be in; None where some of them are
        not there yet. A planted adapter has no template, and embedded models do not think."""
        found = {name: self._input(given) for name, given in side["inputs"].items()}
        model = found.pop("model")
        if "embedded" in model["settings"]:
            return []
        adapters = [one for one in found.values() if one["stage"] != "plant"]
        folders = [model_at_hand(made(one), self.results) for one in (model, *adapters)]
        there = [folder for folder in folders if folder is not None]
        if len(there) < len(folders):
            return None
        return template_places(cast(Loading, side["settings"]), there[0], there[1:])

    def text_sizes(self) -> Sizes:
        """Bounds on the texts that a request quotes, from the bank and the subjects' settings."""
        rows = self.bank_rows
        prompt = max(map(len, prompt_texts(rows).values())) if rows else None
        sides = self.subjects()
        named = [side["inputs"]["responses"] for side in sides if "responses" in side["inputs"]]
        if not named:
            return sizes(prompt, max(reply.compared for reply in self._replies))
        ready = [recording(made(self._input(name)), self.results) for name in named]
        known = [report.longest for _, report in filter(None, ready)]
        if len(known) < len(sides):
            return sizes(prompt, None)
        return Sizes(sizes(prompt, None).prompt, min(LONGEST_TEXT, max(known)))

    def bills(self) -> dict[str, Bill]:
        """What the assistant is asked in each stage; nothing for the local one.

        Hypotheses that are written already count as they are, in their regions.
        """
        if self.local:
            return {}
        propose = self._roles("propose", ProposeRoles)
        screen = self._roles("screen", ScreenRoles)
        confirm = self._roles("confirm", ConfirmRoles)
        meter = Meter(self.text_sizes())
        own = sum(map(lines_in, self.own_files))
        # Of one region no more are written; what is merged over regions was written in each.
        writing = settings_as(ModelProposeSettings, self.settings("propose"), "propose")
        manner = author.Manner.of(writing)
        screening = settings_as(ModelScreenSettings, self.settings("screen"), "screen")
        given = screening.get("second_cycle")
        again = author.Manner.of(given)._replace(passes=1) if given else None
        in_region = manner.of_a_region(self.promising)
        later = again.of_a_region(self.promising) if again else 0
        tested = min(manner.hypotheses, in_region + later)
        written = _by_region(self.output("propose", "hypotheses.jsonl"))
        passed = _by_region(self.output("screen", "hypotheses.jsonl"))
        screened = written if written is not None else [in_region] * self.promising
        confirmed = passed if passed is not None else [tested + own] * self.tested
        placebos = self.settings("confirm")["placebos"]
        wanted = self.probing
        found = manner.hypotheses + own + (wanted.written + wanted.own if wanted else 0)
        compared = Compared(len(planted_in(self.node("confirm")["local"]["plants"])), found)
        bills = {
            "propose": meter.propose(propose.author, self.promising, manner),
            "screen": meter.screen(screen, screened, self._pool("screen"), again),
            "confirm": meter.confirm(
                confirm, confirmed, self._pool("confirm"), self.allowance, placebos, compared
            ),
        }
        if wanted:
            bills["probe"] = meter.probe(propose.author, confirm, wanted, placebos)
        return {stage: bill.within(propose.budget) for stage, bill in bills.items()}

    @property
    def probing(self) -> Probing | None:
        """What is probed at most; None where an audit does not probe."""
        if not any(node["stage"] == "probe" for node in self.audit["nodes"]):
            return None
        settings, samples = self.settings("probe"), self.settings("plan", "probe")["samples"]
        written = 0 if self.local else settings["hypotheses"]
        entailed = self.node("probe")["local"]["entailed"]
        own = [line for path in self.own_files for line in read_own(path, self.local, entailed)]
        sizes = list(map(lines_in, written_files(own)))
        # Of a file's prompts any number may be matched ones: as if all were to be shown on.
        most = max([settings["prompts"] * bool(written), *sizes])
        return Probing(written, len(sizes), most, samples)

    def _roles(self, stage: str, kind: type[Of]) -> Of:
        node = self.node(stage)
        return read_roles(kind, node["settings"]["assistant"], node["local"]["access"])

    def _pool(self, pool: str) -> Pool:
        plan = self.settings("plan", pool)
        return Pool(plan["prompts"], plan["samples"])


def lines_in(path: str | Path) -> int:
    with open(path, "rb") as file:
        return sum(1 for line in file if line.strip())


def _by_region(path: Path) -> list[int] | None:
    """How many hypotheses concern each region, where they are known."""
    if not path.is_file():
        return None
    rows = [row for row in read_rows(path, Hypothesis) if not row.beyond]
    return list(Counter(region for row in rows for region in row.regions).values())


def made(node: DescribedNode) -> Made:
    """A node as what looks for its outputs takes it."""
    return Made(node["key"], node["settings"], node["local"])
