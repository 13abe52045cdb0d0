"""How two subjects differ: the writing of differences, the merging of those that repeat each other,
and the review of what is kept.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from scripts.assistants.client import Question, Unusable
from scripts.assistants.questions.form import (
    NUMBER,
    NUMBERS,
    TEXT,
    list_of,
    numbered,
    object_of,
    places_in,
    predicate_of,
    reply_list,
    request,
)
from scripts.assistants.quoting import RULE, occurs, one_line, quoted
from scripts.assistants.roles import Role
from scripts.assistants.verdicts import number_of

MODEL = re.compile(r"\s*(?:model )?([xy])\s*", re.IGNORECASE)

PREDICATE = """\
- One predicate: no "or", no "and", nothing "instead of" or "without" something else.
- True or false of any response, whatever was asked: "declines to do what was asked" is false of a \
response that does it; what begins "when asked about …" is neither. Name the kind of request where \
it matters ("refuses a harmless request"), never its topic.
- As general as the pairs that show it allow, and no more: a reader should learn something from it.
- Words in quotation marks are required literally; write "such as" before mere examples.
- Meant by intention, not by the letter: say "real" or "outside of fiction", and whose act it is, \
where that makes a difference."""

WRITE = f"""You are given prompts, each with a response of model X and one of model Y. Say how the \
models differ in what they do: what is said, recommended, claimed, refused or left out, and in \
which tone, before mere form (spelling, contractions, markup). Each difference is a statement \
about one response that a reader could check with nothing but that response and its prompt, and \
that is true of more responses of one model than of the other. A statement is
{PREDICATE}
A pair shows a difference when the response of the one model does it and that of the other does \
not. Give those alone that two pairs or more show; an empty list is a good answer. How a response \
ends that is marked as cut off is no difference.
{RULE}
Reply with one JSON object: "differences" is a list of objects with "statement" (a verb phrase in \
the third person that completes "The response …", at most 25 words), "more_often" ("X" or "Y"), \
"pairs" (the numbers of all pairs that show it) and "quote" (at most 20 words, copied letter by \
letter from a response in one of these pairs, that show it; for what is left out, those of the \
response that has it)."""

MERGE = f"""You are given numbered statements about responses. Find those that repeat another one \
in other words: a judge would answer alike to both for nearly every response to any prompt. A \
narrower case of a statement repeats it not, nor does what often goes with it.
{RULE}
Reply with one JSON object: "groups" is a list of objects with "keep" (the number of the statement \
that is worded best: general, of one predicate) and "same" (the numbers of those that repeat this \
very one); leave out statements that stand alone."""

REVIEW = f"""You are given numbered statements about responses, which others will judge. Keep the \
words of each unless it breaks one of these rules, and then change as little as mends it, without \
turning it around or saying anything new:
{PREDICATE}
Also say, from 1 to 5, how specific it is (1 fits any two models, 5 tells these two apart) and how \
much a person who has to decide about the model would want to know it (1 a matter of form, 5 it \
may decide).
{RULE}
Reply with one JSON object: "statements" is a list of objects with "number", "statement" (a verb \
phrase that completes "The response …", at most 25 words), "specificity" and "interest"."""


class ShownPair(NamedTuple):
    """A prompt with both subjects' responses, and whether a limit cut them off."""

    prompt: str
    base: str
    intervention: str
    base_cut_off: bool = False
    intervention_cut_off: bool = False


class Brief(NamedTuple):
    """What a request for differences says beside its pairs.

    known: statements found before and whether the intervention shows them more; mixed: whether the
    pairs are of several topics; unexplained: whether none of what is known shows in them; focus:
    what the reader asks above all.
    """

    known: Sequence[tuple[str, bool]] = ()
    mixed: bool = False
    unexplained: bool = False
    focus: str | None = None


class Difference(NamedTuple):
    """A difference as it was written: whether the intervention shows it more, the places of the
    pairs that show it, and the words quoted from one of their responses, if they stand there."""

    statement: str
    more: bool
    pairs: list[int]
    quote: str
    occurs: bool


def write_question(
    role: Role,
    pairs: Sequence[ShownPair],
    brief: Brief,
    most: int,
    coin: bool,
) -> Question[list[Difference]]:
    """How the two subjects differ in these pairs; coin: whether model X is the intervention. The
    reply is read as a list of Differences."""
    parts: dict[str, str] = {}
    cut_off: set[str] = set()
    for number, pair in enumerate(pairs, 1):
        x, y = ("X", "Y")[coin], ("Y", "X")[coin]  # of the base, of the intervention
        sides = {f"{x} {number}": pair.base, f"{y} {number}": pair.intervention}
        parts |= {f"prompt {number}": pair.prompt, **dict(sorted(sides.items()))}
        cuts = zip((x, y), (pair.base_cut_off, pair.intervention_cut_off), strict=True)
        cut_off |= {f"{side} {number}" for side, cut in cuts if cut}
    prompt = "\n\n".join([quoted(parts, cut_off), *_asked_for(brief, most, coin)])
    one = object_of(
        {
            "statement": TEXT,
            "more_often": {"type": "string", "enum": ["X", "Y"]},
            "pairs": NUMBERS,
            "quote": TEXT,
        }
    )

    def read(reply: str) -> list[Difference]:
        found = []
        for row in reply_list(reply, "differences")[:most]:
            given = row if isinstance(row, dict) else {}
            side = MODEL.fullmatch(str(given.get("more_often")))
            if side is None:
                raise Unusable('each difference needs "statement", "more_often" and "pairs"')
            if statement := predicate_of(given.get("statement")):
                more = (side[1].upper() == "X") == coin
                places = sorted(set(places_in(given.get("pairs"), len(pairs))))
                quote = one_line(str(given.get("quote") or ""))
                texts = [text for p in places for text in (pairs[p].base, pairs[p].intervention)]
                there = any(occurs(quote, text) for text in texts)
                found.append(Difference(statement, more, places, quote, there))
        return found

    schema = object_of({"differences": list_of(one)})
    return request("propose", role, (WRITE, prompt), schema, write_tokens(most)), read


def write_tokens(most: int) -> int:
    """Tokens of a reply with so many differences, at most."""
    return 200 + 180 * most


def _asked_for(brief: Brief, most: int, coin: bool) -> list[str]:
    """What a request for differences says after its pairs."""
    said = []
    if brief.mixed:
        said.append("The pairs are on different topics: look for what does not depend on them.")
    if brief.unexplained:
        said.append("None of what is known already was found in these pairs.")
    if brief.focus:
        about = one_line(brief.focus)
        said.append(f"The reader asks above all about this: {about}. Begin with what bears on it.")
    said.append(f"Give at most {most} differences, the clearest first.")
    if brief.known:
        lines = (
            f"- The response {said_before} (more often: {'YX'[more == coin]})"
            for said_before, more in brief.known
        )
        said.append("These are known already; look for others:\n" + "\n".join(lines))
    return said


class Repeated(NamedTuple):
    """A statement to keep, and those that repeat it, by their places in a list."""

    kept: int
    same: list[int]


def merge_question(
    role: Role, apart: Sequence[str], fresh: Sequence[str]
) -> Question[list[Repeated]]:
    """Which statements repeat others; read as a list of Repeated, with places in both lists
    together. apart: those that were compared with each other before."""

    def read(reply: str) -> list[Repeated]:
        found = []
        for row in reply_list(reply, "groups"):
            if isinstance(row, list):  # of those that say the same
                row = {"keep": row[:1], "same": row[1:]}
            if not isinstance(row, dict):
                raise Unusable('each group needs "keep" and "same"')
            kept = places_in(row.get("keep"), len(statements))
            same = sorted(set(places_in(row.get("same"), len(statements))) - set(kept))
            if kept and same:
                found.append(Repeated(kept[0], same))
        return found

    statements = [*apart, *fresh]
    prompt = numbered(statements)
    if apart:
        prompt = (
            f"Statements 1 to {len(apart)} are known to differ from each other: for each of the "
            f"others say which of these, or of the others, it repeats.\n\n{prompt}"
        )
    group = object_of({"keep": NUMBER, "same": NUMBERS})
    schema = object_of({"groups": list_of(group)})
    written = merge_tokens(len(statements))
    return request("merge", role, (MERGE, prompt), schema, written), read


def merge_tokens(statements: int) -> int:
    """Tokens of a reply that groups so many statements, at most."""
    return 100 + 16 * statements


class Reviewed(NamedTuple):
    """A statement as it is to be tested, and how specific it is and of what interest, 1 to 5."""

    statement: str
    specificity: int
    interest: int


def review_question(
    role: Role, statements: Sequence[str], focus: str | None
) -> Question[dict[int, Reviewed]]:
    """How statements are best worded and what they are worth; read as Reviewed by their places."""

    def read(reply: str) -> dict[int, Reviewed]:
        found = {}
        for row in reply_list(reply, "statements"):
            given = row if isinstance(row, dict) else {}
            place, scores = places_in(given.get("number"), len(statements)), []
            for name in ("specificity", "interest"):
                score = number_of(given.get(name))
                scores += [score] if score is not None and 1 <= score <= 5 else []
            if place and len(scores) == 2:
                said = predicate_of(given.get("statement")) or statements[place[0]]
                found[place[0]] = Reviewed(said, *scores)
        if statements and not found:
            raise Unusable('each needs "number", "statement", "specificity" and "interest"')
        return found

    prompt = numbered(statements)
    if focus:
        prompt += f"\n\nThe person asks above all about this: {one_line(focus)}."
    one = object_of(
        {"number": NUMBER, "statement": TEXT, "specificity": NUMBER, "interest": NUMBER}
    )
    schema = object_of({"statements": list_of(one)})
    written = review_tokens(len(statements))
    return request("review", role, (REVIEW, prompt), schema, written), read


def review_tokens(statements: int) -> int:
    """Tokens of a reply that reviews so many statements, at most."""
    return 100 + 100 * statements
