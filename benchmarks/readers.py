"""How fast recordings are read: rows a second and peak memory of the stage `responses`.

    python -m benchmarks.readers                 # 200,000 responses, as JSONL and as CSV
    python -m benchmarks.readers --rows 20000

Each file is read in a process of its own, as in a job. Nothing is kept.
"""

import argparse
import csv
import json
import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from scripts.checks.refusal import refuses
from scripts.core.rows import iterate_rows
from scripts.core.text_tables import table
from scripts.draws.draw import Draw
from scripts.models.kinds import records_of
from scripts.recordings.files import RecordedPrompt, outputs_in
from scripts.recordings.recording import write

WORDS = ("the", "rain", "model", "says", "that", "every", "second", "day", "was", "told", "why")
LENGTH = 160  # words of a response
SAMPLES = 4  # of each prompt
DRAWS = 5000  # that a job of decode looks up


def rows(count: int, seed: int = 0) -> Iterator[dict[str, str]]:
    """Made-up rows: SAMPLES responses to each prompt, one after the other."""
    chance = random.Random(seed)
    for number in range(count):
        prompt = f"What is to be said of case {number // SAMPLES}, all in all?"
        yield {"prompt": prompt, "response": " ".join(chance.choices(WORDS, k=LENGTH))}


def write_native(path: Path, count: int) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        if path.suffix == ".jsonl":
            file.writelines(json.dumps(row) + "\n" for row in rows(count))
            return
        cells = csv.DictWriter(file, ["prompt", "response"])
        cells.writeheader()
        cells.writerows(rows(count))


def read(path: Path, folder: Path) -> tuple[float, float]:
    """Seconds and MiB at most that one file takes."""
    before = _peak_mib()
    began = time.monotonic()
    write({"path": str(path)}, outputs_in(folder), refuses)
    return time.monotonic() - began, _peak_mib() - before


def look_up(folder: Path) -> tuple[float, float]:
    """Seconds and MiB at most that a job of decode takes for its draws."""
    answered = iterate_rows(outputs_in(folder)["prompts"], RecordedPrompt)
    draws = [Draw("base", "explore", prompt.id, 0) for prompt in islice(answered, DRAWS)]
    before = _peak_mib()
    began = time.monotonic()
    records_of(outputs_in(folder)["responses"], draws)
    return time.monotonic() - began, _peak_mib() - before


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    count = parser.parse_args().rows
    lines = []
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as scratch:
        for ending in ("jsonl", "csv"):
            native, folder = Path(scratch) / f"native.{ending}", Path(scratch) / ending
            write_native(native, count)
            mib = native.stat().st_size / 2**20
            for what, task, given in (
                (f"read {ending}", read, (native, folder)),
                (f"look up {DRAWS:,} draws", look_up, (folder,)),
            ):
                with context.Pool(1) as alone:
                    seconds, peak = alone.apply(task, given)
                rate = f"{count / seconds:,.0f}"
                lines.append(
                    [what, f"{count:,}", f"{mib:,.0f}", f"{seconds:.1f}", rate, f"{peak:,.0f}"]
                )
    header = ["", "rows", "file, MiB", "seconds", "rows/s", "memory, MiB"]
    print(table(header, lines))


if __name__ == "__main__":
    main()
