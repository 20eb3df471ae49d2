"""A site's own folder: DICOM in any arrangement, reports as text, labels as an optional table.

Reports are found as ``report.txt`` (``report_en.txt``, ``report_zh.txt``) beside a study's files, as
``reports/UID.txt`` named by Study Instance UID, or as ``reports.csv`` with the columns ``study_uid`` and ``report``.
Labels are ``labels.csv``: ``study_uid`` and a column for each class (keys of ``labeler.KEYS``), 1, 0 or blank.
Accession numbers are no keys.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from tomoscribe.core import Series, Study
from tomoscribe.core.errors import TomoscribeError
from tomoscribe.encoders.dicom import scan
from tomoscribe.validation.datasets.adapter import Adapter
from tomoscribe.validation.datasets.lidc import strata
from tomoscribe.validation.datasets.opened import Collector
from tomoscribe.validation.datasets.tables import Row, keyed, labels_of, read_table, read_text
from tomoscribe.validation.labeler.classes import KEYS
from tomoscribe.validation.records import Case, Layout

_BESIDE = ("report.txt", "report_en.txt", "report_zh.txt")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
MIN_SLICES = 8
"""Series with fewer slices are not what a report speaks of."""


def looks_like(folder: Path) -> bool:
    """A table or a folder of reports, or a DICOM file somewhere."""
    if (folder / "reports.csv").is_file() or (folder / "reports").is_dir():
        return True
    return any(_is_dicom(p) for p in folder.rglob("*") if p.is_file() and p.suffix.lower() in ("", ".dcm", ".ima"))


def read(folder: Path, into: Collector) -> None:
    """One case a study, with the series of most slices; studies of one patient share the patient key."""
    try:
        studies = scan(folder, problem=lambda path, why: into.leave_out("unreadable file", path, why))
    except TomoscribeError as error:
        into.leave_out("folder without images", folder.name, error.what)
        return
    reports = _reports(folder, into)
    labels = _labels(folder / "labels.csv", into)
    seen = set()
    for study in studies:
        seen.add(study.study_uid)
        _add(study, reports, labels, folder, into)
    for uid in sorted(set(reports) - seen):
        into.leave_out("report without images", uid, "no study of this UID in the folder")
    for uid in sorted(set(labels) - seen):
        into.leave_out("labels without images", uid, "no study of this UID in the folder")


def _add(study: Study, reports: dict[str, str], labels: dict[str, Row], folder: Path, into: Collector) -> None:
    for series in study.series:
        if series not in study.readable:
            into.leave_out("unreadable volume", series.series_uid, series.reason or "refused")
    chosen = _main_series(study)
    if chosen is None:
        into.leave_out("study without a readable series", study.study_uid, f"expected CT or MR of {MIN_SLICES} slices")
        return
    text = reports.get(study.study_uid) or _beside(chosen, folder, into)
    if text is None:
        into.leave_out("images without report", study.study_uid, "used without one")
    columns = [(c, c.strip().lower()) for c in labels.get(study.study_uid, {}) if c.strip().lower() in KEYS]
    into.add(
        Case(
            dataset="site",
            case_id=study.study_uid,
            patient_key=study.patient_key,
            layout=Layout.DICOM,
            images={chosen.modality: Path(os.path.commonpath([str(f.parent) for f in chosen.files]))},
            uids=(study.study_uid, chosen.series_uid),
            labels=labels_of(labels.get(study.study_uid, {}), columns),
            report=text,
            language="zh" if _CHINESE.search(text or "") else "en",
            strata=strata(study, chosen.acquisition),
            notes=(*study.warnings, *chosen.notes),
        )
    )


def _main_series(study: Study) -> Series | None:
    able = [s for s in study.readable if s.modality in ("CT", "MR") and s.shape and s.shape[0] >= MIN_SLICES]
    return max(able, key=lambda s: (s.shape or (0,))[0], default=None)


def _beside(series: Series, folder: Path, into: Collector) -> str | None:
    """A report in the series' folder or in one above it, up to the data set's folder (which holds all studies)."""
    here = series.files[0].parent
    while here != folder and here.is_relative_to(folder):
        for name in _BESIDE:
            if (here / name).is_file():
                return _text(here / name, into)
        here = here.parent
    return None


def _reports(folder: Path, into: Collector) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted((folder / "reports").glob("*.txt")):
        text = _text(path, into)
        if text is not None:
            found[path.stem] = text
    table = (
        read_table(folder / "reports.csv", into, ("study_uid", "report"))
        if (folder / "reports.csv").is_file()
        else None
    )
    for row in table.rows if table else ():
        if row["study_uid"] in found:
            into.leave_out("duplicated report", row["study_uid"], "the first one is used")
        elif row["report"]:
            found[row["study_uid"]] = row["report"]
        else:
            into.leave_out("empty report", row["study_uid"], "expected text")
    return found


def _text(path: Path, into: Collector) -> str | None:
    try:
        text, encoding = read_text(path)
    except TomoscribeError as error:
        into.leave_out("unreadable report", path, error.what)
        return None
    if encoding not in ("utf-8", "utf-8-sig"):
        into.warn(f"reports were read as {encoding}")
    if not text.strip():
        into.leave_out("empty report", path, "expected text")
        return None
    return text


def _labels(path: Path, into: Collector) -> dict[str, Row]:
    table = read_table(path, into, ("study_uid",)) if path.is_file() else None
    if table is None:
        return {}
    unknown = [c for c in table.columns if c.strip().lower() not in (*KEYS, "study_uid")]
    if unknown:
        into.leave_out("unknown column", path, f"expected classes of {', '.join(KEYS)}; found {', '.join(unknown)}")
    return keyed(table, "study_uid", into)


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


ADAPTER = Adapter(
    name="site",
    title="a site's own folder",
    looks_like=looks_like,
    read=read,
    source="this project's own convention (docs/reference.md)",
    hides_paths=True,
)
