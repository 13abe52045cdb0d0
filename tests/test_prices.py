"""Prices go by model and day, and a user's table goes before the shipped one."""

from datetime import date

import pytest

from scripts.assistants.prices import Price, price_of, read_prices
from scripts.assistants.providers import PROVIDERS
from scripts.core.errors import AuditError


def test_the_default_models_are_priced_today():
    defaults = [model for provider in PROVIDERS.values() for model in provider.models or ()]
    assert defaults and all(price_of(model) is not None for model in defaults)


def test_a_price_is_that_of_the_day():
    new_year = [price_of("gemini-3.8-flash", None, date(year, 1, 1)) for year in (2026, 2027)]
    assert new_year == [None, Price(1.5, 7.5)]
    assert price_of("gemini-3.8-flash", None, date(2026, 12, 31)) == Price(0.75, 3.75)
    assert price_of("no-such-model") is None


def test_dollars_are_for_a_million_tokens():
    assert Price(2.0, 12.0).of(500_000, 100_000) == pytest.approx(2.2)


def test_a_user_s_table_goes_first(tmp_path):
    path = tmp_path / "prices.yaml"
    path.write_text(
        "models:\n  mine: [{from: 2026-01-01, input: 1, output: 2}]\n"
        "  gemini-2.5-pro: [{from: 2026-01-01, input: 9, output: 9}]\n"
    )
    assert price_of("mine", str(path)) == Price(1, 2)
    assert price_of("gemini-2.5-pro", str(path)) == Price(9, 9)
    assert len(read_prices(str(path))) == len(read_prices()) + 1


@pytest.mark.parametrize(
    "text",
    ["", "models: 3", "models: {m: [{from: today, input: 1, output: 1}]}", "models: {m: [{}]}",
     "models: {m: [{from: 2026-01-01, input: x, output: 1}]}", "{"],
)  # fmt: skip
def test_a_table_that_is_none_is_named(tmp_path, text):
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    with pytest.raises(AuditError, match=r"`assistant.prices`: .*prices\.yaml"):
        read_prices(str(path))
    with pytest.raises(AuditError, match="absent"):
        read_prices(str(tmp_path / "absent.yaml"))
