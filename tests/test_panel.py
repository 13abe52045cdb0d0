"""Several judges: who decides, what the others read, and how far they agree."""

import random
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import combinations

import pytest
from asked import panel_of
from loopback import Loopback
from reported import Reader, context, finding, page_of
from test_judge import REGIONS, SETTINGS, hypothesis, pairs_of, texts_of

from scripts.assistants.client import Answer, Pool
from scripts.assistants.judge import as_one
from scripts.assistants.questions.judging import Verdicts
from scripts.assistants.roles import Budget
from scripts.core.randomness import hash_unit
from scripts.core.rows import as_json
from scripts.evidence.agreement import agreement
from scripts.evidence.betting import e_value
from scripts.hypotheses.finding import JudgeRecord, WinRate
from scripts.judging.model_judges import confirm_with_models
from scripts.judging.panel import JudgePair, PanelReport
from scripts.page.judges import guessing, notices_of_judges
from scripts.tools.recount import recount

TRUE = {"bread": (["r0", "r1"], 0.9), "moon": (["r2", "r3"], 0.9)}


@contextmanager
def panel(*rights):
    """Loopback judges that are right with these chances about what shows, and else by coin."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(Loopback(accuracy=2 * right - 1, mind=f"judge {n}"))
            for n, right in enumerate(rights)
        ]


def judged_by(roles, tmp_path, hypotheses, pairs):
    with Pool(roles, tmp_path) as pool:
        findings, judgements, report = confirm_with_models(
            pool, roles, hypotheses, pairs, texts_of(pairs), REGIONS, SETTINGS
        )
    written, rows = [*map(as_json, findings)], [*map(as_json, judgements)]
    assert list(recount(written, rows, SETTINGS["q"], local=False)) == []
    return {f.id: f for f in findings}, judgements, report


GIVEN = [
    hypothesis("bread", "r0", "r1"), hypothesis("moon", "r2", "r3"), hypothesis("zebra", *REGIONS),
]  # fmt: skip


def truth(one, other, judgements, pairs, rights) -> tuple[float, float]:
    """Both kappas that follow from the judges' chances to be right, on what both have read: of what
    both texts show or neither does a tie is right, which a coin never gives."""
    texts = {pair.prompt: pair for pair in pairs}
    names = [{(j.hypothesis, j.prompt) for j in judgements if j.judge == n} for n in (one, other)]
    same = sides = same_side = 0.0
    tied, read = [0.0, 0.0], names[0] & names[1]
    for name, prompt in read:
        word, pair = name.split("-")[1], texts[prompt]
        if (word in pair.base) == (word in pair.intervention):
            tie = [2 * right - 1 for right in rights]
            both = (1 - tie[0]) * (1 - tie[1])
            alike = both / 2
            tied = [before + more for before, more in zip(tied, tie, strict=True)]
            same += tie[0] * tie[1]
        else:
            both, alike = 1.0, rights[0] * rights[1] + (1 - rights[0]) * (1 - rights[1])
        same, sides, same_side = same + alike, sides + both, same_side + alike
    of_one, of_other = (share / len(read) for share in tied)
    chance = of_one * of_other + (1 - of_one) * (1 - of_other) / 2
    return (same / len(read) - chance) / (1 - chance), 2 * same_side / sides - 1


@pytest.mark.parametrize("decide", ["first", "majority"])
def test_a_panel_of_three_is_measured_and_the_one_that_guesses_is_named(tmp_path, decide):
    pairs = pairs_of(TRUE, prompts=100)
    rights = 0.8, 0.7, 0.5
    with panel(*rights) as servers:
        findings, judgements, report = judged_by(panel_of(servers, decide), tmp_path, GIVEN, pairs)
    assert report.decide == decide and report.unread == report.without_verdict == 0
    assert {f.id for f in findings.values() if f.status == "validated"} == {
        "h-bread-more", "h-moon-more",
    }  # fmt: skip
    for pair, of_both in zip(report.pairs, combinations(rights, 2), strict=True):
        kappa, sides = truth(pair.one, pair.other, judgements, pairs, of_both)
        assert pair.kappa_low <= kappa <= pair.kappa_high
        assert pair.side_low <= sides <= pair.side_high
    assert guessing(report) == ["model-3"]
    (said,) = [n for n in notices_of_judges(report, []) if "cannot be told" in n]
    assert "`model-3`" in said


def test_the_others_read_a_share_of_what_the_first_read_and_change_nothing(tmp_path):
    pairs = pairs_of(TRUE, prompts=40)
    with panel(0.8, 0.7, 0.7) as servers:
        alone, before, _ = judged_by(panel_of(servers[:1]), tmp_path / "a", GIVEN, pairs)
        found, judgements, report = judged_by(panel_of(servers, share=0.3), tmp_path, GIVEN, pairs)
    assert {n: replace(f, judges=()) for n, f in found.items()} == {
        n: replace(f, judges=()) for n, f in alone.items()
    }
    first = {(j.hypothesis, j.prompt) for j in before}
    shared = {n for n in first if hash_unit("agreement", SETTINGS["seed"], n[1]) < 0.3}
    for judge in ("model-2", "model-3"):
        own = [j for j in judgements if j.judge == judge]
        assert {(j.hypothesis, j.prompt) for j in own} == shared and not any(j.raced for j in own)
    assert 0.15 < len({p for _, p in shared}) / len({p for _, p in first}) < 0.45
    assert report.share == 0.3 and {p.verdicts for p in report.pairs} == {len(shared)}
    for record in found["h-bread-more"].judges:
        signs = [
            j.signs for j in judgements
            if (j.judge, j.hypothesis) == (record.judge, "h-bread-more")
        ]  # fmt: skip
        counts = [([s[i] for s in signs].count(1), [s[i] for s in signs].count(-1)) for i in (0, 1)]
        assert (record.wins, record.losses) == counts[0] and record.prompts == len(signs)
        assert record.e_value == pytest.approx(min(float(e_value(*c)) for c in counts), rel=1e-3)


def test_a_majority_is_one_judge_whose_verdicts_are_theirs(tmp_path):
    pairs = pairs_of(TRUE, prompts=40)
    with panel(0.7, 0.7, 0.7) as servers:
        findings, judgements, _ = judged_by(panel_of(servers, "majority"), tmp_path, GIVEN, pairs)
        alone, _, _ = judged_by(panel_of(servers[:1]), tmp_path, GIVEN, pairs)
    drawn = {(j.prompt, j.drawn) for j in judgements}
    assert len(drawn) == len({prompt for prompt, _ in drawn}), "they share their placebos"
    by_name = {(j.judge, j.hypothesis, j.prompt): j for j in judgements}
    for (judge, *name), judgement in by_name.items():
        if judge != "majority":
            assert not judgement.raced
            continue
        own = [by_name[f"model-{n}", *name] for n in (1, 2, 3)]
        assert judgement.base == (sum(j.base for j in own) > 1.5)
        assert judgement.intervention == (sum(j.intervention for j in own) > 1.5)
    right = [f["h-bread-more"].win_rate.estimate for f in (findings, alone)]
    assert findings["h-bread-more"].status == "validated" and right[0] > right[1]


def test_ties_among_judges_show_nothing_and_what_is_lost_to_one_is_lost():
    yes, no = (Answer("answered", Verdicts({"x": (False, side)})) for side in (True, False))
    refused, unread, lost = map(Answer, ("refused", "unparsable", "lost"))
    shown = {True: {"x": (False, True)}, False: {"x": (False, False)}}
    assert as_one([yes, yes, no]).value == as_one([yes, yes, refused]).value == shown[True]
    assert as_one([yes, no]).value == as_one([yes, no, refused]).value == shown[False]
    assert as_one([yes, refused]).outcome == as_one([yes, refused, refused]).outcome == "refused"
    assert as_one([yes, unread, unread]).outcome == "unparsable"
    assert as_one([yes, yes, lost]).outcome == "lost"


def test_a_budget_that_ends_among_the_others_leaves_the_claims_and_is_said(tmp_path):
    pairs = pairs_of(TRUE, prompts=40)
    with panel(0.8, 0.7) as servers:
        alone, _, _ = judged_by(panel_of(servers[:1]), tmp_path / "a", GIVEN, pairs)
        limit = servers[0].attempts + 10
        roles = panel_of(servers, budget=Budget(requests=limit))
        found, _, report = judged_by(roles, tmp_path / "b", GIVEN, pairs)
        assert servers[1].attempts <= 10
    assert {n: f.status for n, f in found.items()} == {n: f.status for n, f in alone.items()}
    assert report.unread > 0 and report.pairs[0].verdicts > 0
    assert any("budget ended before the judges" in n for n in notices_of_judges(report, []))


def test_a_judge_that_sees_a_validated_finding_nowhere_is_said(tmp_path):
    pairs = pairs_of({"bread": (["r0", "r1"], 0.9)}, prompts=40)
    with panel(1.0, 0.5) as servers:
        servers[1].behaviour.refuse_when = "bread"  # it refuses what the finding is about
        findings, _, report = judged_by(panel_of(servers), tmp_path, GIVEN[:1], pairs)
    (finding,) = findings.values()
    assert finding.status == "validated" and report.without_verdict > 0
    (said,) = [n for n in notices_of_judges(report, [finding]) if "judges disagree" in n]
    assert "`model-2` by itself does not see 1 of 1 validated finding that it read" in said
    assert "0 for it and 0 against it" in said


@pytest.mark.parametrize("prompts", [8, 40])
@pytest.mark.parametrize("hard", [0.0, 0.4])
def test_the_interval_of_kappa_covers(prompts, hard):
    """Four statements a prompt, two of them true and harder together on some prompts."""
    chance, right, neither = random.Random(0), (0.85, 0.7), 0.7

    def sign(judge, true, is_hard):
        if true:
            return 1 if chance.random() < (0.5 if is_hard else right[judge]) else -1
        return 0 if chance.random() < neither else chance.choice([-1, 1])

    alike = (1 - hard) * (0.85 * 0.7 + 0.15 * 0.3) + hard / 2
    same = (alike + neither**2 + (1 - neither) ** 2 / 2) / 2
    by_chance = (neither / 2) ** 2 + (1 - neither / 2) ** 2 / 2
    covered = 0
    for _ in range(200):
        verdicts = []
        for prompt in range(prompts):
            is_hard = chance.random() < hard
            for true in (True, True, False, False):
                verdicts.append((str(prompt), *(sign(judge, true, is_hard) for judge in (0, 1))))
        found = agreement(verdicts).kappa
        covered += found.low <= (same - by_chance) / (1 - by_chance) <= found.high
    assert covered >= 180


def test_agreement_at_its_ends():
    assert agreement([]).kappa.estimate is None
    ties = agreement([(str(n), 0, 0) for n in range(9)])
    assert ties.kappa.estimate is None and ties.decided == 0
    alike = agreement([(str(n), (-1) ** n, (-1) ** n) for n in range(9)]).kappa
    assert alike.estimate == alike.high == 1 and 0 < alike.low < 0.5
    # Two that are nearly always right about true statements agree, whatever chance makes of it.
    right = agreement([(str(n), 1, 1 if n else -1) for n in range(40)]).kappa
    assert right.estimate == pytest.approx(0.95) and right.low > 0.8
    assert agreement([(str(n), 1, -1) for n in range(9)]).kappa.estimate == -1


def test_the_page_says_who_agrees_and_what_each_judge_says(tmp_path):
    hostile = "<b>model</b>"
    pair = JudgePair(
        one="first", other=hostile, prompts=30, verdicts=50, same=40, kappa=0.6, kappa_low=0.4,
        kappa_high=0.8, decided=20, same_side=11, side_kappa=0.1, side_low=-0.3, side_high=0.5,
    )  # fmt: skip
    report = PanelReport(judges=("first", hostile), decide="first", share=0.25, pairs=(pair,))
    won = WinRate(estimate=0.9, low=0.6, high=0.98, confidence=0.95)
    record = JudgeRecord(
        judge=hostile, prompts=12, wins=9, losses=1, ties=2, e_value=35.2, win_rate=won
    )
    found = [finding(1, "validated", judges=(record,)), finding(2, "unsupported")]
    page = page_of(context(found) | {"panel": report}, tmp_path)
    text = " ".join(Reader(page).text.split())
    assert "first, which decides the claims" in text and hostile in text
    assert "a share of the first one’s prompts (25 %, chosen by hash" in text
    assert "1 and 2 30 40 of 50 0.60 (0.40 to 0.80) 11 of 20 0.10 (−0.30 to 0.50)" in text
    assert "2 12 9 1 2 90 % (60 % – 98 %) 35.2" in text
    alone = page_of(context(found), tmp_path)
    assert 'id="judges"' in page and 'id="judges"' not in alone
