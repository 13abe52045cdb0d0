"""Time one linear product: `python -m scripts.workflow.product`, for speed.py."""

import json
import socket
import sys
import time
from collections.abc import Iterable

import torch

from scripts.models.arithmetic import resolve
from scripts.workflow.speed import SHAPE, Arithmetic, cores


def measure(seconds: float = 0.7) -> Arithmetic | None:
    """The fastest of the products done in so many seconds on one core, times the cores: whatever
    else the machine does, some of them are left alone. None where there is a GPU, of which a
    product on the processor tells nothing."""
    if torch.cuda.is_available():
        return None
    dtype = resolve("auto")
    torch.set_num_threads(1)
    rows, inputs, outputs = SHAPE
    layer = torch.nn.Linear(inputs, outputs, bias=False, dtype=getattr(torch, dtype))
    given = torch.randn(rows, inputs, dtype=getattr(torch, dtype))
    with torch.inference_mode():
        fastest = min(_timed(lambda: layer(given), seconds))
    return Arithmetic(
        2e-9 * rows * inputs * outputs / fastest, dtype, cores(), socket.gethostname()
    )


def _timed(product, seconds: float) -> Iterable[float]:
    end = time.perf_counter() + seconds
    for number in range(10_000):
        began = time.perf_counter()
        if began > end and number > 3:
            return
        product()
        yield time.perf_counter() - began


if __name__ == "__main__":
    found = measure()
    if found is None:
        sys.exit("there is a GPU")
    print(json.dumps(found._asdict()))
