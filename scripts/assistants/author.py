"""A language model writing hypotheses from pairs of responses: over all regions, then in each."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import NamedTuple

from scripts.assistants.client import BudgetSpent, Pool, Question
from scripts.assistants.questions.writing import (
    Brief,
    Difference,
    ShownPair,
    merge_question,
    review_question,
    write_question,
)
from scripts.assistants.roles import Role
from scripts.assistants.settings import ModelProposing
from scripts.core.randomness import hash_unit
from scripts.hypotheses.hypothesis import Direction, Hypothesis, new_hypothesis
from scripts.hypotheses.pairs import Net, Pair
from scripts.hypotheses.wording import asked
from scripts.hypotheses.writing import Writing, Written
from scripts.prompts.region import Region

KNOWN = 30  # statements that a request is told
TOGETHER = 16  # requests at once: so many the budget must cover in advance
LEAST_REGIONS = 5  # looked at even if fewer are promising
BY_HASH = 4  # one pair in so many is chosen by hash alone, so that nothing is never looked at
GENERAL = 3  # regions of the pairs that show a statement, from which it is tested in all of a batch
COMPARED = 60  # new statements that a request compares, with each other and with all before
REVIEWED = 40  # statements that a request reviews


class Manner(NamedTuple):
    """How hypotheses are written: the section `propose`."""

    pairs: int
    each: int
    passes: int
    hypotheses: int
    focus: str | None

    @classmethod
    def of(cls, settings: ModelProposing) -> "Manner":
        return cls(
            settings["pairs"],
            settings["each"],
            settings["passes"],
            settings["hypotheses"],
            settings["focus"],
        )

    def after(self, screened: Sequence[Hypothesis]) -> "Manner":
        """Of a second cycle: one pass, for as many hypotheses as the screen took out."""
        left = self.hypotheses - sum(h.goes_on for h in screened)
        return self._replace(passes=1, hypotheses=max(0, left))

    def mixed(self, regions: int) -> int:
        """Requests of a pass whose pairs are mixed from so many regions."""
        return math.ceil(regions / self.pairs) if regions > 1 else 0

    def of_a_region(self, regions: int) -> int:
        """Hypotheses that are written on one of so many regions, at most."""
        shown = 2 if self.mixed(regions) else 1  # among others, too
        return min(self.hypotheses, shown * self.passes * self.each)

    def requests(self, regions: int) -> int:
        """Requests that write, over all passes."""
        return self.passes * (regions + self.mixed(regions))


@dataclass(frozen=True)
class _Statement:
    """A statement while hypotheses are written; `before` where it was there before, `compared`
    where a model has told it from others."""

    predicate: str
    direction: Direction
    regions: frozenset[str]
    prompts: frozenset[str] = frozenset()
    quote: str = ""
    occurs: bool = False
    specificity: int | None = None
    interest: int | None = None
    before: bool = False
    compared: bool = False

    @property
    def rank(self) -> tuple[bool, int, str]:
        """Its place among others: what quotes a text first, then what most prompts show."""
        return not self.occurs, -len(self.prompts), self.predicate


def write_hypotheses(
    pool: Pool,
    role: Role,
    pairs: Sequence[Pair],
    regions_in_order: Sequence[str],
    regions: Mapping[str, Region],
    texts: Mapping[str, str],
    manner: Manner,
    seed: int,
    before: Sequence[Hypothesis] = (),
) -> tuple[list[Hypothesis], Writing]:
    """At most `manner.hypotheses`, and what became of all that was written. First those whose quote
    stands in a text, of these those that most pairs show.

    before: hypotheses known already, which are told and not written again; the prompts that those
    of them were written from that went on count as explained. When the budget ends, what was found
    stays.
    """
    author = _Author(pool, role, pairs, regions_in_order, texts, manner, seed, before)
    author.write()
    found = author.reviewed()
    # How often it shows is for the screen to say: the pairs it was written from do not tell.
    return [
        new_hypothesis(
            statement_of(s.predicate, s.direction, sorted(s.regions), regions),
            s.direction,
            "assistant",
            s.regions,
            behaviour=s.predicate,
            written=Written(
                prompts=tuple(sorted(s.prompts)),
                quote=s.quote or None,
                occurs=s.occurs,
                specificity=s.specificity,
                interest=s.interest,
            ),
        )
        for s in found
    ], author.counted(len(found))


class _Author:
    """What was found so far, which prompts it explains, and how much was written."""

    def __init__(
        self,
        pool: Pool,
        role: Role,
        pairs: Sequence[Pair],
        regions_in_order: Sequence[str],
        texts: Mapping[str, str],
        manner: Manner,
        seed: int,
        before: Sequence[Hypothesis],
    ):
        self._pool, self._role, self._texts = pool, role, texts
        self._manner, self._seed = manner, seed
        self._pairs: dict[str, list[Pair]] = defaultdict(list)
        for pair in _one_a_prompt(pairs, seed):
            self._pairs[pair.region].append(pair)
        self._where = [region for region in regions_in_order if self._pairs[region]]
        self._found = [
            _Statement(h.behaviour, h.direction, frozenset(h.regions), before=True, compared=True)
            for h in before
            if h.behaviour
        ]
        origins = [h.written for h in before if h.goes_on and h.written]
        self._explained = {prompt for written in origins for prompt in written.prompts}
        self.counts: Counter[str] = Counter()

    def write(self) -> None:
        """Ask in every pass first about pairs mixed from all regions, then about each region."""
        if not self._manner.hypotheses:
            return
        mixed = self._manner.mixed(len(self._where))
        self._pool.expect(self._manner.passes * (len(self._where) + mixed + 1) + 1)
        try:
            for step in range(self._manner.passes):
                parts = [self._where[start::mixed] for start in range(mixed)]
                self._ask(step, parts)
                self._ask(step, [[region] for region in self._where])
                self._merge()
        except BudgetSpent:
            self._found = _one_of_each(self._found)

    def reviewed(self) -> list[_Statement]:
        """Those to be tested, with scores, and in the words that the model would rather have
        judged; as they were where it gave no answer."""
        fresh = sorted((s for s in self._found if not s.before), key=lambda s: s.rank)
        kept = fresh[: self._manner.hypotheses]
        self.counts["beyond"] = len(fresh) - len(kept)
        found: list[_Statement] = []
        try:
            for start in range(0, len(kept), REVIEWED):
                found += self._review(kept[start : start + REVIEWED])
        except BudgetSpent:
            found += kept[len(found) :]
        return _one_of_each(found)

    def counted(self, kept: int) -> Writing:
        """What became of all that was written."""
        left_out = self.counts["without_pairs"] + self.counts["beyond"]
        return Writing(**self.counts, kept=kept, repeated=self.counts["written"] - left_out - kept)

    def _ask(self, step: int, parts: Sequence[Sequence[str]]) -> None:
        """Ask about pairs of each of these sets of regions, and take in what is answered."""
        batches = [self._batch(regions) for regions in parts]
        coins = [
            hash_unit("author", self._seed, step, *regions, self._role.title) < 0.5
            for regions in parts
        ]
        questions = [self._question(*each) for each in zip(parts, batches, coins, strict=True)]
        for start in range(0, len(questions), TOGETHER):
            answers = self._pool.ask(questions[start : start + TOGETHER])
            for place, answer in enumerate(answers, start):
                for difference in answer.value or ():
                    self._take(difference, parts[place], batches[place])

    def _review(self, statements: Sequence[_Statement]) -> list[_Statement]:
        said, focus = [s.predicate for s in statements], self._manner.focus
        (answer,) = self._pool.ask([review_question(self._role, said, focus)])
        given = answer.value or {}
        self.counts["reworded"] += sum(row.statement != said[n] for n, row in given.items())
        return [
            replace(
                statement,
                predicate=given[place].statement,
                specificity=given[place].specificity,
                interest=given[place].interest,
            )
            if place in given
            else statement
            for place, statement in enumerate(statements)
        ]

    def _batch(self, regions: Sequence[str]) -> list[Pair]:
        """As many pairs as a request shows, of each region alike: what nothing explains and where
        the sides are furthest apart first, the rest by hash."""
        most = self._manner.pairs
        each = math.ceil(most / len(regions))
        chosen = [self._next(self._pairs[region], each) for region in regions]
        in_turn = [pairs[n] for n in range(each) for pairs in chosen if n < len(pairs)]
        return in_turn[:most]

    def _next(self, pairs: Sequence[Pair], most: int) -> list[Pair]:
        """pairs: of a region, in the order of their hash."""
        waiting = [p for p in pairs if p.prompt not in self._explained]
        waiting.sort(key=divergence_of, reverse=True)
        first = waiting[: most - most // BY_HASH]
        rest = [p for p in pairs if p not in first]
        rest.sort(key=lambda p: p.prompt in self._explained)
        return [*first, *rest][:most]

    def _question(
        self, regions: Sequence[str], batch: Sequence[Pair], coin: bool
    ) -> Question[list[Difference]]:
        mixed = len(regions) > 1
        known = [
            (s.predicate, s.direction == "more")
            for s in self._found
            if mixed or len(s.regions) > 1 or s.regions <= set(regions)
        ]
        unexplained = bool(known) and not any(p.prompt in self._explained for p in batch)
        shown = [
            ShownPair(
                self._texts[p.prompt], p.base, p.intervention, p.base_cut_off,
                p.intervention_cut_off,
            )
            for p in batch
        ]  # fmt: skip
        brief = Brief(known[:KNOWN], mixed, unexplained, self._manner.focus)
        return write_question(self._role, shown, brief, self._manner.each, coin)

    def _take(self, given: Difference, regions: Sequence[str], batch: Sequence[Pair]) -> None:
        """A difference that cites no pair is left out."""
        self.counts["written"] += 1
        if not given.pairs:
            self.counts["without_pairs"] += 1
            return
        self.counts["not_quoted"] += not given.occurs
        cited = [batch[place] for place in given.pairs]
        self._explained |= {pair.prompt for pair in cited}
        shown_in = {pair.region for pair in cited}
        self._found.append(
            _Statement(
                given.statement,
                "more" if given.more else "less",
                frozenset(regions if len(shown_in) >= GENERAL else shown_in),
                frozenset(pair.prompt for pair in cited),
                given.quote,
                given.occurs,
            )
        )

    def _merge(self) -> None:
        """Statements that say the same become one: by their words, then as the model sees it."""
        distinct = _one_of_each(self._found)
        known = [s for s in distinct if s.compared]
        fresh = [s for s in distinct if not s.compared]
        for start in range(0, len(fresh), COMPARED):
            known = self._told_apart(known, fresh[start : start + COMPARED])
        self._found = known

    def _told_apart(
        self, known: Sequence[_Statement], fresh: Sequence[_Statement]
    ) -> list[_Statement]:
        """All without those that repeat another one; what is known stays apart from its like."""
        every = [*known, *fresh]
        if len(every) < 2:
            return [replace(s, compared=True) for s in every]
        said = [s.predicate for s in every]
        settled, new = said[: len(known)], said[len(known) :]
        question = merge_question(self._role, settled, new)
        (answer,) = self._pool.ask([question])
        joined, gone = list[_Statement](), set[int]()
        for kept, same in answer.value or ():
            alike = [p for p in (kept, *same) if every[p].direction == every[kept].direction]
            left = [p for p in alike if p not in gone]
            together = [p for p in left if p < len(known)][:1]
            together += [p for p in left if p >= len(known)]
            if len(together) > 1:
                gone |= set(together)
                words = every[kept if kept in together else together[0]]
                joined.append(_joined(words, [every[p] for p in together]))
        alone = [s for place, s in enumerate(every) if place not in gone]
        return [replace(s, compared=True) for s in (*joined, *alone)]


def statement_of(
    predicate: str,
    direction: Direction,
    where: Iterable[str],
    regions: Mapping[str, Region],
) -> str:
    """A directional sentence for a predicate and the regions that show it."""
    opening = asked({region: Net(1, 0, 1, 1.0) for region in where}, regions)
    return (
        f"{opening}, the intervention model is {direction} likely than the base to give "
        f"a response that {predicate}"
    )


def divergence_of(pair: Pair) -> float:
    """How far the sides of a pair are apart by a classifier that has not seen its prompt: how much
    more the intervention's text is like the intervention's others, and the base's like the base's;
    0 where it was not embedded."""
    base, intervention = pair.base_placed, pair.intervention_placed
    return intervention.along - base.along if base and intervention else 0.0


def most_divergent(pairs: Iterable[Pair]) -> list[str]:
    """The regions of pairs, those whose sides are furthest apart first."""
    apart: dict[str, list[float]] = defaultdict(list)
    for pair in pairs:
        apart[pair.region].append(divergence_of(pair))
    return sorted(apart, key=lambda region: (-fmean(apart[region]), region))


def _one_a_prompt(pairs: Iterable[Pair], seed: int) -> list[Pair]:
    """One pair of each prompt, the one furthest apart, prompts in hash order; pairs of equal texts
    show nothing."""
    best: dict[str, Pair] = {}
    for pair in pairs:
        if pair.base != pair.intervention:
            known = best.setdefault(pair.prompt, pair)
            if divergence_of(pair) > divergence_of(known):
                best[pair.prompt] = pair
    return sorted(best.values(), key=lambda p: hash_unit("author", seed, p.prompt))


def _one_of_each(found: Iterable[_Statement]) -> list[_Statement]:
    """Statements of the same words as one."""
    by_words: dict[tuple[str, str], list[_Statement]] = defaultdict(list)
    for statement in found:
        by_words[statement.direction, statement.predicate.lower()].append(statement)
    return [_joined(same[0], same) for same in by_words.values()]


def _joined(words: _Statement, same: Sequence[_Statement]) -> _Statement:
    """One statement for several: in these words, with the regions and pairs of all; what was there
    before stays as it was."""
    if before := next((s for s in same if s.before), None):
        return before
    quoting = next((s for s in (words, *same) if s.occurs), words)
    return replace(
        words,
        regions=frozenset[str]().union(*(s.regions for s in same)),
        prompts=frozenset[str]().union(*(s.prompts for s in same)),
        quote=quoting.quote,
        occurs=quoting.occurs,
        compared=any(s.compared for s in same),
    )
