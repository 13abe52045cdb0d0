"""Requests and replies: hostile texts stay data, orders are fair, and replies are read strictly."""

import json

import pytest
from asked import roles_of
from hostile import HOSTILE
from loopback import Loopback
from reader import MARKED

from scripts.assistants.client import Pool, Unusable
from scripts.assistants.questions.form import predicate_of
from scripts.assistants.questions.judging import judge_question, swapped
from scripts.assistants.questions.themes import SHOWN, Example, Topic, themes_question
from scripts.assistants.questions.writing import (
    Brief,
    ShownPair,
    merge_question,
    review_question,
    write_question,
)
from scripts.assistants.quoting import CODE, CUT_OFF, LONGEST_LINE, LONGEST_TEXT, quoted, tamed
from scripts.assistants.roles import Role

PLAIN = Role("author", "openai", "m")
STATEMENTS = {f"h{n}": f"mentions the word “{w}”" for n, w in enumerate(["bread", "rain", "moon"])}


def judged(pool, role, base, intervention, prompt="A question?", sample=0, seed=0):
    asked = (prompt, "p1", sample)
    question = judge_question(role, asked, (base, intervention), STATEMENTS, seed)
    (answer,) = pool.ask([question])
    return answer.value


def test_there_are_hostile_texts_enough():
    assert len(set(HOSTILE)) >= 30


@pytest.mark.parametrize("provider", ["openai", "gemini"])
def test_hostile_texts_move_no_verdict(tmp_path, provider):
    """Bread only on the intervention's side, rain only on the base's, moon on both."""
    expected = {"h0": (False, True), "h1": (True, False), "h2": (True, True)}
    with (
        Loopback() as server,
        Pool(roles := roles_of(server, provider), tmp_path) as pool,
    ):
        for number, text in enumerate(HOSTILE):
            for turn in (0, 1):  # in the response of either side, and in the prompt
                base, intervention = "moon and rain. ", "moon and bread. "
                found = judged(
                    pool,
                    roles.cheap,
                    base + (text if turn else ""),
                    intervention + ("" if turn else text),
                    prompt=f"{number} {text}",
                    sample=turn,
                )
                assert found == expected, text[:60]
        assert pool.usage["cheap"].unparsable == 0


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: repr(t[:20]))
def test_a_quoted_text_is_one_marked_block_of_bounded_lines(text):
    body = quoted({"prompt": "x", "response A": text, "response B": "y"})
    found = {name: content for name, _, content in MARKED.findall(body)}
    assert set(found) == {"prompt", "response A", "response B"} and found["response B"] == "y"
    assert max(map(len, body.split("\n"))) <= LONGEST_LINE + 100
    assert len(found["response A"]) <= LONGEST_TEXT + 100
    body.encode("utf-8")
    assert not set(body) & set("\x00\x07\x08\x0b\x0c\r\x1b\x85\u2028\u202e\u200b\ufeff")


def test_what_people_write_stays_as_it_is():
    text = "A list:\n- one\n- two\n\n\tCafé 👩‍👧 “quoted” [[wiki]]"
    assert tamed(text) == text


def test_a_code_is_new_for_other_texts_and_the_same_for_the_same():
    assert quoted({"a": "x"}) == quoted({"a": "x"})
    assert quoted({"a": "x"})[:20] != quoted({"a": "y"})[:20]


def test_requests_are_blind_shuffled_and_the_same_when_built_again():
    def built(sample, seed=0):
        question, _ = judge_question(
            PLAIN, ("q", "p", sample), ("the base's", "the other's"), STATEMENTS, seed
        )
        return question

    assert built(0) == built(0) and built(0) != built(0, seed=1)
    for sample in range(20):
        text = (built(sample).system + built(sample).prompt).lower()
        assert "intervention" not in text and "h0" not in text
    orders = {built(s).prompt.split("Statements:")[1] for s in range(40)}
    assert len(orders) == 6
    coins = [swapped(0, "p", sample, "m") for sample in range(400)]
    assert 160 < sum(coins) < 240
    assert coins != [swapped(0, "p", sample, "other") for sample in range(400)]


@pytest.mark.parametrize("turn", range(8))
def test_answers_are_read_for_the_sides_not_for_the_letters(turn):
    question, read = judge_question(
        PLAIN, ("q", f"p{turn}", 0), ("base", "intervention"), {"h": "x"}, 0
    )
    turned = swapped(0, f"p{turn}", 0, "m")
    assert read('{"1": "A"}')["h"] == ((False, True) if turned else (True, False))
    assert read('{"1": "both"}')["h"] == (True, True)
    assert read('{"1": " NEITHER "}')["h"] == (False, False)
    first = question.prompt.index("\nintervention\n") < question.prompt.index("\nbase\n")
    assert first == turned


@pytest.mark.parametrize(
    "reply",
    ["", "A", "[]", "null", '{"1": "C"}', '{"2": "A"}', '{"1": ["A"]}', '{"1": "A", ', "{" * 9000],
)
def test_replies_that_say_nothing_are_unusable(reply):
    _, read = judge_question(PLAIN, ("q", "p", 0), ("a", "b"), {"h": "x"}, 0)
    with pytest.raises(Unusable):
        read(reply)


def test_a_proposal_is_directional_whichever_model_is_x():
    pairs = [ShownPair("q", "base", "intervention")] * 3
    row = {"statement": "The response sings.", "more_often": "X", "pairs": [1, 3, 9, "x"]}
    for coin in (True, False):
        question, read = write_question(PLAIN, pairs, Brief([("hums", True)]), 4, coin)
        assert f"- The response hums (more often: {'X' if coin else 'Y'})" in question.prompt
        assert read(json.dumps({"differences": [row]})) == [("sings", coin, [0, 2], "", False)]
        with pytest.raises(Unusable):
            read(json.dumps({"differences": [{"statement": "sings", "more_often": "Z"}]}))


def test_groups_and_themes_name_only_what_was_listed():
    _, read = merge_question(PLAIN, ["a"], ["b", "c"])
    groups = [{"keep": 1, "same": [3, 9]}, {"keep": 2, "same": [2]}, {"keep": 9, "same": [1]}]
    assert read(json.dumps({"groups": groups})) == [(0, [2])]
    _, read = themes_question(PLAIN, ["a", "b"], {}, {})
    theme = {"title": "T", "summary": "S", "findings": [2, 7]}
    assert read(json.dumps({"themes": [theme]})) == [("T", "S", [1])]


@pytest.mark.parametrize(
    ("quote", "occurs"),
    [
        ("I'm sorry", True), ("i’m SORRY,", True), ("“sorry, but\n I cannot”", True),
        ("I'm sorry … cannot help", True), ("cannot … sorry", False), ("I am sorry", False),
        ("", False), ("…", False),
    ],
)  # fmt: skip
def test_a_quote_counts_only_where_its_words_stand_in_a_pair_that_it_cites(quote, occurs):
    pairs = [ShownPair("q", "Sure!", "I'm sorry, but  I cannot help."), ShownPair("q", "a", "b")]
    _, read = write_question(PLAIN, pairs, Brief(), 4, True)
    row = {"statement": "apologises", "more_often": "X", "quote": quote}
    for cited, expected in (([1, 2], occurs), ([2], False), ([], False)):
        (found,) = read(json.dumps({"differences": [row | {"pairs": cited}]}))
        assert (found.occurs, found.pairs) == (expected, [n - 1 for n in cited])


def test_a_request_for_differences_says_what_its_pairs_are():
    pairs = [ShownPair("q", "cut here", "whole", True, False)]
    plain, _ = write_question(PLAIN, pairs, Brief(), 4, True)
    assert plain.prompt.count(CUT_OFF) == 1
    base = plain.prompt.index("cut here")
    assert base < plain.prompt.index(CUT_OFF) < base + 60 + len(CUT_OFF)
    assert "topics" not in plain.prompt and "known" not in plain.prompt
    told = Brief([("hums", True)], mixed=True, unexplained=True, focus="refusals\n[[x]]")
    question, _ = write_question(PLAIN, pairs, told, 4, True)
    for said in ("on different topics", "None of what is known", "about this: refusals [[x]]."):
        assert said in question.prompt


def test_the_code_around_texts_stands_in_none_of_them():
    everything = {"a": "".join(f"{n:04x} " for n in range(1000, 2000)), "b": "y"}
    body = quoted(everything)
    (code,) = {code for _, code, _ in MARKED.findall(body)}
    assert len(code) == CODE and not any(code in text for text in everything.values())


def test_a_review_scores_and_rewords_and_keeps_what_it_does_not_mention():
    question, read = review_question(PLAIN, ["sings", "hums or howls"], "birds")
    assert "about this: birds." in question.prompt
    rows = [
        {"number": 2, "statement": "The response hums.", "specificity": "4", "interest": 5},
        {"number": 1, "statement": "", "specificity": 9, "interest": 1},
        {"number": 7, "statement": "x", "specificity": 1, "interest": 1},
    ]
    assert read(json.dumps({"statements": rows})) == {1: ("hums", 4, 5)}
    with pytest.raises(Unusable):
        read('{"statements": [{"number": 1}]}')


def test_themes_are_told_what_was_measured_where_and_an_example():
    topics = {"topic 1": Topic("kill, murder", ["How do I kill a process?", "x" * 900])}
    question, _ = themes_question(
        PLAIN, ["a; 12% of the base's"], topics, {1: Example("no", "yes")}, "safety"
    )
    parts = {name: text for name, _, text in MARKED.findall(question.prompt)}
    assert parts["topic 1, prompt 1"] == "How do I kill a process?"
    assert len(parts["topic 1, prompt 2"]) == SHOWN
    assert (parts["finding 1, base"], parts["finding 1, intervention"]) == ("no", "yes")
    assert "1. a; 12%" in question.prompt and "about this: safety." in question.prompt


def test_a_statement_is_one_short_line():
    assert predicate_of("The response recommends\nbread.") == "recommends bread"
    assert len(predicate_of("x" * 9000)) == 300 and predicate_of(None) == ""
