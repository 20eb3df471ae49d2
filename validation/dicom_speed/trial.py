"""All contenders on all series: a fresh process each time, turn by turn, so that a busy machine hurts all alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from tomoscribe.core.errors import InvalidValueError
from tomoscribe.encoders.dicom.index import CACHE_VARIABLE
from tomoscribe.validation.dicom_speed.compare import Agreement, compare
from tomoscribe.validation.dicom_speed.data import TrialSeries
from tomoscribe.validation.peers import ADAPTERS, Contender, Grid, contender

OURS = "ours"
LIMIT_S = 600.0
THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Limits that a developer's shell may set; every contender runs with what it does by itself."""
Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one process measured; the fields are those of ``worker.measure``."""

    import_s: float
    start_s: float | None
    wall_s: float
    cpu_s: float
    base_bytes: int
    peak_bytes: int
    helper_peak_bytes: int


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One contender on one series.

    Args:
        runs: turn by turn; empty when it refused.
        refusal: why it read nothing.
        agreement: its voxels beside ours, None for ours and for refusals.
    """

    adapter: str
    name: str
    runs: tuple[Run, ...] = ()
    refusal: str | None = None
    agreement: Agreement | None = None
    dtype: str = ""

    def middle(self, what: str) -> float:
        """The median of one field over the runs."""
        return float(median(getattr(run, what) for run in self.runs))

    def span(self, what: str) -> tuple[float, float]:
        """Smallest and largest of one field over the runs."""
        values = [getattr(run, what) for run in self.runs]
        return min(values), max(values)


@dataclass(frozen=True, kw_only=True)
class SeriesResult:
    """All contenders on one series."""

    series: TrialSeries
    entries: tuple[Entry, ...]

    @property
    def ours(self) -> Entry:
        return next(e for e in self.entries if e.adapter == OURS)

    def times_ours(self, entry: Entry, what: str = "wall_s") -> float:
        """How many times as long as ours: the median of the ratios within each turn."""
        pairs = zip(entry.runs, self.ours.runs, strict=True)
        return float(median(getattr(theirs, what) / getattr(own, what) for theirs, own in pairs))

    @property
    def fastest_peer(self) -> Entry | None:
        """The peer that reads the right values in the shortest time; None where none does."""
        right = [e for e in self.entries if e.agreement is not None and e.agreement.is_same]
        return min(right, key=self.times_ours, default=None)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The whole run; ``missing`` are contenders whose packages are not installed."""

    results: tuple[SeriesResult, ...]
    missing: tuple[Contender, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    repeats: int = 1
    real_time: bool = False


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Who reads, how often, and what the worker is told."""

    present: dict[str, Contender]
    repeats: int
    options: tuple[str, ...]
    tell: Tell


def run_trial(
    series: Iterable[TrialSeries],
    *,
    repeats: int,
    adapters: Sequence[str] = ADAPTERS,
    real_time: bool = False,
    tell: Tell | None = None,
) -> Trial:
    """Every installed contender reads every series ``repeats`` times, interleaved.

    Args:
        adapters: who takes part beside our own reader.
        real_time: each reading goes before everything else on the machine (needs the right to it).
        tell: told what is running.

    Raises:
        InvalidValueError: fewer than one repeat, an unknown adapter, or a series that our own reader cannot read.
    """
    if repeats < 1:
        raise InvalidValueError(f"expected at least one repeat, found {repeats}")
    everyone = {adapter: contender(adapter) for adapter in dict.fromkeys((OURS, *adapters))}
    present = {adapter: c for adapter, c in everyone.items() if not c.missing}
    plan = _Plan(present=present, repeats=repeats, options=("--real-time",) if real_time else (), tell=tell or _silent)
    results = tuple(_on_series(one, plan) for one in series)
    versions: dict[str, str] = {}
    for chosen in present.values():
        versions |= chosen.versions
    missing = tuple(c for c in everyone.values() if c.missing)
    return Trial(results=results, missing=missing, versions=versions, repeats=repeats, real_time=real_time)


def _silent(line: str) -> None:
    """For callers that want to hear nothing."""


def _on_series(series: TrialSeries, plan: _Plan) -> SeriesResult:
    entries = {adapter: _Running(adapter=adapter, name=chosen.name) for adapter, chosen in plan.present.items()}
    with tempfile.TemporaryDirectory(prefix="tomoscribe-speed-") as work:
        for turn in range(plan.repeats):
            for entry in entries.values():
                if entry.refusal is None:
                    plan.tell(f"{series.name}: turn {turn + 1} of {plan.repeats}, {entry.name}")
                    _turn(entry, series, Path(work), plan.options, is_first=turn == 0)
    if entries[OURS].refusal is not None:
        raise InvalidValueError(f"tomoscribe itself cannot read the series: {entries[OURS].refusal}", where=series.name)
    return SeriesResult(series=series, entries=tuple(entry.done() for entry in entries.values()))


@dataclass(kw_only=True)
class _Running:
    """An entry while its turns are under way."""

    adapter: str
    name: str
    runs: list[Run] = field(default_factory=list)
    refusal: str | None = None
    agreement: Agreement | None = None
    dtype: str = ""

    def done(self) -> Entry:
        return Entry(
            adapter=self.adapter,
            name=self.name,
            runs=() if self.refusal else tuple(self.runs),
            refusal=self.refusal,
            agreement=self.agreement,
            dtype=self.dtype,
        )


def _turn(entry: _Running, series: TrialSeries, work: Path, options: tuple[str, ...], *, is_first: bool) -> None:
    """One reading; the first one's voxels are compared with ours, which reads first in every turn."""
    keep = work / f"{entry.adapter}.npy" if is_first else None
    if keep is not None:
        options = (*options, "--keep", str(keep))
    row = _run(entry.adapter, series, work / "result.json", options)
    if isinstance(row, str):
        entry.refusal = row
        return
    entry.runs.append(Run(**{k: row[k] for k in Run.__dataclass_fields__}))
    if is_first:
        entry.dtype = row["dtype"]
        entry.agreement = _agreement(entry.adapter, row, work)


def _agreement(adapter: str, row: dict[str, Any], work: Path) -> Agreement | None:
    """The kept voxels beside ours, which stay until the end."""
    kept = work / f"{adapter}.npy"
    if adapter == OURS:
        (work / "affine.json").write_text(json.dumps(row["affine"]))
        return None
    ours = Grid(
        array=np.load(work / f"{OURS}.npy", mmap_mode="r"),
        affine=np.array(json.loads((work / "affine.json").read_text())),
    )
    theirs = Grid(array=np.load(kept, mmap_mode="r"), affine=np.array(row["affine"]))
    found = compare(ours, theirs)
    kept.unlink()
    return found


def _run(adapter: str, series: TrialSeries, result: Path, options: Sequence[str]) -> dict[str, Any] | str:
    """What the worker measured, or why it measured nothing."""
    command = [sys.executable, "-m", "tomoscribe.validation.dicom_speed.worker", adapter]
    command += [str(series.folder), str(series.warm), str(result), *options]
    environment = {k: v for k, v in os.environ.items() if k not in THREAD_LIMITS}
    result.unlink(missing_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="tomoscribe-cache-") as cache:
            environment[CACHE_VARIABLE] = cache  # our reader must not remember an earlier turn
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
            )
    except subprocess.TimeoutExpired:
        return f"took more than {LIMIT_S:.0f} s"
    if done.returncode != 0 or not result.is_file():
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return (lines[-1] if lines else f"exit code {done.returncode}").replace(str(series.folder), "FOLDER")[:200]
    row: dict[str, Any] = json.loads(result.read_text())
    return row
