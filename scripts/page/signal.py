"""Whether there was a signal at all, and what could have been found."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scripts.divergence.contrast import Contrast
from scripts.evidence.ebh import e_threshold
from scripts.evidence.power import minimum_detectable_effect
from scripts.hypotheses.finding import Rate
from scripts.judging.separability import Separability, ToldApart
from scripts.page.numbers import between, count, e_value, percent, units

SURE, NOTABLE = 20.0, 3.0  # e-values from which the two are told apart, or may be
SHARES = (1.0, 0.3, 0.1, 0.03)  # of the bank, on which a behaviour shows


class Smallest(NamedTuple):
    """The smallest effect that would have been found of a behaviour on a share of the bank: fresh
    prompts that it would have had, and in how many more of the intervention's responses than of the
    base's it has to show; None where no effect would have been found."""

    share: float
    prompts: int
    effect: float | None


def smallest_effects(
    planned: Mapping[str, int],
    available: Mapping[str, int],
    hypotheses: int,
    validated: int,
    q: float,
) -> list[Smallest]:
    """By share of the bank the smallest effect found with 80 % power at K / (q max(1, k)).

    planned, available: prompts of each region in the confirm plan, and in its pool. Where a region
    was not planned fully, its prompts had to be asked for by a hypothesis, so that only a behaviour
    on the whole bank has a number. Nothing where no prompt was planned.
    """
    total = sum(planned.values())
    if not total:
        return []
    threshold = e_threshold(max(1, hypotheses), max(1, validated), q)
    whole = all(planned.get(region, 0) >= of_pool for region, of_pool in available.items())
    found = []
    for share in SHARES if whole else SHARES[:1]:
        prompts = round(share * total)
        found.append(Smallest(share, prompts, minimum_detectable_effect(prompts, threshold)))
    return found


def before_the_first_round(contrast: Contrast | None) -> str | None:
    """How far the subjects are apart on a few prompts, in a sentence; None where nobody looked."""
    if not contrast or not contrast.prompts:
        return None
    equal, of_all = count(contrast.identical), count(contrast.prompts)
    if contrast.greedy:
        return f"Before the first round {equal} of {of_all} greedy replies of the two were equal."
    if contrast.set_alike:
        return (
            "The two are set alike but for how tokens are drawn: before the first round their "
            f"distributions of the next token were equal after {equal} of {of_all} prompts."
        )
    likeliest = (
        f"the likeliest next token was the same after {count(contrast.likeliest or 0)} of {of_all} "
        "prompts"
    )
    if contrast.distance is None:
        return f"Before the first round {likeliest}."
    return (
        f"Before the first round {likeliest}; the distributions of it were "
        f"{percent(contrast.distance)} apart on average (total variation), and equal after {equal}."
    )


def told_apart(separability: Separability, unit: str = "prompt") -> list[str]:
    """What two classifiers say that were trained on explored texts and asked on fresh prompts, or
    fresh draws."""
    asked = {
        "of meaning (embeddings)": separability.embeddings,
        "of words": separability.words,
    }
    sentences = [_one(reads, found, units(unit)) for reads, found in asked.items() if found]
    if not sentences:
        return ["Not asked: no statement reached the test, so no fresh responses were drawn."]
    opening = (
        "Classifiers were trained on explored texts and then had to say, of the two responses of a "
        "fresh pair, which is the intervention's: "
    )
    like = "these prompts" if unit == "draw" else "prompts like the bank's"
    return [opening + "; ".join(sentences) + ".", meaning(separability.e_value, like)]


def _one(reads: str, found: ToldApart, many: str) -> str:
    decided = found.right + found.wrong
    ties = found.prompts - decided
    if not decided:
        return f"one {reads} saw no difference in any of {count(found.prompts)} {many}"
    rate = Rate(estimate=found.right / decided, low=found.low, high=found.high, prompts=decided)
    return (
        f"one {reads} was right on {count(found.right)} of {count(decided)} {many}, "
        f"{between(rate, percent)}"
        + (f", with {count(ties)} tie{'s' * (ties > 1)}" if ties else "")
    )


def meaning(e: float | None, like: str = "prompts like the bank's") -> str:
    """What the e-value of any difference at all means, in a sentence or two."""
    if e is None:
        return "That gives no e-value."
    told = f"The e-value against “no difference at all” is {e_value(e)}"
    if e >= SURE:
        return (
            f"{told}: were the subjects alike, {e_value(SURE)} would be reached with a chance of "
            f"at most 1 in 20. So they differ on {like}; the findings say in what, "
            "as far as it was put into words."
        )
    if e >= NOTABLE:
        return (
            f"{told}: a hint that they differ, but chance may bring it about (from "
            f"{e_value(SURE)} on it would be taken for established)."
        )
    return (
        f"{told}: no sign that they differ. Either they behave alike on {like}, "
        "or what differs is too rare or too slight to show with so many responses."
    )


def found_with(effects: Sequence[Smallest]) -> str:
    """The caption of the table of smallest effects."""
    if len(effects) > 1:
        return (
            "How often a behaviour has to show in the intervention's responses on its topics, and "
            "never in the base's, for a statement that says it rightly to be validated with a "
            f"chance of {percent(0.8)}."
        )
    return (
        "How often a behaviour on the whole bank has to show in the intervention's responses, and "
        "never in the base's, for a statement that says it rightly to be validated with a chance "
        f"of {percent(0.8)}. Topics that no statement named had few fresh prompts or none, so "
        "there is no such number for a behaviour on a part of the bank."
    )
