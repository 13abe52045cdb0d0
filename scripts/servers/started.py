"""A server for as long as a job needs it: started on its machine, and gone with it."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path

from scripts.core.errors import AuditError
from scripts.core.job import log
from scripts.servers.engines import Command

SAID_EVERY = 20.0  # seconds, while a server starts
ENDS_WITHIN = 30.0  # seconds, from being told until it is killed, and a little more
NOTHING_MORE: Mapping[str, str] = {}


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def started(
    command: Command,
    port: int,
    log_file: Path,
    within: float,
    environment: Mapping[str, str] = NOTHING_MORE,
) -> Iterator[str]:
    """The address of a server while the block runs, once it answers; its own words go to a file.

    A keeper (keeper.py) stands between: it ends the server and all that this has started when the
    block ends, or this process, in whatever way. within: seconds until the server must answer;
    environment: what its environment says otherwise than this process's. Raises AuditError with the
    server's last line when it does not answer.
    """
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    log_file.parent.mkdir(parents=True, exist_ok=True)
    log.info("starting a server: %s (its log: %s)", " ".join(command.words), log_file)
    with open(log_file, "wb") as said:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "scripts.servers.keeper", json.dumps(command.words)],
            stdin=subprocess.PIPE, stdout=said, stderr=said, start_new_session=True,
            env=os.environ | environment | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": path},
        )  # fmt: skip
    try:
        _wait_until_ready(keeper, f"http://127.0.0.1:{port}{command.ready}", log_file, within)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        assert keeper.stdin is not None
        keeper.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            keeper.wait(ENDS_WITHIN)


def _wait_until_ready(
    keeper: subprocess.Popen[bytes], ready: str, log_file: Path, within: float
) -> None:
    began = said = time.monotonic()
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it is on this machine
    while True:
        now = time.monotonic()
        if keeper.poll() is not None:
            raise AuditError(
                f"the server that was started ended before it answered: {last_line(log_file)!r}; "
                f"`{log_file}` says more"
            )
        with suppress(OSError, HTTPException), direct.open(ready, timeout=5):
            log.info("the server answers after %.0f s", now - began)
            return
        if now - began > within:
            raise AuditError(
                f"the server that was started does not answer after {within:.0f} s: "
                f"{last_line(log_file)!r}; see `{log_file}`, or raise `server.start_within`"
            )
        if now - said > SAID_EVERY:
            said = now
            log.info("the server starts: %.0f s; %s", now - began, last_line(log_file))
        time.sleep(0.2)


def last_line(log_file: Path) -> str:
    """The last line of a log that is not empty, of 300 characters at most."""
    lines = log_file.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
