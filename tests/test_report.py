"""The report stage: tables and what stands in them, captions."""

import csv
import math
import types
from dataclasses import replace

import numpy as np
import pytest
from reported import ROOT, finding, findings_of_all_statuses, ledger, measured

from scripts.assistants.usage import RoleUsage, Usage
from scripts.checks.check import FeatureCheck, TextsCheck
from scripts.core.rows import write_rows
from scripts.divergence.round import Round
from scripts.divergence.space import Space
from scripts.draws.generation import Generation
from scripts.evidence.reasons import Stop
from scripts.hypotheses.finding import Behaviour
from scripts.hypotheses.hypothesis import Hypothesis, new_hypothesis
from scripts.page.costs import costs_of
from scripts.page.findings_table import FindingRow, as_cells, unit_of_effect, write_table
from scripts.page.text_kinds import Explored, kinds_of_texts
from scripts.prompts.prompt import Prompt
from scripts.report import (
    answered,
    counts,
    names_of_kinds,
    reported,
    text_map,
)


def named_kind(number: int, *name: str) -> Hypothesis:
    """A hypothesis on a kind of texts."""
    check = TextsCheck(texts=number, name=name)
    return new_hypothesis("a kind", "more", "local", ["r000"], check=check)


def test_costs_tell_this_call_from_empty():
    entries = [
        ledger("decode", "now", "round-0", texts=10, tokens=320, cache_misses=10),
        ledger("decode", "before", "round-1", cache_hits=4, saved_tokens=128, saved_seconds=2.0),
        ledger("bank", "before"),
    ]
    cost = costs_of(entries, "now")
    spent, full = cost.stages["decode"].spent, cost.stages["decode"].full
    assert (spent.wall_seconds, spent.texts, spent.tokens) == (1.5, 10, 320)
    assert (full.wall_seconds, full.texts, full.tokens) == (5.0, 14, 448)
    assert (full.cache_hits, full.cache_misses) == (0, 14)
    assert cost.stages["bank"].spent.wall_seconds == 0
    assert cost.total.full.wall_seconds == 6.5
    assert cost.total.spent.wall_seconds == 1.5
    assert costs_of([], "now").total.full.dollars == 0


def test_two_authors_of_a_bank_are_told_apart():
    usage = [
        Usage("write", "now", {"bank author": RoleUsage(model=m, title=m, requests=n)})
        for m, n in (("a", 2), ("b", 3), ("a", 4))
    ]
    total = costs_of([ledger("write", "now")], "now", usage).total.full
    assert total.requests == {"a": 6, "b": 3}
    assert {name: role.requests for name, role in total.roles.items()} == {
        "bank author": 6, "bank author (b)": 3,
    }  # fmt: skip


def test_counts_are_of_both_sides():
    found = counts(
        [Round(n, 60 + 40 * n, 40, 0.1, 0.01, None, [], None) for n in range(2)],
        {"screen": 30},
        [*findings_of_all_statuses(), finding(8, "untested", stopped=Stop.DRAWS)],
        [named_kind(0)] * 9,
        [Behaviour(id="b1", findings=("h1", "h7"), statement="both")],
    )
    assert found.draws == 260 and found.draws_base == found.draws_intervention == 130
    assert found.draws_by_pool == {"explore": 200, "screen": 60}
    assert (found.rounds, found.proposed, found.hypotheses) == (2, 9, 7)
    assert (found.validated, found.suggestive, found.unsupported, found.untested) == (2, 2, 2, 2)
    assert (found.tested, found.behaviours) == (6, 1)


def test_a_round_counts_what_was_cached():
    entries = [
        ledger("decode", "now", tokens=100, saved_tokens=28, saved_seconds=4.0),
        ledger("embed", "now", tokens=999),
    ]
    row = reported(Round(0, 5, 5, 0.1, 0.01, None, [], None), entries)
    assert (row.round, row.draws, row.tokens, row.seconds) == (0, 5, 128, 7.0)


def test_a_csv_row_is_flat():
    row = FindingRow.of(finding(1, "validated"))
    assert row.rate_base == 0.0104 and row.rate_intervention_high == 0.4
    assert row.win_rate == 0.9231 and row.regions == "word0, other0; word0, other0"
    assert (row.difference, row.auc, row.transfer) == (0.2996, 0.613, 0.7021)
    assert (row.p_anytime, row.p_sign, row.behaviour) == (0.0098, 0.0017, "")
    assert as_cells(row)["gates_failed"] == "", "no mark before nothing"
    empty = FindingRow.of(finding(6, "untested"))
    assert empty.win_rate is None and empty.rate_base_low is None


def test_a_csv_row_has_effects_in_units_and_behaviours():
    groups = [
        Behaviour(id="b1", findings=("h1", "h2"), statement="both"),
        Behaviour(id="b2", findings=("h1",), statement="one"),
    ]
    row = FindingRow.of(measured(1), groups)
    assert row.behaviour == "b1; b2"
    assert (row.effect, row.effect_low, row.effect_high) == (0.55, 0.5, 0.6)
    assert row.unit == "ratio of words" and row.rate_base is None
    counted = replace(measured(1).effect, unit="sentences", told="difference")
    assert unit_of_effect(counted) == "sentences"


def explored() -> tuple[Explored, Space]:
    """Forty texts of two kinds: both sides write the one alike, the intervention the other."""
    texts = [f"Roses are red, says line {i}." for i in range(20)]
    texts += [f"Beware of the sharp thorns, number {i}!" for i in range(20)]
    side = ["base", "intervention"] * 10 + ["intervention"] * 20
    vectors = np.array([[1.0, i / 100] for i in range(20)] + [[-1.0, i / 100] for i in range(20)])
    space = Space(("r000",), np.zeros((1, 2)), np.array([[1.0, 0.0], [-1.0, 0.0]]), np.zeros(2))
    return Explored(side, ["r000"] * 40, np.repeat([0, 1], 20), texts, vectors), space


def test_kinds_of_texts_by_how_different_the_sides_are():
    first, second = kinds_of_texts(*explored(), {})
    assert (first.kind, first.base, first.intervention) == (1, 0, 20)
    assert (second.kind, second.base, second.intervention) == (0, 10, 10)
    assert {"beware", "sharp"} & {word for name in first.name for word in name.split()}
    assert [t.text for t in first.typical] == [
        f"Beware of the sharp thorns, number {i}!" for i in range(3)
    ]
    assert second.typical[1] == ("intervention", "r000", "Roses are red, says line 1.")


def test_a_kind_goes_by_the_name_that_a_hypothesis_gave_it():
    rows = [
        named_kind(1, "thorny"),
        new_hypothesis("short", "more", "local", ["r000"], check=FeatureCheck(feature="short")),
        new_hypothesis("by a model", "more", "assistant", ["r000"], behaviour="pricks"),
    ]
    first, _ = kinds_of_texts(*explored(), names_of_kinds(rows))
    assert first.name == ["thorny"]


def test_explored_prompts_are_known_by_what_was_asked_last(tmp_path):
    def lines(name, *rows):
        write_rows(tmp_path / name, rows)
        return str(tmp_path / name)

    where = ("explore", "p1", 0, "r000")
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    files = types.SimpleNamespace(
        prompts=lines("bank", Prompt("p1", chat), Prompt("p2", "How?")),
        base=[lines("base", Generation("base/x", *where, "So."))],
        intervention=[lines("intervention", Generation("intervention/x", *where, "No."))],
    )
    assert answered(files) == [("Why?", "So.", "No.")]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_spreadsheet_runs_no_cell(start, tmp_path):
    attack = f"{start}cmd|' /C calc'!A0"
    found = finding(1, "validated", statement=attack, gates_failed=(attack,), id=attack)
    write_table(tmp_path / "findings.csv", [FindingRow.of(found)])
    with open(tmp_path / "findings.csv", newline="", encoding="utf-8-sig") as file:
        names, cells = csv.reader(file)
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")]
    assert cells[names.index("statement")] == f"'{attack}"


@pytest.mark.parametrize("name", ["workflow", "page", "figure"])
@pytest.mark.parametrize(
    "figure", ["map", "divergence", "rounds", "behaviours", "apart", "new", None]
)
@pytest.mark.parametrize("config", [{}, {"audits": {"demo": {}, "aa": {}}}])
def test_captions_render(name, figure, config):
    docutils = pytest.importorskip("docutils.core")
    from jinja2 import Environment

    wildcards = types.SimpleNamespace(**{"figure": figure} if figure else {})
    snakemake = types.SimpleNamespace(config=config, wildcards=wildcards)
    source = (ROOT / f"config/report/{name}.rst").read_text() + "\n\n.. _Workflow: javascript:x\n"
    caption = Environment(trim_blocks=True, lstrip_blocks=True).from_string(source)
    text = caption.render(snakemake=snakemake, categories={}, files=[])
    docutils.publish_parts(text, writer="html", settings_overrides={"halt_level": 2})


@pytest.mark.parametrize("draws", [1, 2, 6])
def test_a_map_of_the_fewest_texts(draws):
    texts = [f"text {n}" for n in range(2 * draws)]
    vectors = np.random.default_rng(0).normal(size=(2 * draws, 4))
    sides = ["base"] * draws + ["intervention"] * draws
    explored = Explored(sides, ["r000"] * 2 * draws, np.zeros(2 * draws, int), texts, vectors)
    points = text_map(explored, np.zeros(2 * draws), 1000)
    assert [point.text for point in points] == texts
    assert all(math.isfinite(at) for point in points for at in (point.x, point.y))
