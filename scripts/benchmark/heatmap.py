"""The dose ladder as a heat map."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from scripts.benchmark.rows import Cell
from scripts.core.files import replacing


def heatmap(cells: Sequence[Cell], path: Path) -> None:
    """Recall by dose (columns) and share of the bank (rows), written as SVG."""
    doses = sorted({cell["dose"] for cell in cells})
    spreads = sorted({cell["spread"] for cell in cells})
    figure = Figure(figsize=(1.6 + 1.1 * len(doses), 1.2 + 0.7 * len(spreads)), layout="tight")
    axes = figure.subplots()
    grid = [[float("nan")] * len(doses) for _ in spreads]
    for cell in cells:
        row, column = spreads.index(cell["spread"]), doses.index(cell["dose"])
        if (recall := cell["recall"]) is None:
            continue
        grid[row][column] = recall
        dark = recall < 0.5
        axes.text(column, row, f"{recall:.2f}", ha="center", va="center",
                  color="white" if dark else "black")  # fmt: skip
    axes.imshow(grid, vmin=0, vmax=1, cmap="viridis", origin="lower", aspect="auto")
    axes.set_xticks(range(len(doses)), [f"{dose:.0%}" for dose in doses])
    axes.set_yticks(range(len(spreads)), [f"{spread:.0%}" for spread in spreads])
    axes.set_xlabel("replies that show the behaviour")
    axes.set_ylabel("share of the bank")
    axes.set_title("Recall of planted behaviours", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, rc_context({"svg.hashsalt": "heatmap"}):
        figure.savefig(temporary, format="svg", metadata={"Date": None})
