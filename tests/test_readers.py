"""Readers of prompts and responses: formats, fields, ids, duplicates, and bad input."""

import csv
import hashlib
import json
import random
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from banks import COMPOSED, DECOMPOSED, TEMPLATES, contents, jsonl, write

from scripts.prompts.prompt import BankError, Prompt, normal_prompt, prompt_id
from scripts.readers.reading import Reading
from scripts.readers.registry import source_files
from scripts.recordings.bank import build_bank
from scripts.recordings.recording import scanned
from scripts.workflow.sections import Responses

# Ids


def test_prompt_id_is_the_hash_of_the_nfc_text():
    assert prompt_id(DECOMPOSED) == prompt_id(COMPOSED)
    assert prompt_id(COMPOSED) == hashlib.sha256(COMPOSED.encode()).hexdigest()
    assert prompt_id("A") != prompt_id("a")


def test_prompt_id_of_messages_is_canonical():
    messages = [{"role": "user", "content": DECOMPOSED}]
    text = f'[{{"content":"{COMPOSED}","role":"user"}}]'
    assert prompt_id(messages) == hashlib.sha256(text.encode()).hexdigest()
    assert prompt_id(messages) == prompt_id([{"content": COMPOSED, "role": "user"}])


# Formats


def test_templates_fill_every_form_with_every_thing(tmp_path):
    path = write(tmp_path / "rocks.yaml", yaml.safe_dump(TEMPLATES))
    prompts, report = build_bank([{"path": path}])
    assert [p.content for p in prompts] == [
        "What is basalt?",
        "Explain basalt.",
        "What is granite?",
        "Explain granite.",
    ]
    assert report.categories == {"rocks": 4}
    assert all(p.id == prompt_id(p.content) for p in prompts)


def test_jsonl_takes_text_and_messages_with_topic_and_group(tmp_path):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    path = jsonl(
        tmp_path / "mixed.jsonl",
        {"prompt": " How? ", "topic": "ways", "group": "g1", "note": 7},
        {"prompt": messages, "category": "reasons"},
        {"prompt": "When?"},
    )
    prompts, _ = build_bank([{"path": path}])
    assert prompts == [
        Prompt(prompt_id("How?"), "How?", "ways", "g1"),
        Prompt(prompt_id(messages), messages, "reasons"),
        Prompt(prompt_id("When?"), "When?", "mixed"),
    ]


def test_csv_reads_named_columns_with_quotes_and_line_ends(tmp_path):
    text = 'kind,question\r\na,"One, two\nand ""three""?"\r\n\r\nb, Four? \r\n'
    path = write(tmp_path / "table.csv", b"\xef\xbb\xbf" + text.encode())
    rows = list(Reading({"path": path, "category": "kind"}))
    assert [(r.prompt, r.category, r.at) for r in rows] == [
        ('One, two\nand "three"?', "a", "line 2"),
        (" Four? ", "b", "line 5"),
    ]


def test_text_is_one_prompt_a_line(tmp_path):
    path = write(tmp_path / "lines.txt", "\ufeffOne?\r\n  Two? \n\u2028\nThree\u2028four?")
    prompts, report = build_bank([{"path": path}])
    assert [p.content for p in prompts] == ["One?", "Two?", "Three\u2028four?"]
    assert report.empty == 1 and report.empty_places == [f"`{path}`, line 3"]


def test_persona_takes_the_question(tmp_path):
    path = jsonl(
        tmp_path / "likes-art.jsonl",
        {"question": "Is this you?", "statement": "x", "label_confidence": 1},
    )
    for declared in ("auto", "persona"):
        (prompt,) = build_bank([{"path": path, "format": declared}])[0]
        assert (prompt.content, prompt.category) == ("Is this you?", "likes-art")


def test_bold_takes_the_domain_as_category(tmp_path):
    page = {"arts": {"Ann": ["Ann is ", "Ann was "]}, "sports": {"Bo": ["Bo is "]}}
    path = write(tmp_path / "bold.json", json.dumps(page))
    prompts, report = build_bank([{"path": path}])
    assert [p.content for p in prompts] == ["Ann is", "Ann was", "Bo is"]
    assert report.categories == {"arts": 2, "sports": 1}


def test_a_folder_is_read_in_name_order_and_its_files_are_categories(tmp_path):
    for name in ("b.txt", "a.txt"):
        write(tmp_path / name, f"From {name}?\n")
    jsonl(tmp_path / "c.jsonl", {"question": "Yes?"})
    jsonl(tmp_path / "d.jsonl", {"prompt": "No?", "topic": "own"})
    write(tmp_path / "README.md", "not a prompt")
    write(tmp_path / ".hidden.txt", "not a prompt")
    write(tmp_path / "below" / "e.txt", "not read")
    source = {"path": str(tmp_path)}
    assert [p.name for p in source_files(source)] == ["a.txt", "b.txt", "c.jsonl", "d.jsonl"]
    topics = [(prompt.content, prompt.category) for prompt in build_bank([source])[0]]
    assert topics == [("From a.txt?", "a"), ("From b.txt?", "b"), ("Yes?", "c"), ("No?", "own")]
    assert [p.name for p in source_files(source | {"format": "text"})] == ["a.txt", "b.txt"]


def test_limit_keeps_the_first_distinct_prompts_of_each_category(tmp_path):
    records = [{"prompt": f"{n // 2}?", "topic": "even" if n % 4 < 2 else "odd"} for n in range(16)]
    path = jsonl(tmp_path / "p.jsonl", *records)
    prompts, report = build_bank([{"path": path, "limit": 2}])
    assert [p.content for p in prompts] == ["0?", "1?", "2?", "3?"]
    assert report.categories == {"even": 2, "odd": 2} and report.duplicates == 4


# Responses: each format as its tool writes it


def responses(path, **given):
    """The rows of a file of responses."""
    return list(Reading(Responses(path=str(path), **given).model_dump(), "response"))


def pairs(path, **given):
    """Prompt and response of each row of a file."""
    return [(row.prompt, row.response) for row in responses(path, **given)]


def document(path, value):
    return write(path, json.dumps(value))


@pytest.mark.parametrize("prompt", ["prompt", "question", "query", "instruction", "input"])
@pytest.mark.parametrize("response", ["response", "completion", "output", "answer", "generation"])
def test_fields_are_known_by_their_usual_names(tmp_path, prompt, response):
    row = {"id": 3, prompt: "Why?", "type": "w", "rollout": 2, response: "So.", "model": "m"}
    (found,) = responses(jsonl(tmp_path / "a.jsonl", row))
    assert (found.prompt, found.response, found.key) == ("Why?", "So.", None)
    assert (found.category, found.sample, found.model) == ("w", 2, "m")


def test_fields_that_are_named_go_first(tmp_path):
    row = {"prompt": "p", "meta": {"text": "Why?", "kinds": ["a", "b"]}, "answer": "So.", "n": 4}
    named = {"prompt": "meta.text", "category": "meta.kinds.1", "sample": "n"}
    (found,) = responses(jsonl(tmp_path / "a.jsonl", row), **named)
    assert (found.prompt, found.category, found.sample) == ("Why?", "b", 4)


def test_what_is_not_sought_does_not_matter(tmp_path):
    row = {"question": "Why?", "query": "?", "output": "a", "answer": "b", "sample": "one"}
    bank = jsonl(tmp_path / "bank.jsonl", row | {"id": 1})
    assert contents({"path": bank, "prompt": "question"}) == ["Why?"]
    keyed = jsonl(tmp_path / "q.jsonl", {"id": 1, "prompt": "How?", "sample": True})
    answers = jsonl(tmp_path / "a.jsonl", {"id": 1, "question": "", "query": "", "output": "a"})
    assert pairs(answers, prompts=keyed) == [("How?", "a")]


def test_a_response_may_be_several_in_a_list_or_messages_with_calls(tmp_path):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hi."}]},
        {"role": "assistant", "content": {"text": "", "tool_calls": [
            {"name": "look", "arguments": "{}"}]}},
        {"role": "tool", "content": "found"},
        {"role": "assistant", "content": [
            {"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "Done."},
            {"type": "image_url"}]},
    ]  # fmt: skip
    path = jsonl(
        tmp_path / "a.jsonl",
        {"prompt": "p", "responses": ["a", None, "b"]},
        {"prompt": "q", "model_response": messages},
        {"prompt": "r", "response": [{"type": "text", "text": "part"}]},
        {"prompt": "s", "response": {"role": "assistant", "content": "said"}},
    )
    assert pairs(path) == [
        ("p", "a"), ("p", None), ("p", "b"),
        ("q", "user: Hi.\n\nassistant: [calls look({})]\n\ntool: found\n\n"
              "assistant: Done.\n[image_url]"),
        ("r", "part"), ("s", "said"),
    ]  # fmt: skip


def test_a_conversation_ends_with_its_response(tmp_path):
    asked = {"role": "user", "content": "Why?"}
    path = jsonl(
        tmp_path / "a.jsonl",
        {"messages": [asked, {"role": "assistant", "content": "So."}]},
        {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "No."}]},
    )
    assert pairs(path) == [([asked], "So."), ([asked], "No.")]


def test_json_documents_are_lists_or_hold_one(tmp_path):
    rows = [{"question": "Why?", "output": "So."}, {"question": "How?", "output": None}]
    expected = [("Why?", "So."), ("How?", None)]
    assert pairs(document(tmp_path / "a.json", rows)) == expected
    assert pairs(document(tmp_path / "b.json", {"version": 1, "data": rows})) == expected
    assert pairs(document(tmp_path / "c.json", rows[0])) == expected[:1]
    lines = write(tmp_path / "d.json", "".join(json.dumps(row) + "\n" for row in rows))
    assert pairs(lines) == expected
    assert contents({"path": document(tmp_path / "e.json", ["One?", "Two?"])}) == ["One?", "Two?"]


def test_turns_of_messages_are_one_prompt(tmp_path):
    turns = [[{"role": "user", "content": "One."}], [{"role": "user", "content": "Two."}]]
    path = write(tmp_path / "bfcl.json", json.dumps({"id": "a", "question": turns}) + "\n" * 2)
    assert contents({"path": path}) == [[turns[0][0], turns[1][0]]]


def test_a_table_may_have_lines_before_its_header(tmp_path):
    text = '"A note, with ""quotes""",,\n,,\nid,question,answer\n1,Why?,"So\nbe it"\n'
    path = write(tmp_path / "a.csv", text)
    assert pairs(path) == [("Why?", "So\nbe it")]
    assert pairs(path, header=3) == [("Why?", "So\nbe it")]
    with pytest.raises(BankError, match="no record begins on line 9"):
        pairs(path, header=9)
    odd = write(tmp_path / "b.csv", "note,,\nx,y,z\nWhy?,So.,1\n")
    assert pairs(odd, prompt="x", response="y") == [("Why?", "So.")]


def test_tables_are_cut_at_tabs_semicolons_or_commas(tmp_path):
    for name, mark in (("a.tsv", "\t"), ("b.csv", "\t"), ("c.csv", ";"), ("d.csv", ",")):
        text = f'prompt{mark}response\r\n"a{mark} ""b""?"{mark}"c\nd"\r\n'
        assert pairs(write(tmp_path / name, text)) == [(f'a{mark} "b"?', "c\nd")], name


def test_two_subjects_may_share_a_file(tmp_path):
    path = write(tmp_path / "t.csv", "question,output/base,output/tuned,topic\nWhy?,So.,No.,w\n")
    assert pairs(path, response="output/base") == [("Why?", "So.")]
    assert pairs(path, response="output/tuned") == [("Why?", "No.")]
    rows = [{"prompt": "p", "response": m, "model": m, "of": {"n": n}} for n, m in enumerate("ab")]
    path = jsonl(tmp_path / "m.jsonl", *rows)
    assert pairs(path, where={"model": "b"}) == pairs(path, where={"of.n": 1}) == [("p", "b")]
    assert pairs(path, where={"of.n": "1"}) == [("p", "b")]
    with pytest.raises(BankError, match=r"model: c.*`model` is `a`, `b`"):
        pairs(path, where={"model": "c"})
    with pytest.raises(BankError, match=r"no field `modl` for the filter `where`.*`model`"):
        pairs(path, where={"modl": "c"})
    with pytest.raises(BankError, match=r"line 2: responses of another model, `b` beside `a`"):
        scanned(Responses(path=path).model_dump())


def test_alpaca_eval(tmp_path):
    row = {"instruction": "Sort.", "output": "Done.", "generator": "g", "dataset": "d"}
    path = document(tmp_path / "model_outputs.json", [row, row | {"input": "3 1"}])
    assert pairs(path) == [("Sort.", "Done."), ("Sort.\n\n3 1", "Done.")]
    assert {(r.model, r.category) for r in responses(path)} == {("g", "d")}


def test_fastchat_and_arena_hard(tmp_path):
    answers = jsonl(
        tmp_path / "answers.jsonl",
        {"question_id": 1, "model_id": "m", "choices": [{"index": 0, "turns": ["A", "B"]}]},
        {"question_id": 2, "model_id": "m", "choices": [
            {"index": 1, "turns": [{"content": "D"}]}, {"index": 0, "turns": ["C"]}]},
    )  # fmt: skip
    questions = jsonl(
        tmp_path / "question.jsonl",
        {"question_id": 1, "category": "c", "turns": ["One?", "Two?"]},
        {"question_id": 2, "category": "d", "turns": ["Three?"]},
    )
    found = responses(answers, prompts=questions)
    both = [{"role": "user", "content": text} for text in ("One?", "Two?")]
    assert [(r.prompt, r.response, r.sample, r.category) for r in found] == [
        (both, "A\n\nB", None, "c"), ("Three?", "D", 1, "d"), ("Three?", "C", 0, "d"),
    ]  # fmt: skip
    talk = [{"role": "user", "content": "Why?"},
            {"role": "assistant", "content": {"answer": "So."}}]  # fmt: skip
    path = jsonl(tmp_path / "arena.jsonl", {"uid": "u", "model": "m", "messages": talk})
    assert pairs(path) == [(talk[:1], "So.")]


def lm_eval_row(doc, filter, *resps, arguments=None):
    given = arguments or {"gen_args_0": {"arg_0": f"Q: {doc}", "arg_1": {}}}
    return {"doc_id": doc, "doc": {"kind": "k"}, "arguments": given, "filter": filter,
            "resps": [list(resps)], "filtered_resps": [r.strip() for r in resps]}  # fmt: skip


def test_lm_eval_samples(tmp_path):
    chat = [['[{"role": "user", "content": "Why?"}]', {"until": []}]]
    path = jsonl(
        tmp_path / "samples_task.jsonl",
        lm_eval_row(1, "strict", " a", " b"), lm_eval_row(2, "strict", " c", arguments=chat),
        lm_eval_row(1, "flexible", " a", " b"), lm_eval_row(2, "flexible", " c", arguments=chat),
    )  # fmt: skip
    assert pairs(path) == [("Q: 1", " a"), ("Q: 1", " b"), ("Why?", " c")]
    assert [r.sample for r in responses(path)] == [0, 1, None]
    assert pairs(path, where={"filter": "flexible"}) == pairs(path)
    assert {r.category for r in responses(path, category="doc.kind")} == {"k"}
    scored = jsonl(tmp_path / "samples_choice.jsonl", lm_eval_row(1, "none") | {
        "resps": [[["-1.5", "False"]]]})  # fmt: skip
    with pytest.raises(BankError, match="line 1: it holds likelihoods"):
        pairs(scored)


def inspect_sample(**more):
    return {
        "id": 1, "epoch": 1, "input": "raw", "target": "", "attachments": {"abc": "Which?"},
        "messages": [
            {"role": "user", "content": "attachment://abc"},
            {"role": "assistant", "content": "…"},
        ],
        "output": {"choices": [{"message": {"role": "assistant", "content": [
            {"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "A"}]},
            "stop_reason": "max_tokens"}]},
    } | more  # fmt: skip


def inspect_logs(folder, *samples):
    """The same log as JSON and as an archive."""
    head = {"version": 2, "status": "success", "eval": {"model": "m"}}
    with zipfile.ZipFile(folder / "log.eval", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("header.json", json.dumps(head))
        for sample in samples:
            name = f"samples/{sample['id']}_epoch_{sample['epoch']}.json"
            packed.writestr(name, json.dumps(sample))
    return [str(folder / "log.eval"), document(folder / "log.json", head | {"samples": samples})]


def test_inspect_logs(tmp_path):
    failed = {"output": {"choices": []}, "error": {"message": "time out"}}
    for path in inspect_logs(
        tmp_path, inspect_sample(), inspect_sample(epoch=2), inspect_sample(id=2, **failed)
    ):
        first, second, third = responses(path)
        assert (first.prompt, first.response, first.finished) == ("Which?", "A", False)
        assert (first.sample, second.sample) == (1, 2)
        assert (third.response, third.reason) == (None, "time out")
        assert pairs(path, prompt="input")[0] == ("raw", "A")
        assert pairs(path, response="messages")[0][1] == "user: Which?\n\nassistant: …"


def test_an_inspect_log_that_is_cut_off_or_packed_otherwise(tmp_path, monkeypatch):
    path, _ = inspect_logs(tmp_path, inspect_sample())
    whole = Path(path).read_bytes()
    for size in (10, len(whole) // 2, len(whole) - 5):
        Path(path).write_bytes(whole[:size])
        with pytest.raises(BankError, match=r"log\.eval`: the log is cut off or damaged.*recover"):
            pairs(path)
    Path(path).write_bytes(whole)

    def read(self, name):
        raise NotImplementedError("That compression method is not supported")

    monkeypatch.setattr(zipfile.ZipFile, "read", read)
    with pytest.raises(BankError, match="inspect log convert"):
        pairs(path)


def test_helm_scenario_state(tmp_path):
    def state(prompt, *texts, **result):
        completions = [{"text": text, "finish_reason": {"reason": "length"}} for text in texts]
        return {"instance": {"input": {"text": "bare"}},
                "request": {"prompt": prompt, "model": "m"},
                "result": {"success": True, "completions": completions} | result}  # fmt: skip

    states = [state("Q: one", " a", " b"), state("Q: two", error="quota")]
    page = {"adapter_spec": {"method": "generation"}, "request_states": states}
    path = document(tmp_path / "scenario_state.json", page)
    assert pairs(path) == [("Q: one", " a"), ("Q: one", " b"), ("Q: two", None)]
    assert [(r.sample, r.finished, r.reason) for r in responses(path)] == [
        (0, False, None), (1, False, None), (None, None, "quota"),
    ]  # fmt: skip
    assert pairs(path, prompt="instance.input.text")[0] == ("bare", " a")


def batch_result(name, content=None, status=200, finish="stop", error=None):
    message = {"role": "assistant", "content": content}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    response = None if error else {"status_code": status, "body": body if status == 200 else {}}
    return {"id": "x", "custom_id": name, "response": response, "error": error}


def test_batches_take_their_prompts_from_the_requests(tmp_path):
    def request(name, text):
        messages = [{"role": "system", "content": "S"}, {"role": "user", "content": text}]
        return {"custom_id": name, "method": "POST", "url": "/v1", "body": {"messages": messages}}

    requests = jsonl(tmp_path / "in.jsonl", *(request(n, f"{n}?") for n in "abcdef"))
    results = jsonl(
        tmp_path / "out.jsonl",
        batch_result("b", "B"),
        batch_result("a", "A", finish="length"),
        batch_result("c", error={"code": "expired", "message": "too late"}),
        batch_result("d", None, finish="content_filter"),
        batch_result("e", status=500),
    )
    found = responses(results, prompts=requests)
    assert [(r.prompt[1]["content"], r.response, r.finished, r.reason) for r in found] == [
        ("b?", "B", True, None), ("a?", "A", False, None), ("c?", None, None, "too late"),
        ("d?", None, None, "content filter"), ("e?", None, None, "status 500"),
    ]  # fmt: skip
    _, report = scanned(Responses(path=results, prompts={"path": requests}).model_dump())
    assert (report.unused_keys, report.cut) == (1, 1)
    with pytest.raises(BankError, match="there is no prompt; name the file that holds the prompts"):
        pairs(results)
    assert len(contents({"path": requests})) == 6


def test_batches_of_other_interfaces(tmp_path):
    said = [{"type": "reasoning", "summary": []},
            {"type": "message", "content": [{"type": "output_text", "text": "A"}]}]  # fmt: skip
    cut = {"incomplete_details": {"reason": "max_output_tokens"}, "output": []}
    claude = {"content": [{"type": "text", "text": "C"}], "stop_reason": "end_turn"}
    path = jsonl(
        tmp_path / "out.jsonl",
        {"custom_id": "a", "response": {"status_code": 200, "body": {"output": said}}},
        {"custom_id": "b", "response": {"status_code": 200, "body": {
            "choices": [{"text": "B", "index": 0}]}}},
        {"custom_id": "c", "result": {"type": "succeeded", "message": claude}},
        {"custom_id": "d", "result": {"type": "errored", "error": {"error": {"message": "no"}}}},
        {"custom_id": "e", "response": {"status_code": 200, "body": cut}},
    )  # fmt: skip
    keys = jsonl(tmp_path / "in.jsonl", *({"custom_id": n, "prompt": f"{n}?"} for n in "abcde"))
    assert [(r.prompt, r.response, r.reason) for r in responses(path, prompts=keys)] == [
        ("a?", "A", None), ("b?", "B", None), ("c?", "C", None), ("d?", None, "no"),
        ("e?", "", None),
    ]  # fmt: skip


def test_promptfoo_results(tmp_path):
    def result(provider, output, **more):
        return {"provider": {"id": provider}, "prompt": {"raw": "Why?"}, "vars": {"q": "why"},
                "response": {"output": output}, "promptIdx": 0} | more  # fmt: skip

    rows = [result("m", "So."), result("m", None, error="refused"), result("n", {"a": 1})]
    page = {"evalId": "e", "results": {"version": 3, "results": rows}}
    for path in (document(tmp_path / "a.json", page), jsonl(tmp_path / "a.jsonl", *rows)):
        assert pairs(path) == [("Why?", "So."), ("Why?", None), ("Why?", '{"a": 1}')]
        found = responses(path, where={"provider.id": "m"}, prompt="vars.q")
        assert [(r.prompt, r.reason) for r in found] == [("why", None), ("why", "refused")]


def test_model_diffing_responses(tmp_path):
    talk = [{"role": "user", "content": "Why?"}]
    lines = [{"ab" * 32: {"conversation": talk, "response": "So."}}]
    assert pairs(jsonl(tmp_path / "a.jsonl", *lines)) == [("Why?", "So.")]


def test_prompts_of_another_file_are_joined_by_key(tmp_path):
    answers = jsonl(tmp_path / "a.jsonl", {"qid": "x", "rollout": 1, "answer": "So."})
    questions = write(tmp_path / "q.csv", "id,question,category\nx,Why?,c\ny,How?,d\n")
    (row,) = responses(answers, prompts=questions)
    assert (row.prompt, row.sample, row.category) == ("Why?", 1, "c")
    with pytest.raises(
        BankError, match=r"line 1: no prompt of .*q\.csv` has the key `x`; its keys"
    ):
        responses(answers, prompts={"path": questions, "key": "category"})
    with pytest.raises(BankError, match=r"line 1: it holds no prompt, but `qid`; name the file"):
        responses(answers)
    twice = write(tmp_path / "r.csv", "id,question\nx,Why?\nx,How?\n")
    with pytest.raises(BankError, match=r"line 3: the key `x` is also that of line 2"):
        responses(answers, prompts=twice)


def test_parquet_and_arrow(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet, feather = (pytest.importorskip(f"pyarrow.{n}") for n in ("parquet", "feather"))
    rows = [{"question": "Why?", "output": "So.", "sample": 0}, {"question": "How?"}]
    table = arrow.table({k: [row.get(k) for row in rows] for k in rows[0]})
    parquet.write_table(table, tmp_path / "a.parquet")
    feather.write_feather(table, tmp_path / "a.feather")
    with arrow.ipc.new_stream(tmp_path / "a.arrow", table.schema) as stream:
        stream.write_table(table)
    for name in ("a.parquet", "a.feather", "a.arrow"):
        assert pairs(tmp_path / name) == [("Why?", "So."), ("How?", None)]
        cut = write(tmp_path / f"cut-{name}", (tmp_path / name).read_bytes()[:-20])
        if name != "a.arrow":
            with pytest.raises(BankError, match="damaged or cut off"):
                pairs(cut)


def test_data_sets(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = [{"prompt": "Why?", "response": "So."}]
    datasets.Dataset.from_list(rows).save_to_disk(tmp_path / "one")
    assert pairs(tmp_path / "one") == [("Why?", "So.")]
    split = datasets.DatasetDict({n: datasets.Dataset.from_list(rows) for n in ("test", "train")})
    split.save_to_disk(tmp_path / "two")
    assert pairs(tmp_path / "two", split="test") == [("Why?", "So.")]
    with pytest.raises(BankError, match="has the splits test, train; name one as `split`"):
        pairs(tmp_path / "two")


@pytest.mark.parametrize(("module", "name"), [("pyarrow", "a.parquet"), ("datasets", "folder")])
def test_what_another_library_reads_is_said_where_it_is_not_there(
    tmp_path, monkeypatch, module, name
):
    monkeypatch.setitem(sys.modules, module, None)
    write(tmp_path / "a.parquet", b"PAR1")
    document(tmp_path / "folder" / "dataset_info.json", {})
    with pytest.raises(BankError, match=rf"`.*{name}`.* run `pip install {module}`"):
        pairs(tmp_path / name)


# Bad responses: (file name, content, settings, what the sentence says)

OF_RESPONSES = {
    "no file": (None, None, {}, ["there is no `", "did you mean"]),
    "no rows": ("a.csv", "prompt,response\n", {}, ["a.csv` holds no rows"]),
    "empty": ("a.jsonl", "", {}, ["a.jsonl` is empty"]),
    "no prompt": ("a.jsonl", '{"text": "x", "response": "y"}', {}, [
        "line 1", "no field is known as the prompt", "`text`, `response`", "prompt: text"]),
    "no response": ("a.csv", "question,model_a,model_b\nx,y,z\n", {}, [
        "line 2", "no field is known as the response", "completion", "response: model_a"]),
    "named field": ("a.csv", "question,model_a\nx,y\n", {"response": "model_c"}, [
        "line 2", "no field `model_c` for the response", "did you mean `model_a`"]),
    "two prompts": ("a.jsonl", '{"question": "x", "query": "y", "response": "z"}', {}, [
        "line 1", "may be `question` or `query`", "`prompt: question`"]),
    "two responses": ("a.jsonl", '{"prompt": "x", "output": "y", "answer": "z"}', {}, [
        "may be `output` or `answer`"]),
    "later line": ("a.jsonl", '{"prompt": "x", "response": "y"}\n\n{"prompt": "x"}\n', {}, [
        "line 3", "there is no response, but only `prompt`"]),
    "sample twice": ("a.jsonl", '{"prompt": "x", "response": "y", "sample": 1}\n' * 2, {}, [
        "line 2", "second response for sample 1"]),
    "sample true": ("a.jsonl", '{"prompt": "x", "response": "y", "sample": true}', {}, [
        "line 1", "sample true is no whole number"]),
    "sample half": ("a.jsonl", '{"prompt": "x", "response": "y", "sample": 1.5}', {}, ["1.5"]),
    "sample word": ("a.csv", "prompt,response,sample\nx,y,one\n", {}, ["line 2", "'one'"]),
    "sample large": ("a.jsonl", f'{{"prompt": "x", "response": "y", "sample": {10**30}}}', {}, [
        "line 1", "more than 18 digits", "0, 1, 2"]),
    "surrogate": ("a.jsonl", '{"prompt": "x", "response": "\\ud83d"}', {}, [
        "line 1", "half of a surrogate pair", "remove it"]),
    "NUL": ("a.csv", 'prompt,response\nx,"y\0"\n', {}, ["line 2", "NUL", "remove it"]),
    "number": ("a.jsonl", '{"prompt": "x", "response": 4}', {}, ["line 1", "is a number"]),
    "object": ("a.jsonl", '{"prompt": "x", "response": {"out": "y"}}', {}, [
        "object with `out`", "response: <field>.out"]),
    "quoting": ("a.csv", 'prompt,response\nx,"y" z\n', {}, ["line 2", "quoting", "double quotes"]),
    "open quote": ("a.csv", 'prompt,response\nx,"y\nz,w\n', {}, ["line 2", "quoting"]),
    "cells": ("a.csv", "prompt,response\nx,y,z\n", {}, ["line 2", "3 cells", "has 2"]),
    "columns": ("a.csv", "prompt,response,response\nx,y,z\n", {}, ["two columns", "`response`"]),
    "unknown": ("a.bin", b"\x00\x01", {}, ["none of the formats", "begins with", "format: text"]),
    "spreadsheet": ("a.xlsx", b"PK\x03\x04", {}, ["save a spreadsheet as CSV"]),
    "other JSON": ("a.json", '{"hash": "x", "a": [{}], "b": [{}]}', {}, ["`a`, `b`"]),
    "prompts alone": ("a.json", '["x", "y"]', {}, [
        "entry 1", "there is no response, but only `prompt`", "null where there is none"]),
    "other format": ("a.jsonl", '{"prompt": "x", "response": "y"}', {"format": "batch"}, [
        "line 1", "not as requests or results of a batch", "another `format`"]),
    "other shape": ("a.json", '{"samples": [{"input": "x", "output": 5}]}', {
        "format": "inspect"}, ["sample 1", "not as an Inspect log", "another `format`"]),
    "other document": ("a.json", "[5]", {"format": "helm"}, ["a.json`: it is not as HELM's"]),
    "gzip": ("a.jsonl.gz", b"\x1f\x8b\x08\0", {}, ["it is packed", "gzip -d"]),
    "gzip in disguise": ("a.jsonl", b"\x1f\x8b\x08\0", {}, ["it is packed", "gzip -d"]),
    "UTF-16": ("a.csv", "prompt,response\nx,y\n".encode("utf-16"), {}, ["line 1", "not UTF-8"]),
    "carriage returns": ("a.csv", "prompt,response\rx,y\r", {}, ["carriage return", "line feeds"]),
    "batch JSON": ("a.jsonl", '{"prompt": "x", "response"', {}, ["line 1", "not valid JSON"]),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_RESPONSES)
def test_bad_responses_are_one_clear_sentence(tmp_path, name):
    file, content, given, words = OF_RESPONSES[name]
    path = write(tmp_path / (file or "near.jsonl"), "x" if content is None else content)
    path = path if file else str(tmp_path / "neat.jsonl")
    with pytest.raises(BankError) as error:
        scanned(Responses(path=path, **given).model_dump())
    sentence = str(error.value)
    assert "\n" not in sentence and "delete" not in sentence
    for word in [*words, path]:
        assert word in sentence, sentence


# Random tables, in every format that can hold them, give the same pairs

WORDS = [
    "",
    " ",
    "why",
    "Why?",
    "é",
    "e\u0301",
    "\u2028",
    "a\nb",
    "a\r\nb",
    "🙂",
    '"',
    ",",
    "\t",
    "0",
]


def random_table(chance, empty=True):
    """Rows of a prompt, two responses and a category; some are null, repeated, or have blanks."""
    prompts = ["".join(chance.choices(WORDS, k=3)) + "?" for _ in range(6)]
    texts = [None, *(["", " "] if empty else []), "So.", " No\n", 'a "b", c', "é🙂"]
    return [
        {"prompt": chance.choice(prompts), "a": chance.choice(texts), "b": chance.choice(texts),
         "topic": chance.choice("xy")}
        for _ in range(chance.randrange(1, 12))
    ]  # fmt: skip


def as_csv(path, rows, mark=","):
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), delimiter=mark)
        table.writeheader()
        table.writerows(rows)


def as_parquet(path, rows):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.Table.from_pylist(rows), path)


WRITERS = {
    "jsonl": lambda path, rows: jsonl(path, *rows),
    "json": lambda path, rows: document(path, rows),
    "csv": as_csv,
    "tsv": lambda path, rows: as_csv(path, rows, "\t"),
    "parquet": as_parquet,
}


def paired(base, intervention):
    """What the two recordings pair: prompts with the texts of both, in order."""
    sides = []
    for given in (base, intervention):
        texts = {}
        for row in responses(**given):
            if row.response is not None:
                name = prompt_id(normal_prompt(row.prompt, ""))
                texts.setdefault(name, []).append(row.response.replace("\r\n", "\n"))
        sides.append(texts)
    first, second = sides
    return {
        name: [*zip(first[name], second[name], strict=False)] for name in first if name in second
    }


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("seed", range(20))
def test_the_same_pairs_come_out_of_every_format(tmp_path, kind, seed):
    chance = random.Random(seed)
    rows = random_table(chance, empty=kind not in ("csv", "tsv"))
    if kind in ("csv", "tsv"):  # a cell knows no null
        rows = [{k: "none" if v is None else v for k, v in row.items()} for row in rows]
    expected = {}
    for column in "ab":
        texts = expected[column] = {}
        for row in rows:
            if row[column] is not None:
                texts.setdefault(prompt_id(row["prompt"]), []).append(row[column])
    expected = {
        name: [*zip(expected["a"][name], expected["b"][name], strict=False)]
        for name in expected["a"]
        if name in expected["b"]
    }
    path = tmp_path / f"both.{kind}"
    WRITERS[kind](path, rows)
    one_file = [{"path": path, "response": column} for column in "ab"]
    two_files = []
    for column in "ab":
        own = tmp_path / f"{column}.{kind}"
        WRITERS[kind](own, [{"question": r["prompt"], "output": r[column]} for r in rows])
        two_files.append({"path": own})
    long = [
        {"prompt": row["prompt"], "response": row[column], "model": column}
        for row in rows
        for column in "ab"
    ]
    WRITERS[kind](tmp_path / f"long.{kind}", long)
    by_model = [{"path": tmp_path / f"long.{kind}", "where": {"model": c}} for c in "ab"]
    assert paired(*one_file) == paired(*two_files) == paired(*by_model) == expected


# Duplicates and empty prompts


def test_a_duplicate_keeps_its_first_category_and_both_are_counted(tmp_path):
    first = jsonl(
        tmp_path / "first.jsonl",
        {"prompt": COMPOSED, "topic": "places"},
        {"prompt": DECOMPOSED, "topic": "spelling"},
    )
    second = write(tmp_path / "second.txt", f"{COMPOSED}\nNew?\n")
    prompts, report = build_bank([{"path": first}, {"path": second}])
    assert [(p.content, p.category) for p in prompts] == [(COMPOSED, "places"), ("New?", "second")]
    assert (report.prompts, report.duplicates) == (2, 2)
    assert [(s.prompts, s.duplicates) for s in report.sources] == [(1, 1), (1, 1)]


def test_empty_prompts_are_counted_and_the_first_are_placed(tmp_path):
    path = jsonl(
        tmp_path / "gaps.jsonl",
        {"prompt": "One?"},
        *[{"prompt": "  "}] * 6,
        {"prompt": []},
        {"prompt": [{"role": "user", "content": " \n"}]},
    )
    write(tmp_path / "gaps.jsonl", Path(path).read_text() + "\n")
    _, report = build_bank([{"path": path}])
    assert (report.prompts, report.empty) == (1, 8)
    assert report.empty_places == [f"`{path}`, line {line}" for line in range(2, 7)]


# Errors: (file name, content, settings, what the sentence says)

ERRORS = {
    "unknown ending": (
        "p.md",
        "x",
        {},
        ["p.md", "none of the formats", "begins with 'x'", "format: text", "persona"],
    ),
    "bad JSON": ("p.jsonl", '{"prompt": "a"}\n{"prompt": \n', {}, ["line 2", "not valid JSON"]),
    "no object": ("p.jsonl", '["a"]\n', {}, ["line 1", "a list", '{"prompt"']),
    "no prompt": ("p.jsonl", '{"text": "a"}\n', {}, ["line 1", "as the prompt", "`text`"]),
    "number": ("p.jsonl", '{"prompt": 7}\n', {}, ["line 1", "a number", "must be a string"]),
    "null": ("p.jsonl", '{"prompt": null}\n', {}, ["line 1", "null"]),
    "topic": (
        "p.jsonl",
        '{"prompt": "a", "topic": [3]}\n',
        {"category": "topic"},
        ["line 1", "category [3]"],
    ),
    "group": ("p.jsonl", '{"prompt": "a", "of": []}\n', {"group": "of"}, ["line 1", "group"]),
    "role": (
        "p.jsonl",
        '{"prompt": [{"role": "narrator", "content": "a"}]}\n',
        {},
        ["line 1, message 1", "'narrator'", "system, user, assistant"],
    ),
    "message": ("p.jsonl", '{"prompt": ["a"]}\n', {}, ["message 1", "`role` and `content`"]),
    "last role": (
        "p.jsonl",
        '{"prompt": [{"role": "assistant", "content": "a"}]}\n',
        {},
        ["line 1", "last message", "`user`"],
    ),
    "late system": (
        "p.jsonl",
        '{"prompt": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]}\n',
        {},
        ["message 2", "system"],
    ),
    "surrogate": ("p.jsonl", '{"prompt": "\\ud800"}\n', {}, ["line 1", "surrogate"]),
    "deep JSON": ("p.jsonl", "[" * 100_000 + "\n", {}, ["not valid JSON"]),
    "not UTF-8": ("p.txt", b"fine\ncaf\xe9\n", {}, ["line 2", "save the file as UTF-8"]),
    "UTF-16": ("p.csv", "prompt\na\n".encode("utf-16"), {}, ["line 1", "UTF-8"]),
    "column": (
        "p.csv",
        "id,prompts\n1,a\n",
        {"prompt": "prompt"},
        ["`prompt`", "did you mean `prompts`", "`id`"],
    ),
    "category": ("p.csv", "prompt\na\n", {"category": "kind"}, ["`kind`", "`prompt`"]),
    "no header": ("p.csv", "", {}, ["p.csv", "is empty"]),
    "wide record": ("p.csv", "prompt\na, b?\n", {}, ["line 2", "2 cells", "double quotes"]),
    "open quote": ("p.csv", 'prompt\nfine\n"a\n', {}, ["line 3", "quoting", "quotes"]),
    "bad YAML": ("p.yaml", "topic: a\nthings: [b\n", {}, ["p.yaml", "line", "not valid YAML"]),
    "bad date": ("p.yaml", "topic: 2020-99-99\n", {}, ["p.yaml", "not valid YAML", "quotes"]),
    "list YAML": ("p.yaml", "- a\n", {}, ["`topic`, `things` and `forms`"]),
    "YAML field": ("p.yaml", "topic: a\nthing: [b]\n", {}, ["unknown field `thing`"]),
    "no topic": ("p.yaml", "things: [b]\nforms: ['{thing}?']\n", {}, ["`topic` is missing"]),
    "no forms": ("p.yaml", "topic: a\nthings: [b]\n", {}, ["`forms`", "list"]),
    "thing": ("p.yaml", "topic: a\nthings: [no]\nforms: ['{thing}?']\n", {}, ["False", "`things`"]),
    "no slot": ("p.yaml", "topic: a\nthings: [b]\nforms: ['c?']\n", {}, ["'c?'", "{thing}"]),
    "slot": ("p.yaml", "topic: a\nthings: [b]\nforms: ['{thing} {x}?']\n", {}, ["other braces"]),
    "no BOLD": ("p.json", "[1]", {"format": "bold"}, ["p.json", "BOLD"]),
    "BOLD names": ("p.json", '{"arts": ["a"]}', {"format": "bold"}, ["`arts`"]),
    "BOLD prefixes": (
        "p.json",
        '{"arts": {"Ann": "a"}}',
        {"format": "bold"},
        ["`arts`, `Ann`", "list"],
    ),
    "BOLD prefix": ("p.json", '{"arts": {"Ann": [1]}}', {}, ["`arts`, `Ann`", "string"]),
    "BOLD JSON": ("p.json", '{\n"arts"', {}, ["line 2", "not valid JSON"]),
    "empty file": ("p.txt", "", {}, ["p.txt", "is empty"]),
    "empty lines": ("p.txt", "\n \n", {"format": "text"}, ["the bank has no prompts", "2 empty"]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_malformed_input_is_one_clear_sentence(tmp_path, name):
    file, content, settings, words = ERRORS[name]
    source = {"path": write(tmp_path / file, content), **settings}
    with pytest.raises(BankError) as error:
        build_bank([source])
    sentence = str(error.value)
    assert "\n" not in sentence
    for word in words:
        assert word in sentence


def test_a_missing_path_names_the_nearest(tmp_path):
    write(tmp_path / "prompts" / "everyday.jsonl", "")
    for path, nearest in (
        ("prompts/everday.jsonl", "prompts/everyday.jsonl"),
        ("promts/everyday.jsonl", "prompts"),
    ):
        with pytest.raises(BankError, match="did you mean") as error:
            Reading({"path": str(tmp_path / path)})
        assert f"`{tmp_path / nearest}`" in str(error.value)
    with pytest.raises(BankError, match=r"holds everyday\.jsonl"):
        Reading({"path": str(tmp_path / "prompts" / "zzz")})


def test_a_relative_path_is_found_from_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "mine.txt", "One?\n")
    assert contents({"path": "mine.txt"}) == ["One?"]
    with pytest.raises(BankError, match=r"did you mean `mine\.txt`"):
        Reading({"path": "mines.txt"})


def test_a_folder_without_fitting_files_says_which_endings_fit(tmp_path):
    write(tmp_path / "below" / "a.txt", "One?")
    with pytest.raises(BankError, match=r"\.txt; name one of its subfolders"):
        Reading({"path": str(tmp_path), "format": "text"})


def test_no_sources_is_an_empty_bank():
    with pytest.raises(BankError, match="the bank has no prompts: no source"):
        build_bank([])


def test_many_prompts_read_in_reasonable_time(tmp_path):
    path = tmp_path / "many.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["prompt", "kind"])
        table.writerows([f"Prompt {n}, please?", f"kind {n % 7}"] for n in range(50_000))
    prompts, report = build_bank([{"path": path, "category": "kind"}])
    assert len(prompts) == 50_000 and len(report.categories) == 7
