"""The race: its four reasons to leave, lock-step, regions, and agreement with plain replays."""

from collections import Counter

import numpy as np
import pytest

from scripts.benchmark.null_audits import stopped_when_found
from scripts.evidence.betting import e_value, futility_value
from scripts.evidence.ebh import e_bh
from scripts.evidence.race import Race, drive
from scripts.evidence.request_counts import requests


def one_region(names, prompts, **options):
    return Race({name: ["r"] for name in names}, {"r": prompts}, **options)


def always(signs):
    """A judge that gives a hypothesis the same signs on every prompt."""
    return lambda wanted: {r: {h: signs[h] for h in names} for r, names in wanted.items()}


def replay(signs):
    """A judge that reads signs[hypothesis][prompt] in one region; each wanted call is a prompt."""
    prompt = iter(range(10_000))

    def judge(wanted):
        i = next(prompt)
        return {"r": {h: tuple(int(s) for s in signs[h][i]) for h in wanted["r"]}}

    return judge


def test_winner_leaves_up_at_twelve_of_forty():
    names = [f"h{i}" for i in range(40)]
    race = one_region(names, 24, delta=None)
    signs = {name: (0, 0) for name in names} | {"h0": (1, 1)}
    standing = drive(race, always(signs))["h0"]
    assert (standing.stopped, standing.judged, standing.remaining) == ("validated", 12, 12)
    assert standing.counts == (12, 0, 0) and standing.in_set
    assert standing.e == standing.e_prime == pytest.approx(float(e_value(12, 0)))


def test_many_winners_need_fewer_prompts():
    names = [f"h{i}" for i in range(40)]
    standings = drive(one_region(names, 24), always({name: (1, 1) for name in names}))
    fewest = int(np.argmax(e_value(np.arange(24), 0) >= 20))
    assert {(s.stopped, s.judged) for s in standings.values()} == {("validated", fewest)}


def test_evidence_is_the_lesser_of_both():
    standings = drive(
        one_region(["plain", "leans"], 12), always({"plain": (1, 1), "leans": (1, 0)})
    )
    assert standings["plain"].stopped == "validated"
    assert standings["leans"].e > 40 and standings["leans"].e_prime == 1
    assert not standings["leans"].in_set and standings["leans"].stopped == "hopeless"


def test_hopeless_leaves_when_wins_no_longer_suffice():
    race = one_region(["h"], 10, delta=None)  # threshold 20: six wins in a row
    judge = always({"h": (0, 0)})
    while race.active():
        wins_left = race.standings()["h"].remaining
        assert e_value(wins_left, 0) >= 20
        race.feed(judge(race.wanted()))
    standing = race.standings()["h"]
    assert standing.stopped == "hopeless" and e_value(standing.remaining, 0) < 20
    assert standing.remaining == 5


def test_too_few_prompts_cost_nothing():
    race = Race({"a": ["r"], "b": ["none"]}, {"r": 5, "none": 0})
    assert race.wanted() == {} and race.active() == []
    standings = race.standings()
    assert (standings["a"].stopped, standings["a"].judged) == ("hopeless", 0)
    assert standings["b"].stopped == "exhausted"


def test_hope_depends_on_the_others():
    # 8 wins earn 100: enough for K = 2, also alone for K = 5, not alone for K = 6.
    few = {f"h{i}": ["r"] for i in range(5)}
    assert Race(few | {"x": ["s"]}, {"r": 24, "s": 8}).wanted()["s"] == ("x",)
    assert "s" not in Race({"x": ["s"]}, {"s": 8}, hypotheses=6).wanted()
    assert "s" in Race({"x": ["s"]}, {"s": 8}, hypotheses=5).wanted()


def test_futile_leaves_on_evidence_of_no_effect():
    standing = drive(one_region(["h"], 200, delta=0.1), always({"h": (0, 0)}))["h"]
    assert standing.stopped == "futile"
    n = standing.judged  # s' asks for half the effect
    assert futility_value(0, n, 0, 0.1) + futility_value(0, n, 0, 0.05) >= 40
    assert futility_value(0, n - 1, 0, 0.1) + futility_value(0, n - 1, 0, 0.05) < 40
    lean = drive(one_region(["h", "g"], 200, delta=0.3), always({"h": (1, 0), "g": (0, 0)}))["h"]
    f = futility_value([lean.judged, 0], [0, lean.judged], 0, 0.3)
    g = futility_value(0, lean.judged, 0, 0.15)
    assert lean.stopped == "futile" and (f[0] + g) / 2 >= 20
    standing = drive(one_region(["h"], 200, delta=None), always({"h": (0, 0)}))["h"]
    assert standing.stopped == "hopeless"


def test_exhausted_may_still_be_validated_by_the_others():
    # K = 2: alone 40 is needed, together 20. a earns 28.8 in its six prompts and waits for b.
    race = Race({"a": ["r"], "b": ["s"]}, {"r": 6, "s": 20}, delta=None)
    for _ in range(6):
        race.feed({"r": {"a": (1, 1)}})
    assert race.standings()["a"].stopped == "exhausted" and not race.standings()["a"].in_set
    while "s" in race.wanted():
        race.feed({"s": {"b": (1, 1)}})
    standings = race.standings()
    assert standings["b"].judged == 6 and standings["b"].stopped == "validated"
    assert standings["a"].in_set and standings["a"].stopped == "exhausted"


def test_regions_pool_evidence_and_report_their_own():
    race = Race({"both": ["r", "s"], "one": ["s"]}, {"r": 10, "s": 10}, delta=None, hypotheses=4)
    assert race.wanted() == {"r": ("both",), "s": ("both", "one")}
    race.feed({"r": {"both": (1, 0)}, "s": {"both": (-1, 1), "one": (0, 0)}})
    race.feed({"s": {"both": (1, 1), "one": None}})
    both, one = race.standings()["both"], race.standings()["one"]
    assert both.counts == (2, 0, 1) and both.counts_prime == (2, 1, 0)
    assert both.by_region == {"r": ((1, 0, 0), (0, 1, 0)), "s": ((1, 0, 1), (2, 0, 0))}
    assert (both.judged, both.remaining) == (3, 17)
    assert (one.judged, one.missing, one.remaining) == (1, 1, 8)


def test_a_region_wants_no_more_than_its_prompts():
    race = Race({"both": ["r", "s"]}, {"r": 2, "s": 30}, delta=None)
    asked = {"r": 0, "s": 0}
    while wanted := race.wanted():
        for region in wanted:
            asked[region] += 1
        race.feed({region: {"both": (0, 0)} for region in wanted})
    standing = race.standings()["both"]
    assert asked["r"] == 2 < asked["s"] < 30
    assert (standing.judged, standing.remaining) == (sum(asked.values()), 30 - asked["s"])


def test_lock_step_is_enforced_and_a_bad_feed_takes_nothing():
    race = one_region(["a", "b"], 20)
    before = race.standings()
    for bad, message in [
        ({"r": {"a": (1, 1)}}, "lacks results of ..b"),
        ({"r": {"a": (1, 1), "b": (2, 0)}}, "Signs"),
        ({"r": {"a": (1, 1), "b": (1,)}}, "Signs"),
        ({"r": {"a": (1, 1), "b": (1, 1), "c": (1, 1)}}, "does not race"),
        ({"s": {"a": (1, 1)}}, "wants no prompt"),
    ]:
        with pytest.raises(ValueError, match=message):
            race.feed(bad)
        assert race.standings() == before


def test_those_who_left_are_frozen():
    race = one_region(["up", "on"], 40, delta=None)
    signs = always({"up": (1, 1), "on": (0, 0)})
    while "up" in race.active():
        race.feed(signs(race.wanted()))
    frozen = race.standings()["up"]
    race.feed({"r": {"up": (-1, -1), "on": (0, 0)}})
    assert race.standings()["up"] == frozen and race.standings()["on"].judged == frozen.judged + 1
    race.finish()
    assert race.wanted() == {} and race.standings()["on"].stopped == "exhausted"
    with pytest.raises(ValueError, match="wants no prompt"):
        race.feed({"r": {"on": (0, 0)}})


def test_second_judge_multiplies():
    race = one_region(["h", "done"], 8, carried={"h": (10.0, 5.0), "done": (50.0, 60.0)})
    assert race.standings()["done"].stopped == "validated" and race.wanted() == {"r": ("h",)}
    race.feed({"r": {"h": (1, 1)}})
    h, once = race.standings()["h"], float(e_value(1, 0))
    assert (h.e, h.e_prime) == (pytest.approx(10 * once), pytest.approx(5 * once))
    with pytest.raises(ValueError, match="Carried"):
        one_region(["h"], 8, carried={"h": (1.0, -1.0)})


def test_carried_evidence_without_a_race_stays_in_the_set():
    # K = 2: together 20 is enough, alone 40. "done" has 25 and waits for "h".
    race = one_region(["h"], 12, carried={"done": (25.0, 30.0)}, delta=None)
    assert race.standings()["done"].stopped == "exhausted" and not race.standings()["done"].in_set
    standings = drive(race, always({"h": (1, 1)}))
    assert standings["h"].judged == 6 and standings["done"].in_set
    assert standings["done"].by_region == {} and standings["done"].e == pytest.approx(25)


def test_a_later_judge_keeps_hope_alive():
    assert one_region(["h"], 3).wanted() == {}
    race = one_region(["h"], 3, later={"r": 3}, delta=None)
    assert e_value(3, 0) ** 2 >= 20 > e_value(2, 0) * e_value(3, 0)
    race.feed({"r": {"h": (1, 1)}})
    assert race.wanted()
    race.feed({"r": {"h": (0, 0)}})
    assert race.standings()["h"].stopped == "hopeless"
    with pytest.raises(ValueError, match="negative"):
        one_region(["h"], 3, later={"r": -4})


def test_a_judge_without_budget_ends_the_race():
    answers = iter([{"r": {"h": (1, 1)}}, {}])
    standing = drive(one_region(["h"], 30), lambda wanted: next(answers))["h"]
    assert (standing.stopped, standing.judged, standing.remaining) == ("exhausted", 1, 29)


def test_bad_line_up_is_refused():
    for regions in ({"h": []}, {"h": ["x"]}, {"h": ["r", "r"]}):
        with pytest.raises(ValueError, match="needs at least one"):
            Race(regions, {"r": 3})
    with pytest.raises(ValueError, match="negative"):
        Race({"h": ["r"]}, {"r": -1})
    with pytest.raises(ValueError, match="only 1 hypotheses"):
        one_region(["a", "b"], 3, hypotheses=1)
    assert Race({}, {"r": 3}).standings() == {}


def random_signs(rng, names, prompts, true):
    signs = {}
    for i, name in enumerate(names):
        chances = [0.05, 0.35, 0.6] if i < true else [0.3, 0.4, 0.3]
        signs[name] = rng.choice([-1, 0, 1], p=chances, size=(prompts, 2))
    return signs


def test_validates_what_a_race_without_drops_validates():
    rng, names, prompts = np.random.default_rng(3), [f"h{i}" for i in range(12)], 24
    found, reasons = 0, set()
    for _ in range(20):
        signs = random_signs(rng, names, prompts, true=4)
        standings = drive(one_region(names, prompts, delta=None), replay(signs))
        table = np.stack([signs[name] for name in names])  # (K, prompts, 2)
        wins, losses = np.cumsum(table == 1, axis=1), np.cumsum(table == -1, axis=1)
        e = e_value(wins, losses).min(axis=2).T
        expected = e_bh(stopped_when_found(e[None]))[0]
        assert [standings[name].in_set for name in names] == expected.tolist()
        found += expected.sum()
        reasons |= {s.stopped for s in standings.values()}
    assert found > 20 and {"validated", "hopeless"} <= reasons


def futility(count, delta):
    """The mean of F and F' of counts (wins, ties, losses) of (s, s')."""
    (w, t, v), (w2, t2, v2) = np.transpose(count)
    return (futility_value(w, t, v, delta) + futility_value(w2, t2, v2, delta / 2)) / 2


def test_follows_the_rules_of_racing_literally():
    """A replay written from the Racing paragraph, one hypothesis at a time."""
    rng, names, prompts, delta = np.random.default_rng(4), list("abcdef"), 40, 0.2
    reasons = set()
    for _ in range(10):
        signs = random_signs(rng, names, prompts, true=2)
        standings = drive(one_region(names, prompts, delta=delta), replay(signs))
        stopped, e, best, used = {}, dict.fromkeys(names, 1.0), {}, dict.fromkeys(names, 0)
        for now in range(prompts + 1):
            count = {h: [(signs[h][: used[h]] == s).sum(axis=0) for s in (1, 0, -1)] for h in names}
            for h in names:
                w, _, v = count[h]
                e[h] = e_value(w, v).min()
            ranked = sorted(e.values(), reverse=True)
            sizes = [k for k in range(1, 7) if ranked[k - 1] >= 6 / (0.05 * k)]
            bar = 6 / (0.05 * max(sizes)) if sizes else np.inf
            for h in set(names) - set(stopped):
                if e[h] >= bar:
                    stopped[h] = "validated"
                elif now == prompts:
                    stopped[h] = "exhausted"
                elif futility(count[h], delta) >= 20:
                    stopped[h] = "futile"
            for h in names:
                w, _, v = count[h]
                more = 0 if h in stopped else prompts - now
                best[h] = e_value(w + more, v).min()
            hopeful = set(names)
            while dropped := {h for h in hopeful if best[h] < 6 / (0.05 * len(hopeful))}:
                hopeful -= dropped
            for h in set(names) - hopeful - set(stopped):
                stopped[h] = "hopeless"
            for h in set(names) - set(stopped):
                used[h] += 1
        assert {h: standings[h].stopped for h in names} == stopped
        assert {h: standings[h].judged for h in names} == used
        reasons |= set(stopped.values())
    assert {"validated", "hopeless", "futile"} <= reasons


class Deferred:
    """Answers by what was drawn for hypothesis, region and prompt, when waited for; counts requests
    and how far ahead of the oldest prompt without results it was asked."""

    def __init__(self, signs):
        self.signs, self.asked, self.requests, self.furthest = signs, Counter(), 0, 0
        self.answered = Counter()

    def __call__(self, wanted):
        found = {}
        for region, names in wanted.items():
            number = self.asked[region]
            self.asked[region] += 1
            self.requests += requests(len(names))
            self.furthest = max(self.furthest, number - self.answered[region])

            def signs(racing, region=region, number=number, names=names):
                assert set(racing) <= set(names)
                self.answered[region] += 1
                return {h: tuple(map(int, self.signs[h, region][number])) for h in racing}

            found[region] = signs
        return found


@pytest.mark.parametrize("delta", [None, 0.1, 0.4])
def test_asking_ahead_changes_nothing_and_costs_nothing(delta):
    rng, furthest, reasons = np.random.default_rng(5), 0, set()
    prompts = {"r": 30, "s": 24, "t": 12}
    for _ in range(30):
        regions = {f"h{i}": ["r", "s"] if i % 3 == 0 else ["rst"[i % 3]] for i in range(25)}
        signs = {}
        for region, most in prompts.items():
            drawn = random_signs(rng, list(regions), most, true=int(rng.integers(8)))
            signs |= {(h, region): of_one for h, of_one in drawn.items()}
        judges = [Deferred(signs) for _ in range(2)]
        plain, ahead = (
            drive(Race(regions, prompts, delta=delta), judge, n)
            for judge, n in zip(judges, (0, 6), strict=True)
        )
        assert ahead == plain
        assert judges[1].requests == judges[0].requests and judges[1].asked == judges[0].asked
        assert judges[0].furthest == 0
        furthest = max(furthest, judges[1].furthest)
        reasons |= {s.stopped for s in plain.values()}
    assert furthest >= 3 and {"validated", "hopeless"} <= reasons


def test_a_budget_that_ends_ahead_of_the_results_ends_the_race_with_what_was_asked():
    judge = Deferred({("h", "r"): [(0, 0)] * 40})
    asked = []

    def poor(wanted):
        asked.append(wanted)
        return judge(wanted) if sum(judge.asked.values()) < 9 else {}

    standing = drive(one_region(["h"], 40, delta=None), poor, 4)["h"]
    assert (standing.judged, standing.stopped, standing.remaining) == (9, "exhausted", 31)
