"""Merlin's abdominal CT: ``merlin_data/STUDY.nii.gz``, a workbook of reports with splits, labels of 30 findings."""

from __future__ import annotations

from pathlib import Path

from tomoscribe.validation.datasets.adapter import Adapter, grid_files, usable
from tomoscribe.validation.datasets.opened import Collector, patient_key
from tomoscribe.validation.datasets.tables import Row, Table, keyed, labels_of, number, read_table, value
from tomoscribe.validation.datasets.volumes import stem_of
from tomoscribe.validation.records import Case, Strata

_REPORTS = ("reports_final.xlsx", "reports_final.csv")
_LABELS = "zero_shot_findings_disease_cls.csv"
_IDS = ("study id", "study_id", "anon_accession", "VolumeName")
_SPLITS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}


def looks_like(folder: Path) -> bool:
    """The workbook of reports or the table of labels."""
    return any((folder / n).is_file() for n in (*_REPORTS, _LABELS))


def read(folder: Path, into: Collector) -> None:
    """One case a study; -1 in the labels is not known and is no label."""
    reports = _by_study(next((folder / n for n in _REPORTS if (folder / n).is_file()), folder / _REPORTS[0]), into)
    labels = _by_study(folder / _LABELS, into)
    meta = _by_study(folder / "metadata.csv", into) if (folder / "metadata.csv").is_file() else {}
    into.warn("Merlin names studies, not patients: each study counts as a patient of its own")
    images = {stem_of(p): p for p in grid_files(folder)}
    for study, path in images.items():
        if usable(path, into):
            _add(study, path, reports.get(study, {}), labels.get(study, {}), meta.get(study, {}), into)
    for what, table in (("report without images", reports), ("labels without images", labels)):
        for study in sorted(set(table) - set(images)):
            into.leave_out(what, study, "its volume is not in the folder")


def _add(study: str, path: Path, report: Row, labels: Row, meta: Row, into: Collector) -> None:
    text = "\n".join(p for c in ("Findings", "Impressions", "Impression") if (p := value(report, c)) is not None)
    missing = [n for n, known in (("report", text), ("labels", labels)) if not known]
    if missing:
        into.leave_out(f"images without {' and '.join(missing)}", study, "used without them")
    split = value(report, "Split")
    if split is not None and split.lower() not in _SPLITS:
        into.leave_out("unknown split", study, f"expected train, val or test, found '{split}'; used without a split")
    columns = [(c, c.strip().lower().replace(" ", "_")) for c in labels if c not in _IDS]
    sex = (value(meta, "sex", "Sex", "PatientSex") or "")[:1].upper()
    into.add(
        Case(
            dataset="merlin",
            case_id=study,
            patient_key=patient_key("merlin", study),
            split=_SPLITS.get((split or "").lower(), "none"),
            images={"CT": path},
            labels=labels_of(labels, columns),
            report=text or None,
            strata=Strata(
                sex=sex if sex in ("M", "F") else None,
                age_years=number(value(meta, "age", "Age", "PatientAge")),
                manufacturer=value(meta, "Manufacturer", "manufacturer"),
                slice_thickness_mm=number(value(meta, "SliceThickness", "slice_thickness")),
            ),
        )
    )


def _by_study(path: Path, into: Collector) -> dict[str, Row]:
    if not path.is_file():
        into.leave_out("missing table", path, "expected it here; what it holds is not known")
        return {}
    table = read_table(path, into)
    column = _id_column(table)
    if table is None or column is None:
        if table is not None:
            found = ", ".join(table.columns[:8])
            into.leave_out("table without a needed column", path, f"expected one of {', '.join(_IDS)}, found {found}")
        return {}
    return keyed(table, column, into, is_file=True)


def _id_column(table: Table | None) -> str | None:
    return next((c for c in table.columns if c.lower() in {n.lower() for n in _IDS}), None) if table else None


ADAPTER = Adapter(
    name="merlin",
    title="Merlin abdominal CT",
    looks_like=looks_like,
    read=read,
    source="public code that reads it: reports_final.xlsx (study id, Findings, Split), "
    "zero_shot_findings_disease_cls.csv (study id, 30 findings as 1, 0, -1), STUDY.nii.gz in any folder; columns of "
    "metadata.csv are guessed by their usual names; not checked on the data set itself",
)
