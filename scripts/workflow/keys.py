"""Content keys: what a stage's output is made from, as one short digest.

A key hashes the canonical JSON of a stage's settings, its inputs' keys, the content of external
files and the code that it runs, comments and docstrings stripped.
"""

import ast
import hashlib
import json
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

KEY_LENGTH = 16
SMALL = 1 << 20  # bytes; smaller files are hashed afresh, larger ones through the digest index


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(*parts: Any) -> str:
    """Hex sha256 of the canonical JSON of the parts."""
    return hashlib.sha256(canonical(parts).encode()).hexdigest()


def file_digest(path: str | os.PathLike) -> str:
    """Hex sha256 of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class DigestIndex:
    """Digests of large files, hashed once and then checked by stat (size, mtime, inode).

    Each entry ends with a digest of itself: a damaged one would change keys without a word. A
    missing or unreadable index only costs time. Safe beside other processes: the last writer
    wins and an entry that is lost is computed again.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        try:
            known = json.loads(self.path.read_text())
        except (OSError, ValueError):
            known = {}
        self.known = known if isinstance(known, dict) else {}
        self.fresh = False

    def file(self, path: str | os.PathLike) -> str:
        stat = os.stat(path)
        if stat.st_size < SMALL:
            return file_digest(path)
        name, mark = str(Path(path).resolve()), [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        match self.known.get(name):
            case [*known, found, seal] if known == mark and seal == digest(name, mark, found)[:16]:
                return found
        found = file_digest(path)
        self.known[name] = [*mark, found, digest(name, mark, found)[:16]]
        self.fresh = True
        return found

    def directory(self, path: str | os.PathLike) -> str:
        """Digest of a directory's file names and contents; hidden files are left out."""
        root = Path(path)
        files = sorted(p for p in root.rglob("*") if p.is_file() and not p.name.startswith("."))
        return digest([[p.relative_to(root).as_posix(), self.file(p)] for p in files])

    def save(self) -> None:
        """Write what was added; a directory that cannot be written is no error."""
        if not self.fresh:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
            temporary.write_text(json.dumps(self.known))
            os.replace(temporary, self.path)
        except OSError:
            pass


def code_digest(root: Path, script: str, extra: Iterable[str] = ()) -> str:
    """Digest of a script, the project modules it imports (transitively) and extra data files."""
    files = local_imports(Path(root), script)
    parts = [[name, _stripped(str(Path(root) / name))] for name in sorted(files)]
    return digest(parts, [[name, file_digest(Path(root) / name)] for name in sorted(extra)])


def local_imports(root: Path, script: str) -> frozenset[str]:
    """The script and every project module (`scripts.…`) it imports, as paths below root."""
    found, queue = set(), [script]
    while queue:
        name = queue.pop()
        if name not in found:
            found.add(name)
            queue += _direct_imports(root, name)
    return frozenset(found)


@cache
def _direct_imports(root: Path, script: str) -> frozenset[str]:
    found = set()
    for node in ast.walk(ast.parse((root / script).read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        for module in modules:
            path = module.replace(".", "/") + ".py"
            if module.startswith("scripts.") and (root / path).is_file():
                found.add(path)
    return frozenset(found)


@cache
def _stripped(path: str) -> str:
    """Hex digest of a Python file's code without comments and docstrings."""
    tree = ast.parse(Path(path).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body
            while (
                body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
            ):
                body.pop(0)
            node.body = body or [ast.Pass()]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()
