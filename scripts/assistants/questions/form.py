"""What all questions are made of: a request with the schema of its reply, and how that is read."""

from collections.abc import Mapping, Sequence

from scripts.assistants.client import Unusable
from scripts.assistants.provider import Request, Schema
from scripts.assistants.quoting import one_line
from scripts.assistants.replies import answer_in
from scripts.assistants.roles import Role
from scripts.assistants.verdicts import number_of

NO_OBJECT = "it held no JSON object"


def object_of(properties: Mapping[str, Schema]) -> Schema:
    """The schema of an object with all of these."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def list_of(items: Schema) -> Schema:
    """The schema of a list of these."""
    return {"type": "array", "items": dict(items)}


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
NUMBERS = list_of(NUMBER)


def request(kind: str, role: Role, texts: tuple[str, str], schema: Schema, written: int) -> Request:
    """A request for a reply of about `written` tokens at most, beside what the model thinks."""
    return Request(kind, role, *texts, schema, written + role.thinking_tokens)


def predicate_of(given: object) -> str:
    """A statement as a verb phrase on one line, to be read after "The response"."""
    text = one_line(given if isinstance(given, str) else "").rstrip(".")
    return text[13:] if text.lower().startswith("the response ") else text


def numbered(statements: Sequence[str]) -> str:
    """Statements as a request lists them."""
    return "\n".join(f"{n}. The response {s}" for n, s in enumerate(statements, 1))


def reply_list(reply: str, name: str) -> list[object]:
    """The list of that name, or the one that stands where it should."""
    found: object = answer_in(reply)
    if found is None:
        raise Unusable(NO_OBJECT)
    if isinstance(found, dict):
        (only,) = found.values() if len(found) == 1 else (None,)
        found = found.get(name, only)
    if not isinstance(found, list):
        raise Unusable(f'it held no list "{name}"')
    return found


def places_in(given: object, most: int) -> list[int]:
    """Places in a list, from the numbers of a reply; what names none is left out."""
    numbers = map(number_of, given if isinstance(given, list) else [given])
    return [n - 1 for n in numbers if n is not None and 1 <= n <= most]
