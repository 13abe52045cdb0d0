"""What the site makes while it is built: the tables of the configuration, from its JSON schema."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).parent.parent / "config" / "schemas" / "config.schema.json"
MARK = "<!-- the tables of the configuration -->"
NAMES = {  # what JSON calls a type
    "string": "text", "integer": "whole number", "number": "number", "boolean": "true or false",
    "array": "list", "object": "mapping", "null": "null",
}  # fmt: skip
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
Schema = Mapping[str, Any]


def on_page_markdown(markdown: str, page, config, files) -> str:
    """Put the tables where a page has the mark (an event of mkdocs)."""
    if MARK not in markdown:
        return markdown
    return markdown.replace(MARK, configuration(json.loads(SCHEMA.read_text())))


def configuration(schema: Schema) -> str:
    """A table of all fields for the configuration itself and each of its sections, in the order in
    which they are reached, as Markdown."""
    parts = ["## The whole file", *_table(schema)]
    for name, places in _sections(schema).items():
        section = schema["$defs"][name]
        parts += [f"## {name}", "In " + ", ".join(f"`{place}`" for place in places) + "."]
        parts += [" ".join(section.get("description", "").split()), *_table(section)]
    return "\n\n".join(filter(None, parts))


def _sections(schema: Schema) -> dict[str, list[str]]:
    """Each section of the configuration with the places where it stands."""
    found: dict[str, list[str]] = {}

    def look(properties: Schema, below: str) -> None:
        for field, value in properties.items():
            for name, step in _references(value):
                places = found.setdefault(name, [])
                places.append(f"{below}{field}{step}")
                if len(places) == 1:
                    look(schema["$defs"][name]["properties"], f"{places[0]}.")

    look(schema["properties"], "")
    return found


def _references(value: Any, step: str = "") -> Iterator[tuple[str, str]]:
    """The sections that a field's schema names, with what leads to them: a name or a number."""
    if "$ref" in value:
        yield value["$ref"].removeprefix("#/$defs/"), step
    for choice in (*value.get("anyOf", ()), *value.get("oneOf", ())):
        yield from _references(choice, step)
    for choice in value.get("patternProperties", {}).values():
        yield from _references(choice, f"{step}.<name>")
    if isinstance(value.get("items"), Mapping):
        yield from _references(value["items"], f"{step}[]")


def _table(section: Schema) -> list[str]:
    required = set(section.get("required", ()))
    rows = ["| field | what it is | default | meaning |", "| --- | --- | --- | --- |"]
    for field, value in section["properties"].items():
        default = "**needed**" if field in required else _default(value)
        cells = (f"`{field}`", _kind(value), default, _meaning(value))
        rows.append("| " + " | ".join(map(_cell, cells)) + " |")
    return ["\n".join(rows)]


def _cell(text: str) -> str:
    """A table's cell: a bar would end it, and `<` outside of code begin a tag."""
    parts = text.replace("|", "\\|").split("`")
    return "`".join(p if n % 2 else p.replace("<", "&lt;") for n, p in enumerate(parts))


def _meaning(value: Schema) -> str:
    """A field's sentence; a field with a short form has it one level deeper."""
    texts = [value.get("description"), *(v.get("description") for v in value.get("anyOf", ()))]
    return " ".join(next(filter(None, texts), "").split())


def _default(value: Schema) -> str:
    if "default" not in value or isinstance(value["default"], Mapping):
        return ""
    return f"`{json.dumps(value['default'], ensure_ascii=False)}`"


def _kind(value: Schema) -> str:
    """What a field may hold, in words."""
    if choices := value.get("anyOf") or value.get("oneOf"):
        kinds = dict.fromkeys(map(_kind, choices))
        return " or ".join(kind for kind in kinds if kind != "null")
    if "$ref" in value:
        name = value["$ref"].removeprefix("#/$defs/")
        return f"[{name}](#{name.lower()})"
    if "enum" in value or "const" in value:
        return ", ".join(f"`{choice}`" for choice in value.get("enum", [value.get("const")]))
    if "patternProperties" in value:
        (inside,) = value["patternProperties"].values()
        return f"{_kind(inside)} by name"
    if value.get("type") == "array":
        return f"list of {_kind(value['items'])}"
    bounds = " and ".join(
        f"{sign} {value[name]:g}" for name, sign in BOUNDS.items() if name in value
    )
    kind = NAMES.get(value.get("type", ""), "any value")
    return f"{kind} {bounds}".strip()
