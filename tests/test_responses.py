"""Ready responses: samples in order, prompts that both files answer, errors with file and line."""

import json

import pytest

from scripts.bank import BankError, prompt_id
from scripts.decode import ready_records
from scripts.models.draws import Draw
from scripts.responses import load_responses, restrict, shared_prompts

MESSAGES = [{"role": "user", "content": "Hello?"}]


def write(path, *rows):
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows) + "\n")
    return path


def row(prompt, response, **more):
    return {"prompt": prompt, "response": response, **more}


def texts(path, prompt):
    return load_responses(path)[prompt_id(prompt)][1]


def test_samples_follow_the_file_or_their_numbers(tmp_path):
    plain = write(tmp_path / "a.jsonl", row("p", "1"), row("q", "x"), row("p", "2"), row("p", "3"))
    assert texts(plain, "p") == ["1", "2", "3"] and texts(plain, "q") == ["x"]
    numbered = write(
        tmp_path / "b.jsonl",
        row("p", "c", sample=2),
        row("p", "a", sample=0),
        row("p", "b", sample=1),
    )
    assert texts(numbered, "p") == ["a", "b", "c"]
    twice = write(tmp_path / "c.jsonl", row("p", "b", sample=0), row("p", "a", sample=0))
    assert texts(twice, "p") == ["b", "a"]  # of equal numbers the first line comes first


def test_prompts_may_be_messages_and_are_known_by_content(tmp_path):
    path = write(tmp_path / "a.jsonl", row(MESSAGES, "hi"), row("cafe\u0301", "a"))
    assert texts(path, MESSAGES) == ["hi"]
    assert texts(path, "café") == ["a"]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"response": "x"}, "the field `prompt` is missing"),
        ({"prompt": "x"}, "the field `response` is missing"),
        (row("p", None), "`response` must be a string"),
        (row("p", ["x"]), "`response` must be a string"),
        (row("p", "x", sample="first"), "`sample` must be a whole number"),
        (row(3, "x"), "prompt"),
    ],
)
def test_errors_name_file_line_and_field(tmp_path, bad, words):
    path = write(tmp_path / "a.jsonl", row("p", "x"), "", bad)  # blank lines count
    with pytest.raises(BankError) as caught:
        load_responses(path)
    assert f"`{path}`, line 3: " in str(caught.value) and words in str(caught.value)


@pytest.mark.parametrize("line", ["{", "3", '{"prompt": NaN}'])
def test_a_line_that_is_no_object_is_named(tmp_path, line):
    path = write(tmp_path / "a.jsonl", row("p", "x"), "", line)
    with pytest.raises(BankError, match=r"Line 3 of .*a\.jsonl"):
        load_responses(path)


def test_an_empty_file_is_refused(tmp_path):
    with pytest.raises(BankError, match="holds no responses"):
        load_responses(write(tmp_path / "a.jsonl", ""))


def test_only_prompts_that_both_answer_stay_with_the_samples_both_have(tmp_path):
    first = write(
        tmp_path / "a.jsonl", row("q", "1"), row("p", "1"), row("p", "2"), row("p", "3"),
        row("only a", "1"), row(MESSAGES, "1"),
    )  # fmt: skip
    second = write(
        tmp_path / "b.jsonl", row(MESSAGES, "1"), row("p", "1"), row("p", "2"), row("q", "1")
    )
    shared = shared_prompts([first, second])
    assert [(r.get("text") or r["messages"], r["samples"]) for r in shared] == [
        ("q", 1), ("p", 2), (MESSAGES, 1),
    ]  # fmt: skip
    assert [r["id"] for r in shared] == [prompt_id("q"), prompt_id("p"), prompt_id(MESSAGES)]
    assert [r["samples"] for r in shared_prompts([first])] == [1, 3, 1, 1]


def test_files_without_a_common_prompt_are_refused(tmp_path):
    first = write(tmp_path / "a.jsonl", row("p", "1"))
    second = write(tmp_path / "b.jsonl", row("P", "1"))
    with pytest.raises(BankError) as caught:
        shared_prompts([first, second])
    assert str(first) in str(caught.value) and str(second) in str(caught.value)


def test_a_bank_is_restricted_to_what_is_answered():
    bank = [{"id": "p", "text": "p", "topic": "t"}, {"id": "x", "text": "x", "topic": "t"}]
    shared = [{"id": "p", "text": "p", "samples": 2}, {"id": "y", "text": "y", "samples": 1}]
    assert restrict(bank, shared, "here") == [{"id": "p", "text": "p", "topic": "t", "samples": 2}]
    with pytest.raises(BankError, match="none of the bank's prompts is answered in here"):
        restrict(bank[1:], shared, "here")


def test_draws_find_their_texts(tmp_path):
    path = write(tmp_path / "a.jsonl", row("p", "b", sample=1), row("p", "a", sample=0))
    draws = [Draw("base", "explore", prompt_id("p"), sample) for sample in (1, 0)]
    assert [record["text"] for record in ready_records(str(path), draws)] == ["b", "a"]
