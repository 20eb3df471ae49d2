"""CT-RATE: NIfTI by patient and scan, predicted labels of 18 classes, reports, metadata; one row a reconstruction.

``dataset/train/train_1/train_1_a/train_1_a_1.nii.gz`` is reconstruction 1 of scan a of patient 1; ``train_fixed`` and
``valid_fixed`` hold the corrected copies. Some copies in circulation were rescaled a second time with the metadata's
slope and intercept: ``verify`` finds them by their tissues.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tomoscribe.validation.datasets.adapter import Adapter, first_folder, grid_files, usable
from tomoscribe.validation.datasets.opened import Collector, patient_key
from tomoscribe.validation.datasets.tables import Row, keyed, labels_of, number, read_table, value
from tomoscribe.validation.labeler.classes import CLASSES, CT_RATE
from tomoscribe.validation.records import Case, Strata

SPLITS = (("train", "train", "train"), ("valid", "validation", "validation"))
"""Name of a split in folders and label tables, in reports' and metadata's tables, and in ``Case.split``."""
NAME = re.compile(r"(?P<patient>(?:train|valid)_\d+)_?(?P<scan>[a-z]+)_(?P<reconstruction>\d+)")
TITLES = tuple((c.title, c.key) for c in CLASSES if c.key in CT_RATE)
_MALE = {"m": "M", "male": "M", "f": "F", "female": "F"}


@dataclass(frozen=True, kw_only=True)
class VolumeFacts:
    """What the tables of a split say, by name of the volume without its ending."""

    labels: dict[str, dict[str, bool]]
    reports: dict[str, str]
    strata: dict[str, Strata]


def looks_like(folder: Path) -> bool:
    """The three folders of tables, in the folder or in ``dataset`` below it."""
    root = root_of(folder)
    return any((root / n).is_dir() for n in ("radiology_text_reports", "multi_abnormality_labels")) and any(
        (root / f"{split}{ending}").is_dir() for split in ("train", "valid") for ending in ("", "_fixed")
    )


def root_of(folder: Path) -> Path:
    """Where the splits lie: ``dataset`` of a whole download, else the folder itself."""
    return folder / "dataset" if (folder / "dataset").is_dir() else folder


def read(folder: Path, into: Collector) -> None:
    """One case a reconstruction; those of one scan share report and labels, those of one patient the patient key."""
    root = root_of(folder)
    for split, table, name in SPLITS:
        facts = _facts(root, split, table, into)
        images = dict(_images(root, split, into))
        for stem, path in images.items():
            if usable(path, into):
                _add(stem, path, name, facts, into)
        for stem in sorted(set(facts.reports) - set(images)):
            into.leave_out("report without images", stem, "its volume is not in the folder")
        for stem in sorted(set(facts.labels) - set(images) - set(facts.reports)):
            into.leave_out("labels without images", stem, "its volume is not in the folder")


def _add(stem: str, path: Path, split: str, facts: VolumeFacts, into: Collector) -> None:
    match = NAME.fullmatch(stem)
    if match is None:
        into.leave_out("file of another name", path, "expected SPLIT_PATIENT_SCAN_RECONSTRUCTION.nii.gz")
        return
    missing = [n for n, known in (("report", facts.reports), ("labels", facts.labels)) if stem not in known]
    if missing:
        into.leave_out(f"images without {' and '.join(missing)}", stem, "used without them")
    into.add(
        Case(
            dataset="ct-rate",
            case_id=stem,
            patient_key=patient_key("ct-rate", match["patient"]),
            split=split,
            images={"CT": path},
            labels=facts.labels.get(stem, {}),
            report=facts.reports.get(stem),
            strata=facts.strata.get(stem, Strata()),
        )
    )


def _images(root: Path, split: str, into: Collector) -> Iterator[tuple[str, Path]]:
    """The corrected copy of each volume where there are both."""
    fixed, plain = first_folder(root, f"{split}_fixed"), first_folder(root, split)
    seen: dict[str, Path] = {}
    for path in (*grid_files(fixed), *grid_files(plain)):
        stem = path.name.removesuffix(".gz").removesuffix(".nii")
        if stem in seen:
            into.leave_out("duplicated volume", path, f"{into.place(seen[stem])} is used")
        else:
            seen[stem] = path
    yield from seen.items()


def _facts(root: Path, split: str, table: str, into: Collector) -> VolumeFacts:
    rows = _rows(root / "multi_abnormality_labels" / f"{split}_predicted_labels.csv", into, ("VolumeName",))
    absent = [
        title for title, _ in TITLES if rows and title.lower() not in {c.lower() for c in next(iter(rows.values()))}
    ]
    if absent:
        into.leave_out(
            "missing column", f"{split}_predicted_labels.csv", f"classes without labels: {', '.join(absent)}"
        )
    labels = {stem: _labels(row) for stem, row in rows.items()}
    texts = _rows(root / "radiology_text_reports" / f"{table}_reports.csv", into, ("VolumeName", "Findings_EN"))
    meta = _rows(root / "metadata" / f"{table}_metadata.csv", into, ("VolumeName",))
    reports = {stem: report for stem, row in texts.items() if (report := _report(row))}
    for stem in sorted(set(texts) - set(reports)):
        into.leave_out("empty report", stem, "findings and impression are blank")
    return VolumeFacts(labels=labels, reports=reports, strata={stem: _strata(row) for stem, row in meta.items()})


def _rows(path: Path, into: Collector, needed: tuple[str, ...]) -> dict[str, Row]:
    if not path.is_file():
        into.leave_out("missing table", path, "expected it here; what it holds is not known")
        return {}
    return keyed(read_table(path, into, needed), "VolumeName", into, is_file=True)


def _labels(row: Row) -> dict[str, bool]:
    known = {c.lower(): c for c in row}
    return labels_of(row, [(known[t.lower()], key) for t, key in TITLES if t.lower() in known])


def _report(row: Row) -> str:
    return "\n".join(part for c in ("Findings_EN", "Impressions_EN") if (part := value(row, c)) is not None)


def _strata(row: Row) -> Strata:
    kernel = re.sub(r"[\[\]']", "", value(row, "ConvolutionKernel") or "").partition(",")[0].strip()
    return Strata(
        sex=_MALE.get((value(row, "PatientSex") or "").lower()),
        age_years=number(value(row, "PatientAge")),
        manufacturer=value(row, "Manufacturer"),
        kernel=kernel or None,
        slice_thickness_mm=number(value(row, "SliceThickness", "ZSpacing")),
    )


ADAPTER = Adapter(
    name="ct-rate",
    title="CT-RATE",
    looks_like=looks_like,
    read=read,
    source="its data-set card and public code that reads it (folders, table names, columns); labels are a model's own",
)
