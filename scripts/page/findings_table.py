"""findings.csv: the findings for a spreadsheet."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from scripts.core.files import replacing
from scripts.core.rows import ROW
from scripts.hypotheses.finding import Behaviour, Effect, Finding
from scripts.page.numbers import Interval

FORMULA = tuple("=+-@\t\r")  # how what a spreadsheet runs begins


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A row of results/audits/<audit>/findings.csv; what findings.jsonl has under the same name is
    described there."""

    __pydantic_config__ = ROW

    id: str
    """Of the finding."""
    status: str
    """validated, suggestive, unsupported or untested."""
    statement: str
    """The sentence."""
    direction: str
    """more or less."""
    regions: str
    """Names of its regions, joined by "; "."""
    e_value: float | None
    """Its evidence."""
    win_rate: float | None
    """Share of wins, ties left out."""
    wins: int
    """Prompts, until the test ended."""
    losses: int
    """Prompts, until the test ended."""
    ties: int
    """Prompts, until the test ended."""
    judged: int
    """Prompts, until the test ended."""
    rate_base: float | None
    """Share of the base's responses that show it."""
    rate_base_low: float | None
    """Lower end of its 95 % interval."""
    rate_base_high: float | None
    """Upper end."""
    rate_intervention: float | None
    """Share of the intervention's responses that show it."""
    rate_intervention_low: float | None
    """Lower end of its 95 % interval."""
    rate_intervention_high: float | None
    """Upper end."""
    difference: float | None
    """Of the two rates."""
    difference_low: float | None
    """Lower end of its 95 % interval."""
    difference_high: float | None
    """Upper end."""
    effect: float | None
    """Of a measure, in `unit`."""
    effect_low: float | None
    """Lower end of its 95 % interval."""
    effect_high: float | None
    """Upper end."""
    unit: str | None
    """What the effect is in."""
    auc: float | None
    """Chance that the intervention's response fits the statement better."""
    p_anytime: float | None
    """As in findings.jsonl."""
    p_sign: float | None
    """As in findings.jsonl."""
    transfer: float | None
    """Share of wins beyond its regions."""
    behaviour: str
    """Ids of the entries of the page that it is part of, joined by "; "."""
    minimum_detectable_effect: float | None
    """As in findings.jsonl."""
    gates_failed: str
    """What speaks against validating it, joined by "; "."""

    @classmethod
    def of(cls, finding: Finding, behaviours: Sequence[Behaviour] = ()) -> "FindingRow":
        """A finding, and the behaviours of which it may be part."""
        base, base_low, base_high = ends(finding.rate_base)
        intervention, intervention_low, intervention_high = ends(finding.rate_intervention)
        difference, difference_low, difference_high = ends(finding.difference)
        effect, effect_low, effect_high = ends(finding.effect)
        return cls(
            id=finding.id,
            status=finding.status,
            statement=finding.statement,
            direction=finding.direction,
            regions="; ".join(region.name for region in finding.regions),
            e_value=finding.e_value,
            win_rate=ends(finding.win_rate)[0],
            wins=finding.wins,
            losses=finding.losses,
            ties=finding.ties,
            judged=finding.judged,
            rate_base=base,
            rate_base_low=base_low,
            rate_base_high=base_high,
            rate_intervention=intervention,
            rate_intervention_low=intervention_low,
            rate_intervention_high=intervention_high,
            difference=difference,
            difference_low=difference_low,
            difference_high=difference_high,
            effect=effect,
            effect_low=effect_low,
            effect_high=effect_high,
            unit=unit_of_effect(finding.effect),
            auc=ends(finding.auc)[0],
            p_anytime=finding.p_anytime,
            p_sign=finding.p_sign,
            transfer=ends(finding.transfer)[0],
            behaviour="; ".join(b.id for b in behaviours if finding.id in b.findings),
            minimum_detectable_effect=finding.minimum_detectable_effect,
            gates_failed="; ".join(finding.gates_failed),
        )


def ends(found: Interval | None) -> tuple[float | None, float | None, float | None]:
    """An estimate and the ends of its interval; none of nothing."""
    return (found.estimate, found.low, found.high) if found else (None, None, None)


def unit_of_effect(effect: Effect | None) -> str | None:
    """What the effect of a measure is in: its unit, or a ratio of two numbers of it."""
    if not effect:
        return None
    return f"ratio of {effect.unit}" if effect.told == "ratio" else effect.unit


def as_cells(row: FindingRow) -> dict[str, object]:
    """A row's cells; a text that begins as what a spreadsheet runs has an apostrophe before it."""
    return {
        name: f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
        for name, cell in asdict(row).items()
    }


def write_table(path: str | Path, rows: Iterable[FindingRow]) -> None:
    """Write findings.csv, with the mark by which a spreadsheet knows UTF-8."""
    with (
        replacing(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8-sig", errors="replace") as stream,
    ):
        table = csv.DictWriter(stream, [field.name for field in fields(FindingRow)])
        table.writeheader()
        table.writerows(map(as_cells, rows))
