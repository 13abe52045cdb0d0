"""Read the prompts of a source, in their normal form, with clear errors.

A source is a mapping with `path` (a file, or a folder whose files are read in the order of their
names; its subfolders are not read), `format`, and for CSV `column` and `category_column`; `limit`
keeps the first so many distinct prompts of each category. A prompt without a category of its own
takes the stem of its file's name.

Formats, and the endings by which a folder's files and the format `auto` know them:

- templates (.yaml, .yml): `topic`, `things` and `forms`; every form is filled with every thing
- jsonl (.jsonl, .ndjson): `prompt` (a string or messages), optional `topic` or `category`, `group`
- csv (.csv): a column of prompts, optionally one of categories
- text (.txt): one prompt a line
- persona (.jsonl): Anthropic's model-written evaluations, whose prompt is the field `question`
- bold (.json): {domain: {name: [prefix, …]}}; the category is the domain

All text becomes Unicode NFC. White space around a prompt is dropped where it carries no intent:
in templates, CSV, text and BOLD; it stays in JSONL.
"""

import csv
import difflib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.prompts import BankError, Messages, kind_of, normal_prompt, normal_text, prompt_id

LISTED = 5  # names that an error lists at most
KEYS = ("path", "format", "column", "category_column", "limit")
ENDINGS = {
    "templates": (".yaml", ".yml"),
    "jsonl": (".jsonl", ".ndjson"),
    "csv": (".csv",),
    "text": (".txt",),
    "persona": (".jsonl", ".ndjson"),
    "bold": (".json",),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt as a source has it, normalised; `content` is "" for an empty line or prompt."""

    content: str | Messages
    topic: str
    group: str | None
    file: Path
    line: int | None

    @property
    def place(self) -> str:
        return _at(self.file, self.line)


def source_files(source: Mapping[str, Any]) -> list[Path]:
    """The files that a source consists of, sorted by name. Raises BankError when there is none."""
    path, declared = Path(source["path"]), source.get("format") or "auto"
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise BankError(_missing(path))
    fitting = {e for name, ends in ENDINGS.items() if declared in ("auto", name) for e in ends}
    visible = [p for p in path.iterdir() if not p.name.startswith(".")]
    files = [p for p in visible if p.suffix.lower() in fitting and p.is_file()]
    if not files:
        nested = any(p.is_dir() for p in visible)
        raise BankError(
            f"the folder `{path}` has no file ending in {', '.join(sorted(fitting))}"
            + ("; name one of its subfolders, which are not read" if nested else "; add one")
        )
    return sorted(files, key=lambda p: p.name)


def check_sources(sources: Sequence[Mapping[str, Any]]) -> None:
    """Check what is cheap: settings, existence, formats, CSV columns. Raises BankError."""
    for source in sources:
        _check_settings(source)
        for path in source_files(source):
            if _format(path, source) == "csv":
                with closing(_csv_records(path)) as records:
                    _columns(path, next(records, (1, []))[1], source)


def load_source(source: Mapping[str, Any]) -> Iterator[Row]:
    """All rows of a source in file order, empty ones included. Raises BankError."""
    _check_settings(source)
    files = source_files(source)
    rows = (row for path in files for row in _READERS[_format(path, source)](path, source))
    limit = source.get("limit")
    return rows if limit is None else _first_of_each_category(rows, limit)


def _read_templates(path: Path, _source: Mapping[str, Any]) -> Iterator[Row]:
    where = _at(path)
    try:
        page = yaml.safe_load("".join(line for _, line in _lines(path)))
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise BankError(
            f"{_at(path, mark.line + 1 if mark else None)}: not valid YAML ({problem}); "
            "correct it, or put the text in quotes"
        ) from None
    if not isinstance(page, dict):
        raise BankError(f"{where} must have the fields `topic`, `things` and `forms`")
    for name in page:
        if name not in ("topic", "things", "forms"):
            raise BankError(f"{where}: unknown field `{name}`; known: topic, things, forms")
    topic = page.get("topic")
    if not isinstance(topic, str) or not topic.strip():
        raise BankError(f"{where}: `topic` is missing; give it a readable name")
    things, forms = (_listed_texts(page.get(name), name, where) for name in ("things", "forms"))
    for form in forms:
        bare = form.replace("{thing}", "")
        if bare == form or "{" in bare or "}" in bare:
            raise BankError(f"{where}: the form {form!r} must hold `{{thing}}` and no other braces")
    for thing in things:
        for form in forms:
            yield _row(path, None, form.replace("{thing}", thing.strip()).strip(), topic)


def _read_jsonl(path: Path, _source: Mapping[str, Any]) -> Iterator[Row]:
    for line, record in _json_lines(path):
        if record is None:
            yield _row(path, line, "")
            continue
        prompt = _field(record, "prompt", _at(path, line))
        topic = record.get("topic")
        topic = record.get("category") if topic is None else topic
        yield _row(path, line, prompt, topic, record.get("group"))


def _read_persona(path: Path, _source: Mapping[str, Any]) -> Iterator[Row]:
    for line, record in _json_lines(path):
        prompt = "" if record is None else _field(record, "question", _at(path, line))
        yield _row(path, line, prompt)


def _read_csv(path: Path, source: Mapping[str, Any]) -> Iterator[Row]:
    records = _csv_records(path)
    _, header = next(records, (1, []))
    column, category = _columns(path, header, source)
    for line, record in records:
        if not record:
            yield _row(path, line, "")
            continue
        if len(record) != len(header):
            raise BankError(
                f"{_at(path, line)}: {len(record)} fields where the header has {len(header)}; "
                "put prompts with commas in double quotes"
            )
        topic = None if category is None else record[category]
        yield _row(path, line, record[column].strip(), topic)


def _read_text(path: Path, _source: Mapping[str, Any]) -> Iterator[Row]:
    for line, text in _lines(path):
        yield _row(path, line, text.strip())


def _read_bold(path: Path, _source: Mapping[str, Any]) -> Iterator[Row]:
    text = "".join(line for _, line in _lines(path))
    try:
        domains = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise BankError(f"{_at(path, line)}: not valid JSON ({error}); correct it") from None
    if not isinstance(domains, dict):
        raise BankError(f"{_at(path)} is no BOLD file: it must be {{domain: {{name: [prefix]}}}}")
    for domain, names in domains.items():
        if not isinstance(names, dict):
            raise BankError(f"{_at(path)}: `{domain}` must be {{name: [prefix, …]}}")
        for name, prefixes in names.items():
            where = f"{_at(path)}, `{domain}`, `{name}`"
            if not isinstance(prefixes, list):
                raise BankError(f"{where}: must be a list of prefixes")
            for prefix in prefixes:
                if not isinstance(prefix, str):
                    raise BankError(f"{where}: the prefix {prefix!r} must be a string")
                yield _row(path, None, prefix.strip(), domain)


_READERS = {
    "templates": _read_templates,
    "jsonl": _read_jsonl,
    "csv": _read_csv,
    "text": _read_text,
    "persona": _read_persona,
    "bold": _read_bold,
}


def _format(path: Path, source: Mapping[str, Any]) -> str:
    """The format of a file: as declared, else by its ending and, for JSONL, its first record."""
    declared = source.get("format") or "auto"
    if declared != "auto":
        return declared
    fitting = [name for name, endings in ENDINGS.items() if path.suffix.lower() in endings]
    if not fitting:
        raise BankError(
            f"`{path}`: no format is known for the ending `{path.suffix}`; "
            f"set `format` to one of {', '.join(ENDINGS)}"
        )
    if fitting == ["jsonl", "persona"]:
        with closing(_json_lines(path)) as records:
            first = next((record for _, record in records if record is not None), {})
        return "persona" if "question" in first and "prompt" not in first else "jsonl"
    return fitting[0]


def _check_settings(source: Mapping[str, Any]) -> None:
    for name in source:
        if name not in KEYS:
            near = difflib.get_close_matches(str(name), KEYS, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(KEYS)}"
            raise BankError(f"a source has the unknown setting `{name}`; {hint}")
    path = source.get("path")
    if not isinstance(path, str | Path) or not str(path):
        raise BankError("a source has no `path`; name a file or a folder of prompts")
    declared, limit = source.get("format") or "auto", source.get("limit")
    if declared not in ("auto", *ENDINGS):
        raise BankError(
            f"`{path}`: unknown format `{declared}`; choose one of auto, {', '.join(ENDINGS)}"
        )
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise BankError(f"`{path}`: `limit` is {limit!r}; it must be a whole number of at least 1")


def _columns(
    path: Path, header: Sequence[str], source: Mapping[str, Any]
) -> tuple[int, int | None]:
    """Positions of the prompt's and the category's column."""
    names = [name.strip() for name in header]
    found = []
    for setting in ("column", "category_column"):
        wanted = source.get(setting) or ("prompt" if setting == "column" else None)
        if wanted is not None and wanted not in names:
            near = difflib.get_close_matches(wanted, names, n=1)
            hint = f"did you mean `{near[0]}`? " if near else ""
            listed = ", ".join(f"`{name}`" for name in names) or "none"
            raise BankError(
                f"`{path}` has no column `{wanted}`; {hint}set `{setting}` to one of its columns: "
                f"{listed}"
            )
        found.append(None if wanted is None else names.index(wanted))
    return found[0], found[1]


def _row(path: Path, line: int | None, prompt: Any, topic: Any = None, group: Any = None) -> Row:
    """A row in normal form; the stem of the file's name stands in for a missing category."""
    where = _at(path, line)
    for name, value in (("topic", topic), ("group", group)):
        if value is not None and not isinstance(value, str):
            raise BankError(f"{where}: the {name} {value!r} must be a string; put it in quotes")
    content = normal_prompt(prompt, where)
    last = content if isinstance(content, str) else content[-1]["content"] if content else ""
    return Row(
        content if last.strip() else "",
        normal_text((topic or "").strip() or path.stem, where),
        normal_text((group or "").strip(), where) or None,
        path,
        line,
    )


def _first_of_each_category(rows: Iterable[Row], limit: int) -> Iterator[Row]:
    kept: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        if not row.content:
            yield row
            continue
        of_topic, name = kept[row.topic], prompt_id(row.content)
        if name in of_topic or len(of_topic) < limit:
            of_topic.add(name)
            yield row


def _listed_texts(value: Any, name: str, where: str) -> list[str]:
    if not isinstance(value, list) or not value:
        raise BankError(f"{where}: `{name}` must be a list of strings")
    for entry in value:
        if not isinstance(entry, str) or not entry.strip():
            raise BankError(f"{where}: {entry!r} in `{name}` must be a string; put it in quotes")
    return value


def _field(record: Mapping[str, Any], name: str, where: str) -> Any:
    if name in record:
        return record[name]
    raise BankError(
        f"{where}: the field `{name}` is missing; the fields are "
        f"{', '.join(f'`{key}`' for key in record) or 'none'}"
    )


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines with their ends, split at "\\n" alone; text may hold other separators."""
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        raise BankError(f"{_at(path, number)}: not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise BankError(
            f"`{path}` cannot be read ({error.strerror}); check that it exists and its permissions"
        ) from None


def _json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Numbered JSON objects; None for an empty line."""
    for number, line in _lines(path):
        if not line.strip():
            yield number, None
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            problem = getattr(error, "msg", None) or str(error)
            raise BankError(
                f"{_at(path, number)}: not valid JSON ({problem}); write one object a line"
            ) from None
        if not isinstance(record, dict):
            raise BankError(
                f"{_at(path, number)}: {kind_of(record)} where an object like "
                '{"prompt": "…"} is expected'
            )
        yield number, record


def _csv_records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """CSV records with the line that each begins on, the header first."""
    with closing(_lines(path)) as lines:
        reader = csv.reader((line for _, line in lines), strict=True)
        begins = 1
        try:
            for record in reader:
                yield begins, record
                begins = reader.line_num + 1
        except csv.Error as error:
            raise BankError(
                f"{_at(path, begins)}: not valid CSV ({error}); check its double quotes, "
                "or use JSONL"
            ) from None


def _at(path: Path, line: int | None = None) -> str:
    return f"`{path}`" if line is None else f"`{path}`, line {line}"


def _missing(path: Path) -> str:
    """What is wrong with a path that leads nowhere: its first wrong part, and what is nearest."""
    folder, wrong = path.parent, path.name
    while not folder.is_dir():
        folder, wrong = folder.parent, folder.name
    names = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.5)
    if near:
        hint = f"did you mean `{folder / near[0]}`?"
    elif names:
        hint = f"`{folder}` holds {', '.join(names[:LISTED])}{', …' if names[LISTED:] else ''}"
    else:
        hint = f"`{folder}` is empty"
    return f"the source `{path}` does not exist; {hint}"
