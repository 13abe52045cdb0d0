"""How far a call of Snakemake is: one live display in a terminal, a line now and then elsewhere.

Runs in Snakemake's main process alone, from the first job on, in a thread that looks twice a second
at the scheduler and at what the jobs leave (progress.py). If it breaks, it says so once and the run
goes on without it.
"""

import atexit
import os
import select
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TextIO

from snakemake.logging import logger

from scripts.core.progress import LOOKS, interval
from scripts.workflow.under_way import Row, UnderWay, running_jobs

if TYPE_CHECKING:
    from snakemake.scheduling.job_scheduler import JobScheduler

MOST_ROWS = 8  # of the live display


class Screen(Protocol):
    """Where the display is seen."""

    def say(self, line: str) -> None:
        """A line that stays."""

    def show(self, rows: list[Row], whole: str) -> None:
        """What is under way, and how far the whole call is."""

    def close(self) -> None: ...


class Display:
    """The display of one call, until `close`.

    scheduler: Snakemake's, whose `running` jobs are looked at; whole: says how far the call is.
    """

    def __init__(
        self, screen: Screen, scheduler: "JobScheduler", jobs: UnderWay, whole: Callable[[], str]
    ):
        self._screen, self._scheduler, self._jobs, self._whole = screen, scheduler, jobs, whole
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="display", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def close(self) -> None:
        """Take it away; what comes after is seen as without it. May be called twice."""
        if not self._closed.is_set():
            self._closed.set()
            self._thread.join(5)
            self._screen.close()

    def _run(self) -> None:
        try:
            while not self._closed.wait(LOOKS):
                self._look()
            self._look()
        except Exception as error:  # whatever it is, the jobs are not concerned
            logger.warning(f"the display of progress has ended: {error!r}; the run goes on")

    def _look(self) -> None:
        for line in self._jobs.look(running_jobs(self._scheduler)):
            self._screen.say(line)
        self._screen.show(self._jobs.rows(), self._whole())


class Lines:
    """Plain lines for pipes and files."""

    def __init__(self, file: TextIO):
        self._file, self._said = file, time.monotonic()

    def say(self, line: str) -> None:
        print(line, file=self._file, flush=True)

    def show(self, rows: list[Row], whole: str) -> None:
        if rows and time.monotonic() - self._said >= interval():
            self._said = time.monotonic()
            for row in rows[:MOST_ROWS]:
                self.say(str(row))
            self.say(whole)

    def close(self) -> None:
        pass


class Terminal:
    """A few live lines at the bottom of a terminal.

    Snakemake and its jobs write to the same terminal, and would tear the display. So the process's
    own output, which its jobs inherit, goes through a pipe while the display lasts, and is printed
    above it line by line.
    """

    def __init__(self, terminals: list[int]):
        """terminals: which of the descriptors 1 and 2 are terminals; the last one is drawn on."""
        from rich.console import Console
        from rich.live import Live

        sys.stdout.flush()
        sys.stderr.flush()
        self._saved = {number: os.dup(number) for number in terminals}
        self._torn = False
        self._file = os.fdopen(os.dup(terminals[-1]), "w", encoding="utf-8", errors="replace")
        self._console = Console(file=self._file, highlight=False, width=self._width())
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False,
            redirect_stderr=False,
        )  # fmt: skip
        self._live.start()
        self._console.show_cursor(True)  # a killed process cannot bring a hidden one back
        self._pipe, into = os.pipe()
        for number in terminals:
            os.dup2(into, number)
        os.close(into)
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read, name="output", daemon=True)
        self._reader.start()

    def say(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)

    def show(self, rows: list[Row], whole: str) -> None:
        from rich.table import Table

        self._console.width = width = self._width()
        table = Table.grid(padding=(0, 2))
        for _ in range(6):
            table.add_column(no_wrap=True)
        for row in rows[:MOST_ROWS]:
            jobs, amount, rate, left = row.cells
            # What narrow terminals have no room for, the least needed first.
            cells = [(122, bar(row.share)), (108, jobs), (0, amount), (92, rate), (0, left)]
            table.add_row(row.name, *(cell for least, cell in cells if width >= least))
        if len(rows) > MOST_ROWS:
            table.add_row(f"and {len(rows) - MOST_ROWS} more")
        outer = Table.grid()
        for part in (table, whole):
            outer.add_row(part)
        self._live.update(outer, refresh=True)

    def close(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, saved in self._saved.items():
            os.dup2(saved, number)
            os.close(saved)
        self._closing.set()
        self._reader.join(5)
        with suppress(OSError):  # the terminal may be gone
            self._live.stop()
            self._file.close()

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self._file.fileno()).columns or 80
        except OSError:
            return 80

    def _read(self) -> None:
        """Print what comes through the pipe, until closing and there is no more."""
        rest = b""
        try:
            while True:
                ready, _, _ = select.select([self._pipe], [], [], 0.1)
                if not ready and self._closing.is_set():
                    break
                if ready:
                    got = os.read(self._pipe, 1 << 16)
                    *lines, rest = (rest + got).split(b"\n")
                    for line in lines:
                        self._print(line)
                    if not got:
                        break
            if rest:
                self._print(rest)
        finally:
            os.close(self._pipe)

    def _print(self, line: bytes) -> None:
        from rich.text import Text

        if not self._torn:
            try:
                text = Text.from_ansi(line.decode(errors="replace").rstrip("\r"))
                self._console.print(text, soft_wrap=True)
                return
            except Exception as error:  # whatever it is, what jobs say must be seen
                self._torn = True
                line += f"\nthe display of progress is torn: {error!r}".encode()
        os.write(self._file.fileno(), line + b"\n")


def bar(share: float | None, width: int = 12) -> str:
    """A bar of `width` characters; dots where nobody knows the share."""
    if share is None:
        return "·" * width
    full = int(min(share, 1.0) * width)
    return "━" * full + "─" * (width - full)


def screen() -> Screen:
    """The one for where this process writes to: its terminal, else standard output."""
    if terminals := [number for number in (1, 2) if os.isatty(number)]:
        return Terminal(terminals)
    return Lines(sys.stdout)
