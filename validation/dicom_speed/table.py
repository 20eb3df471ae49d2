"""The trial as Markdown for docs/, and as JSON."""

from __future__ import annotations

import datetime
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tomoscribe.validation.dicom_speed.targets import targets
from tomoscribe.validation.dicom_speed.trial import Entry, SeriesResult, Trial
from tomoscribe.validation.peers import ADAPTERS, Contender, contender

_PRIORITY = """
Every reading ran at real-time priority (round robin), so that what else ran on the shared machine did not take
processor time from it; memory bandwidth and caches were shared all the same.
"""
_HEAD = """\
# Reading DICOM: speed and memory beside other readers

Made by `{command}` on {date}; {machine}.

{repeats} turns: in each turn every reader reads the series once, in a fresh process of its own, one after the other
(A B C A B C ...). Imports are not part of the times; a few slices are read before the clock starts, because several
libraries import most of themselves with the first file. The files lie in the page cache. Wall and processor seconds
are medians over the turns, smallest and largest in brackets; "times ours" is the median of the ratios within each
turn: above 1 is slower than tomoscribe. Peak is the resident memory above that of the process after its imports, in MB
and in int16 volumes. "Same" compares every voxel with ours at its place in the patient.
{priority}"""


def markdown(trial: Trial, *, command: str) -> str:
    """The whole page."""
    head = _HEAD.format(
        command=command,
        date=today(),
        machine=machine(),
        repeats=trial.repeats,
        priority=_PRIORITY if trial.real_time else "",
    )
    parts = [head, *(_section(result) for result in trial.results), _cold(trial), _readers()]
    return "\n".join(parts)


def to_json(trial: Trial, *, command: str) -> dict[str, Any]:
    """Everything that was measured."""
    return {
        "schema": "tomoscribe.validation.dicom",
        "command": command,
        "date": today(),
        "machine": machine(),
        "repeats": trial.repeats,
        "real_time": trial.real_time,
        "versions": trial.versions,
        "not_installed": [c.name for c in trial.missing],
        "series": [_result_json(r) for r in trial.results],
    }


def machine() -> str:
    """Processor, cores, load of the last minute and Python, in words."""
    load = f", load average {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    return f"{processor()}, {os.cpu_count()} cores{load}, {platform.system()}, Python {platform.python_version()}"


def processor() -> str:
    """Name of the processor, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def today() -> str:
    """The date in UTC."""
    return datetime.datetime.now(tz=datetime.UTC).date().isoformat()


def _section(result: SeriesResult) -> str:
    depth, height, width = result.series.shape
    lines = [
        f"## {result.series.name}",
        "",
        f"{depth} x {height} x {width} voxels, {result.series.volume_bytes / 1e6:.0f} MB as int16.",
        "",
        "| reader | wall, s | times ours | processor, s | peak, MB | volumes | imports, s | values |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(result, entry) for entry in result.entries),
        "",
    ]
    for target in targets(result, compressed=result.series.is_compressed):
        verdict = "reached" if target.is_reached else "**not reached**"
        lines.append(f"- {target.found:.2f} {target.what}; wanted {target.wanted:g}: {verdict}.")
    return "\n".join([*lines, ""])


def _row(result: SeriesResult, entry: Entry) -> str:
    if entry.refusal is not None:
        return f"| {entry.name} | refuses: {entry.refusal.replace('|', '/')} | | | | | | |"
    low, high = entry.span("wall_s")
    peak = entry.middle("peak_bytes")
    values = "ours" if entry.agreement is None else entry.agreement.words
    return (
        f"| {entry.name} | {entry.middle('wall_s'):.2f} ({low:.2f} - {high:.2f}) | {result.times_ours(entry):.2f} "
        f"| {entry.middle('cpu_s'):.2f} | {peak / 1e6:.0f} | {peak / result.series.volume_bytes:.2f} "
        f"| {entry.middle('import_s'):.1f} | {values}, {entry.dtype} |"
    )


def _cold(trial: Trial) -> str:
    """What a session pays once, apart from the reading."""
    runs = [run for result in trial.results for run in result.ours.runs]
    starts = sorted(run.start_s for run in runs if run.start_s is not None)
    if not starts:
        return ""
    helper = max(run.helper_peak_bytes for run in runs)
    return (
        "## Cold start\n\nOnce per session or batch tomoscribe starts the process that reads headers under limits: "
        f"{starts[len(starts) // 2]:.2f} s ({starts[0]:.2f} - {starts[-1]:.2f}); the readings above find it running. "
        f"Its helpers (a long series starts one more, within the times above) took at most {helper / 1e6:.0f} MB more "
        "while they read; the peaks above are without them.\n"
    )


def _readers() -> str:
    lines = ["## Readers", "", "| reader | call | versions |", "|---|---|---|"]
    lines += [_reader(contender(adapter)) for adapter in ADAPTERS]
    return "\n".join([*lines, ""])


def _reader(chosen: Contender) -> str:
    if chosen.missing:
        versions = f'not installed: `pip install "tomoscribe[peers]"` (misses {", ".join(chosen.missing)})'
    else:
        versions = ", ".join(f"{p} {v}" for p, v in chosen.versions.items())
    return f"| {chosen.name} | `{chosen.call}` | {versions} |"


def _result_json(result: SeriesResult) -> dict[str, Any]:
    return {
        "name": result.series.name,
        "shape": list(result.series.shape),
        "volume_bytes": result.series.volume_bytes,
        "readers": [_entry_json(result, e) for e in result.entries],
        "targets": [asdict(t) for t in targets(result, compressed=result.series.is_compressed)],
    }


def _entry_json(result: SeriesResult, entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "refusal": entry.refusal,
        "times_ours": None if entry.refusal else result.times_ours(entry),
        "runs": [asdict(run) for run in entry.runs],
        "values": None if entry.agreement is None else entry.agreement.words,
        "dtype": entry.dtype,
    }
