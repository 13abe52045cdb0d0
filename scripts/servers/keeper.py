"""The process that a server's life hangs on: `python -m scripts.servers.keeper COMMAND`.

started.py starts it and holds the other end of its standard input, which closes when the job ends,
killed or not; nobody imports this.
"""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil

PATIENCE = 15.0  # seconds that a server has for ending when told to
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG, prctl(2)
LOOK_EVERY = 0.5  # seconds


def main(words: list[str]) -> int:
    """Run the command until it ends, or standard input does; then end all that it has started."""
    try:
        server = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_die_with_parent
        )
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    family: dict[int, psutil.Process] = {}
    while server.poll() is None:
        with suppress(psutil.Error):
            family |= {p.pid: p for p in psutil.Process(server.pid).children(recursive=True)}
        if select.select([sys.stdin], [], [], LOOK_EVERY)[0] and not os.read(0, 1):
            break
    _end(server, list(family.values()))
    return server.returncode or 0


def _end(server: subprocess.Popen[bytes], family: list[psutil.Process]) -> None:
    """End the server's group, and what has left it; by force what does not go."""
    with suppress(psutil.Error):
        family += psutil.Process(server.pid).children(recursive=True)
    deadline = time.monotonic() + PATIENCE
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, number)
        for process in family:
            with suppress(psutil.Error):  # one that took over an id is none of these
                process.send_signal(number)
        while number == signal.SIGTERM and time.monotonic() < deadline:
            server.poll()
            if not any(map(_lives, family)) and server.returncode is not None:
                break
            time.sleep(0.05)
    server.wait()


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _die_with_parent() -> None:
    with suppress(OSError, AttributeError):  # Linux alone
        ctypes.CDLL("libc.so.6").prctl(DIE_WITH_PARENT, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
