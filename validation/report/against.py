"""What moved beyond noise since an earlier run.

Where both runs hold what the same cases add to a figure, the two are compared on those cases, resampling patients
(paired bootstrap): the figure has moved when the 95 % interval of the difference leaves out zero. Else the two
intervals are compared: it has moved when they do not overlap. One case has no noise that could be known: a change in it
is listed, never judged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tomoscribe.validation.metrics.intervals import difference
from tomoscribe.validation.records import Better
from tomoscribe.validation.report import words
from tomoscribe.validation.report.figures import statistic
from tomoscribe.validation.report.model import Row, ValidationReport

_SAME = 1e-9
_LEAST_CASES = 2


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A figure that is another one now.

    Args:
        verdict: ``worse``, ``better`` or ``changed`` (cannot be judged, or within noise).
        method: what it was judged by.
    """

    name: str
    where: str
    unit: str
    old: float
    new: float
    difference: str
    method: str
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A run beside an earlier one; ``moved`` worse ones first."""

    old_date: str
    old_version: str
    moved: tuple[Moved, ...]
    num_same: int
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def regressions(self) -> tuple[Moved, ...]:
        """What became worse beyond noise, and rows that are gone: a figure nobody measures any more is none."""
        return tuple(m for m in self.moved if m.verdict == "worse")

    @property
    def summary(self) -> str:
        """In one line."""
        counts = {v: sum(m.verdict == v for m in self.moved) for v in ("worse", "better", "changed")}
        parts = [
            f"{counts['worse']} worse and {counts['better']} better beyond noise, {counts['changed']} changed within "
            f"it or not to be judged, {self.num_same} the same"
        ]
        if self.only_old:
            parts.append(f"{len(self.only_old)} no longer measured: {', '.join(self.only_old)}")
        if self.only_new:
            parts.append(f"{len(self.only_new)} measured for the first time")
        return "; ".join([*parts, *self.notes]) + "."


def compare(new: ValidationReport, old: ValidationReport) -> Comparison:
    """The new run beside the old one, row by row."""
    before, now = ({row.key: row for row in one.rows} for one in (old, new))
    both = [key for key in now if key in before]
    judged = [(key, _judge(now[key], before[key])) for key in both]
    moved = [m for _, m in judged if m is not None]
    order = ("worse", "better", "changed")
    return Comparison(
        old_date=old.facts.date,
        old_version=old.facts.version,
        moved=tuple(sorted(moved, key=lambda m: order.index(m.verdict))),
        num_same=sum(m is None for _, m in judged),
        only_old=tuple(f"{name} ({group})" for name, group in before if (name, group) not in now),
        only_new=tuple(f"{name} ({group})" for name, group in now if (name, group) not in before),
        notes=_notes(new, old),
    )


def _notes(new: ValidationReport, old: ValidationReport) -> tuple[str, ...]:
    """What else differs between the two runs."""
    notes = []
    changed = [n for n, w in new.facts.weights.items() if old.facts.weights.get(n, {}).get("sha256") != w["sha256"]]
    if changed:
        notes.append(f"other weights: {', '.join(changed)}")
    if new.facts.machine != old.facts.machine:
        notes.append("another machine")
    if dict(new.facts.seeds) != dict(old.facts.seeds):
        notes.append("other seeds")
    return tuple(notes)


def _judge(new: Row, old: Row) -> Moved | None:
    """None where the figure is the same, or defined in neither run."""
    first, second = new.score.value, old.score.value
    if math.isnan(first) and math.isnan(second):
        return None
    cases = [c for c in new.parts if c in old.parts]
    if len(cases) >= _LEAST_CASES:
        return _paired(new, old, cases)
    if abs(first - second) <= _SAME:
        return None
    apart = new.score.low > old.score.high or new.score.high < old.score.low
    known = all(math.isfinite(v) for v in (new.score.low, old.score.low))
    method = "intervals" if known else "no interval"
    return _moved(new, old, first - second, f"{first - second:+.3g}", method, is_beyond=apart and known)


def _paired(new: Row, old: Row, cases: list[str]) -> Moved | None:
    """The two on the same cases; the same parts in each case are the same figure."""
    pairs_new = np.array([new.parts[c] for c in cases], float)
    pairs_old = np.array([old.parts[c] for c in cases], float)
    if np.allclose(pairs_new, pairs_old, atol=1e-6, rtol=0.0):
        return None
    found = difference(statistic(pairs_new), statistic(pairs_old), cases)
    text = f"{found.value:+.3g} ({found.low:+.3g} to {found.high:+.3g})"
    method = f"paired, {len(cases)} cases"
    return _moved(new, old, found.value, text, method, is_beyond=found.beyond_noise)


def _moved(new: Row, old: Row, change: float, text: str, method: str, *, is_beyond: bool) -> Moved:
    is_up = change > 0
    is_good = is_up == (new.score.better is Better.HIGHER)
    return Moved(
        name=new.score.name.replace("/", ": "),
        where=words.where(new),
        unit=new.score.unit,
        old=old.score.value,
        new=new.score.value,
        difference=text,
        method=method,
        verdict=("better" if is_good else "worse") if is_beyond else "changed",
    )
