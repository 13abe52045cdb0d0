"""Estimates with their intervals, a row each: behaviours, and regions told apart."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scripts.hypotheses.finding import Rate
from scripts.judging.separability import Separability
from scripts.page.cards import Entry, behaviour, in_units
from scripts.page.svg import INK, QUIET, SIDES, Drawing, plain

MOST_ROWS = 20  # behaviours drawn: more are a list, not a picture
LABEL, LINE = 54, 46  # characters of a behaviour's label, and of a line below it
WIDTH, ROW = 4.4, 0.64  # inches
CLASSIFIERS = {"embeddings": ("o", "by meaning"), "words": ("s", "by words")}


def of_behaviours(entries: Sequence[Entry]) -> Drawing | None:
    """A row for each behaviour: rates of both sides, and how surely a pair tells them apart."""
    shown = [entry for entry in entries[:MOST_ROWS] if entry.parts[0].auc]
    if not shown:
        return None
    figure = Figure(figsize=(WIDTH, 0.95 + ROW * len(shown)), layout="constrained")
    rates, odds = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for row, entry in enumerate(reversed(shown)):
        lead = entry.parts[0]
        label = plain(f"{entry.id}: {lead.behaviour or behaviour(lead.check)}")
        label = textwrap.shorten(label, LABEL, placeholder=" …")
        _write(rates, label, row + 0.17, fontsize=8, va="bottom", fontweight="bold")
        if lead.rate_base and lead.rate_intervention:
            _point(rates, lead.rate_base, row + 0.02, *SIDES["base"])
            _point(rates, lead.rate_intervention, row - 0.17, *SIDES["intervention"])
        else:
            told = "no rate: it compares two responses"
            if lead.effect:
                told = plain(in_units(lead.effect))
            lines = [line for part in told.split("; ") for line in textwrap.wrap(part, LINE)]
            _write(rates, "\n".join(lines), row + 0.13, fontsize=7.5, va="top", linespacing=1.2)
        if lead.auc:
            _point(odds, lead.auc, row - 0.07, INK, "D")
    for axes in (rates, odds):
        _rule(axes, len(shown))
        axes.set_xlim(0, 1)
    rates.set_xticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    odds.set_xlim(0.25, 1)
    odds.set_xticks([0.5, 1], ["50 %", "100 %"])
    odds.axvline(0.5, color=QUIET, lw=0.9, ls=(0, (3, 2)))
    rates.set_xlabel("responses that show it")
    odds.set_xlabel("the intervention's\nfits better")
    for side, (colour, marker) in SIDES.items():
        rates.plot([], [], color=colour, marker=marker, ms=5, lw=0, label=side)
    figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=8)
    return Drawing(
        figure,
        "The behaviours at a glance",
        f"A row for each of {len(shown)} behaviours: the share of either subject's responses that "
        "show it, or the effect in its own units, and the chance that of two responses to one "
        "prompt the intervention's fits the statement better.",
    )


def told_apart_by_region(separability: Separability, labels: Mapping[str, str]) -> Drawing | None:
    """A row for each region: how often either classifier puts the right text first."""
    asked = {"embeddings": separability.embeddings, "words": separability.words}
    known = {name: of_one.regions for name, of_one in asked.items() if of_one}
    regions = {region for of_one in known.values() for region in of_one}
    if not regions:
        return None

    def mean(region: str) -> tuple[float, str]:
        found = [of_one[region].estimate for of_one in known.values() if region in of_one]
        return sum(found) / len(found), region

    ranked = sorted(regions, key=mean)
    figure = Figure(figsize=(WIDTH, 0.95 + 0.2 * max(3, len(ranked))), layout="constrained")
    axes = figure.subplots()
    for (name, of_one), lift in zip(known.items(), (0.14, -0.14), strict=False):
        colour = INK if name == "embeddings" else QUIET
        for row, region in enumerate(ranked):
            if region in of_one:
                _point(axes, of_one[region], row + lift, colour, CLASSIFIERS[name][0], size=3.5)
        marker, label = CLASSIFIERS[name]
        axes.plot([], [], color=colour, marker=marker, ms=4, lw=0, label=label)
    axes.axvline(0.5, color=QUIET, lw=0.9, ls=(0, (3, 2)))
    axes.set_yticks(range(len(ranked)), [plain(labels.get(r, r)) for r in ranked])
    _rule(axes, max(3, len(ranked)))
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0 %", "50 %: a coin", "100 %"])
    axes.set_xlabel("the right response is put first")
    figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=8)
    return Drawing(
        figure,
        "Told apart, by region",
        f"A row for each of {len(ranked)} regions: the chance that a classifier puts the "
        "intervention's response to a fresh prompt above the base's, with intervals; 50 % is "
        "chance.",
    )


def _write(axes: Axes, text: str, row: float, **style: Any) -> None:
    """A text that begins at the left edge and takes no room from the drawing."""
    axes.text(0, row, text, clip_on=False, **style).set_in_layout(False)


def _point(
    axes: Axes, found: Rate, row: float, colour: str, marker: str, size: float = 4.5
) -> None:
    axes.plot([found.low, found.high], [row, row], color=colour, lw=1.3, clip_on=False)
    axes.plot(found.estimate, row, color=colour, marker=marker, ms=size, lw=0, clip_on=False)


def _rule(axes: Axes, rows: int) -> None:
    axes.set_ylim(-0.5, rows - 0.3)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=INK, alpha=0.12, lw=0.6)
    axes.set_axisbelow(True)
    if not axes.get_yticklabels() or axes.get_yticks().dtype == float:
        axes.set_yticks([])
