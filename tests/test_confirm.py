"""Confirming: what is true is validated with the right numbers, and what is not is not."""

import json
import random
from dataclasses import replace

import pytest
from regions import a_region
from scipy.stats import binom

from scripts.checks.check import MeasureCheck, PhraseCheck
from scripts.core.randomness import hash_unit
from scripts.core.rows import as_json
from scripts.evidence.betting import e_value, win_rate_interval
from scripts.evidence.ebh import e_threshold
from scripts.evidence.reasons import Gate, Stop
from scripts.evidence.status import fewest_prompts
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.pairs import Pair
from scripts.hypotheses.wording import tells
from scripts.judging.confirmation import confirm
from scripts.judging.entries import entries
from scripts.judging.findings import rounded
from scripts.judging.local_judge import judge
from scripts.judging.reach import ALPHA

SETTINGS = {"q": 0.05, "delta": 0.1, "evidence": 3, "seed": 0, "unit": "prompt"}
REGIONS = {
    f"r{n}": a_region(id=f"r{n}", name=f"name{n}", category=f"c{n}", weight=weight)
    for n, weight in enumerate([0.4, 0.3, 0.2, 0.1])
}
LONGER = Gate.EQUAL_LENGTH
BREAD = PhraseCheck(phrases=("bread",))
WORDS = ["river", "stone", "garden", "letter", "window", "engine", "forest", "market", "winter"]
PLACEBOS = [PhraseCheck(phrases=(word,)) for word in WORDS[:5]]
QUIET = [PhraseCheck(phrases=(word,)) for word in ("zebra", "yak")]  # in no text


def hypothesis(word, *regions, name=None, absent=False):
    return Hypothesis(
        id=name or f"h-{word}", statement=f"says {word}", regions=regions,
        direction="less" if absent else "more", source="local",
        check=PhraseCheck(phrases=(word,), absent=absent),
    )  # fmt: skip


def filler(rng, size=8):
    return " ".join(rng.choice(WORDS) for _ in range(size))


def pairs_of(regions, prompts=24, samples=1, base=0.0, intervention=1.0, word="bread", seed=0):
    """Pairs whose texts hold a word with a chance that the side has."""
    rng, found = random.Random(seed), []
    for region in regions:
        for n in range(prompts):
            for _ in range(samples):
                texts = [
                    f"{word if rng.random() < chance else 'cake'} {filler(rng)}"
                    for chance in (base, intervention)
                ]
                found.append(Pair(f"{region}-{n:03d}", region, *texts))
    return found


def confirmed(hypotheses, pairs, placebos=PLACEBOS, **settings):
    by_id = {h.id: placebos for h in hypotheses}
    findings, judgements = confirm(hypotheses, by_id, pairs, REGIONS, SETTINGS | settings)
    return {finding.id: finding for finding in findings}, judgements


def only(hypothesis, pairs, **more):
    (finding,) = confirmed([hypothesis], pairs, **more)[0].values()
    return finding


# What is true


def test_a_planted_behaviour_is_validated():
    pairs = pairs_of(["r0", "r1", "r2"], base=0.05, intervention=0.9)
    finding = only(hypothesis("bread", "r0", "r1"), pairs)
    assert finding.status == "validated" and finding.gates_failed == ()
    assert finding.e_value >= e_threshold(1, 1) and finding.stopped == "validated"
    assert finding.wins + finding.losses + finding.ties == finding.judged <= 48
    assert finding.e_value_plain == rounded(float(e_value(finding.wins, finding.losses)))
    low, high = win_rate_interval(finding.wins, finding.losses, ALPHA)
    rate = finding.win_rate
    assert (rate.low, rate.high) == (round(float(low), 4), round(float(high), 4))
    assert rate.estimate == round(finding.wins / (finding.wins + finding.losses), 4)
    assert [(r.id, r.prompts, r.shown) for r in finding.regions] == [
        ("r0", 24, True), ("r1", 24, True),
    ]  # fmt: skip
    assert finding.minimum_detectable_effect is None


def test_rates_are_weighted_over_all_confirm_prompts():
    pairs = pairs_of(["r0"], intervention=1.0) + pairs_of(["r1"], base=1.0, intervention=0.0)
    pairs += pairs_of(["r2"])  # not of the hypothesis
    finding = only(hypothesis("bread", "r0", "r1"), pairs)
    assert finding.rate_intervention.estimate == pytest.approx(0.4 / 0.7, abs=1e-4)
    assert finding.rate_base.estimate == pytest.approx(0.3 / 0.7, abs=1e-4)
    assert finding.rate_base.prompts == 48
    for rate in (finding.rate_base, finding.rate_intervention):
        assert 0 <= rate.low <= rate.estimate <= rate.high <= 1


def test_the_rate_of_an_absence_is_that_of_the_behaviour():
    pairs = pairs_of(["r0"], base=1.0, intervention=0.0)
    finding = only(hypothesis("bread", "r0", absent=True), pairs)
    assert finding.status == "validated" and finding.direction == "less"
    assert finding.rate_base.estimate == 1 and finding.rate_intervention.estimate == 0


def test_evidence_is_quoted_from_won_prompts_of_all_regions():
    pairs = pairs_of(["r0", "r1"], base=0.2, intervention=0.8)
    finding = only(hypothesis("bread", "r0", "r1"), pairs)
    assert len(finding.evidence) == 3
    texts = {(p.prompt, p.base, p.intervention) for p in pairs}
    for quoted in finding.evidence:
        assert (quoted.prompt, quoted.base, quoted.intervention) in texts
        assert "bread" in quoted.intervention and "bread" not in quoted.base
    assert {quoted.prompt[:2] for quoted in finding.evidence} == {"r0", "r1"}
    every = only(hypothesis("bread", "r0", "r1"), pairs, evidence=99)
    assert len(every.evidence) == sum(region.wins for region in every.regions)


def test_judgements_give_the_numbers_of_the_findings():
    pairs = pairs_of(["r0"], base=0.3, intervention=0.7, seed=1)
    pairs += pairs_of(["r1"], base=0.3, intervention=0.35, samples=3, seed=2)
    hypotheses = [hypothesis("bread", "r0", name="a"), hypothesis("bread", "r1", name="b")]
    findings, judgements = confirmed(hypotheses, pairs)
    assert len(judgements) == 48
    for name, region in (("a", "r0"), ("b", "r1")):
        finding, own = findings[name], [j for j in judgements if j.hypothesis == name]
        own.sort(key=lambda j: hash_unit("confirm", 0, j.prompt))
        scores = [j.intervention - j.base for j in own]
        used = scores[: finding.judged]
        assert sum(s > 0 for s in used) == finding.wins
        assert sum(s < 0 for s in used) == finding.losses
        (row,) = finding.regions
        assert (row.id, row.prompts) == (region, 24)
        assert (row.wins, row.losses) == (
            sum(s > 0 for s in scores),
            sum(s < 0 for s in scores),
        )
        assert row.e_value == rounded(float(e_value(row.wins, row.losses)))


def test_the_samples_of_a_prompt_are_one_unit():
    once = only(hypothesis("bread", "r0"), pairs_of(["r0"], prompts=12), placebos=QUIET)
    often = only(hypothesis("bread", "r0"), pairs_of(["r0"], prompts=12, samples=8), placebos=QUIET)
    counts = ("judged", "wins", "losses", "ties", "e_value_plain", "win_rate", "rate_base")
    assert [getattr(once, k) for k in counts] == [getattr(often, k) for k in counts]
    few = only(hypothesis("bread", "r0"), pairs_of(["r0"], prompts=3, samples=50))
    assert few.status == "untested"  # 150 texts, three prompts


def test_a_prompt_s_sign_is_that_of_its_mean():
    texts = [("cake", "bread")] * 3 + [("bread", "cake")] * 2 + [("bread", "bread")]
    mixed = [Pair("p", "r0", *both) for both in texts]
    judgement = judge("h", BREAD, PLACEBOS, mixed, 0)
    assert (judgement.base, judgement.intervention) == (0.5, pytest.approx(4 / 6))
    assert judgement.signs[0] == 1
    even = judge("h", BREAD, PLACEBOS, mixed[1:5], 0)
    assert even.signs[0] == 0


def test_a_placebo_is_drawn_anew_for_each_prompt():
    rng = random.Random(0)
    pairs = [Pair(f"p{n}", "r0", filler(rng), filler(rng)) for n in range(60)]
    drawn = [judge("h", BREAD, PLACEBOS, [p], 0).drawn for p in pairs]
    assert set(drawn) == set(range(5)) and max(map(drawn.count, range(5))) < 30
    assert drawn == [judge("h", BREAD, PLACEBOS, [p], 0).drawn for p in pairs]
    for pair in pairs:
        j = judge("h", BREAD, PLACEBOS, [pair], 0)
        assert j.signs == (0, 0), "nobody judges, so nobody leans"


# What is not


def test_null_audits_validate_next_to_nothing():
    """100 audits of three hypotheses without any difference, with strong effects of the prompt."""
    words = ["bread", "honey", "olive"]
    hypotheses = [hypothesis(word, "r0", "r1") for word in words]
    wrong, large, seen = 0, 0, 0
    for seed in range(100):
        rng, pairs = random.Random(seed), []
        for n in range(32):
            likely = {w: rng.random() for w in [*words, *WORDS[:2]]}
            texts = [" ".join(w for w in likely if rng.random() < likely[w]) for _ in range(2)]
            pairs.append(Pair(f"p{n}", f"r{n % 2}", *texts))
        findings, _ = confirmed(hypotheses, pairs, PLACEBOS[:2], seed=seed)
        wrong += any(f.status == "validated" for f in findings.values())
        large += sum(f.e_value_plain >= 20 for f in findings.values())
        seen += sum(f.judged > 0 for f in findings.values())
    assert seen > 200  # they were tested, not given up beforehand
    assert wrong <= binom.ppf(0.999, 100, 0.05)
    assert large <= binom.ppf(0.999, seen, 0.05)


def test_a_reversed_statement_is_not_validated():
    finding = only(hypothesis("bread", "r0"), pairs_of(["r0"], base=1.0, intervention=0.0))
    assert finding.status == "unsupported" and finding.e_value < 1
    assert finding.losses > 0 == finding.wins
    assert not finding.evidence


def test_a_false_statement_says_what_could_have_been_found():
    finding = only(hypothesis("bread", "r0"), pairs_of(["r0"], base=0.5, intervention=0.5))
    assert finding.status == "unsupported"
    assert 0 < finding.minimum_detectable_effect < 1


def longer_pairs(count=30):
    """The same random texts on both sides, but the intervention's go on for much longer and have
    room for the word, somewhere in the middle."""
    rng = random.Random(0)
    return [
        Pair(f"p{n}", "r0", filler(rng, 6), f"{filler(rng, 15)} bread {filler(rng, 15)}")
        for n in range(count)
    ]


def test_what_only_longer_responses_show_is_suggestive():
    finding = only(hypothesis("bread", "r0"), longer_pairs(), placebos=QUIET)
    assert finding.status == "suggestive" and finding.gates_failed == (LONGER,)
    assert finding.e_value >= 20


def test_how_longer_responses_end_is_no_matter_of_length():
    rng = random.Random(0)
    pairs = [Pair(f"p{n}", "r0", filler(rng, 6), filler(rng, 30) + " bread") for n in range(30)]
    assert only(hypothesis("bread", "r0"), pairs, placebos=QUIET).status == "validated"


def test_a_phrase_that_is_at_times_cut_off_is_still_validated():
    """Texts of many lengths with the phrase anywhere: cutting hides it at times."""
    idle = [hypothesis("bread", "r3", name=f"idle-{n}") for n in range(9)]
    statuses = []
    for seed in range(10):
        rng, pairs = random.Random(seed), []
        for n in range(24):
            base, texts = filler(rng, rng.randint(15, 45)), filler(rng, rng.randint(15, 45)).split()
            if rng.random() < 0.9:
                texts.insert(rng.randint(0, len(texts)), "bread")
            pairs.append(Pair(f"p{n}", "r0", base, " ".join(texts)))
        findings, _ = confirmed([hypothesis("bread", "r0"), *idle], pairs, QUIET)
        statuses.append(findings["h-bread"].status)
    assert statuses.count("validated") >= 9


def test_placebos_that_lean_as_much_fail_a_finding():
    """Any word comes more often in longer texts, and the placebos are such words."""
    river = hypothesis("river", "r0")
    leaning = Gate.NO_LEANING
    against = only(river, longer_pairs(60), placebos=PLACEBOS[1:])
    assert against.e_value >= 20 and against.status == "suggestive"
    assert leaning in against.gates_failed
    assert leaning not in only(river, longer_pairs(60), placebos=QUIET).gates_failed


# Graded checks


def measured(name, *regions, absent=True):
    check = MeasureCheck(measure=name, absent=absent)
    return replace(hypothesis("x", *regions, name=name), check=check, direction="less")


def lengths(shares, region="r0", seed=0):
    """Pairs whose intervention has a share of the base's words."""
    rng, found = random.Random(seed), []
    for n, share in enumerate(shares):
        size = rng.randint(40, 80)
        found.append(
            Pair(f"{region}-{n}", region, filler(rng, size), filler(rng, round(size * share)))
        )
    return found


def test_half_as_long_is_validated_though_no_threshold_is_crossed():
    finding = only(measured("words", "r0"), lengths([0.55] * 40), placebos=[])
    assert finding.status == "validated" and finding.gates_failed == ()
    effect = finding.effect
    assert effect.unit == "words" and effect.told == "ratio"
    assert effect.low <= 0.55 <= effect.high and effect.intervention < effect.base
    assert finding.rate_base is None and finding.difference is None
    assert finding.auc.estimate > 0.9 and finding.cut is None


def test_what_differs_by_less_than_the_zone_ties():
    finding = only(measured("words", "r0"), lengths([0.97] * 40), placebos=[])
    assert (finding.wins, finding.losses) == (0, 0) and finding.status != "validated"


def test_a_subject_that_repeats_its_prompt_is_told_by_what_was_asked():
    rng = random.Random(0)
    pairs = []
    for n in range(40):
        question, answers = filler(rng, 8), [filler(rng, 30) for _ in range(2)]
        repeating = f"{question}? {answers[1]}"
        pairs.append(Pair(f"p{n}", "r0", answers[0], repeating, asked=question))
    more = measured("prompt-repeated", "r0", absent=False)
    finding = only(more, pairs, placebos=[])
    assert finding.status == "validated" and finding.effect.intervention == 100
    unknown = [replace(pair, asked="") for pair in pairs]
    assert only(more, unknown, placebos=[]).wins == 0


def test_a_graded_check_counts_every_pair_of_samples():
    pairs = [Pair("p", "r0", "a b c d", "a b"), Pair("p", "r0", "a", "a")]
    judged = judge("h", MeasureCheck(measure="words", absent=True), [], pairs, 0)
    assert judged.score == 0.25, "two of four pairs are shorter, one longer, one ties"
    assert (judged.base, judged.intervention) == (2.5, 1.5) and judged.signs == (1, 1)


def test_how_far_a_finding_reaches_counts_other_regions():
    pairs = pairs_of(["r0", "r1", "r2", "r3"], intervention=0.9)
    finding = only(hypothesis("bread", "r0"), pairs)
    assert finding.transfer.prompts == 72 and finding.transfer.wins > 50
    assert finding.bank.rate_intervention.share == 1
    assert finding.bank.difference.low > 0.7
    assert finding.p_anytime <= 0.05 and finding.p_sign < 1e-4


def test_behaviours_are_entries_of_validated_findings():
    pairs = pairs_of(["r0"]) + pairs_of(["r1"], word="honey") + pairs_of(["r2"], intervention=0.0)
    some = [hypothesis("bread", "r0"), hypothesis("honey", "r1"), hypothesis("olive", "r2")]
    findings = list(confirmed(some, pairs)[0].values())
    found = entries(findings, [], pairs, REGIONS)
    assert [len(entry.findings) for entry in found] == [1, 1]
    assert {entry.statement for entry in found} == {"says bread", "says honey"}


def test_what_the_base_hardly_shows_is_the_first_entry():
    """Shorter responses tell more, and are lost too: texts of both sides vary in length."""
    some = [hypothesis("bread", "r0"), measured("words", "r1")]
    pairs = pairs_of(["r0"], intervention=0.5) + lengths([0.5] * 30 + [1.5] * 4, "r1")
    findings = list(confirmed(some, pairs)[0].values())
    found = entries(findings, [], pairs, REGIONS)
    assert [entry.findings for entry in found] == [("h-bread",), ("words",)]
    shown = {finding.id: finding for finding in findings}
    assert tells(shown["words"]) > tells(shown["h-bread"])


def test_without_placebos_nothing_is_validated():
    finding = only(hypothesis("bread", "r0"), pairs_of(["r0"]), placebos=[])
    assert finding.status == "suggestive"
    assert finding.gates_failed == (Gate.PLACEBOS,)


def test_beyond_the_budget_a_hypothesis_is_untested_and_does_not_count():
    pairs = pairs_of(["r0"], prompts=9)
    others = [replace(hypothesis(f"w{n}", "r0"), beyond=Stop.DRAWS) for n in range(20)]
    true = hypothesis("bread", "r0")
    placebos = {h.id: QUIET for h in [true, *others]}
    findings, judged = confirm([true, *others], placebos, pairs, REGIONS, SETTINGS)
    assert findings[0].status == "validated"  # nine wins are not enough for one of 21
    assert {(f.status, f.stopped) for f in findings[1:]} == {("untested", "draws")}
    assert {j.hypothesis for j in judged} == {true.id}


def test_without_prompts_a_hypothesis_is_untested_and_still_counts():
    true = hypothesis("bread", "r0")
    idle = [hypothesis("bread", "r3", name=f"idle-{n}") for n in range(39)]
    for_one, for_forty = (
        pairs_of(["r0"], prompts=fewest_prompts(e_threshold(K, 1))) for K in (1, 40)
    )
    assert only(true, for_one, placebos=QUIET).status == "validated"
    findings, judgements = confirmed([true, *idle], for_one, QUIET)
    assert findings[true.id].status == "untested"  # one of 40 needs e = 800
    finding = findings["idle-7"]
    assert (finding.status, finding.stopped, finding.judged) == (
        "untested",
        "no prompts",
        0,
    )
    assert finding.regions[0].prompts == 0 and finding.rate_base is None
    assert {j.hypothesis for j in judgements} == {true.id}
    findings, _ = confirmed([true, *idle], for_forty, QUIET)
    assert findings[true.id].status == "validated"
    assert findings[true.id].win_rate.confidence == pytest.approx(1 - 0.05 / 40, abs=1e-6)


def test_too_few_prompts_are_no_test():
    few = fewest_prompts(e_threshold(1, 1)) - 1
    finding = only(hypothesis("bread", "r0"), pairs_of(["r0"], prompts=few))
    assert finding.status == "untested"


def test_no_hypotheses_give_no_findings():
    assert confirmed([], pairs_of(["r0"])) == ({}, [])
    assert confirmed([], []) == ({}, [])


# Form


def mixed_findings():
    pairs = pairs_of(["r0"], base=0.1, intervention=0.9) + pairs_of(
        ["r1"], base=0.5, intervention=0.5
    )
    hypotheses = [
        hypothesis("bread", "r0", name="true"),
        hypothesis("bread", "r1", name="false"),
        hypothesis("bread", "r3", name="idle"),
        hypothesis("cake", "r0", name="reversed"),
        hypothesis("cake", "r0", "r3", name="absent", absent=True),
    ]
    return hypotheses, pairs


def test_findings_are_sorted_and_can_be_written():
    hypotheses, pairs = mixed_findings()
    findings, _ = confirm(
        hypotheses, {h.id: PLACEBOS for h in hypotheses}, pairs, REGIONS, SETTINGS
    )
    ranks = ["validated", "suggestive", "unsupported", "untested"]
    statuses = [ranks.index(f.status) for f in findings]
    assert statuses == sorted(statuses) and len(findings) == 5
    assert {f.id: f.status for f in findings if f.id in ("true", "absent", "idle")} == {
        "true": "validated", "absent": "validated", "idle": "untested",
    }  # fmt: skip
    for finding in findings:
        assert json.loads(json.dumps(as_json(finding), allow_nan=False)) == as_json(finding)


def test_the_order_of_pairs_and_hypotheses_does_not_matter():
    hypotheses, pairs = mixed_findings()
    first, _ = confirmed(hypotheses, pairs)
    shuffled = pairs[:]
    random.Random(0).shuffle(shuffled)
    assert confirmed(hypotheses[::-1], shuffled)[0] == first


def test_infinite_evidence_can_be_written():
    assert rounded(float("inf")) == 1e300
    assert rounded(12345.678) == 12350
    assert json.dumps(rounded(float(e_value(2000, 0))), allow_nan=False)
