"""A language model writing hypotheses from pairs of responses, region by region."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from scripts.assistants.client import BudgetSpent, Pool
from scripts.assistants.questions import merge_question, write_question
from scripts.assistants.roles import Role
from scripts.core.randomness import hash_unit
from scripts.hypotheses.hypothesis import Direction, Hypothesis, new_hypothesis
from scripts.hypotheses.pairs import Net, Pair
from scripts.hypotheses.wording import asked
from scripts.prompts.region import Region

PAIRS = 8  # of responses that a request shows, each to another prompt
EACH = 4  # hypotheses that a request may bring
PASSES = 2  # over the regions; the second is shown what the first has found
KNOWN = 30  # statements that a request is told
TOGETHER = 16  # regions asked about at once: so many requests the budget must cover in advance
LEAST_REGIONS = 5  # looked at even if fewer are promising


def write_hypotheses(
    pool: Pool,
    role: Role,
    pairs: Sequence[Pair],
    regions_in_order: Sequence[str],
    regions: Mapping[str, Region],
    texts: Mapping[str, str],
    most: int,
    seed: int,
) -> list[Hypothesis]:
    """At most `most` hypotheses, those that most pairs show first.

    The second pass over a region shows the pairs that nothing found there explains, then pairs not
    seen yet, and tells all that was found anywhere. Statements of different regions that say the
    same become one hypothesis with all their regions. When the budget ends, what was found stays.
    """
    by_region: dict[str, list[Pair]] = defaultdict(list)
    for pair in _one_a_prompt(pairs, seed):
        by_region[pair.region].append(pair)
    where = [region for region in regions_in_order if by_region[region]]
    found: list[_Written] = []
    explained: dict[str, set[str]] = defaultdict(set)
    shown: dict[str, set[str]] = defaultdict(set)
    pool.expect(PASSES * (len(where) + 1))  # the merging after each pass, too
    for step in range(PASSES):
        batches = {r: _next_pairs(by_region[r], explained[r], shown[r]) for r in where}
        coins = {r: hash_unit("author", seed, step, r, role.title) < 0.5 for r in where}
        known = [h.behaviour for h in found][:KNOWN]

        def question(region, batches=batches, coins=coins, known=known):
            shown_pairs = [(texts[p.prompt], p.base, p.intervention) for p in batches[region]]
            return write_question(role, shown_pairs, known, EACH, coins[region])

        try:
            for start in range(0, len(where), TOGETHER):
                some = where[start : start + TOGETHER]
                for region, answer in zip(some, pool.ask([*map(question, some)]), strict=True):
                    batch = batches[region]
                    shown[region] |= {p.prompt for p in batch}
                    for behaviour, more, places in answer.value or ():
                        explained[region] |= {batch[place].prompt for place in places}
                        direction: Direction = "more" if more else "less"
                        shown_by = len(set(places))
                        found.append(_Written(behaviour, direction, frozenset({region}), shown_by))
            found = _merged(pool, role, found)
        except BudgetSpent:
            found = _same_words(found)
            break
    found.sort(key=lambda h: (-h.pairs, h.behaviour))
    # How often it shows is for the screen to say: the pairs it was written from do not tell.
    return [
        new_hypothesis(
            statement_of(h.behaviour, h.direction, sorted(h.regions), regions),
            h.direction,
            "assistant",
            h.regions,
            behaviour=h.behaviour,
        )
        for h in found[:most]
    ]


@dataclass(frozen=True)
class _Written:
    """A hypothesis while they are written, and how many pairs were said to show it."""

    behaviour: str
    direction: Direction
    regions: frozenset[str]
    pairs: int


def statement_of(
    behaviour: str,
    direction: Direction,
    where: Iterable[str],
    regions: Mapping[str, Region],
) -> str:
    """A directional sentence for a behaviour and the regions that show it."""
    opening = asked({region: Net(1, 0, 1, 1.0) for region in where}, regions)
    return (
        f"{opening}, the intervention model is {direction} likely than the base to give "
        f"a response that {behaviour}"
    )


def _one_a_prompt(pairs: Sequence[Pair], seed: int) -> list[Pair]:
    """One pair of each prompt, prompts in hash order; pairs of equal texts show nothing."""
    first: dict[str, Pair] = {}
    for pair in pairs:
        if pair.base != pair.intervention:
            first.setdefault(pair.prompt, pair)
    return sorted(first.values(), key=lambda p: hash_unit("author", seed, p.prompt))


def _next_pairs(pairs: Sequence[Pair], explained: set[str], shown: set[str]) -> list[Pair]:
    """What nothing explains yet, seen ones first; then the rest."""

    def rank(pair):
        return pair.prompt in explained, pair.prompt not in shown

    return sorted(pairs, key=rank)[:PAIRS]


def _same_words(found: Iterable[_Written]) -> list[_Written]:
    """Statements of the same words as one."""
    by_words: dict[tuple[str, str], list[_Written]] = defaultdict(list)
    for hypothesis in found:
        by_words[hypothesis.direction, hypothesis.behaviour.lower()].append(hypothesis)
    return [_joined(same) for same in by_words.values()]


def _merged(pool: Pool, role: Role, found: Iterable[_Written]) -> list[_Written]:
    """Statements that say the same as one: first by their words, then as the model sees it."""
    distinct = _same_words(found)
    if len(distinct) < 2:
        return distinct
    statements = [h.behaviour for h in distinct]
    (answer,) = pool.ask([merge_question(role, statements)])
    merged, gone = list[_Written](), set[int]()
    for group in answer.value or ():
        for direction in ("more", "less"):
            places = [p for p in group if p not in gone and distinct[p].direction == direction]
            if len(places) > 1:
                gone |= set(places)
                merged.append(_joined([distinct[place] for place in places]))
    return merged + [h for place, h in enumerate(distinct) if place not in gone]


def _joined(same: Sequence[_Written]) -> _Written:
    """The one that most pairs show, with the regions and pairs of all."""
    best = max(same, key=lambda h: h.pairs)
    regions = frozenset[str]().union(*(h.regions for h in same))
    return replace(best, regions=regions, pairs=sum(h.pairs for h in same))
