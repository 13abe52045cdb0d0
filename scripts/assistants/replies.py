"""What a reply says, apart from what the model thought before it said it.

Thoughts stand between marks that differ from model to model, and may hold drafts of the answer; an
opening mark may be missing, since some chat templates end with it. So the last complete JSON value
after the last thought is the answer, and after an opening mark that is never closed there is none.
"""

import json
import re
from typing import NamedTuple

from jsonschema import Draft202012Validator

from scripts.assistants.provider import Schema

LONGEST_REPLY = 200_000  # characters, counted from the end
MOST_TRIED = 2_000_000  # characters of brackets that open and hold no JSON, each time they are read
TRYING = 200  # what trying takes at least
TAGS = "think|thinking|thought|reasoning|seed:think"
MARK = re.compile(
    rf"(?P<opens><(?:{TAGS})>|◁think▷|\[THINK\]|<\|channel\|>(?:analysis|commentary))"
    rf"|(?P<closes></(?:{TAGS})>|◁/think▷|\[/THINK\]|<\|channel\|>final)"
    r"|[{\[]",
    re.IGNORECASE,
)
BARE = re.compile(r"(?:\s|```|json|<\|\w+\|>)*", re.IGNORECASE)  # fences and a template's tokens


class Said(NamedTuple):
    """The JSON values after the last thought, and the rest of the text around them."""

    values: list[object]
    around: str


def said(reply: str) -> Said:
    """What a reply holds after the last thought; nothing where that has no end, nor of brackets
    beyond all reason."""
    reply, decoder = reply[-LONGEST_REPLY:], json.JSONDecoder()
    values: list[object] = []
    around: list[str] = []
    place = start = tried = 0
    thinking = False
    while mark := MARK.search(reply, place):
        place = mark.end()
        if mark["opens"] or mark["closes"]:
            values, around, start, thinking = [], [], place, bool(mark["opens"])
        if thinking or mark["closes"]:
            continue
        try:
            value, end = decoder.raw_decode(reply, mark.start())
        except (ValueError, RecursionError) as error:
            tried += max(TRYING, getattr(error, "pos", len(reply)) - mark.start())
            if tried > MOST_TRIED:
                return Said([], "")
            continue
        values.append(value)
        around.append(reply[start : mark.start()])
        place = start = end
    return Said([], "") if thinking else Said(values, "".join([*around, reply[start:]]))


def answer_in(reply: str) -> dict[str, object] | list[object] | None:
    """The last complete object. Where there is none, the last array, unless brackets that nothing
    closes stand around: then it is a part of something."""
    values, around = said(reply)
    for kind in (dict, list):
        if of_kind := [value for value in values if isinstance(value, kind)]:
            return of_kind[-1] if kind is dict or not set(around) & set("{[") else None
    return None


def as_asked(reply: str, schema: Schema) -> bool:
    """Whether a reply is, after its thoughts and in a fence or not, one value that the schema
    allows and nothing else."""
    values, around = said(reply)
    alone = len(values) == 1 and BARE.fullmatch(around)
    return bool(alone) and Draft202012Validator(schema).is_valid(values[0])
