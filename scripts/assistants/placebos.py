"""Placebo statements for a language model that judges: fixed before the confirm pool is judged."""

from collections.abc import Sequence

from scripts.assistants.client import Pool
from scripts.assistants.questions import relate_question
from scripts.assistants.roles import Role
from scripts.checks.words import common_words, words
from scripts.core.randomness import hash_unit
from scripts.hypotheses.hypothesis import Hypothesis

STYLE = (
    "asks the reader a question",
    "uses a numbered or bulleted list",
    "uses headings or bold type",
    "gives a concrete example",
    "names a specific person",
    "names a specific place",
    "gives a number, a date or a measure",
    "quotes somebody",
    "uses a comparison or a metaphor",
    "addresses the reader as “you”",
    "speaks in the first person",
    "warns of a risk",
    "expresses doubt or hedges",
    "expresses enthusiasm",
    "sounds formal",
    "sounds casual",
    "contains a joke or irony",
    "begins by repeating the question",
    "ends with a summary",
    "ends in the middle of a sentence",
    "repeats itself",
    "defines a term",
    "tells what happened in the past",
    "tells what may happen in the future",
    "gives advice",
    "states an opinion",
    "apologises",
    "recommends to ask an expert",
    "mentions money or prices",
    "mentions children or family",
    "mentions nature or the weather",
    "uses parentheses",
)
CANDIDATES = 3  # times as many as are needed are looked at


def placebos_by_region(
    pool: Pool,
    role: Role,
    hypotheses: Sequence[Hypothesis],
    count: int,
    seed: int,
) -> dict[str, list[str]]:
    """`count` placebo statements for each region that a hypothesis concerns.

    Up to half are statements on other regions, of hypotheses that share no region with those
    tested here and were never thought to hold here; the rest are style statements. Those that are
    about what is tested in the region are left out by their meaning, which the model is asked for
    once a region. Where it gives no answer, those that share a content word are left out.
    """
    regions = sorted({region for h in hypotheses for region in h.regions})
    own = {r: [h.behaviour or "" for h in hypotheses if r in h.regions] for r in regions}
    candidates = {}
    for region in regions:

        def place(statement: str, region: str = region) -> float:
            return hash_unit("placebo", seed, region, statement)

        near = {r for h in hypotheses if region in h.regions for r in h.regions}
        elsewhere = {
            h.behaviour or "" for h in hypotheses if not near & {*h.regions, *h.dropped_regions}
        }
        others = sorted(elsewhere - set(own[region]), key=place)[: CANDIDATES * count // 2]
        style = sorted(set(STYLE) - set(others) - set(own[region]), key=place)
        candidates[region] = (others, style[: CANDIDATES * count])
    answers = pool.ask(
        [relate_question(role, own[r], [*candidates[r][0], *candidates[r][1]]) for r in regions]
    )
    found = {}
    for region, answer in zip(regions, answers, strict=True):
        others, style = candidates[region]
        everything = [*others, *style]
        related = answer.value
        if related is None:
            tested = {word for statement in own[region] for word in words(statement)}
            tested -= common_words()
            related = {n for n, s in enumerate(everything) if tested & set(words(s))}
        kept = [[s for s in part if everything.index(s) not in related] for part in (others, style)]
        few = kept[0][: count // 2]
        found[region] = few + kept[1][: count - len(few)]
    return found
