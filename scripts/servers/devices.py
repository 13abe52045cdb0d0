"""The devices that a server sees which is started here: those of its job, and no others."""

import os
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path

from scripts.core.devices import locked
from scripts.core.errors import AuditError
from scripts.servers.engines import Arguments, devices_of

VISIBLE = "CUDA_VISIBLE_DEVICES"
LISTED_WITHIN = 20.0  # seconds


class OwnDevices:
    """`with OwnDevices() as devices:` gives back what its servers took with the block.

    A scheduler leaves each job its own devices; where several jobs of a machine see the same ones,
    they and models that are loaded share them out by locks. Servers of one job share theirs.
    """

    def __init__(self) -> None:
        self._held, self._taken = ExitStack(), list[int]()

    def __enter__(self) -> "OwnDevices":
        return self

    def __exit__(self, *error: object) -> None:
        self._held.close()
        self._taken = []

    def seen_by(self, arguments: Arguments, devices: int) -> dict[str, str]:
        """What the environment of a server with these arguments says, whose job has so many
        devices; nothing where no more than one is visible, or none is known of, or the arguments
        say which it takes.

        A single one may be shared with others: the first, where none is free. Raises AuditError
        when several are wanted and fewer are free.
        """
        count, names = devices_of(arguments, devices), visible_devices()
        if count is None or len(names) < 2:
            return {}
        folder = Path(tempfile.gettempdir())
        while len(self._taken) < count and (found := locked(len(names), folder)):
            self._taken.append(found[0])
            self._held.enter_context(found[1])
        if len(self._taken) < count > 1:
            raise AuditError(
                f"a server wants {count} devices, and of {len(names)} visible ones "
                f"{len(self._taken)} could be taken; lower `execution.devices_per_shard` or what "
                "the server's `arguments` say, or call Snakemake with `--resources gpu=N` for so "
                "many as there are"
            )
        return {VISIBLE: ",".join(names[number] for number in self._taken[:count] or [0])}


def visible_devices() -> list[str]:
    """What a process calls the devices that it may use; none where that is not known."""
    if (given := os.environ.get(VISIBLE)) is not None:
        names = [name.strip() for name in given.split(",")]
        return [] if {"", "-1"} & set(names) else names
    if (program := shutil.which("nvidia-smi")) is None:
        return []
    try:
        done = subprocess.run(
            [program, "-L"], capture_output=True, text=True, timeout=LISTED_WITHIN
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = [line.strip() for line in done.stdout.splitlines()]
    if done.returncode or any(line.startswith("MIG") for line in lines):
        return []
    return [str(number) for number in range(sum(line.startswith("GPU ") for line in lines))]
