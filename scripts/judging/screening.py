"""Eliminate hopeless hypotheses on fresh prompts; a user's own hypotheses join untouched.

Of those that go on, the allowance of confirm draws decides which are tested: here, before any of
them is seen.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np

from scripts.assistants.author import statement_of
from scripts.assistants.client import BudgetSpent, Pool
from scripts.assistants.judge import Judging
from scripts.assistants.questions.judging import judge_tokens
from scripts.assistants.roles import ScreenRoles, shares_read
from scripts.assistants.usage import Amount, RoleUsage
from scripts.checks.check import Check, graded
from scripts.draws.settings import ConfirmPool, PoolSettings
from scripts.evidence.betting import e_value, log_e_value
from scripts.evidence.race import Wanted, drive
from scripts.evidence.reasons import Stop
from scripts.evidence.request_counts import TOGETHER, confirm_requests, requests
from scripts.hypotheses.hypothesis import Hypothesis, Screened
from scripts.hypotheses.judgement import Judgement
from scripts.hypotheses.needs import expected_share, samples_by_region
from scripts.hypotheses.pairs import Net, Pair, pair_score, region_nets
from scripts.hypotheses.wording import sentence
from scripts.judging.reach import sign_test
from scripts.judging.schedule import AHEAD
from scripts.prompts.pools import DealtPrompt
from scripts.prompts.region import Region

BY_LUCK = 0.05
Q = 0.05
WON = 0.85  # of its prompts, by a hypothesis that few prompts should prove
ENOUGH = 6.0  # log e-value that validates one of twenty hypotheses, at a q of 0.05

OfPrompt = Mapping[str, Judgement | None]  # by hypothesis; None where a reply was lost
Affords = Callable[[Sequence[Hypothesis]], bool]  # whether hypotheses can be had together


def screened(
    hypotheses: Sequence[Hypothesis],
    pairs: Sequence[Pair],
    regions: Mapping[str, Region],
    least_net: int,
) -> list[Hypothesis]:
    """Every hypothesis with its counts on the screen pool, its regions narrowed, and whether it
    goes on.

    A region stays where the screen pool speaks for the hypothesis, or has no prompt to ask; of a
    hypothesis on all regions each stays that does not speak against it by two prompts, since what
    is rare shows in few of them. When none would stay, all do and the hypothesis is judged by its
    counts alone. Its share is of all its prompts: of the regions that stay it would flatter.
    """
    rows = []
    for hypothesis in hypotheses:
        check = _check_of(hypothesis)
        here = [pair for pair in pairs if pair.region in hypothesis.regions]
        nets = region_nets(check, here)
        seen = _screened(nets, [pair_score(check, pair) for pair in here])
        everywhere = len(hypothesis.regions) == len(regions)
        kept = [r for r in hypothesis.regions if _stays(nets.get(r), everywhere)]
        kept = kept or list(hypothesis.regions)
        statement = sentence(check, {r: hypothesis.explored[r] for r in kept}, regions)
        # Without any prompt to screen on there is nothing to eliminate by.
        enough = seen.wins - seen.losses >= least_net and _more_than_chance(check, seen)
        rows.append(_narrowed(hypothesis, statement, kept, seen, not nets or enough))
    return rows


def _check_of(hypothesis: Hypothesis) -> Check:
    if hypothesis.check is None:
        raise ValueError(f"{hypothesis.id} has no check: only a model can judge it")
    return hypothesis.check


def _screened(nets: Mapping[str, Net], scores: Sequence[float]) -> Screened:
    return Screened(
        prompts=sum(net.prompts for net in nets.values()),
        wins=sum(net.wins for net in nets.values()),
        losses=sum(net.losses for net in nets.values()),
        share=round(sum(scores) / max(1, len(scores)), 4),
    )


def _narrowed(
    hypothesis: Hypothesis, statement: str, kept: Iterable[str], seen: Screened, goes_on: bool
) -> Hypothesis:
    """A hypothesis after the screen, which its id does not tell."""
    regions = tuple(sorted(kept))
    return replace(
        hypothesis,
        statement=statement,
        regions=regions,
        dropped_regions=tuple(sorted(set(hypothesis.regions) - set(regions))),
        screen=seen,
        goes_on=goes_on,
    )


def _stays(net: Net | None, everywhere: bool) -> bool:
    return net is None or net.wins - net.losses > (-2 if everywhere else 0)


def _more_than_chance(check: Check, seen: Screened) -> bool:
    """Of a graded check, which nearly every prompt speaks for or against, half would pass by luck
    and take the draws of others: a sign test keeps one in twenty of those, and what was won on each
    of a few prompts."""
    kept = not seen.losses or sign_test(seen.wins, seen.losses) <= BY_LUCK
    return kept or not graded(check)


class Elimination:
    """The screen pool as a race that only the hopeless leave: those who would not reach the least
    net win even if they won every prompt left. Takes race.drive's place of a Race."""

    def __init__(
        self,
        hypotheses: Sequence[Hypothesis],
        prompts: Mapping[str, Sequence[str]],
        judge: Judging,
        least_net: int,
    ):
        self._hypotheses = {h.id: [r for r in h.regions if r in prompts] for h in hypotheses}
        self._prompts = prompts
        self._asked, self._fed = Counter[str](), Counter[str]()  # prompts, by region
        self._judge, self._least = judge, least_net
        self.ended = False  # by the budget
        self.judged: dict[str, dict[str, list[Judgement]]] = {
            h.id: defaultdict(list) for h in hypotheses
        }

    def wanted(self, later: int = 0) -> Wanted:
        """For each region with prompts left, the hypotheses that may still pass; as in a race,
        `later` means the prompt that comes so much later."""
        found = {}
        for region in () if self.ended else self._prompts:
            here = [n for n, where in self._hypotheses.items() if region in where]
            active, sure = ([n for n in here if self._hope(n, lost)] for lost in (0, later))
            as_many = requests(len(active)) == requests(len(sure))
            if active and as_many and self._left(region) > later:
                found[region] = tuple(active)
        return found

    def left(self) -> dict[str, int]:
        """How many prompts of each region are not judged yet."""
        return {region: self._left(region) for region in self._prompts}

    def judge(self, wanted: Wanted) -> dict[str, Callable[[Sequence[str]], OfPrompt]]:
        """For each region a function that waits for the judgements of its next prompt; nothing when
        the budget has ended."""
        try:
            judged = cache(
                self._judge({r: (self._prompts[r][self._asked[r]], n) for r, n in wanted.items()})
            )
        except BudgetSpent:
            return {}
        self._asked.update(wanted.keys())

        def of_next(region: str, racing: Sequence[str]) -> OfPrompt:
            return {name: judged()[region][name] for name in racing}

        return {region: partial(of_next, region) for region in wanted}

    def finish(self) -> None:
        """The budget has ended."""
        self.ended = True

    def feed(self, results: Mapping[str, OfPrompt]) -> None:
        """Take the judgements and use the prompts up."""
        self._fed.update(results.keys())
        for of_region in results.values():
            for name, judgement in of_region.items():
                if judgement is not None:
                    self.judged[name][judgement.region].append(judgement)

    def standings(self) -> dict[str, dict[str, Net]]:
        """Prompts for and against each hypothesis by region, and its net share."""
        return {
            name: {region: _net(of_region) for region, of_region in of_one.items()}
            for name, of_one in self.judged.items()
        }

    def _left(self, region: str) -> int:
        return len(self._prompts[region]) - self._fed[region]

    def _hope(self, name: str, lost: int) -> bool:
        """Whether it may pass if it lost so many more prompts of each region."""
        left = [self._left(region) for region in self._hypotheses[name]]
        net = sum(j.signs[0] for of_one in self.judged[name].values() for j in of_one)
        return net + sum(n - 2 * min(n, lost) for n in left) >= self._least


def _net(judged: Sequence[Judgement]) -> Net:
    signs = [judgement.signs[0] for judgement in judged]
    share = float(np.mean([judgement.intervention - judgement.base for judgement in judged]))
    return Net(signs.count(1), signs.count(-1), len(signs), share)


def screened_by_model(
    hypotheses: Sequence[Hypothesis],
    pairs: Sequence[Pair],
    regions: Mapping[str, Region],
    least_net: int,
    judge: Judging,
    tell: Callable[[int], None] | None = None,
) -> list[Hypothesis]:
    """As `screened`, judged by a model; what the budget leaves unjudged goes on. `tell` is that of
    race.drive.

    The share is that of the regions that stay. It flatters, so that confirm draws less: of what
    holds in one to four of four or eight regions 77 to 93 % are validated with 23 to 66 draws each,
    by simulation, where the share of all regions validates 98 to 100 % with 49 to 187.
    """
    prompts: dict[str, dict[str, None]] = defaultdict(dict)
    for pair in pairs:
        prompts[pair.region][pair.prompt] = None
    race = Elimination(
        hypotheses, {r: list(of_one) for r, of_one in prompts.items()}, judge, least_net
    )
    standings = drive(race, race.judge, AHEAD, tell)
    rows = []
    for hypothesis in hypotheses:
        nets = standings[hypothesis.id]
        kept = [r for r in hypothesis.regions if r not in nets or nets[r].wins > nets[r].losses]
        kept = kept or list(hypothesis.regions)
        seen = _screened(nets, [nets[r].share for r in kept if r in nets])
        predicate, direction = hypothesis.behaviour or "", hypothesis.direction
        statement = statement_of(predicate, direction, kept, regions)
        enough = seen.wins - seen.losses >= least_net or race.ended
        rows.append(_narrowed(hypothesis, statement, kept, seen, not nets or enough))
    return rows


def afforded(
    pool: Pool, roles: ScreenRoles, settings: PoolSettings, probing: int = 0
) -> Affords | None:
    """Whether what the screen left of the assistant's budget covers the judging of hypotheses in
    the confirm pool to the end, beside the requests that `probing` may take; None where there is
    no budget. Requests cost as many tokens as those of the screen, with replies as long as
    allowed."""
    if not roles.budget.limited:
        return None
    shares = shares_read(roles.judges, roles.panel)
    left = pool.budget - pool.spent
    asked = pool.usage.get(roles.cheap.name, RoleUsage()).amount
    dollars = 0.0
    if asked.requests:
        told, reply = asked.input_tokens / asked.requests, judge_tokens(TOGETHER + 1)
        dollars = sum(
            share * judge.dollars(told, reply + judge.thinking_tokens) for judge, share in shares
        )

    def affords(hypotheses: Sequence[Hypothesis]) -> bool:
        counts = Counter(region for h in hypotheses for region in h.regions)
        number = probing + confirm_requests(samples_by_region(hypotheses, settings), counts)
        asked_for = number * sum(share for _, share in shares)
        return Amount(asked_for, dollars=number * dollars).within(left)

    return affords


def left_out(
    hypotheses: Sequence[Hypothesis],
    prompts: Mapping[str, int],
    settings: ConfirmPool,
    affords: Affords | None = None,
) -> dict[str, Stop]:
    """Why some hypotheses, by their ids, are none of the tested ones: the confirm pool has too few
    prompts to prove so many, or no draws for them, or the assistant `affords` no requests.

    prompts: those of the confirm pool, by region.
    """
    proven = provable(hypotheses, prompts)
    drawn = within_draws(proven, settings)
    judged = within_money(drawn, settings, affords) if affords else drawn
    steps = [
        (Stop.TOO_FEW_PROMPTS, hypotheses, proven),
        (Stop.DRAWS, proven, drawn),
        (Stop.UNPAID, drawn, judged),
    ]
    return {
        hypothesis.id: reason
        for reason, before, after in steps
        for hypothesis in before
        if hypothesis not in after
    }


def provable(hypotheses: Sequence[Hypothesis], prompts: Mapping[str, int]) -> list[Hypothesis]:
    """As many hypotheses, of the most evidence in the screen, as so few prompts could prove: one
    that wins WON of its prompts and ties on the rest must reach the threshold of so many (at a q of
    0.05).

    prompts: those of the confirm pool, by region. A user's own are always tested, and count.
    """

    def turn(hypothesis: Hypothesis) -> tuple[bool, float, float, str]:
        own = hypothesis.source == "user"
        return not own, -_evidence(hypothesis), -expected_share(hypothesis), hypothesis.id

    most = max((sum(prompts.get(r, 0) for r in h.regions) for h in hypotheses), default=0)
    count = max(1, int(min(Q * float(e_value(int(WON * most), 0)), len(hypotheses))))
    own = sum(h.source == "user" for h in hypotheses)
    kept = {h.id for h in sorted(hypotheses, key=turn)[: max(count, own)]}
    return [h for h in hypotheses if h.id in kept]


def within_draws(hypotheses: Sequence[Hypothesis], settings: ConfirmPool) -> list[Hypothesis]:
    """The hypotheses that `draws` of each subject suffice for, in the order given.

    A user's own are given what they take, and ready responses cost nothing.
    """

    def fits(chosen: Sequence[Hypothesis]) -> bool:
        given = chosen[-1].source == "user" or settings["ready"]
        return given or _draws(chosen, settings) <= settings["draws"]

    return _as_many_as(hypotheses, settings, fits)


def within_money(
    hypotheses: Sequence[Hypothesis], settings: PoolSettings, affords: Affords
) -> list[Hypothesis]:
    """The hypotheses that the assistant `affords` to judge together, in the order given."""
    return _as_many_as(hypotheses, settings, affords)


def _as_many_as(
    hypotheses: Sequence[Hypothesis], settings: PoolSettings, fits: Affords
) -> list[Hypothesis]:
    """The hypotheses that fit together, taken one by one and given in their own order.

    A user's own come first, then those with the most evidence for each draw that they take: the
    screen pool's log e-value, of which no more than ENOUGH counts. What shares its regions' draws
    with others costs only what it adds.
    """

    def turn(hypothesis: Hypothesis) -> tuple[bool, float, int, float, str]:
        own, taken = hypothesis.source == "user", _draws([hypothesis], settings)
        evidence = min(ENOUGH, _evidence(hypothesis))
        return not own, -evidence / taken, taken, -expected_share(hypothesis), hypothesis.id

    chosen: list[Hypothesis] = []
    for hypothesis in sorted(hypotheses, key=turn):
        if fits([*chosen, hypothesis]):
            chosen.append(hypothesis)
    kept = {h.id for h in chosen}
    return [h for h in hypotheses if h.id in kept]


def _draws(hypotheses: Sequence[Hypothesis], settings: PoolSettings) -> int:
    """Draws of each subject that hypotheses take together."""
    return sum(sum(samples) for samples in samples_by_region(hypotheses, settings).values())


def _evidence(hypothesis: Hypothesis) -> float:
    """The log e-value of the screen pool's prompts."""
    seen = hypothesis.screen
    return float(log_e_value(seen.wins, seen.losses)) if seen else float(log_e_value(0, 0))


def confirm_prompts(prompts: Iterable[DealtPrompt], most: int) -> dict[str, int]:
    """How many units of each region the confirm pool can use; prompts of a group count once."""
    units = {
        (prompt.region, prompt.unit_name)
        for prompt in prompts
        if prompt.pool == "confirm" and prompt.is_answered
    }
    return {region: min(most, n) for region, n in Counter(r for r, _ in units).items()}
