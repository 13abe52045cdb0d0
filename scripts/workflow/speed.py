"""How fast a machine works: as its jobs went, else as its arithmetic lets expect.

product.py measures, in a process of its own, since that takes torch.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

from scripts.core.checksums import damage
from scripts.core.files import JsonObject, read_json, write_json

# A job with less work than this says how long a start takes, not how fast the work is.
LEAST_TOKENS, LEAST_TEXTS = 500, 200
LEDGERS = 2000  # read at most, of each kind
SHAPE = (256, 576, 1536)  # rows, inputs and outputs of the product: a hidden layer of the demo's
PATIENCE = 60.0  # seconds that measuring may take


class Range(NamedTuple):
    """The lower and the upper end of what was measured, or of what is assumed."""

    low: float
    high: float


@dataclass(frozen=True)
class Rates:
    """How fast work goes; `jobs` counts the jobs behind each rate, 0 where it is assumed, and
    `source` says what is assumed from."""

    decode: Range  # tokens a second
    embed: Range  # texts a second
    step: Range  # seconds a training step
    jobs: tuple[int, int, int] = (0, 0, 0)  # of decode, embed, step
    source: str = ""

    def seconds(self, tokens: float = 0, texts: float = 0, steps: float = 0) -> Range:
        """Seconds for so much work, from the fastest to the slowest rate."""
        return Range(
            tokens / self.decode.high + texts / self.embed.high + steps * self.step.low,
            tokens / self.decode.low + texts / self.embed.low + steps * self.step.high,
        )


class Reference(NamedTuple):
    """A machine on which the demo's models were timed, and the product beside them."""

    gflops: float
    decode: Range
    embed: Range
    step: Range


# Two cores each: with bfloat16 units (AVX-512), and without any (AVX2, float32).
QUICK = Reference(490, Range(700, 1250), Range(300, 900), Range(0.4, 0.7))
SLOW = Reference(38, Range(100, 200), Range(40, 110), Range(1.6, 2.2))
UNKNOWN = Rates(
    Range(100.0, 1250.0),
    Range(40.0, 900.0),
    Range(0.4, 2.2),
    source="assumed for the demo's models on 2 CPU cores",
)


class Arithmetic(NamedTuple):
    """What was measured: the product's speed, its type of numbers, the cores, and the machine."""

    gflops: float
    dtype: str
    cores: int
    host: str

    def __str__(self) -> str:
        return f"{self.gflops:.0f} GFLOP/s measured in {self.dtype} on {self.cores} CPU cores"


def rates_of(arithmetic: Arithmetic) -> Rates:
    """Rates of the demo's models where the product is so fast.

    The time of a unit is a part that grows as products get slower and one that does not: a straight
    line through the two reference machines. None is taken to be quicker than the quick one.
    """
    place = 1 / max(arithmetic.gflops, 1e-3) - 1 / QUICK.gflops
    weight = max(0.0, place / (1 / SLOW.gflops - 1 / QUICK.gflops))

    def between(quick: float, slow: float) -> float:
        return quick + weight * (slow - quick)

    def speeds(quick: Range, slow: Range) -> Range:
        return Range(*(1 / between(1 / q, 1 / s) for q, s in zip(quick, slow, strict=True)))

    return Rates(
        speeds(QUICK.decode, SLOW.decode),
        speeds(QUICK.embed, SLOW.embed),
        Range(*(between(q, s) for q, s in zip(QUICK.step, SLOW.step, strict=True))),
        source=f"for the demo's models at {arithmetic}",
    )


def measured_rates(results: Path, assumed: Rates = UNKNOWN) -> Rates:
    """Rates of the jobs that have run here, middle four fifths; the assumed ones where none has."""
    decode, embed, step = [], [], []
    for ledger in _whole(results.glob("decode/*/*/*/*/*.ledger.json")):
        if ledger["tokens"] >= LEAST_TOKENS:
            decode.append(ledger["tokens"] / ledger["wall_seconds"])
    for pattern in ("embed/*/*/ledger.json", "regions/*/ledger.json"):
        for ledger in _whole(results.glob(pattern)):
            if ledger["texts"] >= LEAST_TEXTS:
                embed.append(ledger["texts"] / ledger["wall_seconds"])
    for plant in _whole(results.glob("plant/*/plant.json")):
        step.append(plant["training_seconds"] / len(plant["losses"]))
    return Rates(
        _spread(decode) or assumed.decode,
        _spread(embed) or assumed.embed,
        _spread(step) or assumed.step,
        (len(decode), len(embed), len(step)),
        assumed.source,
    )


def _whole(paths: Iterable[Path]) -> Iterator[JsonObject]:
    """What lies in these files; damaged ones tell nothing, and the jobs that read them say so."""
    return (read_json(path) for path in islice(paths, LEDGERS) if not damage(path))


def _spread(values: list[float]) -> Range | None:
    if len(values) < 2:
        return Range(values[0], values[0]) if values else None
    tenths = quantiles(values, n=10, method="inclusive")
    return Range(tenths[0], tenths[-1])


def known_arithmetic(cache: Path) -> Arithmetic | None:
    """What was measured on this machine before, with as many cores."""
    try:
        found = Arithmetic(**read_json(cache / "arithmetic.json"))
    except (OSError, ValueError, TypeError):
        return None
    return found if (found.host, found.cores) == (socket.gethostname(), cores()) else None


def arithmetic(cache: Path) -> Arithmetic | None:
    """This machine's, measured once, in about three seconds; None where there is a GPU, or no torch
    to measure with."""
    if known := known_arithmetic(cache):
        return known
    try:
        said = subprocess.run(
            [sys.executable, "-m", "scripts.workflow.product"],
            cwd=Path(__file__).parents[2], env=os.environ | {"PYTHONPATH": ""},
            capture_output=True, text=True, timeout=PATIENCE, check=True,
        ).stdout  # fmt: skip
        found = Arithmetic(**json.loads(said))
    except (OSError, ValueError, TypeError, subprocess.SubprocessError):
        return None
    with suppress(OSError):
        write_json(cache / "arithmetic.json", found._asdict())
    return found


def cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
