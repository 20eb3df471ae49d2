"""Writes the results of one reading into a folder, all files or none, and opens SEG and SR again."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tomoscribe.core import LabelMap, Reading, Volume
from tomoscribe.core.errors import InputError, OutputError
from tomoscribe.reports.export.json_file import reading_to_text
from tomoscribe.reports.signing import refuse_objections

RESULT_FILES = ("report.json", "report.html", "seg.dcm", "sr.dcm")


def write_results(
    reading: Reading, volumes: Mapping[str, Volume], headers: Mapping[str, Sequence[Any]], folder: Path
) -> tuple[Path, ...]:
    """Writes ``report.json``, ``report.html``, ``seg.dcm`` and ``sr.dcm``, all of them or none.

    Result files of an earlier reading in the folder are replaced once the new ones are complete; other files stay.
    The SEG holds the segments of the findings; a reading without any finding's mask has its anatomy there instead.

    Args:
        reading: whose report the evidence lock accepts.
        volumes: by series UID, for the key images.
        headers: by series UID, data sets without pixels of the series that the label maps were drawn on.
        folder: made if it is not there.

    Raises:
        LockError: the evidence lock objects; nothing is written.
        OutputError: the folder cannot be written, or there is no mask or header to make DICOM of; nothing is left.
    """
    refuse_objections(reading)
    folder = Path(folder)
    check_writable(folder)
    with _staging(folder) as staging:
        _write_all(reading, volumes, headers, staging)
        _move_into_place(staging, folder)
    return tuple(folder / name for name in RESULT_FILES)


def check_writable(folder: Path) -> None:
    """Whether results could be written there, tried with an empty file; what it makes it removes.

    Raises:
        OutputError: the folder is a file, or the folder or its parent cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError("expected a folder, found a file", where=str(folder), remedy="choose another output folder")
    place = folder if folder.is_dir() else _existing_parent(folder)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise _unwritable(place, error) from error


def open_results(folder: Path) -> Reading:
    """The reading in ``seg.dcm`` and ``sr.dcm`` of a folder (what SR does not carry: see ``sr_read``).

    Raises:
        InputError: a file is missing, not DICOM, of another origin, or the two do not belong together.
    """
    from tomoscribe.reports.export.seg import read_seg
    from tomoscribe.reports.export.sr_read import read_report, read_study

    seg, sr = _open_dicom(Path(folder) / "seg.dcm"), _open_dicom(Path(folder) / "sr.dcm")
    if seg.get("Modality") != "SEG" or sr.get("Modality") != "SR":
        raise InputError("expected a SEG and an SR", where=str(folder), remedy="open a folder that tomoscribe wrote")
    if seg.StudyInstanceUID != sr.StudyInstanceUID or str(seg.SOPInstanceUID) not in sr_references(sr):
        raise InputError("expected an SR that refers to the SEG beside it", where=str(sr.SOPInstanceUID))
    return Reading(study=read_study(sr), report=read_report(sr), label_maps=(read_seg(seg),))


def sr_references(sr: Any) -> set[str]:
    """SOP Instance UIDs in the evidence sequences of an SR."""
    return {
        str(item.ReferencedSOPInstanceUID)
        for name in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence")
        for study in sr.get(name, [])
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }


def exported_map(reading: Reading) -> LabelMap:
    """The label map that goes into ``seg.dcm``: the findings, or the anatomy where no finding has a mask.

    Raises:
        OutputError: neither has a voxel.
    """
    for name in ("findings", "anatomy"):
        label_map = reading.label_map(name)
        if label_map is not None and label_map.segments and label_map.array.any():
            return label_map
    raise OutputError("expected a mask of findings or anatomy to write, found none", where=reading.study.study_uid)


def _write_all(
    reading: Reading, volumes: Mapping[str, Volume], headers: Mapping[str, Sequence[Any]], folder: Path
) -> None:
    from tomoscribe.reports.export.html import render_html
    from tomoscribe.reports.export.seg import build_seg
    from tomoscribe.reports.export.source_grid import source_grid
    from tomoscribe.reports.export.sr_write import Evidence, build_sr

    label_map = exported_map(reading)
    if label_map.series_uid not in headers:
        raise OutputError("expected the headers of the segmented series, found none", where=label_map.series_uid)
    software = version("tomoscribe")
    findings = {f.tracking_uid: f for f in reading.report.findings}
    seg = build_seg(label_map, source_grid(headers[label_map.series_uid]), findings, software)
    by_uid = {str(h.SOPInstanceUID): h for series in headers.values() for h in series}
    sr = build_sr(reading, Evidence(seg=seg, seg_map=label_map.name, headers=by_uid, version=software))
    _save_text(folder / "report.json", reading_to_text(reading))
    _save_text(folder / "report.html", render_html(reading, volumes))
    for name, dataset in (("seg.dcm", seg), ("sr.dcm", sr)):
        dataset.save_as(folder / name, enforce_file_format=True)
        _sync(folder / name)


def _save_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
    _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A folder on the same disk as the target, gone afterwards; on failure, folders made on the way to it too."""
    made = [p for p in (folder, *folder.parents) if not p.exists()]
    place = folder if folder.is_dir() else folder.parent
    staging = None
    try:
        place.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".tomoscribe-", dir=place))
        yield staging
        made = []
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
        _remove_empty(made)


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _move_into_place(staging: Path, folder: Path) -> None:
    """One rename where the folder is new; else file by file, the old ones kept aside until all are there."""
    if not folder.exists():
        staging.chmod(0o777 & ~_umask())
        staging.rename(folder)
        return
    aside = staging / "replaced"
    aside.mkdir()
    moved: list[str] = []
    try:
        for name in RESULT_FILES:
            if (folder / name).exists():
                os.replace(folder / name, aside / name)
            moved.append(name)
            os.replace(staging / name, folder / name)
    except OSError:
        for name in moved:
            (folder / name).unlink(missing_ok=True)
            if (aside / name).exists():
                os.replace(aside / name, folder / name)
        raise
    _sync(folder)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _existing_parent(folder: Path) -> Path:
    return next(p for p in folder.absolute().parents if p.exists())


def _unwritable(place: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write results: {error.strerror or error}",
        where=str(place),
        remedy="choose an output folder that you may write to, with enough room",
    )


def _open_dicom(path: Path) -> Any:
    import pydicom
    from pydicom.errors import InvalidDicomError

    if not path.is_file():
        raise InputError("expected a result file, found none", where=str(path), remedy="open a folder of results")
    try:
        return pydicom.dcmread(path)
    except InvalidDicomError as error:
        raise InputError("expected a DICOM file", where=str(path)) from error
