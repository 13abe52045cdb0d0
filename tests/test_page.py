"""The page: its words, its sections, and nothing that a model wrote does anything."""

import re
from dataclasses import replace

import pytest
import yaml
from reported import (
    HOSTILE,
    ROOT,
    SECTIONS,
    SEEN,
    UNSEEN,
    Reader,
    behaviours_of,
    context,
    directed,
    everywhere,
    finding,
    findings_of_all_statuses,
    measured,
    of_kind,
    page_of,
    separability,
)

from scripts.assistants.usage import RoleUsage
from scripts.checks.check import FeatureCheck, PhraseCheck, TextsCheck
from scripts.divergence.round import Ending
from scripts.evidence.reasons import Stop
from scripts.hypotheses.finding import Behaviour
from scripts.judging.separability import NOT_ASKED
from scripts.page.cards import entries, left_untested, numbers_in_full, size
from scripts.page.figures import Point
from scripts.page.notices import Answered, notices_of_texts
from scripts.page.numbers import count, decimal, duration, e_value, percent, points
from scripts.page.sections.reproduce import configuration
from scripts.page.sections.rounds import why_sampling_stopped
from scripts.page.sections.text_map import telling_texts
from scripts.page.signal import meaning, smallest_effects, told_apart
from scripts.page.texts import highlighted, printable
from scripts.workflow.config import load
from scripts.workflow.kinds.words import changed_words, subject_words
from scripts.workflow.subject_sections import Responses, Server, Subject


def test_numbers_are_for_people():
    assert count(1234567) == "1,234,567"
    assert [percent(x) for x in (0, 0.0004, 0.0104, 0.05, 0.1458, 0.999, 1, None)] == [
        "0\u202f%", "<\u202f0.1\u202f%", "1\u202f%", "5\u202f%", "15\u202f%", "99.9\u202f%",
        "100\u202f%", "–",
    ]  # fmt: skip
    assert [decimal(x) for x in (0.38, 1320.0, -0.0479, 0, None)] == [
        "0.38", "1,320", "−0.0479", "0", "–",
    ]  # fmt: skip
    assert [points(x) for x in (0.2996, -0.034, 0)] == ["+30", "−3.4", "+0"]
    assert e_value(3.6e8) == "3.6\u202f×\u202f10⁸" and e_value(1e300) == "> 10¹⁰⁰"
    assert [duration(s) for s in (0.02, 42, 150, 9000)] == [
        "0.0\u202fs", "42\u202fs", "2\u202fmin", "2\u202fh 30\u202fmin",
    ]  # fmt: skip


def test_subjects_in_words():
    settings = context()["audit"].config["audit"]
    base, intervention = settings["base"], settings["intervention"]
    assert ("the model", "embedded:smollm2-135m-instruct") in subject_words(base)
    assert changed_words(base, intervention) == [
        ("the same model", None), ("with the adapter", "plant:demo"),
    ]  # fmt: skip
    assert changed_words(intervention, base)[1] == ("without the adapter", "plant:demo")
    assert changed_words(base, dict(base)) == [("the same model, unchanged", None)]
    warmer = base | {"sampling": base["sampling"] | {"temperature": 1.5}}
    assert ("with temperature", "1.5 instead of 0.8") in changed_words(base, warmer)
    given = {"path": "lab/set", "split": "test", "response": "model_a", "where": {"turn": 1}}
    recorded = Responses(**given).model_dump()
    assert changed_words(base, base | {"model": None, "responses": recorded}) == [
        ("what is recorded in the file", "lab/set"), ("of the split", "test"), ("as", "model_a"),
        ("of the turn", "1"),
    ]  # fmt: skip
    server = Server(url="http://x/v1", model="m").model_dump()
    served = base | {"model": None, "server": server}
    assert subject_words(served)[:2] == [("the model", "m"), ("served at", "http://x/v1")]
    assert "in" not in dict(subject_words(served)), "its number type is the server's"
    thinking = served | {"server": server | {"extra": {"min_p": 0}, "identity": "new"}}
    assert changed_words(served, thinking) == [
        ("the same model", None), ("with requests that add", '{"min_p": 0}'),
        ("known as", "new"),
    ]  # fmt: skip
    started = Server(engine="vllm", model="lab/m", revision="0" * 40).model_dump()
    served = base | {"model": None, "server": started}
    newer = served | {"server": started | {"revision": "1" * 40}}
    assert ("at revision", "1" * 40) in changed_words(served, newer)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"reasoning": {"max_tokens": 9}}, '{"max_tokens": 9, "force_end": true} instead of auto'),
        ({"chat_template": {"arguments": {"a": 1}}}, '{"arguments": {"a": 1}} instead of true'),
        ({"chat_template": False}, "false instead of true"),
        ({"trust_remote_code": True}, "true instead of false"),
        ({"sampling": {"stop": ["é\n"]}}, '["é\\n"] instead of []'),
    ],
)
def test_settings_are_told_as_the_configuration_has_them(given, told):
    base, changed = (Subject(model="m", **more).model_dump() for more in ({}, given))
    assert [what for _, what in changed_words(base, changed)] == [None, told]


def test_phrases_are_marked_as_the_check_reads_them():
    check = PhraseCheck(phrases=("zentrix nova", "nova", "don't"))
    text = "A <b>Zentrix, Nova</b> & supernova; I don’t."
    assert highlighted(text, check) == (
        "A &lt;b&gt;<mark>Zentrix, Nova</mark>&lt;/b&gt; &amp; supernova; I <mark>don’t</mark>."
    )
    kind = TextsCheck(texts=1, name=("日 本",))
    assert highlighted("はい、日本！", kind) == "はい、<mark>日本</mark>！"
    assert highlighted("a nova", FeatureCheck(feature="short")) == "a nova"
    assert highlighted("a nova", None) == "a nova"


def test_what_hides_is_made_visible():
    assert not UNSEEN.search(printable("".join(map(chr, range(0x2070))) + "\ud800"))
    assert printable("tab\t line\r\nnext é 日本 😀") == "tab\t line\nnext é 日本 😀"


def test_telling_texts_are_the_extremes_without_repeats():
    points = [
        Point(0.0, 0.0, "base", "r000", s, t)
        for s, t in [(2, "a"), (-3, "b"), (-2, "b"), (-1, "c")]
    ] + [Point(0.0, 0.0, "intervention", "r000", s, str(s)) for s in range(9)]
    found = telling_texts(points)
    assert [p.text for p in found["base"]] == ["b", "c", "a"]
    assert [p.score for p in found["intervention"]] == [8, 7, 6, 5, 4, 3]


def test_the_configuration_shown_can_be_run():
    audit = context()["audit"]
    raw = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    audit.config["subjects"] = raw["subjects"]  # a plant names its base
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
        "440 responses", "1 behaviour", "2 validated statements of 6 tested",
        "1 more was proposed but left untested: no fresh prompt of its topics was left.",
        "snakemake --cores all --configfile demo.yaml demo",
        "fedcba9876543210", "a" * 40, "Linux", "It hums", "the rounds are done (2)",
        "3 duplicates", "1 empty one ", "temperature: 0.8",
    ):  # fmt: skip
        assert words in re.sub(r"\s+", " ", text) or words in text, words
    for file in ("findings.csv", "findings.jsonl"):
        assert f'href="{file}"' in page


def test_every_end_of_sampling_has_words():
    first = context()["rounds"][0]
    for ending in Ending:
        assert why_sampling_stopped([first, replace(first, stop=ending)])
    told = why_sampling_stopped([replace(first, stop=Ending.BUDGET, draws=1200)])
    assert told == "the rounds took all draws that they may (1,200 of each subject)"
    assert why_sampling_stopped([]) is None


def test_findings_come_by_status_with_their_reasons(page):
    assert all(f' id="finding-h{i}">' in page for i in range(1, 8))
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
    assert page.count('<span class="badge validated">') == 1, "one behaviour of two findings"


def test_the_page_needs_nothing_from_outside(page):
    reader = Reader(page)
    assert {"script", "img", "iframe", "object", "link", "base", "form"}.isdisjoint(reader.tags)
    links = {value for _, name, value in reader.attributes if name in ("href", "src", "srcset")}
    assert {v for v in links if not v.startswith("#")} == {
        "findings.csv", "findings.jsonl", "judgements.jsonl",
    }  # fmt: skip
    assert not [
        name for _, name, _ in reader.attributes if name.startswith("on") or name == "style"
    ]
    assert "default-src 'none'" in page and "unsafe" not in page and "url(http" not in page


def test_without_findings(tmp_path):
    text = Reader(page_of(context([]), tmp_path)).text
    assert "No statement on how they differ reached the test" in text
    assert "does not show that the subjects behave alike" in text


def test_nothing_validated_says_what_could_have_been_found(tmp_path):
    found = [
        finding(1, "unsupported"),
        finding(2, "unsupported", minimum_detectable_effect=0.4),
        finding(3, "untested"),
    ]
    text = " ".join(Reader(page_of(context(found), tmp_path)).text.split())
    assert "Of 2 statements on how they differ, tested on fresh prompts, none was validated" in text
    assert "of the bank 120" in text, "prompts that a behaviour on the whole bank would have had"
    assert "26 % to 40 %, depending on the statement" in text


@pytest.mark.parametrize("found", [[], [finding(1, "validated")], [finding(1, "unsupported")]])
def test_a_null_audit_says_so(tmp_path, found):
    text = Reader(page_of(context(found, null=True), tmp_path)).text
    validated = any(f.status == "validated" for f in found)
    assert "This is a null audit" in text
    assert ("false discovery" in text.split("How to read")[0]) == validated
    assert ("as it should be" in text) != validated


def test_ready_responses_and_assistants_with_a_price(tmp_path):
    values = context()
    config = values["audit"].config
    config["audit"]["bank"] = config["bank"] = None
    for side in ("base", "intervention"):
        responses = Responses(path=f"{side}.jsonl").model_dump()
        config["audit"][side] |= {"model": None, "responses": responses}
    used = RoleUsage("<b>m</b>", "m, strict", requests=12, input_tokens=3456, dollars=0.345)
    values["costs"].total.full.add_usage("judge 2", used, cached=True)
    text = " ".join(Reader(page_of(values, tmp_path)).text.split())
    assert "what is recorded in the file base.jsonl" in text and "both files of responses" in text
    assert "12 0.00 0.34" in text and "total judge 2 m, strict 12 3,456 0 0.3450" in text


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: repr(t[:20]))
def test_hostile_text_is_inert(page, tmp_path, text):
    found = [*findings_of_all_statuses(), measured(8), directed(9), of_kind(10)]
    found.append(finding(11, "validated", behaviour="warns"))
    values = context(found)
    values["behaviours"] = behaviours_of(found, [[f.id] for f in found[-4:]])
    hostile = page_of(everywhere(values, text), tmp_path)
    usual, reader = Reader(page), Reader(hostile)
    # <title> and the like of an SVG count as tags too: the same kinds as ever, and no more
    assert set(reader.tags) <= set(usual.tags)
    assert reader.tags.count("style") == 1 and hostile.count("</style>") == 1
    names = {name for _, name, _ in usual.attributes}
    assert {name for _, name, _ in reader.attributes} <= names
    assert not UNSEEN.search(hostile.replace("\r", ""))
    assert hostile.encode("utf-8")
    assert printable(text).strip()[:80] in reader.text


# What the numbers are of


def test_a_behaviour_is_one_entry_and_a_part_of_several_stands_once(tmp_path):
    found = [finding(1, "validated"), finding(2, "validated"), finding(3, "validated")]
    values = context(found)
    values["behaviours"] = behaviours_of(found, [["h1", "h3"], ["h2", "h3"]])
    page = page_of(values, tmp_path)
    reader = Reader(page)
    assert page.count('<article class="finding"') == 2
    assert all(reader.ids.count(f"finding-h{i}") == 1 for i in (1, 2, 3))
    text = " ".join(reader.text.split())
    assert "2 behaviours in which they differ were established" in text
    assert "3 validated statements of 3 tested" in text
    assert "in full at b1" in text and "Both at once, in short: 2" in text


def test_a_validated_finding_without_a_behaviour_is_not_lost():
    found = findings_of_all_statuses()
    behaviours = [Behaviour(id="b1", findings=("h1", "gone"), statement="one")]
    assert [(e.id, [p.id for p in e.parts]) for e in entries(behaviours, found)] == [
        ("b1", ["h1"]), ("h7", ["h7"]),
    ]  # fmt: skip


def test_sizes_are_in_units_that_mean_something():
    thin = "\u202f"
    assert size(measured(1)) == (
        "128 instead of 231 words on average; median ratio 0.55 (0.5 to 0.6)"
    )
    assert size(finding(1, "validated")) == (
        f"1{thin}% of the base's responses, 31{thin}% of the intervention's: "
        "a difference of +30 (+18 to +41) points"
    )
    assert "a chance of 61" in size(directed(1))
    assert size(finding(1, "untested")) is None
    apart = replace(measured(1).effect, told="difference", estimate=4.806, low=-0.04)
    unsure = measured(1, effect=apart)
    assert "mean difference +4.81 (−0.04 to +0.6)" in size(unsure)
    assert "The interval holds 0, no effect" in str(numbers_in_full(unsure))
    assert "The interval holds" not in str(numbers_in_full(measured(1)))


def test_every_number_is_given_with_what_it_means():
    rows = {row.label: row for row in numbers_in_full(finding(1, "validated"))}
    assert "min(1, 1/e)" in rows["p-value, any stopping time"].meaning
    assert "fixed beforehand" in rows["p-value, sign test"].meaning
    assert "won 33 of 47 prompts that were not ties" in rows["Beyond its own topics"].value
    assert "No claim" in rows["Beyond its own topics"].meaning
    assert "much of the effect goes with length" in rows["On texts cut to equal length"].meaning
    agrees = rows["How well the check agrees with people"]
    assert "finds 87" in agrees.value and "900 labelled texts" in agrees.meaning
    assert "Over the whole bank" in rows
    bank = SEEN["bank"]
    bank = replace(bank, rate_base=replace(bank.rate_base, share=0.93))
    in_part = finding(1, "validated", bank=bank)
    labels = {row.label for row in numbers_in_full(in_part)}
    assert "Over the whole bank" not in labels
    assert "Over topics that weigh 93\u202f% of the bank" in labels
    assert "5 % of the larger" in str(numbers_in_full(measured(1)))


@pytest.mark.parametrize("name", [*SEEN, "win_rate", "rate_base", "rate_intervention", "check"])
def test_what_an_assistant_does_not_tell_is_left_out(tmp_path, name):
    nothing = [finding(1, "validated", **{name: None}), finding(2, "suggestive", **{name: None})]
    text = Reader(page_of(context(nothing), tmp_path)).text
    assert "None" not in text


def test_ties_everywhere_else_are_no_win_rate(tmp_path):
    still = replace(SEEN["transfer"], wins=0, losses=0, estimate=None, low=0.0, high=1.0)
    text = Reader(page_of(context([finding(1, "validated", transfer=still)]), tmp_path)).text
    assert "all 120 prompts were ties" in text


def test_new_kinds_of_checks_have_words(tmp_path):
    found = [directed(2), measured(1), of_kind(3)]
    page = page_of(context(found), tmp_path)
    text = " ".join(Reader(page).text.split())
    for words in (
        "are of the kind “it bites” or “beware”", "base, 3 words", "intervention, 5 words",
        "128 instead of 231 words on average", "read more like", "Tested: validated",
    ):  # fmt: skip
        assert words in text, words
    assert "<mark>it bites</mark>" in page and "<mark>Beware</mark>" in page
    assert 'href="#finding-h3"' in page


def test_untested_statements_are_counted_with_their_reasons():
    found = [finding(i, "untested") for i in (1, 2)]
    assert left_untested(found) == (
        "2 more were proposed but left untested: no fresh prompt of their topics was left."
    )
    found += [finding(3, "untested", stopped=Stop.DRAWS), finding(4, "unsupported")]
    assert left_untested(found) == (
        "3 more were proposed but left untested: of 2, no fresh prompt of their topics was left "
        "and of 1, the draws that confirm may take (confirm.draws) did not reach to them."
    )
    assert left_untested([finding(1, "validated")]) is None


def test_when_all_are_untested_none_was_tested(tmp_path):
    values = context([finding(i, "untested", stopped=Stop.EXHAUSTED) for i in range(10)])
    text = " ".join(Reader(page_of(values, tmp_path)).text.split())
    assert "No statement on how they differ could be tested. 10 more were" in text
    assert "10 tested" not in text and "too few fresh prompts" in text


def test_whether_there_was_a_signal_is_said_in_words(tmp_path):
    first, second = told_apart(separability())
    assert "right on 130 of 166 prompts, 78\u202f% (66\u202f% to 88\u202f%), with 2 ties" in first
    assert "So they differ" in second
    assert "a hint" in meaning(5.0) and "no sign" in meaning(0.4)
    values = context([finding(1, "unsupported")]) | {"separability": separability(80, 80, 0.1)}
    assert "no sign that they differ" in Reader(page_of(values, tmp_path)).text
    silent = replace(separability(), words=None, embeddings=separability(0, 0).embeddings)
    assert "saw no difference in any of 2 prompts" in told_apart(silent)[0]
    assert told_apart(NOT_ASKED)[0].startswith("Not asked: no statement reached the test")
    text = " ".join(Reader(page_of(context() | {"separability": NOT_ASKED}, tmp_path)).text.split())
    assert "On the explored texts, 4 of 6 regions stand out from chance" in text


def test_the_smallest_effects_grow_as_the_share_shrinks():
    found = smallest_effects({"a": 60, "b": 140}, {"a": 60, "b": 140}, 10, 2, 0.05)
    assert [(row.share, row.prompts) for row in found] == [
        (1, 200),
        (0.3, 60),
        (0.1, 20),
        (0.03, 6),
    ]
    effects = [row.effect for row in found]
    assert effects[:3] == sorted(effects[:3]) and effects[3] is None
    part = smallest_effects({"a": 60, "b": 2}, {"a": 60, "b": 140}, 10, 2, 0.05)
    assert [(row.share, row.prompts) for row in part] == [(1, 62)]
    assert smallest_effects({}, {"a": 5}, 0, 0, 0.05) == []


# What a reader has to know first


def answers(base, intervention, prompt="What is the capital of France?"):
    return [Answered(prompt, base(i), intervention(i)) for i in range(20)]


def test_texts_that_are_no_answers_are_noticed():
    def new(i):
        return f"The answer to this question of yours is number {i}, as everybody knows."

    assert notices_of_texts(answers(new, lambda i: new(i + 50))) == []
    (constant,) = notices_of_texts(answers(new, lambda i: "I am a fish."))
    assert "The intervention gave the same text, “I am a fish.”, in 20 of 20" in constant
    (empty,) = notices_of_texts(answers(lambda i: " ", new))
    assert "The base gave an empty text in 20 of 20" in empty
    (same,) = notices_of_texts(answers(new, new))
    assert "very same text in 20 of 20 explored pairs" in same
    echo = "what is the capital of France? "
    (repeats,) = notices_of_texts(answers(new, lambda i: echo + new(i)))
    assert "The intervention begins by repeating the prompt in 20 of 20" in repeats
    assert notices_of_texts(answers(new, lambda i: f"Hi {i}", prompt="Hi")) == []
    assert notices_of_texts(answers(new, new)[:5]) == [], "too few to say"
    german = "Die Antwort auf diese Frage ist nicht schwer, denn jeder weiß, dass es so ist"
    (language,) = notices_of_texts(answers(lambda i: f"{german}: {i}", lambda i: f"{i}: {german}"))
    assert "German" in language


def test_notices_stand_before_everything(tmp_path):
    page = page_of(context() | {"notices": ["Mind <this>."]}, tmp_path)
    assert page.index("Mind &lt;this&gt;.") < page.index('<section id="apart">')
