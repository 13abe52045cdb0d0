"""The files of a recording, and what a line of each holds."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from scripts.core.rows import ROW
from scripts.prompts.prompt import Messages

FILES = ("responses.jsonl", "prompts.jsonl", "report.json")


@dataclass(frozen=True, slots=True)
class RecordedResponse:
    """A line of results/responses/<key>/responses.jsonl; the samples of a prompt are together and
    in order, those that are missing behind the others."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 1

    prompt: str
    """Id of the prompt."""
    sample: int
    """Which response to the prompt it is, from 0."""
    text: str | None
    """The response; none if it is missing."""
    finished: bool | None = None
    """Whether the subject stopped by itself; none if the file does not say."""
    reason: str | None = None
    """Why the response is missing."""


@dataclass(frozen=True, slots=True)
class RecordedPrompt:
    """A line of results/responses/<key>/prompts.jsonl, in the order of the native file."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 1

    id: str
    """Hex sha256 of the content, 64 characters."""
    content: str | Messages
    """A text, or messages of role and content, in normal form."""
    category: str | None
    """What the native file says it is about, if it does."""
    group: str | None
    """The group of paraphrases that it belongs to, if the native file names one."""
    samples: int
    """Responses that are there, empty ones too."""
    missing: int
    """Responses that are missing."""


def outputs_in(folder: Path) -> dict[str, Path]:
    """A recording's files in the folder of its key, by their names."""
    return {Path(name).stem: folder / name for name in FILES}
