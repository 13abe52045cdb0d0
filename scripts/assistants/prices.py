"""What a model costs: a table with dates, which a file of the user's goes before."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from scripts.core.errors import AuditError

SHIPPED = Path(__file__).resolve().parent / "prices.yaml"


class Price(NamedTuple):
    """US dollars a million tokens."""

    input: float
    output: float

    def of(self, input_tokens: float, output_tokens: float) -> float:
        """US dollars for so many tokens."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


Table = Mapping[str, list[Mapping[str, Any]]]


@cache
def read_prices(path: str | None = None) -> Table:
    """The shipped table with the user's file laid over it, model by model.

    A file has `models`, and for each a list of periods: `from` (a date), `input` and `output` in
    US dollars a million tokens. Raises AuditError naming the file and the model.
    """
    table: dict[str, list[Mapping[str, Any]]] = {}
    for file in filter(None, (str(SHIPPED), path)):
        try:
            models = yaml.safe_load(Path(file).read_text(encoding="utf-8"))["models"]
            for model, periods in models.items():
                for period in periods:
                    Price(float(period["input"]), float(period["output"]))
                    if not isinstance(period["from"], date):
                        raise TypeError
                table[model] = sorted(periods, key=lambda p: p["from"])
        except OSError as error:
            raise AuditError(f"`assistant.prices`: {error}") from None
        except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError):
            raise AuditError(
                f"`assistant.prices`: `{file}` is no price table; it needs `models:`, each with "
                "a list of {from: 2026-01-31, input: dollars, output: dollars} a million tokens"
            ) from None
    return table


def price_of(model: str, path: str | None = None, day: date | None = None) -> Price | None:
    """A model's price on a day, by default today's; None when the table does not name it."""
    known = [
        period
        for period in read_prices(path).get(model, ())
        if period["from"] <= (day or date.today())
    ]
    return Price(float(known[-1]["input"]), float(known[-1]["output"])) if known else None
