"""Prices go by model and day, and a user's table goes before the shipped one."""

from datetime import date

import pytest

from scripts.assistants import prices
from scripts.assistants.prices import AskedModel, Price, periods_of, price_of, read_prices
from scripts.assistants.providers import PROVIDERS
from scripts.core.errors import AuditError


def gemini(model, **how):
    return AskedModel(model, "gemini", **how)


def test_the_default_models_are_priced_today_and_in_batches_at_half():
    defaults = {
        AskedModel(model, name) for name, p in PROVIDERS.items() for model in p.models or ()
    }
    assert defaults
    for asked in defaults:
        whole, half = price_of(asked), price_of(asked._replace(batch=True))
        assert half == Price(whole.input / 2, whole.output / 2)


def test_a_price_is_that_of_the_day():
    flash = gemini("gemini-3.8-flash")
    assert price_of(flash, None, date(2026, 12, 31)) == Price(0.75, 3.75)
    assert price_of(flash, None, date(2027, 1, 1)) == Price(1.5, 7.5)
    assert [p.since for p in periods_of(flash)][-1] == date(2027, 1, 1)
    assert price_of(gemini("no-such-model")) is None


@pytest.mark.parametrize(
    ("asked", "priced"),
    [
        (AskedModel("gpt-5-mini", "openai"), True),
        (AskedModel("gpt-5-mini", "openai", "https://api.openai.com/v1"), True),
        (AskedModel("gpt-5-mini", "openai", "http://localhost:8000/v1"), False),
        (AskedModel("claude-opus-4-5", "openai", "https://api.anthropic.com/v1/"), True),
        (AskedModel("google/gemini-2.5-pro", "openai", "https://openrouter.ai/api/v1"), True),
    ],
)
def test_a_server_of_one_s_own_has_no_price_whatever_its_model_is_called(asked, priced):
    assert (price_of(asked) is not None) == priced


def test_dollars_are_for_a_million_tokens():
    assert Price(2.0, 12.0).of(500_000, 100_000) == pytest.approx(2.2)


def test_a_user_s_table_goes_first(tmp_path):
    path = tmp_path / "prices.yaml"
    path.write_text(
        "models:\n  mine: [{from: 2026-01-01, input: 1, output: 2}]\n"
        "  gemini-2.5-pro: [{from: 2026-01-01, input: 9, output: 9}]\n"
    )
    own = AskedModel("mine", "openai", "http://localhost:8000/v1")
    assert price_of(own, str(path)) == Price(1, 2)
    assert price_of(own._replace(batch=True), str(path)) == Price(0.5, 1)
    assert price_of(gemini("gemini-2.5-pro"), str(path)) == Price(9, 9)
    assert price_of(gemini("gemini-3.5-flash"), str(path)) == Price(1.5, 9)


def test_prices_ask_nothing_of_the_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", refuse)
    prices._known.cache_clear()
    assert price_of(gemini("gemini-2.5-pro"))


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
