"""Plans: whole draws, floors, fresh prompts, inclusion probabilities, and stability."""

import hashlib
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from regions import a_region

from scripts.draws.acquisition import four_parts
from scripts.draws.planning import (
    Deck,
    plan_everything,
    plan_pool,
    plan_round,
    whole_draws,
)
from scripts.prompts.pools import DealtPrompt
from scripts.prompts.region import RegionDivergence

SETTINGS = {
    "pool": "explore", "pilot": 5, "draws": 60, "floor": 0.2, "boundary": 0.1, "undersampled": 0.1,
    "budget": 10_000, "seed": 0, "ready": False, "rule": "default",
}  # fmt: skip


def sha(*parts):
    return hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()


def regions(count, weights=None):
    weights = weights or [1 / count] * count
    return [a_region(n, weight=w, medoid=sha("medoid", n)) for n, w in enumerate(weights)]


def prompts(count, each, pool="explore", **more):
    return [
        DealtPrompt(
            sha(pool, r, n),
            f"r{r:03d}",
            pool,
            int(sha("place", pool, r, n)[:8], 16) / 16**8,
            **more,
        )
        for r in range(count)
        for n in range(each)
    ]


def measured(count, **of_region):
    """Equal, undecided regions, but for what is given: r003={"divergence": 2.0}."""
    names = [f"r{n:03d}" for n in range(count)]
    plain = RegionDivergence("", 9, 9, 0.0, 0.3, 0.5, 1.0, 1.0, 0.0, 0.5)
    return {name: replace(plain, region=name, **of_region.get(name, {})) for name in names}


def by_region(rows):
    return Counter(row.region for row in rows)


# Whole draws


@pytest.mark.parametrize("total", [0, 1, 7, 50, 99, 1000])
def test_whole_draws_sum_and_respect_the_room(total):
    rng = np.random.default_rng(total)
    for _ in range(30):
        names = [f"r{n}" for n in range(rng.integers(1, 12))]
        shares = dict(zip(names, rng.dirichlet(np.full(len(names), 0.3)), strict=True))
        room = {name: int(rng.integers(0, 30)) for name in names}
        counts = whole_draws(shares, total, room)
        assert sum(counts.values()) == min(total, sum(room.values()))
        assert all(0 <= counts[name] <= room[name] for name in names)


def test_whole_draws_are_in_proportion():
    shares = {"a": 0.5, "b": 0.3, "c": 0.2}
    room = dict.fromkeys(shares, 100)
    assert whole_draws(shares, 10, room) == {"a": 5, "b": 3, "c": 2}
    assert whole_draws(shares, 11, room) == {"a": 6, "b": 3, "c": 2}  # 5.5, 3.3, 2.2
    assert whole_draws(shares, 10, room | {"a": 1}) == {"a": 1, "b": 5, "c": 4}
    assert whole_draws({"a": 0.0, "b": 0.0}, 3, room) == {"a": 2, "b": 1}


# Round 0


def test_the_pilot_visits_every_region():
    rows = plan_round(regions(4), prompts(4, 20), [], {}, SETTINGS, 0)
    assert by_region(rows) == {f"r{n:03d}": 5 for n in range(4)}
    assert {row.sample for row in rows} == {0}
    assert {row.reason for row in rows} == {"pilot"}
    assert {row.probability for row in rows} == {0.25}
    assert len({row.prompt for row in rows}) == len(rows)


def test_only_the_explore_pool_is_drawn_from():
    bank = prompts(2, 4) + prompts(2, 9, "screen") + prompts(2, 9, "confirm")
    rows = plan_round(regions(2), bank, [], {}, SETTINGS, 0)
    assert {row.prompt for row in rows} == {p.id for p in prompts(2, 4)}
    assert by_region(rows) == {"r000": 4, "r001": 4}  # fewer than the pilot asks for


def test_a_region_without_explore_prompts_is_left_out():
    rows = plan_round(regions(3), prompts(2, 6), [], {}, SETTINGS, 0)
    assert by_region(rows) == {"r000": 5, "r001": 5}


def test_a_prompt_more_moves_few_pilot_draws():
    """40 regions of 60 prompts: the new prompt takes at most one place, in its own region."""
    bank = prompts(40, 60)
    before = {(r.prompt, r.sample) for r in plan_round(regions(40), bank, [], {}, SETTINGS, 0)}
    moved = []
    for n in range(20):
        new = replace(bank[0], id=sha("new", n), order=int(sha("new place", n)[:8], 16) / 16**8)
        rows = plan_round(regions(40), [*bank, new], [], {}, SETTINGS, 0)
        after = {(r.prompt, r.sample) for r in rows}
        moved.append(len(after - before))
        assert after - before <= {(new.id, 0)} and len(after) == len(before)
    assert max(moved) <= 1 and sum(moved) < 10  # 5 of 61 are drawn


# Later rounds


def test_shares_sum_to_one_and_keep_the_floor():
    rng = np.random.default_rng(0)
    for round_number in range(1, 20):
        weights = rng.dirichlet(np.ones(6))
        seen = measured(6, r002={"divergence": 5.0, "error": 0.1})
        drawn = Counter({f"r{n:03d}": 5 for n in range(6)})
        shares = four_parts(regions(6, list(weights)), seen, drawn, SETTINGS, round_number)
        assert sum(shares.values()) == pytest.approx(1)
        for share, weight in zip(shares.values(), weights, strict=True):
            assert share >= SETTINGS["floor"] * weight - 1e-12


def test_a_round_follows_the_rule_that_the_plan_names():
    bank, weights = prompts(2, 200), [0.8, 0.2]
    first = plan_round(regions(2, weights), bank, [], {}, SETTINGS, 0)
    drawn = {
        rule: by_region(
            plan_round(regions(2, weights), bank, first, measured(2), SETTINGS | {"rule": rule}, 1)
        )
        for rule in ("uniform", "proportional")
    }
    assert drawn == {
        "uniform": {"r000": 30, "r001": 30},
        "proportional": {"r000": 48, "r001": 12},
    }


def test_the_floor_alone_follows_the_weights():
    alone = SETTINGS | {"floor": 1.0, "boundary": 0.0, "undersampled": 0.0}
    shares = four_parts(regions(3, [0.5, 0.3, 0.2]), measured(3), Counter(), alone, 1)
    assert list(shares.values()) == pytest.approx([0.5, 0.3, 0.2])


def test_boundaries_and_undersampled_regions_get_their_parts():
    only = SETTINGS | {"floor": 0.0, "boundary": 1.0, "undersampled": 0.0}
    seen = measured(2, r000={"boundary": 0.9}, r001={"boundary": 0.3})
    assert four_parts(regions(2), seen, Counter(), only, 1)["r000"] == pytest.approx(0.75)
    only = SETTINGS | {"floor": 0.0, "boundary": 0.0, "undersampled": 1.0}
    shares = four_parts(regions(2), measured(2), Counter(r000=9, r001=0), only, 1)
    assert shares["r001"] == pytest.approx(10 / 11)


def mean_share(seen, name):
    shares = [four_parts(regions(10), seen, Counter(), SETTINGS, r)[name] for r in range(1, 60)]
    return np.mean(shares)


def test_divergent_and_uncertain_regions_draw_more():
    equal = mean_share(measured(10), "r004")
    assert equal == pytest.approx(0.1, abs=0.03)
    assert mean_share(measured(10, r004={"divergence": 1.0}), "r004") > 2 * equal
    assert mean_share(measured(10, r004={"error": 1.2}), "r004") > 1.5 * equal
    assert mean_share(measured(10, r004={"divergence": -2.0}), "r004") < 0.6 * equal


def test_noise_belongs_to_the_medoid_and_the_round():
    place = {"r000": "r001", "r001": "r000"}
    first = four_parts(regions(5), measured(5), Counter(), SETTINGS, 1)
    swapped = [replace(r, id=place.get(r.id, r.id)) for r in regions(5)]
    again = four_parts(swapped, measured(5), Counter(), SETTINGS, 1)
    assert again["r001"] == pytest.approx(first["r000"])
    assert four_parts(regions(5), measured(5), Counter(), SETTINGS, 2) != first
    assert four_parts(regions(5), measured(5), Counter(), SETTINGS | {"seed": 1}, 1) != first


def rounds(bank, count, settings, number_of_regions, seen=None):
    earlier = []
    for number in range(count):
        earlier.append(
            plan_round(
                regions(number_of_regions),
                bank,
                [row for rows in earlier for row in rows],
                seen or measured(number_of_regions),
                settings,
                number,
            )
        )
    return earlier


def test_no_draw_is_taken_twice_over_rounds():
    found = rounds(prompts(4, 9), 5, SETTINGS, 4)
    draws = [(row.prompt, row.sample) for rows in found for row in rows]
    assert len(draws) == len(set(draws)) == 20 + 4 * 60
    assert [len(rows) for rows in found] == [20, 60, 60, 60, 60]
    assert {row.reason for row in found[1]} == {"acquisition"}
    # Every prompt of a region has its first sample before any has its second.
    for region in ("r000", "r003"):
        samples = [row.sample for rows in found for row in rows if row.region == region]
        assert samples == sorted(samples)


def test_probabilities_are_drawn_over_available():
    found, drawn = rounds(prompts(4, 30), 3, SETTINGS, 4), {}
    for rows in found:
        for row in rows:
            drawn.setdefault(row.region, set()).add(row.prompt)
        for row in rows:
            assert row.probability == pytest.approx(len(drawn[row.region]) / 30, abs=1e-6)


def test_each_prompt_is_as_likely_as_that_says():
    """Over seeds (places) a prompt is drawn as often as its inclusion probability."""
    hits = 0
    for seed in range(300):
        bank = [replace(p, order=int(sha(seed, p.id)[:8], 16) / 16**8) for p in prompts(1, 20)]
        rows = plan_round(regions(1), bank, [], {}, SETTINGS, 0)
        hits += bank[0].id in {row.prompt for row in rows}
    assert abs(hits - 75) < 4 * np.sqrt(300 * 0.25 * 0.75)


def test_the_order_of_prompts_and_regions_does_not_matter():
    bank, places = prompts(6, 20), regions(6)
    first = rounds(bank, 1, SETTINGS, 6)[0]
    plan = plan_round(places, bank, first, measured(6), SETTINGS, 1)
    random.Random(0).shuffle(bank)
    random.Random(1).shuffle(first)
    random.Random(2).shuffle(places)
    again = plan_round(places, bank, first, measured(6), SETTINGS, 1)

    def draws(rows):
        return sorted((r.prompt, r.sample, r.probability) for r in rows)

    assert draws(again) == draws(plan)


@pytest.mark.parametrize("budget", [3, 20, 50, 80, 100])
def test_the_budget_bounds_all_rounds(budget):
    found = rounds(prompts(4, 20), 4, SETTINGS | {"budget": budget}, 4)
    assert sum(map(len, found)) == budget
    if budget == 3:
        assert len(by_region(found[0])) == 3  # spread, not all in one region


def test_a_divergent_region_gets_most_of_a_round():
    seen = measured(10, r004={"divergence": 3.0, "error": 0.2})
    found = rounds(prompts(10, 200), 2, SETTINGS, 10, seen)[1]
    counts = by_region(found)
    assert counts.most_common(1)[0][0] == "r004" and counts["r004"] > 60 / 4
    assert len(found) == 60


# Ready responses


def test_ready_responses_are_taken_whole_and_no_more():
    ready = SETTINGS | {"ready": True, "budget": 3, "pilot": 2}
    bank = [*prompts(2, 3, samples=2), replace(prompts(3, 1)[2], samples=40)]
    rows = plan_round(regions(3), bank, [], {}, ready, 0)
    assert by_region(rows) == {"r000": 6, "r001": 6, "r002": 40}
    assert {row.reason for row in rows} == {"ready"}
    assert {row.probability for row in rows} == {1.0}
    assert plan_round(regions(3), bank, rows, measured(3), ready, 1) == []


def dealt(name, order, **more):
    return DealtPrompt(name, "r000", "explore", order, **more)


def test_samples_cap_a_deck():
    deck = Deck([dealt("a", 0.1, samples=2), dealt("b", 0.2)], 3)
    assert deck.left == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("b", 2)]
    assert Deck([], 5).left == []


# The screen and confirm pools

CONFIRM = {"pool": "confirm", "prompts": 4, "samples": 2, "seed": 0, "ready": False}
ALL = [CONFIRM["samples"]] * CONFIRM["prompts"]


def test_a_pool_plan_takes_its_pool_and_regions():
    bank = prompts(3, 10) + prompts(3, 10, "confirm") + prompts(3, 3, "screen")
    rows = plan_pool(
        bank,
        {"r002": ALL, "r000": ALL},
        CONFIRM,
    )
    own = {p.id for p in bank if p.pool == "confirm" and p.region != "r001"}
    assert {row.prompt for row in rows} <= own
    assert by_region(rows) == {"r000": 8, "r002": 8}
    assert Counter(row.prompt for row in rows).most_common()[-1][1] == 2
    assert {row.pool for row in rows} == {row.reason for row in rows} == {"confirm"}
    assert {row.probability for row in rows} == {0.4}
    assert plan_pool(bank, {}, CONFIRM) == []


def test_a_pool_plan_takes_the_first_in_hash_order():
    bank = prompts(1, 10, "confirm")
    rows = plan_pool(bank[::-1], {"r000": ALL}, CONFIRM)
    first = sorted(bank, key=lambda p: p.order)[:4]
    assert [row.prompt for row in rows if row.sample == 0] == [p.id for p in first]
    more = plan_pool(bank, {"r000": [2] * 7}, CONFIRM)
    assert {r.prompt for r in rows} < {r.prompt for r in more}


def test_a_small_pool_is_taken_whole():
    rows = plan_pool(prompts(1, 3, "confirm"), {"r000": ALL}, CONFIRM)
    assert len(rows) == 6 and {row.probability for row in rows} == {1.0}


def test_a_group_is_one_unit():
    bank = [replace(p, group=f"g{n // 3}") for n, p in enumerate(prompts(1, 12, "confirm"))]
    rows = plan_pool(bank, {"r000": [1] * 3}, CONFIRM)
    group_of = {p.id: p.group for p in bank}
    assert len({group_of[row.prompt] for row in rows}) == len(rows) == 3
    assert {row.probability for row in rows} == {0.75}


def test_a_group_that_spans_regions_is_still_one_unit():
    bank = [replace(p, group=f"g{n % 6}") for n, p in enumerate(prompts(2, 6, "confirm"))]
    both = plan_pool(bank, {"r000": [1] * 9, "r001": [1] * 9}, CONFIRM)
    group_of = {p.id: p.group for p in bank}
    assert sorted(group_of[row.prompt] for row in both) == [f"g{n}" for n in range(6)]
    # Which prompt stands for a group does not depend on the regions that are asked for.
    alone = plan_pool(bank, {"r000": [1] * 9}, CONFIRM)
    assert [r for r in both if r.region == "r000"] == alone


def test_ready_responses_bound_the_samples_of_a_pool():
    bank = [replace(p, samples=1 + n) for n, p in enumerate(prompts(1, 3, "confirm"))]
    rows = plan_pool(bank, {"r000": ALL}, CONFIRM)
    counts = Counter(row.prompt for row in rows)
    assert [counts[p.id] for p in bank] == [1, 2, 2]


def test_the_exhaustive_plan_takes_everything():
    bank = prompts(2, 3, "confirm") + prompts(1, 2, "explore")
    rows = plan_everything(bank, 4)
    assert len(rows) == len(bank) * 4 == len({(r.prompt, r.sample) for r in rows})
    assert {row.pool for row in rows} == {"exhaustive"}


def test_of_very_many_recorded_responses_so_many_are_explored():
    regions = [a_region(n, weight=w) for n, w in enumerate([0.75, 0.25])]
    bank = [
        DealtPrompt(f"{n:064x}", f"r{n % 4 // 3:03d}", "explore", n / 400, samples=2)
        for n in range(400)
    ]
    settings = {"ready": True, "seed": 0, "pilot": 5, "budget": 10, "draws": 10, "recorded": 100}
    rows = plan_round(regions, bank, [], {}, settings, 0)
    assert Counter(row.region for row in rows) == {"r000": 75, "r001": 25}
    assert {row.sample for row in rows} == {0}, "each prompt once before any twice"
    assert len(plan_round(regions, bank, [], {}, settings | {"recorded": 10_000}, 0)) == 800
