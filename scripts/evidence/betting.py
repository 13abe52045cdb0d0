"""Betting on the signs of prompts: e-values for and against a hypothesis, and its win rate.

The unit is the prompt. A prompt is a win (s = +1) when more of its sample pairs show the hypothesis
in the intervention's response alone than in the base's alone, a loss (s = -1) in the opposite case,
otherwise a tie (s = 0). The null says that a fresh prompt has P(win) <= P(loss).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaln, xlog1py, xlogy

LOG_2 = np.log(2.0)
LOG_PI = np.log(np.pi)

# Below this the regularised incomplete beta nears the smallest double; a series takes over.
TINY_PROBABILITY = 1e-250
# Gauss-Legendre with m nodes is exact for polynomials of degree 2m - 1.
MOST_NODES = 512
BISECTIONS = 100


def prompt_sign(pair_scores: ArrayLike, placebo_scores: ArrayLike | None = None) -> np.ndarray:
    """Return the sign of each prompt's summed pair scores.

    pair_scores has shape (..., samples): +1 where only the intervention's response shows the
    hypothesis, -1 where only the base's does, else 0 (refusals and unparsable replies too). With
    placebo_scores, which broadcasts to the same shape, it is the sign of sum(d_h) - sum(d_J),
    the s' of statistics.md. A pair lost in transport is scored 0: it adds nothing to either sum.

    Shape (...), int8, in {-1, 0, +1}. Raises ValueError when there is no sample or a score is not
    -1, 0 or +1. Valid under prompt effects, unlike a product over pairs, because the samples of a
    prompt yield one bet.
    """
    total = _checked_scores(pair_scores, "pair_scores").sum(axis=-1)
    if placebo_scores is not None:
        total = total - _checked_scores(placebo_scores, "placebo_scores").sum(axis=-1)
    return np.sign(total).astype(np.int8)


def log_e_value(wins: ArrayLike, losses: ArrayLike) -> np.ndarray:
    """Return the natural log of the one-sided e-value of each pair of counts.

    E = 2^(w+l) (2/pi) B(w+1/2, l+1/2) I_(1/2)(l+1/2, w+1/2): the wealth prod(1 + lambda s) averaged
    over p = (1 + lambda) / 2 in [1/2, 1] with a Krichevsky-Trofimov prior restricted to lambda in
    [0, 1] (after arXiv 2010.09686). Its mean is exactly 1 where wins and losses are equally likely
    and at most 1 under the null, also at a stopping time. One-sided: many losses never earn.

    wins and losses are counts of prompts and broadcast. Finite for any counts.
    Raises ValueError when a count is negative, fractional or not finite.
    """
    won, lost = _checked_counts(wins=wins, losses=losses)
    upper_half = betainc(lost + 0.5, won + 0.5, 0.5)
    tiny = upper_half < TINY_PROBABILITY
    log_mixture = (won + lost + 1) * LOG_2 - LOG_PI + betaln(won + 0.5, lost + 0.5)
    log_e = np.asarray(log_mixture + np.log(np.where(tiny, 1.0, upper_half)))
    if tiny.any():
        log_e[tiny] = _log_e_of_heavy_losses(won[tiny], lost[tiny])
    return log_e


def e_value(wins: ArrayLike, losses: ArrayLike) -> np.ndarray:
    """Return exp(log_e_value(wins, losses)); beyond the largest double (about 1,030 wins) inf."""
    with np.errstate(over="ignore"):
        return np.exp(log_e_value(wins, losses))


def futility_value(wins: ArrayLike, ties: ArrayLike, losses: ArrayLike, delta: float) -> np.ndarray:
    """Return the evidence F against effects of at least delta.

    F is the mean over lambda in (0, 1/(1-delta)) of
    (1 - lambda (1-delta))^w (1 + lambda delta)^t (1 + lambda (1+delta))^l:
    bets against E[s] >= delta (mixture method of arXiv 2010.09686). It is an e-process where every
    prompt has P(win) - P(loss) >= delta, so leaving at F >= 20 loses at most 5 % of such effects.

    wins, ties and losses are counts of prompts and broadcast. The integrand is a polynomial;
    Gauss-Legendre is exact up to 1,023 prompts and converged far beyond (all terms are positive).
    Raises ValueError when a count is not a non-negative whole number or delta is not in (0, 1).
    """
    if not 0 < delta < 1:
        raise ValueError(f"delta is {delta}; the smallest effect of interest lies in (0, 1).")
    won, tied, lost = _checked_counts(wins=wins, ties=ties, losses=losses)
    most = int((won + tied + lost).max(initial=0))
    nodes, weights = _legendre_on_unit(min(MOST_NODES, 2 ** max(4, (most // 2).bit_length())))
    stake = nodes / (1 - delta)
    log_wealth = (
        won[..., None] * np.log1p(-stake * (1 - delta))
        + tied[..., None] * np.log1p(stake * delta)
        + lost[..., None] * np.log1p(stake * (1 + delta))
    )
    peak = log_wealth.max(axis=-1)
    with np.errstate(over="ignore"):
        return np.exp(peak + np.log(np.exp(log_wealth - peak[..., None]) @ weights))


def win_rate_interval(
    wins: ArrayLike, losses: ArrayLike, alpha: ArrayLike = 0.05
) -> tuple[np.ndarray, np.ndarray]:
    """Return the low and high ends of the interval of the win rate w / (w + l).

    {p : ln[B(w+1/2, l+1/2) / pi] - w ln p - l ln(1-p) < ln(1/alpha)}, a confidence sequence (it
    holds at a stopping time) from the two-sided mixture. For validated hypotheses alpha is
    0.05 k / K (e-BY, arXiv 2203.12572). Without wins and losses it is (0, 1).

    All arguments broadcast; both results have the broadcast shape.
    Raises ValueError for counts that are no counts, or alpha outside (0, 1).
    """
    alpha = np.asarray(alpha, dtype=float)
    if not np.all((alpha > 0) & (alpha < 1)):
        raise ValueError("alpha must lie in (0, 1): it is the chance that the interval misses.")
    won, lost, alpha = np.broadcast_arrays(*_checked_counts(wins=wins, losses=losses), alpha)
    log_mixture = betaln(won + 0.5, lost + 0.5) - LOG_PI

    def excluded(p):
        return log_mixture - xlogy(won, p) - xlog1py(lost, -p) >= -np.log(alpha)

    best = won / np.maximum(won + lost, 1)
    low = _boundary(excluded, outer=np.zeros_like(best), inner=best)
    high = _boundary(excluded, outer=np.ones_like(best), inner=best)
    return np.where(won > 0, low, 0.0), np.where(lost > 0, high, 1.0)


def _boundary(excluded, outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Bisect between an excluded outer point and an included inner one; the excluded end."""
    for _ in range(BISECTIONS):
        middle = (outer + inner) / 2
        out = excluded(middle)
        outer, inner = np.where(out, middle, outer), np.where(out, inner, middle)
    return outer


def _log_e_of_heavy_losses(wins: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """log E by 2F1: E = 2F1(w+l+1, 1; l+3/2; 1/2) / (pi (l+1/2)), all terms positive (DLMF 8.17.8).

    Only for losses far above wins, where the series shrinks geometrically and nothing overflows.
    """
    total, term, k = np.ones(wins.shape), np.ones(wins.shape), 0
    while np.any(term > 1e-17 * total):
        term = term * (wins + losses + 1 + k) / (2 * (losses + 1.5 + k))
        total, k = total + term, k + 1
    return np.log(total) - LOG_PI - np.log(losses + 0.5)


@lru_cache(maxsize=8)
def _legendre_on_unit(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes in (0, 1) and weights that sum to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1) / 2, weights / 2


def _checked_counts(**counts: ArrayLike) -> list[np.ndarray]:
    """The counts as floats of one common shape."""
    checked = [np.asarray(values, dtype=float) for values in counts.values()]
    for name, values in zip(counts, checked, strict=True):
        if not np.all(np.isfinite(values) & (values >= 0) & (values == np.floor(values))):
            raise ValueError(f"{name} must be whole numbers of prompts, none negative.")
    return list(np.broadcast_arrays(*checked))


def _checked_scores(scores: ArrayLike, name: str) -> np.ndarray:
    scores = np.asarray(scores)
    if scores.ndim == 0 or scores.shape[-1] == 0:
        raise ValueError(f"{name} holds no sample pair; a prompt needs at least one.")
    if not np.isin(scores, (-1, 0, 1)).all():
        raise ValueError(f"{name} must be -1, 0 or +1 for each sample pair.")
    return scores.astype(np.int64)
