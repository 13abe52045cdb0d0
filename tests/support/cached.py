"""Records for the tests of the cache, and processes that write at once."""

import hashlib
import multiprocessing
from collections.abc import Callable
from pathlib import Path

AWKWARD = "日本 😀\u2028\x85\r\n\x00\ud83d end"


def key(name) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def batch(*names) -> dict[str, dict]:
    return {key(name): {"name": str(name), "text": f"{name} {AWKWARD}"} for name in names}


def only_segment(directory: Path) -> Path:
    (path,) = directory.glob("[!.]*.seg")
    return path


def run_writers(write: Callable[[str, int], None], directory: Path) -> None:
    """Three processes of `write(directory, number)` at once, each of which must end well."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write, args=(str(directory), n)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
