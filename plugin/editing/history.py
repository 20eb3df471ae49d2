"""Undo and redo of a reading. Readings are values: a step is the reading before it."""

from __future__ import annotations

from dataclasses import dataclass

from tomoscribe.core import Reading

MAX_STEPS = 50
MAX_BYTES = 600_000_000
"""Label maps of steps beyond this are let go, oldest first; a map that several steps share counts once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """What was done, in words, and the reading before it."""

    words: str
    before: Reading


class History:
    """The steps behind a reading, and those that were taken back."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self._done: list[Step] = []
        self._undone: list[Step] = []

    @property
    def undo_words(self) -> str | None:
        """What ``undo`` would take back, None for nothing."""
        return self._done[-1].words if self._done else None

    @property
    def redo_words(self) -> str | None:
        """What ``redo`` would do again, None for nothing."""
        return self._undone[-1].words if self._undone else None

    def push(self, words: str, reading: Reading) -> None:
        """Goes on to a new reading; what was taken back is forgotten."""
        self._done.append(Step(words=words, before=self.reading))
        self._undone.clear()
        self.reading = reading
        self._forget_oldest()

    def undo(self) -> Reading | None:
        """The reading before the last step, None without one."""
        return self._move(self._done, self._undone)

    def redo(self) -> Reading | None:
        """The reading after the step that was taken back last, None without one."""
        return self._move(self._undone, self._done)

    def _move(self, source: list[Step], target: list[Step]) -> Reading | None:
        if not source:
            return None
        step = source.pop()
        target.append(Step(words=step.words, before=self.reading))
        self.reading = step.before
        return self.reading

    def _forget_oldest(self) -> None:
        del self._done[:-MAX_STEPS]
        while self._done and self._bytes() > MAX_BYTES:
            del self._done[0]

    def _bytes(self) -> int:
        now = {id(m.array) for m in self.reading.label_maps}
        maps = {id(m.array): m.memory_bytes for s in self._done for m in s.before.label_maps}
        return sum(size for key, size in maps.items() if key not in now)
