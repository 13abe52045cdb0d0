"""Placebos: does the judge lean towards the intervention, and does a hypothesis beat that lean?"""

import numpy as np
from numpy.typing import ArrayLike

from scripts.evidence.betting import e_value

LEANS_AT = 20.0


def pooled_e(wins: ArrayLike, losses: ArrayLike) -> float:
    """Return the e-value of the placebos together, from their wins and losses.

    wins and losses count prompts, one entry a placebo or a region. Each prompt may count once only,
    with the placebo drawn for it: nine placebos judged on one prompt are not nine prompts. The
    one-sided bet of betting.log_e_value (after arXiv 2010.09686); it may be looked at any time.
    Raises ValueError when a count is negative or fractional, or the shapes differ.
    """
    wins, losses = np.asarray(wins), np.asarray(losses)
    if wins.shape != losses.shape:
        raise ValueError(f"Wins {wins.shape} and losses {losses.shape} differ in shape.")
    if np.any(wins < 0) or np.any(losses < 0):
        raise ValueError("A placebo has a negative number of wins or losses.")
    return float(e_value(wins.sum(), losses.sum()))


def judge_leans(wins: ArrayLike, losses: ArrayLike) -> bool:
    """True when pooled_e reaches 20: judge every placebo on the prompts used (statistics.md)."""
    return pooled_e(wins, losses) >= LEANS_AT


def beats_placebos(net: ArrayLike, placebo_nets: ArrayLike) -> np.ndarray:
    """True where a hypothesis's net win exceeds that of each of its placebos.

    net has shape (...), wins minus losses in prompts; placebo_nets has shape (..., c), the same for
    the c placebos on the same prompts. A false sentence that leans just as its placebos passes with
    chance at most 1 / (c + 1), by exchangeability of the ranks. A tie does not pass.
    Shape (...), bool. Raises ValueError when there is no placebo.
    """
    placebo_nets = np.asarray(placebo_nets)
    if placebo_nets.ndim == 0 or placebo_nets.shape[-1] == 0:
        raise ValueError("No placebo was judged on these prompts, so the gate cannot be decided.")
    return np.all(np.asarray(net)[..., None] > placebo_nets, axis=-1)
