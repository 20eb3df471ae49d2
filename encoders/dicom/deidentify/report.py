"""What was done to which file, in a form that holds no identifier of the input."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tomoscribe.core import Code


@dataclass(frozen=True, kw_only=True)
class FileReport:
    """One input file.

    Args:
        number: its place among the DICOM files of the input, sorted by path, those in zips last; from 1.
        kind: name of its SOP class.
        output: path below the output folder, None when it was dropped.
        reason: why it was dropped.
        counts: how many elements had what done to them.
        warnings: what to look at before the file is handed on.
    """

    number: int
    kind: str
    output: str | None = None
    reason: str | None = None
    counts: Counter[str] = field(default_factory=Counter)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DeidentificationReport:
    """A whole run.

    Args:
        profile: edition of the table that was applied.
        codes: of the profile and the options, as recorded in (0012,0064).
        passed_over: what of the input was not looked into.
    """

    profile: str
    codes: tuple[Code, ...]
    files: tuple[FileReport, ...]
    passed_over: tuple[str, ...] = ()

    @property
    def written(self) -> tuple[FileReport, ...]:
        return tuple(f for f in self.files if f.output is not None)

    @property
    def dropped(self) -> tuple[FileReport, ...]:
        return tuple(f for f in self.files if f.output is None)

    def to_json(self) -> dict[str, Any]:
        """For ``deidentification.json``."""
        return {
            "schema": "tomoscribe.deidentification",
            "schema_version": 1,
            "profile": self.profile,
            "codes": [{"value": c.value, "scheme": c.scheme, "meaning": c.meaning} for c in self.codes],
            "written": len(self.written),
            "dropped": len(self.dropped),
            "passed_over": list(self.passed_over),
            "files": [
                {
                    "number": f.number,
                    "kind": f.kind,
                    "output": f.output,
                    "reason": f.reason,
                    "counts": dict(sorted(f.counts.items())),
                    "warnings": list(f.warnings),
                }
                for f in self.files
            ],
        }

    def lines(self) -> list[str]:
        """For people: totals, what was dropped and why, what to look at."""
        total: Counter[str] = Counter()
        for f in self.written:
            total.update(f.counts)
        lines = [f"{len(self.written)} files written, {len(self.dropped)} dropped ({self.profile})"]
        lines += [f"  {count} {what}" for what, count in sorted(total.items())]
        lines += _grouped("dropped", [(f.reason or "", f.number) for f in self.dropped])
        lines += [f"passed over: {words}" for words in self.passed_over]
        lines += _grouped("WARNING", [(w, f.number) for f in self.written for w in f.warnings])
        return lines


def _grouped(head: str, pairs: list[tuple[str, int]]) -> list[str]:
    """One line for each sentence, with the numbers of the files it holds for."""
    by_words: dict[str, list[int]] = {}
    for words, number in pairs:
        by_words.setdefault(words, []).append(number)
    return [f"{head}: {len(n)} x {words} (input files {_ranges(n)})" for words, n in by_words.items()]


def _ranges(numbers: list[int]) -> str:
    parts: list[list[int]] = []
    for n in sorted(numbers):
        if parts and n == parts[-1][1] + 1:
            parts[-1][1] = n
        else:
            parts.append([n, n])
    words = [str(a) if a == b else f"{a}-{b}" for a, b in parts]
    return ", ".join(words[:8]) + (" ..." if len(words) > 8 else "")
