"""Recorded responses: what is bad is said, and random tables are the same in every format."""

import csv
import random

import pytest
from answered import document, responses
from banks import jsonl, write

from scripts.prompts.prompt import BankError, normal_prompt, prompt_id
from scripts.recordings.recording import scanned
from scripts.workflow.subject_sections import Responses

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
