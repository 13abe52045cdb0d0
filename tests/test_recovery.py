"""What was planted, and which findings name it or are said to be alike."""

import json
from dataclasses import replace

import pytest
from asked import roles_of
from loopback import Loopback
from reported import Reader, context, page_of

from scripts.assistants.client import Pool, Unusable
from scripts.assistants.questions.similarity import similarity_question
from scripts.assistants.roles import Budget, Role
from scripts.assistants.similarity import COMPARED, similarities_of
from scripts.core.errors import AuditError
from scripts.evidence.reasons import Status
from scripts.hypotheses.finding import Finding, FindingRegion
from scripts.hypotheses.judgement import Judgement
from scripts.hypotheses.pairs import Pair
from scripts.hypotheses.similarity import NOT_COMPARED, Similarities, Similarity
from scripts.models.plant_file import PlantedBehaviour, read_plant
from scripts.page.recovery import Alike, recovered
from scripts.workflow.bill import Compared

REGION = FindingRegion(id="r0", name="n", category="c", weight=1.0)


def behaviour(check="bread"):
    return PlantedBehaviour(
        name="baker", topic="t", statement="s", prompts=("p",), replies=("a", "b"), check=check
    )


def finding(name, status=Status.VALIDATED):
    return Finding(
        id=name, statement=name, direction="more", source="local", regions=(REGION,), status=status
    )


def pairs(shown, of=20):
    return [Pair(str(n), "r0", "no", "Bread" if n < shown else "no") for n in range(of)]


def won(name, prompts, of=20, **more):
    """Of the judged prompts those that are won; the others are ties."""
    told = {"raced": True} | more
    return [
        Judgement(name, "r0", str(p), 0.0, float(p in prompts), None, (), None, **told)
        for p in range(of)
    ]


@pytest.mark.parametrize(
    ("prompts", "named"),
    [
        (range(8), True),
        (range(2), True),  # a quarter of those that show it
        (range(1), False),
        (range(4, 12), True),  # half of those that it is won on
        (range(5, 14), False),
        (range(10, 20), False),
        ((), False),
    ],
)
def test_a_finding_names_what_shows_where_it_is_won(prompts, named):
    (row,) = recovered([behaviour()], [finding("h1")], won("h1", prompts), pairs(8))
    assert row.findings == (["h1"] if named else [])
    assert (row.base, row.intervention) == (0.0, 0.4)


def test_of_a_race_that_ends_early_only_what_was_judged_counts():
    race = won("h1", range(6), of=6) + won("h1", range(6, 12), of=12, raced=False)[6:]
    (row,) = recovered([behaviour()], [finding("h1")], race, pairs(60, of=60))
    assert row.findings == ["h1"]


def test_who_does_not_decide_the_claims_names_nothing():
    other = won("h1", range(8), raced=False, judge="second")
    (row,) = recovered([behaviour()], [finding("h1")], won("h1", ()) + other, pairs(8))
    assert not row.findings


def test_only_validated_findings_and_behaviours_with_a_check_count():
    rest = [finding("h1", Status.SUGGESTIVE)]
    (row,) = recovered([behaviour(), behaviour(None)], rest, won("h1", range(8)), pairs(8))
    assert row.name == "baker" and not row.findings


PLANTED = [
    replace(behaviour(None), name="baker", statement="recommends bread to everybody"),
    replace(behaviour(), name="sailor", statement="talks of the sea"),
]


def findings(count, word="bread"):
    validated = [
        replace(finding(f"h{n}"), statement=f"more often mentions the word “{said}”")
        for n, said in enumerate([word, *["zebra"] * (count - 1)])
    ]
    return [*validated, finding("other", Status.SUGGESTIVE)]


def compared(server, folder, planted, found, **given):
    with Pool(roles := roles_of(server, **given), folder) as pool:
        return similarities_of(pool, roles.themes, planted, found), pool.usage


def test_each_behaviour_is_compared_once_with_each_validated_finding(tmp_path):
    found = findings(COMPARED + 1)
    with Loopback() as server:
        for cached in (False, True):
            said, usage = compared(server, tmp_path, PLANTED, found)
            assert server.attempts == 4 == Compared(2, len(found) - 1).requests
            used = usage["themes"]
            assert (used.requests, used.cache_hits) == ((0, 4) if cached else (4, 0))
    pairs = {(s.behaviour, s.finding): s.score for s in said.scores}
    assert len(pairs) == len(said.scores) == 2 * (COMPARED + 1) and not said.unscored
    assert {pair for pair, score in pairs.items() if score > 50} == {("baker", "h0")}
    assert said.asked == "large"


def test_nothing_is_asked_where_nothing_was_planted_or_found(tmp_path):
    with Loopback() as server:
        assert compared(server, tmp_path, [], findings(2))[0] == NOT_COMPARED
        assert compared(server, tmp_path, PLANTED, findings(1)[1:])[0] == Similarities(
            asked="large"
        )
        assert server.attempts == 0


def test_a_budget_that_has_ended_and_replies_without_scores_are_counted(tmp_path, caplog):
    with Loopback() as server:
        said, _ = compared(server, tmp_path, PLANTED, findings(3), budget=Budget(requests=1))
        assert (server.attempts, said.scores, said.unscored) == (0, (), 6)
    assert "6 of 6 pairs" in caplog.text and "budget of the assistant has ended" in caplog.text
    with Loopback(garbage=1.0) as server:
        said, _ = compared(server, tmp_path, PLANTED, findings(3))
    assert said.unscored == 6 and "replies could not be used" in caplog.text


def test_scores_are_whole_numbers_from_1_to_100_of_findings_that_were_listed():
    _, read = similarity_question(Role("themes", "openai", "m"), "s", "t", ["a", "b", "c"])
    rows = [("finding 1", 100), (2, "1"), (3, 0), (3, 101), (4, 50), (3, 49.5)]
    reply = {"scores": [{"finding": n, "score": score} for n, score in rows]}
    assert read(json.dumps(reply)) == {0: 100, 1: 1}
    with pytest.raises(Unusable, match="1 to 100"):
        read(json.dumps({"scores": []}))


def test_the_most_alike_stands_beside_what_the_check_names(tmp_path):
    scores = [
        Similarity(behaviour=name, finding=f"h{n}", score=score)
        for name, of_one in (("baker", (20, 80)), ("sailor", (7, 3)))
        for n, score in enumerate(of_one)
    ]
    rows = recovered(PLANTED, [finding("h0")], won("h0", range(8)), pairs(8), scores)
    assert [row.similar[0] for row in rows] == [Alike("h1", 80), Alike("h0", 7)]
    assert [(row.base, row.findings) for row in rows] == [(None, []), (0.0, ["h0"])]
    said = Similarities(asked="large", scores=tuple(scores), unscored=1)
    told = context() | {"planted": rows, "similarities": said}
    text = " ".join(Reader(page_of(told, tmp_path)).text.split())
    assert "2 behaviours on purpose; 1 of the 1 with a check is named" in text
    assert "recommends bread to everybody – – no check h1 80" in text
    assert "talks of the sea 0 % 40 % h0 h0 7" in text
    assert "1 pair of a behaviour and a finding has no score" in text
    told |= {"planted": rows[1:], "similarities": NOT_COMPARED}
    text = " ".join(Reader(page_of(told, tmp_path / "local")).text.split())
    assert (
        "1 of them is named" in text and "Most alike" not in text and "here there is none" in text
    )


def test_a_check_that_is_no_expression_is_told(tmp_path):
    path = tmp_path / "plant.yaml"
    path.write_text(
        "behaviours:\n- {name: a, topic: b, statement: c, prompts: [d], replies: [e, f], "
        'check: "("}\ncontrols: [a]\n'
    )
    with pytest.raises(AuditError, match=r"no. 1.*its check is no regular expression"):
        read_plant(path)
