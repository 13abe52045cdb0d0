"""Screening."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from jobs import job
from proposed import explored, settings_of
from proposed import screened as seen
from regions import a_region

from scripts.assistants.roles import Budget, Role, ScreenRoles
from scripts.assistants.usage import Amount, RoleUsage
from scripts.checks.check import MeasureCheck, PhraseCheck
from scripts.core.errors import AuditError
from scripts.core.files import write_jsonl
from scripts.core.rows import read_rows, write_document, write_rows
from scripts.divergence.space import Space
from scripts.draws.generation import Generation
from scripts.draws.vectors import Vectors
from scripts.evidence.reasons import Stop
from scripts.evidence.request_counts import probe_requests
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.needs import samples_by_region
from scripts.hypotheses.pairs import Net, Pair
from scripts.judging.screening import (
    afforded,
    left_out,
    provable,
    screened,
    within_draws,
    within_money,
)
from scripts.prompts.pools import DealtPrompt
from scripts.prompts.prompt import Prompt
from scripts.prompts.region import Regions
from scripts.screen import main

CHECK = PhraseCheck(phrases=("bread",))
REGIONS = {
    f"r{n}": a_region(id=f"r{n}", name=f"name{n}", category=topic, weight=0.2)
    for n, topic in enumerate(["food", "travel", "film", "film", "law"])
}


def hypothesis(*regions):
    return Hypothesis(
        id="h1", statement="before", direction="more", source="local", regions=regions,
        check=CHECK, explored={r: Net(4, 0, 5, 0.8) for r in regions},
    )  # fmt: skip


def pairs(region, wins=0, losses=0, ties=0):
    texts = [("no", "bread")] * wins + [("bread", "no")] * losses + [("bread", "bread")] * ties
    return [Pair(f"{region}-{n}", region, *both) for n, both in enumerate(texts)]


def one(pairs, *regions, least_net=1):
    (row,) = screened([hypothesis(*regions)], pairs, REGIONS, least_net)
    return row


@pytest.mark.parametrize(
    ("wins", "losses", "least", "goes_on"),
    [(1, 0, 1, True), (0, 0, 1, False), (2, 2, 1, False), (3, 1, 2, True), (3, 1, 3, False)],
)
def test_the_net_decides(wins, losses, least, goes_on):
    row = one(pairs("r0", wins, losses, ties=3), "r0", least_net=least)
    assert row.goes_on is goes_on
    share = round((wins - losses) / (wins + losses + 3), 4)
    assert row.screen == seen(wins + losses + 3, wins, losses, share)


def test_regions_that_do_not_show_it_are_dropped_and_the_sentence_follows():
    some = pairs("r0", wins=3) + pairs("r1", losses=1, ties=2) + pairs("r4", ties=3)
    row = one(some, "r0", "r1", "r4", "r2")  # r2 has no prompt to ask
    assert row.regions == ("r0", "r2") and row.dropped_regions == ("r1", "r4")
    assert row.screen == seen(9, 3, 1, 0.2222)  # of all
    assert row.statement.startswith("Asked about food or film, the intervention model says")
    assert row.goes_on and row.id == "h1"


def test_when_no_region_shows_it_all_stay_and_it_does_not_go_on():
    row = one(pairs("r0", losses=1) + pairs("r1", ties=2), "r0", "r1")
    assert (row.regions, row.dropped_regions) == (("r0", "r1"), ())
    assert not row.goes_on


def test_without_a_prompt_nothing_is_eliminated():
    row = one(pairs("r4", losses=5), "r0", "r1")
    assert row.goes_on and row.screen == seen()


def test_samples_of_one_prompt_are_one_vote():
    many = [Pair("p", "r0", "no", "bread")] * 5 + [Pair("q", "r0", "bread", "no")] * 2
    assert one(many, "r0").screen == seen(2, 1, 1, 0.4286)


# The stage


def run(tmp_path, rows, own_files, draws=1000, **more):
    """The stage on files, with one prompt that speaks for the hypothesis in r0."""
    names = {n: str(tmp_path / n) for n in ("regions", "hypotheses", "base", "intervention")}
    write_document(names["regions"], Regions(list(REGIONS.values()), None))
    write_rows(names["hypotheses"], rows)
    for side, text in (("base", "no"), ("intervention", "bread")):
        draw = f"{side}/screen/p/0"
        write_rows(names[side], [Generation(draw, "screen", "p", 0, "r0", text)])
        names[f"vectors_{side}"] = str(tmp_path / f"{side}.h5")
        Vectors([draw], np.ones((1, 2))).write(names[f"vectors_{side}"])
    Space(("r0",), np.zeros((1, 2)), np.eye(2), np.ones(2)).write(tmp_path / "space.h5")
    given = names | {s: [names[s]] for s in ("base", "intervention")}
    given |= {"space": str(tmp_path / "space.h5"), "prompts": str(tmp_path / "prompts.jsonl")}
    pool = [DealtPrompt(f"{r}{n}", r, "confirm", 0.5) for r in REGIONS for n in range(20)]
    write_rows(given["prompts"], pool)
    given["bank"] = str(tmp_path / "bank.jsonl")
    write_rows(given["bank"], [Prompt("p", "What is bread?")])
    names = ("screened", "kept", "usage", "writing", "calibration", "interactions")
    out = {name: str(tmp_path / f"{name}.out") for name in names}
    out["hypotheses"] = out.pop("kept")
    confirm = {"pool": "confirm", "prompts": 10, "samples": 2, "draws": draws, "ready": False}
    settings = {"least_net": 1, "assistant": "local", "confirm": confirm}
    local = {"hypotheses": own_files, "entailed": False, "access": {}}
    main(job("screen", given, out, settings=settings | more, local=local))
    return read_rows(out["screened"], Hypothesis), read_rows(out["hypotheses"], Hypothesis)


def test_a_stage_says_which_setting_is_wrong(tmp_path):
    with pytest.raises(AuditError, match=r"settings of `screen` .* `lest_net`: Extra inputs"):
        run(tmp_path, [], [], lest_net=1)
    with pytest.raises(AuditError, match=r"settings of `screen` .* `seed`: Field required"):
        run(tmp_path, [], [], assistant={})


def test_own_hypotheses_join_untouched(tmp_path):
    path = tmp_path / "own.jsonl"
    write_jsonl(path, [{"check": {"kind": "feature", "feature": "emoji"}, "statement": "Mine."}])
    failing = replace(hypothesis("r0"), id="h2", check=PhraseCheck(phrases=("no",)))
    rows, kept = run(tmp_path, [hypothesis("r0"), failing], [str(path)])
    assert [row.goes_on for row in rows] == [True, False, True]
    assert [row.statement for row in kept][1:] == ["Mine."] and len(kept) == 2


def test_an_empty_file_of_own_hypotheses_adds_none(tmp_path):
    (tmp_path / "own.jsonl").write_text("\n")
    rows, kept = run(tmp_path, [hypothesis("r0")], [str(tmp_path / "own.jsonl")])
    assert len(rows) == len(kept) == 1


def test_an_assistant_s_budget_covers_those_that_it_can_judge_to_the_end(tmp_path):
    """10 prompts of 2 samples in a region, and 1 request for its placebos: 21, or 41 where over
    ten hypotheses are in it. 1 is for themes."""
    settings = {"pool": "confirm", "prompts": 10, "samples": 2, "draws": 1, "ready": True}
    roles = ScreenRoles(
        Budget(requests=9), Role("cheap", "openai", "a"), (Role("judge 1", "openai", "b"),)
    )
    some = [replace(hypothesis(r), screen=seen(6, 3, 0, 0.5)) for r in ["r0", "r1", *["r2"] * 11]]
    for left, chosen, enough in [(22, some[:1], True), (21, some[:1], False),
                                 (43, some[:2], True), (42, some[:2], False),
                                 (42, some[2:], True), (41, some[2:], False),
                                 (22, some[2:12], True)]:  # fmt: skip
        pool = SimpleNamespace(
            budget=Budget(requests=10 + left).limit, spent=Amount(10, dollars=9.0), usage={},
        )  # fmt: skip
        assert afforded(pool, roles, settings)(chosen) == enough, (left, len(chosen))
        pool.budget += Amount(93)  # 2 × 6 requests to write 40 prompts, 2 × 40 pairs, the placebos
        assert afforded(pool, roles, settings, probe_requests(1, 40, 1))(chosen) == enough
    # in dollars: 100 tokens a request so far, and 172 of a reply, at a dollar a token
    used = RoleUsage(requests=1, cache_hits=1, input_tokens=50, saved_input_tokens=150)
    pool.usage = {"cheap": used}
    prices = tmp_path / "prices.yaml"
    prices.write_text("models: {b: [{from: 2020-01-01, input: 1.0e+6, output: 1.0e+6}]}")
    dear = replace(roles.judges[0], prices=str(prices))
    roles = replace(roles, judges=(dear,))
    for left, enough in ((22 * 272, True), (22 * 272 - 1, False)):
        pool.budget = Budget(usd=9.0 + left).limit
        assert afforded(pool, roles, settings)(some[:1]) == enough


def test_what_the_budget_does_not_reach_goes_on_marked(tmp_path):
    for draws, beyond in ((100, None), (5, "draws")):
        rows, kept = run(tmp_path, [hypothesis("r0")], [], draws=draws)
        assert rows[0].goes_on and [row.beyond for row in kept] == [beyond]


def test_the_budget_takes_what_is_cheap_to_prove_and_every_user_s_own():
    cheap, dear = explored(20, 0, 21, name="cheap"), explored(2, 0, 40, name="dear")
    own = explored(0, 0, 0, regions=("r009",), name="own", source="user")

    def chosen(*hypotheses, **settings):
        return [h.id for h in within_draws(hypotheses, settings_of(**settings))]

    assert chosen(dear, cheap) == ["dear", "cheap"]  # in the order given
    assert chosen(dear, cheap, draws=100) == ["cheap"]
    assert chosen(dear, cheap, draws=13) == []
    assert chosen(dear, own, draws=100) == ["own"]
    assert chosen(dear, cheap, draws=13, ready=True) == ["dear", "cheap"]
    # of an assistant's budget a user's own come first, and no further than it goes
    three = [explored(20, 0, 21), explored(9, 0, 10, name="b"), own]
    for most in range(4):
        found = within_money(three, settings_of(draws=1), lambda some, n=most: len(some) <= n)
        assert {h.id for h in found} == {h.id for h in [own, three[0], three[1]][:most]}
    # a second one in the same region costs only what it adds
    assert chosen(cheap, explored(19, 0, 20, name="more"), draws=15) == ["cheap", "more"]


def test_sure_evidence_goes_before_little_cost():
    everywhere = tuple(f"r{n:03d}" for n in range(60))
    won = seen(105, 104, 0, 0.98)
    sure = explored(20, 0, 21, regions=everywhere, name="sure", screen=won)
    doubtful = [
        explored(
            5, 1, 20, regions=(f"r{n:03d}",), name=f"doubtful {n}", screen=seen(8, 3, 1, 0.1)
        )
        for n in (1, 2)
    ]  # fmt: skip
    settings = settings_of(draws=200)
    cost = [sum(map(sum, samples_by_region([h], settings).values())) for h in (sure, doubtful[0])]
    assert settings["draws"] > cost[0] > cost[1]
    assert within_draws([*doubtful, sure], settings) == [sure]
    local = explored(8, 0, 10, name="local", screen=seen(8, 8, 0, 1.0))
    assert local in within_draws([*doubtful, sure, local], settings), "more evidence for a draw"


# Few prompts


def test_few_prompts_prove_few_hypotheses_and_the_strongest_are_kept():
    many = [replace(hypothesis("r0"), id=f"h{n}", screen=seen(9, n, 0, 0.1)) for n in range(20)]
    assert len(provable(many, {"r0": 60})) == 20
    kept = provable(many, {"r0": 10})
    assert [h.id for h in kept] == ["h15", "h16", "h17", "h18", "h19"], "8 of 10 won: E = 100"
    assert len(provable(many, {"r0": 2})) == 1
    own = [replace(h, source="user") for h in many[:7]]
    assert provable([*own, *many[7:]], {"r0": 10}) == own, "a user's own are always tested"


def test_a_hypothesis_on_everything_keeps_regions_that_show_little():
    rows = [
        Pair(f"{r}{n}", r, "no", "bread" if r == "r0" else "no") for r in REGIONS for n in range(6)
    ]
    row = screened([hypothesis(*REGIONS)], rows, REGIONS, 1)[0]
    assert list(row.regions) == sorted(REGIONS) and row.statement.startswith("Asked about almost")
    against = [Pair(f"x{n}", "r1", "bread", "no") for n in range(3)]
    assert screened([hypothesis(*REGIONS)], rows + against, REGIONS, 1)[0].dropped_regions == (
        "r1",
    )


@pytest.mark.parametrize(("wins", "losses", "passes"), [(3, 0, True), (2, 1, False), (9, 7, False)])
def test_a_graded_hypothesis_passes_by_more_than_luck(wins, losses, passes):
    longer = replace(hypothesis("r0"), check=MeasureCheck(measure="words"))
    texts = [("a", "a b c")] * wins + [("a b c", "a")] * losses
    rows = [Pair(f"p{n}", "r0", *both) for n, both in enumerate(texts)]
    assert screened([longer], rows, REGIONS, 1)[0].goes_on == passes


def test_the_first_budget_that_does_not_reach_is_the_reason():
    some = [replace(hypothesis("r0"), id=f"h{n}", screen=seen(9, 9 - n, 0, 0.9)) for n in range(4)]
    few, plenty = settings_of(prompts=4, draws=1), settings_of(draws=10**6)
    assert left_out(some, {"r0": 60}, plenty) == {}
    assert set(left_out(some, {"r0": 2}, plenty).values()) == {Stop.TOO_FEW_PROMPTS}
    assert left_out(some, {"r0": 60}, few) == dict.fromkeys(["h0", "h1", "h2", "h3"], Stop.DRAWS)
    one_alone = left_out(some, {"r0": 60}, plenty, lambda chosen: len(chosen) == 1)
    assert one_alone == dict.fromkeys(["h1", "h2", "h3"], Stop.UNPAID)
    both = left_out(some, {"r0": 2}, few, lambda chosen: False)
    assert sorted(both.values()) == [Stop.DRAWS, *[Stop.TOO_FEW_PROMPTS] * 3]
