"""The trial as Markdown for docs/, and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tomoscribe.validation.dicom_speed.table import machine, today
from tomoscribe.validation.viewer_speed.trial import SeriesResult, Trial

_HEAD = """\
# The viewer: speed and memory

Made by `{command}` on {date}; {machine}. Display: {display}; OpenGL by {renderer}.

{repeats} turns: in each turn each viewer opens the series once, in a window and a process of its own. Medians over the
turns. `linked` are the linked views (axial, coronal and sagittal are drawn anew for every step); `napari` is napari's
own canvas (one plane) with the voxels from the same reader, for napari reads no DICOM. The files lie in the page cache.
Every time ends when the picture has been drawn. Memory is the peak above that of the window without a study, in int16
volumes, before there are masks and surfaces.
{priority}"""
_PRIORITY = """
Windows, their display and their helpers ran at real-time priority (round robin), so that what else ran on the shared
machine did not take processor time from them; memory bandwidth and caches were shared all the same.
"""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task and what is wanted of it.

    Args:
        at_least: whether more is better.
    """

    key: str
    words: str
    wanted: float | None
    at_least: bool = False
    form: str = "{:.0f}"


TASKS = (
    Task(key="open_s", words="open the study to the first image, s", wanted=2.0, form="{:.2f}"),
    Task(key="scroll_axial_per_s", words="scroll axial, slices per second", wanted=30.0, at_least=True),
    Task(key="scroll_coronal_per_s", words="scroll coronal, slices per second", wanted=30.0, at_least=True),
    Task(key="scroll_sagittal_per_s", words="scroll sagittal, slices per second", wanted=30.0, at_least=True),
    Task(key="window_ms", words="change the window, ms", wanted=50.0, form="{:.1f}"),
    Task(key="crosshair_ms", words="jump of the crosshair, ms", wanted=100.0, form="{:.1f}"),
    Task(key="surfaces_s", words="3D surfaces of a chest, made and drawn, s", wanted=3.0, form="{:.2f}"),
    Task(key="turn_ms", words="turn the surfaces, ms a picture", wanted=None),
    Task(key="volumes", words="peak memory without masks, int16 volumes", wanted=2.5, form="{:.2f}"),
)


def markdown(trial: Trial, *, command: str) -> str:
    """The whole page."""
    head = _HEAD.format(
        command=command,
        date=today(),
        machine=machine(),
        display=trial.display,
        renderer=trial.renderer,
        repeats=trial.repeats,
        priority=_PRIORITY if trial.real_time else "",
    )
    return "\n".join([head, *(_section(result) for result in trial.results)])


def to_json(trial: Trial, *, command: str) -> dict[str, Any]:
    """Everything that was measured."""
    return {
        "schema": "tomoscribe.validation.viewer",
        "command": command,
        "date": today(),
        "machine": machine(),
        "display": trial.display,
        "renderer": trial.renderer,
        "repeats": trial.repeats,
        "real_time": trial.real_time,
        "series": [
            {
                "name": r.series.name,
                "shape": list(r.series.shape),
                "viewers": {e.viewer: list(e.runs) for e in r.entries},
            }
            for r in trial.results
        ],
    }


def reached(task: Task, value: float | None) -> str:
    """In a word; empty where nothing is wanted or measured."""
    if task.wanted is None or value is None:
        return ""
    good = value >= task.wanted if task.at_least else value <= task.wanted
    return "reached" if good else "**not reached**"


def _section(result: SeriesResult) -> str:
    depth, height, width = result.series.shape
    names = [entry.viewer for entry in result.entries]
    lines = [
        f"## {result.series.name}",
        "",
        f"{depth} x {height} x {width} voxels, {result.series.volume_bytes / 1e6:.0f} MB as int16.",
        "",
        f"| task | {' | '.join(names)} | wanted | {names[0]} |",
        f"|---|{'---|' * len(names)}---|---|",
        *(_row(task, result) for task in TASKS),
        "",
    ]
    return "\n".join(lines)


def _row(task: Task, result: SeriesResult) -> str:
    found = [_value(task, result, n) for n in range(len(result.entries))]
    cells = ["" if value is None else task.form.format(value) for value in found]
    wanted = "" if task.wanted is None else f"{'>=' if task.at_least else '<='} {task.wanted:g}"
    return f"| {task.words} | {' | '.join(cells)} | {wanted} | {reached(task, found[0])} |"


def _value(task: Task, result: SeriesResult, number: int) -> float | None:
    entry = result.entries[number]
    if task.key != "volumes":
        return entry.middle(task.key)
    peak = entry.middle("peak_bytes")
    return None if peak is None else peak / result.series.volume_bytes
