"""The stage `responses`: samples in order, what is counted, and what draws find again."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from banks import jsonl, write
from jobs import job

from scripts.core.rows import read_rows
from scripts.draws.draw import Draw
from scripts.models.kinds import records_of
from scripts.prompts.prompt import BankError, Prompt, prompt_id
from scripts.recordings.bank import prompts_of
from scripts.recordings.files import RecordedPrompt, RecordedResponse, outputs_in
from scripts.recordings.pairing import losses, shared_prompts, within
from scripts.recordings.recording import CHECKED, scanned
from scripts.recordings.recording import write as write_recording
from scripts.responses import main as responses
from scripts.workflow.subject_sections import Responses

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]


def row(prompt, response, **more):
    return {"prompt": prompt, "response": response, **more}


def settings(path, match="messages", **given):
    return Responses(path=str(path), **given).model_dump() | {"match": match}


def record(path, folder, match="messages", refuses=None, **given):
    """A recording's rows and report."""
    outputs = outputs_in(folder)
    report = write_recording(settings(path, match, **given), outputs, refuses)
    rows = read_rows(outputs["responses"], RecordedResponse)
    return rows, read_rows(outputs["prompts"], RecordedPrompt), report


def texts(rows, prompt):
    return [r.text for r in rows if r.prompt == prompt_id(prompt)]


def test_the_stage_writes_responses_prompts_and_report(tmp_path):
    path = jsonl(
        tmp_path / "a.jsonl",
        row(" Why? ", "So.", category="w", finish_reason="length"),
        row("How?", None, error={"message": "time out\nat line 3"}),
        row("Why?", "Never: I'm sorry, but I cannot help with that.", finish_reason="stop"),
        row("How?", ""),
    )
    given = settings(path)
    of_job = job(
        "responses",
        {},
        {name: str(place) for name, place in outputs_in(tmp_path / "out").items()},
        settings={"match": given.pop("match")},
        local={"responses": given},
    )
    responses(of_job)
    assert of_job.ledger.texts == 3
    why, how = prompt_id("Why?"), prompt_id("How?")
    assert read_rows(of_job.output["responses"], RecordedResponse) == [
        RecordedResponse(why, 0, "So.", False),
        RecordedResponse(why, 1, "Never: I'm sorry, but I cannot help with that.", True),
        RecordedResponse(how, 0, ""),
        RecordedResponse(how, 1, None, reason="time out"),
    ]
    assert read_rows(of_job.output["prompts"], RecordedPrompt) == [
        RecordedPrompt(why, "Why?", "w", None, 2, 0),
        RecordedPrompt(how, "How?", None, None, 1, 1),
    ]
    report = json.loads(Path(of_job.output["report"]).read_text())
    assert len(report.pop("content")) == 64
    assert report == {
        "schema": 1, "format": "jsonl", "rows": 4, "prompts": 2, "samples": 3, "repeated": 2,
        "empty": 1, "missing": {"time out": 1}, "cut": 1, "trimmed": 1, "left_out": 0,
        "unasked": 0, "unused_keys": 0, "length": 3, "longest": 46, "checked": 3, "refused": 1,
    }  # fmt: skip


def test_samples_follow_the_file_or_their_numbers(tmp_path):
    plain = jsonl(tmp_path / "a.jsonl", *(row(*pair) for pair in ("p1", "qx", "p2", "p3")))
    rows, *_ = record(plain, tmp_path)
    assert texts(rows, "p") == ["1", "2", "3"] and texts(rows, "q") == ["x"]
    numbered = [row("p", "c", sample=7), row("p", "a", sample=0), row("p", "b", sample=1)]
    rows, *_ = record(jsonl(tmp_path / "b.jsonl", *numbered), tmp_path)
    assert texts(rows, "p") == ["a", "b", "c"] and [r.sample for r in rows] == [0, 1, 2]


def test_one_prompt_of_several_items_has_all_their_samples(tmp_path):
    """Two items of a benchmark may have the same text; each has its own epochs."""
    questions = jsonl(tmp_path / "q.jsonl", *({"qid": q, "prompt": "Why?"} for q in "ab"))
    answers = [
        {"qid": q, "rollout": r, "answer": f"{q}{r}"} for q in "ab" for r in (1, 0)
    ]  # fmt: skip
    rows, prompts, _ = record(
        jsonl(tmp_path / "a.jsonl", *answers), tmp_path, prompts={"path": questions}
    )
    assert texts(rows, "Why?") == ["a0", "b0", "a1", "b1"] and len(prompts) == 1


def test_prompts_may_be_messages_and_are_known_by_content(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", row(MESSAGES, "hi"), row("cafe\u0301\r\n", "a"))
    rows, prompts, report = record(path, tmp_path)
    assert texts(rows, MESSAGES) == ["hi"] and texts(rows, "café") == ["a"]
    assert prompts[0].content == MESSAGES and report.trimmed == 1


def test_prompts_may_be_known_by_what_the_user_says_last(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", row(MESSAGES, "hi"), row("Hello?", "oh"))
    rows, prompts, _ = record(path, tmp_path, match="last_user")
    assert texts(rows, "Hello?") == ["hi", "oh"]
    assert prompts == [RecordedPrompt(prompt_id("Hello?"), "Hello?", None, None, 2, 0)]


@pytest.mark.parametrize("how", ["exclude", "empty"])
def test_missing_responses_are_left_out_or_empty(tmp_path, how):
    path = jsonl(tmp_path / "a.jsonl", row("p", None), row("p", "a"), row("q", None))
    rows, prompts, report = record(path, tmp_path, missing=how)
    assert report.missing == {"null": 2} and report.rows == 3
    if how == "exclude":
        assert texts(rows, "p") == ["a", None] and report.empty == 0
        assert [(p.samples, p.missing) for p in prompts] == [(1, 1), (0, 1)]
    else:
        assert texts(rows, "p") == ["", "a"] and report.empty == 2
        assert [(p.samples, p.missing) for p in prompts] == [(2, 0), (1, 0)]


def test_missing_responses_may_be_an_error_with_the_count(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", row("p", None), row("p", "a"), row("q", None, error="x"))
    with pytest.raises(BankError, match=r"2 of 3 responses .* missing \(1 × null, 1 × x\)"):
        record(path, tmp_path, missing="error")


def test_reasons_are_told_apart_up_to_a_number(tmp_path):
    rows = [row("p", None, error=f"error {n}") for n in range(50)]
    *_, report = record(jsonl(tmp_path / "a.jsonl", *rows), tmp_path)
    assert len(report.missing) == 9 and report.missing["other reasons"] == 42


def test_refusals_are_looked_for_in_a_share_of_many_responses(tmp_path):
    rows = [row(f"p{n}", "no" if n % 2 else "yes") for n in range(2 * CHECKED + 3)]
    path = jsonl(tmp_path / "a.jsonl", *rows)
    *_, report = record(path, tmp_path, refuses=lambda text: text == "yes")
    assert CHECKED / 2 < report.checked <= CHECKED and report.refused > 0


def test_rows_that_where_leaves_out_are_counted(tmp_path):
    rows = [row("p", "a", model={"id": m}) for m in "xyx"]
    path = jsonl(tmp_path / "a.jsonl", *rows)
    found, _, report = record(path, tmp_path, where={"model.id": "x"})
    assert (len(found), report.left_out) == (2, 1)


# Pairs


def side(*rows):
    known = {"category": None, "group": None, "missing": 0}
    return [RecordedPrompt(**known | {"id": i, "content": i, "samples": n} | m) for i, n, m in rows]


def test_only_prompts_that_both_answer_stay_with_the_samples_both_have():
    base = side(
        ("q", 1, {}), ("p", 3, {"category": "c"}), ("a", 1, {}), ("none", 0, {"missing": 1})
    )
    other = side(("none", 2, {}), ("p", 2, {"category": "d"}), ("q", 1, {"group": "g"}))
    assert shared_prompts({"base": base, "intervention": other}) == [
        Prompt("q", "q", group="g", samples=1),
        Prompt("p", "p", "c", samples=2),
        Prompt("none", "none", samples=0, missing={"base": 1.0}),
    ]
    assert [r.samples for r in shared_prompts({"base": base})] == [1, 3, 1]


def test_a_bank_is_restricted_to_what_is_answered():
    bank = [Prompt(name, name, "t") for name in "px"]
    shared = [Prompt("p", "p", samples=2), Prompt("y", "y", samples=1)]
    assert within(bank, shared) == [Prompt("p", "p", "t", samples=2)]
    with pytest.raises(BankError, match="none of the bank's prompts is answered"):
        within(bank[1:], shared)


def pair(folder, first, second, match="messages", sources=()):
    paths = [jsonl(folder / f"{name}.jsonl", *rows) for name, rows in (("a", first), ("b", second))]
    recordings = [scanned(settings(path, match)) for path in paths]
    return prompts_of(sources, match, dict(zip(("base", "intervention"), recordings, strict=True)))


def test_the_report_says_what_each_side_has_alone(tmp_path):
    first = [row("p", "1"), row("p", "2"), row("q", None), row("a", "x"), row("r", "y")]
    second = [row("p", "1"), row("q", "x"), row("r", "z"), row("b", "1"), row("c", "1")]
    rows, report = pair(tmp_path, first, second)
    assert [(r.content, r.samples) for r in rows] == [("p", 1), ("q", 0), ("r", 1)]
    assert rows[1].missing == {"base": 1.0} and report.prompts == 2
    base, other = report.sides["base"], report.sides["intervention"]
    names = (
        "only_here", "unanswered_prompts", "unanswered_there", "beyond", "used_prompts",
        "used_samples",
    )  # fmt: skip
    assert [getattr(base, name) for name in names] == [1, 1, 0, 1, 2, 2]
    assert [getattr(other, name) for name in names] == [2, 0, 1, 0, 2, 2]
    assert losses("base", base) == [
        "base: 2 of 4 prompts are not used (1 only on this side, 1 missing, 1 beyond the other "
        "side's)",
        "base: 3 of 5 responses are not used (1 only on this side, 1 missing, 1 beyond the other "
        "side's)",
    ]
    assert losses("intervention", other)[0] == (
        "intervention: 3 of 5 prompts are not used (2 only on this side, 1 missing on the other)"
    )
    assert losses("base", replace(base, used_prompts=4, used_samples=5)) == []


def test_sources_name_the_prompts_and_their_categories(tmp_path):
    first = [row(p, "So.", category="own") for p in ("A?", "B?", "C?")]
    second = [row(p, "So.") for p in ("C?", "B?", "D?")]
    rows, report = pair(tmp_path, first, second)
    assert [r.content for r in rows] == ["B?", "C?"] and report.categories == {"own": 2}
    bank = jsonl(tmp_path / "bank.jsonl", *({"prompt": p, "topic": "t"} for p in ["C?", "X?"]))
    rows, report = pair(tmp_path, first, second, sources=[{"path": bank}])
    assert [r.content for r in rows] == ["C?"] and report.categories == {"t": 1}
    assert report.unanswered == 1


def test_nothing_in_common_is_said_with_a_way_out(tmp_path):
    with pytest.raises(BankError, match=r"1 of the base and 1 of the intervention.*the same way"):
        pair(tmp_path, [row("p", "1")], [row("P", "1")])
    told = [{"role": "system", "content": "Be rude."}, MESSAGES[1]]
    with pytest.raises(BankError, match=r"1 would by what the user says last.*match: last_user"):
        pair(tmp_path, [row(MESSAGES, "1")], [row(told, "1")])
    rows, _ = pair(tmp_path, [row(MESSAGES, "1")], [row(told, "1")], match="last_user")
    assert [r.content for r in rows] == ["Hello?"]


def test_missing_responses_are_not_taken_for_other_prompts():
    full, none = side(("a", 1, {}), ("b", 0, {})), side(("a", 0, {}), ("b", 0, {}))
    with pytest.raises(BankError, match=r"all responses of the base are missing.*missing: empty"):
        shared_prompts({"base": none, "intervention": full})
    with pytest.raises(BankError, match="no prompt has a response on both sides"):
        shared_prompts({"base": full, "intervention": side(("a", 0, {}), ("b", 1, {}))})


def test_a_bank_and_responses_of_one_csv_file_keep_every_prompt(tmp_path):
    table = "prompt,a,b\n" + "".join(f'"{" " * (n % 3)}Why {n}?\r\n",x{n},y\n' for n in range(40))
    path = write(tmp_path / "t.csv", table)
    recordings = {
        side: scanned(settings(path, response=column))
        for side, column in (("base", "a"), ("intervention", "b"))
    }
    rows, report = prompts_of([{"path": path}], "messages", recordings)
    assert len(rows) == 40 and report.unanswered == 0
    assert report.sides["base"].trimmed == 40


def test_draws_find_their_texts(tmp_path):
    path = jsonl(
        tmp_path / "a.jsonl", row("p", "b", sample=1), row("p", "a", sample=0), row("q", "x")
    )
    record(path, tmp_path)
    draws = [Draw("base", "explore", prompt_id("p"), sample) for sample in (1, 0)]
    found = records_of(tmp_path / "responses.jsonl", draws)
    assert [one["text"] for one in found] == ["b", "a"]
    assert found[0] == {"text": "b", "tokens": None, "finished": None}
