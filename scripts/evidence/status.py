"""The status of a finding: validated, suggestive, unsupported or untested."""

from collections.abc import Collection

import numpy as np

from scripts.evidence.betting import log_e_value
from scripts.evidence.ebh import e_threshold
from scripts.evidence.reasons import Gate, Status, Stop

SUGGESTIVE_AT = 20.0


def fewest_prompts(threshold: float) -> int:
    """Return the number of prompts which, all won, give an e-value of at least the threshold.

    12 for 800, 10 for 267. Raises ValueError unless the threshold is positive and finite.
    """
    if not 0 < threshold < np.inf:
        raise ValueError(f"The threshold is {threshold}; it must be positive and finite.")
    goal, most = np.log(threshold), 16
    while log_e_value(most, 0) < goal:
        most *= 2
    return int(np.argmax(log_e_value(np.arange(most + 1), 0) >= goal))


def decide(
    e: float,
    e_prime: float,
    *,
    in_set: bool,
    net: int,
    judged: int,
    hypotheses: int,
    q: float = 0.05,
    validated: int = 0,
    gates_failed: Collection[Gate] = (),
    available: int | None = None,
    stopped: Stop = Stop.EXHAUSTED,
) -> Status:
    """Return the status of one hypothesis, by the Status paragraph of statistics.md.

    - validated: in the e-BH set, wins exceed losses, no gate failed.
    - suggestive: min(e, e_prime) >= 20, or in the set while a gate failed.
    - untested: the prompts would not have sufficed had all been won.
    - unsupported: the rest.

    e and e_prime are the stopped e-values of s and s'; in_set says whether their minimum is in the
    e-BH set of `hypotheses` (K) at level q, which has `validated` (k) members; net is wins minus
    losses. judged counts prompts, available those that the plan held for it (default: judged).
    stopped is the reason of race.Standing. What the race left as futile was tested, and what it
    left as hopeless is measured by the prompts available, not by the few that sufficed to see it;
    only what ran out of prompts or budget is measured by those judged.

    The threshold for "would not have sufficed" is that of joining the k members, K / (q (k + 1)).
    Raises ValueError when an e-value is negative or not a number, or a count does not fit.
    """
    if not (e >= 0 and e_prime >= 0):
        raise ValueError(f"e = {e} and e' = {e_prime} must be e-values, not negative, not nan.")
    available = judged if available is None else available
    if not 0 <= judged <= available:
        raise ValueError(f"{judged} prompts were judged of {available} available.")
    if abs(net) > judged:
        raise ValueError(f"A net win of {net} cannot come from {judged} judged prompts.")
    if not 0 <= validated <= hypotheses:
        raise ValueError(f"{validated} of {hypotheses} hypotheses cannot be in the e-BH set.")
    if in_set and net > 0 and not gates_failed:
        return Status.VALIDATED
    if min(e, e_prime) >= SUGGESTIVE_AT or (in_set and gates_failed):
        return Status.SUGGESTIVE
    if stopped == Stop.FUTILE:
        return Status.UNSUPPORTED
    threshold = e_threshold(hypotheses, min(validated + 1, hypotheses), q)
    reach = available if stopped == Stop.HOPELESS else judged
    return Status.UNTESTED if reach < fewest_prompts(threshold) else Status.UNSUPPORTED
