"""In which arithmetic a machine computes well, and what `dtype: auto` means there.

Known without torch, so that it can be said before anything is loaded.
"""

import os
import sys
from functools import cache
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
# As /proc/cpuinfo names them: AVX-512 BF16, AMX, and bfloat16 products of Arm (8.6 and later).
UNITS = {"avx512_bf16", "amx_bf16", "bf16"}
# Values of oneDNN's ONEDNN_MAX_CPU_ISA that leave it no bfloat16 products.
WITHOUT = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"}
CAPABLE = (8, 0)  # compute capability of the first CUDA devices with bfloat16 units


@cache
def units() -> bool:
    """Whether this processor has bfloat16 units that torch uses; without, it emulates them, about
    ten times slower. Elsewhere than on Linux torch has no such products, and this is false."""
    allowed = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or ""
    if allowed.upper() in WITHOUT:
        return False
    try:
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = (line.partition(":")[2] for line in lines if line.startswith(("flags", "Features")))
    return not UNITS.isdisjoint(next(flags, "").split())


def resolve(word: str) -> str:
    """The arithmetic that a configuration's `dtype` means on this machine.

    A literal type means itself. `auto` is bfloat16 where the device that torch sees has units for
    it (CUDA from compute capability 8.0 on), else float32. Where torch is not loaded, the processor
    decides.
    """
    if word != "auto":
        return word
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return "bfloat16" if torch.cuda.get_device_capability() >= CAPABLE else "float32"
    return "bfloat16" if units() else "float32"
