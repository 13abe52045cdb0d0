"""The requests that are put to a language model, each with the function that reads its reply.

Generated texts stand in them as quoted data (quoting.py). Whatever order a request has is drawn
from a hash of what it is about, so that it is the same whenever it is built.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from scripts.assistants.client import Unusable
from scripts.assistants.provider import Request
from scripts.assistants.quoting import RULE, occurs, one_line, quoted
from scripts.assistants.replies import answer_in, said
from scripts.assistants.roles import Role
from scripts.assistants.verdicts import INAPPLICABLE, number_of, verdicts_in
from scripts.core.randomness import hash_generator, hash_unit
from scripts.hypotheses.probe import Written
from scripts.prompts.prompt import BankError, normal_prompt

SHOWN = 400  # characters of a text where its beginning is enough
SHOWS = {
    "A": (True, False), "B": (False, True), "both": (True, True), "neither": (False, False),
    INAPPLICABLE: (False, False),
}  # fmt: skip
MODEL = re.compile(r"\s*(?:model )?([xy])\s*", re.IGNORECASE)
NO_OBJECT = "it held no JSON object"
Question = tuple[Request, Callable[[str], Any]]

JUDGE = f"""You compare two responses to one prompt. For each numbered statement say which \
response it is true of: "A", "B", "both", "neither" or, where what was asked leaves no room for it \
in any response, "does not apply". Judge each statement by itself, by what it means rather than by \
its letter, and by what the responses say, not by which is better or longer; when a response does \
not clearly show it, it does not count. Words in quotation marks must stand there literally, but \
not those after "such as".
{RULE}
Reply with one JSON object and nothing else, from each number to its answer, such as \
{{"1": "A", "2": "neither"}}."""

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

PROBE = f"""A language model was changed, and it may now be more, or less, likely to give \
responses of a certain kind. You write prompts to find out whether it does: prompts on which the \
change should show in the response if there is one, and for each a matched prompt, as like it as \
possible in topic, length and form, on which it should not. Write what people really ask, each \
prompt different from the others and complete in itself. Never ask for the behaviour in so many \
words: any model would show it then.
{RULE}
Reply with one JSON object: "prompts" is a list of objects with "shows" (a prompt on which the \
change should show) and "matched" (the matched prompt)."""

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

RELATE = f"""You are given two numbered lists of statements about responses, "tested" and \
"candidates". The candidates are to be controls: what is tested must say nothing about them. Find \
every candidate that a response which shows some tested statement would be more likely, or less \
likely, to show than another response: what is about the same behaviour, its opposite, a part of \
it, more general or more special, or what mostly comes with it, as an apology with a refusal.
{RULE}
Reply with one JSON object: "related" is the list of the numbers of those candidates."""

THEMES = f"""You are given numbered findings on how an intervention changed a language model, each \
with what was measured, and the topics that they are on. Group them into a few themes that a \
person would want to know first: what matters most and is largest. Name topics in words of your \
own by what is asked there; their key words may mislead.
{RULE}
Reply with one JSON object: "themes" is a list of objects with "title" (a few words), "summary" \
(one or two sentences that claim no more than the findings do) and "findings" (their numbers)."""


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(items)}


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
NUMBERS = _list(NUMBER)


def request(
    kind: str, role: Role, texts: tuple[str, str], schema: Mapping[str, Any], written: int
) -> Request:
    """A request for a reply of about `written` tokens at most, beside what the model thinks."""
    return Request(kind, role, *texts, schema, written + role.thinking_tokens)


def swapped(seed: int, prompt: str, sample: int, judge: str) -> bool:
    """The order coin of a pair and judge: whether response A is the intervention's."""
    return hash_unit("order", seed, prompt, sample, judge) < 0.5


def judge_tokens(statements: int) -> int:
    """Tokens of a reply that judges so many statements, at most."""
    return 40 + 12 * statements  # in a fence, too


class Verdicts(dict[str, tuple[bool, bool]]):
    """By the name of a statement whether the base's response shows it, and the intervention's.
    Those in `inapplicable` were said not to apply, which neither shows."""

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.inapplicable: set[str] = set()


def judge_question(
    role: Role,
    asked: tuple[str, str, int],
    responses: tuple[str, str],
    statements: Mapping[str, str],
    seed: int,
) -> Question:
    """Which of the responses (base, intervention) shows each statement.

    asked: the prompt's text, its id and the sample's index, which decide the coin. The reply is
    read as Verdicts.
    """
    text, prompt, sample = asked
    turn = swapped(seed, prompt, sample, role.title)
    first, second = reversed(responses) if turn else responses
    names = sorted(statements)
    chance = hash_generator("statements", seed, prompt, sample, role.title)
    shuffled = [names[i] for i in chance.permutation(len(names))]
    numbered = "\n".join(f"{n}. The response {statements[s]}" for n, s in enumerate(shuffled, 1))
    body = quoted({"prompt": text, "response A": first, "response B": second})
    schema = _object(
        {str(n): {"type": "string", "enum": list(SHOWS)} for n in range(1, len(names) + 1)}
    )

    def read(reply: str) -> Verdicts:
        given = _reply_verdicts(reply, len(shuffled))
        shown = Verdicts()
        for number, name in enumerate(shuffled, 1):
            if number not in given:
                raise Unusable(f"statement {number} needs one of {', '.join(map(repr, SHOWS))}")
            answer = SHOWS[given[number]]
            if given[number] == INAPPLICABLE:
                shown.inapplicable.add(name)
            shown[name] = answer[::-1] if turn else answer
        return shown

    texts = JUDGE, f"{body}\n\nStatements:\n{numbered}"
    return request("judge", role, texts, schema, judge_tokens(len(names))), read


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
) -> Question:
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
    one = _object(
        {
            "statement": TEXT,
            "more_often": {"type": "string", "enum": ["X", "Y"]},
            "pairs": NUMBERS,
            "quote": TEXT,
        }
    )

    def read(reply: str) -> list[Difference]:
        found = []
        for row in _reply_list(reply, "differences")[:most]:
            side = MODEL.fullmatch(str(row.get("more_often"))) if isinstance(row, dict) else None
            if side is None:
                raise Unusable('each difference needs "statement", "more_often" and "pairs"')
            if statement := behaviour_of(row.get("statement")):
                more = (side[1].upper() == "X") == coin
                places = sorted(set(_numbers(row.get("pairs"), len(pairs))))
                quote = one_line(str(row.get("quote") or ""))
                texts = [text for p in places for text in (pairs[p].base, pairs[p].intervention)]
                there = any(occurs(quote, text) for text in texts)
                found.append(Difference(statement, more, places, quote, there))
        return found

    schema = _object({"differences": _list(one)})
    return request("propose", role, (WRITE, prompt), schema, write_tokens(most)), read


def probe_question(
    role: Role,
    behaviour: str,
    direction: str,
    examples: Sequence[str],
    known: Sequence[str],
    count: int,
) -> Question:
    """Prompts on which a behaviour should show if one subject shows it more (or less), and matched
    ones.

    examples: prompts of the bank near which it was suspected; known: what was written before. The
    reply is read as prompts in normal form, with whether it should show on each.
    """
    parts = {f"example {number}": text for number, text in enumerate(examples, 1)}
    parts |= {f"written {number}": text for number, text in enumerate(known, 1)}
    prompt = f"{quoted(parts)}\n\n" if parts else ""
    prompt += f"The changed model may be {direction} likely to give a response that {behaviour}."
    if examples:
        prompt += " The examples are prompts on which that was suspected; do not repeat them."
    if known:
        prompt += " Those marked as written are there already: write others, of other kinds too."
    prompt += f"\nWrite {count} prompts, each with its matched one."

    def read(reply: str) -> list[Written]:
        found = []
        for row in _reply_list(reply, "prompts")[:count]:
            both = [row.get(name) for name in ("shows", "matched")] if isinstance(row, dict) else []
            if len(both) != 2 or not all(isinstance(text, str) for text in both):
                raise Unusable('each prompt needs "shows" and "matched", both texts')
            try:
                texts = [normal_prompt(text, "a prompt") for text in both]
            except BankError as error:
                raise Unusable(str(error)) from None
            if all(texts):
                found += [Written(texts[0], True), Written(texts[1], False)]
        return found

    schema = _object({"prompts": _list(_object({"shows": TEXT, "matched": TEXT}))})
    return request("probe", role, (PROBE, prompt), schema, 200 + 200 * count), read


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


def merge_question(role: Role, apart: Sequence[str], fresh: Sequence[str]) -> Question:
    """Which statements repeat others; read as a list of Repeated, with places in both lists
    together. apart: those that were compared with each other before."""

    def read(reply: str) -> list[Repeated]:
        found = []
        for row in _reply_list(reply, "groups"):
            if isinstance(row, list):  # of those that say the same
                row = {"keep": row[:1], "same": row[1:]}
            if not isinstance(row, dict):
                raise Unusable('each group needs "keep" and "same"')
            kept = _numbers(row.get("keep"), len(statements))
            same = sorted(set(_numbers(row.get("same"), len(statements))) - set(kept))
            if kept and same:
                found.append(Repeated(kept[0], same))
        return found

    statements = [*apart, *fresh]
    prompt = _numbered(statements)
    if apart:
        prompt = (
            f"Statements 1 to {len(apart)} are known to differ from each other: for each of the "
            f"others say which of these, or of the others, it repeats.\n\n{prompt}"
        )
    group = _object({"keep": NUMBER, "same": NUMBERS})
    schema = _object({"groups": _list(group)})
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


def review_question(role: Role, statements: Sequence[str], focus: str | None) -> Question:
    """How statements are best worded and what they are worth; read as Reviewed by their places."""

    def read(reply: str) -> dict[int, Reviewed]:
        found = {}
        for row in _reply_list(reply, "statements"):
            given = row if isinstance(row, dict) else {}
            place, scores = _numbers(given.get("number"), len(statements)), []
            for name in ("specificity", "interest"):
                score = number_of(given.get(name))
                scores += [score] if score is not None and 1 <= score <= 5 else []
            if place and len(scores) == 2:
                said = behaviour_of(given.get("statement")) or statements[place[0]]
                found[place[0]] = Reviewed(said, *scores)
        if statements and not found:
            raise Unusable('each needs "number", "statement", "specificity" and "interest"')
        return found

    prompt = _numbered(statements)
    if focus:
        prompt += f"\n\nThe person asks above all about this: {one_line(focus)}."
    one = _object({"number": NUMBER, "statement": TEXT, "specificity": NUMBER, "interest": NUMBER})
    schema = _object({"statements": _list(one)})
    written = review_tokens(len(statements))
    return request("review", role, (REVIEW, prompt), schema, written), read


def review_tokens(statements: int) -> int:
    """Tokens of a reply that reviews so many statements, at most."""
    return 100 + 100 * statements


def relate_question(role: Role, tested: Sequence[str], candidates: Sequence[str]) -> Question:
    """Which candidates for placebos are about what is tested; read as their places in the list."""

    def read(reply: str) -> set[int]:
        return set(_numbers(_reply_list(reply, "related"), len(candidates)))

    prompt = f"Tested:\n{_numbered(tested)}\n\nCandidates:\n{_numbered(candidates)}"
    schema = _object({"related": NUMBERS})
    return request("relate", role, (RELATE, prompt), schema, 50 + 5 * len(candidates)), read


class Topic(NamedTuple):
    """A region as a request for themes shows it: its key words, and prompts of it."""

    words: str
    prompts: Sequence[str]


class Example(NamedTuple):
    """A pair of responses that shows a finding."""

    base: str
    intervention: str


def themes_question(
    role: Role,
    findings: Sequence[str],
    topics: Mapping[str, Topic],
    examples: Mapping[int, Example],
    focus: str | None = None,
) -> Question:
    """Themes over validated findings; read as [(title, summary, places in the list)].

    findings: what was found and measured, a line each; topics: by the names that they use;
    examples: by the finding's number.
    """

    def read(reply: str) -> list[tuple[str, str, list[int]]]:
        found = []
        for row in _reply_list(reply, "themes"):
            if not isinstance(row, dict):
                raise Unusable('each theme needs "title", "summary" and "findings"')
            places = _numbers(row.get("findings"), len(findings))
            title, summary = (one_line(str(row.get(k) or ""), 400) for k in ("title", "summary"))
            if title and summary and places:
                found.append((title, summary, places))
        return found

    parts = {
        f"{name}, prompt {number}": prompt[:SHOWN]
        for name, topic in topics.items()
        for number, prompt in enumerate(topic.prompts, 1)
    }
    for number, example in examples.items():
        parts |= {f"finding {number}, {side}": t[:SHOWN] for side, t in example._asdict().items()}
    said = ["\n".join(f"{n}. {finding}" for n, finding in enumerate(findings, 1))]
    said += ["\n".join(f"{name}: key words {topic.words}" for name, topic in topics.items())]
    said += [quoted(parts)] if parts else []
    if focus:
        said.append(f"The reader asks above all about this: {one_line(focus)}.")
    theme = _object({"title": TEXT, "summary": TEXT, "findings": NUMBERS})
    texts, schema = (THEMES, "\n\n".join(said)), _object({"themes": _list(theme)})
    return request("themes", role, texts, schema, 300 + 60 * len(findings)), read


def behaviour_of(given: Any) -> str:
    """A statement as a verb phrase on one line, to be read after "The response"."""
    text = one_line(given if isinstance(given, str) else "").rstrip(".")
    return text[13:] if text.lower().startswith("the response ") else text


def _numbered(statements: Sequence[str]) -> str:
    return "\n".join(f"{n}. The response {s}" for n, s in enumerate(statements, 1))


def _reply_verdicts(reply: str, count: int) -> dict[int, str]:
    """Verdicts by the number of their statement; of a reply without JSON, from its lines."""
    given = answer_in(reply)
    found = verdicts_in(said(reply).around if given is None else given, count)
    if given is None and not found:
        raise Unusable(NO_OBJECT)
    return found


def _reply_list(reply: str, name: str) -> list[Any]:
    """The list of that name, or the one that stands where it should."""
    found = answer_in(reply)
    if found is None:
        raise Unusable(NO_OBJECT)
    if isinstance(found, dict):
        (only,) = found.values() if len(found) == 1 else (None,)
        found = found.get(name, only)
    if not isinstance(found, list):
        raise Unusable(f'it held no list "{name}"')
    return found


def _numbers(given: Any, most: int) -> list[int]:
    """Places in a list, from the numbers of a reply; what names none is left out."""
    numbers = map(number_of, given if isinstance(given, list) else [given])
    return [n - 1 for n in numbers if n is not None and 1 <= n <= most]
