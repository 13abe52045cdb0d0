"""Which judge reads how many prompts: chosen by simulated audits of the line-up at hand.

With many prompts a cheap judge decides nearly everything for a fraction of the price; with few, its
prompts are only lost to the strong one, unless several pairs of each prompt make up for them. No
rule of thumb says where the borders lie (they move with the prices, the number of hypotheses and
the judges), so the audit about to be made is simulated in every way and the cheapest good one wins.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from scripts.evidence.accuracy import delta_of
from scripts.evidence.race import Delta
from scripts.evidence.simulated_judge import JudgedAudit, judged_audit

# Of each region's prompts, the share that the cheap judge may read.
SPLITS = (0.0, 1 / 3, 2 / 3, 5 / 6)
STRONG_ALONE = (0.0,)
# Simulated true hypotheses behind a power, whose standard error is then at most 0.05, ...
TRUE_ONES = 100
MOST_AUDITS = 12  # ... unless so few are true that this many audits have fewer
TOLERANCE = 0.03


class Judges(NamedTuple):
    """What is assumed of the two judges and of the hypotheses, and the race that is run."""

    cheap: float = 0.7  # accuracy on true hypotheses
    strong: float = 0.8
    price_ratio: float = 20.0  # a strong request over a cheap one
    neither: float = 0.7  # share of answers "neither" on false hypotheses and placebos
    true_share: float = 0.1  # of the hypotheses
    samples: int | Mapping[str, Sequence[int]] = 1
    """Pairs that there are to judge, of each prompt or of each one of a region in order of
    judging."""
    delta: tuple[Delta, Delta] | None = None
    """Effects that the races seek; none is what delta_of says of these accuracies."""
    hypotheses: int | None = None  # K, by default those with regions
    rates: tuple[int, int] = (0, 0)
    """Prompts of a region that either judge reads of what has evidence, for its rates."""


ASSUMED = Judges()


class Split(NamedTuple):
    """One way to share the prompts, and what it should give."""

    share: dict[str, int]  # prompts of each region that the cheap judge may read; 0: strong alone
    samples: int  # pairs of each prompt that either judge reads at most
    requests: tuple[float, float]  # expected, cheap and strong, rates included
    cost: float  # expected, in strong requests
    power: float  # share of the true hypotheses found


def choose(
    regions: Mapping[str, Sequence[str]],
    prompts: Mapping[str, int],
    judges: Judges = ASSUMED,
    *,
    q: float = 0.05,
    seed: int = 0,
    shares: Sequence[float] = SPLITS,
) -> Split:
    """Return the cheapest split whose power is at most 0.03 below the best, but for chance.

    regions and prompts are those of race.Race, known before any confirm draw is judged. Where the
    strong judge alone wins, all shares are 0: the cheap one has had its say in the screen. Takes
    seconds. Raises ValueError for a price ratio below 1, samples below 1 and accuracies outside
    [0, 1].
    """
    return cheapest(splits(regions, prompts, judges, q=q, seed=seed, shares=shares))


def cheapest(options: Sequence[Split]) -> Split:
    """Return the option of least cost among those whose power is at most 0.03 below the best, and
    the standard error of that: else luck in a simulation would pay for what finds no more."""
    best = max(split.power for split in options)
    tolerance = TOLERANCE + math.sqrt(best * (1 - best) / TRUE_ONES)
    good = [split for split in options if split.power >= best - tolerance]
    return min(good, key=lambda split: split.cost)


def splits(
    regions: Mapping[str, Sequence[str]],
    prompts: Mapping[str, int],
    judges: Judges = ASSUMED,
    *,
    q: float = 0.05,
    seed: int = 0,
    shares: Sequence[float] = SPLITS,
) -> list[Split]:
    """Return what each split of the shares should cost and find, strong alone first, with one
    sample of each prompt, then with 2, 4, ... up to those there are.

    The races are those that the audit runs (cascade.cascade, with its delta, its K, its requests of
    so many sentences and a placebo, the pairs that each prompt has, and what is read for rates);
    only the answers are simulated. The simulated judges' mistakes on the samples of a prompt are
    independent. Where a real judge repeats its mistakes, several samples are worth less than this
    says.
    """
    if judges.price_ratio < 1:
        raise ValueError(f"The price ratio is {judges.price_ratio}; it must be at least 1.")
    pairs = judges.samples
    if isinstance(pairs, int):
        pairs = {region: [pairs] * count for region, count in prompts.items()}
    there_are = [count for of_region in pairs.values() for count in of_region]
    if min(there_are, default=1) < 1:
        raise ValueError("There are no samples of a prompt; one is needed.")
    most = max(prompts.values(), default=0)
    delta = judges.delta or (delta_of(judges.cheap, most), delta_of(judges.strong, most))
    count = max(1, round(judges.true_share * len(regions)))
    audits = min(-(-TRUE_ONES // count), MOST_AUDITS) if regions else 0
    found = []
    powers_of_two = [2**i for i in range(max(there_are, default=1).bit_length())]
    for most, part in product(powers_of_two, shares):
        share = {region: int(part * n) for region, n in prompts.items()}
        rng = np.random.default_rng(seed)
        rows = [
            judged_audit(
                regions,
                prompts,
                share,
                true=count,
                accuracies=(judges.cheap, judges.strong),
                delta=delta,
                neither=judges.neither,
                samples={r: [min(most, n) for n in of_region] for r, of_region in pairs.items()},
                rng=rng,
                q=q,
                hypotheses=judges.hypotheses,
                rates=judges.rates,
            )
            for _ in range(audits)
        ]
        cheap, strong, _, power, _ = np.mean(
            rows or [JudgedAudit(0, 0, 0, 0.0, 0.0)], axis=0
        ).tolist()
        cost = cheap / judges.price_ratio + strong
        found.append(Split(share, most, (cheap, strong), cost, power))
    return found
