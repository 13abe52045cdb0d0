"""A process that keeps models loaded for the jobs of one call on one machine.

The first job of a call that needs a model starts it (host_process.py); later ones find model and
libraries in memory. What it does are *operations*: functions `(kept, request) -> messages` of the
project's modules, which a job runs by itself where there is no host, or when the host is lost. Both
ways compute the same.

A host listens on a Unix socket in a folder that only its owner can enter, named by the call, and
ends with the call or when nothing was asked of it for a while. As many hosts as jobs may compute at
once share the work, each serving one job at a time.
"""

import fcntl
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import psutil

from scripts.core.errors import AuditError
from scripts.core.files import Json, JsonObject
from scripts.core.job import log, out_of_memory
from scripts.core.ledger import Ledger

HOSTS = "AUTO_INTERVENTIONS_HOSTS"  # how many a call may have, as workflow/session.py sets it
STARTED_WITHIN = 30.0  # seconds until a host that was started must listen
SILENT_FOR = 60.0  # seconds without a word, its beat included, until a host counts as lost
T = TypeVar("T")
BEAT = 5.0  # seconds between the words of a host that computes

Message = JsonObject  # and arrays, as `send` has them
Request = Mapping[str, Json]
Operation = Callable[["Kept", Request], Iterator[Message]]


class HostLost(Exception):
    """The host is gone, or says nothing."""


class Kept:
    """What is loaded, by name; the least recently used goes when memory gets short."""

    def __init__(self, room: Callable[[], float] = lambda: float("inf")):
        """room: bytes of memory that are free now."""
        self.room = room
        self.things: dict[str, object] = {}

    def get(self, name: str, size: int, load: Callable[[], T]) -> T:
        """The thing of this name, loaded if need be, for which `size` bytes are made free first."""
        if name in self.things:
            log.info("loaded already: %s", name)
            self.things[name] = self.things.pop(name)  # the most recently used one lies last
            return cast(T, self.things[name])
        while self.things and self.room() < size:
            self.things.pop(next(iter(self.things)))
        self.things[name] = loaded = load()
        return loaded

    def relieve(self) -> bool:
        """Drop everything but what was used last; whether there was anything."""
        others = list(self.things)[:-1]
        for name in others:
            del self.things[name]
        return bool(others)


def perform(
    operation: Operation, request: Callable[[], Request], ledger: Ledger
) -> Iterator[Message]:
    """Messages of an operation, from this call's host if there is one, else done here.

    `request` makes what is asked, of JSON's types, and is called again, for what is then left, when
    a host is lost in the middle; the second time the job goes on by itself. A message `{"begins":
    true}` is noted in the ledger and not passed on. Raises what the operation raises.
    """
    for _ in range(2):
        with _a_host() as host:
            if host is None:
                break
            try:
                yield from _beginning_noted(host.ask(operation, request(), ledger), ledger)
                return
            except HostLost as error:
                log.warning("the process that keeps models loaded %s", error)
    yield from _beginning_noted(operation(Kept(), request()), ledger)


def _beginning_noted(messages: Iterable[Message], ledger: Ledger) -> Iterator[Message]:
    """The messages but for those that work begins, the first of which the ledger times."""
    for message in messages:
        if "begins" not in message:
            yield message
        elif ledger.start_seconds is None:
            ledger.start_seconds = seconds_of_process()


def seconds_of_process() -> float:
    """Seconds since this process was started."""
    return round(time.time() - psutil.Process().create_time(), 2)


# The job's side


@contextmanager
def _a_host() -> Iterator["Host | None"]:
    """A host that is this job's alone while the block runs; None where there is none to be had."""
    hosts = int(os.environ.get(HOSTS, "0"))
    if not hosts:
        yield None
        return
    try:
        folder = folder_of(os.environ["AUTO_INTERVENTIONS_CALL"])
        found = next(filter(None, (_claimed(folder / str(n)) for n in range(hosts))), None)
    except OSError as error:
        log.warning("no process that keeps models loaded: %s; this job loads its own", error)
        found = None
    if found is None:
        yield None
        return
    place, lock = found
    try:
        yield Host(place)
    except HostLost as error:
        log.warning("the process that keeps models loaded %s; this job loads its own", error)
        yield None
    finally:
        lock.close()


def _claimed(place: Path):
    """The place and its lock, if no other job has it."""
    lock = open(place.with_suffix(".lock"), "a")  # noqa: SIM115
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return place.with_suffix(".socket"), lock


def folder_of(call: str) -> Path:
    """The folder of a call's sockets, which only its owner may enter. Raises OSError where others
    may."""
    parent = Path(tempfile.gettempdir())
    if len(str(parent)) > 40:  # a socket's path may have about a hundred bytes
        parent = Path("/tmp")
    folder = parent / f"auto-interventions-{os.getuid()}" / call
    for one in (folder.parent, folder):
        one.mkdir(mode=0o700, exist_ok=True)
        about = one.lstat()
        if about.st_uid != os.getuid() or about.st_mode & 0o077:
            raise OSError(f"`{one}` is open to others; remove it")
    return folder


class Host:
    """A connection to a host, which is started where none listens. Raises HostLost."""

    def __init__(self, place: Path):
        self.process: psutil.Process | None = None
        try:
            self.line = _connected(place)
        except OSError:
            started = _start(place)
            deadline = time.monotonic() + STARTED_WITHIN
            while True:
                try:
                    self.line = _connected(place)
                    break
                except OSError:
                    if started.poll() is not None:
                        raise HostLost(f"ended at once; `{log_of(place)}` says why") from None
                    if time.monotonic() > deadline:
                        started.kill()
                        raise HostLost(f"did not start within {STARTED_WITHIN:.0f} s") from None
                    time.sleep(0.02)

    def ask(self, operation: Operation, request: Request, ledger: Ledger) -> Iterator[Message]:
        """Messages of an operation as they come. Raises what it raises there, and HostLost."""
        name = f"{operation.__module__}:{operation.__qualname__}"
        with self.line:
            try:
                send(self.line, {"operation": name, "request": request})
                while True:
                    if not self.line.poll(SILENT_FOR):
                        raise HostLost(f"said nothing for {SILENT_FOR:.0f} s")
                    message = receive(self.line)
                    if "pid" in message:
                        self.process = psutil.Process(message["pid"])
                    elif "log" in message:
                        log.log(*message["log"])
                    elif "failed" in message:
                        raise _error(message)
                    elif "done" in message:
                        ledger.peak_mib = max(ledger.peak_mib, message["done"])
                        return
                    elif "beat" not in message:
                        yield message
            except (EOFError, ConnectionError) as error:
                self._end()
                raise HostLost("is gone") from error
            except HostLost:
                self._end()
                raise

    def _end(self) -> None:
        """See to its end: one that hangs would compute beside the job that goes on without it, and
        one that is dying still takes connections."""
        with suppress(psutil.Error):
            if self.process is not None:
                self.process.kill()
                self.process.wait(STARTED_WITHIN)


def _connected(place: Path) -> Connection:
    line = socket.socket(socket.AF_UNIX)
    try:
        line.connect(str(place))
    except OSError:
        line.close()
        raise
    return Connection(line.detach())


def _start(place: Path) -> subprocess.Popen[bytes]:
    """Start a host in a session of its own: it outlives the job."""
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(root), *filter(None, sys.path)])
    log.info("starting a process that keeps models loaded (%s)", log_of(place))
    log_of(place).parent.mkdir(parents=True, exist_ok=True)
    with open(log_of(place), "w") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "scripts.models.host_process", str(place)],
            stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
            env=os.environ | {"PYTHONPATH": path},
        )  # fmt: skip


def log_of(place: Path) -> Path:
    """Where a host's own words go, below the working directory."""
    return Path("logs") / f"host-{place.stem}.log"


def _error(message: Message) -> Exception:
    """The error that a host reports, as the kind that the job's end goes by."""
    kind, text = message["failed"], message["text"]
    if kind == "AuditError":
        return AuditError(text)
    if kind == "memory":
        return MemoryError(text)
    return RuntimeError(f"in the process that keeps models loaded:\n{text}")


# Both sides


def send(line: Connection, message: Message) -> None:
    """A message of JSON's types; arrays, (rows, width) float32, follow their shape."""
    arrays = {name: part for name, part in message.items() if isinstance(part, np.ndarray)}
    shapes = {name: list(part.shape) for name, part in arrays.items()}
    line.send_bytes(json.dumps(message | {"arrays": shapes} | dict.fromkeys(arrays)).encode())
    for part in arrays.values():
        line.send_bytes(np.ascontiguousarray(part, dtype=np.float32).data)


def receive(line: Connection) -> Message:
    """The next message. Raises EOFError when the other side is gone."""
    message = json.loads(line.recv_bytes())
    for name, shape in message.pop("arrays").items():
        message[name] = np.frombuffer(line.recv_bytes(), dtype=np.float32).reshape(shape)
    return message


def failure(error: Exception, trace: str) -> Message:
    """What a host says of an error, for `_error`."""
    if isinstance(error, AuditError):
        return {"failed": "AuditError", "text": str(error)}
    return {"failed": "memory" if out_of_memory(error) else "other", "text": trace}
