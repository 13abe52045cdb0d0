"""On PYTHONPATH of a run, this kills all of it, Snakemake and its jobs, in the middle of a write.

DIE_AT=<file>:<n> says at which sync of a temporary file, counted over all processes by the file;
with DIE_ALONE those of jobs' scripts alone are counted, and the script that writes dies by itself.
"""

import os
import signal
import sys

if "DIE_AT" in os.environ:
    counter, _, last = os.environ["DIE_AT"].rpartition(":")
    sync = os.fsync

    def fsync(handle):
        alone = "DIE_ALONE" in os.environ
        if alone and ".snakemake/scripts" not in sys.argv[0]:
            return sync(handle)
        with open(counter, "ab") as file:
            file.write(b"x")
        if os.path.getsize(counter) == int(last):
            os.kill(os.getpid(), signal.SIGKILL) if alone else os.killpg(0, signal.SIGKILL)
        sync(handle)

    os.fsync = fsync
