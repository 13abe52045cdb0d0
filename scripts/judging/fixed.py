"""Where a hypothesis stands that does not race: judged on a number of prompts fixed beforehand."""

from collections.abc import Sequence

from scripts.evidence.betting import e_value
from scripts.evidence.race import Standing, Tally
from scripts.evidence.reasons import Stop
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.judgement import Judgement


def standing_at(hypothesis: Hypothesis, judgements: Sequence[Judgement], prompts: int) -> Standing:
    """Its counts and e-values at that number of prompts, of which those without a judgement are
    missing; the e-BH set is decided later."""
    signs = list(zip(*(judgement.signs for judgement in judgements), strict=True)) or [(), ()]
    counts, counts_prime = map(_tally, signs)
    by_region = {}
    for region in hypothesis.regions:
        here = [j.signs for j in judgements if j.region == region]
        plain, against = list(zip(*here, strict=True)) or [(), ()]
        by_region[region] = _tally(plain), _tally(against)
    e, e_prime = (float(e_value(tally.wins, tally.losses)) for tally in (counts, counts_prime))
    judged = len(judgements)
    missing = prompts - judged
    return Standing(
        counts, counts_prime, e, e_prime, False, Stop.EXHAUSTED, judged, missing, 0, by_region
    )


def _tally(signs: Sequence[int]) -> Tally:
    return Tally(signs.count(1), signs.count(0), signs.count(-1))
