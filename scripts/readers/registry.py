"""The formats, in the order in which a file is tried: what is special before what is general.

A new format is a module with a `FORMAT`, and its name here.
"""

import difflib
from pathlib import Path

from scripts.prompts.prompt import BankError
from scripts.readers import (
    alpaca_eval,
    batch,
    bold,
    columns,
    fastchat,
    helm,
    hub,
    inspect_log,
    json_document,
    jsonl,
    lm_eval,
    model_diffing,
    persona,
    promptfoo,
    table,
    templates,
    text,
)
from scripts.readers.fields import listed
from scripts.readers.glance import Glance
from scripts.readers.jsons import GZIP
from scripts.readers.row import Format, wrong
from scripts.readers.settings import FileSettings

FORMATS: dict[str, Format] = {
    module.FORMAT.name: module.FORMAT
    for module in (
        templates, table, columns, text, inspect_log, helm, promptfoo, alpaca_eval, lm_eval,
        fastchat, batch, model_diffing, persona, bold, jsonl, json_document, hub,
    )
}  # fmt: skip
ENDINGS = sorted({ending for format in FORMATS.values() for ending in format.endings})
LISTED = 5  # names that an error lists at most
SHOWN = 60  # characters of a file that an error shows


def source_files(settings: FileSettings) -> list[Path]:
    """The files that a source or a recording consists of, sorted by name; none for a data set of
    the hub. Raises BankError when there is none."""
    path, declared = Path(settings["path"]), settings.get("format") or "auto"
    if settings.get("revision"):
        return []
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise BankError(_missing(path))
    if hub.is_saved(path):
        return sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    endings = ENDINGS if declared == "auto" else FORMATS[declared].endings
    visible = [p for p in path.iterdir() if not p.name.startswith(".")]
    files = [p for p in visible if p.suffix.lower() in endings and p.is_file()]
    if not files:
        nested = any(p.is_dir() for p in visible)
        raise BankError(
            f"the folder `{path}` has no file ending in {', '.join(endings)}"
            + ("; name one of its subfolders, which are not read" if nested else "; add one")
        )
    return sorted(files, key=lambda p: p.name)


def parts(settings: FileSettings) -> list[tuple[Path, Format]]:
    """What is read one after the other, each with its format. Raises BankError."""
    path = Path(settings["path"])
    if settings.get("revision") or (path.is_dir() and hub.is_saved(path)):
        return [(path, hub.FORMAT)]
    return [(file, format_of(file, settings)) for file in source_files(settings)]


def format_of(path: Path, settings: FileSettings) -> Format:
    """The format of a file: as named, else the first that it looks like. Raises BankError."""
    declared = settings.get("format") or "auto"
    if declared != "auto":
        return FORMATS[declared]
    glance = Glance(path)
    if not glance.head.strip():
        raise BankError(f"`{path}` is empty; name a file that holds something")
    for format in FORMATS.values():
        if format.fits(glance):
            return format
    if glance.head.startswith(GZIP):
        raise wrong(path, "", "it is packed; unpack it with `gzip -d`")
    if glance.keys:
        found = f"it begins with {listed(glance.keys)}"
    elif glance.head.startswith(b"PK"):
        found = "it is a packed file; save a spreadsheet as CSV"
    else:
        found = f"it begins with {glance.text[:SHOWN].splitlines()[0]!r}"
    raise BankError(
        f"`{path}` is none of the formats that are known by their ending ({', '.join(ENDINGS)}) or "
        f"by what they hold (JSON, Parquet); {found}; say what it is, as in `{{path: {path}, "
        f"format: text}}`: {', '.join(FORMATS)}"
    )


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
    return f"there is no `{path}`; {hint}"
