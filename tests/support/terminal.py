"""Runs in a pseudo-terminal, and what stands on it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

CONTROL = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])")


class Seen(NamedTuple):
    """What a run wrote, when (seconds since it began), and how it ended."""

    text: str
    moments: list[float]
    returncode: int

    def longest_silence(self) -> float:
        return max(b - a for a, b in zip([0.0, *self.moments], self.moments, strict=False))


def run(
    command: list[str],
    folder: Path,
    env: dict[str, str],
    terminal: bool,
    watch: Callable[[str, subprocess.Popen], None] | None = None,
    columns: int = 130,
    patience: float = 400,
) -> Seen:
    """Run a command in a terminal, or through a pipe. `watch` sees the text after each reading."""
    ours, theirs = pty.openpty() if terminal else os.pipe()
    if terminal:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
        start_new_session=True,
        # a shell's background jobs, such as a whole test run may be one, ignore it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    os.close(theirs)
    began, text, moments = time.monotonic(), b"", []
    while time.monotonic() - began < patience:
        ready, _, _ = select.select([ours], [], [], 1)
        if not ready:
            if process.poll() is not None:
                break
            continue
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # a terminal that everybody has closed
            break
        if not part:
            break
        text += part
        moments.append(time.monotonic() - began)
        if watch:
            watch(text.decode(errors="replace"), process)
    os.close(ours)
    process.wait(30)
    return Seen(text.decode(errors="replace"), moments, process.returncode)


def standing(text: str) -> list[str]:
    """The lines that stand on a terminal to which this was written (as far as rich uses it)."""
    rows, row, column, place = [""], 0, 0, 0
    while place < len(text):
        if control := CONTROL.match(text, place):
            number, what = control.groups()
            if what == "A":
                row = max(0, row - int(number or 1))
            elif what == "K":
                rows[row] = "" if number == "2" else rows[row][:column]
            place = control.end()
            continue
        sign, place = text[place], place + 1
        if sign == "\n":
            row += 1
            rows += [""] * (row + 1 - len(rows))
        elif sign == "\r":
            column = 0
        else:
            line = rows[row].ljust(column)
            rows[row], column = line[:column] + sign + line[column + 1 :], column + 1
    return [line.rstrip() for line in rows]
