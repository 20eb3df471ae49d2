"""Viewers do the tasks of a reading, each in a window and a process of its own, one after the other in turns."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import MissingExtraError, UnsupportedError
from tomoscribe.validation.dicom_speed.data import TrialSeries
from tomoscribe.validation.dicom_speed.memory import Watch
from tomoscribe.validation.dicom_speed.priority import real_time as first_in_line

VIEWERS = ("linked", "napari")
_WORKER = "tomoscribe.plugin.timing"
"""Run by its name: validation imports no viewer."""
_LIMIT_S = 600


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One viewer with one series.

    Args:
        runs: what the worker measured in each turn, and ``peak_bytes`` above the window without a study.
    """

    viewer: str
    runs: tuple[dict[str, Any], ...]

    def middle(self, name: str) -> float | None:
        """The median over the turns; None where this viewer has no such task."""
        values = [run[name] for run in self.runs if name in run]
        return float(statistics.median(values)) if values else None


@dataclass(frozen=True, kw_only=True)
class SeriesResult:
    """All viewers with one series."""

    series: TrialSeries
    entries: tuple[Entry, ...]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Everything measured."""

    results: tuple[SeriesResult, ...]
    repeats: int
    renderer: str
    display: str
    real_time: bool


def run_trial(series: Sequence[TrialSeries], *, repeats: int, real_time: bool, tell: Callable[[str], None]) -> Trial:
    """Every viewer opens every series once in each turn.

    Raises:
        MissingExtraError: napari is not installed.
        UnsupportedError: there is no display and no virtual one.
    """
    from importlib.util import find_spec

    if find_spec("napari") is None:
        raise MissingExtraError("tomoscribe validate viewer", "gui")
    display = _display()
    results = []
    for one in series:
        runs: dict[str, list[dict[str, Any]]] = {viewer: [] for viewer in VIEWERS}
        for turn in range(repeats):
            for viewer in VIEWERS:
                tell(f"{one.name}: {viewer}, turn {turn + 1} of {repeats}")
                with first_in_line() if real_time else nullcontext():
                    # What this process starts inherits its place in the line.
                    runs[viewer].append(_run(viewer, one.folder, display))
        entries = tuple(Entry(viewer=viewer, runs=tuple(rows)) for viewer, rows in runs.items())
        results.append(SeriesResult(series=one, entries=entries))
    return Trial(
        results=tuple(results),
        repeats=repeats,
        renderer=str(results[0].entries[0].runs[0]["renderer"]),
        display="virtual (Xvfb)" if display else "real",
        real_time=real_time,
    )


def _display() -> list[str]:
    """What stands before the command; nothing where there is a display."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform in ("win32", "darwin"):
        return []
    found = shutil.which("xvfb-run")
    if found is None:
        raise UnsupportedError("there is no display to open a window on", remedy="install xvfb, or run it on a desktop")
    return [found, "-a", "-s", "-screen 0 1600x1000x24"]


def _run(viewer: str, folder: Path, display: list[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="tomoscribe-viewer-") as work:
        result = Path(work) / "result.json"
        command = [*display, sys.executable, "-W", "ignore", "-m", _WORKER, viewer, str(folder), str(result)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            pid = _meet(process, "ready")
            watch = Watch.start([pid])
            _go_on(process)
            _meet(process, "viewed")
            peak = watch.grown_bytes(pid)
            _go_on(process)
            process.communicate(timeout=_LIMIT_S)
        if not result.is_file():
            raise UnsupportedError(f"the viewer '{viewer}' did not finish its tasks", remedy="open the study by hand")
        row: dict[str, Any] = json.loads(result.read_text())
        return row | {"peak_bytes": peak}


def _meet(process: subprocess.Popen[str], word: str) -> int:
    """The worker's process, once it has said where it stands."""
    import psutil

    lines = process.stdout
    if lines is None or not any(line.strip() == word for line in iter(lines.readline, "")):
        raise UnsupportedError(f"the viewer ended before it was {word}", remedy="try `tomoscribe view` by hand")
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    # Behind a virtual display the worker is a grandchild, and the shell that starts it names it as well.
    return max(p.pid for p in family if _WORKER in p.cmdline())


def _go_on(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        process.stdin.write("\n")
        process.stdin.flush()
