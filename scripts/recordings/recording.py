"""A recording: a subject's responses from whatever file, in the form that stages read.

`write` reads the native file once, in bounded memory, and leaves three files: `responses.jsonl`,
`prompts.jsonl` (scripts/recordings/files.py) and `report.json`.
"""

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, ClassVar

import numpy as np
from pydantic import with_config
from typing_extensions import TypedDict

from scripts.core.files import JsonObject
from scripts.core.rows import ROW, read_document, read_rows, write_document, write_rows
from scripts.core.settings import SETTINGS
from scripts.prompts.prompt import (
    BankError,
    Messages,
    content_id,
    is_empty,
    is_trimmed,
    last_user,
    normal_prompt,
    real_text,
)
from scripts.readers.reading import Reading
from scripts.readers.row import Row
from scripts.readers.settings import RecordingSettings
from scripts.recordings.files import RecordedPrompt, RecordedResponse, outputs_in

REASONS = 8  # kinds of missing responses that are told apart
LONGEST_REASON = 80  # characters
CHECKED = 2000  # responses at most that are looked at for refusals


@dataclass(slots=True)
class RecordingReport:
    """What a recording holds, in numbers: results/responses/<key>/report.json."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 1

    format: str = ""
    """The reader of the native file."""
    rows: int = 0
    """Rows of the native file that were read."""
    prompts: int = 0
    """Distinct prompts."""
    samples: int = 0
    """Responses that are there, the empty ones too."""
    repeated: int = 0
    """Prompts with several rows."""
    empty: int = 0
    """Responses that say nothing."""
    missing: dict[str, int] = field(default_factory=dict)
    """Rows without a response, by reason."""
    cut: int = 0
    """Responses that the token limit has cut."""
    trimmed: int = 0
    """Prompts that had white space around them."""
    left_out: int = 0
    """Rows that `where` leaves out."""
    unasked: int = 0
    """Rows whose prompt is empty."""
    unused_keys: int = 0
    """Prompts of the file `prompts` without a row."""
    length: float = 0
    """Median length of a response, in characters."""
    longest: int = 0
    """Length of the longest response, in characters."""
    checked: int = 0
    """Responses that were looked at for refusals."""
    refused: int = 0
    """Those among the checked ones that refuse."""
    content: str = ""
    """A digest of all prompts and responses, hex sha256."""


@with_config(SETTINGS)
class RecordingPlace(TypedDict):
    """Where the responses stage finds its recording."""

    responses: RecordingSettings


def write(
    settings: RecordingSettings,
    outputs: Mapping[str, Path],
    refuses: Callable[[str], bool] | None = None,
) -> RecordingReport:
    """Read a recording and write its three files, by the names `responses`, `prompts`, `report`.

    settings: those of `Responses` in the configuration, and `match`. Raises BankError.
    """
    with TemporaryFile() as spool:
        recorder = _Recorder(settings, spool)
        for row in recorder.reading:
            recorder.add(row)
        recorder.finish()
        write_rows(outputs["prompts"], recorder.prompts())
        write_rows(outputs["responses"], recorder.responses(refuses))
    write_document(outputs["report"], recorder.report)
    return recorder.report


def scanned(settings: RecordingSettings) -> tuple[list[RecordedPrompt], RecordingReport]:
    """The prompts and the report of a recording whose stage has not run. Raises BankError."""
    with TemporaryDirectory() as folder:
        place = outputs_in(Path(folder))
        write(settings, place)
        return read_recorded(place)


def read_recorded(place: Mapping[str, Path]) -> tuple[list[RecordedPrompt], RecordingReport]:
    """The prompts and the report of a recording from its files."""
    prompts = read_rows(place["prompts"], RecordedPrompt)
    return prompts, read_document(place["report"], RecordingReport)


class _Recorder:
    """What is known of the rows so far: texts lie in the spool, numbers in arrays."""

    def __init__(self, settings: RecordingSettings, spool: IO[bytes]):
        self.settings, self.spool = settings, spool
        self.reading = Reading(settings, "response")
        self.report = RecordingReport()
        self.numbers: dict[bytes, int] = {}  # of prompts, by id
        self.opened: list[int] = []  # where each prompt's line begins in the spool
        self.prompt, self.sample, self.begin = array("q"), array("q"), array("q")
        self.missing = array("b")
        self.lengths = array("q")
        self.taken: set[tuple[int, str | None, int]] = set()
        self.models: dict[str, str] = {}

    def add(self, row: Row) -> None:
        """Take in one row. Raises BankError with its place."""
        report = self.report
        content = normal_prompt(row.prompt, row.place)
        if self.settings.get("match") == "last_user":
            content = last_user(content)
        if is_empty(content):
            report.unasked += 1
            return
        report.rows += 1
        number = self._number(row, content)
        self._one_model(row)
        text = None if row.response is None else real_text(row.response, row.place)
        if text is None:
            text = self._without(row)
        else:
            report.empty += not text.strip()
        report.cut += row.finished is False
        if text is not None:
            self.lengths.append(len(text))
        self.prompt.append(number)
        self.sample.append(self._sample(row, number))
        self.missing.append(text is None)
        kept = {"text": text, "finished": row.finished}
        kept |= {"reason": self._reason(row)} if text is None else {}
        self.begin.append(self._spool(kept))

    def _number(self, row: Row, content: str | Messages) -> int:
        name = bytes.fromhex(content_id(content))
        if name not in self.numbers:
            self.numbers[name] = len(self.opened)
            self.report.trimmed += is_trimmed(row.prompt)
            known = {"content": content, "category": row.category, "group": row.group}
            self.opened.append(self._spool({"id": name.hex()} | known))
        return self.numbers[name]

    def _one_model(self, row: Row) -> None:
        if row.model is not None and row.model not in self.models:
            self.models[row.model] = row.at
            if len(self.models) > 1:
                names = list(self.models)
                raise BankError(
                    f"{row.place}: responses of another model, `{names[1]}` beside `{names[0]}`; "
                    f"choose one, as in `{{path: {self.settings['path']}, "
                    f"where: {{model: {names[0]}}}}}`"
                )

    def _without(self, row: Row) -> str | None:
        """The text that stands for a missing response, by the setting `missing`."""
        how = self.settings.get("missing", "exclude")
        reasons, reason = self.report.missing, self._reason(row)
        if reason not in reasons and len(reasons) >= REASONS:
            reason = "other reasons"
        reasons[reason] = reasons.get(reason, 0) + 1
        if how != "empty":
            return None
        self.report.empty += 1
        return ""

    @staticmethod
    def _reason(row: Row) -> str:
        unsaid = "cut before its first word" if row.finished is False else "null"
        lines = (row.reason or unsaid).strip().splitlines()
        return lines[0][:LONGEST_REASON] if lines else unsaid

    def _sample(self, row: Row, number: int) -> int:
        """Where a row stands among those of its prompt: by `sample`, else in the file's order."""
        if row.sample is None:
            return len(self.prompt)
        taken = (number, row.key, row.sample)
        if taken in self.taken:
            raise BankError(
                f"{row.place}: a second response for sample {row.sample} of its prompt; number a "
                "prompt's responses 0, 1, 2, …, or name the field that tells them apart as `sample`"
            )
        self.taken.add(taken)
        return row.sample

    def _spool(self, value: JsonObject) -> int:
        place = self.spool.tell()
        self.spool.write(json.dumps(value, ensure_ascii=False).encode() + b"\n")
        return place

    def _at(self, place: int) -> JsonObject:
        self.spool.seek(place)
        return json.loads(self.spool.readline())

    def finish(self) -> None:
        """Count what can be counted once all rows are there. Raises BankError."""
        report, settings = self.report, self.settings
        missing = sum(report.missing.values())
        if missing and settings.get("missing") == "error":
            reasons = ", ".join(f"{n} × {reason}" for reason, n in report.missing.items())
            raise BankError(
                f"{missing} of {report.rows} responses of `{settings['path']}` are missing "
                f"({reasons}); complete them, or set `missing` to exclude or empty"
            )
        if not report.rows:
            raise BankError(f"`{settings['path']}` holds no prompt that says something")
        rows = Counter(self.prompt)
        report.prompts = len(self.opened)
        report.samples = len(self.lengths)
        report.repeated = sum(1 for n in rows.values() if n > 1)
        report.format, report.left_out = self.reading.format, self.reading.left_out
        report.unused_keys = self.reading.unused_keys
        report.length = median(self.lengths) if self.lengths else 0
        report.longest = max(self.lengths, default=0)

    def prompts(self) -> Iterator[RecordedPrompt]:
        """The rows of prompts.jsonl, in the order of the file."""
        missing = np.array(self.missing, dtype=bool)
        prompt = np.array(self.prompt, dtype=np.int64)
        there = np.bincount(prompt[~missing], minlength=len(self.opened))
        gone = np.bincount(prompt[missing], minlength=len(self.opened))
        for place, samples, lacking in zip(self.opened, there, gone, strict=True):
            yield RecordedPrompt(**self._at(place), samples=int(samples), missing=int(lacking))

    def responses(self, refuses: Callable[[str], bool] | None) -> Iterator[RecordedResponse]:
        """The rows of responses.jsonl, and what is counted over the texts."""
        # Of equal numbers (of another item with the same prompt) the earlier row comes first.
        order = np.lexsort((self.sample, self.missing, self.prompt))
        names = [name.hex() for name in self.numbers]
        every = max(1, -(-len(order) // CHECKED))
        content = hashlib.sha256()
        last, sample = -1, 0
        for place, row in enumerate(order):
            number = self.prompt[row]
            sample = sample + 1 if number == last else 0
            last = number
            kept = self._at(self.begin[row])
            if refuses and place % every == 0 and kept["text"] is not None:
                self.report.checked += 1
                self.report.refused += refuses(kept["text"])
            content.update(f"{names[number]}{json.dumps(kept['text'])}".encode())
            yield RecordedResponse(names[number], sample, **kept)
        self.report.content = content.hexdigest()
