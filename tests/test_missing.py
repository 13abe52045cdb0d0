"""Missing responses: a hypothesis of their own, and nothing else is judged on them."""

from dataclasses import replace

import pytest
from regions import a_region

from scripts.checks.check import PhraseCheck
from scripts.core.rows import as_json
from scripts.draws.planning import Deck, plan_pool
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.pairs import Pair
from scripts.judging.confirmation import confirm
from scripts.judging.entries import entries
from scripts.judging.missing import missing_responses
from scripts.judging.screening import confirm_prompts
from scripts.prompts.pools import DealtPrompt
from scripts.tools.recount import recount

REGIONS = {"r0": a_region(id="r0", name="n", category="c")}
SETTINGS = {"q": 0.05, "delta": 0.1, "evidence": 3, "seed": 0, "unit": "prompt"}


def row(name, pool, base=0.0, intervention=0.0):
    missing = {"base": base, "intervention": intervention}
    known = {side: share for side, share in missing.items() if share}
    samples = 0 if 1.0 in missing.values() else 1
    return DealtPrompt(name, "r0", pool, 0.5, samples=samples, missing=known)


def bank(explored, fresh, won, lost=0, side="intervention"):
    """Prompts of which so many are missing on a side in the pools, and so many on the other."""
    other = {"base": "intervention", "intervention": "base"}[side]
    rows = [row(f"e{n}", "explore", **({side: 1.0} if n < explored else {})) for n in range(20)]
    for n in range(fresh):
        share = {side: 1.0} if n < won else {other: 1.0} if n < won + lost else {}
        rows.append(row(f"c{n}", "confirm", **share))
    return rows


def test_it_is_written_from_the_explore_pool_and_counted_on_the_confirm_pool():
    found = missing_responses(bank(3, 30, 10, 1), REGIONS)
    assert found.hypothesis.statement.endswith(
        "the intervention model gives no response more often than the base does"
    )
    standing = found.standing()
    assert standing.counts == (10, 19, 1) and standing.judged == 30
    less = missing_responses(bank(3, 30, 10, side="base"), REGIONS)
    assert less.hypothesis.direction == "less" and less.standing().counts == (10, 20, 0)
    assert missing_responses(bank(0, 30, 10), REGIONS) is None, "nobody thought of it"
    assert missing_responses(bank(3, 0, 0), REGIONS) is None


def test_paraphrases_are_one_vote():
    rows = [
        replace(prompt, group=f"{prompt.pool} {number // 2}")
        for number, prompt in enumerate(bank(3, 30, 10))
    ]
    counts = missing_responses(rows, REGIONS).standing().counts
    assert counts == (5, 10, 0)


@pytest.mark.parametrize(("won", "status"), [(10, "validated"), (3, "unsupported")])
def test_it_is_decided_with_the_others(won, status):
    missing = missing_responses(bank(3, 30, won), REGIONS)
    pairs = [Pair(f"c{n}", "r0", "cake", "bread") for n in range(won, 30)]
    check = PhraseCheck(phrases=("bread",))
    other = Hypothesis(
        id="h", statement="says bread", direction="more", source="local", regions=("r0",),
        check=check,
    )  # fmt: skip
    quiet = {"h": [PhraseCheck(phrases=("zebra",))]}
    findings, judgements = confirm([other], quiet, pairs, REGIONS, SETTINGS, missing=missing)
    by_id = {finding.id: finding for finding in findings}
    found = by_id[missing.hypothesis.id]
    assert found.status == status and found.judged == 30 and found.wins == won
    assert found.rate_base.estimate == 0
    assert found.rate_intervention.estimate == pytest.approx(won / 30, abs=1e-3)
    assert by_id["h"].judged <= 30 - won, "nothing else is judged on a missing response"
    written, rows = [*map(as_json, findings)], [*map(as_json, judgements)]
    assert list(recount(written, rows, 0.05, local=True)) == []
    said = [entry.statement for entry in entries(findings, [], pairs, REGIONS)]
    assert (found.statement in said) == (status == "validated")


def test_prompts_without_a_response_are_never_drawn():
    rows = bank(3, 10, 4)
    assert [p.id for p in Deck([r for r in rows if r.pool == "confirm"], 1).prompts] == [
        f"c{n}" for n in range(4, 10)
    ]
    planned = plan_pool(rows, {"r0": [1] * 10}, {"pool": "confirm"})
    assert len(planned) == 6 and confirm_prompts(rows, 72) == {"r0": 6}
