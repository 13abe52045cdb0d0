"""Recorded responses in each format, as its tool writes it."""

import json
import sys
import zipfile
from pathlib import Path

import pytest
from answered import document, pairs, responses
from banks import contents, jsonl, write

from scripts.prompts.prompt import BankError
from scripts.recordings.recording import scanned
from scripts.workflow.subject_sections import Responses

# Responses: each format as its tool writes it


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
