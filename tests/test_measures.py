"""Graded measures: what they read off a text, and when two texts tie."""

import pytest

from scripts.checks.measures import (
    MEASURES,
    distinct_words,
    paragraphs,
    readability,
    repetitiveness,
    words_a_sentence,
)

ASKED = "How does the baker make bread? With water from the well?"
PLAIN = "The baker takes flour and water. He lets the dough rest, then bakes it."
# A text, one that has more of the measure by more than its zone, and one that ties with the first.
CASES = {
    "words": ("one two three", "one two three four", "one two tree"),
    "characters": ("flour", "flour and water", "water"),
    "sentences": ("Bake. Eat.", "Bake it. Eat it. Enjoy it.", "Take 3.5 cups. Eat, e.g. now."),
    "paragraphs": ("Bake.\nEat.", "Bake.\n\nEat.", "Bake.\n"),
    "sentence-length": ("Bake it now.", "Bake it in the hot oven now.", "Bake it. Bake it now."),
    "paragraph-length": ("Bake it.\n\nEat it.", "Bake it.\nEat it.\nRest.", "Bake.\n\nEat it all."),
    "word-length": ("The cat sat.", "Bewildered felines rested.", "The dog ran."),
    "readability": ("The cat sat.", "Bewildered felines rested.", "The dog ran."),
    "distinct-words": ("bread and bread and bread", "bread and water or flour", "or a or a or"),
    "repetitiveness": (PLAIN, PLAIN * 3, PLAIN.replace("baker", "cook")),
    "prompt-repeated": (
        PLAIN,
        f"You ask: {ASKED} {PLAIN}",
        "The baker makes it: the well is near.",
    ),
    "list-items": ("- flour\n- water", "- flour\n- water\n- salt", "1. flour\n2) water"),
    "headings": ("# Bread\nBake.", "# Bread\n**Dough**\nBake.", "**Bread**\nBake #2."),
    "bold": ("Take **flour**.", "Take **flour** and **water**.", "Take **flour and water**."),
    "code-lines": ("```\na = 1\n```", "```\na = 1\nb = 2\n```", "```\n\na = 1\n\n```"),
    "emoji": ("Bread 🍞", "Bread 🍞🥖", "Bread 👩‍🍳".replace("\u200d🍳", "")),
    "questions": ("Why?", "Why? How?", "Why???"),
    "exclamation-marks": ("Bread!", "Bread!!", "Ha! Water"),
    "dashes": (PLAIN, "The baker — a man — takes flour.", PLAIN.replace(",", " –")),
    "numbers": ("Take 3,500 grams of it.", "Take 3 500 grams of it.", "Take 2.5 grams of it."),
    "capitals": ("Bake it.", "BAKE it.", "Take it, 12!"),
    "first-person": (PLAIN, "I take my flour.", "He said “I take my flour” to the other baker."),
    "second-person": (PLAIN, "You take your flour.", "The youth takes flour."),
    "hedges": (PLAIN, "Perhaps it rises.", "The mighty baker, on 3 May 2020."),
    "certainty": (PLAIN, "It always rises.", "It rises in all ways."),
    "contractions": (PLAIN, "It's dough. Don't eat it.", "The baker's dough."),
}


def test_every_measure_has_a_case():
    assert set(CASES) == set(MEASURES)


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_tells_more_from_alike(name):
    measure = MEASURES[name]
    value, more, alike = (measure.read(text, ASKED) for text in CASES[name])
    assert measure.compare(value, more) == 1
    assert measure.compare(more, value) == -1
    assert measure.compare(value, alike) == 0


@pytest.mark.parametrize("name", MEASURES)
def test_no_text_has_less_than_nothing(name):
    for text in ("", " \n", "…", "人工知能", "สวัสดี", "a", "1.", "**", "?"):
        assert MEASURES[name].read(text) >= 0
    assert MEASURES[name].read("") == 0


def test_what_is_repeated_are_runs_of_three_words_of_the_prompt():
    said = MEASURES["prompt-repeated"].read
    assert said("The capital of France is Paris.", "What is the capital of France?") == 50
    assert said("What is the capital of France? Paris.", "what is  the capital of france") == 100
    assert said("はい、人工知能です。", "人工知能") == 100
    assert said("Why not?", "Why not?") == said("Why not ask?", "") == 0, "nothing to repeat"


def test_phrases_differ_and_name_a_unit():
    for measure in MEASURES.values():
        phrases = {measure.more, measure.less, measure.one_more, measure.one_less}
        assert len(phrases) == 4 and measure.unit and measure.family
    assert {m.family for n, m in MEASURES.items() if n in ("words", "sentences")} == {"length"}


def test_the_zone_is_a_share_and_a_least_difference():
    words, hedges = MEASURES["words"], MEASURES["hedges"]
    assert [words.compare(200, n) for n in (189, 190, 210, 211)] == [-1, 0, 0, 1]
    assert [hedges.compare(1, n) for n in (0.4, 0.5, 1.5, 1.6)] == [-1, 0, 0, 1]
    assert [hedges.compare(10, n) for n in (10.9, 11.5)] == [0, 1]


def test_length_does_not_decide_what_is_no_length():
    long = " ".join(f"{PLAIN.replace('flour', word)}\n" for word in ("rye", "oats", "corn") * 9)
    for name in ("sentence-length", "word-length", "readability", "hedges", "capitals"):
        measure = MEASURES[name]
        assert measure.compare(measure.read(PLAIN), measure.read(long)) == 0
    assert distinct_words(long) == pytest.approx(distinct_words(long * 2), abs=1)
    assert repetitiveness("x" + long * 2) == pytest.approx(repetitiveness(long * 4), rel=0.1)


def test_values_are_those_of_their_definitions():
    assert paragraphs("a\n\nb\n \n\nc\nd") == 3
    assert words_a_sentence("One two. Three four five six!") == 3
    # LIX: 4 words a sentence, 1 of 8 words longer than six letters.
    assert readability("The cat has fur. A dog is friendly.") == pytest.approx(4 + 100 / 8)
    assert distinct_words("a b a b") == 50
    forty_nine = " ".join(f"w{n}" for n in range(49))
    assert distinct_words(f"{forty_nine} w0 w1") == pytest.approx(100 * (49 + 49) / 2 / 50)


def test_scripts_without_words_have_no_word_length():
    japanese = "人工知能は、データ分析を通じて効率を向上させます。意思決定も支援します。"
    assert MEASURES["word-length"].read(japanese) == MEASURES["readability"].read(japanese) == 0
    assert MEASURES["sentences"].read(japanese) == 2
    assert MEASURES["words"].read(japanese) == 33
    assert MEASURES["sentence-length"].read(japanese) == 16.5
    french = "Le boulanger prend de la farine. Il laisse reposer la pâte."
    assert MEASURES["word-length"].read(french) == pytest.approx(47 / 11)
    assert MEASURES["capitals"].read("ÉTÉ été") == 50
