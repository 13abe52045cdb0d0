"""A real server program on 127.0.0.1: `transformers serve`."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path


def serving(log: Path) -> AbstractContextManager[str]:
    """The address of a server that loads whatever local model a request names; it writes a log."""
    command = [Path(sys.executable).with_name("transformers"), "serve", "--device", "cpu"]
    return _running(command, "/health", log)


@contextmanager
def _running(command: list, health: str, log: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open(log, "w") as stream:
        process = subprocess.Popen(
            [*command, "--port", str(port)], stdout=stream, stderr=stream,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
        )  # fmt: skip
    try:
        for _ in range(600):
            assert process.poll() is None, log.read_text()
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{health}", timeout=5)
                break
            except OSError:
                time.sleep(0.2)
        else:
            raise AssertionError(f"the server is not up after two minutes: {log.read_text()}")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()
