"""The verdict on every series below a path, with what was measured: the gate's, and that of the pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tomoscribe.core import Series, Study, Verdict
from tomoscribe.core.errors import RefusedSeriesError
from tomoscribe.encoders.dicom.assemble import load_volume
from tomoscribe.encoders.dicom.finish import AIR_HU
from tomoscribe.encoders.dicom.gate.grid import along_normal, axes, is_complete, sort_by_position
from tomoscribe.encoders.dicom.gate.refusal import Slices
from tomoscribe.encoders.dicom.gate.regrid import is_sheared, tilt_degrees, uneven_steps
from tomoscribe.encoders.dicom.gate.splitting import same_position_count
from tomoscribe.encoders.dicom.headers import SliceHeader, lenient_reading, read_slice_headers
from tomoscribe.encoders.dicom.hounsfield import hounsfield_state
from tomoscribe.encoders.dicom.scan import scan
from tomoscribe.encoders.dicom.survey import Problem

Progress = Callable[[str, float], None]
WORDS = {Verdict.ACCEPTED: "accept", Verdict.RESAMPLED: "resample", Verdict.REFUSED: "refuse"}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What positions, headers and pixels of a series show; None where they do not say.

    Args:
        spacing_mm: between slices (median), rows, columns.
        steps_mm: smallest and largest distance of neighboring slices along the normal.
        gaps: how many steps differ from the usual one.
        tilt_degrees: angle between the slices' normal and the line through them.
        extent_mm: from the first slice to the last along the normal.
        value_unit: one of ``VALUE_UNITS``.
        hounsfield: state of the CT values and the evidence for it, once the pixels were read.
    """

    slices: int
    size: tuple[int, int] | None = None
    spacing_mm: tuple[float, float, float] | None = None
    steps_mm: tuple[float, float] | None = None
    gaps: int | None = None
    tilt_degrees: float | None = None
    extent_mm: float | None = None
    slice_thickness_mm: float | None = None
    plane: str | None = None
    value_unit: str | None = None
    hounsfield: str | None = None


@dataclass(frozen=True, kw_only=True)
class SeriesVerdict:
    """One row of the table. ``files`` counts files, not frames."""

    study_uid: str
    series_uid: str
    part: str | None
    number: int | None
    modality: str
    description: str | None
    files: int
    verdict: str
    reason: str | None
    remedy: str | None
    notes: tuple[str, ...]
    measured: Measured


def verdicts(
    path: Path, progress: Progress | None = None, *, problem: Problem | None = None
) -> tuple[SeriesVerdict, ...]:
    """Each series, or named part of one, below a path; pixels of all that the headers let through are read.

    Args:
        problem: as in ``scan``.

    Raises:
        InputError: there is nothing to read.
    """
    studies = scan(path, progress=progress, problem=problem)
    pairs = [(study, series) for study in studies for series in study.series]
    out = []
    for n, (study, series) in enumerate(pairs):
        if progress:
            progress("reading pixels to see what the values are", n / len(pairs))
        out.append(_verdict(study, series))
    return tuple(out)


def _verdict(study: Study, series: Series) -> SeriesVerdict:
    verdict, reason, remedy, notes, hounsfield = series.verdict, series.reason, series.remedy, series.notes, None
    unit = series.value_unit
    if verdict is not Verdict.REFUSED:
        try:
            volume = load_volume(study, series)
            notes = volume.notes
            if volume.value_unit == "hu":
                state = hounsfield_state(volume.array, padding=AIR_HU)
                hounsfield = f"{state.state}: {state.evidence}"
        except RefusedSeriesError as error:
            verdict, reason, remedy, unit = Verdict.REFUSED, error.what, error.remedy, None
    return SeriesVerdict(
        study_uid=study.study_uid,
        series_uid=series.series_uid,
        part=series.part,
        number=series.number,
        modality=series.modality,
        description=series.description,
        files=series.num_files,
        verdict=WORDS[verdict],
        reason=reason,
        remedy=remedy,
        notes=tuple(note for note in notes if note not in (reason or "")),
        measured=_measured(_headers(series), unit, hounsfield),
    )


def _headers(series: Series) -> tuple[SliceHeader, ...]:
    """The headers of the slices, those of the scan or read again; files that can no longer be read are passed over."""
    if series.scanned:
        slices: tuple[SliceHeader, ...] = series.scanned[1].slices
        return slices
    files = list(dict.fromkeys(series.files))
    with lenient_reading():
        found = dict(zip(files, read_slice_headers(files), strict=True))
    return tuple(header for path, frame in series.slices for header in found[path][frame : frame + 1])


def _measured(headers: Slices, unit: str | None, hounsfield: str | None) -> Measured:
    if not headers or not all(is_complete(h) for h in headers):
        return Measured(slices=len(headers), value_unit=unit, hounsfield=hounsfield)
    first, ordered = headers[0], sort_by_position(headers)
    rows_mm, columns_mm = first.pixel_spacing_mm or (0.0, 0.0)
    steps = np.diff(along_normal(ordered))
    in_line = len(ordered) > 1 and same_position_count(ordered) == 1
    normal = np.abs(axes(first)[2])
    plane = ("sagittal", "coronal", "axial")[int(np.argmax(normal))]
    return Measured(
        slices=len(headers),
        size=(first.rows or 0, first.columns or 0),
        spacing_mm=(round(float(np.median(steps)), 4), round(rows_mm, 4), round(columns_mm, 4)) if steps.size else None,
        steps_mm=(round(float(steps.min()), 3), round(float(steps.max()), 3)) if steps.size else None,
        gaps=int(uneven_steps(ordered).sum()) if in_line else None,
        tilt_degrees=round(tilt_degrees(ordered), 2) if in_line and is_sheared(ordered) else 0.0 if in_line else None,
        extent_mm=round(float(steps.sum()), 2) if steps.size else None,
        slice_thickness_mm=first.slice_thickness_mm,
        plane=plane if normal.max() > 0.999 else f"oblique {plane}",
        value_unit=unit,
        hounsfield=hounsfield,
    )
