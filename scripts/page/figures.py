"""Draw the figures of a report: behaviours, a map of the texts, regions, and the rounds.

Each is an SVG file that stands alone, and the same drawing as text for the page.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scripts.core.files import replacing
from scripts.divergence.round import ReportedRound
from scripts.judging.separability import NOT_ASKED, Separability
from scripts.page.cards import Entry
from scripts.page.forest import of_behaviours, told_apart_by_region
from scripts.page.svg import INK, QUIET, SIDES, STYLE, Drawing, plain, svg
from scripts.prompts.region import ExploredRegion

SCORES = LinearSegmentedColormap.from_list("scores", ["#1f6fb5", "#a3a6ab", "#d55e00"])
SCORE_STEPS = 10
FALSE_DISCOVERIES = 0.05
LONGEST_LABEL = 34
CATEGORY_SHARE = 0.6  # as in hypotheses: from here on a region goes by its category


class Point(NamedTuple):
    """A text on the map: where it lies, whose it is, the id of its region, and its score, negative
    for texts like the base's and positive for texts like the intervention's."""

    x: float
    y: float
    side: str
    region: str
    score: float
    text: str


def figures(
    regions: Sequence[ExploredRegion],
    rounds: Sequence[ReportedRound],
    points: Sequence[Point],
    folder: Path,
    entries: Sequence[Entry] = (),
    separability: Separability = NOT_ASKED,
) -> dict[str, str]:
    """Write each figure as an SVG file into a folder; return them as inline SVG by name.

    `behaviours` and `apart` are drawn only where there is something to draw.
    """
    labels = {name: short(label) for name, label in region_labels(regions).items()}
    with matplotlib.rc_context(STYLE):
        drawn = {
            "map": _map(points),
            "divergence": _divergence(regions),
            "rounds": _rounds(rounds),
            "behaviours": of_behaviours(entries),
            "apart": told_apart_by_region(separability, labels),
        }
        inline = {name: svg(name, drawing) for name, drawing in drawn.items() if drawing}
    for name, text in inline.items():
        with replacing(Path(folder) / f"{name}.svg") as temporary:
            prolog = '<?xml version="1.0" encoding="utf-8"?>\n'
            Path(temporary).write_text(prolog + text + "\n", encoding="utf-8")
    return inline


def region_labels(regions: Sequence[ExploredRegion]) -> dict[str, str]:
    """A short name for each region's id: its category where most prompts share it, else its words.

    Regions of one category are told apart by a typical word of theirs.
    """
    labels = {}
    for region in regions:
        fits = region.category_share >= CATEGORY_SHARE and region.category not in ("", "other")
        fits = fits and region.unit != "draw"
        labels[region.id] = plain(region.category if fits else region.name)
    own = {r.id: [word.strip() for word in plain(r.name).split(",")] for r in regions}
    same = defaultdict(list)
    for name, label in labels.items():
        same[label].append(name)
    for label, names in same.items():
        often = Counter(word for name in names for word in set(own[name]))
        for name in names if len(names) > 1 else ():
            telling = [word for word in own[name] if often[word] == 1]
            labels[name] = f"{label} ({telling[0] if telling else name})"
    return labels


def standing_out(regions: Sequence[ExploredRegion]) -> set[str]:
    """Ids of regions whose p-value passes Benjamini & Hochberg (1995) at 5 % over all regions."""
    ranked = sorted(regions, key=lambda region: region.p)
    last = 0
    for rank, region in enumerate(ranked, 1):
        if region.p <= FALSE_DISCOVERIES * rank / len(ranked):
            last = rank
    return {region.id for region in ranked[:last]}


def short(label: str) -> str:
    """A label that fits beside a bar; of "category (word)" the category gives way."""
    head, _, tail = label.rpartition(" (") if label.endswith(")") else (label, "", "")
    tail = f" ({tail}" if tail else ""
    room = LONGEST_LABEL - len(tail)
    if len(head) <= room or room < 8:
        return (head + tail)[:LONGEST_LABEL]
    return head[: room - 1].rstrip() + "…" + tail


def _map(points: Sequence[Point]) -> Drawing:
    figure = Figure(figsize=(7.4, 3.9), layout="constrained")
    by_side, by_score = figure.subplots(1, 2)
    scores = np.array([point.score for point in points])
    most = float(np.quantile(np.abs(scores), 0.98)) if len(scores) else 0.0
    norm = BoundaryNorm(np.linspace(-1, 1, SCORE_STEPS + 1) * (most or 1.0), SCORES.N)
    if not points:
        by_side.text(0.5, 0.5, "no texts", ha="center", va="center", transform=by_side.transAxes)
    place = np.array([(point.x, point.y) for point in points]).reshape(-1, 2)
    sides = np.array([point.side for point in points])
    for side, (colour, marker) in SIDES.items():
        x, y = place[sides == side].T
        by_side.scatter(x, y, s=8, marker=marker, color=colour, alpha=0.65, lw=0, label=side)
    by_side.set_title("By subject")
    by_side.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=2, frameon=False, markerscale=2
    )
    steps = np.digitize(scores, norm.boundaries[1:-1])
    for step in sorted(range(SCORE_STEPS), key=lambda s: abs(s - (SCORE_STEPS - 1) / 2)):
        x, y = place[steps == step].T
        middle = (norm.boundaries[step] + norm.boundaries[step + 1]) / 2
        by_score.scatter(x, y, s=8, color=SCORES(norm(middle)), alpha=0.75, lw=0)
    by_score.set_title("By divergence score")
    bar = figure.colorbar(
        ScalarMappable(norm, SCORES), ax=by_score, location="bottom", fraction=0.05, pad=0.02,
        aspect=30, ticks=norm.boundaries[[0, SCORE_STEPS // 2, -1]],
    )  # fmt: skip
    bar.ax.set_xticklabels(["like the base", "0", "like the intervention"])
    first, _, last = bar.ax.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    for axes in (by_side, by_score):
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    return Drawing(
        figure,
        "Map of the texts",
        f"Two panels with the same {len(points)} texts, placed so that texts alike lie together: "
        "coloured by subject, and by a score that is negative for texts like the base's and "
        "positive for texts like the intervention's.",
    )


def _divergence(regions: Sequence[ExploredRegion]) -> Drawing:
    ranked = sorted(regions, key=lambda region: (region.divergence, region.id))
    labels, bold = region_labels(regions), standing_out(regions)
    figure = Figure(figsize=(4.9, 0.75 + 0.165 * max(3, len(ranked))), layout="constrained")
    axes = figure.subplots()
    for row, region in enumerate(ranked):
        colour, alpha = (SIDES["intervention"][0], 1) if region.id in bold else (QUIET, 0.55)
        axes.barh(
            row, region.divergence, height=0.62, color=colour, alpha=alpha,
            xerr=1.96 * region.error, ecolor=INK,
            error_kw={"lw": 0.7, "alpha": 0.75, "capsize": 0},
        )  # fmt: skip
    axes.axvline(0, color=INK, lw=0.6)
    names = [short(labels[region.id]) for region in ranked]
    axes.set_yticks(range(len(ranked)), names)
    for tick, region in zip(axes.get_yticklabels(), ranked, strict=True):
        tick.set_fontweight("bold" if region.id in bold else "normal")
    axes.set_ylim(-0.7, max(3, len(ranked)) - 0.3)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=INK, alpha=0.12, lw=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("divergence (± 1.96 standard errors)")
    top = ", ".join(labels[region.id] for region in ranked[::-1][:5])
    return Drawing(
        figure,
        "Divergence by region",
        f"A bar for each of {len(ranked)} regions, most divergent on top: {top}. "
        f"{len(bold)} stand out from chance and are drawn strong.",
    )


def _rounds(rounds: Sequence[ReportedRound]) -> Drawing:
    figure = Figure(figsize=(4.9, 3.6), layout="constrained")
    (draws, promising), (silhouette, ari) = figure.subplots(2, 2)
    at = [row.round for row in rounds]
    total = [row.draws for row in rounds]
    new = [row.new_draws for row in rounds]
    before = [all_ - fresh for all_, fresh in zip(total, new, strict=True)]
    draws.bar(at, before, width=0.6, color=QUIET, alpha=0.55, label="earlier")
    draws.bar(at, new, width=0.6, bottom=before, color=SIDES["base"][0], label="new")
    draws.set_title("Draws of each subject")
    draws.legend(frameon=False, loc="upper left", fontsize=7.5)
    draws.set_ylim(0, 1.35 * max([1, *total]))
    count = [len(row.promising) for row in rounds]
    promising.bar(at, count, width=0.6, color=SIDES["intervention"][0])
    promising.set_title("Promising regions")
    promising.set_ylim(0, 1.15 * max([1, *count]))
    for axes, name, title in (
        (silhouette, "silhouette", "Silhouette of the clusters"),
        (ari, "ari", "Agreement of clusters (ARI)"),
    ):
        known = [(row.round, value) for row in rounds if (value := getattr(row, name)) is not None]
        x, y = np.array(known).reshape(-1, 2).T
        axes.plot(x, y, marker="o", ms=4, lw=1.2, color=SIDES["base"][0])
        axes.set_title(title)
        axes.set_ylim(min([0.0, *y]), 1.0 if name == "ari" else max(0.05, *y, 0.0) * 1.2)
    for axes in (draws, promising, silhouette, ari):
        axes.set_xlim(min(at, default=0) - 0.5, max(at, default=0) + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=axes in (draws, promising)))
        axes.grid(axis="y", color=INK, alpha=0.12, lw=0.6)
        axes.set_axisbelow(True)
    for axes in (silhouette, ari):
        axes.set_xlabel("round")
    return Drawing(
        figure,
        "The rounds of sampling",
        f"Over {len(rounds)} rounds: draws of each subject, number of promising regions, "
        "silhouette of the clusters of texts, and their agreement with the round before.",
    )
