"""Work off the GUI thread, with progress and cancel: reading a study, and what the viewer needs of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from qtpy.QtCore import QObject, Qt, Signal

from tomoscribe.core import LabelMap, Reading, Report, ReviewState, Series, Study, Volume
from tomoscribe.core.errors import CancelledError, InputError, RefusedSeriesError, TomoscribeError
from tomoscribe.findings.measured import Progress
from tomoscribe.findings.surfaces import Mesh, surface
from tomoscribe.plugin.layers import (
    LayerData,
    calipers_layer,
    image_layer,
    is_hull,
    labels_layer,
    shown_first,
    surface_layer,
)

if TYPE_CHECKING:
    from tomoscribe.reports.plan import Plan
    from tomoscribe.reports.questions import GroundedAnswer


class Reader(Protocol):
    """What reads a study: ``tomoscribe.reports.reader.StudyReader`` or a stand-in."""

    def plan(self, study: Study) -> Plan: ...

    def read(self, study: Study, progress: Progress | None = None) -> Reading: ...

    def volumes(self, study: Study) -> dict[str, Volume]: ...

    def ask(self, reading: Reading, question: str) -> GroundedAnswer: ...


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A study with its images as layers.

    Args:
        remarks: what was left out or altered, in words.
    """

    study: Study
    layers: tuple[LayerData, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Read:
    """A reading with all its layers: images that were read, masks, calipers, surfaces.

    Args:
        first: the report as it was drafted, where the reading was edited since.
    """

    reading: Reading
    volumes: dict[str, Volume]
    images: tuple[LayerData, ...]
    marks: tuple[LayerData, ...]
    first: Report | None = None


class Job(QObject):
    """One piece of work in a thread of its own. Its signals arrive in the GUI thread; one of the last three comes once.

    Args:
        work: called with a progress callback, which raises CancelledError once ``cancel`` was called.
    """

    progressed = Signal(str, float)
    done = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    _reported = Signal(str, float)
    _ended = Signal(object, object)

    def __init__(self, work: Callable[[Progress], Any]) -> None:
        super().__init__()
        self._work = work
        self._stop, self._abandoned = threading.Event(), threading.Event()
        # Bound methods of an object of the GUI thread: Qt calls them there, though the thread sends the signals.
        self._reported.connect(self._show, Qt.ConnectionType.QueuedConnection)
        self._ended.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        threading.Thread(target=self._run, name="tomoscribe work", daemon=True).start()

    def cancel(self) -> None:
        """Asks the work to stop at its next report of progress."""
        self._stop.set()

    def abandon(self) -> None:
        """Cancels, and says nothing any more: whoever waited is gone."""
        self._abandoned.set()
        self._stop.set()

    def _run(self) -> None:
        result, error = None, None
        try:
            result = self._work(self._report)
            self._raise_if_cancelled()
        except Exception as raised:  # noqa: BLE001 (the GUI thread tells it, whatever it is)
            error = raised
        if not self._abandoned.is_set():
            self._ended.emit(result, error)

    def _report(self, stage: str, fraction: float) -> None:
        self._raise_if_cancelled()
        self._reported.emit(stage, fraction)

    def _raise_if_cancelled(self) -> None:
        if self._stop.is_set():
            raise CancelledError("cancelled by the user")

    def _show(self, stage: str, fraction: float) -> None:
        if not self._stop.is_set():
            self.progressed.emit(stage, fraction)

    def _deliver(self, result: Any, error: Exception | None) -> None:
        if self._abandoned.is_set():
            return
        if isinstance(error, CancelledError):
            self.cancelled.emit()
        elif error is not None:
            self.failed.emit(error)
        else:
            self.done.emit(result)


def open_study(path: Path, progress: Progress) -> Opened:
    """Scans a folder, zip or file and loads the newest study of its patient.

    Raises:
        InputError: no such path, no DICOM, or several patients.
        RefusedSeriesError: no series can become a volume.
    """
    studies = scan_place(path, _part(progress, 0.0, 0.3))
    return load_study(_newest_of_one_patient(studies, path), (), _part(progress, 0.3, 1.0))


def scan_place(path: Path, progress: Progress) -> tuple[Study, ...]:
    """All studies in a folder, zip or file; a DICOMDIR stands for its folder.

    Raises:
        InputError: no such path, or no DICOM.
    """
    from tomoscribe.encoders.dicom import scan

    return scan(path.parent if path.name.upper() == "DICOMDIR" else path, progress=progress)


def needs_choice(studies: Sequence[Study]) -> bool:
    """Whether a person has to say which study is meant: several patients, or nothing that can become a volume."""
    return len({s.patient_key for s in studies}) > 1 or not any(s.readable for s in studies)


def newest(studies: Sequence[Study]) -> Study:
    """The newest study that holds images which can become volumes."""
    with_images = [s for s in studies if s.readable] or list(studies)
    return max(with_images, key=lambda s: (s.date or "", s.study_uid))


def load_study(study: Study, wanted: Sequence[Series], progress: Progress) -> Opened:
    """The images of a study as layers, as many and as fine as fit into memory.

    Args:
        wanted: the series to open; all of them where it is empty.

    Raises:
        RefusedSeriesError: no series can become a volume, or its files are gone.
        MemoryPlanError: not even the first series fits.
    """
    from tomoscribe.encoders.dicom import load_volume
    from tomoscribe.plugin.opening.binned import load_binned
    from tomoscribe.plugin.opening.memory import free_bytes, make_show_plan

    first = _read_from(study)
    remarks = [f"{s.modality} {s.number} is not shown: {s.reason}" for s in study.series if s not in study.readable]
    ordered = sorted(wanted or study.readable, key=lambda s: s.series_uid not in first)
    plan = make_show_plan(ordered, free_bytes())
    factors = {(one.series.series_uid, one.series.part): one.factor for one in plan.shown}
    layers = []
    chosen = shown_first([one.series for one in plan.shown], first)
    for number, series in enumerate(chosen):
        name = f"{series.modality} {series.description or ''}".strip()
        tell = _part(progress, number / len(chosen), (number + 1) / len(chosen))
        tell(f"loading {name} ({plan.line()})", 0.0)
        factor = factors[series.series_uid, series.part]
        volume = load_volume(study, series) if factor == 1 else load_binned(study, series, factor, tell)
        remarks += [f"{series.modality} {series.number}: {note}" for note in volume.notes]
        layers.append(image_layer(volume, study, visible=series.series_uid == first[0]))
    return Opened(study=study, layers=tuple(layers), remarks=(*study.warnings, *remarks, *plan.notes))


def read_study(reader: Reader, study: Study, progress: Progress) -> Read:
    """Says what it will take, reads a study and prepares everything that is shown of it."""
    plan = reader.plan(study)
    estimate = f"about {plan.estimated_bytes / 1e9:.1f} GB of memory, {plan.device.name}"

    def told(stage: str, fraction: float) -> None:
        progress(f"{stage} ({estimate})", 0.85 * fraction)

    told("preparing", 0.0)
    reading = reader.read(study, progress=told)
    return show_reading(reading, reader.volumes(study), _part(progress, 0.85, 1.0))


def show_reading(
    reading: Reading, volumes: Mapping[str, Volume], progress: Progress, first: Report | None = None
) -> Read:
    """Everything that is shown of a reading that was made here or elsewhere."""
    study = reading.study
    images = [image_layer(v, study, visible=n == 0) for n, v in enumerate(volumes.values())]
    marks = surface_layers(reading.label_maps, study, progress)
    ordered = sorted(reading.label_maps, key=lambda m: m.name != "anatomy")
    marks += [labels_layer(label_map, study) for label_map in ordered]
    for volume in volumes.values():
        lines = calipers_layer(_seen_on(reading, volume), volume, study)
        marks += [lines] if lines is not None else []
    return Read(reading=reading, volumes=dict(volumes), images=tuple(images), marks=tuple(marks), first=first)


def finding_marks(reading: Reading, volumes: Mapping[str, Volume], progress: Progress) -> tuple[LayerData, ...]:
    """Masks, calipers and surfaces of the findings alone, of an edited reading; rejected ones are not drawn."""
    kept = tuple(f for f in reading.report.findings if f.review.state is not ReviewState.REJECTED)
    label_map = reading.label_map("findings")
    marks: list[LayerData] = []
    if label_map is not None:
        shown = _without_rejected(label_map, reading)
        marks += surface_layers((shown,), reading.study, progress)
        marks += [labels_layer(shown, reading.study)]
    for volume in volumes.values():
        seen = [f for f in _seen_on(reading, volume) if f in kept]
        lines = calipers_layer(seen, volume, reading.study)
        marks += [lines] if lines is not None else []
    return tuple(marks)


def _without_rejected(label_map: LabelMap, reading: Reading) -> LabelMap:
    rejected = {f.tracking_uid for f in reading.report.findings if f.review.state is ReviewState.REJECTED}
    numbers = [s.number for s in label_map.segments if s.tracking_uid in rejected]
    if not numbers:
        return label_map
    array = label_map.array.copy()
    array[np.isin(array, numbers)] = 0
    return replace(label_map, array=array)


def _seen_on(reading: Reading, volume: Volume) -> list[Any]:
    uid = volume.series.series_uid
    return [f for f in reading.report.findings if any(e.series_uid == uid for e in f.evidence)]


def surface_layers(label_maps: Sequence[LabelMap], study: Study, progress: Progress) -> list[LayerData]:
    """One layer for all findings, one for each hull, one for the rest of each label map."""
    parts = [(label_map, segment.name) for label_map in label_maps for segment in label_map.segments]
    grouped: dict[tuple[str, str], dict[str, Mesh]] = {}
    for number, (label_map, name) in enumerate(parts):
        progress(f"surface of {name.replace('_', ' ')}", number / len(parts))
        if label_map.mask(name).any():
            group = name.replace("_", " ") if is_hull(name) else label_map.name
            grouped.setdefault((label_map.name, group), {})[name] = surface(label_map, name)
    by_name = {label_map.name: label_map for label_map in label_maps}
    return [surface_layer(meshes, by_name[drawn_on], group, study) for (drawn_on, group), meshes in grouped.items()]


def _part(progress: Progress, start: float, stop: float) -> Progress:
    return lambda stage, fraction: progress(stage, start + (stop - start) * fraction)


def _newest_of_one_patient(studies: Sequence[Study], path: Path) -> Study:
    if not studies:
        raise InputError("expected DICOM images, found none", where=path.name, remedy="open a folder with DICOM files")
    if len({s.patient_key for s in studies}) > 1:
        raise InputError(
            f"found {len(studies)} studies of several patients", where=path.name, remedy="open one patient's folder"
        )
    return newest(studies)


def _read_from(study: Study) -> list[str]:
    """UIDs of the series that a reading uses, the main one first; the first readable ones where nothing is read.

    Raises:
        RefusedSeriesError: no series can become a volume.
    """
    from tomoscribe.reports.examinations import select

    try:
        return [s.series_uid for s in select(study).series.values()]
    except RefusedSeriesError:
        raise
    except TomoscribeError:
        return [s.series_uid for s in study.readable]
