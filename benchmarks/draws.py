"""Whether evidence from many draws of few prompts keeps its promise: no prompt tells anything new,
effects are strong and opposite, and the audit stops when it looks best.

    python -m benchmarks.draws [--audits 10000] [--write]

Under the null of `unit: draw` the mean over the prompts of P(win) - P(loss) is 0. An audit takes
blocks of one pair of every prompt and is a false alarm when its e-value reaches 20 at any look,
which at most 5 % may do. *at the ends of blocks* is what an audit does; *after every pair* looks
within blocks, too, with the prompts that win asked first, as an adversary would.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scripts.evidence.betting import log_e_value

FIGURES = Path(__file__).parents[1] / "docs" / "figures" / "draws.json"
BLOCKS, AT = 50, 20.0
# By prompt: chances to win and to lose.
BANKS: dict[str, Sequence[tuple[float, float]]] = {
    "one prompt, half won and half lost": [(0.5, 0.5)],
    "16 prompts, half of them always won, half always lost": [(1, 0)] * 8 + [(0, 1)] * 8,
    "8 prompts, one always won, seven at times lost": [(1, 0)] + [(0, 1 / 7)] * 7,
    "23 prompts, effects of all sizes": [
        ((1 + m) / 2, (1 - m) / 2) for m in np.linspace(0.9, -0.9, 23)
    ],
    "23 prompts, rare wins and losses": [(0.1, 0)] * 11 + [(0, 0.1)] * 11 + [(0, 0)],
}


def false_alarms(
    bank: Sequence[tuple[float, float]], audits: int, rng: np.random.Generator
) -> dict[str, float]:
    """The shares of audits whose e-value reaches AT at the last block, at the end of any block, and
    after any pair. bank: (P(win), P(loss)) by prompt."""
    win, lose = np.array(bank).T
    chance = rng.random((audits, BLOCKS, len(bank)))
    signs = np.where(chance < win, 1, np.where(chance < win + lose, -1, 0))
    wins, losses = ((signs.reshape(audits, -1) == s).cumsum(axis=1) for s in (1, -1))
    reached = log_e_value(wins, losses) >= np.log(AT)
    ends = reached[:, len(bank) - 1 :: len(bank)]
    return {
        "at the last block": float(ends[:, -1].mean()),
        "at the ends of blocks": float(ends.any(axis=1).mean()),
        "after every pair": float(reached.any(axis=1).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--audits", type=int, default=10_000)
    parser.add_argument("--write", action="store_true", help="write docs/figures/draws.json")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    found = {name: false_alarms(bank, given.audits, rng) for name, bank in BANKS.items()}
    for name, shares in found.items():
        print(name)
        for look, share in shares.items():
            print(f"  {look:24}{share:8.2%}")
    if given.write:
        figures = {"schema": 1, "audits": given.audits, "blocks": BLOCKS, "false_alarms": found}
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
