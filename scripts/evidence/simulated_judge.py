"""A judge of known quality, and the fixed protocol that it is compared with.

The judge answers as a lazy one would: a request holds one pair of responses to a prompt, up to ten
hypotheses and one placebo, and each reply counts as one request.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, TypedDict, Unpack

import numpy as np
from scipy.stats import binom

from scripts.evidence.cascade import Escalate, cascade
from scripts.evidence.race import Delta, Results, Wanted
from scripts.evidence.request_counts import TOGETHER, requests
from scripts.evidence.status import SUGGESTIVE_AT


class SimulatedJudge:
    """Judges what a race wants, and counts its requests.

    A true hypothesis is answered for the intervention with chance `accuracy`, else for the base
    (never neither, which would help). A false one, and every placebo, is answered neither with
    chance `neither`, else for either side alike. With chance `lean` a sentence, whichever it is, is
    answered for the longer response, and that is the intervention's on a share `longer` of the
    prompts. A share `garbage` of the requests is unreadable: all its sentences score 0. Of each
    prompt it reads `samples` pairs, or as many as the list of its region says (which begins at
    prompt number start[region]), each in requests of its own, and its mistakes on them are
    independent, which flatters a real judge.
    """

    def __init__(
        self,
        true: Collection[str],
        *,
        accuracy: float,
        neither: float = 0.7,
        lean: float = 0.0,
        longer: float = 0.5,
        garbage: float = 0.0,
        samples: int | Mapping[str, Sequence[int]] = 1,
        start: Mapping[str, int] | None = None,
        seed: int = 0,
    ):
        self._true = frozenset(true)
        self._accuracy, self._neither, self._garbage = accuracy, neither, garbage
        self._lean, self._longer, self._samples = lean, longer, samples
        self._start = dict(start or {})
        self._read: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        self._rng = np.random.default_rng(seed)
        self.requests = 0

    def __call__(self, wanted: Wanted) -> Results:
        return {region: self._prompt(region, names) for region, names in wanted.items()}

    def complete(self, regions: Mapping[str, Sequence[str]], prompts: Mapping[str, int]) -> None:
        """Count the requests that judge these hypotheses on the first so many prompts of each of
        their regions, as far as they have not been judged there."""
        for region, most in prompts.items():
            here = [name for name, own in regions.items() if region in own]
            start, read = self._start.get(region, 0), self._read[region]
            for number in range(most if here else 0):
                known = read[number - start] if start <= number < start + len(read) else ()
                left = requests(sum(name not in known for name in here))
                self.requests += left * self._pairs(region, number)

    def _pairs(self, region: str, number: int) -> int:
        return self._samples if isinstance(self._samples, int) else self._samples[region][number]

    def _prompt(self, region: str, names: tuple[str, ...]) -> dict[str, tuple[int, int]]:
        """s and s' of one prompt; sentences come shuffled into requests."""
        count = requests(len(names))
        samples = self._pairs(region, self._start.get(region, 0) + len(self._read[region]))
        self._read[region].append(names)
        self.requests += count * samples
        order = self._rng.permutation(len(names))
        request = np.arange(len(names)) // TOGETHER
        is_true = np.array([names[i] in self._true for i in order] + [False] * count)
        total = np.zeros((2, len(names)), dtype=int)
        for _ in range(samples):
            answers = self._answers(is_true)
            d, placebo = answers[: len(names)], answers[len(names) :][request]
            readable = (self._rng.random(count) >= self._garbage)[request]
            total += np.array([d, d - placebo]) * readable
        s, s_prime = np.sign(total).tolist()
        return {names[i]: (a, b) for i, a, b in zip(order, s, s_prime, strict=True)}

    def _answers(self, is_true: np.ndarray) -> np.ndarray:
        """Pair scores of one pair of responses, +1, 0 or -1, shape of is_true."""
        longer = 1 if self._rng.random() < self._longer else -1
        chance = self._rng.random((3, len(is_true)))
        right = np.where(chance[0] < self._accuracy, 1, -1)
        side = np.where(chance[0] < 0.5, 1, -1)
        answers = np.where(is_true, right, np.where(chance[1] < self._neither, 0, side))
        return np.where(chance[2] < self._lean, longer, answers)


class Habits(TypedDict, total=False):
    """Those of a simulated judge that may be left out."""

    neither: float
    lean: float
    longer: float
    garbage: float
    samples: int | Mapping[str, Sequence[int]]


class JudgedAudit(NamedTuple):
    """What a simulated audit asked and found."""

    cheap_requests: int
    strong_requests: int
    escalated: int  # hypotheses that the strong judge read
    power: float  # share of the true hypotheses in the e-BH set, 0 if none is true
    false_share: float  # share of false ones in the e-BH set, 0 if it is empty


def judged_audit(
    regions: Mapping[str, Sequence[str]],
    prompts: Mapping[str, int],
    share: Mapping[str, int],
    *,
    true: int,
    accuracies: tuple[float, float],
    delta: tuple[Delta, Delta],
    rng: np.random.Generator,
    q: float = 0.05,
    escalate: Escalate = "borderline",
    hypotheses: int | None = None,
    rates: tuple[int, int] = (0, 0),
    **habits: Unpack[Habits],
) -> JudgedAudit:
    """Simulate one audit in which `true` hypotheses, chosen by chance, are true.

    regions, prompts, share, delta, q, hypotheses and escalate are those of cascade.cascade,
    accuracies those of the cheap and the strong judge; habits are those of both. rates: of what has
    evidence, the first so many prompts of each region that either judge reads to the end; the cheap
    one no more than its share.
    """
    names = list(regions)
    is_true = set(rng.choice(names, true, replace=False).tolist())
    cheap, strong = (
        SimulatedJudge(
            is_true, accuracy=accuracy, start=start, seed=int(rng.integers(2**63)), **habits
        )
        for accuracy, start in zip(accuracies, (None, share), strict=True)
    )
    outcomes = cascade(
        regions,
        prompts,
        cheap,
        strong,
        share=share,
        q=q,
        delta=delta,
        escalate=escalate,
        hypotheses=hypotheses,
    )
    found = {name for name, outcome in outcomes.items() if outcome.in_set}
    rated = {
        name: regions[name]
        for name, outcome in outcomes.items()
        if outcome.in_set or min(outcome.e, outcome.e_prime) >= SUGGESTIVE_AT
    }
    for judge, most, there_are in ((cheap, rates[0], share), (strong, rates[1], prompts)):
        judge.complete(rated, {region: min(most, n) for region, n in there_are.items()})
    return JudgedAudit(
        cheap.requests,
        strong.requests,
        sum(outcome.strong is not None for outcome in outcomes.values()),
        len(found & is_true) / max(1, true),
        len(found - is_true) / max(1, len(found)),
    )


def fixed_protocol(
    rng: np.random.Generator,
    is_true: np.ndarray,
    accuracy: float,
    judgements: int = 50,
    q: float = 0.05,
) -> np.ndarray:
    """Return the mask of hypotheses that the fixed protocol accepts.

    Each hypothesis gets so many single judgements, one a request, right with chance `accuracy` if
    it is true and 1/2 if false; one-sided exact binomial p-values, Benjamini-Hochberg at q.
    """
    right = rng.binomial(judgements, np.where(is_true, accuracy, 0.5))
    p = binom.sf(right - 1, judgements, 0.5)
    ranked = np.sort(p)
    passed = ranked[ranked <= q * np.arange(1, len(p) + 1) / len(p)]
    return p <= passed.max(initial=-1.0)
