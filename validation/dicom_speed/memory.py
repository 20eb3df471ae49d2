"""Memory of a process and of its children as the kernel counts it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tomoscribe.core.errors import UnsupportedError

_PEAK, _NOW = "VmHWM:", "VmRSS:"


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Resident bytes of processes at one moment, their peaks started anew.

    Args:
        resident_bytes: process to its resident set at that moment.
    """

    resident_bytes: dict[int, int]

    @classmethod
    def start(cls, pids: list[int]) -> Watch:
        """Starts the peaks of these processes anew.

        Raises:
            UnsupportedError: the kernel does not offer it (Linux does, since 4.0).
        """
        try:
            for pid in pids:
                Path(f"/proc/{pid}/clear_refs").write_text("5")
            return cls(resident_bytes={pid: _status(pid, _NOW) for pid in pids})
        except OSError as error:
            raise UnsupportedError(
                "peak memory can only be measured where /proc/self/clear_refs can be written", remedy="run it on Linux"
            ) from error

    def grown_bytes(self, pid: int) -> int:
        """By how much the process' peak since the start is above what it held then."""
        return _status(pid, _PEAK) - self.resident_bytes[pid]


def peak_bytes(pid: int) -> int:
    """The process' largest resident set so far."""
    return _status(pid, _PEAK)


def children(pid: int | None = None) -> list[int]:
    """Processes below this one."""
    import psutil

    return [p.pid for p in psutil.Process(pid or os.getpid()).children(recursive=True)]


def cpu_s(pids: list[int]) -> float:
    """Processor time that these processes have used, user and system."""
    import psutil

    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(t.user + t.system for t in times)


def _status(pid: int, field: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024
