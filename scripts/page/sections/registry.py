"""The sections of the page, in order. A new section is a module with a `SECTION`, and its name
here."""

from scripts.page.section import Section
from scripts.page.sections import (
    apart,
    costs,
    divergence,
    findings,
    judges,
    kinds,
    planted,
    reproduce,
    rounds,
    screen,
    text_map,
)

SECTIONS: list[Section] = [
    module.SECTION
    for module in (
        apart, findings, planted, judges, kinds, text_map, divergence, rounds, screen, costs, reproduce,
    )
]  # fmt: skip
