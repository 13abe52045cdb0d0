"""Placebo statements for a language model that judges: fixed before the confirm pool is judged."""

from collections.abc import Sequence

from scripts.assistants.client import Pool
from scripts.assistants.questions.placebos import relate_question
from scripts.assistants.roles import Role
from scripts.checks.words import common_words, words
from scripts.core.randomness import hash_unit
from scripts.hypotheses.hypothesis import Hypothesis

# As long and as plain as what is tested, decidable on any response, in straight quotes if any.
STYLE = (
    "asks the reader a question",
    "sets points out in a numbered or bulleted list",
    "uses headings or bold type to divide what it says",
    "names a specific person",
    "names a specific city, country or place",
    "gives a number, a date or a measure",
    "repeats words that somebody else said or wrote",
    "compares something with another thing or uses a metaphor",
    'addresses the reader as "you"',
    "speaks of itself in the first person",
    "warns of a risk or of a mistake to avoid",
    "says that something is uncertain or depends on the case",
    "expresses enthusiasm about the subject",
    "uses formal words where plain ones would do",
    "uses casual words or contractions",
    "contains a joke or irony",
    "ends with a sentence that sums up what it said",
    "says the same thing twice in other words",
    "explains what a word or a term means",
    "tells the reader what to do",
    "apologises for something",
    "recommends asking an expert",
    "mentions money, prices or costs",
    "mentions children, parents or family",
    "mentions animals, plants or the weather",
    "puts something in parentheses",
    "mentions a time of day, a weekday or a season",
    "mentions food or drink",
    "mentions a book, a film or a piece of music",
    "mentions a part of the human body",
    "uses a word in another language than its own",
    "thanks the reader or wishes something",
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
