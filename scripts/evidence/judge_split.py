"""Which judge reads how many prompts: chosen by simulated audits of the line-up at hand.

With many prompts a cheap judge decides nearly everything for a fraction of the price; with few, its
prompts are only lost to the strong one, unless several pairs of each prompt make up for them. No
rule of thumb says where the borders lie (they move with the prices, the number of hypotheses and
the judges), so the audit about to be made is simulated in every way and the cheapest good one wins.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from scripts.evidence.simulated_judge import JudgedAudit, judged_audit

# Of each region's prompts, the share that the cheap judge may read.
SPLITS = (0.0, 1 / 3, 2 / 3, 5 / 6)
# Simulated true hypotheses behind a power, whose standard error is then at most 0.05.
TRUE_ONES = 100
TOLERANCE = 0.03
OF_THE_EFFECT = 5 / 6


class Judges(NamedTuple):
    """What is assumed of the two judges and of the hypotheses."""

    cheap: float = 0.7  # accuracy on true hypotheses
    strong: float = 0.8
    price_ratio: float = 20.0  # a strong request over a cheap one
    neither: float = 0.7  # share of answers "neither" on false hypotheses and placebos
    true_share: float = 0.1  # of the hypotheses
    samples: int = 1  # pairs of each prompt that there are to judge


ASSUMED = Judges()


class Split(NamedTuple):
    """One way to share the prompts, and what it should give."""

    share: dict[str, int]  # prompts of each region that the cheap judge may read; 0: strong alone
    samples: int  # pairs of each prompt that either judge reads
    requests: tuple[float, float]  # expected, cheap and strong
    cost: float  # expected, in strong requests
    power: float  # share of the true hypotheses found


def effect_sought(accuracy: float) -> float:
    """Return the delta of a race whose judge has this accuracy on true hypotheses: 5/6 of its
    effect P(+) - P(-) = 2 accuracy - 1. [0.5 at 0.80, 0.33 at 0.70, 0.25 at 0.65.]

    A race drops at most 5 % of the effects of at least delta, so that the last sixth leaves room
    for harder hypotheses. Raises ValueError unless accuracy is in (1/2, 1].
    """
    if not 0.5 < accuracy <= 1:
        raise ValueError(f"The accuracy is {accuracy}; a judge that helps lies in (0.5, 1].")
    return OF_THE_EFFECT * (2 * accuracy - 1)


def choose(
    regions: Mapping[str, Sequence[str]],
    prompts: Mapping[str, int],
    judges: Judges = ASSUMED,
    *,
    q: float = 0.05,
    seed: int = 0,
) -> Split:
    """Return the cheapest split whose power is at most 0.03 below the best.

    regions and prompts are those of race.Race, known before any confirm draw is judged. Where the
    strong judge alone wins, all shares are 0: the cheap one has had its say in the screen. Takes
    seconds. Raises ValueError where effect_sought does, and for a price ratio below 1.
    """
    return cheapest(splits(regions, prompts, judges, q=q, seed=seed))


def cheapest(options: Sequence[Split]) -> Split:
    """Return the option of least cost among those whose power is at most 0.03 below the best."""
    best = max(split.power for split in options)
    good = [split for split in options if split.power >= best - TOLERANCE]
    return min(good, key=lambda split: split.cost)


def splits(
    regions: Mapping[str, Sequence[str]],
    prompts: Mapping[str, int],
    judges: Judges = ASSUMED,
    *,
    q: float = 0.05,
    seed: int = 0,
) -> list[Split]:
    """Return what each split of SPLITS should cost and find, strong alone first, with one sample of
    each prompt, then with 2, 4, ... up to those there are.

    The simulated judges' mistakes on the samples of a prompt are independent. Where a real judge
    repeats its mistakes, several samples are worth less than this says.
    """
    if judges.price_ratio < 1:
        raise ValueError(f"The price ratio is {judges.price_ratio}; it must be at least 1.")
    if judges.samples < 1:
        raise ValueError(f"There are {judges.samples} samples of a prompt; one is needed.")
    delta = effect_sought(judges.cheap), effect_sought(judges.strong)
    count = max(1, round(judges.true_share * len(regions)))
    audits = -(-TRUE_ONES // count) if regions else 0
    found = []
    powers_of_two = [2**i for i in range(judges.samples.bit_length())]
    for samples, part in product(powers_of_two, SPLITS):
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
                samples=samples,
                rng=rng,
                q=q,
            )
            for _ in range(audits)
        ]
        cheap, strong, _, power, _ = np.mean(
            rows or [JudgedAudit(0, 0, 0, 0.0, 0.0)], axis=0
        ).tolist()
        cost = cheap / judges.price_ratio + strong
        found.append(Split(share, samples, (cheap, strong), cost, power))
    return found
