"""Check an unpacked archive: its files against the manifest, its findings against its judgements.

    python3 verify.py            # in the unpacked folder, where this file lies, too
    python3 -m scripts.tools.verify FOLDER

Needs Python 3.11 and nothing else. One sentence for every problem; the exit code is 1 where there
is one.
"""

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.dont_write_bytecode = True  # it would be an extra file in the folder

from scripts.tools.recount import Row, recount

MANIFEST = "MANIFEST.sha256"
DIGEST_LENGTH = 12
NAMED = re.compile(rf"[a-z][a-z0-9-]*-([0-9a-f]{{{DIGEST_LENGTH}}})")


def manifest_digest(content: bytes) -> str:
    """The digest in an archive's name."""
    return hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH]


def sums(folder: Path) -> dict[str, str]:
    """The manifest: sha256 by file name. Raises ValueError when it is missing or unreadable."""
    try:
        lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError):
        raise ValueError(f"{MANIFEST} is missing or unreadable; unpack the archive again") from None
    found = {}
    for number, line in enumerate(lines, start=1):
        digest, _, name = line.partition("  ")
        if len(digest) != 64 or not name or name in found:
            raise ValueError(f"{MANIFEST}, line {number}, is none; unpack the archive again")
        found[name] = digest
    return found


def wrong_files(folder: Path) -> Iterator[str]:
    """Files that are missing, changed or extra; and a manifest that is not the name's."""
    known = sums(folder)
    named = NAMED.fullmatch(folder.resolve().name)
    digest = manifest_digest((folder / MANIFEST).read_bytes())
    if named and named.group(1) != digest:
        yield f"{MANIFEST} is changed: its digest is {digest}, the folder's name says {named[1]}"
    for name, digest in known.items():
        file = folder / name
        if not file.is_file() or file.is_symlink():
            yield f"{name} is missing"
        elif _digest(file) != digest:
            yield f"{name} is changed: its sha256 is not that of the manifest"
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if (file.is_symlink() or not file.is_dir()) and name not in {*known, MANIFEST}:
            yield f"{name} is extra: the manifest does not name it"


def _digest(file: Path) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def wrong_findings(folder: Path) -> Iterator[str]:
    """Figures of findings that do not follow from the archived judgements."""
    audits = sorted(folder.glob("results/audits/*/audit.json"))
    if not audits:
        yield "results/audits holds no audit.json, so there is nothing to count again"
    for path in audits:
        try:
            audit = json.loads(path.read_bytes())
            (made,) = (node for node in audit["keys"] if node["stage"] == "confirm")
            confirmed = folder / "results" / "confirm" / made["key"]
            findings = _rows(path.parent / "findings.jsonl")
            judgements = _rows(confirmed / "judgements.jsonl")
            settings = audit["config"]["audit"]
            local = made["settings"]["assistant"] == "local"
            for sentence in recount(findings, judgements, settings["confirm"]["q"], local):
                yield f"{path.parent.name}, finding {sentence}"
            known = _asked(path.parent / "interactions.jsonl")
            if any(name not in known for row in judgements for name in row["asked"]):
                yield f"{path.parent.name}: interactions.jsonl lacks what a judgement rests on"
            for other in (confirmed, folder / "results" / "report" / audit["key"]):
                if _rows(other / "findings.jsonl") != findings:
                    yield f"{path.parent.name}: {other.parent.name} holds other findings"
        except (OSError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            yield (
                f"{path.parent.name}: its findings cannot be counted again "
                f"({type(error).__name__}: {error})"
            )


def _asked(path: Path) -> set[str]:
    """What was asked, by its ids, a line at a time: the file may be larger than memory."""
    with open(path, "rb") as lines:
        return {json.loads(line)["id"] for line in lines if line.strip()}


def _rows(path: Path) -> list[Row]:
    # Split on "\n" alone: texts may hold other line separators.
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line.strip()]


def problems(folder: Path) -> list[str]:
    """Everything that is wrong with an unpacked archive, a sentence each."""
    try:
        files = list(wrong_files(folder))
    except ValueError as error:
        return [str(error)]
    return [*files, *wrong_findings(folder)]


def main(folder: Path) -> int:
    found = problems(folder)
    for problem in found:
        print(problem)
    name = folder.resolve().name
    if found:
        print(f"{name}: {'a problem' if len(found) == 1 else f'{len(found)} problems'} as said")
    else:
        files, audits = len(sums(folder)), [p.name for p in folder.glob("results/audits/*")]
        print(
            f"{name}: all {files} files are those of the manifest, and the findings of "
            f"{' and '.join(sorted(audits))} follow from their judgements"
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent))
