"""Which field of a record is the prompt, the response, …: as the configuration names it, or by the
names that people use."""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence

from scripts.prompts.prompt import BankError, kind_of
from scripts.readers.messages import is_messages, said, split_conversation, transcript
from scripts.readers.row import Fields

# A name given here is taken as it is, and goes before the others of its line; of the rest of the
# first two lines a file must hold no more than one, of the other lines the first counts.
ALIASES: dict[str, tuple[str, ...]] = {
    "prompt": ("prompt", "question", "query", "instruction", "input", "user_prompt", "problem",
               "messages", "conversation", "conversations", "turns"),
    "response": ("response", "completion", "output", "answer", "generation", "model_response",
                 "model_output", "generated_text", "prediction", "reply", "responses",
                 "completions", "outputs", "generations"),
    "sample": ("sample", "rollout", "epoch", "sample_index", "repeat", "trial"),
    "category": ("topic", "category", "type", "subject", "domain", "subset"),
    "group": ("group",),
    "model": ("model", "model_name", "model_id", "generator"),
    "key": ("custom_id", "qid", "question_id", "prompt_id", "uid", "id"),
    "finished": ("finished", "finish_reason", "stop_reason"),
    "reason": ("reason", "error"),
}  # fmt: skip
REQUIRED = ("prompt", "response")
LISTED = 12  # fields that an error lists at most
_NOT_THERE = object()


def look_up(record: Fields, path: str, otherwise: object = None) -> object:
    """A field of a record; a path with dots leads into objects and, by numbers, into lists."""
    if path in record:
        return record[path]
    value: object = record
    for part in path.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return otherwise
    return value


def found_names(
    keys: Sequence[str], named: Mapping[str, str], sought: Sequence[str]
) -> dict[str, str]:
    """The fields among `keys` that are named, or known by their names, as one of those sought.

    Raises BankError, without its place, when a prompt or response could be one of several.
    """
    found = dict(named)
    for what in sought:
        here = [name for name in ALIASES[what] if name in keys and name not in named.values()]
        if what in named or not here:
            continue
        if what in REQUIRED and here[0] != what and len(here) > 1:
            raise BankError(
                f"the {what} may be {listed(here, ' or ')}; say which: `{what}: {here[0]}`"
            )
        found[what] = here[0]
    return found


def not_there(what: str, name: str, keys: Iterable[str]) -> str:
    """The sentence for a field that is named and not there."""
    keys = list(keys)
    near = difflib.get_close_matches(name, keys, n=2)
    hint = f"did you mean {listed(near, ' or ')}? " if near else ""
    return f"there is no field `{name}` for the {what}; {hint}it has {listed(keys)}"


def listed(names: Iterable[str], last: str = ", ") -> str:
    """Field names for a sentence."""
    names = [f"`{name}`" for name in names]
    more = [f"{len(names) - LISTED} more"] if names[LISTED:] else []
    return last.join([*names[:LISTED], *more]) or "no fields"


def matches(value: object, wanted: object) -> bool:
    """Whether a value of a file is what `where` asks for; a cell holds numbers as text."""
    return value == wanted or _plain(value) == _plain(wanted)


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text.casefold() if text.casefold() in ("true", "false", "null") else text


def responses_of(value: object) -> list[str | None]:
    """The responses that a field holds: text, several in a list, messages or parts of one.

    Raises BankError, without its place, for what is no text.
    """
    if value is None or isinstance(value, str):
        return [value]
    if isinstance(value, list):
        if is_messages(value):
            return [transcript(value)]
        if value and all(v is None or isinstance(v, str) for v in value):
            return list(value)
        if all(isinstance(part, Mapping) and "type" in part for part in value):
            return [said(value)]
    if isinstance(value, Mapping):
        if any(name in value for name in ("text", "content")):
            return [said(value)]
        raise BankError(
            f"the response is an object with {listed(value)}; name one, as in "
            f"`response: <field>.{next(iter(value), 'text')}`"
        )
    raise BankError(f"the response is {kind_of(value)}; it must be text, or null for none")


def conversation(record: Fields, names: Mapping[str, str]) -> tuple[object, str] | None:
    """Prompt and response of a record that holds both as one list of messages."""
    if "prompt" not in names or "response" in names:
        return None
    return split_conversation(look_up(record, names["prompt"]))


def scalar(value: object) -> str | None:
    """A category, group, model or key as text; None for what is none."""
    if value is None or isinstance(value, str):
        return value.strip() or None if value else None
    return None if isinstance(value, list | Mapping) else _plain(value)


def value_at(record: Fields, path: str) -> object:
    """A named field of a record: None where an object on the way is null or lacks it.

    Raises KeyError where the record has nothing of it.
    """
    value = look_up(record, path, _NOT_THERE)
    if value is not _NOT_THERE:
        return value
    if path.split(".")[0] in record and "." in path:
        return None
    raise KeyError(path)
