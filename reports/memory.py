"""How much memory this process took at most, and giving back what it holds without using it."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache


def peak_memory_bytes() -> int:
    """Peak resident memory of this process so far."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def give_back_memory() -> None:
    """Returns free pages to the system, where the C library can (glibc).

    The arrays of a study are freed in pieces between small objects that stay; without this a process that reads study
    after study holds more and more free memory.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    if sys.platform != "linux":
        return None
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None
