"""Where the time of an audit goes: a figure of the seconds per stage of several runs.

    python -m benchmarks.stages FIGURE NAME=FOLDER [NAME=FOLDER …]

Each FOLDER is a working directory after an undisturbed run with an empty cache (`make run` in a
fresh clone), or a JSON file of seconds by stage. FIGURE is an SVG file; beside it lies a JSON file
of its figures, which can be given again.
"""

import sys
from collections import defaultdict
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from scripts.core.files import read_json, write_json
from scripts.page.figures import QUIET, STYLE

STAGES = ("model", "plant", "bank", "regions", "plan", "decode", "embed", "measure", "propose",
          "screen", "confirm", "report")  # fmt: skip


def seconds_of(place: Path) -> dict[str, float]:
    """Wall seconds of the jobs of each stage, by Snakemake's own clock (`benchmark:`)."""
    if place.is_file():
        return read_json(place)
    found: dict[str, float] = defaultdict(float)
    for path in (place / "logs/job-times").rglob("*.tsv"):
        head, *rows = (line.split("\t") for line in path.read_text().splitlines())
        stage = path.relative_to(place / "logs/job-times").parts[0]
        found[stage] += sum(float(row[head.index("s")]) for row in rows)
    return {stage: round(found[stage], 1) for stage in STAGES if stage in found}


def draw(runs: dict[str, dict[str, float]]) -> Figure:
    """One stacked bar a run; a stage's share is written where there is room."""
    colours = matplotlib.colormaps["tab20"](range(20))
    figure = Figure(figsize=(9, 1.1 + 0.6 * len(runs)), layout="constrained")
    axes = figure.subplots()
    for row, seconds in enumerate(runs.values()):
        left, whole = 0.0, sum(seconds.values())
        for stage, took in seconds.items():
            colour = colours[STAGES.index(stage)] if stage in STAGES else QUIET
            label = stage if row == 0 else None
            axes.barh(row, took, left=left, color=colour, label=label)
            if took > 0.04 * whole:
                axes.text(
                    left + took / 2, row, f"{100 * took / whole:.0f} %", ha="center", va="center"
                )
            left += took
    axes.set_yticks(range(len(runs)), [f"{n}: {sum(s.values()):.0f} s" for n, s in runs.items()])
    axes.invert_yaxis()
    axes.set_xlabel("seconds of all jobs, one after the other")
    axes.legend(ncols=7, loc="lower center", bbox_to_anchor=(0.5, 1), frameon=False, fontsize=8)
    return figure


def main(target: str, *named: str) -> None:
    places = dict(one.split("=", 1) for one in named)
    runs = {name: seconds_of(Path(place)) for name, place in places.items()}
    write_json(Path(target).with_suffix(".json"), runs)
    with matplotlib.rc_context(STYLE):
        draw(runs).savefig(target)
    for name, seconds in runs.items():
        whole = sum(seconds.values())
        shares = ", ".join(f"{s} {t:.0f} ({100 * t / whole:.0f} %)" for s, t in seconds.items())
        print(f"{name}: {whole:.0f} s; {shares}")


if __name__ == "__main__":
    main(*sys.argv[1:])
