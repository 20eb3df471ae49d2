"""LIDC-IDRI as its archive gives it: DICOM series by patient, reading files beside them or in a folder of their own."""

from __future__ import annotations

from pathlib import Path

from tomoscribe.core import Acquisition, Series, Study
from tomoscribe.core.errors import TomoscribeError
from tomoscribe.encoders.dicom import scan, slice_grid
from tomoscribe.validation.datasets.adapter import Adapter, nodule_label
from tomoscribe.validation.datasets.lidc_nodules import nodules, unknown_slices
from tomoscribe.validation.datasets.lidc_xml import ReadingFile, read_xml
from tomoscribe.validation.datasets.opened import Collector
from tomoscribe.validation.records import Case, Layout, Strata


def looks_like(folder: Path) -> bool:
    """Patient folders of that name, here or one level below."""
    return any(folder.glob("LIDC-IDRI-*")) or any(folder.glob("*/LIDC-IDRI-*"))


def read(folder: Path, into: Collector) -> None:
    """One case a CT series that a reading file belongs to, matched by SeriesInstanceUid wherever the file lies."""
    readings = _readings(folder, into)
    patients = sorted({*folder.glob("LIDC-IDRI-*"), *folder.glob("*/LIDC-IDRI-*")})
    used: set[str] = set()
    for patient in (p for p in patients if p.is_dir()):
        used |= _patient(patient, readings, into)
    for uid in sorted(set(readings) - used):
        into.leave_out("reading without images", readings[uid][1], f"expected the series {uid}, found none")


def _readings(folder: Path, into: Collector) -> dict[str, tuple[ReadingFile, Path]]:
    found: dict[str, tuple[ReadingFile, Path]] = {}
    for path in sorted(folder.rglob("*.xml")):
        try:
            reading = read_xml(path)
        except TomoscribeError as error:
            into.leave_out("unreadable reading file", path, error.what)
            continue
        if reading is None:
            into.leave_out("reading file of another kind", path, "expected a CT reading (LidcReadMessage)")
        elif reading.series_uid in found:
            into.leave_out("duplicated reading file", path, "another file reads the same series; the first one is used")
        else:
            found[reading.series_uid] = (reading, path)
    return found


def _patient(folder: Path, readings: dict[str, tuple[ReadingFile, Path]], into: Collector) -> set[str]:
    """Adds a patient's cases; the series whose reading files were used."""
    try:
        studies = scan(folder)
    except TomoscribeError as error:
        into.leave_out("patient without images", folder, error.what)
        return set()
    used = set()
    for study in studies:
        for series in study.series:
            if series.series_uid in readings:
                used.add(series.series_uid)
                _case(folder, study, series, readings[series.series_uid][0], into)
            elif series.modality == "CT":
                into.leave_out("images without a reading file", series.series_uid, "expected an XML that names it")
            else:
                into.leave_out("series that is no CT", series.series_uid, f"found {series.modality}")
    return used


def _case(folder: Path, study: Study, series: Series, reading: ReadingFile, into: Collector) -> None:
    try:
        geometry, instance_uids = slice_grid(series)
    except TomoscribeError as error:
        into.leave_out("unreadable volume", series.series_uid, error.what)
        return
    lost = unknown_slices(reading.drawn, instance_uids)
    if lost:
        into.leave_out("outlines without their image", series.series_uid, f"{lost} outline(s) lie on images not here")
    found = nodules(reading.drawn, geometry, instance_uids)
    into.add(
        Case(
            dataset="lidc",
            case_id=f"{folder.name}/{series.series_uid}",
            patient_key=study.patient_key,
            layout=Layout.DICOM,
            images={"CT": _common_folder(series, folder)},
            uids=(study.study_uid, series.series_uid),
            labels=nodule_label(found),
            nodules=found,
            strata=strata(study, series.acquisition),
            notes=(*series.notes, f"{reading.num_readers} readers"),
        )
    )


def _common_folder(series: Series, folder: Path) -> Path:
    parents = {f.parent for f in series.files}
    return parents.pop() if len(parents) == 1 else folder


def strata(study: Study, acquisition: Acquisition) -> Strata:
    """What the header of a DICOM study says of its subgroups."""
    return Strata(
        sex=study.sex,
        age_years=study.age_years,
        manufacturer=acquisition.manufacturer,
        kernel=acquisition.kernel,
        slice_thickness_mm=acquisition.slice_thickness_mm,
        dose_mgy=acquisition.ctdivol_mgy,
    )


ADAPTER = Adapter(
    name="lidc",
    title="LIDC-IDRI",
    looks_like=looks_like,
    read=read,
    source="two patients of the archive itself (folders by study and series UID, XML beside the images) and its XML "
    "documentation; the archive's later folder names and its XML-only download are read by the same rule, unverified",
)
