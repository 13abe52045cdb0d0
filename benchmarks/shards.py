"""How evenly four shards share the work of a plan, beside dealing out its draws one by one.

    python -m benchmarks.shards GENERATIONS...

GENERATIONS are unsharded files, results/decode/<key>/<side>/<plan>/<step>/shard-0-of-1.jsonl.
Work is counted in tokens: those of the replies, and those of each prompt that a shard prefills,
once. Prints for each file how many times longer one shard takes than the longest of four, and by
how much the four differ. What starting a job takes comes on top (docs/performance.md).
"""

import sys
from collections.abc import Sequence

from scripts.core.rows import read_rows
from scripts.decode import shard_of
from scripts.draws.generation import Generation

SHARDS = 4
PROMPT = 42  # tokens of the demo's prompts in their template, on average


def work(rows: Sequence[Generation]) -> int:
    return sum(row.tokens or 0 for row in rows) + PROMPT * len({row.prompt for row in rows})


def main(*files: str) -> None:
    for file in files:
        rows = read_rows(file, Generation)
        sides = {
            "draw by draw": [rows[shard::SHARDS] for shard in range(SHARDS)],
            "by prompts": [shard_of(rows, shard, SHARDS) for shard in range(SHARDS)],
        }
        for name, shards in sides.items():
            loads = [work(shard) for shard in shards]
            spread = 100 * (max(loads) / min(loads) - 1)
            print(f"{name}: {work(rows) / max(loads):.2f} times, {spread:.1f} % apart; {file}")


if __name__ == "__main__":
    main(*sys.argv[1:])
