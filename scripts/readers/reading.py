"""Read what a source of prompts or a block of responses names, row by row, with clear errors.

The settings are those of `Source` and `Responses` in the configuration; fields that they name go
before those that the format or a field's name tells.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, cast

from scripts.core.files import Json, JsonObject
from scripts.prompts.prompt import BankError, normal_text
from scripts.readers.fields import (
    ALIASES,
    conversation,
    found_names,
    listed,
    look_up,
    matches,
    not_there,
    responses_of,
    scalar,
    value_at,
)
from scripts.readers.messages import filtered, finished, prompt_of
from scripts.readers.registry import parts
from scripts.readers.row import Fields, Format, Record, Row, Values, place, wrong
from scripts.readers.settings import FileSettings, RecordingSettings, Scalar

OF_PROMPTS = ("prompt", "category", "group", "key")  # what matters where responses do not
SEEN = 5  # values that an error lists at most
LARGEST = 10**18  # what a sample's number stays below


class Reading:
    """The rows of one source or recording; `left_out` counts those that `where` leaves out.

    wants: `prompt` for a bank, `response` for responses, `key` for a file of prompts by key.
    Raises BankError naming the file, the line and the remedy.
    """

    def __init__(
        self, settings: FileSettings, wants: Literal["prompt", "response", "key"] = "prompt"
    ):
        self.settings, self.wants = settings, wants
        self.named = {name: str(told) for name in ALIASES if (told := settings.get(name))}
        of_responses = wants == "response"
        self.sought = [what for what in ALIASES if of_responses or what in OF_PROMPTS]
        prompts = cast(RecordingSettings, settings).get("prompts")  # none of sources
        if prompts:
            self.sought.remove("prompt")
        self.where: Mapping[str, Scalar] = settings.get("where") or {}
        self.parts = parts(settings)
        self.left_out = 0
        self._others: dict[str, list[str]] = {name: [] for name in self.where}
        self._known: dict[tuple[str, ...], dict[str, str]] = {}
        self._prompts = PromptsByKey(prompts) if prompts else None

    @property
    def format(self) -> str:
        """The formats that were found, in words."""
        return ", ".join(dict.fromkeys(format.name for _, format in self.parts))

    @property
    def unused_keys(self) -> int:
        """How many prompts of the file `prompts` no row names."""
        return self._prompts.unused if self._prompts else 0

    def __iter__(self) -> Iterator[Row]:
        self.left_out, rows = 0, 0
        for path, format in self.parts:
            for record in _as_written(format, format.records, path, self.settings):
                for row in self._rows(path, format, record):
                    rows += 1
                    yield row if self._prompts is None else self._prompts.joined(row)
        if not rows:
            raise BankError(self._nothing())

    def _rows(self, path: Path, format: Format, record: Record) -> Iterator[Row]:
        fields = record.fields
        try:
            for values in self._values(format, fields):
                if not self._wanted(fields, values):
                    self.left_out += 1
                    continue
                for response in self._responses(values):
                    yield self._row(path, record.at, values, response)
        except BankError as error:
            raise wrong(path, record.at, str(error)) from None

    def _values(self, format: Format, fields: Fields) -> Iterator[JsonObject]:
        """What a record holds, by what it is."""
        if format.values is not None:
            own = {what: self._at(fields, what, name) for what, name in self.named.items()}
            for values in _as_written(format, format.values, fields):
                yield {**values, **own}
            return
        names = self._names(fields)
        values = {what: self._at(fields, what, name) for what, name in names.items()}
        for what in ("category", "group", "model", "key"):
            if what in values and what not in self.named and isinstance(values[what], list | dict):
                del values[what]  # another thing that bears the name
        if self.wants == "response" and (both := conversation(fields, names)):
            values["prompt"], values["response"] = both
        if not (self._prompts or self.wants == "key" or "key" in self.named):
            values.pop("key", None)  # a row's own number says nothing of its prompt
        yield values

    def _names(self, fields: Fields) -> dict[str, str]:
        keys = tuple(fields)
        if keys not in self._known:
            self._known[keys] = self._complete(found_names(keys, self.named, self.sought), fields)
        return self._known[keys]

    def _complete(self, names: dict[str, str], fields: Fields) -> dict[str, str]:
        """The names, if they suffice for what is wanted. Raises BankError, without its place."""
        if "prompt" not in names and not (self._prompts and "key" in names):
            if "key" in names and self.wants == "response":
                raise BankError(
                    f"it holds no prompt, but `{names['key']}`; name the file that holds the "
                    f"prompts, as in `{{path: {self.settings['path']}, prompts: questions.csv}}`, "
                    f"or the prompt's field among {listed(fields)}"
                )
            raise BankError(self._unknown("prompt", fields, names))
        lacking = self.wants == "response" and "response" not in names
        if lacking and conversation(fields, names) is None:
            raise BankError(self._unknown("response", fields, names))
        if self.wants == "key" and "key" not in names:
            raise BankError(self._unknown("key", fields, names))
        return names

    def _unknown(self, what: str, fields: Fields, names: Mapping[str, str]) -> str:
        taken = set(names.values())
        texts = [k for k, v in fields.items() if isinstance(v, str) and k not in taken]
        example = next(iter([*texts, *(k for k in fields if k not in taken)]), None)
        if example is None and fields:
            none = ", null where there is none" if what == "response" else ""
            return f"there is no {what}, but only {listed(fields)}; add a field `{what}`{none}"
        return (
            f"no field is known as the {what} (looked for {', '.join(ALIASES[what])}); it has "
            f"{listed(fields)}; name one, as in "
            f"`{{path: {self.settings['path']}, {what}: {example or what}}}`"
        )

    @staticmethod
    def _at(fields: Fields, what: str, name: str) -> Json:
        try:
            return value_at(fields, name)
        except KeyError:
            raise BankError(not_there(what, name, fields)) from None

    def _wanted(self, fields: Fields, values: Values) -> bool:
        """Whether `where` lets a row through: by the file's own field, else by what it is."""
        for name, wanted in self.where.items():
            value = look_up(fields, name, values.get(name, self))
            if value is self:
                raise BankError(not_there("filter `where`", name, fields))
            if not matches(value, wanted):
                others = self._others[name]
                if len(others) < SEEN and str(value) not in others:
                    others.append(str(value))
                return False
        return True

    def _responses(self, values: Values) -> list[str | None]:
        if self.wants != "response":
            return [None]
        return responses_of(values.get("response"))

    def _row(self, path: Path, at: str, values: Values, response: str | None) -> Row:
        prompt = prompt_of(values.get("prompt"))
        if prompt is None and not (self._prompts and values.get("key") is not None):
            keyed = values.get("key") is not None and self.wants == "response"
            how = ": it is null; remove the row, or name another field or `format`"
            if keyed:
                how = "; name the file that holds the prompts, as `prompts`"
            raise BankError(f"there is no prompt{how}")
        if self.wants == "key" and values.get("key") is None:
            raise BankError("there is no key; name its field, as in `key: id`")
        why, reason = values.get("finished"), values.get("reason")
        return Row(
            file=path,
            at=at,
            prompt=prompt,
            response=response,
            sample=_whole(values.get("sample")),
            finished=why if isinstance(why, bool) or why is None else finished(why),
            reason=None if response else _reason(reason, why),
            **{what: _text(values, what) for what in ("category", "group", "model", "key")},
        )

    def _nothing(self) -> str:
        path = self.settings["path"]
        if self.left_out:
            found = "; ".join(
                f"`{name}` is {listed(values)}" for name, values in self._others.items() if values
            )
            asked = ", ".join(f"{name}: {value}" for name, value in self.where.items())
            return f"no row of `{path}` has `{{{asked}}}`: {found}; correct `where`"
        return f"`{path}` holds no rows; name a file that holds some"


class PromptsByKey:
    """The prompts of a file of their own, for responses that hold only a key."""

    def __init__(self, settings: FileSettings):
        self.path, self.used = settings["path"], set[str | None]()
        self.rows: dict[str | None, Row] = {}
        for row in Reading(settings, "key"):
            known = self.rows.setdefault(row.key, row)
            if known.prompt != row.prompt:
                raise BankError(
                    f"{row.place}: the key `{row.key}` is also that of {known.at}, with another "
                    "prompt; make the keys distinct"
                )

    def joined(self, row: Row) -> Row:
        """A row with the prompt of its key. Raises BankError when no prompt has it."""
        found = self.rows.get(row.key)
        if found is None:
            example = next(iter(self.rows), "none")
            raise BankError(
                f"{row.place}: no prompt of `{self.path}` has the key `{row.key}`; its keys are "
                f"like `{example}`; name the right field of each file as `key`"
            )
        self.used.add(found.key)
        return Row(
            row.file, row.at, found.prompt, row.response, row.sample,
            row.category or found.category, row.group or found.group, row.model, row.key,
            row.finished, row.reason,
        )  # fmt: skip

    @property
    def unused(self) -> int:
        return len(self.rows) - len(self.used)


def _as_written(
    format: Format, find: Callable[..., Iterable[Json]], source: Json, *given: Json
) -> Iterator[Json]:
    """What a format finds in a file or a record. Raises BankError where its shape is another."""
    try:
        yield from find(source, *given)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        at = f"{place(source)}: " if isinstance(source, Path) else ""
        raise BankError(
            f"{at}it is not as {format.title} should be ({error}); correct it, or name another "
            "`format`"
        ) from None


def _whole(value: Json) -> int | None:
    """A sample's number; none where a cell is empty. Raises BankError, without its place."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    number = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    if isinstance(value, float) and value.is_integer():
        number = int(value)
    if isinstance(value, str):
        with suppress(ValueError):
            number = int(value)
    if number is not None and abs(number) < LARGEST:
        return number
    if number is not None:
        raise BankError(
            "the sample has more than 18 digits; number a prompt's responses 0, 1, 2, …, or name "
            "another field as `sample`"
        )
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    raise BankError(
        f"the sample {shown} is no whole number; number a prompt's responses 0, 1, 2, …, or name "
        "another field as `sample`"
    )


def _reason(reason: Json, why: Json) -> str | None:
    """Why there is no response, where the row says it."""
    if isinstance(reason, Mapping):
        reason = reason.get("message") or reason.get("code")
    return scalar(reason) or filtered(why)


def _text(values: Values, what: str) -> str | None:
    value = values.get(what)
    if isinstance(value, list | Mapping):
        raise BankError(f"the {what} {value!r} is no text; name another field as `{what}`")
    text = scalar(value)
    return None if text is None else normal_text(text, f"the {what}")
