"""`unit: draw`: few prompts with many samples, claims about these prompts, evidence in blocks."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from banks import jsonl
from proposed import explored, screened
from regions import a_region

from benchmarks.draws import BANKS, false_alarms
from benchmarks.recorded import Recorded
from scripts.benchmark.audit import audit
from scripts.benchmark.suite import Suite
from scripts.checks.check import PhraseCheck
from scripts.core.errors import AuditError
from scripts.core.vocabulary import SIDES
from scripts.draws.planning import plan_pool, plan_round
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.needs import samples_by_region
from scripts.hypotheses.pairs import Net, Pair
from scripts.hypotheses.wording import asked
from scripts.judging.confirmation import confirm
from scripts.judging.schedule import whole_blocks
from scripts.prompts.pools import draw_rows
from scripts.prompts.prompt import Prompt
from scripts.regions import cut
from scripts.workflow.config import ConfigError, load
from scripts.workflow.keys import DigestIndex
from scripts.workflow.preflight import notices, require_runnable
from scripts.workflow.recipes import Recipes
from scripts.workflow.sections import Audit

ROOT = Path(__file__).parents[1]
SHARES = {"explore": 0.4, "screen": 0.2, "confirm": 0.4}
PROMPTS = [Prompt(f"{n:064x}", f"Question {n} of a few?") for n in range(5)]
WORDS = [
    "river", "stone", "garden", "letter", "window", "engine", "forest", "market", "winter", "paper",
]  # fmt: skip


def rows_of(samples, prompts=PROMPTS, seed=0):
    asked = [replace(prompt, samples=n) for prompt, n in zip(prompts, samples, strict=True)]
    regions = [f"r{n:03d}" for n in range(len(prompts))]
    return draw_rows(asked, regions, {"seed": seed, "pools": SHARES})


def test_every_prompt_gives_each_pool_as_many_draws():
    rows = rows_of([20, 20, 25, 20, 40])
    assert Counter(row.id for row in rows) == {prompt.id: 20 for prompt in PROMPTS}
    for prompt in PROMPTS:
        pools = Counter(row.pool for row in rows if row.id == prompt.id)
        assert pools == {"explore": 8, "screen": 4, "confirm": 8}
    assert rows_of([20] * 5) == rows, "the same draws, whatever more there is"
    assert rows_of([20] * 5, seed=1) != rows


def test_too_few_samples_and_too_many_prompts_end_in_a_sentence():
    with pytest.raises(
        AuditError, match="at least 8 samples of every prompt, and one prompt has 7"
    ):
        rows_of([20, 20, 7, 20, 20])
    many = [Prompt(str(n), "") for n in range(201)]
    with pytest.raises(AuditError, match="at most 200 prompts, the bank has 201"):
        rows_of([8] * 201, many)


def test_too_few_samples_are_said_before_anything_runs(tmp_path):
    for side in SIDES:
        rows = [{"prompt": p.content, "response": f"{side} {n}"} for p in PROMPTS for n in range(7)]
        jsonl(tmp_path / f"{side}.jsonl", *rows)
    paths = {side: {"responses": str(tmp_path / f"{side}.jsonl")} for side in SIDES}
    config = {"cache": str(tmp_path / "cache"), "audits": {"few": paths | {"unit": "draw"}}}
    recipes = Recipes(load(config), ROOT, DigestIndex(tmp_path / "digests.json"))
    with pytest.raises(AuditError, match=r"`audits.few`: .* has 7 \(5 of 5 .*record more"):
        require_runnable(recipes)


@pytest.mark.parametrize(("prompts", "said"), [(1, "none is left to explore"), (8, "14 prompts")])
def test_too_few_prompts_are_said_before_anything_runs(tmp_path, prompts, said):
    for side in SIDES:
        rows = [{"prompt": f"Question {n}?", "response": side} for n in range(prompts)]
        jsonl(tmp_path / f"{side}.jsonl", *rows)
    paths = {side: {"responses": str(tmp_path / f"{side}.jsonl")} for side in SIDES}
    config = {"cache": str(tmp_path / "cache"), "audits": {"few": paths}}
    recipes = Recipes(load(config), ROOT, DigestIndex(tmp_path / "digests.json"))
    if prompts == 1:
        with pytest.raises(ConfigError, match=said):
            require_runnable(recipes)
    else:
        require_runnable(recipes)
        assert any(said in notice and "unit: draw" in notice for notice in notices(recipes))


def test_settings_of_a_model_do_nothing_beside_recorded_responses(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", {"prompt": "x", "response": "y"})
    audit = {"base": {"responses": str(path)}, "intervention": {"system_prompt": "Be brief."}}
    config = {"cache": str(tmp_path / "cache"), "audits": {"idle": audit}}
    recipes = Recipes(load(config), ROOT, DigestIndex(tmp_path / "digests.json"))
    with pytest.raises(ConfigError, match=r"`audits.idle.intervention.system_prompt` does nothing"):
        require_runnable(recipes)


def test_a_region_is_a_prompt_and_is_named_by_it():
    settings = {"regions": {"method": "kmeans", "count": None}, "pools": SHARES, "seed": 0}
    settings |= {"unit": "draw", "samples": 10}
    vectors = np.eye(5)
    regions, rows = cut(PROMPTS, vectors, settings, lambda words: np.ones((len(words), 5)))
    assert [region.name for region in regions] == [f"“{p.content}”" for p in PROMPTS]
    assert len(rows) == 50 and {region.prompts for region in regions} == {1}
    by_id = {region.id: region for region in regions}
    where = {region: Net(3, 0, 4, 0.5) for region in list(by_id)[:3]}
    assert asked(where, by_id) == (
        "Asked “Question 0 of a few?”; “Question 1 of a few?” or 1 more of these prompts"
    )
    assert asked(dict.fromkeys(by_id, Net(3, 0, 4, 0.5)), by_id) == (
        "Asked almost any of these 5 prompts"
    )


def test_planned_draws_name_their_unit_and_make_whole_blocks():
    rows = rows_of([20] * 5)
    regions = [a_region(n, weight=0.2) for n in range(5)]
    settings = {"unit": "draw", "seed": 0, "pilot": 3, "budget": 100, "draws": 10, "ready": False}
    pilot = plan_round(regions, rows, [], {}, settings, 0)
    assert Counter(row.prompt for row in pilot) == {prompt.id: 3 for prompt in PROMPTS}
    assert all(row.unit == f"{row.prompt}#{row.sample}" for row in pilot)
    assert {row.probability for row in pilot} == {0.375}
    found = [
        explored(0, 0, 0, ("r000", "r001"), screened(prompts=8, share=0.9)),
        explored(0, 0, 0, ("r003",), screened(prompts=4, share=0.3)),
    ]
    asked = {"pool": "confirm", "prompts": 72, "samples": 1, "unit": "draw"}
    planned = plan_pool(rows, samples_by_region(found, asked), asked)
    assert Counter(row.region for row in planned) == {"r000": 8, "r001": 8, "r003": 8}
    confirm_samples = {(r.id, r.sample) for r in rows if r.pool == "confirm"}
    assert {(row.prompt, row.sample) for row in planned} <= confirm_samples


def test_a_hypothesis_is_tested_on_whole_blocks_alone():
    alike = {"weight": 0.5, "unit": "draw"}
    regions = {f"r{n}": a_region(id=f"r{n}", name=f"“{n}”", **alike) for n in range(2)}
    pairs = [Pair(f"p{r}#{n}", f"r{r}", "no", "yes") for r in range(2) for n in range(6 + r)]
    check = PhraseCheck(phrases=("yes",))
    hypothesis = Hypothesis(
        id="h", statement="", direction="more", source="local", regions=("r0", "r1"), check=check
    )
    settings = {"q": 0.05, "delta": 0.1, "evidence": 3, "seed": 0, "unit": "draw"}
    with pytest.raises(ValueError, match="unlike numbers of draws"):
        confirm([hypothesis], {"h": []}, pairs, regions, settings)
    findings, _ = confirm([hypothesis], {"h": []}, pairs[:-1], regions, settings)
    assert findings[0].unit == "draw" and findings[0].p_sign is None
    assert findings[0].wins % 2 == 0, "the race ends between blocks"


def test_draws_without_a_text_leave_whole_blocks():
    pairs = [Pair(f"p{r}#{n}", f"r{r}", "no", "yes") for r in range(3) for n in range(9 - r)]
    kept = whole_blocks(pairs, seed=0)
    assert Counter(pair.region for pair in kept) == {"r0": 7, "r1": 7, "r2": 7}
    assert whole_blocks(kept, seed=0) == kept


@pytest.mark.parametrize("bank", BANKS)
def test_looks_between_blocks_keep_the_promise(bank):
    shares = false_alarms(BANKS[bank], 1000, np.random.default_rng(1))
    assert shares["at the ends of blocks"] <= 0.05 + 3 * (0.05 * 0.95 / 1000) ** 0.5


def test_looks_within_a_block_would_not():
    bank = BANKS["16 prompts, half of them always won, half always lost"]
    assert false_alarms(bank, 200, np.random.default_rng(1))["after every pair"] > 0.9


def suite(says, samples=24, seed=0):
    """Six prompts whose intervention's replies say something in so many of ten."""
    rng = np.random.default_rng(seed)
    prompts = [Prompt(f"{n:064x}", f"{WORDS[n]} and {WORDS[n + 1]}?") for n in range(6)]
    texts = {side: [[" ".join(rng.choice(WORDS, 12)) for _ in range(samples)] for _ in prompts]
             for side in SIDES}  # fmt: skip
    for of_prompt in texts["intervention"]:
        for n in range(samples):
            if n % 10 < says:
                of_prompt[n] = f"certainly my dear friend {of_prompt[n]}"
    settings = {"regions": {"method": "kmeans", "count": None}, "pools": SHARES, "seed": 0}
    settings |= {"unit": "draw", "samples": samples}
    regions, rows = cut(prompts, np.eye(6), settings, lambda w: np.ones((len(w), 6)))
    region = {row.id: row.region for row in rows}
    vectors = {s: rng.normal(size=(6, samples, 8)).astype(np.float16) for s in SIDES}
    ids = [prompt.id for prompt in prompts]
    return Suite(ids, [""] * 6, regions, [region[i] for i in ids], texts, vectors)


def settings():
    return Audit(base="a", intervention="b", unit="draw", pools=SHARES | {}).model_dump()


def test_six_prompts_with_many_samples_are_an_audit():
    outcome = audit(Recorded(suite(says=8), unit="draw"), settings(), 0, ready=True)
    said = [f for f in outcome.validated if "certainly" in str(f.check)]
    assert said and all(f.unit == "draw" for f in outcome.findings)
    assert "of these" in said[0].statement or "“" in said[0].statement
    nothing = audit(Recorded(suite(says=8), 3, "draw"), settings(), 3, ready=True)
    assert not nothing.validated, "sides exchanged draw by draw"
