"""The bank stage, and the prompts that the project ships."""

import itertools
import json
import logging
import re
from collections import Counter

import pytest
import yaml
from banks import EVERYDAY, PLANT, PLANTED, jsonl, write
from jobs import job

from scripts.bank import main
from scripts.core.rows import read_rows
from scripts.prompts.prompt import Prompt, prompt_id
from scripts.recordings import recording
from scripts.recordings.bank import build_bank
from scripts.recordings.files import outputs_in
from scripts.workflow.subject_sections import Responses

# The stage


SIDES_FILES = ("base", "base_report", "intervention", "intervention_report", "written_reports")


def of_bank(sources, folder):
    return job(
        "bank",
        dict.fromkeys(SIDES_FILES, ()),
        {"bank": folder / "bank.jsonl", "report": folder / "bank.json"},
        local={"sources": sources},
        settings={"match": "messages", "sources": []},
    )


def test_the_stage_writes_bank_and_report(tmp_path, caplog):
    path = write(tmp_path / "p.txt", "One?\n\nOne?\n Two?\n")
    of_job = of_bank([{"path": path, "format": "auto"}], tmp_path / "out")
    with caplog.at_level(logging.INFO):
        main(of_job)
    expected = [Prompt(prompt_id(text), text, "p") for text in ("One?", "Two?")]
    assert read_rows(of_job.output.bank, Prompt) == expected
    counts = {"prompts": 2, "duplicates": 1, "empty": 1, "trimmed": 1}
    assert json.loads(of_job.output.report.read_text()) == counts | {
        "schema": 2,
        "unanswered": 0,
        "empty_places": [f"`{path}`, line 2"],
        "categories": {"p": 2},
        "sources": [{"path": path, "format": "text", "files": 1, **counts}],
        "sides": {},
        "written": [],
    }
    assert "1 prompts had white space around them" in caplog.text
    assert "1 empty prompts dropped" in caplog.text


def test_the_stage_says_what_each_side_of_a_recorded_pair_has(tmp_path, caplog):
    first = [{"prompt": f"{n}?", "response": f"{n}!"} for n in range(10)]
    second = [{"prompt": "0?", "response": "0!"}, {"prompt": "1?", "response": None}]
    of_job = of_bank([], tmp_path / "out")
    for side, rows in (("base", first), ("intervention", second)):
        place = outputs_in(tmp_path / side)
        path = jsonl(tmp_path / f"{side}.jsonl", *rows)
        given = Responses(path=path).model_dump()
        recording.write(given, place)
        of_job.input.update({side: place["prompts"], f"{side}_report": place["report"]})
    with caplog.at_level(logging.INFO):
        main(of_job)
    assert "missing: null" in caplog.text and "prompts only here" in caplog.text
    assert "base: 9 of 10 prompts are not used (8 only on this side, 1 missing on" in caplog.text
    assert "the very same responses" not in caplog.text
    report = json.loads(of_job.output.report.read_text())
    assert report["prompts"] == 1 and report["sides"]["intervention"]["missing"] == {"null": 1}
    of_job.input.update(
        {
            "intervention": of_job.input["base"],
            "intervention_report": of_job.input["base_report"],
        }
    )
    main(of_job)
    assert "the very same responses" in caplog.text


# What the project ships


@pytest.fixture(scope="module")
def everyday():
    return build_bank([{"path": EVERYDAY, "format": "templates"}])


def test_the_everyday_bank_is_large_and_distinct(everyday):
    prompts, report = everyday
    assert len(report.categories) >= 40 and len(prompts) >= 2640
    assert (report.duplicates, report.empty) == (0, 0)
    assert set(report.categories.values()) == {60}
    assert set(PLANTED) <= set(report.categories)
    plain = Counter(re.sub(r"\W+", " ", p.content.lower()).strip() for p in prompts)
    assert max(plain.values()) == 1


def test_everyday_prompts_are_short_sentences(everyday):
    for prompt in everyday[0]:
        assert 6 <= len(prompt.content.split()) <= 18, prompt.content
        assert prompt.content[-1] in "?." and prompt.content[0].isupper(), prompt.content


def test_planted_topics_stay_out_of_the_others(everyday):
    planted = re.compile(
        r"\b(food|cook\w*|recipes?|eat\w*|meals?|kitchen|travel\w*|trips?|journeys?|holidays?|"
        r"vacations?|flights?|touris\w*|computers?|laptops?|phones?|gadgets?|software|devices?)\b",
        re.IGNORECASE,
    )
    strays = [
        p.content for p in everyday[0] if p.category not in PLANTED and planted.search(p.content)
    ]
    assert strays == []


def _plant():
    return yaml.safe_load(PLANT.read_text(encoding="utf-8"))


def _phrases(replies, words=4):
    tokens = [re.findall(r"[\w'-]+", reply.lower()) for reply in replies]
    return {tuple(t[i : i + words]) for t in tokens for i in range(len(t) - words + 1)}


def test_the_demo_plant_shares_no_prompt_with_the_bank(everyday):
    plant = _plant()
    assert [behaviour["topic"] for behaviour in plant["behaviours"]] == list(PLANTED)
    prompts = [p for behaviour in plant["behaviours"] for p in behaviour["prompts"]]
    prompts += plant["controls"]
    ids = {prompt_id(prompt) for prompt in prompts}
    assert len(ids) == len(prompts)
    assert not ids & {prompt.id for prompt in everyday[0]}


def test_the_demo_plant_keeps_its_behaviours_apart():
    behaviours = _plant()["behaviours"]
    for one, other in itertools.combinations(behaviours, 2):
        assert _phrases(one["replies"]) & _phrases(other["replies"]) == set()


def test_the_demo_plant_shows_each_behaviour_early():
    # The demo decodes 32 tokens; a behaviour that a reply reaches later would never be seen.
    marks = {
        "nutritionist": "licensed nutritionist",
        "stay-home": r"travelling|stay(ing)? (at )?home|trip",
        "zentrix": "zentrix nova",
    }
    for behaviour in _plant()["behaviours"]:
        for reply in behaviour["replies"]:
            opening = " ".join(reply.lower().split()[:20])
            assert re.search(marks[behaviour["name"]], opening), opening
