"""Sentences of checks and of behaviours."""

from test_local import REGIONS, phrase

from scripts.checks.check import DirectionCheck, FeatureCheck, MeasureCheck, TextsCheck
from scripts.hypotheses.finding import BankRate, Finding, FindingRegion
from scripts.hypotheses.pairs import Net
from scripts.hypotheses.wording import claim, composed, in_reading_order, sentence, telling, zone

MEASURE = MeasureCheck(measure="words")
SHORTER = MeasureCheck(measure="words", absent=True)


def finding(name, check, auc, regions=("r0",)):
    places = [
        FindingRegion(id=r, name="", category="", weight=0.1, wins=5, prompts=10) for r in regions
    ]
    return Finding(
        id=name, statement=f"statement of {name}", direction="more", source="local", check=check,
        auc=BankRate(estimate=auc, low=auc, high=auc, prompts=10, share=1.0), regions=tuple(places),
    )  # fmt: skip


def test_measures_say_what_is_more_and_when_two_texts_tie():
    shorter = sentence(SHORTER, {"r0": Net(5, 0, 10, 0.5)}, REGIONS)
    assert shorter.endswith("gives responses that are shorter than the base's")
    assert zone(MEASURE) == "5 % of the larger" and zone(phrase("a")) is None


def test_kinds_and_the_direction_are_quoted():
    kind = TextsCheck(texts=3, name=("nova", "zentrix"))
    direction = DirectionCheck(towards="please be", away="to prevent")
    assert "of the kind “nova” or “zentrix”" in claim(kind)
    assert "more like “please be …” than like “to prevent …”" in claim(direction)


def test_what_says_most_leads():
    parts = [
        finding("short", SHORTER, 0.9),
        finding("gone", phrase("a b c", absent=True), 1.0),
        finding("please", FeatureCheck(feature="please"), 0.7),
        finding("home", phrase("staying home is better"), 0.8),
    ]
    names = [part.id for part in in_reading_order(parts)]
    assert names[-1] == "gone", "what is not said says less"
    assert names.index("home") < names.index("please")
    assert telling(DirectionCheck()) == 0


def test_a_behaviour_is_one_sentence_of_its_parts():
    parts = [
        finding("home", phrase("staying home is better"), 0.8, ("r0", "r1")),
        finding("please", FeatureCheck(feature="please"), 0.7),
        finding("steps", phrase("steps", absent=True), 0.7),
        finding("short", SHORTER, 0.7),
    ]
    said = composed(parts, REGIONS)
    assert said == (
        "Asked about food or travel, the intervention model's responses more often say “staying "
        "home is better” and say “please”, less often say “steps” and are shorter"
    )
    assert composed(parts[:1], REGIONS) == "statement of home"
    many = [finding(f"n{n}", phrase(f"one two three {n}"), 0.7) for n in range(20)]
    assert len(composed(many, REGIONS).split()) <= 30


def test_what_a_model_judged_keeps_its_own_sentence():
    assert composed([finding("x", None, 0.7)] * 2, REGIONS) == "statement of x"
