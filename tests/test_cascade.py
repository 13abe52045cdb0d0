"""The cascade: who goes on, fresh prompts, products of evidence, validity, both rules compared."""

import numpy as np
import pytest

from scripts.evidence.accuracy import effect_sought
from scripts.evidence.betting import e_value
from scripts.evidence.cascade import cascade
from scripts.evidence.ebh import e_bh
from scripts.evidence.simulated_judge import judged_audit

DELTA = effect_sought(0.7), effect_sought(0.8)


class Scripted:
    """Gives each hypothesis the same signs on every prompt, and keeps what it was asked."""

    def __init__(self, signs):
        self.signs, self.asked = signs, []

    def __call__(self, wanted):
        self.asked.append(wanted)
        return {r: {h: self.signs[h] for h in names} for r, names in wanted.items()}


def alternating(names):
    """Wins and losses in turn: never decided by few prompts."""
    turn = iter(range(10_000))

    def judge(wanted):
        sign = 1 - 2 * (next(turn) % 2)
        return {r: {h: (sign, sign) for h in own} for r, own in wanted.items()}

    return judge


def test_only_the_borderline_goes_on_and_evidence_multiplies():
    names = ["up", "down", "middle"]
    regions = {name: ["r"] for name in names}
    # "middle" is won at first, then tied: neither crossed nor futile after its 8 prompts.
    script = [{"up": (1, 1), "down": (-1, -1), "middle": (1, 1)}] * 3
    script += [{"up": (1, 1), "down": (-1, -1), "middle": (0, 0)}] * 5
    calls = iter(script)
    strong = Scripted({"middle": (1, 1)})

    def cheap(wanted):
        signs = next(calls)
        return {"r": {name: signs[name] for name in wanted["r"]}}

    outcomes = cascade(regions, {"r": 30}, cheap, strong, share={"r": 8}, delta=(0.3, 0.3))
    assert outcomes["up"].stopped == "validated" and outcomes["up"].strong is None
    assert outcomes["down"].stopped in ("futile", "hopeless") and outcomes["down"].strong is None
    assert all(wanted == {"r": ("middle",)} for wanted in strong.asked)
    middle = outcomes["middle"]
    assert middle.cheap.counts == (3, 5, 0) and middle.cheap.stopped == "exhausted"
    wins = len(strong.asked)
    assert middle.strong.counts == (wins, 0, 0) and middle.strong.remaining == 22 - wins
    assert middle.e == pytest.approx(float(e_value(3, 0) * e_value(wins, 0)))
    assert middle.in_set and middle.stopped == "validated"


def test_no_judge_reads_more_than_its_prompts():
    names = [f"h{i}" for i in range(6)]
    regions = {name: ["r", "s"] if i % 2 else ["r"] for i, name in enumerate(names)}
    asked = {}

    def counting(which, judge):
        def count(wanted):
            for region in wanted:
                asked[which, region] = asked.get((which, region), 0) + 1
            return judge(wanted)

        return count

    cascade(
        regions,
        {"r": 40, "s": 20},
        counting("cheap", alternating(names)),
        counting("strong", alternating(names)),
        share={"r": 10, "s": 5},
        delta=(None, None),
    )
    assert asked["cheap", "r"] == 10 and asked["cheap", "s"] == 5
    assert asked["strong", "r"] <= 30 and asked["strong", "s"] <= 15


def test_hope_counts_the_strong_judges_prompts():
    # 5 wins earn 15 < 20: hopeless alone, hopeful with 10 more prompts to come.
    cheap, strong = Scripted({"h": (1, 1)}), Scripted({"h": (1, 1)})
    outcome = cascade({"h": ["r"]}, {"r": 15}, cheap, strong, share={"r": 5})["h"]
    assert outcome.cheap.stopped == "exhausted" and outcome.in_set
    assert len(cheap.asked) == 5 and 0 < len(strong.asked) < 10
    cheap, strong = Scripted({"h": (1, 1)}), Scripted({"h": (1, 1)})
    outcome = cascade({"h": ["r"]}, {"r": 5}, cheap, strong, share={"r": 5})["h"]
    assert outcome.stopped == "hopeless" and not cheap.asked and not strong.asked


def test_no_share_leaves_all_to_the_strong_judge():
    cheap, strong = Scripted({}), Scripted({"h": (1, 1)})
    for escalate in ("borderline", "band"):
        outcome = cascade(
            {"h": ["r"]}, {"r": 12}, cheap, strong, share={"r": 0}, escalate=escalate
        )["h"]
        assert not cheap.asked and outcome.in_set and outcome.e == outcome.strong.e
    with pytest.raises(ValueError, match="exceeds"):
        cascade({"h": ["r"]}, {"r": 12}, cheap, strong, share={"r": 13})


def test_band_sends_on_what_scores_in_the_middle():
    names = ["high", "low", "even"]
    signs = {"high": [1, 1, 0] * 4, "low": [-1, -1, 0] * 4, "even": [1, -1, 0] * 4}
    prompt = iter(range(12))

    def cheap(wanted):
        i = next(prompt)
        return {"r": {name: (signs[name][i],) * 2 for name in wanted["r"]}}

    strong = Scripted({name: (1, 1) for name in names})
    outcomes = cascade(
        {name: ["r"] for name in names}, {"r": 60}, cheap, strong,
        share={"r": 12}, escalate="band", hypotheses=50,
    )  # fmt: skip
    assert [outcomes[name].strong is not None for name in names] == [False, False, True]
    assert outcomes["even"].cheap.judged == 12


def test_the_set_is_that_of_all_products():
    rng = np.random.default_rng(5)

    def judge(wanted):
        return {
            r: {
                h: (int(s), int(s))
                for h, s in zip(own, rng.choice([-1, 1, 1], len(own)), strict=True)
            }
            for r, own in wanted.items()
        }

    regions = {f"h{i}": ["r"] for i in range(15)}
    outcomes = cascade(regions, {"r": 70}, judge, judge, share={"r": 25}, delta=(0.1, 0.1))
    e = [min(o.e, o.e_prime) for o in outcomes.values()]
    assert [o.in_set for o in outcomes.values()] == e_bh(e).tolist()
    assert 0 < sum(o.strong is not None for o in outcomes.values()) < 15


LINES = {f"h{i}": (f"r{i % 2}",) for i in range(20)}


def simulated(count, seed=0, prompts=80, share=40, **options):
    options = {"true": 0, "neither": 0.0, "accuracies": (0.7, 0.8), "delta": DELTA} | options
    rng = np.random.default_rng(seed)
    return np.array(
        [
            judged_audit(
                LINES,
                {"r0": prompts, "r1": prompts},
                {"r0": share, "r1": share},
                rng=rng,
                **options,
            )
            for _ in range(count)
        ]
    ).T


@pytest.mark.parametrize(
    ("escalate", "habits"),
    [
        ("borderline", {"neither": 0.0}),
        ("borderline", {"neither": 0.7, "lean": 0.5, "longer": 1.0}),
        ("borderline", {"neither": 0.0, "garbage": 0.3}),
        ("band", {"neither": 0.0}),
    ],
    ids=["coin flips", "leans to longer texts", "garbage", "band"],
)
def test_null_audits_seldom_discover(escalate, habits):
    _, _, escalated, _, false = simulated(200, 1, 60, 30, escalate=escalate, **habits)
    print(f"\n{habits}, {escalate}: {(false > 0).sum()} of 200 audits discover anything")
    assert (false > 0).sum() <= 10  # 5 %
    assert escalated.mean() > 0.5  # the second leg is part of what is tested


def test_asking_again_about_the_same_prompts_is_invalid():
    """The control: a second judge who repeats the first one's answers on the same prompts."""

    def reader(signs):
        prompt = iter(signs)

        def judge(wanted):
            row = next(prompt)
            return {"r": {name: (int(row[int(name)]),) * 2 for name in wanted["r"]}}

        return judge

    rng, found = np.random.default_rng(2), 0
    regions = {str(i): ["r"] for i in range(20)}
    for _ in range(100):
        signs = rng.choice([-1, 1], size=(40, 20))
        outcomes = cascade(
            regions, {"r": 80}, reader(signs), reader(signs), share={"r": 40}, delta=(None, None)
        )
        found += any(outcome.in_set for outcome in outcomes.values())
    print(f"\nthe same prompts twice: {found} of 100 audits discover anything")
    assert found > 5


def test_the_cascade_finds_what_the_strong_judge_finds_for_less_than_the_band():
    same = {"true": 4, "neither": 0.7, "prompts": 240}
    alone = simulated(15, share=0, **same)
    both = simulated(15, share=160, **same)
    band = simulated(15, share=160, escalate="band", **same)
    powers = [rows[3].mean() for rows in (alone, both, band)]
    dollars = [(rows[0] / 20 + rows[1]).mean() for rows in (alone, both, band)]
    print(f"\nstrong alone, cascade, band: powers {powers}, dollars {dollars}")
    assert powers[1] > powers[0] - 0.05 and dollars[1] < dollars[0] / 3
    assert dollars[1] < dollars[2]
    assert max(rows[4].mean() for rows in (alone, both, band)) < 0.05
