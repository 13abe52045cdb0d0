"""The smallest effect that an audit of so many prompts could have found."""

import numpy as np
from scipy.stats import binom

from scripts.evidence.betting import log_e_value

GRID = 33
PASSES = 3


def minimum_detectable_effect(
    prompts: int, threshold: float, loss_share: float = 0.0, power: float = 0.8
) -> float | None:
    """Return the smallest P(win) - P(loss) which reaches the e-value with the given power.

    A fresh prompt is lost with chance loss_share (the observed share of losses among all judged
    prompts, ties included), won with chance loss_share + effect, else tied. The hypothesis is found
    when E (betting.log_e_value) reaches the threshold, e_threshold(K, max(1, k), q), at any of the
    `prompts` looks, as the race leaves up at once. It concerns s: where the judge leans, min(E, E')
    asks for more. Within about 1e-4.

    Computed exactly, by dynamic programming over the stopped walk of wins and losses, instead of
    by simulation. None when even the largest effect possible at that share of losses,
    1 - 2 loss_share, would not do.

    Raises ValueError when prompts is negative, the threshold is not above 1, loss_share is not in
    [0, 1], or power is not in (0, 1).
    """
    if prompts < 0 or threshold <= 1:
        raise ValueError(f"prompts = {prompts} must be >= 0 and threshold = {threshold} above 1.")
    if not (0 <= loss_share <= 1 and 0 < power < 1):
        raise ValueError(f"loss_share = {loss_share} must be in [0, 1], power = {power} in (0, 1).")
    low, high = 0.0, 1 - 2 * loss_share
    if high <= 0 or chance_to_reach([high], prompts, threshold, loss_share)[0] < power:
        return None
    for _ in range(PASSES):
        grid = np.linspace(low, high, GRID)
        enough = chance_to_reach(grid, prompts, threshold, loss_share) >= power
        enough[-1] = True  # holds exactly; another grid may round it away
        first = max(int(np.argmax(enough)), 1)
        low, high = grid[first - 1], grid[first]
    return float(high)


def chance_to_reach(effects, prompts: int, threshold: float, loss_share: float) -> np.ndarray:
    """Return P(E reaches the threshold within the prompts) for each effect, exactly.

    effects has shape (m,), each with loss_share + effect in [0, 1 - loss_share]. Ties do not move
    E, so the number of moves is binomial and, given it, the walk of wins and losses is Bernoulli.
    Shape (m,).
    """
    effects = np.asarray(effects, float)
    moves = np.clip(2 * loss_share + effects, 0, 1)
    with np.errstate(invalid="ignore"):
        win = np.where(moves > 0, (loss_share + effects) / np.where(moves > 0, moves, 1), 0)
    losses = np.arange(prompts + 1)
    needed = _wins_needed(prompts, np.log(threshold))  # grows with the losses
    possible = needed + losses <= prompts
    losses, needed = losses[possible], needed[possible]
    if losses.size == 0:
        return np.zeros(effects.shape)
    # alive[:, l]: chance to have l losses after n moves with the threshold never reached. Walks
    # with more losses than any that still reaches are dropped.
    alive = np.zeros((effects.size, losses.size))
    alive[:, 0] = 1
    reached = np.zeros((prompts + 1, effects.size))
    for n in range(1, prompts + 1):
        moved = alive * win[:, None]
        moved[:, 1:] += alive[:, :-1] * (1 - win)[:, None]
        over = n - losses >= needed
        reached[n] = reached[n - 1] + moved[:, over].sum(axis=1)
        moved[:, over] = 0
        alive = moved
    number_of_moves = binom.pmf(np.arange(prompts + 1)[:, None], prompts, moves)
    return (number_of_moves * reached).sum(axis=0)


def _wins_needed(prompts: int, log_threshold: float) -> np.ndarray:
    """For 0..prompts losses the fewest wins that reach the threshold, prompts + 1 if none do."""
    losses = np.arange(prompts + 1)
    low, high = np.full(prompts + 1, -1), np.full(prompts + 1, prompts + 1)
    while np.any(high - low > 1):
        middle = np.clip((low + high) // 2, 0, prompts)
        enough = log_e_value(middle, losses) >= log_threshold
        high = np.where(enough, middle, high)
        low = np.where(enough, low, middle)
    return high
