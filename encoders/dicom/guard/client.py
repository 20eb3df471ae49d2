"""The parent's side of the header guard: child processes that are started once, reused, and replaced when they fail.

A child is a fresh interpreter, never a fork of this process and its threads. Files go to it in batches; a batch that
crashes or overruns is asked again file by file, so that only the file at fault is refused.
"""

from __future__ import annotations

import logging
import os
import struct
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tomoscribe.encoders.dicom.guard import wire
from tomoscribe.encoders.dicom.guard.limits import Limits
from tomoscribe.encoders.dicom.guard.process import Child, Watchdog, block

_log = logging.getLogger(__name__)

BATCH = 32
"""Files per question; what a crash costs is asking these again one by one."""
MAX_CHILDREN = 4


@dataclass(frozen=True, kw_only=True)
class Want:
    """Which elements are handed on: at the top level, and within the sequences among them; None stands for all."""

    tags: frozenset[int] | None = None
    inner: frozenset[int] | None = None

    @cached_property
    def packed(self) -> bytes:
        """As the child reads it."""
        lists = [sorted(tags or ()) for tags in (self.tags, self.inner)]
        return b"".join(block(struct.pack(f"<{len(tags)}L", *tags)) for tags in lists)


class Guard:
    """Reads headers in child processes under limits; safe to share between threads.

    Args:
        limits: of one file.
        sequences: tags that are sequences although an implicit data set does not say so.
        children: processes at most, each of some 10 MB; by default one per core, up to four.
    """

    def __init__(
        self, limits: Limits | None = None, *, sequences: Iterable[int] = (), children: int | None = None
    ) -> None:
        self.limits = limits or Limits()
        self.num_children = children or max(1, min(MAX_CHILDREN, os.cpu_count() or 1))
        self.missing_limits: tuple[str, ...] = ()
        tags = sorted(set(sequences))
        self._sequences = struct.pack(f"<{len(tags)}L", *tags)
        self._reset()

    def _reset(self) -> None:
        self._idle: deque[Child] = deque()
        self._all: set[Child] = set()
        self._lock = threading.Lock()
        self._watchdog = Watchdog()
        self._pid = os.getpid()

    def start(self) -> float:
        """Starts the first child unless one waits already; the seconds that this took."""
        before = time.perf_counter()
        self._give_back(self._take())
        return time.perf_counter() - before

    def read(self, paths: Sequence[Path], want: Want) -> Iterator[bytes]:
        """One answer per path (see ``wire``), in their order; more than a few batches go to several children at once.

        Raises:
            InputError: no child process can be started.
        """
        batches = [paths[n : n + BATCH] for n in range(0, len(paths), BATCH)]
        if len(batches) < 4 or self.num_children == 1:
            for batch in batches:
                yield from self._ask(batch, want)
            return
        waiting: deque[Future[list[bytes]]] = deque()
        with ThreadPoolExecutor(max_workers=self.num_children, thread_name_prefix="dicom-guard") as pool:
            try:
                for batch in batches:
                    waiting.append(pool.submit(self._ask, batch, want))
                    if len(waiting) > 2 * self.num_children:
                        yield from waiting.popleft().result()
                while waiting:
                    yield from waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def close(self) -> None:
        """Ends the idle children, and the busy ones as soon as they have answered; the next question starts anew."""
        with self._lock:
            children = list(self._idle)
            self._idle.clear()
            self._all.clear()
        for child in children:
            child.close()

    def _ask(self, batch: Sequence[Path], want: Want) -> list[bytes]:
        answers = self._exchange([os.fsencode(os.path.abspath(path)) for path in batch], want)
        if answers is not None:
            return answers
        if len(batch) == 1:
            reason = f"reading its header crashed the guard or took longer than {self.limits.wall_seconds:g} s"
            return [bytes((wire.REFUSED,)) + reason.encode()]
        return [answer for path in batch for answer in self._ask([path], want)]

    def _exchange(self, paths: list[bytes], want: Want) -> list[bytes] | None:
        """The answers to one batch; None when the child failed, which is then gone."""
        child = self._take()
        answers = None
        try:
            answers = child.ask(paths, want.packed)
        finally:
            if answers is None:
                with self._lock:
                    self._all.discard(child)
                child.discard()
            else:
                self._give_back(child)
        return answers

    def _take(self) -> Child:
        if self._pid != os.getpid():  # a fork: the children belong to the process that started them
            self._reset()
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.alive:
                    return child
                self._all.discard(child)
        child = Child(self.limits, self._sequences, self._watchdog)
        with self._lock:
            self._all.add(child)
            if child.missing_limits and not self.missing_limits:
                _log.warning(
                    "this platform cannot limit the %s of the header guard's process; its own limits and clock hold",
                    ", ".join(child.missing_limits),
                )
            self.missing_limits = child.missing_limits
        return child

    def _give_back(self, child: Child) -> None:
        with self._lock:
            if child in self._all:
                self._idle.append(child)
                return
        child.close()
