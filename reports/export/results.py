"""The results of one reading in a folder: written all or none, opened again, replaced when the report changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tomoscribe.core import LabelMap, Reading, Study, Volume
from tomoscribe.core.errors import InputError, OutputError
from tomoscribe.reports.export.atomic import all_or_none, save_dicom, save_text, sync
from tomoscribe.reports.export.json_file import reading_to_text
from tomoscribe.reports.export.patient_facts import PatientFacts, patient_facts
from tomoscribe.reports.export.seg import SegKind
from tomoscribe.reports.key_images import KeyImage
from tomoscribe.reports.signing import refuse_objections

if TYPE_CHECKING:
    from tomoscribe.reports.export.sr_write import Evidence

RESULT_FILES = ("report.json", "report.html", "sr.dcm")
SEG_FILE = "seg.dcm"
ANATOMY_FILE = "seg_anatomy.dcm"
KEY_IMAGES = "key_images"
OPTIONAL_RESULTS = (SEG_FILE, ANATOMY_FILE, KEY_IMAGES)
"""Masks, where anything was outlined; organs, where ``seg.dcm`` does not hold them already; a folder of key images,
where there is something to show."""
_SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Segmentation and Label Map Segmentation Storage."""


def write_results(
    reading: Reading,
    volumes: Mapping[str, Volume],
    headers: Mapping[str, Sequence[Any]],
    folder: Path,
    anatomy: SegKind = SegKind.BINARY,
    predecessor: Any = None,
) -> tuple[Path, ...]:
    """Writes the RESULT_FILES, and the OPTIONAL_RESULTS there is something for: all of them or none.

    Result files of an earlier reading in the folder are replaced once the new ones are complete; other files stay.
    ``seg.dcm`` holds the segments of the findings; a reading without any finding's mask has its anatomy there instead,
    and one in which nothing was outlined has none.

    Args:
        reading: whose report the evidence lock accepts.
        volumes: by series UID, for the key images.
        headers: by series UID, data sets without pixels of the series that the label maps were drawn on.
        folder: made if it is not there.
        anatomy: how ``seg_anatomy.dcm`` is stored; LABELMAP only for a receiver that accepts it.
        predecessor: the SR of an earlier reading of the study, which the new one names; None for the first.

    Raises:
        LockError: the evidence lock objects; nothing is written.
        OutputError: the folder cannot be written, a finding's mask is missing, or there is no header to make DICOM
            of; nothing is left.
    """
    refuse_objections(reading)
    with all_or_none(folder, (*RESULT_FILES, *OPTIONAL_RESULTS)) as staging:
        names = _write_all(reading, volumes, headers, staging, anatomy, predecessor)
    return tuple(Path(folder) / name for name in names)


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenedResults:
    """What a result folder holds.

    Args:
        reading: without file paths and patient key; timing is not carried.
        seg, sr: the data sets of ``seg.dcm``, None where nothing was outlined, and of ``sr.dcm``.
        captures: the key images, by the tracking UID of their finding, under ORGANS the overview.
        anatomy: data set of ``seg_anatomy.dcm``, None where there is none.
    """

    reading: Reading
    seg: Any
    sr: Any
    captures: Mapping[str, tuple[Any, ...]]
    anatomy: Any = None

    @property
    def patient(self) -> PatientFacts:
        """Whose results they are."""
        return patient_facts(self.sr)


def open_results(folder: Path) -> Reading:
    """The reading in a result folder (what SR does not carry: see ``sr_read``).

    Raises:
        InputError: a file is missing, not DICOM, of another origin, or the files do not belong together.
    """
    return open_folder(folder).reading


def open_folder(folder: Path) -> OpenedResults:
    """Everything in a result folder.

    Raises:
        InputError: a file is missing, not DICOM, of another origin, or the files do not belong together.
    """
    from tomoscribe.reports.export.seg import read_seg
    from tomoscribe.reports.export.sr_read import read_report, read_study

    folder = Path(folder)
    sr = _open_dicom(folder / "sr.dcm")
    if sr.get("Modality") != "SR":
        raise InputError("expected a SEG and an SR", where=str(folder), remedy="open a folder that tomoscribe wrote")
    seg = _open_seg(folder / SEG_FILE, sr)
    anatomy = _open_dicom(folder / ANATOMY_FILE) if (folder / ANATOMY_FILE).is_file() else None
    if anatomy is not None and anatomy.StudyInstanceUID != sr.StudyInstanceUID:
        raise InputError("expected the organs of the same study", where=str(anatomy.SOPInstanceUID))
    maps = tuple(read_seg(d) for d in (seg, anatomy) if d is not None)
    reading = Reading(study=read_study(sr), report=read_report(sr), label_maps=maps)
    captures = _open_captures(folder / KEY_IMAGES, sr)
    return OpenedResults(reading=reading, seg=seg, sr=sr, captures=captures, anatomy=anatomy)


def _open_seg(path: Path, sr: Any) -> Any:
    """The SEG that an SR refers to; None where the SR refers to none and there is none."""
    named = {r.uid for r in sr_references(sr) if r.class_uid in _SEG_CLASSES}
    if not named and not path.exists():
        return None
    seg = _open_dicom(path)
    if seg.get("Modality") != "SEG":
        raise InputError(
            "expected a SEG and an SR", where=str(path.parent), remedy="open a folder that tomoscribe wrote"
        )
    if seg.StudyInstanceUID != sr.StudyInstanceUID or str(seg.SOPInstanceUID) not in named:
        raise InputError("expected an SR that refers to the SEG beside it", where=str(sr.SOPInstanceUID))
    return seg


def open_objects(paths: Sequence[Path], study_uid: str) -> list[Any]:
    """DICOM files of one study.

    Raises:
        InputError: a file is missing, not DICOM, or of another study.
    """
    objects = [_open_dicom(Path(p)) for p in paths]
    for path, found in zip(paths, objects, strict=True):
        if str(found.get("StudyInstanceUID")) != study_uid:
            raise InputError("expected an object of the same study, found one of another", where=str(path))
    return objects


def replace_report(opened: OpenedResults, reading: Reading, folder: Path) -> tuple[Path, ...]:
    """Writes a changed report over the one in a result folder: all files that hold its words, or none.

    The masks and key images stay. The new SR has UIDs of its own and names the one that it replaces.

    Args:
        opened: what the folder held.
        reading: the same study's, whose report the evidence lock accepts.

    Raises:
        LockError: the evidence lock objects.
        OutputError: the folder cannot be written, or its report was changed since it was opened; it is left as it was.
    """
    from tomoscribe.core import ReportStatus
    from tomoscribe.reports.export.html import render_html
    from tomoscribe.reports.export.secondary_capture import read_picture
    from tomoscribe.reports.export.sr_write import build_sr

    if reading.report.status is not ReportStatus.ENTERED_IN_ERROR:
        refuse_objections(reading)
    sr = build_sr(reading, _evidence_of(opened))
    pictures: dict[str, tuple[KeyImage, ...]] = {
        uid: tuple(read_picture(c) for c in captures) for uid, captures in opened.captures.items()
    }
    names = ("report.json", "report.html", "sr.dcm")
    with all_or_none(folder, names, lambda: _refuse_if_changed(opened, Path(folder))) as staging:
        save_text(reading_to_text(reading), staging / "report.json")
        save_text(render_html(reading, {}, pictures), staging / "report.html")
        save_dicom(sr, staging / "sr.dcm")
    return tuple(Path(folder) / name for name in names)


def _refuse_if_changed(opened: OpenedResults, folder: Path) -> None:
    """Two people may have opened the same results: the second does not write over what the first has signed."""
    there = _open_dicom(folder / "sr.dcm").get("SOPInstanceUID") if (folder / "sr.dcm").is_file() else None
    if there is not None and there != opened.sr.SOPInstanceUID:
        raise OutputError(
            "the results were changed since they were opened; nothing was written",
            where=str(folder),
            remedy="open them again and repeat the step",
        )


@dataclass(frozen=True, kw_only=True)
class Reference:
    """An instance that an SR names as its evidence."""

    series_uid: str
    class_uid: str
    uid: str


def sr_references(sr: Any) -> list[Reference]:
    """What stands in the evidence sequences of an SR, in order."""
    return [
        Reference(
            series_uid=str(series.SeriesInstanceUID),
            class_uid=str(item.ReferencedSOPClassUID),
            uid=str(item.ReferencedSOPInstanceUID),
        )
        for name in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence")
        for study in sr.get(name, [])
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    ]


def exported_map(reading: Reading) -> LabelMap | None:
    """The label map that goes into ``seg.dcm``: the findings, or the anatomy where no finding has a mask.

    Returns:
        None where nothing was outlined: no finding names a mask, and no label map has a voxel.

    Raises:
        OutputError: a finding names a mask, but no label map has a voxel.
    """
    for name in ("findings", "anatomy"):
        label_map = reading.label_map(name)
        if label_map is not None and label_map.segments and label_map.array.any():
            return label_map
    if any(f.region is not None and f.region.label_map is not None for f in reading.report.findings):
        raise OutputError("expected a mask of findings or anatomy to write, found none", where=reading.study.study_uid)
    return None


def _write_all(
    reading: Reading,
    volumes: Mapping[str, Volume],
    headers: Mapping[str, Sequence[Any]],
    folder: Path,
    anatomy: SegKind,
    predecessor: Any,
) -> list[str]:
    """The names of the files that were written, relative to the folder."""
    from tomoscribe.reports.export.html import render_html
    from tomoscribe.reports.export.secondary_capture import ORGANS, build_captures
    from tomoscribe.reports.export.sr_write import Evidence, build_sr

    software = version("tomoscribe")
    label_map = exported_map(reading)
    seg = None if label_map is None else _seg_of(label_map, reading, headers, software)
    captures = build_captures(reading, volumes, headers, software)
    by_uid = {str(h.SOPInstanceUID): h for series in headers.values() for h in series}
    shown = {uid: pictures for uid, pictures in captures.by_finding.items() if uid != ORGANS}
    sr = build_sr(
        reading,
        Evidence(
            seg=seg,
            seg_map=None if label_map is None else label_map.name,
            headers=by_uid,
            version=software,
            illustrations=shown,
            predecessors=() if predecessor is None else (predecessor, *predecessors(predecessor)),
        ),
    )
    save_text(reading_to_text(reading), folder / "report.json")
    save_text(render_html(reading, volumes), folder / "report.html")
    names = ["report.json", "report.html"]
    if seg is not None:
        save_dicom(seg, folder / SEG_FILE)
        names.append(SEG_FILE)
    save_dicom(sr, folder / "sr.dcm")
    names.append("sr.dcm")
    organs = reading.label_map("anatomy")
    if organs is not None and organs is not label_map and organs.series_uid in headers and organs.array.any():
        save_dicom(_seg_of(organs, reading, headers, software, anatomy), folder / ANATOMY_FILE)
        names.append(ANATOMY_FILE)
    return names + _write_captures(captures.all, folder)


def _seg_of(
    label_map: LabelMap,
    reading: Reading,
    headers: Mapping[str, Sequence[Any]],
    software: str,
    kind: SegKind = SegKind.BINARY,
) -> Any:
    from tomoscribe.reports.export.seg import build_seg
    from tomoscribe.reports.export.source_grid import source_grid

    if label_map.series_uid not in headers:
        raise OutputError("expected the headers of the segmented series, found none", where=label_map.series_uid)
    findings = {f.tracking_uid: f for f in reading.report.findings}
    return build_seg(label_map, source_grid(headers[label_map.series_uid]), findings, software, kind)


def _write_captures(captures: Sequence[Any], folder: Path) -> list[str]:
    if not captures:
        return []
    (folder / KEY_IMAGES).mkdir()
    names = [f"{KEY_IMAGES}/key_{int(c.InstanceNumber):03d}.dcm" for c in captures]
    for name, capture in zip(names, captures, strict=True):
        save_dicom(capture, folder / name)
    sync(folder / KEY_IMAGES)
    return names


def _open_captures(folder: Path, sr: Any) -> dict[str, tuple[Any, ...]]:
    """The key images by finding; those that the SR does not refer to are the overview."""
    from tomoscribe.reports.export.secondary_capture import ORGANS
    from tomoscribe.reports.export.sr_read import illustrations

    found = {str(d.SOPInstanceUID): d for d in (_open_dicom(p) for p in sorted(folder.glob("*.dcm")))}
    by_finding = {uid: tuple(found[u] for u in uids if u in found) for uid, uids in illustrations(sr).items()}
    shown = {str(d.SOPInstanceUID) for several in by_finding.values() for d in several}
    rest = tuple(d for uid, d in found.items() if uid not in shown)
    return {uid: pictures for uid, pictures in {**by_finding, ORGANS: rest}.items() if pictures}


def _evidence_of(opened: OpenedResults) -> Evidence:
    """What a changed report refers to: as the SR in the folder did."""
    from tomoscribe.reports.export.secondary_capture import ORGANS
    from tomoscribe.reports.export.sr_write import Evidence

    return Evidence(
        seg=opened.seg,
        seg_map=None if opened.seg is None else opened.reading.label_maps[0].name,
        headers=source_headers(opened.sr, opened.reading.study),
        version=version("tomoscribe"),
        illustrations={uid: pictures for uid, pictures in opened.captures.items() if uid != ORGANS},
        predecessors=(opened.sr, *predecessors(opened.sr)),
    )


def predecessors(sr: Any) -> tuple[Any, ...]:
    """The earlier versions that an SR names, each with its study, series, class and UID."""
    from pydicom.dataset import Dataset

    found = []
    for study in sr.get("PredecessorDocumentsSequence", []):
        for series in study.ReferencedSeriesSequence:
            for item in series.ReferencedSOPSequence:
                earlier = Dataset()
                earlier.StudyInstanceUID = study.StudyInstanceUID
                earlier.SeriesInstanceUID = series.SeriesInstanceUID
                earlier.SOPClassUID = item.ReferencedSOPClassUID
                earlier.SOPInstanceUID = item.ReferencedSOPInstanceUID
                found.append(earlier)
    return tuple(found)


def source_headers(sr: Any, study: Study) -> dict[str, Any]:
    """Of each source image what an SR refers to it by; patient and study as in the SR itself."""
    from pydicom.dataset import Dataset

    from tomoscribe.reports.export.identity import copy_identity

    read = {s.series_uid: s for s in study.series}
    frame = next((str(e.value) for e in sr.iterall() if e.keyword == "ReferencedFrameOfReferenceUID"), None)
    headers = {}
    for named in sr_references(sr):
        series = read.get(named.series_uid)
        if series is None:
            continue
        header = Dataset()
        copy_identity(header, sr)
        header.SOPClassUID, header.SOPInstanceUID = named.class_uid, named.uid
        header.SeriesInstanceUID, header.Modality = named.series_uid, series.modality
        header.Rows, header.Columns = series.shape[1:] if series.shape else (0, 0)
        if frame is not None:
            header.FrameOfReferenceUID = frame
        header.InstitutionName = sr.get("InstitutionName", "")
        headers[named.uid] = header
    if not headers:
        raise InputError(
            "expected a structured report that tells the series it rests on, found none",
            where=str(sr.SOPInstanceUID),
            remedy="read the study again with this version",
        )
    return headers


def _open_dicom(path: Path) -> Any:
    import pydicom
    from pydicom.errors import InvalidDicomError

    if not path.is_file():
        raise InputError("expected a result file, found none", where=str(path), remedy="open a folder of results")
    try:
        return pydicom.dcmread(path)
    except InvalidDicomError as error:
        raise InputError("expected a DICOM file", where=str(path)) from error
