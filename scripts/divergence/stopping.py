"""When the rounds of the explore pool end."""

from scripts.divergence.measurement import MeasureSettings
from scripts.divergence.round import Ending, Round


def stop_reason(
    current: Round,
    before: Round | None,
    settings: MeasureSettings,
    draws_left: bool,
) -> Ending | None:
    """Why no further round is taken, if none is. draws_left: whether any could be taken."""
    if not draws_left:
        return Ending.EXHAUSTED
    if current.draws >= settings["budget"]:
        return Ending.BUDGET
    if current.round + 1 >= settings["rounds"]:
        return Ending.ROUNDS
    if (
        before is not None
        and current.ari is not None
        and set(current.promising) == set(before.promising)
        and current.ari >= settings["ari"]
        and abs(current.silhouette - before.silhouette) <= settings["silhouette"]
    ):
        return Ending.CONVERGENCE
    return None
