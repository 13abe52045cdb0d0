"""The requests that are put to a language model, each with the function that reads its reply.

Generated texts stand in them as quoted data (quoting.py). Whatever order a request has is drawn
from a hash of what it is about, so that it is the same whenever it is built.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scripts.assistants.client import Unusable
from scripts.assistants.provider import Request
from scripts.assistants.quoting import RULE, one_line, quoted
from scripts.assistants.replies import answer_in, said
from scripts.assistants.roles import Role
from scripts.assistants.verdicts import number_of, verdicts_in
from scripts.core.randomness import hash_generator, hash_unit

SHOWS = {"A": (True, False), "B": (False, True), "both": (True, True), "neither": (False, False)}
MODEL = re.compile(r"\s*(?:model )?([xy])\s*", re.IGNORECASE)
NO_OBJECT = "it held no JSON object"
Question = tuple[Request, Callable[[str], Any]]

JUDGE = f"""You compare two responses to one prompt. For each numbered statement say which \
response it is true of: "A", "B", "both" or "neither". Judge each statement by itself and by what \
the responses say, not by which is better or longer; when a response does not clearly show it, it \
does not count.
{RULE}
Reply with one JSON object and nothing else, from each number to its answer, such as \
{{"1": "A", "2": "neither"}}."""

WRITE = f"""You are given prompts, each with a response of model X and one of model Y. Say how the \
models differ in what they do. Each difference is a statement about one response that a reader \
could check with nothing but that response, and that is true of more responses of one model than \
of the other. Write about behaviour (what is said, recommended, claimed, left out, in which tone \
or form), never about topics that the prompts ask for, and be as specific as the texts allow.
{RULE}
Reply with one JSON object: "differences" is a list of objects with "statement" (a verb phrase in \
the third person that completes "The response …", at most 25 words), "more_often" ("X" or "Y") and \
"pairs" (the numbers of the pairs that show it). Leave the list empty when you see no difference."""

MERGE = f"""You are given numbered statements about responses. Find those that say the same thing, \
or nearly so, in other words.
{RULE}
Reply with one JSON object: "groups" is a list of lists of numbers, one list for each set of \
statements that are the same; leave out statements that stand alone."""

RELATE = f"""You are given two numbered lists of statements about responses, "tested" and \
"candidates". Find every candidate that is about the same behaviour as some tested statement, its \
opposite or a part of it.
{RULE}
Reply with one JSON object: "related" is the list of the numbers of those candidates."""

THEMES = f"""You are given numbered findings on how an intervention changed a language model. \
Group them into a few themes that a person would want to know first.
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


TEXT, NUMBERS = {"type": "string"}, {"type": "array", "items": {"type": "integer"}}


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
    return 16 + 10 * statements


def judge_question(
    role: Role,
    asked: tuple[str, str, int],
    responses: tuple[str, str],
    statements: Mapping[str, str],
    seed: int,
) -> Question:
    """Which of the responses (base, intervention) shows each statement.

    asked: the prompt's text, its id and the sample's index, which decide the coin. The reply is
    read as {name: (the base's shows it, the intervention's shows it)}.
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

    def read(reply: str) -> dict[str, tuple[bool, bool]]:
        given = _reply_verdicts(reply, len(shuffled))
        shown = {}
        for number, name in enumerate(shuffled, 1):
            if number not in given:
                raise Unusable(f'statement {number} needs "A", "B", "both" or "neither"')
            answer = SHOWS[given[number]]
            shown[name] = answer[::-1] if turn else answer
        return shown

    texts = JUDGE, f"{body}\n\nStatements:\n{numbered}"
    return request("judge", role, texts, schema, judge_tokens(len(names))), read


def write_question(
    role: Role,
    pairs: Sequence[tuple[str, str, str]],
    known: Sequence[str],
    most: int,
    coin: bool,
) -> Question:
    """How the two subjects differ in these (prompt, base, intervention) texts.

    known: statements found before, not to be repeated. coin: whether model X is the intervention.
    The reply is read as [(statement, whether the intervention shows it more, pairs that show it)].
    """
    parts: dict[str, str] = {}
    for number, (prompt, base, intervention) in enumerate(pairs, 1):
        x, y = (intervention, base) if coin else (base, intervention)
        parts |= {f"prompt {number}": prompt, f"X {number}": x, f"Y {number}": y}
    before = "".join(f"\n- The response {s}" for s in known)
    prompt = quoted(parts) + f"\n\nGive at most {most} differences, the clearest first."
    if known:
        prompt += f" These are known already; look for others:{before}"
    one = _object(
        {
            "statement": TEXT,
            "more_often": {"type": "string", "enum": ["X", "Y"]},
            "pairs": NUMBERS,
        }
    )

    def read(reply: str) -> list[tuple[str, bool, list[int]]]:
        found = []
        for row in _reply_list(reply, "differences")[:most]:
            side = MODEL.fullmatch(str(row.get("more_often"))) if isinstance(row, dict) else None
            if side is None:
                raise Unusable('each difference needs "statement", "more_often" and "pairs"')
            statement = behaviour_of(row.get("statement"))
            if statement:
                more = (side[1].upper() == "X") == coin
                found.append((statement, more, _numbers(row.get("pairs"), len(pairs))))
        return found

    schema = _object({"differences": _list(one)})
    return request("propose", role, (WRITE, prompt), schema, 200 + 120 * most), read


def merge_question(role: Role, statements: Sequence[str]) -> Question:
    """Which statements say the same; read as groups of their places in the list."""

    def read(reply: str) -> list[list[int]]:
        groups = [_numbers(group, len(statements)) for group in _reply_list(reply, "groups")]
        return [sorted(set(group)) for group in groups if len(set(group)) > 1]

    texts, schema = (MERGE, _numbered(statements)), _object({"groups": _list(NUMBERS)})
    return request("merge", role, texts, schema, 100 + 8 * len(statements)), read


def relate_question(role: Role, tested: Sequence[str], candidates: Sequence[str]) -> Question:
    """Which candidates for placebos are about what is tested; read as their places in the list."""

    def read(reply: str) -> set[int]:
        return set(_numbers(_reply_list(reply, "related"), len(candidates)))

    prompt = f"Tested:\n{_numbered(tested)}\n\nCandidates:\n{_numbered(candidates)}"
    schema = _object({"related": NUMBERS})
    return request("relate", role, (RELATE, prompt), schema, 50 + 5 * len(candidates)), read


def themes_question(role: Role, findings: Sequence[str]) -> Question:
    """Themes over validated findings; read as [(title, summary, places in the list)]."""

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

    theme = _object({"title": TEXT, "summary": TEXT, "findings": NUMBERS})
    texts, schema = (THEMES, _numbered(findings)), _object({"themes": _list(theme)})
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
