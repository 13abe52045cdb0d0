"""Simulated audits: behaviours and their checks, rewritten subjects, scores, whole audits."""

from typing import get_args

import numpy as np
import pytest
from proposed import explored
from regions import a_region

from scripts.benchmark.audit import audit, dipped, requests_of
from scripts.benchmark.planted import TRANSFORMS, load_planted_behaviours, plantable_in, prompts_of
from scripts.benchmark.runner import run_trial
from scripts.benchmark.scoring import score_simulated
from scripts.benchmark.strategies import texts_until_proposed
from scripts.benchmark.suite import PlantedBehaviour, SimulatedSubject, Suite, looked_up
from scripts.benchmark.trial import Trial, TrialSetup, groups, ladder, texts_to_embed
from scripts.benchmark.trials import audit_twice_as_long, rate_row
from scripts.checks.behaviour_file import Transform
from scripts.checks.check import PhraseCheck
from scripts.core.errors import AuditError
from scripts.draws.draw import PlannedDraw
from scripts.draws.rules import RULES
from scripts.hypotheses.finding import Finding, FindingRegion
from scripts.workflow.sections import Audit

BEHAVIOURS = load_planted_behaviours("config/benchmarks/behaviours.yaml")
REWRITTEN = [b for b in BEHAVIOURS.values() if b.rewrite]
TEXT = (
    "Bread needs flour and water. Mix both of these well, let the dough rest, and then bake it "
    "slowly."
)
TOPICS = ["food and cooking", "travel", "sleep", "pets"]
WORDS = [
    "river",
    "engine",
    "winter",
    "letter",
    "window",
    "garden",
    "market",
    "silver",
    "corner",
    "bridge",
    "pencil",
    "planet",
]


@pytest.fixture(scope="module")
def suite():
    """A bank of four topics, 50 prompts each; texts of topic words in random order, 8 samples."""
    rng = np.random.default_rng(0)
    topics = [topic for topic in TOPICS for _ in range(50)]
    regions = [
        a_region(id=f"r{n}", name=t, category=t, weight=0.25, medoid=f"{t} 0", prompts=50)
        for n, t in enumerate(TOPICS)
    ]
    ids = [f"{topic}-{n}".replace(" ", "").ljust(20, "x") for n, topic in enumerate(topics)]
    ids = [f"{n:016d}{name}" for n, name in enumerate(ids)]
    texts, vectors = {}, {}
    centre = rng.normal(size=(4, 16))
    for side in ("base", "intervention"):
        texts[side] = [
            [" ".join(rng.choice(WORDS, 15)).capitalize() + "." for _ in range(8)] for _ in topics
        ]
        noise = rng.normal(scale=0.4, size=(200, 8, 16))
        vectors[side] = (centre[np.arange(200) // 50][:, None] + noise).astype(np.float16)
    return Suite(ids, topics, regions, [f"r{n // 50}" for n in range(200)], texts, vectors)


@pytest.fixture(scope="module")
def setup(suite):
    sections = {"pools", "plan", "measure", "propose", "screen", "confirm"}
    settings = Audit.model_validate(
        {
            "bank": "b", "base": "s",
            "plan": {"pilot": 5, "draws": 40}, "measure": {"rounds": 3, "budget": 120},
            "confirm": {"prompts": 24, "samples": 8},
        }
    ).model_dump(include=sections)  # fmt: skip
    here = plantable_in(BEHAVIOURS, TOPICS)
    wanted = texts_to_embed(suite, here, [Trial(0, tuple(here), 1.0, 1.0)])
    rng = np.random.default_rng(1)
    shift = {name: rng.normal(size=16) for name in here}
    vectors = {
        (b, p, s): (suite.vectors["intervention"][p, s] + shift[b]).astype(np.float16)
        for b, p, s in wanted
    }
    return TrialSetup(suite, here, vectors, settings)


def test_the_suite_has_twenty_behaviours_of_many_kinds():
    assert len(REWRITTEN) >= 20
    assert len({b.kind for b in REWRITTEN}) >= 12
    assert len({b.topic for b in REWRITTEN}) == len(REWRITTEN)


@pytest.mark.parametrize("behaviour", REWRITTEN, ids=lambda b: b.name)
@pytest.mark.parametrize("chance", [0.0, 0.49, 0.99])
def test_a_rewritten_text_shows_its_behaviour_and_grows_no_longer(behaviour, chance):
    assert not behaviour.shows(TEXT)
    rewritten = behaviour.rewritten(TEXT, chance)
    assert behaviour.shows(rewritten)
    longer = 3 if behaviour.rewrite.transform else 0  # the numbers of a list are words
    assert len(rewritten.split()) <= len(TEXT.split()) + longer


def test_behaviours_are_told_apart():
    for one in REWRITTEN:
        others = [b.name for b in REWRITTEN if b is not one and b.shows(one.rewritten(TEXT, 0.1))]
        assert len(others) <= 1, (one.name, others)


def test_every_transform_that_a_file_may_name_is_one():
    assert set(get_args(Transform)) == set(TRANSFORMS)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{name: a, kind: b, topic: c, statement: d}", "has no `check`"),
        ("{name: a, kind: b, topic: c, statement: d, check: '('}", "the check of `a`"),
        (
            "{name: a, kind: b, topic: c, statement: d, check: x, rewrite: {transform: sing}}",
            "`transform` is 'sing': input should be 'lower'",
        ),
    ],
)
def test_a_wrong_behaviour_is_one_sentence(tmp_path, row, said):
    file = tmp_path / "behaviours.yaml"
    file.write_text(f"- {row}\n")
    with pytest.raises(AuditError, match=said):
        load_planted_behaviours(file)


def test_a_spread_takes_the_home_topic_first_and_then_whole_topics():
    topics = ["a"] * 10 + ["sleep"] * 10 + ["b"] * 10 + ["c"] * 70
    sleep = BEHAVIOURS["rhymes"]
    assert prompts_of(sleep, topics, 0.02) == [10, 11]
    assert prompts_of(sleep, topics, 0.05) == list(range(10, 20))
    assert prompts_of(sleep, topics, 0.15) == list(range(10, 30))
    assert sorted(prompts_of(sleep, topics, 1.0)) == list(range(100))


def test_doses_are_kept_and_nested(suite):
    prompts = frozenset(range(50))

    def planted(dose, seed=0):
        subject = SimulatedSubject(
            suite, [PlantedBehaviour(BEHAVIOURS["nutritionist"], prompts, dose)], seed
        )
        return {(p, s) for p in range(200) for s in range(8) if subject.planted(p, s)}

    low, high, every = planted(0.1), planted(0.3), planted(1.0)
    assert low < high < every and len(every) == 400
    assert abs(len(low) - 40) < 20 and abs(len(high) - 120) < 40
    assert planted(0.3) == high != planted(0.3, seed=1)


def test_only_planted_draws_of_the_intervention_are_rewritten(suite, setup):
    plant = PlantedBehaviour(BEHAVIOURS["nutritionist"], frozenset(range(50)), 0.5)
    subject = SimulatedSubject(suite, [plant], 0, looked_up(setup.vectors))
    for p in (0, 7, 120):
        for s in range(8):
            assert subject.text("base", p, s) == suite.texts["base"][p][s]
            changed = subject.text("intervention", p, s) != suite.texts["intervention"][p][s]
            assert changed == (subject.planted(p, s) is not None)
            vector = subject.vector("intervention", p, s)
            assert changed != np.array_equal(vector, suite.vectors["intervention"][p, s])


def test_a_null_audit_deals_every_draw_to_one_side(suite):
    subject = SimulatedSubject(suite, seed=3, null=True)
    for p in (0, 60):
        dealt = [subject.text(side, p, s) for side in ("base", "intervention") for s in range(8)]
        assert sorted(dealt) == sorted(suite.texts["base"][p] + suite.texts["intervention"][p])
    again = SimulatedSubject(suite, seed=4, null=True)
    assert any(subject.text("base", p, 0) != again.text("base", p, 0) for p in range(10))


def test_scores_go_by_checks_and_regions(suite, setup):
    plant = PlantedBehaviour(BEHAVIOURS["nutritionist"], frozenset(range(50)), 0.5)
    subject = SimulatedSubject(suite, [plant], 0, looked_up(setup.vectors))

    def score(phrase, *regions, **more):
        return score_simulated(PhraseCheck(phrases=(phrase,), **more), regions, subject)

    assert score("licensed nutritionist", "r0").names == {"nutritionist"}
    assert score("licensed nutritionist", "r0").effect == pytest.approx(0.5, abs=0.06)
    # another region, the reverse, and what was there before
    assert not score("licensed nutritionist", "r1").names
    for wrong in (score("licensed nutritionist", "r0", absent=True), score("river", "r0")):
        assert not wrong.names and not wrong.true
    # base words went where replies were replaced: a true side effect without a name
    gone = score("river", "r0", absent=True)
    assert gone.true and gone.effect > 0


def test_requests_count_pairs_while_anyone_races():
    def finding(**used):
        regions = [
            FindingRegion(id=region, name="", category="", weight=0.5, used=n)
            for region, n in used.items()
        ]
        return Finding(
            id="h", statement="", direction="more", source="local", regions=tuple(regions)
        )

    def drawn(region, prompt, sample=0):
        return PlannedDraw("confirm", prompt, sample, region, "confirm", 1.0)

    draws = [drawn("a", f"a{n // 2}", n % 2) for n in range(16)]  # two samples each
    draws += [drawn("b", f"b{n}") for n in range(4)]
    assert requests_of([finding(a=5), finding(a=3, b=2)], draws, 0) == 2 * 5 + 2
    assert requests_of([finding(a=4)] * 11, draws, 0) == 2 * 4 * 2  # eleven do not fit one request
    assert requests_of([], draws, 0) == 0


def test_dipping_finds_what_chance_proposed():
    assert dipped([explored(12, 0, 12)], 0.05) == 1
    assert dipped([explored(3, 0, 12)], 0.05) == 0
    assert dipped([], 0.05) == 0


def test_groups_share_no_behaviour_and_leave_none_out():
    names = [b.name for b in REWRITTEN]
    found = groups(names, 4)
    assert sorted(n for group in found for n in group) == sorted(names)
    assert {len(group) for group in found} == {4}


def test_the_ladder_has_every_cell():
    bench = {"together": 4, "behaviours_of_all": 2, "seeds": 2, "doses": [0.1, 1.0],
             "spreads": [0.04, 1.0]}  # fmt: skip
    trials = ladder(plantable_in(BEHAVIOURS, TOPICS), bench)
    assert len(trials) == len(set(trials)) == 2 * 2 * 2
    assert {len(t.behaviours) for t in trials if t.spread == 1.0} == {1}


def test_a_planted_audit_finds_all_and_invents_nothing(setup):
    row = run_trial(setup, Trial(0, tuple(setup.behaviours), 0.25, 1.0))
    assert all(rank is not None for rank in row["rank"].values()), row
    assert row["true"] == row["validated"] and not row["false"]
    assert row["texts"] == sum(row["texts_by_pool"].values()) > 0


def test_null_audits_find_nothing_and_differ_by_seed(setup):
    rows = [run_trial(setup, Trial(seed)) for seed in range(4)]
    assert sum(row["validated"] for row in rows) == 0
    assert all(row["rank"] == {} for row in rows)


def test_a_pair_twice_as_long_gives_findings_on_length_alone(setup):
    row = audit_twice_as_long(setup, 0)
    of_length = ("are longer", "are shorter")
    assert row["validated"], row
    assert all(any(words in s for words in of_length) for s in row["validated"]), row


def test_intervals_are_of_the_planted_rate(setup):
    rows = [rate_row(setup, Trial(seed, tuple(setup.behaviours), 1.0, 1.0)) for seed in range(2)]
    intervals = [i for row in rows for i in row["intervals"]]
    assert intervals and all(low <= 1.0 <= high + 1e-9 for _, low, high in intervals)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_proposes_what_is_planted(setup, rule):
    trial = Trial(0, tuple(setup.behaviours), 0.25, 1.0)
    found = texts_until_proposed(trial.subject(setup), setup.settings, 0, rule)
    assert all(0 < texts <= 240 for texts in found.values()), found


def test_an_audit_is_deterministic(setup):
    subject = Trial(0, tuple(setup.behaviours), 0.25, 0.5).subject(setup)
    one, two = (audit(subject, setup.settings, 0) for _ in range(2))
    assert one.findings == two.findings and one.texts == two.texts
