"""Devices of a machine that its processes share out among each other; imports no torch."""

import fcntl
import os
from pathlib import Path
from typing import IO


def locked(count: int, folder: Path) -> tuple[int, IO[str]] | None:
    """The first of `count` devices that no process of this user and machine holds, and the lock by
    which it is held until that is closed, or this process ends; None where all are."""
    for device in range(count):
        lock = open(folder / f"auto-interventions-{os.getuid()}-device-{device}", "a")  # noqa: SIM115
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
        else:
            return device, lock
    return None
