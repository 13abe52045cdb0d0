"""Turn what an audit leaves behind into one page that a person reads.

The page is one file: it loads nothing, runs nothing, and opens from disk. Every text but the
figures is untrusted: Jinja2 escapes it, and `printable` takes out what a browser would not show.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from scripts.page import numbers
from scripts.page.cards import anchor, left_untested
from scripts.page.numbers import count, decimal, duration, e_value, percent, plural, units
from scripts.page.section import Context, Report, Section
from scripts.page.sections.registry import SECTIONS
from scripts.page.texts import first_upper, highlighted, messages, printable
from scripts.recordings.pairing import losses, table_rows

FOLDER = Path(__file__).resolve().parent


def render(report: Report, sections: Sequence[Section] = SECTIONS) -> str:
    """The whole page."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        finalize=lambda value: printable(value) if isinstance(value, str) else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in (
        count, decimal, duration, e_value, first_upper, highlighted, messages, percent,
        numbers.points,
    ):  # fmt: skip
        environment.filters[name.__name__] = name
    environment.globals.update(
        {
            "anchor": anchor,
            "plural": plural,
            "counts": report.audit.counts,
            "figures": {name: Markup(svg) for name, svg in report.figures.items()},
            "labels": report.labels,
            "units": units(report.unit),
            "by_draw": report.unit == "draw",
        }
    )
    written = [
        {
            "name": section.name,
            "title": section.title,
            "link": section.link,
            "body": Markup(
                environment.from_string(section.template).render(section.context(report))
            ),
        }
        for section in sections
        if section.shown(report)
    ]
    return environment.get_template("page.html.j2").render(**_head(report), sections=written)


def _head(report: Report) -> Context:
    """What is said before the sections."""
    css = (FOLDER / "page.css").read_text(encoding="utf-8")
    audit, settings = report.audit, report.settings
    sides = audit.bank.sides
    lost = [f"{first_upper(loss)}." for side in sides for loss in losses(side, sides[side])]
    smallest = [f.minimum_detectable_effect for f in report.findings]
    return {
        "audit": audit,
        "settings": settings,
        "css": Markup(css),
        "css_hash": base64.b64encode(hashlib.sha256(css.encode()).digest()).decode(),
        "base": report.words["base"],
        "intervention": report.words["intervention"],
        "findings": report.by_status,
        "effects": sorted(effect for effect in smallest if effect),
        "read": table_rows(sides),
        "notices": [n for n in (arithmetic_notice(audit.arithmetic), *lost, *report.notices) if n],
        "entries": report.entries,
        "untested": left_untested(report.findings),
    }


def arithmetic_notice(computed: Mapping[str, Mapping[str, int]]) -> str | None:
    """A sentence where the subjects' texts were not all computed in one arithmetic."""
    sides = {side: " and ".join(sorted(names)) for side, names in computed.items() if names}
    if len({name for names in computed.values() for name in names}) < 2:
        return None
    if len(set(sides.values())) == 1:
        return f"The texts of both subjects were computed partly in {sides['base']}."
    return (
        f"The base's texts were computed in {sides['base']}, the intervention's in "
        f"{sides['intervention']}: some of what differs may be a matter of rounding."
    )
