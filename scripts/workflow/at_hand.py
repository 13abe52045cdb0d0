"""The prompts of a bank and the counts of a recording where their stages have not run yet: read
from what is there, or from the native files as long as those are small."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from scripts.core.checksums import damage
from scripts.core.rows import read_rows
from scripts.core.settings import Given
from scripts.models.description import model_folder
from scripts.prompts.prompt import Prompt
from scripts.readers.reading import Reading
from scripts.readers.registry import source_files
from scripts.readers.settings import FileSettings, RecordingSettings
from scripts.recordings.bank import build_bank, prompts_of
from scripts.recordings.files import RecordedPrompt, outputs_in
from scripts.recordings.recording import RecordingReport, read_recorded, scanned

READ_AT_MOST = 64 << 20  # bytes of native files
Recorded = tuple[list[RecordedPrompt], RecordingReport]


class Made(NamedTuple):
    """What a node of the stage `bank` or `responses` is made from."""

    key: str
    settings: Given
    local: Given


def bank_rows(bank: Made, sides: Mapping[str, Made], results: Path) -> list[Prompt] | None:
    """The prompts of a bank; None where reading them takes long. Raises AuditError when a file of
    it cannot be used."""
    built = results / "bank" / bank.key / "bank.jsonl"
    if built.is_file() and not damage(built):
        return read_rows(built, Prompt) if built.stat().st_size <= READ_AT_MOST else None
    recorded: dict[str, Recorded] = {}
    for side, made in sides.items():
        if (known := recording(made, results)) is None:
            return None
        recorded[side] = known
    if to_write(bank) or not all(map(is_small, bank.local["sources"])):
        return None
    return prompts_of(bank.local["sources"], bank.settings.get("match", "messages"), recorded)[0]


def model_at_hand(model: Made, results: Path) -> Path | None:
    """Where a model's files lie, or an adapter's of the same stage; None where they are still to be
    fetched or made."""
    described = results / "model" / model.key / "model.json"
    if "path" in model.local:
        path = Path(model.local["path"])
    elif described.is_file() and not damage(described):
        path = model_folder(described)
    else:
        return None
    return path if path.is_dir() else None


def to_write(bank: Made) -> dict[str, int]:
    """The sources of a bank that are not written yet, with how many prompts each will have at
    most."""
    return {
        path: most
        for path, most in bank.local.get("written", {}).items()
        if not Path(path).is_file()
    }


def most_prompts(bank: Made) -> int | None:
    """Prompts that a bank has at most part of which is still to be written; None where all of it is
    there, or reading the rest takes long. Raises AuditError when a file cannot be used."""
    missing = to_write(bank)
    there = [source for source in bank.local["sources"] if source["path"] not in missing]
    if not missing or not all(map(is_small, there)):
        return None
    return sum(missing.values()) + (build_bank(there)[1].prompts if there else 0)


def recording(made: Made, results: Path) -> Recorded | None:
    """The prompts and the report of a recording; None where reading them takes long.

    Raises AuditError when the file cannot be used.
    """
    place = outputs_in(results / "responses" / made.key)
    if all(path.is_file() and not damage(path) for path in place.values()):
        return read_recorded(place)
    native: RecordingSettings = made.local["responses"]
    if not is_small(native) or ((prompts := native["prompts"]) and not is_small(prompts)):
        return None
    return scanned({**native, "match": made.settings["match"]})


def look(settings: FileSettings, wants: Literal["prompt", "response"]) -> None:
    """Read the first row of a source or recording that is too large to be read now. Raises
    AuditError when it cannot be used."""
    if not settings.get("revision") and not is_small(settings):
        next(iter(Reading(settings, wants)))


def is_small(settings: FileSettings) -> bool:
    """Whether what a source or recording names is read quickly; a data set of the hub is not."""
    if settings.get("revision"):
        return False
    return sum(file.stat().st_size for file in source_files(settings)) <= READ_AT_MOST
