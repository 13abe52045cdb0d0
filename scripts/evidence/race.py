"""The confirm stage as a race: all hypotheses of a region in lock-step, each leaving when decided.

    race = Race(regions_of_hypothesis, prompts_of_region)
    while wanted := race.wanted():            # {region: hypotheses to judge on its next prompt}
        race.feed(judge(wanted))              # {region: {hypothesis: (s, s')}}
    race.standings()

`drive` does this, and asks about prompts ahead meanwhile, where that costs no request more.

A hypothesis's evidence is min(E, E'), E from its signs s, E' from its signs s' against the placebo
drawn for the prompt (betting.prompt_sign). It leaves

- "validated": inside the current e-BH set, on the stopped values of those that left before;
- "hopeless": outside the e-BH set even if it, and every other one still racing, won all its
  remaining prompts. This is E(w + remaining, l) < K / (q undropped), repeated until none drops;
- "futile": the mean of F at delta and F' at delta / 2 reaches 20, the evidence that its effect is
  below delta (betting.futility_value); where delta names two effects (Sought), it is the mean over
  both. A placebo that always answers, on either side alike, halves
  the effect in s' and never does worse;
- "exhausted": no prompt is left, or the budget ended (finish).

Its evidence is frozen there. Stopping times of this kind keep e-BH valid because every hypothesis
of a region is judged on a prompt before any result is used, and none joins late or returns
(arXiv 2502.08539, 2009.02824).
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias, TypeVar, cast

import numpy as np

from scripts.evidence.betting import futility_value, log_e_value
from scripts.evidence.ebh import e_bh
from scripts.evidence.reasons import Stop
from scripts.evidence.request_counts import requests

Signs = tuple[int, int]
Wanted = dict[str, tuple[str, ...]]
OfPrompt: TypeAlias = Mapping[str, Signs | None]  # by hypothesis
Results: TypeAlias = Mapping[str, OfPrompt]
Said = TypeVar("Said")  # of the hypotheses on one prompt
Said_contra = TypeVar("Said_contra", contravariant=True)
Stands_co = TypeVar("Stands_co", covariant=True)
# For each region what is said of its next prompt, or what waits for that and is told who races.
Awaited: TypeAlias = Mapping[str, Said | Callable[[Sequence[str]], Said]]

FUTILE_AT = 20.0


class Sought(NamedTuple):
    """Effects P(+) - P(-) worth finding: of all prompts, and of those that are no ties. What shows
    in few responses has few decided prompts and wins most of them; what is false is as likely to
    lose. A hypothesis for which both hold stays with a chance of 95 % at least."""

    all: float
    decided: float


Delta: TypeAlias = float | Sought | None


class Tally(NamedTuple):
    """Prompts won, tied and lost."""

    wins: int
    ties: int
    losses: int


class Standing(NamedTuple):
    """Where a hypothesis stands, or stood when it left."""

    counts: Tally  # of s
    counts_prime: Tally  # of s'
    e: float
    e_prime: float
    in_set: bool  # min(e, e_prime) is in the e-BH set of all stopped or current values
    stopped: Stop | None  # None while it races
    judged: int  # prompts with a result
    missing: int  # prompts whose result was lost
    remaining: int  # prompts of its regions which it did not use
    by_region: dict[str, tuple[Tally, Tally]]  # of s and s'


class Race:
    """The race of one confirm stage with one judge."""

    def __init__(
        self,
        regions: Mapping[str, Sequence[str]],
        prompts: Mapping[str, int],
        *,
        q: float = 0.05,
        delta: Delta = 0.1,
        hypotheses: int | None = None,
        carried: Mapping[str, tuple[float, float]] | None = None,
        later: Mapping[str, int] | None = None,
    ):
        """Line up the hypotheses.

        regions: the regions of each hypothesis, without placebos. prompts: how many confirm prompts
        each region has, fixed beforehand. hypotheses: K, frozen before the first confirm draw, by
        default those given. delta: the smallest effect of interest, of all prompts unless it says
        otherwise; None to race without futility.
        carried: (E, E') of an earlier judge, multiplied, for prompts that are fresh to this one. A
        name that is not in `regions` races no more but keeps this evidence in the e-BH set. later:
        how many more prompts of each region a later judge will have; they keep hope alive.

        A hypothesis that all its prompts could not validate leaves at once as hopeless.
        Raises ValueError when a hypothesis has no region or an unknown or repeated one, a number of
        prompts is negative, carried evidence is negative, K is less than the hypotheses given, or q
        or delta is not in (0, 1).
        """
        carried, later = carried or {}, later or {}
        self._names = [*regions, *(name for name in carried if name not in regions)]
        self._regions = list(prompts)
        self._row = {name: i for i, name in enumerate(self._names)}
        self._column = {region: j for j, region in enumerate(self._regions)}
        self._q, self._delta = q, delta
        self._K = len(self._names) if hypotheses is None else hypotheses
        self._left = np.array([prompts[region] for region in self._regions], dtype=int)
        later_prompts = np.array([later.get(region, 0) for region in self._regions], dtype=int)
        if (self._left < 0).any() or (later_prompts < 0).any():
            raise ValueError("A region has a negative number of confirm prompts.")
        self._lives = np.zeros((len(self._names), len(self._regions)), dtype=bool)
        for name, own in regions.items():
            unknown = set(own) - set(self._regions)
            if unknown or not own or len(set(own)) < len(own):
                raise ValueError(
                    f"Hypothesis {name!r} has regions {list(own)}; it needs at least one, each "
                    f"once, of those with confirm prompts: {self._regions}."
                )
            self._lives[self._row[name], [self._column[region] for region in own]] = True
        # Axes: hypothesis, region, (s, s'), (losses, ties, wins): a sign s counts at index s + 1.
        self._counts = np.zeros((*self._lives.shape, 2, 3), dtype=int)
        self._missing = np.zeros(len(self._names), dtype=int)
        self._carried = np.zeros((len(self._names), 2))
        for name, values in carried.items():
            if not all(value >= 0 for value in values):
                raise ValueError(f"Carried evidence {values} of {name!r} is not two e-values.")
            with np.errstate(divide="ignore"):
                self._carried[self._row[name]] = np.log(values)
        self._remaining = self._lives @ self._left
        self._later_wins = log_e_value(self._lives @ later_prompts, 0)[:, None]
        self._stopped: list[Stop | None] = [None] * len(self._names)
        self._settle()

    def active(self) -> list[str]:
        """The hypotheses that still race."""
        return [n for n, stopped in zip(self._names, self._stopped, strict=True) if stopped is None]

    def wanted(self, later: int = 0) -> Wanted:
        """For each region with work left, the hypotheses to judge on its next prompt; empty when
        the race is over.

        With `later`, on the prompt that comes so much later, asked before the results of those
        between are known: regions in which as many requests are certain to be needed then. Some of
        the hypotheses named may have left by then.
        """
        racing = self._racing()
        sure = self._sure(later) if later else racing
        wanted = {}
        for region, j in self._column.items():
            rows = np.flatnonzero(racing & self._lives[:, j] & (self._left[j] > later))
            if len(rows) and requests(len(rows)) == requests(int(np.sum(sure & self._lives[:, j]))):
                wanted[region] = tuple(self._names[i] for i in rows)
        return wanted

    def left(self) -> dict[str, int]:
        """How many prompts of each region are not judged yet."""
        return {region: int(self._left[j]) for region, j in self._column.items()}

    def feed(self, results: Results) -> None:
        """Take the signs of one prompt in one or more of the wanted regions, then let leave.

        results[region][hypothesis] is (s, s'), or None when its reply was lost, which uses the
        prompt up. Every hypothesis wanted in that region must be there: lock-step. Those that left
        may be there too (a judge asked for several prompts ahead); they are ignored, frozen.
        Without placebos give (s, s).

        Raises ValueError, and takes nothing, for a region that wants nothing, a hypothesis that is
        unknown, not of that region or lacking, or a sign that is not -1, 0 or +1.
        """
        wanted = self.wanted()
        for region, signs in results.items():
            if region not in wanted:
                raise ValueError(f"Region {region!r} wants no prompt judged: see Race.wanted().")
            lacking = [name for name in wanted[region] if name not in signs]
            if lacking:
                raise ValueError(
                    f"Region {region!r} lacks results of {lacking} on this prompt. All hypotheses "
                    "of a region are judged on a prompt before any result is used; give None for "
                    "a lost reply."
                )
            for name, pair in signs.items():
                if name not in self._row or not self._lives[self._row[name], self._column[region]]:
                    raise ValueError(f"Hypothesis {name!r} does not race in region {region!r}.")
                if pair is not None and (len(pair) != 2 or any(s not in (-1, 0, 1) for s in pair)):
                    raise ValueError(f"Signs {pair} of {name!r} must be two of -1, 0 and +1.")
        for region, signs in results.items():
            j = self._column[region]
            self._left[j] -= 1
            for name in wanted[region]:
                i = self._row[name]
                self._remaining[i] -= 1
                pair = signs[name]
                if pair is None:
                    self._missing[i] += 1
                    continue
                for which, sign in enumerate(pair):
                    self._counts[i, j, which, int(sign) + 1] += 1
        self._settle()

    def finish(self) -> None:
        """End the race for want of budget: whoever still races leaves as exhausted."""
        self._leave(self._racing(), Stop.EXHAUSTED)

    def standings(self) -> dict[str, Standing]:
        """Each hypothesis's counts, evidence, membership of the e-BH set, and why it left."""
        log_e = self._evidence()
        in_set = self._set_of(log_e)
        with np.errstate(over="ignore"):
            e = np.exp(log_e)
        standings = {}
        for i, name in enumerate(self._names):
            own = np.flatnonzero(self._lives[i])
            standings[name] = Standing(
                *_tallies(self._counts[i].sum(axis=0)),
                e=float(e[i, 0]),
                e_prime=float(e[i, 1]),
                in_set=bool(in_set[i]),
                stopped=self._stopped[i],
                judged=int(self._counts[i, :, 0].sum()),
                missing=int(self._missing[i]),
                remaining=int(self._remaining[i]),
                by_region={self._regions[j]: _tallies(self._counts[i, j]) for j in own},
            )
        return standings

    def _racing(self) -> np.ndarray:
        return np.array([stopped is None for stopped in self._stopped], dtype=bool)

    def _leave(self, rows: np.ndarray, reason: Stop) -> None:
        """Let the rows leave, given as a mask or as indices."""
        for i in np.arange(len(self._names))[rows]:
            self._stopped[i] = reason

    def _evidence(
        self, more_wins: np.ndarray | int = 0, more_losses: np.ndarray | int = 0
    ) -> np.ndarray:
        """Log E and log E', shape (hypotheses, 2), were so many next prompts won and lost."""
        counts = self._counts.sum(axis=1)
        wins = counts[..., 2] + np.reshape(more_wins, (-1, 1))
        losses = counts[..., 0] + np.reshape(more_losses, (-1, 1))
        return self._carried + log_e_value(wins, losses)

    def _futile(self, rows: np.ndarray, more_losses: np.ndarray | int = 0) -> np.ndarray:
        """Those of the rows, given as indices, that are futile after so many more losses, by the
        mean of F and F'. It is one bet against "s has effect delta, s' half of it", so the two
        together lose no more than the 5 % of one."""
        if self._delta is None:
            return rows[:0]
        losses, ties, wins = np.moveaxis(self._counts[rows].sum(axis=1), -1, 0)
        losses = losses + np.reshape(more_losses, (-1, 1))
        if isinstance(self._delta, Sought):
            bets = [(ties, self._delta.all), (0 * ties, self._delta.decided)]
        else:
            bets = [(ties, self._delta)]
        values = [
            futility_value(wins[:, i], tied[:, i], losses[:, i], effect / (1 + i))
            for tied, effect in bets
            for i in (0, 1)
        ]
        return rows[np.mean(values, axis=0) >= FUTILE_AT]

    def _sure(self, later: int) -> np.ndarray:
        """Who races on after so many more prompts of each region, whatever they bring: in no e-BH
        set if all won them, and neither futile nor hopeless if all lost them. That others may have
        left by then counts against hope."""
        racing = self._racing()
        more = np.where(racing, self._lives @ np.minimum(later, self._left), 0)
        worst = self._evidence(more_losses=more)
        k = int(self._set_of(worst).sum()) + 1
        left = self._remaining - more
        best = self._evidence(np.where(racing, left, 0), more) + self._later_wins
        hopeful = best.min(axis=1) > np.log(self._K / (self._q * k)) + 1e-9
        sure = racing & (left > 0) & hopeful & ~self._set_of(self._evidence(more))
        rows = np.flatnonzero(sure)
        sure[self._futile(rows, more[rows])] = False
        return sure

    def _set_of(self, log_e: np.ndarray) -> np.ndarray:
        """The e-BH set on min(E, E')."""
        with np.errstate(over="ignore"):
            return e_bh(np.exp(log_e.min(axis=1)), self._q, self._K)

    def _settle(self) -> None:
        """Let leave who may, best news first."""
        self._leave(self._racing() & self._set_of(self._evidence()), Stop.VALIDATED)
        self._leave(self._racing() & (self._remaining == 0), Stop.EXHAUSTED)
        self._leave(self._futile(np.flatnonzero(self._racing())), Stop.FUTILE)
        # Whoever left keeps what it had, so a small frozen value makes hopes of the others smaller.
        racing = self._racing()
        best = self._evidence(np.where(racing, self._remaining, 0))
        best += np.where(racing[:, None], self._later_wins, 0)
        self._leave(racing & ~self._set_of(best), Stop.HOPELESS)


class Runner(Protocol[Said_contra, Stands_co]):
    """What `drive` drives: a race, or what takes the place of one."""

    def wanted(self, later: int = 0) -> Wanted: ...
    def left(self) -> Mapping[str, int]: ...
    def feed(self, results: Mapping[str, Said_contra]) -> None: ...
    def finish(self) -> None: ...
    def standings(self) -> Stands_co: ...


def drive(
    race: Runner[Said, Stands_co],
    judge: Callable[[Wanted], Awaited[Said]],
    ahead: int = 0,
    tell: Callable[[int], None] | None = None,
) -> Stands_co:
    """Run the race to its end with a judge that answers wanted(), and return the standings.

    The judge gives for each region the results of its next prompt, or a function that waits for
    them and is told which hypotheses still race. So regions go on by themselves, up to `ahead`
    prompts before the slowest reply; what is asked when depends on no one's speed, and the race is
    the same with any `ahead`. The judge may answer some of the wanted regions only; when it answers
    none (its budget has ended), the race ends and whoever still races leaves as exhausted. `tell`
    is told how many requests a sample of each prompt are left at most.
    """
    # Asked about and not fed yet, by region.
    steps: deque[dict[str, Said | Callable[[Sequence[str]], Said]]] = deque()
    while wanted := race.wanted():
        if tell:
            left = race.left()
            tell(sum(left[region] * requests(len(names)) for region, names in wanted.items()))
        for later in range(ahead + 1):
            if later == len(steps):
                steps.append({})
            due = {
                region: names
                for region, names in race.wanted(later).items()
                if region not in steps[later] and (not later or region in steps[later - 1])
            }
            if due:
                steps[later].update(judge(due))
        results = {
            region: given(wanted[region]) if callable(given) else cast(Said, given)
            for region, given in steps.popleft().items()
        }
        if results:
            race.feed(results)
        else:
            race.finish()
    return race.standings()


def _tallies(counts: np.ndarray) -> tuple[Tally, Tally]:
    """Tallies of s and s' from counts of shape ((s, s'), (losses, ties, wins))."""
    s, s_prime = (Tally(*(int(n) for n in reversed(row))) for row in counts)
    return s, s_prime
