"""What a job counts beside its work."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from scripts.core.job import peak_mib


def test_the_peak_is_the_process_s_own_and_not_its_parent_s():
    status = Path("/proc/self/status")
    if not (status.is_file() and "VmHWM" in status.read_text()):
        pytest.skip("this system tells no process its own peak")
    held = np.ones(400 * 2**17)  # 400 MiB
    assert peak_mib() > held.nbytes / 2**20
    child = subprocess.run(
        [sys.executable, "-c", "from scripts.core.job import peak_mib; print(peak_mib())"],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True, capture_output=True,
        text=True, close_fds=False, preexec_fn=lambda: None,  # forked from this process
    )  # fmt: skip
    assert 0 < float(child.stdout) < 200
