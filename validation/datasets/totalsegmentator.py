"""TotalSegmentator's data set: ``sNNNN/ct.nii.gz``, a mask file for each structure, ``meta.csv`` with semicolons."""

from __future__ import annotations

from pathlib import Path

from tomoscribe.validation.datasets.adapter import Adapter, usable
from tomoscribe.validation.datasets.opened import Collector, patient_key
from tomoscribe.validation.datasets.tables import Row, keyed, number, read_table, value
from tomoscribe.validation.datasets.volumes import is_grid_file, stem_of
from tomoscribe.validation.records import Case, Strata, TruthMask

_IMAGES = (("ct.nii.gz", "CT"), ("mri.nii.gz", "MR"), ("mr.nii.gz", "MR"))
_SPLITS = {"train": "train", "val": "validation", "test": "test"}


def looks_like(folder: Path) -> bool:
    """A subject with its folder of masks."""
    return any((p.parent / "segmentations").is_dir() for name, _ in _IMAGES for p in folder.glob(f"*/{name}"))


def read(folder: Path, into: Collector) -> None:
    """One case a subject; an empty mask file means that the structure is not in the image."""
    meta = _meta(folder / "meta.csv", into)
    subjects = sorted({p.parent for name, _ in _IMAGES for p in folder.glob(f"*/{name}")})
    for subject in subjects:
        _case(subject, meta.get(subject.name, {}), bool(meta), into)
    for name in sorted(set(meta) - {s.name for s in subjects}):
        into.leave_out("row without images", name, "its folder is not here")
    for other in sorted(p for p in folder.iterdir() if p.is_dir() and p not in subjects):
        into.leave_out("folder without an image", other, f"expected {' or '.join(n for n, _ in _IMAGES)}")


def _case(subject: Path, row: Row, has_table: bool, into: Collector) -> None:
    name, role = next((n, r) for n, r in _IMAGES if (subject / n).is_file())
    if not usable(subject / name, into):
        return
    if has_table and not row:
        into.leave_out("images without a row", subject, "expected its image_id in meta.csv; used without")
    masks = [p for p in sorted((subject / "segmentations").glob("*")) if is_grid_file(p)]
    if not masks:
        into.leave_out("images without a mask", subject, "expected files in segmentations; used without")
    sex = (value(row, "gender") or "")[:1].upper()
    pathology = value(row, "pathology")
    into.add(
        Case(
            dataset="totalsegmentator",
            case_id=subject.name,
            patient_key=patient_key("totalsegmentator", subject.name),
            split=_SPLITS.get((value(row, "split") or "").lower(), "none"),
            images={role: subject / name},
            masks=tuple(TruthMask(name=stem_of(p), path=p) for p in masks),
            strata=Strata(
                sex=sex if sex in ("M", "F") else None,
                age_years=number(value(row, "age")),
                manufacturer=value(row, "manufacturer"),
            ),
            notes=(f"pathology: {pathology}",) if pathology else (),
        )
    )


def _meta(path: Path, into: Collector) -> dict[str, Row]:
    if not path.is_file():
        into.leave_out("missing table", path, "expected it here; splits, age and sex are not known")
        return {}
    return keyed(read_table(path, into, ("image_id",)), "image_id", into)


ADAPTER = Adapter(
    name="totalsegmentator",
    title="TotalSegmentator",
    looks_like=looks_like,
    read=read,
    source="the data set's version 2 as public code reads it: meta.csv (semicolons, UTF-8 with a mark, image_id, age, "
    "gender, institute, study_type, split, manufacturer, ...); the name of the MR image could not be checked",
)
