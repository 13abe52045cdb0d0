"""Checksums of outputs: written by the job that made them, checked by every job that reads them.

Beside an output `x` lies `.x.sha256`, as `sha256sum -c` reads it: a line for the file, or one for
every file of a folder. Snakemake looks at names and times alone, and a disk that loses a byte
changes neither.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from scripts.core.errors import AuditError
from scripts.core.files import is_temporary, replacing

ENDING, DAMAGED = ".sha256", ".damaged"
# What lies beside an output without being one: the weights that it describes.
BESIDE = {"model.json": "files", "plant.json": "adapter"}


def sum_file(path: str | os.PathLike[str]) -> Path:
    """Where the sums of an output lie."""
    path = Path(path)
    return path.with_name(f".{path.name}{ENDING}")


def is_sum_file(name: str) -> bool:
    """Whether a file's name is that of another one's sums."""
    return name.startswith(".") and name.endswith(ENDING)


def summed(folder: Path) -> list[Path]:
    """The outputs of which sums lie in a folder."""
    files = (path for path in folder.iterdir() if is_sum_file(path.name))
    return sorted(path.with_name(path.name[1 : -len(ENDING)]) for path in files)


def record(outputs: Iterable[str | os.PathLike[str]]) -> None:
    """Write the sums of outputs that are whole."""
    for output in map(Path, outputs):
        parts = [output]
        if output.name in BESIDE:
            parts.append(output.parent / BESIDE[output.name])
        files = [file for part in parts for file in _files(part)]
        lines = (f"{_digest(file)}  {file.relative_to(output.parent)}\n" for file in files)
        with replacing(sum_file(output)) as temporary:
            temporary.write_text("".join(lines), encoding="utf-8")


def forget(outputs: Iterable[str | os.PathLike[str]]) -> None:
    """Remove the sums of outputs that are about to be made."""
    for output in outputs:
        sum_file(output).unlink(missing_ok=True)


def damage(output: str | os.PathLike[str]) -> Path | None:
    """The first file of an output that is not as it was written; an output without sums is whole.

    Sums that cannot be read are the damage themselves. A missing output is none of this module's.
    """
    output, sums = Path(output), sum_file(output)
    if not output.exists():
        return None
    try:
        content = sums.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError):
        return sums
    lines = (line.partition("  ") for line in content.splitlines())
    known = {name: digest for digest, between, name in lines if between}
    if output.is_file() and output.name not in known:
        return sums
    for name, digest in known.items():
        file = output.parent / name
        try:
            if _digest(file) != digest:
                return file
        except FileNotFoundError:  # weights that were deleted: who loads them says so
            continue
        except (OSError, ValueError):
            return file
    return None


def check(inputs: Iterable[str | os.PathLike[str]]) -> None:
    """Raise AuditError unless all inputs are as they were written; the damaged are set aside, so
    that the same call makes them anew."""
    found = {path: file for path in dict.fromkeys(map(Path, inputs)) if (file := damage(path))}
    if not found:
        return
    sentences = [f"`{file}` is not as it was written{set_aside(p)}" for p, file in found.items()]
    raise AuditError("; ".join(sentences) + "; the same call again makes it anew")


def set_aside(output: Path) -> str:
    """Rename a damaged output and say so in the rest of a sentence."""
    try:
        os.replace(output, f"{output}{DAMAGED}")
        forget([output])
    except FileNotFoundError:  # another job was first
        pass
    except OSError as error:
        return f" and cannot be set aside ({error.strerror}): delete `{output}`"
    return f" and was set aside as `{output.name}{DAMAGED}`"


def _files(part: Path) -> Iterator[Path]:
    if part.is_dir():
        inside = sorted(path for path in part.rglob("*") if path.is_file())
        yield from (p for p in inside if not (is_sum_file(p.name) or is_temporary(p.name)))
    elif part.exists():
        yield part


def _digest(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
