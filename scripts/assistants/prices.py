"""What a model costs: a table with dates, which a file of the user's goes before."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from scripts.core.errors import AuditError
from scripts.core.yaml_files import WRITTEN, read_yaml

SHIPPED = Path(__file__).resolve().parent / "prices.yaml"
FORM = (
    "`models:`, each with a list of {from: 2026-01-31, input: dollars, output: dollars} a million "
    "tokens"
)


class Price(NamedTuple):
    """US dollars a million tokens."""

    input: float
    output: float

    def of(self, input_tokens: float, output_tokens: float) -> float:
        """US dollars for so many tokens."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


@dataclass(frozen=True)
class Period:
    """What a model costs from a day on, in US dollars a million tokens."""

    __pydantic_config__ = WRITTEN

    since: Annotated[date, Field(alias="from", strict=True)]
    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class PriceFile:
    """Models, each with the periods of its prices."""

    __pydantic_config__ = WRITTEN

    models: dict[str, tuple[Period, ...]]


@cache
def read_prices(path: str | None = None) -> dict[str, list[Period]]:
    """The shipped table with the user's file laid over it, model by model, days in order.

    Raises AuditError naming the file and the model.
    """
    table: dict[str, list[Period]] = {}
    for file in filter(None, (str(SHIPPED), path)):
        try:
            found = read_yaml(file, PriceFile, FORM)
        except AuditError as error:
            raise AuditError(f"`assistant.prices`: {error}") from None
        for model, periods in found.models.items():
            table[model] = sorted(periods, key=lambda period: period.since)
    return table


def price_of(model: str, path: str | None = None, day: date | None = None) -> Price | None:
    """A model's price on a day, by default today's; None when the table does not name it."""
    day = day or date.today()
    known = [period for period in read_prices(path).get(model, ()) if period.since <= day]
    return Price(known[-1].input, known[-1].output) if known else None
