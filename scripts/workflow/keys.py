"""Content keys: what a stage's output is made from, as one short digest.

A key hashes the canonical JSON of a stage's settings, its inputs' keys, the content of external
files and the code that it runs, comments and docstrings stripped.
"""

import ast
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeVar

from scripts.core.digests import digest, file_digest
from scripts.core.files import replacing

SMALL = 1 << 20  # bytes; smaller files are hashed afresh, larger ones through the digest index


T = TypeVar("T")


class Code(NamedTuple):
    """What a Python file does: a digest without comments and docstrings, and what it imports."""

    digest: str
    modules: list[str]  # of the project; of `from scripts.a import b` also `scripts.a.b`, if any


class DigestIndex:
    """Digests of large files and of code, made once: files are checked by stat (size, mtime,
    inode), code by its content.

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
        self.read: dict[str, Code] = {}  # files whose content is not looked at again

    def file(self, path: str | os.PathLike) -> str:
        stat = os.stat(path)
        if stat.st_size < SMALL:
            return file_digest(path)
        mark = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        return self._entry(str(Path(path).resolve()), mark, lambda: file_digest(path))

    def code(self, path: str | os.PathLike) -> Code:
        name = str(path)
        if name not in self.read:
            source = Path(path).read_bytes()
            mark = [*sys.version_info[:2], hashlib.sha256(source).hexdigest()]
            self.read[name] = Code(*self._entry(f"code {name}", mark, lambda: _parsed(source)))
        return self.read[name]

    def _entry(self, name: str, mark: list, compute: Callable[[], T]) -> T:
        match self.known.get(name):
            case [*known, found, seal] if known == mark and seal == digest(name, mark, found)[:16]:
                return found
        found = compute()
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
        with suppress(OSError), replacing(self.path) as temporary:
            temporary.write_text(json.dumps(self.known))


def code_digest(index: DigestIndex, root: Path, script: str, extra: Iterable[str] = ()) -> str:
    """Digest of a script, the project modules it imports (transitively) and extra data files."""
    files = local_imports(index, root, script)
    parts = [[name, index.code(Path(root) / name).digest] for name in sorted(files)]
    return digest(parts, [[name, file_digest(Path(root) / name)] for name in sorted(extra)])


def local_imports(index: DigestIndex, root: Path, script: str) -> frozenset[str]:
    """The script and every project module (`scripts.…`) it imports, as paths below root."""
    found, queue = set(), [script]
    while queue:
        name = queue.pop()
        if name not in found:
            found.add(name)
            modules = index.code(Path(root) / name).modules
            paths = [module.replace(".", "/") + ".py" for module in modules]
            queue += [path for path in paths if (Path(root) / path).is_file()]
    return frozenset(found)


@cache
def _parsed(source: bytes) -> Code:
    tree, modules = ast.parse(source), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module, *(f"{node.module}.{a.name}" for a in node.names)}
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            # Docstrings, of modules, classes, functions and of the fields of a class.
            node.body = [part for part in node.body if not _is_text(part)] or [ast.Pass()]
    own = sorted(name for name in modules if name.startswith("scripts."))
    return Code(hashlib.sha256(ast.unparse(tree).encode()).hexdigest(), own)


def _is_text(part: ast.stmt) -> bool:
    return (
        isinstance(part, ast.Expr)
        and isinstance(part.value, ast.Constant)
        and isinstance(part.value.value, str)
    )
