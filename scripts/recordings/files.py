"""The files of a recording, for the stages that read them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILES = ("responses.jsonl", "prompts.jsonl", "report.json")


def outputs_in(folder: Path) -> dict[str, Path]:
    """A recording's files in the folder of its key, by their names."""
    return {Path(name).stem: folder / name for name in FILES}


def rows_of(path: Path | str) -> Iterator[dict[str, Any]]:
    """The rows of one of a recording's files, one at a time."""
    with open(path, "rb") as file:
        for line in file:
            yield json.loads(line)
