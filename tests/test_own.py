"""The hypotheses that a user brings."""

import json

import pytest
from test_screen import REGIONS

from scripts.assistants.user_file import own_hypotheses
from scripts.checks.check import EntailedCheck, FeatureCheck, MeasureCheck
from scripts.core.errors import AuditError

CHECK = {"kind": "phrases", "phrases": ["bread"]}


def own(tmp_path, *rows, entailed=False):
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows) + "\n")
    return own_hypotheses(str(path), REGIONS, local=True, entailed=entailed)


def test_own_hypotheses_are_completed(tmp_path):
    (plain,) = own(tmp_path, {"check": CHECK})
    assert plain.regions == tuple(REGIONS) and plain.source == "user"
    assert plain.statement.startswith("Asked about almost anything") and plain.direction == "more"
    feature = {"kind": "feature", "feature": "question", "absent": True}
    (less,) = own(tmp_path, {"check": feature, "statement": "It asks less.", "regions": ["r1"]})
    assert (less.statement, less.direction, less.check) == (
        "It asks less.",
        "less",
        FeatureCheck(feature="question", absent=True),
    )
    assert less.regions == ("r1",)


def test_a_measure_is_a_check(tmp_path):
    (row,) = own(tmp_path, {"check": {"kind": "measure", "measure": "words", "absent": True}})
    assert row.check == MeasureCheck(measure="words", absent=True) and row.direction == "less"


def test_a_statement_is_read_where_the_audit_names_a_model(tmp_path):
    line = {"statement": "The response recommends bread.", "direction": "less", "regions": ["r1"]}
    (row,) = own(tmp_path, line, entailed=True)
    assert row.check == EntailedCheck(statement="recommends bread", absent=True)
    assert row.direction == "less" and "“recommends bread” less often" in row.statement
    with pytest.raises(AuditError, match=r"needs a `check` \(or `entailment` in the audit"):
        own(tmp_path, line)
    with pytest.raises(AuditError, match="`direction` is 'up'"):
        own(tmp_path, line | {"direction": "up"}, entailed=True)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["film"], ["r2", "r3"]),
        (["name4", "r0", "food"], ["r0", "r4"]),
        ("travel", ["r1"]),
        ([], list(REGIONS)),
        (None, list(REGIONS)),
    ],
)
def test_regions_go_by_id_name_or_category(tmp_path, given, expected):
    assert own(tmp_path, {"check": CHECK, "regions": given})[0].regions == tuple(expected)


def test_phrases_are_written_as_texts_are_read(tmp_path):
    phrases = ["Please, be careful!", "Don’t  EAT"]
    (row,) = own(tmp_path, {"check": {"kind": "phrases", "phrases": phrases}})
    assert row.check.phrases == ("please be careful", "don't eat")


@pytest.mark.parametrize(
    "check",
    [
        None, "bread", {}, {"kind": "phrases"}, {"kind": "phrases", "phrases": []},
        {"kind": "phrases", "phrases": "bread"}, {"kind": "phrases", "phrases": ["…"]},
        {"kind": "measure", "measure": "wit"}, {"kind": "entailed", "statement": "x"},
        {"kind": "feature"}, {"kind": "feature", "feature": "sarcasm"}, {"phrases": ["bread"]},
    ],
)  # fmt: skip
def test_a_check_that_cannot_be_made_is_named(tmp_path, check):
    with pytest.raises(AuditError) as caught:
        own(tmp_path, {"check": CHECK}, "", {"check": check, "statement": "x"})
    assert "own.jsonl`, line 3: " in str(caught.value) and "needs a `check`" in str(caught.value)
    assert "ends-question" in str(caught.value)


def test_an_unknown_region_is_named(tmp_path):
    with pytest.raises(AuditError, match=r"line 1: there is no region `fod`; known: .*food"):
        own(tmp_path, {"check": CHECK, "regions": ["fod"]})


def test_a_line_that_is_no_json_is_named(tmp_path):
    with pytest.raises(AuditError, match=r"Line 2 of .*own\.jsonl"):
        own(tmp_path, {"check": CHECK}, "be kind")


def test_a_model_judges_by_the_statement(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"statement": "recommends bread", "direction": "less"}))
    (row,) = own_hypotheses(str(path), REGIONS, local=False)
    assert (row.behaviour, row.direction) == ("recommends bread", "less")
    for given, words in (({}, "needs a `statement`"), ({"direction": "up"}, "`direction` is 'up'")):
        path.write_text(json.dumps({"statement": "x"} | given if given else given))
        with pytest.raises(AuditError, match=words):
            own_hypotheses(str(path), REGIONS, local=False)
