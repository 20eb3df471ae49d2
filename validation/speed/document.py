"""The speed trial as rows, plots and raw runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from tomoscribe.validation.dicom_speed import to_json
from tomoscribe.validation.records import Better
from tomoscribe.validation.report.facts import Facts
from tomoscribe.validation.report.figures import Figure, means, ratio
from tomoscribe.validation.report.model import Plot, Row, Series, Table, ValidationReport
from tomoscribe.validation.speed.trial import STAGES, Measured, StudyRun

_GB = 1e9
STAGE_NOTE = (
    "Wall seconds of a fresh process for each study, from the start of the imports to the last result file; intervals "
    "are over turns. No other program does measure, look and write as a whole, so those stages have no peer."
)
PEER_NOTE = (
    "Ratios within one turn, theirs over ours: above 1 is slower than tomoscribe. Readers read the CT into memory "
    "(wall time, imports excluded); writers write a SEG of 20 organs (processor time)."
)
SCALING_NOTE = "One run each; how long each point takes stands in the plots."


def speed_report(measured: Measured, facts: Facts, *, seconds: float, is_quick: bool) -> ValidationReport:
    """Everything of one trial."""
    return ValidationReport(
        title="Speed",
        facts=facts,
        tables=tuple(t for t in (_stages(measured), _peers(measured), _scaling(measured)) if t.rows),
        not_tested=tuple(f"{one.name}: {', '.join(one.missing)} not installed" for one in measured.readers.missing),
        plots=tuple(_plots(measured)),
        seconds=seconds,
        is_quick=is_quick,
        extra={"speed": _raw(measured)},
    )


def _stages(measured: Measured) -> Table:
    rows: list[Row | None] = []
    for study, runs in measured.stages.items():
        for stage in STAGES:
            figure = Figure(name=f"speed/{stage}", better=Better.LOWER, unit="s", source="wall seconds of this stage")
            rows.append(ratio(figure, _turns(runs, partial(_stage_s, stage)), f"study={study}"))
        whole = Figure(name="speed/whole study", better=Better.LOWER, unit="s", source="wall seconds, imports to files")
        peak = Figure(name="memory/peak", better=Better.LOWER, unit="GB", source="largest resident set of the process")
        rows.append(ratio(whole, _turns(runs, lambda r: r.total_s), f"study={study}"))
        rows.append(ratio(peak, _turns(runs, lambda r: r.peak_bytes / _GB), f"study={study}"))
    return Table(title="Each stage of one study", rows=tuple(r for r in rows if r is not None), note=STAGE_NOTE)


def _stage_s(stage: str, run: StudyRun) -> float:
    """Seconds of a stage; none of one that a study does not have."""
    return run.seconds.get(stage, 0.0)


def _turns(runs: tuple[StudyRun, ...], pick: Callable[[StudyRun], float]) -> dict[str, tuple[float, float]]:
    return means({f"turn {n}": pick(run) for n, run in enumerate(runs, start=1)})


def _peers(measured: Measured) -> Table:
    rows: list[Row | None] = []
    for result in measured.readers.results:
        for entry in result.entries:
            if entry is result.ours or not entry.runs:
                continue
            pairs = zip(entry.runs, result.ours.runs, strict=True)
            turns = {f"turn {n}": (a.wall_s, b.wall_s) for n, (a, b) in enumerate(pairs, start=1)}
            rows.append(ratio(_times(f"times ours, reading/{entry.name}"), turns, "study=CT"))
    ours = measured.writers.get("ours, BINARY", ())
    for name, runs in measured.writers.items():
        if not name.startswith("ours"):
            turns = {f"turn {n}": (a[0], b[0]) for n, (a, b) in enumerate(zip(runs, ours, strict=True), start=1)}
            rows.append(ratio(_times(f"times ours, writing SEG/{name}"), turns, "study=20 organs"))
    return Table(title="Beside peers", rows=tuple(r for r in rows if r is not None), note=PEER_NOTE)


def _times(name: str) -> Figure:
    return Figure(name=f"speed/{name}", better=Better.HIGHER, unit="x", source="theirs over ours, within a turn")


def _scaling(measured: Measured) -> Table:
    rows: list[Row | None] = []
    if len(measured.slices) > 1:
        first, last = min(measured.slices), max(measured.slices)
        growth = measured.slices[last].total_s / measured.slices[first].total_s
        name = "speed/growth of the time with slices"
        rows.append(_single(name, growth / (last / first), "x", f"slices={first} to {last}", "1 is proportional"))
    if len(measured.workers) > 1:
        first, last = min(measured.workers), max(measured.workers)
        gain = measured.workers[first] / measured.workers[last]
        rows.append(_single("speed/gain of workers", gain, "x", f"workers={last}", "over one", Better.HIGHER))
    return Table(title="Scaling", rows=tuple(r for r in rows if r is not None), note=SCALING_NOTE)


def _single(
    name: str, value: float, unit: str, subgroup: str, source: str, better: Better = Better.LOWER
) -> Row | None:
    return ratio(Figure(name=name, better=better, unit=unit, source=source), {"run": (value, 1.0)}, subgroup)


def _plots(measured: Measured) -> Iterator[Plot]:
    if len(measured.slices) > 1:
        counts = sorted(measured.slices)
        yield _lines("Slices of one chest CT", "slices", "s", {
            "whole study": [measured.slices[n].total_s for n in counts],
            "measure": [measured.slices[n].seconds["measure"] for n in counts],
            "load": [measured.slices[n].seconds["load"] for n in counts],
        }, counts)  # fmt: skip
        peaks = [measured.slices[n].peak_bytes / _GB for n in counts]
        yield _lines("Memory over slices", "slices", "GB", {"peak of the process": peaks}, counts)
    if len(measured.batches) > 1:
        counts = sorted(measured.batches)
        walls = [measured.batches[n] for n in counts]
        yield _lines("Small studies, one worker, start included", "studies", "s", {"tomoscribe batch": walls}, counts)
    if len(measured.workers) > 1:
        counts = sorted(measured.workers)
        walls = [measured.workers[n] for n in counts]
        yield _lines("Small studies over workers", "workers", "s", {"tomoscribe batch": walls}, counts)


def _lines(title: str, x: str, unit: str, values: Mapping[str, list[float]], counts: list[int]) -> Plot:
    series = tuple(Series(name=name, x=tuple(map(float, counts)), y=tuple(row)) for name, row in values.items())
    return Plot(title=title, kind="lines", x_label=x, y_label=unit, series=series)


def _raw(measured: Measured) -> dict[str, Any]:
    """Every run as it was."""
    return {
        "stages": {name: [asdict(run) for run in runs] for name, runs in measured.stages.items()},
        "readers": to_json(measured.readers, command="validate speed"),
        "writers": {name: [list(run) for run in runs] for name, runs in measured.writers.items()},
        "slices": {str(n): asdict(run) for n, run in measured.slices.items()},
        "batches": {str(n): wall for n, wall in measured.batches.items()},
        "workers": {str(n): wall for n, wall in measured.workers.items()},
    }
