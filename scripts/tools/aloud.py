"""Run a command that is silent for minutes, and say now and then what it is at.

`python3 scripts/tools/aloud.py "installing packages" .venv/bin/python -m pip install …`

Standard library alone: it runs before anything is installed. What the command prints is shown only
when it fails; in between, its last line tells what it is at.
"""

import subprocess
import sys
import threading
import time

EVERY = 20.0  # seconds
LONGEST = 70  # characters of what the command says


def run(what: str, command: list[str], every: float = EVERY) -> int:
    """The command's exit code. Says `what` at once, and every so many seconds how it goes."""
    began = time.monotonic()
    said: list[str] = []
    print(f"{what} ...", flush=True)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    reader = threading.Thread(target=lambda: said.extend(process.stdout or ()), daemon=True)
    reader.start()
    try:
        while reader.is_alive():
            reader.join(every)
            if reader.is_alive():
                print(f"  {since(began)}: {shortened(said[-1] if said else '')}", flush=True)
        code = process.wait()
    except KeyboardInterrupt:
        process.terminate()
        return 130
    if code:
        sys.stderr.write("".join(said))
    print(f"  {'failed' if code else 'done'} after {since(began)}", flush=True)
    return code


def since(began: float) -> str:
    seconds = round(time.monotonic() - began)
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"


def shortened(line: str) -> str:
    """One line of what pip says, without the places of files."""
    line = " ".join(line.split()) or "under way"
    return line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))
