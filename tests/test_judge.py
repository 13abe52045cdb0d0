"""Writing, judging and testing with a language model, on pairs made here: no workflow, no model."""

import random
from dataclasses import replace

import pytest
from asked import roles_of
from loopback import Loopback
from proposed import screened
from reader import STYLES
from regions import a_region

from scripts.assistants.author import Manner, divergence_of, statement_of, write_hypotheses
from scripts.assistants.client import Pool
from scripts.assistants.judge import ModelJudge, prompt_texts
from scripts.assistants.placebos import placebos_by_region
from scripts.assistants.roles import Budget
from scripts.assistants.themes import themes_of
from scripts.checks.check import Placed
from scripts.core.rows import as_json
from scripts.evidence.reasons import Status
from scripts.hypotheses.finding import Finding, FindingRegion
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.pairs import Pair
from scripts.hypotheses.writing import Writing
from scripts.judging.confirmation import confirm, rates_of
from scripts.judging.entries import entries
from scripts.judging.model_judges import confirm_with_models
from scripts.judging.reach import sign_test
from scripts.judging.schedule import Judges, judging_order
from scripts.judging.screening import screened_by_model
from scripts.prompts.prompt import Prompt
from scripts.tools.recount import recount

REGIONS = {
    f"r{n}": a_region(id=f"r{n}", name=f"topic {n}", category=f"topic {n}", weight=0.25)
    for n in range(4)
}
FILLER = ["river", "stone", "garden", "letter", "window", "engine", "forest", "market", "winter"]
MANNER = Manner(pairs=8, each=4, passes=2, hypotheses=5, focus=None)
SETTINGS = {"q": 0.05, "delta": 0.1, "evidence": 2, "seed": 0, "placebos": 9, "unit": "prompt"}


def hypothesis(word, *regions, direction="more"):
    behaviour = f"mentions the word “{word}”"
    return Hypothesis(
        id=f"h-{word}-{direction}", behaviour=behaviour, direction=direction, statement=behaviour,
        regions=regions, source="assistant",
    )  # fmt: skip


def pairs_of(words, prompts=24, samples=1, pool="c", base=None):
    """Pairs in every region; `words` are said by the intervention there, with a chance each."""
    rng, found = random.Random(0), []
    for region in REGIONS:
        for n in range(prompts):
            for _ in range(samples):
                texts = [" ".join(rng.choices(FILLER, k=6)) for _ in range(2)]
                for side, said in enumerate((base or {}, words)):
                    for word, (where, chance) in said.items():
                        if region in where and rng.random() < chance:
                            texts[side] += f" {word}"
                found.append(Pair(f"{pool}{region}-{n:03d}", region, *texts))
    return found


def texts_of(pairs):
    return {pair.prompt: f"A question on {pair.region}?" for pair in pairs}


def findings_of(server, tmp_path, hypotheses, pairs, **given):
    configured = roles_of(server, **{"escalate": "never", "price_ratio": 20.0} | given)
    with Pool(configured, tmp_path) as pool:
        findings, judgements, _ = confirm_with_models(
            pool, configured, hypotheses, pairs, texts_of(pairs), REGIONS, SETTINGS
        )
        written, rows = [*map(as_json, findings)], [*map(as_json, judgements)]
        assert list(recount(written, rows, SETTINGS["q"], local=False)) == []
        return {f.id: f for f in findings}, judgements, pool


def written(server, pool, pairs, where=tuple(REGIONS), before=(), **given):
    manner = MANNER._replace(**given)
    author = roles_of(server).judges[0]
    return write_hypotheses(pool, author, pairs, where, REGIONS, texts_of(pairs), manner, 0, before)


def test_hypotheses_are_written_merged_and_capped(tmp_path):
    pairs = pairs_of({"sugarloaf": (["r0", "r1"], 1.0)}, base={"lantern": (["r2"], 1.0)})
    with Loopback() as server, Pool(roles_of(server), tmp_path) as pool:
        found, counts = written(server, pool, pairs)
        assert counts.written == counts.kept + counts.repeated + counts.beyond
    by_word = {h.behaviour.split("“")[1][:-1]: h for h in found}
    assert by_word["sugarloaf"].regions == ("r0", "r1")
    assert by_word["sugarloaf"].direction == "more"
    assert by_word["lantern"].direction == "less" and by_word["lantern"].regions == ("r2",)
    directed = {(h.behaviour, h.direction) for h in found}
    assert len(found) <= 5 and len(directed) == len(found), "near duplicates are merged"
    assert (
        "Asked about topic 2, the intervention model is less likely" in by_word["lantern"].statement
    )


def test_a_budget_that_ends_before_merging_leaves_no_statement_twice(tmp_path):
    pairs = pairs_of({"sugarloaf": (["r0", "r1"], 1.0)})
    budget = Budget(requests=1 + len(REGIONS))
    with Loopback() as server, Pool(roles_of(server, budget=budget), tmp_path) as pool:
        found, _ = written(server, pool, pairs, hypotheses=9)
        assert server.attempts == budget.requests
    (one,) = [h for h in found if "sugarloaf" in h.behaviour]
    assert one.regions == ("r0", "r1")


def test_the_second_pass_is_told_what_is_known(tmp_path):
    pairs = pairs_of({"sugarloaf": (["r0"], 1.0)})
    with Loopback() as server, Pool(roles_of(server), tmp_path) as pool:
        written(server, pool, pairs, ["r0"])
        asked = [body["messages"][1]["content"] for body in server.asked]
    prompts = [prompt for prompt in asked if "at most 4 differences" in prompt]
    assert len(prompts) == 2 and "known already" not in prompts[0]
    assert "- The response mentions the word “sugarloaf”" in prompts[1]


def test_what_every_region_shows_is_found_in_pairs_mixed_from_all(tmp_path):
    pairs = pairs_of({"sugarloaf": (list(REGIONS), 0.6)}, prompts=8)
    with Loopback() as server, Pool(roles_of(server), tmp_path) as pool:
        (found, *_), _ = written(server, pool, pairs, passes=1)
        first = server.asked[0]["messages"][1]["content"]
    assert {f"A question on {region}?" for region in REGIONS} <= set(first.split("\n"))
    assert "on different topics" in first
    assert found.behaviour == "mentions the word “sugarloaf”" and found.regions == tuple(REGIONS)
    assert found.written.quote == "sugarloaf" and found.written.occurs
    said = {p.prompt for p in pairs if "sugarloaf" in p.intervention}
    assert set(found.written.prompts) <= said and len(found.written.prompts) > 4
    assert found.written.specificity == 4


def test_pairs_far_apart_are_shown_first_and_one_in_four_by_chance_alone(tmp_path):
    pairs = [
        replace(pair, base_placed=Placed(0, -n / 100), intervention_placed=Placed(0, n / 100))
        for n, pair in enumerate(pairs_of({}, prompts=24)[:24])
    ]
    with Loopback() as server, Pool(roles_of(server), tmp_path) as pool:
        written(server, pool, pairs, ["r0"], passes=1)
        asked = server.asked[0]["messages"][1]["content"]
    shown = {n for n, pair in enumerate(pairs) if pair.base in asked}
    assert shown > set(range(18, 24)) and len(shown) == 8
    assert divergence_of(pairs[23]) == pytest.approx(0.46)


def test_what_cites_no_pair_is_left_out_and_what_quotes_no_text_comes_last(tmp_path, monkeypatch):
    given = [
        {"statement": "invents", "more_often": "X", "pairs": [], "quote": ""},
        {"statement": "misquotes", "more_often": "X", "pairs": [1, 2, 3, 4], "quote": "no such"},
        {"statement": "quotes", "more_often": "X", "pairs": [1, 2], "quote": FILLER[0]},
    ]
    monkeypatch.setattr("reader.propose", lambda marked: {"differences": given})
    monkeypatch.setattr("reader.same", lambda statements: [])
    pairs = [Pair(f"p{n}", "r0", FILLER[0], f"{n}") for n in range(8)]
    with Loopback() as server, Pool(roles_of(server), tmp_path) as pool:
        found, counts = written(server, pool, pairs, ["r0"], passes=1)
        assert [h.behaviour for h in found] == ["quotes", "misquotes"]
        assert counts == Writing(written=3, kept=2, without_pairs=1, not_quoted=1)
        found, counts = written(server, pool, pairs, ["r0"], passes=1, hypotheses=1)
        assert [h.behaviour for h in found] == ["quotes"] and counts.beyond == 1


def test_a_second_cycle_writes_on_what_nothing_explains_that_held(tmp_path):
    pairs = pairs_of({"sugarloaf": (["r0"], 0.5), "lantern": (["r0"], 0.3)}, prompts=40)
    with Loopback() as server, Pool(roles_of(server), tmp_path) as pool:
        (first, *_), _ = written(server, pool, pairs, ["r0"], passes=1, each=1)
        shows = {p.prompt for p in pairs if "sugarloaf" in p.intervention}
        held = replace(first, written=replace(first.written, prompts=tuple(shows)))
        asked = len(server.asked)
        found, _ = written(server, pool, pairs, ["r0"], [held], passes=1)
        (told, *_) = (body["messages"][1]["content"] for body in server.asked[asked:])
    explained = [p for p in pairs if p.prompt in shows and p.intervention in told]
    assert not explained and "None of what is known already" in told
    assert "- The response mentions the word “sugarloaf”" in told
    assert first.behaviour not in {h.behaviour for h in found}
    assert Manner.after(MANNER, [held, replace(held, goes_on=False)]).hypotheses == 4


def test_true_statements_are_validated_and_decided_ones_ask_no_further(tmp_path):
    pairs = pairs_of({"bread": (["r0", "r1"], 0.9)}, prompts=40, base={"moon": (["r2", "r3"], 0.9)})
    given = [
        hypothesis("bread", "r0", "r1"), hypothesis("moon", "r2", "r3", direction="less"),
        hypothesis("bread", "r0", "r1", direction="less"), hypothesis("zebra", "r0", "r2"),
    ]  # fmt: skip
    with Loopback() as server:
        findings, judgements, pool = findings_of(server, tmp_path, given, pairs)
    status = {name: f.status for name, f in findings.items()}
    assert status["h-bread-more"] == status["h-moon-less"] == "validated"
    assert status["h-bread-less"] == status["h-zebra-more"] == "unsupported"
    more, less = findings["h-bread-more"], findings["h-moon-less"]
    assert more.rate_intervention.estimate > 0.7 and more.rate_base.estimate == 0
    assert less.rate_base.estimate > 0.7 and less.rate_intervention.estimate == 0
    assert more.stopped == "validated" and more.judged < 30
    assert pool.usage["judge 1"].requests < 100 < 4 * 40
    assert {j.judge for j in judgements} == {"large"}


def test_what_stands_beside_the_race_rests_on_prompts_whose_number_was_fixed(tmp_path):
    pairs = pairs_of({"bread": (["r0"], 0.6)}, prompts=80, base={"bread": (["r0"], 0.2)})
    with Loopback() as server:
        findings, judgements, _ = findings_of(
            server, tmp_path, [hypothesis("bread", "r0")], pairs, rate_prompts=12
        )
    (finding,) = findings.values()
    assert finding.status == "validated" and finding.judged not in (12, 80), "the race ended early"
    rates = finding.rate_base, finding.rate_intervention, finding.difference, finding.auc
    assert {rate.prompts for rate in rates} == {12}
    base, intervention, difference, _ = (rate.estimate for rate in rates)
    assert difference == pytest.approx(intervention - base, abs=1e-3)
    first = judging_order({pair.prompt for pair in pairs if pair.region == "r0"}, 0)[:12]
    signs = [j.signs[0] for j in judgements if j.prompt in first]
    expected = sign_test(signs.count(1), signs.count(-1))
    assert len(signs) == 12 and finding.p_sign == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("escalate", ["never", "auto"])
def test_what_a_model_finds_on_the_same_prompts_is_one_behaviour(tmp_path, escalate):
    """Two wordings of one change are one entry, another change on other topics is another."""
    where = {"bread": (["r0", "r1"], 1.0), "honey": (["r0", "r1"], 1.0), "moon": (["r2"], 1.0)}
    pairs = pairs_of(where, prompts=60)
    given = [hypothesis(word, *of_word) for word, (of_word, _) in where.items()]
    with Loopback(accuracy=0.95) as server:
        findings, judgements, _ = findings_of(
            server, tmp_path, given, pairs, escalate=escalate, price_ratio=50.0
        )
    found = list(findings.values())
    assert {f.status for f in found} == {"validated"}
    shown = [set(entry.findings) for entry in entries(found, judgements, pairs, REGIONS)]
    assert sorted(shown, key=len) == [{"h-moon-more"}, {"h-bread-more", "h-honey-more"}]
    unread = [set(entry.findings) for entry in entries(found, [], pairs, REGIONS)]
    assert sorted(map(len, unread)) == [1, 1, 1], "nothing in common is known"


@pytest.mark.parametrize("escalate", ["auto", "band"])
def test_a_cheap_judge_goes_first_and_no_prompt_is_evidence_twice(tmp_path, escalate):
    pairs = pairs_of({"bread": (["r0", "r1"], 0.8)}, prompts=90)
    given = [hypothesis(w, "r0", "r1") for w in ("bread", "zebra", "yak", "gnu", "elk", "auk")]
    with Loopback(accuracy=0.9) as server:
        findings, judgements, pool = findings_of(
            server, tmp_path, given, pairs, escalate=escalate, price_ratio=50.0
        )
    assert pool.usage["cheap"].requests > 10, "the cheap one was asked"
    assert findings["h-bread-more"].status == "validated"
    assert all(f.status != "validated" for n, f in findings.items() if "bread" not in n)
    rate = findings["h-bread-more"].rate_intervention
    by_judge = {
        model: {j.prompt for j in judgements if j.judge == model and "bread" in j.hypothesis}
        for model in ("small", "large")
    }
    both, alone = (len(f) for f in (by_judge["small"] & by_judge["large"],
                                    by_judge["small"] - by_judge["large"]))  # fmt: skip
    assert both == 24 and rate.prompts == both + alone, "12 a region correct the cheap one's"
    assert rate.low <= 0.8 <= rate.high and rate.high - rate.low < 0.4
    for finding in findings.values():
        prompts = sum(region.used for region in finding.regions)
        assert prompts == finding.judged <= 180


def test_a_judge_that_guesses_validates_nothing(tmp_path):
    pairs = pairs_of({"bread": (["r0", "r1"], 0.9)}, prompts=40)
    given = [hypothesis(word, "r0", "r1") for word in ("bread", "zebra", "yak", "gnu")]
    with Loopback(accuracy=0.0) as server:
        findings, _, _ = findings_of(server, tmp_path, given, pairs)
    assert {f.status for f in findings.values()} <= {"unsupported", "untested"}


def test_a_judge_that_leans_to_the_longer_text_is_caught_by_its_placebos(tmp_path):
    pairs = pairs_of({"and some more words at the end": (list(REGIONS), 1.0)}, prompts=40)
    given = [hypothesis(word, "r0", "r1", "r2", "r3") for word in ("zebra", "yak", "gnu")]
    with Loopback(longer=0.8) as server:
        findings, _, _ = findings_of(server, tmp_path, given, pairs)
    assert all(f.status != "validated" for f in findings.values())
    assert all(f.e_value_plain > 100 for f in findings.values()), "it did lean"


@pytest.mark.parametrize("provider", ["openai", "gemini"])
def test_however_a_judge_writes_its_verdicts_are_the_clean_one_s(tmp_path, provider, caplog):
    pairs = pairs_of({"bread": (["r0", "r1"], 0.7), "moon": (["r1", "r2"], 0.4)}, prompts=40)
    given = [hypothesis(w, "r0", "r1", "r2") for w in ("bread", "moon", "zebra", "yak")]
    found = []
    for name, shares in (("clean", {}), ("any", dict.fromkeys(STYLES, 0.1))):
        with Loopback(**shares, accuracy=0.9) as server:
            findings, judgements, pool = findings_of(
                server, tmp_path / name, given, pairs, provider=provider
            )
        found.append((findings, judgements))
    assert found[0] == found[1]
    used, styles = pool.usage["judge 1"], server.behaviour.styles
    print(styles, used)
    assert set(styles) == set(STYLES) and min(styles.values()) >= 5
    assert used.second_chances == used.unparsable == used.truncated == 0
    asked = sum(usage.mended for usage in pool.usage.values())
    assert asked == styles["drafts"] + styles["ignores"] + styles["words"]
    assert "were in another form than asked for" in caplog.text


def test_however_an_author_writes_its_hypotheses_are_the_clean_one_s(tmp_path):
    pairs = pairs_of({"sugarloaf": (["r0", "r1"], 1.0)}, base={"lantern": (["r2"], 1.0)})
    found = []
    for shares in ({}, *({style: 1.0} for style in STYLES)):
        with (
            Loopback(**shares) as server,
            Pool(roles_of(server), tmp_path / str(shares)) as pool,
        ):
            found.append(written(server, pool, pairs))
    assert found[0][0] and all(other == found[0] for other in found)


def test_refusals_count_apart_and_show_nothing(tmp_path):
    pairs = pairs_of({"bread": (["r0"], 1.0)}, prompts=30)
    first = judging_order({p.prompt for p in pairs if p.region == "r0"}, SETTINGS["seed"])[0]
    (refused,) = (p.intervention for p in pairs if p.prompt == first)
    with Loopback(refuse_when=refused) as server:
        findings, judgements, _ = findings_of(server, tmp_path, [hypothesis("bread", "r0")], pairs)
    finding = findings["h-bread-more"]
    found = [j for j in judgements if j.prompt == first]
    assert [j.refused for j in found] == [1]
    assert finding.refused == 1 and finding.status == "validated"
    assert all(j.signs == (0, 0) for j in found)


def test_lost_replies_are_missing_not_ties(tmp_path, monkeypatch):
    monkeypatch.setattr("scripts.assistants.client.LOST_IN_A_ROW", 10**9)
    monkeypatch.setattr("scripts.servers.pace.ATTEMPTS", 1)
    pairs = pairs_of({"bread": (["r0"], 1.0)}, prompts=20)
    with Loopback() as server, Pool(roles := roles_of(server), tmp_path) as pool:
        by_prompt = {p.prompt: [p] for p in pairs}
        model = ModelJudge(
            pool, roles.judges[0], [hypothesis("bread", "r0")], {}, by_prompt, texts_of(pairs), 0
        )
        server.behaviour.status = 500
        judged = model({"r0": (pairs[0].prompt, ["h-bread-more"])})()
        assert judged == {"r0": {"h-bread-more": None}} and pool.usage["judge 1"].lost == 1
        server.behaviour.status = None
        judges = Judges(model, model, {}, "borderline", (0.1, 0.1), rates_of(12))
        bread = [hypothesis("bread", "r0")]
        ((finding,), _) = confirm(bread, {}, pairs, REGIONS, SETTINGS, judges)
        assert finding.missing == 0  # what was lost is asked again


def test_the_screen_drops_the_hopeless_and_narrows_the_rest(tmp_path):
    pairs = pairs_of({"bread": (["r0"], 1.0)}, prompts=6, pool="s")
    given = [hypothesis("bread", "r0", "r1"), hypothesis("zebra", "r0", "r1")]
    by_prompt = {p.prompt: [p] for p in pairs}
    with Loopback() as server, Pool(roles := roles_of(server), tmp_path) as pool:
        model = ModelJudge(pool, roles.cheap, given, {}, by_prompt, texts_of(pairs), 0)
        rows = screened_by_model(given, pairs, REGIONS, 3, model)
        asked = pool.usage["cheap"].requests
    assert [row.goes_on for row in rows] == [True, False]
    assert rows[0].regions == ("r0",) and rows[0].dropped_regions == ("r1",)
    assert rows[0].screen == screened(12, 6, 0, 1.0)
    assert rows[1].screen.prompts < 12, "it left when it had no hope"
    assert asked == 12


def test_themes_are_asked_for_from_six_findings_on(tmp_path):
    pairs = pairs_of({}, prompts=3)
    found = [
        Finding(
            id=f"h{n}", statement="", direction="more", source="assistant",
            behaviour=f"sings {n}", status=Status.VALIDATED, wins=9,
            regions=(FindingRegion(id=f"r{n % 4}", name="a, b", category="", weight=0.2),),
        )
        for n in range(7)
    ]  # fmt: skip
    with Loopback() as server, Pool(roles := roles_of(server), tmp_path) as pool:
        texts = texts_of(pairs)
        few = [*found[:5], replace(found[5], status=Status.SUGGESTIVE)]
        assert themes_of(pool, roles.themes, few, pairs, texts) == [] and not server.asked
        (theme,) = themes_of(pool, roles.themes, found, pairs, texts, "birds")
        (asked,) = (body["messages"][1]["content"] for body in server.asked)
    assert theme.findings == tuple(f.id for f in found)
    assert "3. the intervention model more often sings 2; 9 prompts for it, 0 against it" in asked
    assert "topic 3, prompt 2" in asked and "A question on r2?" in asked and "birds" in asked


def test_placebos_are_about_something_else(tmp_path):
    given = [hypothesis("bread", "r0"), hypothesis("moon", "r1"), hypothesis("bread", "r1")]
    given += [replace(hypothesis("star", "r2"), dropped_regions=("r0",))]
    given[0] = replace(given[0], behaviour="gives advice on “bread”")
    with Loopback() as server, Pool(roles := roles_of(server), tmp_path) as pool:
        found = placebos_by_region(pool, roles.cheap, given, 9, 0)
    assert set(found) == {"r0", "r1", "r2"} and all(len(set(p)) == 9 for p in found.values())
    assert "mentions the word “moon”" in found["r0"]
    assert "mentions the word “star”" in found["r1"]
    assert "mentions the word “star”" not in found["r0"], "it was thought to hold there"
    assert not any("bread" in statement for statement in found["r0"] + found["r1"])


@pytest.mark.parametrize("direction", ["more", "less"])
def test_a_statement_names_its_topics(direction):
    said = statement_of("sings", direction, ["r0", "r1"], REGIONS)
    assert said == (
        f"Asked about topic 0 or topic 1, the intervention model is {direction} likely than the "
        "base to give a response that sings"
    )


def test_prompts_as_texts():
    bank = [Prompt("a", "Hello"), Prompt("b", [{"role": "user", "content": "Hi"}])]
    assert prompt_texts(bank) == {"a": "Hello", "b": "user: Hi"}
