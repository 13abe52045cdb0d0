"""The process that keeps models loaded: `python -m scripts.models.host_process SOCKET`.

host.py starts it and says what it is for; nobody imports it.
"""

import ctypes
import gc
import importlib
import logging
import os
import shutil
import socket
import sys
import threading
import time
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from scripts.core.job import MAIN, log, peak_mib, quiet
from scripts.models.host import BEAT, Kept, failure, receive, send

IDLE = 600.0  # seconds without a job until it ends


class Gone(Exception):
    """The job that was served has ended."""


class Line:
    """One job's connection: what is sent by the thread that computes and by the one that beats."""

    def __init__(self, connection: Connection):
        self.connection, self.lock, self.closed = connection, threading.Lock(), threading.Event()
        with suppress(Gone):
            self.say({"pid": os.getpid()})
        threading.Thread(target=self._beat, daemon=True).start()

    def say(self, message: dict) -> None:
        try:
            with self.lock:
                send(self.connection, message)
        except OSError as error:
            raise Gone from error

    def _beat(self) -> None:
        while not self.closed.wait(BEAT):
            try:
                self.say({"beat": True})
            except Gone:
                return


class ToJob(logging.Handler):
    """Hands what is logged here to the job that is served."""

    line: Line | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self.line is not None:
            self.line.say({"log": [record.levelno, record.getMessage()]})


def serve(place: Path) -> None:
    """Serve one job after the other until the call has ended or nothing was asked for a while."""
    listener = socket.socket(socket.AF_UNIX)
    fresh = place.with_suffix(f".{os.getpid()}")
    listener.bind(str(fresh))
    listener.listen(8)
    os.replace(fresh, place)  # whatever a crash has left there
    listener.settimeout(IDLE)
    threading.Thread(target=_end_with_call, args=(place.parent,), daemon=True).start()
    words = ToJob()
    log.addHandler(words)
    log.setLevel(logging.INFO)
    quiet()
    kept = Kept(_room)
    while True:
        try:
            accepted, _ = listener.accept()
        except TimeoutError:
            place.unlink(missing_ok=True)
            return
        with Connection(accepted.detach()) as connection:
            _serve(connection, words, kept)


def _serve(connection: Connection, words: ToJob, kept: Kept) -> None:
    """One job: a request, its messages, and how it ended. A job that is gone ends it quietly."""
    line = Line(connection)
    try:
        asked = receive(connection)
        words.line = line
        module, _, name = asked["operation"].partition(":")
        _forget_peak()
        for message in getattr(importlib.import_module(module), name)(kept, asked["request"]):
            line.say(message)
        line.say({"done": peak_mib()})
    except (Gone, EOFError):
        print("the job is gone", file=sys.stderr, flush=True)
    except Exception as error:
        traceback.print_exc()
        with suppress(Gone):
            line.say(failure(error, traceback.format_exc()))
    finally:
        line.closed.set()
        words.line = None


def _forget_peak() -> None:
    """Begin anew to note the most memory held (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _room() -> float:
    """Bytes that are free where models go: on the device, else in memory."""
    import torch

    gc.collect()
    with suppress(OSError, AttributeError):  # where there is no glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # what was freed is kept by the process otherwise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        return torch.cuda.mem_get_info()[0]
    return psutil.virtual_memory().available


def _end_with_call(folder: Path) -> None:
    main = int(os.environ[MAIN].rpartition(":")[2])
    while psutil.pid_exists(main):
        time.sleep(0.5)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
