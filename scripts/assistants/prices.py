"""What a model costs: the tables of genai-prices, with dates and for batches, which a file of the
user's goes before.

The package holds its tables and asks nothing of the network.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Annotated, NamedTuple

from pydantic import Field

from scripts.core.errors import AuditError
from scripts.core.yaml_files import WRITTEN, read_yaml

FORM = (
    "`models:`, each with a list of {from: 2026-01-31, input: dollars, output: dollars} a million "
    "tokens"
)
VENDORS = {"gemini": "google", "openai": "openai"}  # what the package calls a provider
A_FEW = 1000  # tokens of a request; some vendors ask more for more than 200,000
HALF = 0.5  # what a batch costs, of a user's own price


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


class AskedModel(NamedTuple):
    """Which model is asked, and how: by provider, at an address of its own, in batches."""

    model: str
    provider: str
    base_url: str | None = None
    batch: bool = False


@cache
def read_prices(path: str) -> dict[str, list[Period]]:
    """A user's table by model, days in order. Raises AuditError naming the file and the model."""
    try:
        found = read_yaml(path, PriceFile, FORM)
    except AuditError as error:
        raise AuditError(f"`assistant.prices`: {error}") from None
    return {
        model: sorted(periods, key=lambda period: period.since)
        for model, periods in found.models.items()
    }


def periods_of(asked: AskedModel, path: str | None = None) -> list[Period]:
    """What a model costs from which day on: by the user's table, in which a batch counts half, or
    else by the package's; none where neither names it.

    A server of the user's own is in no table of the package, whatever its model is called.
    """
    own = read_prices(path).get(asked.model) if path else None
    if own is None:
        return list(_known(asked))
    share = HALF if asked.batch else 1.0
    return [Period(p.since, share * p.input, share * p.output) for p in own]


def price_of(asked: AskedModel, path: str | None = None, day: date | None = None) -> Price | None:
    """A model's price on a day, by default today's; None when no table names it."""
    day = day or date.today()
    known = [period for period in periods_of(asked, path) if period.since <= day]
    return Price(known[-1].input, known[-1].output) if known else None


@cache
def _known(asked: AskedModel) -> tuple[Period, ...]:
    """The package's prices of a model, from each day on which they change."""
    from genai_prices import Usage, calc_price
    from genai_prices.types import PriceCalculation

    def on(day: date) -> PriceCalculation:
        usage = Usage(input_tokens=A_FEW, output_tokens=A_FEW)
        context = {"processing": "batch"} if asked.batch else None
        noon = datetime.combine(day, time(12), UTC)
        if asked.base_url:
            return calc_price(
                usage, asked.model, provider_api_url=asked.base_url,
                genai_request_timestamp=noon, price_context=context,
            )  # fmt: skip
        return calc_price(
            usage, asked.model, provider_id=VENDORS.get(asked.provider, asked.provider),
            genai_request_timestamp=noon, price_context=context,
        )  # fmt: skip

    try:
        model = on(date.today()).model
    except LookupError:
        return ()
    changing = [*(model.prices if isinstance(model.prices, list) else ())]
    changing += model.price_variants or () if asked.batch else ()
    starts = [getattr(each.constraint, "start_date", date.min) for each in changing]
    found: list[Period] = []
    for day in sorted({date.min, *starts}):
        cost = on(day)
        million = Period(
            day, *(float(p * (1_000_000 // A_FEW)) for p in (cost.input_price, cost.output_price))
        )
        if not found or (million.input, million.output) != (found[-1].input, found[-1].output):
            found.append(million)
    return tuple(found)
