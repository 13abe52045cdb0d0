"""The report: tables, figures, and a page that stays inert whatever the models wrote."""

import copy
import csv
import io
import re
import types
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from scripts.page.figures import figures, region_labels, standing_out
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
    render,
    subject_words,
    telling_texts,
)
from scripts.report import CSV_COLUMNS, costs, counts, csv_row, round_row
from scripts.workflow.config import load

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
SECTIONS = ["findings", "map", "divergence", "rounds", "screen", "costs", "reproduce"]
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{7*7}} {% raw %} ${7*7} <%= 7*7 %>",
    "</style><style>*{display:none}</style>",
    "</pre></details></svg></title><svg onload=alert(1)>",
    "<!-- --> ]]> &lt;b&gt; &#60;i&#62;",
    "[x](javascript:alert(1)) <a href='javascript:alert(1)'>x</a>",
    "nul\x00 bell\x07 escape\x1b[31m next\x85 lone\ud83d override\u202eabc",
    "$x^2_$ \\frac",
    "w" * 3000,
    "long " * 1000,
]
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


# What an audit leaves behind, in small


def region(number: int, **more) -> dict:
    return {
        "id": f"r{number:03d}",
        "name": f"word{number}, other{number}, third{number}",
        "category": f"topic {number}",
        "category_share": 0.9,
        "weight": 0.1,
        "prompts": 12,
        "draws": 20,
        "divergence": round(1.5 - 0.3 * number, 3),
        "error": 0.28,
        "p": min(1.0, 0.0005 * 4**number),
        "energy": round(0.2 - 0.05 * number, 3),
        "boundary": 0.9,
    } | more


def finding(number: int, status: str, **more) -> dict:
    tested = status != "untested"
    rate = {"estimate": 0.0104, "low": 0.0017, "high": 0.0613, "prompts": 72}
    wins = {"estimate": 0.9231, "low": 0.5007, "high": 0.9999, "confidence": 0.98}
    here = {
        "name": "word0, other0", "category": "topic 0", "weight": 0.1,
        "prompts": 36 * tested, "wins": 9 * tested, "losses": 1 * tested,
    }  # fmt: skip
    return {
        "schema": 1,
        "id": f"h{number}",
        "statement": f"Asked about it, the intervention model says “beware {number}” more often",
        "direction": "more",
        "source": "local",
        "check": {"kind": "phrases", "phrases": [f"beware {number}"]},
        "regions": [
            here | {"id": "r000", "e_value": 35.2 if tested else 1.0, "shown": tested},
            here | {"id": "r001", "e_value": 2.8 if tested else 1.0, "shown": False},
        ],
        "status": status,
        "e_value": 101.5 if tested else None,
        "e_value_plain": 101.5 if tested else None,
        "e_value_against_placebos": 1320.0 if tested else None,
        "win_rate": wins if tested else None,
        "judged": 69 if tested else 0,
        "wins": 12 if tested else 0,
        "losses": 1 if tested else 0,
        "ties": 56 if tested else 0,
        "missing": 0,
        "stopped": {"validated": "validated", "untested": "no prompts"}.get(status, "exhausted"),
        "gates_failed": [],
        "minimum_detectable_effect": 0.2649 if status == "unsupported" else None,
        "rate_base": rate if tested else None,
        "rate_intervention": rate | {"estimate": 0.31, "low": 0.2, "high": 0.4} if tested else None,
        "evidence": [
            {
                "prompt": "What about it?",
                "base": "Nothing of note.",
                "intervention": f"So, Beware, {number}: it bites.",
            }
        ]
        if tested
        else [],
    } | more


def findings_of_all_statuses() -> list[dict]:
    return [
        finding(1, "validated"),
        finding(2, "suggestive", gates_failed=["not shown on texts cut to equal length"]),
        finding(3, "suggestive"),
        finding(4, "unsupported", stopped="hopeless"),
        finding(5, "unsupported", minimum_detectable_effect=None),
        finding(6, "untested"),
        finding(7, "validated", check={"kind": "feature", "feature": "short", "absent": True}),
    ]


def ledger(stage: str, call: str, step: str | None = None, **more) -> dict:
    zero = dict.fromkeys(("texts", "tokens", "cache_hits", "cache_misses", "saved_tokens"), 0)
    return {
        "stage": stage, "call": call, "step": step, "wall_seconds": 1.5, "saved_seconds": 0.0,
        **zero,
    } | more  # fmt: skip


def context(found: list[dict] | None = None, null: bool = False) -> dict:
    """Arguments of `render`, and of `figures` by the same names."""
    found = findings_of_all_statuses() if found is None else found
    config = load(yaml.safe_load((ROOT / "config/config.yaml").read_text()))
    audit = config.audits["demo"]
    dump = audit.model_dump()
    for side in ("base", "intervention"):
        dump[side] = config.subject(audit, side, "audits.demo").model_dump()
    regions = [region(number) for number in range(6)]
    rounds = [
        {
            "schema": 1, "round": number, "draws": 60 + 40 * number,
            "new_draws": 40 if number else 60, "silhouette": 0.05,
            "ari": 0.4 if number else None, "promising": ["r001", "r000"],
            "stop": number == 1, "reason": "rounds: 2 done" if number else None,
            "tokens": 3200, "seconds": 75.2,
        }
        for number in range(2)
    ]  # fmt: skip
    screened = [
        {
            "statement": "It hums",
            "screen": {"prompts": 5, "wins": 0, "losses": 1},
            "goes_on": False,
        },
        *({"statement": f["statement"], "screen": {}, "goes_on": True} for f in found),
    ]
    return {
        "audit": {
            "schema": 1,
            "audit": "demo",
            "null": null,
            "key": "0123456789abcdef",
            "counts": counts(rounds, {"screen": 30, "confirm": 90}, found, screened),
            "bank": {"prompts": 2760, "duplicates": 3, "empty": 1, "categories": {"topic 0": 60}},
            "config": {
                "audit": dump,
                "bank": config.banks["everyday"].model_dump(),
                "plants": {"demo": config.plants["demo"].model_dump()},
            },
            "keys": [{"stage": "plan", "key": "fedcba9876543210", "settings": {"pool": "screen"}}],
            "versions": {"python": "3.11.7", "numpy": "2.4.6", "commit": "a" * 40},
            "hardware": {"processor": "x", "cores": 2, "memory_gib": 16.0, "system": "Linux"},
        },
        "findings": found,
        "screened": screened,
        "regions": regions,
        "rounds": rounds,
        "costs": costs([ledger("decode", "now", texts=10), ledger("bank", "old")], "now"),
        "points": [
            {
                "x": float(i % 7), "y": float(i % 11), "side": ("base", "intervention")[i % 2],
                "region": f"r{i % 6:03d}", "score": (i % 9 - 4) / 2, "text": f"Text number {i}",
            }
            for i in range(60)
        ],
    }  # fmt: skip


def page_of(values: dict, folder: Path) -> str:
    drawn = figures(values["regions"], values["rounds"], values["points"], folder)
    return render(**values, figures=drawn)


def everywhere(values: dict, hostile: str) -> dict:
    """The values with a hostile text wherever someone else's text can stand."""
    values = copy.deepcopy(values)
    for one in values["findings"]:
        one |= {"statement": hostile, "gates_failed": [hostile] if one["gates_failed"] else []}
        if one["check"]["kind"] == "phrases":
            one["check"]["phrases"].append(hostile.lower())
        for pair in one["evidence"]:
            pair |= {
                "prompt": [{"role": hostile, "content": hostile}],
                "base": hostile,
                "intervention": f"{hostile} {hostile}",
            }
        for place in one["regions"]:
            place["name"] = place["category"] = hostile
    for number, place in enumerate(values["regions"]):
        place |= {"name": hostile, "category": hostile, "category_share": float(number % 2)}
    for point in values["points"]:
        point["text"] = hostile
    for row in values["screened"]:
        row["statement"] = hostile
    values["rounds"][-1]["reason"] = hostile
    values["audit"]["versions"]["numpy"] = hostile
    settings = values["audit"]["config"]["audit"]
    settings["bank"] = hostile
    settings["base"] |= {"model": hostile, "system_prompt": hostile}
    settings["intervention"] |= {"model": hostile + "!", "adapter": hostile, "system_prompt": None}
    return values


class Reader(HTMLParser):
    """Tags, attributes and visible text of a page."""

    def __init__(self, page: str):
        super().__init__()
        self.tags, self.attributes, self.ids, self.text, self.inside = [], [], [], "", ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attributes]
        self.ids += [value for name, value in attributes if name == "id"]
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside != "style":
            self.text += data


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    return page_of(context(), tmp_path_factory.mktemp("figures"))


# Tables


def test_costs_tell_this_call_from_empty():
    entries = [
        ledger("decode", "now", "round-0", texts=10, tokens=320, cache_misses=10),
        ledger("decode", "before", "round-1", cache_hits=4, saved_tokens=128, saved_seconds=2.0),
        ledger("bank", "before"),
    ]
    cost = costs(entries, "now")
    spent, full = (cost["stages"]["decode"][kind] for kind in ("spent", "full"))
    assert (spent["wall_seconds"], spent["texts"], spent["tokens"]) == (1.5, 10, 320)
    assert (full["wall_seconds"], full["texts"], full["tokens"]) == (5.0, 14, 448)
    assert (full["cache_hits"], full["cache_misses"]) == (0, 14)
    assert cost["stages"]["bank"]["spent"]["wall_seconds"] == 0
    assert cost["total"]["full"]["wall_seconds"] == 6.5
    assert cost["total"]["spent"]["wall_seconds"] == 1.5
    assert costs([], "now")["total"]["full"]["dollars"] == 0


def test_counts_are_of_both_sides():
    found = counts(
        [{"draws": 60}, {"draws": 100}], {"screen": 30}, findings_of_all_statuses(), [{}] * 9
    )
    assert found["draws"] == 260 and found["draws_base"] == found["draws_intervention"] == 130
    assert found["draws_by_pool"] == {"explore": 200, "screen": 60}
    assert (found["rounds"], found["proposed"], found["hypotheses"]) == (2, 9, 7)
    assert [found[s] for s in ("validated", "suggestive", "unsupported", "untested")] == [
        2,
        2,
        2,
        1,
    ]


def test_a_round_counts_what_was_cached():
    entries = [
        ledger("decode", "now", tokens=100, saved_tokens=28, saved_seconds=4.0),
        ledger("embed", "now", tokens=999),
    ]
    row = round_row({"round": 0, "draws": 5}, entries)
    assert row == {"round": 0, "draws": 5, "tokens": 128, "seconds": 7.0}


def test_a_csv_row_is_flat():
    row = csv_row(finding(1, "validated"))
    assert tuple(row) == CSV_COLUMNS
    assert row["rate_base"] == 0.0104 and row["rate_intervention_high"] == 0.4
    assert row["win_rate"] == 0.9231 and row["regions"] == "word0, other0; word0, other0"
    empty = csv_row(finding(6, "untested"))
    assert empty["win_rate"] is None and empty["rate_base_low"] is None


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_spreadsheet_runs_no_cell(start):
    attack = f"{start}cmd|' /C calc'!A0"
    row = csv_row(finding(1, "validated", statement=attack, gates_failed=[attack], id=attack))
    stream = io.StringIO(newline="")
    csv.DictWriter(stream, CSV_COLUMNS).writerow(row)
    cells = next(csv.reader(io.StringIO(stream.getvalue(), newline="")))
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")]
    assert row["statement"] == f"'{attack}"


# Figures


def test_figures_are_the_same_every_time(tmp_path):
    values = context()
    arguments = values["regions"], values["rounds"], values["points"]
    first, again = figures(*arguments, tmp_path / "a"), figures(*arguments, tmp_path / "b")
    assert first == again and set(first) == {"map", "divergence", "rounds"}
    for name, svg in first.items():
        file = (tmp_path / "a" / f"{name}.svg").read_bytes()
        assert file == (tmp_path / "b" / f"{name}.svg").read_bytes()
        root = ElementTree.fromstring(file)
        assert root.get("width") == "100%" and root.get("role") == "img" and root.get("viewBox")
        assert svg.startswith("<svg") and "style=" not in svg and "<style" not in svg
    assert len(list((tmp_path / "a").iterdir())) == 3  # no temporary file is left


def test_ids_of_all_figures_differ_and_every_reference_is_met(page):
    reader = Reader(page)
    assert len(reader.ids) == len(set(reader.ids))
    targets = {
        value.removeprefix("#").removeprefix("url(#").removesuffix(")")
        for _, name, value in reader.attributes
        if (name in ("href", "clip-path")) and value.startswith(("#", "url(#"))
    }
    assert targets and targets <= set(reader.ids)


def test_figures_say_what_they_show(page):
    for name in ("map", "divergence", "rounds"):
        assert f'aria-labelledby="figure-{name}-title figure-{name}-desc"' in page
    assert "currentColor" in page


@pytest.mark.parametrize("rounds", [0, 1])
@pytest.mark.parametrize("regions", [0, 1, 46])
def test_figures_of_little_and_much(tmp_path, rounds, regions):
    values = context()
    many = [region(number, divergence=0.0, p=1.0, error=1.0) for number in range(regions)]
    drawn = figures(many, values["rounds"][:rounds], [], tmp_path)
    for svg in drawn.values():
        ElementTree.fromstring(svg)
    assert all(f"topic {number}<" in drawn["divergence"] for number in range(regions))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_is_only_text_in_a_figure(tmp_path, text):
    named = [region(0, name=text, category_share=0.0), region(1, category=text)]
    drawn = figures(named, [], [], tmp_path)
    root = ElementTree.fromstring((tmp_path / "divergence.svg").read_bytes())
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "g", "defs", "path", "use", "text", "clipPath", "rect"}
    assert not UNSEEN.search(drawn["divergence"])


def test_labels_tell_regions_of_one_category_apart():
    named = [
        region(0, category="books", name="novel, author"),
        region(1, category="books", name="novel, poem"),
        region(2, category="other"),
        region(3, category_share=0.5),
        region(4, category="cars"),
    ]
    assert list(region_labels(named).values()) == [
        "books (author)", "books (poem)", "word2, other2, third2", "word3, other3, third3", "cars",
    ]  # fmt: skip


def test_what_stands_out_passes_benjamini_and_hochberg():
    rows = [region(i, p=p) for i, p in enumerate([0.04, 0.001, 0.02, 0.5])]
    assert standing_out(rows) == {"r001", "r002"}
    assert standing_out([]) == set()


# Words and numbers


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


# Captions of `snakemake --report`


@pytest.mark.parametrize("name", ["workflow", "page", "figure"])
@pytest.mark.parametrize("figure", ["map", "divergence", "rounds", "new", None])
@pytest.mark.parametrize("config", [{}, {"audits": {"demo": {}, "aa": {}}}])
def test_captions_render(name, figure, config):
    docutils = pytest.importorskip("docutils.core")
    from jinja2 import Environment

    wildcards = types.SimpleNamespace(**{"figure": figure} if figure else {})
    snakemake = types.SimpleNamespace(config=config, wildcards=wildcards)
    source = (ROOT / f"config/report/{name}.rst").read_text() + "\n\n.. _Workflow: javascript:x\n"
    caption = Environment(trim_blocks=True, lstrip_blocks=True).from_string(source)
    text = caption.render(snakemake=snakemake, categories={}, files=[])
    docutils.publish_parts(text, writer="html", settings_overrides={"halt_level": 2})


# In a browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver")
    if not (CHROMIUM.exists() and DRIVER.exists()):
        pytest.skip(f"needs {CHROMIUM} and {DRIVER} (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    profile = tmp_path_factory.mktemp("profile")
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-dev-shm-usage", f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.set_capability("unhandledPromptBehavior", "ignore")
    service = webdriver.chrome.service.Service(str(DRIVER))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


def opened(browser, file: Path, width: int = 1200, scheme: str = "light") -> None:
    """Open a page from disk with every fold open, at a width and in light or dark."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(file.as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    file = folder / "report.html"
    values = everywhere(context(), " ".join(HOSTILE))
    file.write_text(page_of(values, folder / "figures"), encoding="utf-8")
    return file


def test_a_browser_runs_none_of_it(browser, on_disk):
    from selenium.common.exceptions import NoAlertPresentException

    opened(browser, on_disk)
    assert browser.get_log("browser") == []
    with pytest.raises(NoAlertPresentException):
        browser.switch_to.alert.dismiss()
    text = browser.find_element("tag name", "body").text
    assert "<script>alert(1)</script>" in text and "{{7*7}}" in text
    assert browser.execute_script("return document.scripts.length") == 0
    assert browser.execute_script("return document.querySelectorAll('img').length") == 0
    assert browser.execute_script("return document.styleSheets.length") == 1


@pytest.mark.parametrize("width", [360, 768, 1200])
@pytest.mark.parametrize("kind", ["hostile", "usual"])
def test_the_page_never_scrolls_sideways(browser, on_disk, page, tmp_path, width, kind):
    file = on_disk
    if kind == "usual":
        file = tmp_path / "usual.html"
        file.write_text(page, encoding="utf-8")
    opened(browser, file, width)
    measured = "return [document.documentElement.scrollWidth, window.innerWidth]"
    page_width, window_width = browser.execute_script(measured)
    assert page_width <= window_width == width


def _luminance(colour: str) -> float:
    """Relative luminance of `rgb(r, g, b)` (WCAG 2)."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_schemes_are_legible(browser, page, tmp_path, scheme):
    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8")
    opened(browser, file, scheme=scheme)
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = _luminance(browser.execute_script(f"return {ground}")) < 0.2
    assert dark == (scheme == "dark")
    shown = browser.execute_script(
        """
        const wanted = 'h1, p, a, summary, .muted, .badge, mark, th, td, pre, figcaption, svg text'
        return [...document.querySelectorAll(wanted)].map(element => {
            let behind = element
            while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)')
                behind = behind.parentElement
            const style = getComputedStyle(element)
            const svg = element.namespaceURI.endsWith('svg')
            return [element.tagName + '.' + element.getAttribute('class'),
                    svg ? style.fill : style.color, getComputedStyle(behind).backgroundColor]
        })
        """
    )
    pale = {name for name, colour, behind in shown if contrast(colour, behind) < 4.5}
    assert len(shown) > 100 and not pale


def test_bars_are_as_long_as_their_rates(browser, page, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8")
    opened(browser, file)
    share = browser.execute_script(
        """
        const bar = document.querySelector('.bar-intervention').getBoundingClientRect()
        return bar.width / document.querySelector('.track').getBoundingClientRect().width
        """
    )
    assert share == pytest.approx(0.31, abs=0.005)
