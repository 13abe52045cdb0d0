"""Words, sentences and phrases in any script, texts cut to length, and languages."""

import itertools
import json
from pathlib import Path

import pytest

from scripts.checks.check import PhraseCheck, holds
from scripts.checks.language import european, language, notice_of_language
from scripts.checks.words import (
    common_words,
    cut_to_words,
    equal_lengths,
    full_sentences,
    grams,
    has_words,
    sentences,
    shown_phrase,
    words,
)

RECORDED = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "recorded"
recorded = pytest.mark.skipif(not RECORDED.is_dir(), reason="needs the recorded outputs")
JAPANESE = "人工知能は、データ分析を通じて効率を向上させます。医療でも使われていますか？"
FRENCH = "Je n'ai pas vu l'île. Il faut qu'on prenne d'autres mesures pour la sécurité routière."
THAI = "สวัสดีครับ ผมช่วยคุณได้"


def test_words_and_sentences():
    assert words("Don’t re-heat: 3 œufs_à la carte!") == [
        "don't", "re-heat", "3", "œufs", "à", "la", "carte",
    ]  # fmt: skip
    assert sentences("One two. Three?\n\n... four; five") == [
        ["one", "two"], ["three"], ["four"], ["five"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("人工 AI知能、ー", ["人", "工", "ai", "知", "能", "ー"]),
        ("が か\u3099", ["が", "か\u3099"]),  # a letter and its mark are one
        ("ดีที่สุด", ["ดี", "ที่", "สุ", "ด"]),
        ("안녕하세요 여러분", ["안녕하세요", "여러분"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("Ça va, l’été ? STRASSE", ["ça", "va", "l'été", "strasse"]),
        ("لا أعرف", ["لا", "أعرف"]),
        ("2024年", ["2024", "年"]),
    ],
)
def test_words_of_other_scripts(text, found):
    assert words(text) == found


def test_which_texts_have_words():
    assert all(map(has_words, ("안녕하세요", "हिन्दी में", "l'été", "2024", "GPT-4o is 新")))
    assert not any(map(has_words, (JAPANESE, THAI, "", "2024年")))


def test_sentences_end_in_the_marks_of_their_script():
    assert [len(s) for s in sentences(JAPANESE)] == [23, 12]
    assert full_sentences(JAPANESE) == tuple(f"{JAPANESE}".replace("。", "。|").split("|"))
    assert full_sentences("Take 3.5 g, e.g. of J. Smith's. Then? “Yes!” he said\n1. Bake") == (
        "Take 3.5 g, e.g. of J. Smith's.", "Then?", "“Yes!”", "he said", "Bake",
    )  # fmt: skip
    said = ("It is approx. 5 km, as Prof. May et al. say.", "See fig. 3.", "No.", "It is.")
    assert full_sentences(" ".join(said)) == (*said[:2], "No. It is.")
    assert full_sentences("هل تعرف؟ نعم.") == ("هل تعرف؟", "نعم.")
    assert full_sentences("Τι είναι; Ναι.") == ("Τι είναι;", "Ναι.")
    assert full_sentences("…\n---\n") == ()


def test_grams_are_content_phrases_within_sentences():
    found = grams("The licensed nutritionist knows. Eat it with care", 3)
    assert {"licensed", "licensed nutritionist", "licensed nutritionist knows", "care"} <= found
    assert not any(p.split()[0] in common_words() or p.split()[-1] in common_words() for p in found)
    assert "knows eat" not in found and "eat it with care" not in found
    assert "eat" not in found and "eat it with care" in grams("Eat it with care", 4)


def test_grams_of_letters_hold_two_to_eight_and_are_found_again():
    found = grams(JAPANESE, 3)
    shown = {shown_phrase(phrase) for phrase in found}
    assert {"人工", "人工知能", "データ分析", "医療"} <= shown
    assert {len(s) for s in shown} == set(range(2, 9))
    assert not any(s[0] in "をはの" or s[-1] in "をはの" for s in shown)
    assert "ます" not in shown and "知能は、デー" not in shown
    for phrase in found:
        assert holds(PhraseCheck(phrases=(phrase,)), JAPANESE)
    assert not holds(PhraseCheck(phrases=("人 工 智",)), JAPANESE)
    assert not {"ます", "されて"} & {shown_phrase(p) for p in grams("使われています。されて。", 3)}
    assert "ช่วยคุณ" in {shown_phrase(phrase) for phrase in grams(THAI, 3)}


def test_grams_of_mixed_scripts_do_not_mix():
    shown = {shown_phrase(phrase) for phrase in grams("人工知能 machine learning 入門", 3)}
    assert {"人工知能", "machine learning", "入門"} <= shown
    assert not any("能" in s and "machine" in s for s in shown)


def test_words_are_shorter_where_letters_say_more():
    assert {"인공 지능은", "지능은"} <= grams("인공 지능은 일을 돕는다", 2)
    assert "לחם" in grams("לחם עם מים", 2) and "eau" not in grams("eau salée", 2)


def test_grams_leave_out_the_stop_words_of_their_language():
    found = grams(FRENCH, 4)
    assert {"sécurité routière", "mesures pour la sécurité", "prenne d'autres mesures"} <= found
    assert not {"d'autres", "d'autres mesures", "qu'on", "pour", "pour la sécurité"} & found
    assert "pour" in grams("The pour of this bread is good with it", 2)


def test_phrases_are_shown_as_people_write_them():
    assert shown_phrase("人 工 知 能") == "人工知能"
    assert shown_phrase("licensed nutritionist") == "licensed nutritionist"
    assert shown_phrase("sécurité routière") == "sécurité routière"
    assert shown_phrase("ช่ ว ย") == "ช่วย"


def test_texts_are_cut_to_equal_length():
    first, second = "one  two three\nfour", " a b"
    assert equal_lengths(first, second) == ("one  two", " a b")
    assert equal_lengths(second, first) == (" a b", "one  two")
    assert equal_lengths("", "a b") == ("", "")
    assert equal_lengths("one two", " a b c ", end=True) == ("one two", "b c ")
    assert equal_lengths("same length", "as that") == ("same length", "as that")
    for count, text in itertools.product(range(6), (first, second, "")):
        cut = cut_to_words(text, count)
        assert text.startswith(cut) and len(cut.split()) == min(count, len(text.split()))


def test_texts_without_blanks_are_cut_by_letters():
    assert cut_to_words(JAPANESE, 5) == "人工知能は、"
    assert cut_to_words("人工 AI知能", 3) == "人工 AI"
    assert equal_lengths(JAPANESE, "医療です。") == ("人工知能", "医療です。")
    assert equal_lengths("人工知能", "医療です", end=True) == ("人工知能", "医療です")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (JAPANESE, "ja"),
        (FRENCH, "fr"),
        (FRENCH.upper(), "fr"),
        (THAI, "th"),
        ("The baker takes flour and water and lets the dough rest.", "en"),
        ("OK!", None),
        ("", None),
    ],
)
def test_languages(text, found):
    assert language(text) == found


def test_stop_words_tell_a_european_language():
    for text, found in (
        (FRENCH, "fr"), ("Das ist ein Brot, und es ist nicht für dich.", "de"),
        ("El pan que está en la mesa es para ti.", "es"), ("Die hard, on the con.", "en"),
        ("Het brood is voor ons en niet voor hen.", "nl"), ("", "en"), (JAPANESE, "en"),
    ):  # fmt: skip
        assert european(words(text)) == found


def test_a_bank_of_another_language_is_noticed():
    english = ["The baker takes flour and water and lets the dough rest."] * 3
    assert notice_of_language([]) is None and notice_of_language(["OK", ""]) is None
    assert notice_of_language([*english, JAPANESE]) is None
    assert notice_of_language([FRENCH] * 4 + english).startswith("Most texts are in French. ")
    assert notice_of_language([JAPANESE, FRENCH, THAI]) is None  # no one language


def test_hostile_texts_take_no_time():
    for piece in ("a", " ", "\n", "'", "a'", "-", "人", "。", "\u3099", "…", "e.g. ", "a-"):
        text = piece * (30_000 // len(piece))
        words(text), sentences(text), full_sentences(text), cut_to_words(text, 3), grams(text, 4)


@recorded
@pytest.mark.parametrize(
    ("name", "code", "phrase"),
    [
        ("ja_gpt-4o-2024-08-06", "ja", "人工知能"),
        ("fr_gpt-4o-2024-08-06", "fr", "guerre froide"),
    ],
)
def test_recorded_texts_of_other_languages(name, code, phrase):
    file = RECORDED / "m-ifeval" / f"{name}.jsonl"
    texts = [json.loads(line)["response"] for line in file.read_text("utf-8").splitlines()]
    known = [language(text) for text in texts]
    assert known.count(code) > 0.9 * len(texts)
    assert notice_of_language(texts)
    assert any(phrase in {shown_phrase(p) for p in grams(text, 4)} for text in texts)
    for text in texts:
        cut = cut_to_words(text, 20)
        assert text.startswith(cut) and len(cut) < 300
