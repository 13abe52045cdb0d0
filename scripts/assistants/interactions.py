"""Everything that a stage asked a language model and what it answered, in a file of its own."""

import re
import tempfile
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, NamedTuple

from scripts.assistants.provider import Reply, Request
from scripts.core.digests import digest
from scripts.core.files import json_line, replacing
from scripts.core.rows import ROW, as_json, iterate_rows

FIRST = re.compile(r"\[\[response A (\w+)\]\]\n(.*?)\n\[\[/response A \1\]\]", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """A request and its reply; a line of interactions.jsonl. Run again from the cache, a stage
    writes the same lines but for `cached` and `time`."""

    __pydantic_config__: ClassVar = ROW
    SCHEMA: ClassVar[int] = 1
    id: str
    """`i` and 16 hex digits of a digest of who was asked what."""
    stage: str
    """The stage that asked."""
    role: str
    """The role that was asked: `author`, `judge 1`, `cheap`, `themes`, `bank author`."""
    model: str
    """Its model."""
    kind: str
    """What for: `propose`, `merge`, `review`, `judge`, `relate`, `probe`, `themes`,
    `similarity`, `topics`, `bank`."""
    system: str
    """The instruction, the same for all requests of a kind."""
    prompt: str
    """What was asked."""
    reply: str | None
    """What came, with thoughts where the server leaves them in it; none where nothing did."""
    thoughts: str | None = None
    """Thoughts that the server tells apart from what it says."""
    outcome: str
    """`clean`, `mended`, `refused`, `unparsable`, `truncated` or `lost`, as in costs.json."""
    reason: str | None
    """Why the reply could not be used; none where it could, or was lost."""
    again: bool
    """Whether it is the second chance of the request before it."""
    input_tokens: int
    """Tokens of the request."""
    output_tokens: int
    """Tokens of the reply."""
    dollars: float
    """US dollars at the price of the day, cached or not."""
    cached: bool
    """Whether the reply came from the record cache."""
    time: str
    """When it was read, in UTC."""


class Got(NamedTuple):
    """A reply, None where it was lost, what it cost, and whether it was in the cache."""

    reply: Reply | None
    dollars: float = 0.0
    cached: bool = False


class Place(NamedTuple):
    """Where an interaction belongs: which call of the pool asked, which of its questions it is, and
    whether it is that one's second chance. What is asked when depends on no one's speed."""

    call: int
    question: int
    again: bool


def id_of(request: Request) -> str:
    """The id of asking it: of who was asked what, wherever that one's server is."""
    return "i" + digest(request.role.title, request.content())[:16]


class Interactions:
    """The file of a stage: lines are put on disk as replies are read, and in order at the end. In
    memory is where each line lies."""

    def __init__(self, path: str | Path, stage: str):
        self.path, self.stage = Path(path), stage
        self._lines: list[tuple[Place, int, int]] = []
        self._end = 0
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._spool = tempfile.TemporaryFile(dir=self.path.parent)  # noqa: SIM115  # for write

    def add(
        self, place: Place, request: Request, got: Got, name: str, outcome: str, reason: str | None
    ) -> None:
        """Keep one. name: its id; reason: why the reply could not be used, if so."""
        reply = got.reply
        row = Interaction(
            id=name,
            stage=self.stage,
            role=request.role.name,
            model=request.model,
            kind=request.kind,
            system=request.system,
            prompt=request.prompt,
            reply=reply.text if reply else None,
            thoughts=reply.thoughts if reply else None,
            outcome=outcome,
            reason=reason,
            again=place.again,
            input_tokens=reply.input_tokens if reply else 0,
            output_tokens=reply.output_tokens if reply else 0,
            dollars=got.dollars,
            cached=got.cached,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        line = json_line(as_json(row), name)
        self._spool.write(line)
        self._lines.append((place, self._end, len(line)))
        self._end += len(line)

    def write(self) -> None:
        """Write the file, whole or not at all."""
        with (
            self._spool as spool,
            replacing(self.path) as temporary,
            open(temporary, "wb") as file,
        ):
            for _, start, length in sorted(self._lines):
                spool.seek(start)
                file.write(spool.read(length))


class Told(NamedTuple):
    """A judgement as the page shows it: its line in the file, the response that was called A, and
    what comes after the texts that the request quotes."""

    line: int
    model: str
    first: str
    statements: str
    reply: str


def told(path: str | Path, ids: Container[str]) -> dict[str, Told]:
    """Those of these ids in a file, the first of each."""
    found: dict[str, Told] = {}
    for line, row in enumerate(iterate_rows(path, Interaction), 1):
        if row.id in ids:
            first = FIRST.search(row.prompt)
            asked = row.prompt.rpartition("]]")[2].strip()
            shown = Told(line, row.model, first[2] if first else "", asked, row.reply or "")
            found.setdefault(row.id, shown)
    return found


def join(parts: Iterable[str | Path], path: str | Path) -> None:
    """The files of several stages as one."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        for part in parts:
            with open(part, "rb") as lines:
                while block := lines.read(1 << 20):
                    file.write(block)
