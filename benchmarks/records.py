"""What a record cache of ten million records costs to open and to ask, merged and not.

    python -m benchmarks.records GENERATIONS...

GENERATIONS are JSONL files with `text`, from results/decode. Ten million records are laid into two
folders in cache/ (1.1 GB each): segments of 32,768, as merging leaves them, and segments of 1,000.
Keys are random; the records are real ones, repeated. A process of its own opens a folder and looks
up 100,000 keys that it holds, chosen at random over everything, the worst order there is; imports
are not counted, the files are in the page cache. Both folders take turns.

Then what adding costs: 4,096 batches of 32 records, as decoding adds them, to an empty cache.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.speed import REPEATS, record
from scripts.cache.records import RecordCache, record_key
from scripts.cache.segments import write_segment
from scripts.core.files import JsonObject
from scripts.core.job import peak_mib
from scripts.core.rows import iterate_rows
from scripts.draws.generation import Generation

RECORDS, ASKED = 10_000_000, 100_000
MERGED, UNMERGED = 32_768, 1_000
BATCHES, BATCH = 4096, 32
DISTINCT = 64  # blocks of payload that the segments are made of


def fill(folder: Path, size: int, rows: list[dict]) -> None:
    """Lay RECORDS records into segments of `size`, and ASKED of their keys into keys.json."""
    rng, cache = np.random.default_rng(size), RecordCache[JsonObject](folder)
    layout = cache._layout([], [])
    blocks = [
        cache._encode(layout, [rows[i] for i in rng.integers(len(rows), size=layout.block_records)])
        for _ in range(DISTINCT)
    ]
    asked: list[str] = []
    for start in range(0, RECORDS, size):
        count = min(size, RECORDS - start)
        keys = np.sort(np.frombuffer(rng.bytes(32 * count), "S32"))
        numbers = rng.integers(DISTINCT, size=-(-count // layout.block_records))
        write_segment(folder, keys, layout, [blocks[i] for i in numbers])
        share = -(-ASKED * count // RECORDS)
        chosen = keys[rng.choice(count, share, replace=False)].tolist()
        asked += [key.ljust(32, b"\0").hex() for key in chosen]
    (folder / "keys.json").write_text(json.dumps(rng.permutation(asked)[:ASKED].tolist()))


def look_up(folder: str) -> None:
    """Open a folder and look its keys up; print seconds and peak memory."""
    keys = json.loads(Path(folder, "keys.json").read_text())
    before, began = peak_mib(), time.perf_counter()
    cache = RecordCache[JsonObject](folder)
    cache.refresh()
    opened = time.perf_counter()
    found = cache.get_many(keys)
    ended = time.perf_counter()
    assert len(found) == len(keys)
    print(json.dumps({"open": opened - began, "look up": ended - opened,
                      "peak MiB": peak_mib(), "MiB before": before}))  # fmt: skip


def seconds_to_add(rows: list[dict]) -> float:
    """Seconds of a writer that adds BATCHES batches, merging as it goes."""
    with tempfile.TemporaryDirectory(dir="cache") as folder:
        cache, began = RecordCache[JsonObject](folder), time.perf_counter()
        for number in range(BATCHES):
            of_batch = [rows[(number * BATCH + i) % len(rows)] for i in range(BATCH)]
            cache.add_many({record_key(number, i): row for i, row in enumerate(of_batch)})
        took = time.perf_counter() - began
        print(f"{BATCHES} batches added in {took:.1f} s: {cache.statistics()}", flush=True)
    return took


def main(*generations: str) -> None:
    rows = [
        {"text": said.text, "tokens": said.tokens, "finished": False, "seconds": 0.01234}
        for path in generations
        for said in iterate_rows(path, Generation)
    ]
    Path("cache").mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir="cache") as merged,
        tempfile.TemporaryDirectory(dir="cache") as unmerged,
    ):
        runs: dict[str, list[dict]] = {merged: [], unmerged: []}
        for folder, size in ((merged, MERGED), (unmerged, UNMERGED)):
            fill(Path(folder), size, rows)
            print(f"segments of {size}: {RecordCache(folder).statistics()}", flush=True)
        for _ in range(REPEATS):
            for folder, taken in runs.items():
                said = subprocess.run(
                    [sys.executable, "-m", "benchmarks.records", "--look-up", folder],
                    check=True, capture_output=True, text=True,
                )  # fmt: skip
                taken.append(json.loads(said.stdout))
        found = {f: {name: median(r[name] for r in taken) for name in taken[0]}
                 for f, taken in runs.items()}  # fmt: skip
    for folder, name in ((merged, "merged"), (unmerged, "unmerged")):
        print(name, {k: round(v, 2) for k, v in found[folder].items()})
    seconds = [found[f]["open"] + found[f]["look up"] for f in (merged, unmerged)]
    add = seconds_to_add(rows)
    record(
        cache_lookup_100k_seconds=round(seconds[0], 2),
        cache_lookup_vs_unmerged=round(seconds[1] / seconds[0], 2),
        cache_peak_mib=round(found[merged]["peak MiB"]),
        cache_add_ms_a_batch=round(1000 * add / BATCHES, 2),
    )


if __name__ == "__main__":
    if sys.argv[1] == "--look-up":
        look_up(sys.argv[2])
    else:
        main(*sys.argv[1:])
