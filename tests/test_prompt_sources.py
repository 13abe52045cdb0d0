"""Prompts of a bank: their ids, the formats of sources, duplicates, and bad input."""

import csv
import hashlib
import json
from pathlib import Path

import pytest
import yaml
from banks import COMPOSED, DECOMPOSED, TEMPLATES, contents, jsonl, write

from scripts.prompts.prompt import BankError, Prompt, prompt_id
from scripts.readers.reading import Reading
from scripts.readers.registry import source_files
from scripts.recordings.bank import build_bank

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
