"""What a reader has to know before anything else: texts that are no answers, or all the same."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scripts.checks.language import notice_of_language
from scripts.checks.words import words
from scripts.core.vocabulary import SIDES
from scripts.page.numbers import count

MOST = 0.5  # of the explored pairs, from which it is said
FEWEST = 10  # pairs, below which shares say little
LONG = 3  # words of a prompt, below which repeating it is natural
QUOTED = 16  # words of a text that is the same each time


class Answered(NamedTuple):
    """A prompt of the explore pool and what either subject answered."""

    prompt: str
    base: str
    intervention: str


def notices_of_texts(explored: Sequence[Answered]) -> list[str]:
    """A sentence for everything that makes most texts say less than they seem to."""
    if len(explored) < FEWEST:
        return []
    found = [_identical(explored)]
    for side in SIDES:
        found += [_constant(explored, side), _repeats(explored, side)]
    texts = [text for pair in explored for text in (pair.base, pair.intervention)]
    return [sentence for sentence in (*found, notice_of_language(texts)) if sentence]


COMPARED = {
    "thoughts": "Thoughts are compared here, not the answers that follow them (`of: thoughts`).",
    "both": "Thoughts are compared here together with the answers (`of: both`).",
}


def notice_of_thoughts(thought: Mapping[str, tuple[int, int]], of: str) -> str | None:
    """What is compared where subjects think before they answer; `thought` has by side how many
    explored replies came after a thought, and all. of: as the audit's setting."""
    shares = [
        f"the {side} before {count(some)} of {count(of_all)} explored replies"
        for side, (some, of_all) in thought.items()
        if some
    ]
    if of in COMPARED or not shares:
        return COMPARED.get(of)
    return f"Subjects think first: {', '.join(shares)}. Their thoughts are not compared."


def _identical(explored: Sequence[Answered]) -> str | None:
    same = sum(pair.base.strip() == pair.intervention.strip() for pair in explored)
    if same < MOST * len(explored):
        return None
    others = "whatever is said below rests on the others"
    follows = others if same < len(explored) else "nothing was seen in which they differ"
    return (
        f"Both subjects gave the very same text in {_of(same, explored)} explored pairs: {follows}."
    )


def _constant(explored: Sequence[Answered], side: str) -> str | None:
    ((text, times),) = Counter(getattr(p, side).strip() for p in explored).most_common(1)
    if times < MOST * len(explored):
        return None
    shown = " ".join(text.split()[:QUOTED])
    more = " …" if len(text.split()) > QUOTED else ""
    what = f"the same text, “{shown}{more}”," if text else "an empty text"
    return (
        f"The {side} gave {what} in {_of(times, explored)} explored responses; nothing below says "
        "more than that."
    )


def _repeats(explored: Sequence[Answered], side: str) -> str | None:
    """Words of a prompt of LONG words or more with which a response begins."""
    times = sum(_begins_with(getattr(pair, side), pair.prompt) for pair in explored)
    if times < MOST * len(explored):
        return None
    return (
        f"The {side} begins by repeating the prompt in {_of(times, explored)} explored responses: "
        "its texts may hold the prompt and not the answer alone."
    )


def _begins_with(text: str, prompt: str) -> bool:
    asked = words(prompt)
    return len(asked) >= LONG and words(text[: 2 * len(prompt) + 100])[: len(asked)] == asked


def _of(times: int, explored: Sequence[Answered]) -> str:
    return f"{count(times)} of {count(len(explored))}"
