"""One child process of the header guard, and the watchdog that ends those that overrun."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

from tomoscribe.core.errors import InputError
from tomoscribe.encoders.dicom.guard.limits import Limits

_END_S = 2.0
_START_S = 30.0
_ANSWER_BYTES = 2**29
BOOTSTRAP = """
import sys, types
name = "tomoscribe.encoders.dicom.guard"
for depth in range(1, name.count(".") + 2):
    package = types.ModuleType(".".join(name.split(".")[:depth]))
    package.__path__ = [sys.argv[1]]
    sys.modules[package.__name__] = package
from tomoscribe.encoders.dicom.guard.child import main
main()
"""
"""Imports the child's module under its own name without running the ``__init__`` of any package above it."""


class Watchdog:
    """Kills children whose deadline has passed; one thread, asleep while none is busy."""

    def __init__(self) -> None:
        self._busy: set[Child] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def watch(self, child: Child) -> None:
        """From now on the child's ``deadline`` counts."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="dicom-guard-watchdog", daemon=True)
                self._thread.start()
            self._busy.add(child)
            if len(self._busy) == 1:
                self._changed.notify()

    def forget(self, child: Child) -> None:
        """The child is idle or gone."""
        with self._changed:
            self._busy.discard(child)

    def _run(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                overdue = [child for child in self._busy if child.deadline <= now]
                self._busy.difference_update(overdue)
                for child in overdue:
                    child.kill()
                soonest = min((child.deadline for child in self._busy), default=None)
                self._changed.wait(None if soonest is None else max(0.01, soonest - now))


class Child:
    """A running child process; its methods are used by one thread at a time, ``kill`` by any.

    Raises:
        InputError: it cannot be started.
    """

    def __init__(self, limits: Limits, sequences: bytes, watchdog: Watchdog) -> None:
        self.seconds = limits.wall_seconds
        self.watchdog = watchdog
        self.deadline = time.monotonic() + _START_S
        keep = ("SYSTEMROOT", "PATH") if os.name == "nt" else ()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "-c", BOOTSTRAP, str(Path(__file__).parent)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=os.path.abspath(os.sep),
                env={name: os.environ[name] for name in keep if name in os.environ},
                start_new_session=os.name != "nt",
            )
        except OSError as error:
            raise _not_started() from error
        self.missing_limits = self._greet(limits, sequences)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def ask(self, paths: list[bytes], want: bytes) -> list[bytes] | None:
        """One answer per path; None when the process ended, or was ended because a file took too long."""
        self.deadline = time.monotonic() + self.seconds
        self.watchdog.watch(self)
        try:
            self._send(b"".join((want, struct.pack("<L", len(paths)), *map(block, paths))))
            return [self._receive() for _ in paths]
        except (OSError, EOFError, ValueError):
            return None
        finally:
            self.watchdog.forget(self)

    def close(self) -> None:
        """Ends it kindly: it stops when its input closes."""
        for pipe in (self.process.stdin, self.process.stdout):
            _close(pipe)
        try:
            self.process.wait(timeout=_END_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends it at once; a thread that waits for its answer is told so by the end of the pipe."""
        self.process.kill()

    def discard(self) -> None:
        """Kills it and frees what belongs to it; only by the thread that used it."""
        self.kill()
        self.close()

    def _greet(self, limits: Limits, sequences: bytes) -> tuple[str, ...]:
        """Tells the child its limits; names of the platform's limits that it could not lay on itself."""
        self.watchdog.watch(self)
        try:
            self._send(block(limits.packed()) + block(sequences))
            return tuple(self._receive().decode().split())
        except (OSError, EOFError, ValueError) as error:
            self.discard()
            raise _not_started() from error
        finally:
            self.watchdog.forget(self)

    def _send(self, content: bytes) -> None:
        if self.process.stdin is None:
            raise EOFError
        self.process.stdin.write(content)
        self.process.stdin.flush()

    def _receive(self) -> bytes:
        (length,) = struct.unpack("<L", self._exactly(4))
        if length > _ANSWER_BYTES:
            raise ValueError("an answer longer than any that the limits allow")
        content = self._exactly(length)
        self.deadline = time.monotonic() + self.seconds
        return content

    def _exactly(self, count: int) -> bytes:
        content = self.process.stdout.read(count) if self.process.stdout else b""
        if len(content) < count:
            raise EOFError
        return content


def block(content: bytes) -> bytes:
    """Content after its length."""
    return struct.pack("<L", len(content)) + content


def _close(pipe: IO[bytes] | None) -> None:
    try:
        if pipe is not None:
            pipe.close()
    except OSError:
        return


def _not_started() -> InputError:
    return InputError(
        "the process that reads DICOM headers under limits cannot be started",
        where=sys.executable,
        remedy="allow this Python to start itself as a child process",
    )
