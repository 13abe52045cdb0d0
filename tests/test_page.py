"""The page: its words, its sections, and nothing that a model wrote does anything."""

import re

import pytest
import yaml
from reported import HOSTILE, ROOT, SECTIONS, UNSEEN, Reader, context, everywhere, finding, page_of

from scripts.page.page import (
    changed_words,
    configuration,
    count,
    decimal,
    duration,
    e_value,
    highlighted,
    percent,
    printable,
    subject_words,
    telling_texts,
)
from scripts.workflow.config import load


def test_numbers_are_for_people():
    assert count(1234567) == "1,234,567"
    assert [percent(x) for x in (0, 0.0004, 0.0104, 0.05, 0.1458, 0.999, 1, None)] == [
        "0\u202f%", "<\u202f0.1\u202f%", "1\u202f%", "5\u202f%", "15\u202f%", "99.9\u202f%",
        "100\u202f%", "–",
    ]  # fmt: skip
    assert [decimal(x) for x in (0.38, 1320.0, -0.0479, 0, None)] == [
        "0.38", "1,320", "−0.0479", "0", "–",
    ]  # fmt: skip
    assert e_value(3.6e8) == "3.6\u202f×\u202f10⁸" and e_value(1e300) == "> 10¹⁰⁰"
    assert [duration(s) for s in (0.02, 42, 150, 9000)] == [
        "0.0\u202fs", "42\u202fs", "2\u202fmin", "2\u202fh 30\u202fmin",
    ]  # fmt: skip


def test_subjects_in_words():
    settings = context()["audit"]["config"]["audit"]
    base, intervention = settings["base"], settings["intervention"]
    assert ("the model", "embedded:smollm2-135m-instruct") in subject_words(base)
    assert changed_words(base, intervention) == [
        ("the same model", None), ("with the adapter", "plant:demo"),
    ]  # fmt: skip
    assert changed_words(intervention, base)[1] == ("without the adapter", "plant:demo")
    assert changed_words(base, dict(base)) == [("the same model, unchanged", None)]
    warmer = base | {"sampling": base["sampling"] | {"temperature": 1.5}}
    assert ("with temperature", "1.5 instead of 0.8") in changed_words(base, warmer)
    ready = base | {"model": None, "responses": "answers.jsonl"}
    assert changed_words(base, ready) == [("ready responses in the file", "answers.jsonl")]
    server = {"url": "http://x/v1", "model": "m", "extra": {}, "identity": None}
    served = base | {"model": None, "server": server}
    assert subject_words(served)[:2] == [("the model", "m"), ("served at", "http://x/v1")]
    assert "in" not in dict(subject_words(served)), "its number type is the server's"
    thinking = served | {"server": server | {"extra": {"min_p": 0}, "identity": "new"}}
    assert changed_words(served, thinking) == [
        ("the same model", None), ("with requests that add", '{"min_p": 0}'),
        ("known as", "new"),
    ]  # fmt: skip


def test_phrases_are_marked_as_the_check_reads_them():
    check = {"kind": "phrases", "phrases": ["zentrix nova", "nova", "don't"]}
    text = "A <b>Zentrix, Nova</b> & supernova; I don’t."
    assert highlighted(text, check) == (
        "A &lt;b&gt;<mark>Zentrix, Nova</mark>&lt;/b&gt; &amp; supernova; I <mark>don’t</mark>."
    )
    assert highlighted("a nova", {"kind": "feature", "feature": "short"}) == "a nova"
    assert highlighted("a nova", None) == "a nova"


def test_what_hides_is_made_visible():
    assert not UNSEEN.search(printable("".join(map(chr, range(0x2070))) + "\ud800"))
    assert printable("tab\t line\r\nnext é 日本 😀") == "tab\t line\nnext é 日本 😀"


def test_telling_texts_are_the_extremes_without_repeats():
    points = [
        {"side": "base", "score": s, "text": t}
        for s, t in [(2, "a"), (-3, "b"), (-2, "b"), (-1, "c")]
    ] + [{"side": "intervention", "score": s, "text": str(s)} for s in range(9)]
    found = telling_texts(points)
    assert [p["text"] for p in found["base"]] == ["b", "c", "a"]
    assert [p["score"] for p in found["intervention"]] == [8, 7, 6, 5, 4, 3]


def test_the_configuration_shown_can_be_run():
    audit = context()["audit"]
    raw = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    audit["config"]["subjects"] = raw["subjects"]  # a plant names its base
    again, first = load(yaml.safe_load(configuration(audit))), load(raw)
    for side in ("base", "intervention"):
        assert again.subject(again.audits["demo"], side, "") == first.subject(
            first.audits["demo"], side, ""
        )
    assert again.audits["demo"].confirm == first.audits["demo"].confirm
    assert again.banks == first.banks and again.plants == first.plants


# The page


def test_every_section_in_order(page):
    at = [page.index(f'<section id="{name}">') for name in SECTIONS]
    assert at == sorted(at)
    text = Reader(page).text
    for words in (
        "embedded:smollm2-135m-instruct", "the same model", "plant:demo", "2,760",
        "440 responses", "2 were validated", "snakemake --cores all --configfile demo.yaml demo",
        "fedcba9876543210", "a" * 40, "Linux", "It hums", "the rounds are done (2 done)",
        "3 duplicates", "1 empty one ", "temperature: 0.8",
    ):  # fmt: skip
        assert words in re.sub(r"\s+", " ", text) or words in text, words
    for file in ("findings.csv", "findings.jsonl"):
        assert f'href="{file}"' in page


def test_findings_come_by_status_with_their_reasons(page):
    assert all(f'<article class="finding" id="finding-h{i}">' in page for i in range(1, 8))
    order = [page.index(f'id="finding-h{i}"') for i in (1, 7, 2, 3, 4, 5, 6)]
    assert order == sorted(order)
    for sentence in (
        "cut to the same length", "Its evidence is notable", "could not have sufficed",
        "An effect of 26\u202f% of prompts would have been found",
        "no effect could have been found",
        "There were too few prompts to decide",
    ):  # fmt: skip
        assert sentence in page
    assert "Shown here:" in page and "Pooled only:" in page
    assert "<mark>Beware, 1</mark>" in page
    assert "Share of responses that are shorter than 20 words," in page
    assert page.count('<span class="badge validated">') == 2


def test_the_page_needs_nothing_from_outside(page):
    reader = Reader(page)
    assert {"script", "img", "iframe", "object", "link", "base", "form"}.isdisjoint(reader.tags)
    links = {value for _, name, value in reader.attributes if name in ("href", "src", "srcset")}
    assert {v for v in links if not v.startswith("#")} == {"findings.csv", "findings.jsonl"}
    assert not [
        name for _, name, _ in reader.attributes if name.startswith("on") or name == "style"
    ]
    assert "default-src 'none'" in page and "unsafe" not in page and "url(http" not in page


def test_without_findings(tmp_path):
    text = Reader(page_of(context([]), tmp_path)).text
    assert "No hypothesis on how they differ reached the test" in text
    assert "does not show that the subjects behave alike" in text


def test_nothing_validated_says_what_could_have_been_found(tmp_path):
    found = [
        finding(1, "unsupported"),
        finding(2, "unsupported", minimum_detectable_effect=0.4),
        finding(3, "untested"),
    ]
    text = " ".join(Reader(page_of(context(found), tmp_path)).text.split())
    assert "none were validated" in text
    assert "26 % to 40 %, depending on the statement" in text


@pytest.mark.parametrize("found", [[], [finding(1, "validated")], [finding(1, "unsupported")]])
def test_a_null_audit_says_so(tmp_path, found):
    text = Reader(page_of(context(found, null=True), tmp_path)).text
    validated = any(f["status"] == "validated" for f in found)
    assert "This is a null audit" in text
    assert ("false discovery" in text.split("How to read")[0]) == validated
    assert ("as it should be" in text) != validated


def test_ready_responses_and_assistants_with_a_price(tmp_path):
    values = context()
    config = values["audit"]["config"]
    config["audit"]["bank"] = config["bank"] = None
    for side in ("base", "intervention"):
        config["audit"][side] |= {"model": None, "responses": f"{side}.jsonl"}
    full = values["costs"]["total"]["full"]
    full |= {"requests": {"judge-1": 12}, "dollars": 0.345}
    text = " ".join(Reader(page_of(values, tmp_path)).text.split())
    assert "ready responses in the file base.jsonl" in text and "both files of responses" in text
    assert "judge-1 12" in text and "0.34" in text


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: repr(t[:20]))
def test_hostile_text_is_inert(page, tmp_path, text):
    hostile = page_of(everywhere(context(), text), tmp_path)
    usual, reader = Reader(page), Reader(hostile)
    # <title> and the like of an SVG count as tags too: the same kinds as ever, and no more
    assert set(reader.tags) <= set(usual.tags)
    assert reader.tags.count("style") == 1 and hostile.count("</style>") == 1
    names = {name for _, name, _ in usual.attributes}
    assert {name for _, name, _ in reader.attributes} <= names
    assert not UNSEEN.search(hostile.replace("\r", ""))
    assert hostile.encode("utf-8")
    assert printable(text).strip()[:80] in reader.text
