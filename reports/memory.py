"""How much memory this process took at most."""

from __future__ import annotations

import sys


def peak_memory_bytes() -> int:
    """Peak resident memory of this process so far."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
