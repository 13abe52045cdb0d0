"""Operations for the host of test_host.py; the host finds them as it finds the project's own."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from scripts.core.errors import AuditError
from scripts.core.job import log


def count(kept, request):
    """The numbers asked for, and which process gave each; `fault` strikes once, at the third."""
    kept.get("something", 0, lambda: log.info("loading something"))
    yield {"begins": True}
    for place, number in enumerate(request["numbers"]):
        mark = Path(request.get("mark", "/nowhere"))
        if place == 2 and request.get("fault") and not mark.exists():
            mark.touch()
            FAULTS[request["fault"]]()
        yield {"number": number, "process": os.getpid(), "square": np.full((2, 1), number**2)}


def decode_in_little_memory(kept, request):
    """As decode_loaded, where more than 8 sequences at a time ask for more memory than there is."""
    import torch

    from scripts.models import replies
    from scripts.models.decoder import decode_loaded

    whole = replies.generate

    def limited(*arguments, **more):
        if more["batch_size"] > 8:
            torch.empty(1 << 50)
        yield from whole(*arguments, **more)

    replies.generate = limited
    kept.get("something else", 0, object)
    yield from decode_loaded(kept, request)


def _silence():
    os.kill(os.getpid(), signal.SIGSTOP)


def _raise(error):
    raise error


FAULTS = {
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "silent": _silence,
    "slow": lambda: time.sleep(2),
    "sentence": lambda: _raise(AuditError("the model cannot be loaded")),
    "memory": lambda: _raise(RuntimeError("DefaultCPUAllocator: can't allocate memory")),
    "defect": lambda: _raise(KeyError("nonsense")),
    "file": lambda: _raise(FileNotFoundError("no such weights")),
}
