"""How right a judge is, told from answers alone; and the race that is made for it."""

import numpy as np
import pytest

from scripts.evidence.accuracy import Accuracy, accuracies, delta_of, effect_sought
from scripts.evidence.race import Race, Sought, drive
from scripts.evidence.simulated_judge import judged_audit
from scripts.judging.calibration import UNKNOWN, Calibration

ASSUMED = Accuracy(0.7, 0.7, 0)


def answers(rng, accuracy, neither, samples, true=30, hypotheses=300, prompts=6):
    """Net answers of a judge of known quality to so many hypotheses."""
    found = {}
    for number in range(hypotheses):
        chance = rng.random((prompts, samples))
        if number < true:
            d = np.where(chance < accuracy, 1, -1)
        else:
            d = np.where(rng.random(d.shape) < neither, 0, np.where(chance < 0.5, 1, -1))
        found[f"h{number}"] = [(int(net), samples) for net in d.sum(axis=1)]
    return found


@pytest.mark.parametrize("neither", [0.7, 0.0])
@pytest.mark.parametrize("accuracy", [0.65, 0.8, 0.95])
def test_the_accuracy_is_told_from_answers_alone(accuracy, neither):
    rng = np.random.default_rng(1)
    read = answers(rng, accuracy, neither, samples=4)
    found = accuracies([read], [ASSUMED])
    assert found.judges[0].right == pytest.approx(accuracy, abs=0.06)
    assert found.judges[0].neither == pytest.approx(neither, abs=0.05)
    chance = [found.is_true[f"h{number}"] for number in range(300)]
    assert np.mean(chance[:30]) > 5 * np.mean(chance[30:])


def test_two_judges_share_what_is_true_and_little_leaves_what_was_assumed():
    rng = np.random.default_rng(2)
    cheap = answers(rng, 0.7, 0.7, samples=4)
    strong = {name: of[:3] for name, of in answers(rng, 0.9, 0.7, samples=1).items()}
    both = accuracies([cheap, strong], [ASSUMED, Accuracy(0.8, 0.7, 0)]).judges
    assert both[0].right < 0.75 and both[1].right > 0.83 and both[1].prompts == 900
    nothing = accuracies([{}], [ASSUMED]).judges[0]
    assert nothing.right == pytest.approx(0.7, abs=0.02) and nothing.prompts == 0
    few = accuracies([{"h": [(1, 1), (-1, 1)]}], [ASSUMED]).judges[0]
    assert few.right == pytest.approx(0.7, abs=0.05)


def test_delta_follows_the_judge_and_the_prompts():
    assert delta_of(0.8, 480) == pytest.approx(0.5)
    assert delta_of(0.8, 24) == Sought(effect_sought(0.8) / 2, effect_sought(0.8))
    assert Calibration().deltas("auto", 24) == (0.1, 0.1), "checks make no mistakes"
    assert UNKNOWN.deltas("auto", 480) == pytest.approx((1 / 3, 0.5))
    assert UNKNOWN.deltas(0.2, 480) == (0.2, 0.2)


def test_ties_speak_only_against_half_of_what_few_prompts_seek():
    turn = iter(range(1000))

    def seldom(wanted):
        sign = int(next(turn) % 4 == 0)  # a win in four prompts, else ties
        return {r: dict.fromkeys(names, (sign, sign)) for r, names in wanted.items()}

    stopped = []
    for delta in (0.5, Sought(0.25, 0.5)):
        race = Race({"h": ["r"]}, {"r": 60}, delta=delta, hypotheses=20)
        stopped.append(drive(race, seldom)["h"].stopped)
    assert stopped == ["futile", "validated"]


def test_a_wrong_delta_costs_findings_and_makes_none_false():
    lines, prompts = {f"h{i}": (f"r{i % 2}",) for i in range(20)}, {"r0": 60, "r1": 60}
    share = dict.fromkeys(prompts, 0)
    found = {}
    for delta in (0.1, 0.9):
        rng, options = np.random.default_rng(3), {"neither": 0.0, "delta": (delta, delta)}
        options |= {"accuracies": (0.8, 0.8), "rng": rng}
        none = [judged_audit(lines, prompts, share, true=0, **options) for _ in range(60)]
        some = [judged_audit(lines, prompts, share, true=4, **options) for _ in range(12)]
        assert sum(audit.false_share > 0 for audit in none) <= 3
        found[delta] = np.mean([audit.power for audit in some])
    assert found[0.9] < found[0.1]
