"""What is timed: a study stage by stage, beside peers, and over slices, studies and workers; each in its own process.

Wall seconds of a shared machine say little alone. Every ratio is of one turn: what is compared ran one after the other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import UnsupportedError
from tomoscribe.encoders.dicom.index import CACHE_VARIABLE
from tomoscribe.validation.dicom_speed import Trial, run_trial
from tomoscribe.validation.dicom_speed.data import as_it_is
from tomoscribe.validation.dicom_speed.trial import THREAD_LIMITS
from tomoscribe.validation.speed.studies import export_of, study_of

STAGES = ("imports", "scan", "load", "measure", "compare", "look", "write", "export")
Tell = Callable[[str], None]
_LIMIT_S = 1800.0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How much is timed.

    Args:
        studies: folders of the studies that are timed stage by stage, by name; the first one is a CT.
        repeats: turns.
        slices: lengths of the CT for the scaling.
        batches: numbers of small studies that one process reads.
        workers: numbers of processes that share ``batch`` studies.
        seg_slices: length of the SEG that is written beside peers, 0 for none.
    """

    studies: Mapping[str, Path]
    repeats: int = 3
    slices: tuple[int, ...] = (84, 168, 336, 504)
    batches: tuple[int, ...] = (1, 4, 8)
    workers: tuple[int, ...] = (1, 2)
    batch: int = 8
    seg_slices: int = 200


def quick(settings: Settings) -> Settings:
    """Of a run that only shows that it works."""
    return replace(settings, repeats=1, slices=(42,), batches=(), workers=(), seg_slices=0)


@dataclass(frozen=True, kw_only=True)
class StudyRun:
    """One process that read one study."""

    seconds: Mapping[str, float]
    peak_bytes: int

    @property
    def total_s(self) -> float:
        return sum(self.seconds.values())


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Everything that was timed.

    Args:
        stages: runs of each study, turn by turn.
        readers: the DICOM reader beside its peers on the CT.
        writers: processor seconds, wall seconds and bytes of SEG writers, turn by turn.
        slices: runs by number of slices.
        batches: wall seconds by number of studies, of one worker.
        workers: wall seconds by number of workers.
    """

    stages: Mapping[str, tuple[StudyRun, ...]]
    readers: Trial
    writers: Mapping[str, Sequence[tuple[float, float, int]]] = field(default_factory=dict)
    slices: Mapping[int, StudyRun] = field(default_factory=dict)
    batches: Mapping[int, float] = field(default_factory=dict)
    workers: Mapping[int, float] = field(default_factory=dict)


def run_speed(settings: Settings, tell: Tell) -> Measured:
    """Times everything, one after the other.

    Raises:
        UnsupportedError: a study could not be read in its process.
    """
    with tempfile.TemporaryDirectory(prefix="tomoscribe-speed-") as work:
        place = Path(work)
        stages: dict[str, list[StudyRun]] = {name: [] for name in settings.studies}
        for turn in range(settings.repeats):
            for name, folder in settings.studies.items():
                tell(f"{name}: turn {turn + 1} of {settings.repeats}")
                stages[name].append(_study(folder, place))
        first = next(iter(settings.studies.values()))
        tell("DICOM readers")
        readers = run_trial([as_it_is(first, place / "copies")], repeats=settings.repeats, tell=tell)
        return Measured(
            stages={name: tuple(runs) for name, runs in stages.items()},
            readers=readers,
            writers=_writers(settings, place, tell),
            slices=_slices(settings, first, place, tell),
            batches=_batches(settings, place, tell),
            workers=_workers(settings, place, tell),
        )


def _study(folder: Path, work: Path) -> StudyRun:
    result = work / "result.json"
    result.unlink(missing_ok=True)
    _run([sys.executable, "-m", "tomoscribe.validation.speed.worker", str(folder), str(result)], work)
    row: dict[str, Any] = json.loads(result.read_text())
    return StudyRun(seconds=row["seconds"], peak_bytes=int(row["peak_bytes"]))


def _writers(settings: Settings, work: Path, tell: Tell) -> Mapping[str, Sequence[tuple[float, float, int]]]:
    if not settings.seg_slices:
        return {}
    from tomoscribe.validation.peers.seg_writers import make_task, runs

    tell("SEG writers")
    return runs(make_task(settings.seg_slices, work / "seg"), work, settings.repeats)


def _slices(settings: Settings, folder: Path, work: Path, tell: Tell) -> dict[int, StudyRun]:
    found = {}
    for count in settings.slices:
        tell(f"{count} slices")
        found[count] = _study(study_of(folder, count, work / f"slices-{count}"), work)
    return found


def _batches(settings: Settings, work: Path, tell: Tell) -> dict[int, float]:
    found = {}
    for count in settings.batches:
        tell(f"{count} small studies, one worker")
        found[count] = _batch(export_of(count, work / f"export-{count}"), work / f"out-{count}", 1)
    return found


def _workers(settings: Settings, work: Path, tell: Tell) -> dict[int, float]:
    found: dict[int, float] = {}
    if not settings.workers:
        return found
    export = export_of(settings.batch, work / "export-workers")
    for count in settings.workers:
        tell(f"{settings.batch} small studies, workers: {count}")
        found[count] = _batch(export, work / f"out-workers-{count}", count)
    return found


def _batch(export: Path, out: Path, workers: int) -> float:
    """Wall seconds of ``tomoscribe batch``, its start included."""
    command = [sys.executable, "-m", "tomoscribe.cli", "batch", str(export), "--out", str(out)]
    command += ["--workers", str(workers), "--threads", "1", "--device", "cpu", "--text", "writer"]
    start = time.perf_counter()
    _run(command, out.parent)
    return time.perf_counter() - start


def _run(command: Sequence[str], work: Path) -> None:
    """In a process with caches of its own, so that no run profits from an earlier one."""
    with tempfile.TemporaryDirectory(prefix="tomoscribe-cache-", dir=work) as cache:
        environment = {k: v for k, v in os.environ.items() if k not in THREAD_LIMITS}
        environment |= {CACHE_VARIABLE: cache, "TOMOSCRIBE_AUDIT": cache}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=_LIMIT_S)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise UnsupportedError(f"a timed process failed: {lines[-1][:200] if lines else done.returncode}")
