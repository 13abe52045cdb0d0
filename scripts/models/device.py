"""Which of the devices that a job may see it computes on."""

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import IO

import torch

from scripts.core.devices import locked
from scripts.core.errors import AuditError
from scripts.core.job import log

_held: list[IO] = []  # locks on devices, until the process ends
_taken: list[int] = []  # devices of this process


@cache
def take_device() -> str:
    """Make one device this process's own and say which, for the log.

    A scheduler leaves one visible to each job, and that is it. Where several are, jobs of one
    machine share them out by locks; with all of them taken it is the first. Without one that torch
    can use it is the processor, with a warning if the scheduler gave another.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    named = "" if given is None else f" (CUDA_VISIBLE_DEVICES={given})"
    if not torch.cuda.is_available():
        if given not in (None, "", "-1"):
            log.warning(
                "the scheduler gave this job the device %s, but torch %s finds none that it can "
                "use; the processor does the work, slowly. Compare `nvidia-smi` on the node with "
                "the CUDA version of torch",
                given,
                torch.__version__,
            )
        return f"cpu{named}"
    (device,) = take_devices(1)
    torch.cuda.set_device(device)
    return f"cuda:{device}, {torch.cuda.get_device_name(device)}{named}"


def take_devices(count: int) -> list[int]:
    """So many devices as this process's own, the one that it has among them. A single one may be
    shared with others: the first, where none is free.

    Raises AuditError when several are wanted and fewer are visible and free.
    """
    visible = torch.cuda.device_count()
    while len(_taken) < count:
        found = free(visible, Path(tempfile.gettempdir())) if visible > 1 else 0
        if found is None and count == 1:
            found = 0
        if found is None or found in _taken:
            raise AuditError(
                f"`execution.devices_per_shard` is {count}, and of {visible} visible devices "
                f"{len(_taken)} could be taken; lower it, ask the scheduler for more, or call "
                "Snakemake with `--resources gpu=N` for so many as there are"
            )
        _taken.append(found)
    return _taken[:count]


def free(count: int, folder: Path) -> int | None:
    """The first of `count` devices that no process of this user and machine holds, which is held
    until this one ends; None where all are."""
    found = locked(count, folder)
    if found is None:
        return None
    device, lock = found
    _held.append(lock)
    return device
