"""The confirm pool before its judges: who is asked what, prompt by prompt, while the race lasts."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

from scripts.assistants.client import BudgetSpent
from scripts.assistants.judge import Asked, Judge, Judged, Judging
from scripts.core.job import log
from scripts.core.randomness import hash_unit
from scripts.evidence.cascade import Escalate, Outcome, cascade
from scripts.evidence.race import Delta, OfPrompt, Race, Standing, Tally, drive
from scripts.evidence.reasons import Stop
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.judgement import Judgement
from scripts.hypotheses.pairs import Pair

AHEAD = 8  # prompts of a region that may be asked about before the slowest reply is in


def judging_order(prompts: Iterable[str], seed: int) -> list[str]:
    """The order in which the prompts of a region are judged, by chance alone."""
    return sorted(prompts, key=lambda prompt: hash_unit("confirm", seed, prompt))


def whole_blocks(pairs: Sequence[Pair], seed: int) -> list[Pair]:
    """The pairs of a pool whose unit is the draw, as many of each region: where draws have no text
    of both subjects, the others' last ones in the order of judging, which no text decides, go."""
    by_region: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        by_region[pair.region].append(pair.prompt)
    least = min(map(len, by_region.values()), default=0)
    kept = {unit for units in by_region.values() for unit in judging_order(units, seed)[:least]}
    return [pair for pair in pairs if pair.prompt in kept]


class Bench:
    """The confirm pool before one judge: each hypothesis on each prompt is judged once at most.

    judge: from what is asked to a function that waits for Judgements; pairs: those of the pool;
    start: how many prompts of a region come before this judge's own. `raced` are the judgements
    that a race used.
    """

    def __init__(
        self,
        judge: Judging,
        pairs: Sequence[Pair],
        seed: int,
        start: Mapping[str, int] | None = None,
    ):
        self._judge = judge
        self.by_region: dict[str, dict[str, list[Pair]]] = defaultdict(lambda: defaultdict(list))
        for pair in pairs:
            self.by_region[pair.region][pair.prompt].append(pair)
        self.order = {
            region: judging_order(prompts, seed) for region, prompts in self.by_region.items()
        }
        self.judged: dict[str, dict[str, Judgement | None]] = defaultdict(dict)
        self.raced: dict[str, list[Judgement]] = defaultdict(list)
        self._taken = {region: (start or {}).get(region, 0) for region in self.order}

    def next_prompts(
        self, wanted: Mapping[str, Sequence[str]]
    ) -> dict[str, Callable[[Sequence[str]], OfPrompt]]:
        """The judge of a race (race.drive): for each region a function that waits for the signs of
        the hypotheses on its next prompt; nothing when the budget has ended."""
        asked = {r: (self.order[r][self._taken[r]], names) for r, names in wanted.items()}
        try:
            judged = self._ask(asked)
        except BudgetSpent:
            return {}
        for region in asked:
            self._taken[region] += 1

        def signs(region: str, racing: Sequence[str]) -> OfPrompt:
            found = {name: judged()[region][name] for name in racing}
            for name, judgement in found.items():
                if judgement is not None:
                    self.raced[name].append(judgement)
            return {name: j.signs if j else None for name, j in found.items()}

        return {region: partial(signs, region) for region in asked}

    def complete(self, regions: Mapping[str, Sequence[str]], prompts: Mapping[str, int]) -> None:
        """Judge these hypotheses on the first so many prompts of each of their regions."""
        most = {r: min(n, len(self.order[r])) for r, n in prompts.items()}
        under_way: deque[Callable[[], Judged]] = deque()
        for number in range(max(most.values(), default=0)):
            asked: dict[str, tuple[str, list[str]]] = {}
            for name, of_one in regions.items():
                for region in of_one:
                    if number < most[region]:
                        prompt = self.order[region][number]
                        if prompt not in self.judged[name]:
                            asked.setdefault(region, (prompt, []))[1].append(name)
            while asked:
                try:
                    under_way.append(self._ask(asked))
                    break
                except BudgetSpent:  # but those under way may cost less than was reserved for them
                    if not under_way:
                        raise
                    under_way.popleft()()
        for judged in under_way:
            judged()

    def first(self, hypothesis: Hypothesis, prompts: Mapping[str, int]) -> list[Judgement]:
        """The judgements of a hypothesis on the first so many prompts of each region."""
        chosen = [
            prompt
            for region in hypothesis.regions
            for prompt in self.order.get(region, ())[: prompts.get(region, 0)]
        ]
        found = [self.judged[hypothesis.id].get(prompt) for prompt in chosen]
        return [judgement for judgement in found if judgement is not None]

    def all_judged(self) -> list[Judgement]:
        """Everything that was judged, and of each whether a race used it."""
        raced = {name: {j.prompt for j in of_one} for name, of_one in self.raced.items()}
        return [
            replace(judgement, raced=judgement.prompt in raced.get(name, ()))
            for name, of_one in self.judged.items()
            for judgement in of_one.values()
            if judgement is not None
        ]

    def _ask(self, asked: Asked) -> Callable[[], Judged]:
        waiting = self._judge(asked)

        @cache
        def judged() -> Judged:
            results = waiting()
            for region, (prompt, _) in asked.items():
                for name, judgement in results[region].items():
                    self.judged[name][prompt] = judgement
            return results

        return judged


class Judges(NamedTuple):
    """The language models of a confirm stage: which share of each region's prompts the cheap one
    reads (0: none), before the strong one goes on with the others, the effects that their races
    seek, and how many prompts of a region either reads for rates at most."""

    cheap: Judge
    strong: Judge
    share: Mapping[str, int]
    escalate: Escalate
    delta: tuple[Delta, Delta]
    rates: tuple[int, int]


def raced(
    of_tested: Mapping[str, Sequence[str]],
    prompts: Mapping[str, int],
    benches: Sequence[Bench],
    judges: Judges | None,
    K: int,
    q: float,
    delta: tuple[Delta, Delta],
) -> dict[str, Standing]:
    """Where each hypothesis stands after the race, or after the races of both judges, each of which
    seeks a delta of its own. What the budget left undecided says so."""
    if judges is None or not any(judges.share.values()):
        race = Race(of_tested, prompts, q=q, delta=delta[1], hypotheses=K)
        found = drive(race, benches[-1].next_prompts, AHEAD, judges and judges.strong.expect)
    else:
        outcomes = cascade(
            of_tested,
            prompts,
            *(bench.next_prompts for bench in benches),
            share=judges.share,
            q=q,
            delta=delta,
            hypotheses=K,
            escalate=judges.escalate,
            ahead=AHEAD,
            tell=judges.strong.expect,
        )
        found = {name: _joined(outcome) for name, outcome in outcomes.items()}
    for name, standing in found.items():
        if standing.stopped == Stop.EXHAUSTED and standing.remaining:
            log.warning("the budget ended before %s was decided", name)
            found[name] = standing._replace(stopped=Stop.BUDGET)
    return found


def _joined(outcome: Outcome) -> Standing:
    """One standing for what two judges said on different prompts."""
    cheap, strong = outcome.cheap, outcome.strong
    if strong is None:
        return cheap._replace(
            e=outcome.e, e_prime=outcome.e_prime, in_set=outcome.in_set, stopped=outcome.stopped
        )

    def both(first: Tally, second: Tally) -> Tally:
        return Tally(*(a + b for a, b in zip(first, second, strict=True)))

    return strong._replace(
        e=outcome.e,
        e_prime=outcome.e_prime,
        in_set=outcome.in_set,
        stopped=outcome.stopped,
        counts=both(cheap.counts, strong.counts),
        counts_prime=both(cheap.counts_prime, strong.counts_prime),
        judged=cheap.judged + strong.judged,
        missing=cheap.missing + strong.missing,
        by_region={
            region: (
                both(plain, strong.by_region[region][0]),
                both(against_placebos, strong.by_region[region][1]),
            )
            for region, (plain, against_placebos) in cheap.by_region.items()
        },
    )
