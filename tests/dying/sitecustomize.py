"""On PYTHONPATH of a run, this kills all of it, Snakemake and its jobs, in the middle of a write.

DIE_AT=<file>:<n> says at which sync of a temporary file, counted over all processes by the file;
with DIE_ALONE the process that writes dies alone.
"""

import os
import signal

if "DIE_AT" in os.environ:
    counter, _, last = os.environ["DIE_AT"].rpartition(":")
    sync = os.fsync

    def fsync(handle):
        with open(counter, "ab") as file:
            file.write(b"x")
        if os.path.getsize(counter) == int(last):
            alone = "DIE_ALONE" in os.environ
            os.kill(os.getpid(), signal.SIGKILL) if alone else os.killpg(0, signal.SIGKILL)
        sync(handle)

    os.fsync = fsync
