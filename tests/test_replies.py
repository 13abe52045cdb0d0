"""Replies in every form that models give them: read where one reading is possible, else not."""

import json
import time

import pytest
from test_questions import PLAIN

from scripts.assistants.client import Unusable
from scripts.assistants.questions.judging import judge_question
from scripts.assistants.questions.writing import (
    Brief,
    ShownPair,
    merge_question,
    write_question,
)
from scripts.assistants.replies import answer_in, as_asked
from scripts.assistants.usage import RoleUsage, notices_of_replies
from scripts.assistants.verdicts import number_of, verdict_of

ANSWER, DRAFT = '{"1": "A", "2": "neither"}', '{"1": "B", "2": "both"}'
MEANT = {1: "A", 2: "neither"}
QUESTION, READ = judge_question(
    PLAIN, ("q", "p", 0), ("base", "intervention"), {"h0": "x", "h1": "y"}, 0
)
EXPECTED = READ(ANSWER)

CLEAN = {
    "alone": ANSWER,
    "fence": f"```json\n{ANSWER}\n```",
    "fence without a language": f"```\n{ANSWER}\n```\n",
    "think": f"<think>\nPerhaps {DRAFT}. No.\n</think>\n\n{ANSWER}",
    "thinking": f"<thinking>{DRAFT}</thinking>```json\n{ANSWER}```",
    "opened by the template": f"Perhaps {DRAFT}. No.\n</think>\n{ANSWER}",
    "kimi": f"◁think▷{DRAFT}◁/think▷{ANSWER}",
    "magistral": f"[THINK]{DRAFT}[/THINK]{ANSWER}",
    "harmony": f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant"
    f"<|channel|>final <|constrain|>JSON<|message|>{ANSWER}<|return|>",
    "two thoughts": f"<think>{DRAFT}</think>{DRAFT}<think>Again.</think>{ANSWER}",
    "unclosed braces in a thought": f'<think>Say {{"1": "B", [ maybe</think>{ANSWER}',
}
MENDED = {
    "prose around": f"Here is what I found: {ANSWER}\nAsk me [anything] else!",
    "draft before": f"A draft: {DRAFT}. On reflection:\n{ANSWER}",
    "fence and prose": f"Sure!\n```json\n{ANSWER}\n```\nI hope this helps.",
    "other words": '{"1": "the first", "2": "None of them"}',
    "responses": '{"1": "Response A.", "2": "neither response"}',
    "numbers in words": '{"one": "A", "two": "neither"}',
    "numbered statements": '{"statement 1": "A", "Statement 2": "Neither"}',
    "wrapped": f'{{"answers": {ANSWER}}}',
    "with reasons": '{"1": {"answer": "A", "reason": "It does."}, "2": {"answer": "neither"}}',
    "rows": '[{"statement": 1, "verdict": "A"}, {"statement": "two", "verdict": "neither"}]',
    "rows of one": '[{"1": "A"}, {"2": "neither"}]',
    "rows wrapped": '{"results": [{"id": 2, "answer": "neither"}, {"id": 1, "answer": "A"}]}',
    "list": '["A", "neither"]',
    "lines": "1. A\n2. neither",
    "lines in words": "**Statement 1:** the first\n**Statement 2:** none of them.",
    "lines after a thought": "<think>1: B\n2: both</think>1: A\n2: neither\n",
}  # fmt: skip
UNUSABLE = {
    "unclosed thought": f"<think>Perhaps {ANSWER}",
    "unclosed thought after a draft": f"{DRAFT}<think>No, wait",
    "harmony without its end": f"<|channel|>analysis<|message|>{ANSWER}",
    "half": '{"1": "A"}',
    "cut off": '{"1": "A", "2": "neit',
    "part of what is broken": '{"answers": ["A", "neither"], "note": ',
    "either": '{"1": "A or B", "2": "neither"}',
    "a number for a side": '{"1": 1, "2": 2}',
    "said twice, differently": '{"1": "A", "one": "B", "2": "neither"}',
    "lines that differ": "1: A\n2: both\nNo:\n2: neither",
    "two verdicts": '{"1": {"first": "A", "then": "B"}, "2": "neither"}',
    "too many": '["A", "neither", "both"]',
    "nested without end": '{"a":' * 900 + "1" + "}" * 900,
    "verdicts nested without end": '{"1":' * 900 + "1" + "}" * 900,
    "nothing": "",
    "a thought alone": "<think>Hm.</think>",
    "prose": "The first statement is true of A, the second of neither.",
}


@pytest.mark.parametrize("name", CLEAN)
def test_thoughts_and_fences_are_no_part_of_a_reply(name):
    assert READ(CLEAN[name]) == EXPECTED
    assert as_asked(CLEAN[name], QUESTION.schema)


@pytest.mark.parametrize("name", MENDED)
def test_other_forms_of_one_meaning_are_read_and_told_apart(name):
    assert READ(MENDED[name]) == EXPECTED
    assert not as_asked(MENDED[name], QUESTION.schema)


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_says_nothing_or_two_things_is_no_verdict(name):
    with pytest.raises(Unusable):
        READ(UNUSABLE[name])
    assert not as_asked(UNUSABLE[name], QUESTION.schema)


def test_marks_within_an_answer_are_text():
    said = {"statement": "writes <think> and </think>, or [THINK]"}
    assert answer_in(json.dumps(said)) == said
    assert answer_in(f"<think>{DRAFT}</think>{json.dumps(said)}") == said


@pytest.mark.parametrize(
    ("given", "number"),
    [(3, 3), (3.0, 3), ("3", 3), (" 3. ", 3), ("three", 3), ("Statement 3", 3), ("#3", 3),
     ("pair twelve", 12), (True, None), (2.5, None), ("", None), ("3rd of 4", None),
     ("sometimes", None), (None, None), ([3], None), (float("inf"), None), (float("nan"), None)],
)  # fmt: skip
def test_numbers_as_they_are_written(given, number):
    assert number_of(given) == number


@pytest.mark.parametrize(
    ("given", "verdict"),
    [("A", "A"), ("a", "A"), ("**B**", "B"), ("Response B only", "B"), ("the second one", "B"),
     ("First", "A"), ("only A", "A"), ("both", "both"), ("Both of them.", "both"),
     ("A and B", "both"), ("A, B", "both"), ("neither A nor B", "neither"), ("NONE", "neither"),
     ("A or B", None), ("A/B", None), ("a response", None), ("maybe A", None), ("not A", None),
     ("C", None), ("", None), (1, None), (None, None), (["A"], None), ("two", None)],
)  # fmt: skip
def test_verdicts_as_they_are_written(given, verdict):
    assert verdict_of(given) == verdict


def test_lists_are_read_with_or_without_their_name():
    _, read = merge_question(PLAIN, [], ["a", "b", "c"])
    for reply in ("[[1, 3]]", '{"groups": [["one", "3"]]}', '{"same": [[1, 3.0]]}',
                  'Of [2] not. {"groups": [{"keep": "1", "same": 3}]} See [1].'):  # fmt: skip
        assert read(reply) == [(0, [2])], reply
    for reply in ('{"groups": [[1, 2], [3', "[[1, 2], [3", '{"a": [[1, 3]], "b": []}'):
        with pytest.raises(Unusable):
            read(reply)


def test_a_difference_names_its_model_in_words():
    _, read = write_question(PLAIN, [ShownPair("q", "b", "i")] * 3, Brief(), 4, True)
    row = {"statement": "sings", "more_often": "model y", "pairs": ["two", 3]}
    assert read(json.dumps([row])) == [("sings", False, [1, 2], "", False)]


@pytest.mark.parametrize(
    "reply",
    ["[" * 200_000, ("[" * 900 + "x") * 200, '{"' * 100_000, '["[",' * 40_000,
     '[[1,{"a":' * 20_000, "<think>" * 30_000, "1:" * 100_000, "\n" * 200_000, " 1 " * 60_000],
    ids=lambda reply: repr(reply[:9]),
)  # fmt: skip
def test_a_hostile_reply_takes_no_time(reply):
    began = time.perf_counter()
    with pytest.raises(Unusable):
        READ(reply)
    assert time.perf_counter() - began < 10


def test_a_few_mended_replies_are_no_news_and_many_are():
    mended = {"mended": 5, "second_chances": 2}
    assert notices_of_replies("m", RoleUsage(requests=90, cache_hits=10, **mended)) == []
    (said,) = notices_of_replies("m", RoleUsage(requests=50, **mended))
    assert "5 (10%)" in said and "2 (4%)" in said
    (said,) = notices_of_replies("m", RoleUsage(requests=100, **mended, truncated=1))
    assert "raise its `thinking_tokens`" in said
