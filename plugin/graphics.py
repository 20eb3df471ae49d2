"""Two libraries that cannot live in one process: Mesa's LLVM (napari's OpenGL) and Triton's own copy of LLVM.

With a software or AMD / Intel driver, Mesa loads ``libLLVM``. Loading ``triton`` after it ends the process with a
segmentation fault (seen with triton of torch 2.14 and Mesa of Debian 12); torch imports triton on its own when it is
installed. Nothing here needs triton: without it torch runs the same operators.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

_MAPS = Path("/proc/self/maps")
_MESA_LLVM = "libLLVM"


def keep_triton_away(maps: Path = _MAPS, modules: dict[str, Any] | None = None) -> bool:
    """Makes ``import triton`` fail from now on if Mesa's LLVM is loaded and triton is not; whether it did.

    Args:
        maps: list of the files mapped into this process (Linux; elsewhere there is none and nothing is done).
        modules: the loaded modules, ``sys.modules`` by default.
    """
    loaded: dict[str, Any] = sys.modules if modules is None else modules
    if "triton" in loaded or not maps.is_file() or _MESA_LLVM not in maps.read_text(errors="replace"):
        return False
    loaded["triton"] = None
    return True
