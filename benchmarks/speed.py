"""What every script here that times two sides shares: turns, medians, and the file of figures."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from scripts.core.files import read_json, write_json

REPEATS = 5
RESULTS = Path("results/benchmarks/speed.json")


def seconds(run: Callable[[], Any]) -> float:
    """Wall seconds of one call."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def in_turns(sides: Mapping[str, Callable[[], Any]], repeats: int = REPEATS) -> dict[str, float]:
    """Median seconds of each side; they take turns, so that a busy machine slows all alike."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, run in sides.items():
            taken[name].append(seconds(run))
            print(f"{name}: {taken[name][-1]:.3f} s", flush=True)
    for name, values in taken.items():
        spread = ", ".join(f"{value:.3g}" for value in sorted(values))
        print(f"{name:45} {median(values):9.3f} s   ({spread})", flush=True)
    return {name: median(values) for name, values in taken.items()}


def processor() -> str:
    """The processor's name, as Linux tells it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((x.partition(": ")[2] for x in lines if x.startswith("model name")), "unknown")


def record(path: Path = RESULTS, **figures: Any) -> None:
    """Add figures to a file of results, beside what is there."""
    written = read_json(path) if path.is_file() else {"schema": 1}
    write_json(path, written | figures)
    print(figures)
