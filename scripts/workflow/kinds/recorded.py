"""Subjects of which responses were recorded elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.core.files import JsonObject
from scripts.core.settings import settings_as
from scripts.prompts.prompt import BankError
from scripts.readers.registry import source_files
from scripts.readers.settings import FileSettings, RecordingSettings
from scripts.workflow.kinds.kind import Dump, Kind, Nodes, Recipe, Words, in_words

if TYPE_CHECKING:
    from scripts.workflow.subject_sections import Subject


def recipe(nodes: Nodes, where: str, subject: Subject, match: str) -> Recipe:
    """From the node that reads the recording: its files count by their content, not by their
    names. Raises BankError."""
    assert subject.responses is not None
    given = settings_as(RecordingSettings, subject.responses.model_dump(), "responses")
    prompts, files = given["prompts"], []
    sources: list[tuple[str, FileSettings | None]]
    sources = [("responses", given), ("responses.prompts", prompts)]
    for name, file in sources:
        try:
            paths = source_files(file) if file else []
        except BankError as error:
            raise BankError(f"`{where}.{name}`: {error}") from None
        files.append([[path.suffix, nodes.digests.file(path)] for path in paths])
    settings = keyed(given) | {"prompts": prompts and keyed(prompts)}
    node = nodes.node(
        "responses", settings | {"match": match}, local={"responses": given}, identity=files
    )
    return Recipe({"responses": node.key}, {"responses": node})


def keyed(file: FileSettings) -> JsonObject:
    """What of a file's settings is in a key: not where it lies, but its name on the hub."""
    return {k: v for k, v in file.items() if k != "path" or file.get("revision") is not None}


def words(subject: Dump) -> Words:
    responses = subject["responses"]
    told: Words = [
        ("what is recorded in the file", responses["path"]),
        ("at revision", responses["revision"]),
        ("in its part", responses["subset"]),
        ("of the split", responses["split"]),
        ("as", responses["response"]),
    ]
    found: Words = [(phrase, named) for phrase, named in told if named]
    rows = responses["where"].items()
    return found + [(f"of the {field}", in_words(value)) for field, value in rows]


def inherit(base: Dump, given: Dump) -> JsonObject:
    """Another file has fields of its own."""
    return dict(given) if "path" in given else {**base, **given}


KIND = Kind(
    "recorded",
    "responses",
    recipe,
    words,
    idle="since the responses are recorded; remove it, and name what was recorded with it as "
    "`responses`",
    inherit=inherit,
)
