"""A first look at a file: what it is made of, without reading the whole of it."""

import json
import re
from functools import cached_property
from pathlib import Path
from typing import Literal

from scripts.core.files import Json
from scripts.prompts.prompt import BankError

HEAD = 1 << 20  # bytes that are looked at
LINES = (".jsonl", ".ndjson")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:]')


class Glance:
    """The beginning of a file.

    shape: JSON `lines`, a JSON `array` or `object`, or `other`; first: the first line's or the
    array's first value; keys: those of the first value, or of the object.
    """

    def __init__(self, path: Path):
        self.path, self.ending = path, path.suffix.lower()

    @cached_property
    def head(self) -> bytes:
        try:
            with open(self.path, "rb") as file:
                return file.read(HEAD)
        except OSError as error:
            raise BankError(
                f"`{self.path}` cannot be read ({error.strerror}); check that it exists and its "
                "permissions"
            ) from None

    @cached_property
    def text(self) -> str:
        return self.head.decode("utf-8-sig", errors="replace").lstrip()

    @cached_property
    def _first_line(self) -> tuple[Json, bool]:
        """The first line's value, None if it is none by itself, and whether more lines follow."""
        with open(self.path, "rb") as file:
            lines = (line for line in file if line.strip())
            first, more = next(lines, b""), next(lines, None) is not None
        try:
            return json.loads(first.decode("utf-8-sig", errors="replace")), more
        except (ValueError, RecursionError):
            return None, more

    @cached_property
    def shape(self) -> Literal["lines", "array", "object", "other"]:
        if self.text[:1] not in ("{", "["):
            return "lines" if self.ending in LINES else "other"
        value, more = self._first_line
        if self.text[0] == "[":
            odd = isinstance(value, list) and not all(isinstance(v, dict) for v in value)
            return "lines" if self.ending in LINES and odd else "array"
        if self.ending in LINES or (more and isinstance(value, dict)):
            return "lines"
        return "object"

    @cached_property
    def first(self) -> Json:
        if self.shape == "lines":
            return self._first_line[0]
        if self.shape == "array":
            inside = self.text[1:].lstrip()
            try:
                return json.JSONDecoder().raw_decode(inside)[0]
            except (ValueError, RecursionError):
                return None
        return None

    @cached_property
    def keys(self) -> tuple[str, ...]:
        if self.shape == "object":
            return _top_keys(self.text)
        return tuple(self.first) if isinstance(self.first, dict) else ()


def _top_keys(text: str) -> tuple[str, ...]:
    """The keys of the object that a text begins with, as far as it goes."""
    depth, last, keys = 0, "", []
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in "{[":
            depth += 1
        elif token in "}]":
            depth -= 1
            if not depth:
                break
        elif token == ":" and depth == 1 and last:
            keys.append(json.loads(last, strict=False))
        last = token if token[0] == '"' else ""
    return tuple(keys)
