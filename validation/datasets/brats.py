"""BraTS: a folder a patient with T1, contrast T1, T2, FLAIR and ``seg``, in the names of 2020, 2021 and 2023 on."""

from __future__ import annotations

import re
from pathlib import Path

from tomoscribe.validation.datasets.adapter import Adapter, usable
from tomoscribe.validation.datasets.opened import Collector, patient_key
from tomoscribe.validation.datasets.volumes import is_grid_file, stem_of
from tomoscribe.validation.records import Case, TruthMask

_CASE = re.compile(r"(BraTS[A-Za-z0-9]*[-_][A-Za-z0-9_-]*?\d{3,5})(?:-(\d{3}))?")
_ROLES = {
    "t1": "T1",
    "t1n": "T1",
    "t1ce": "T1c",
    "t1c": "T1c",
    "t2": "T2",
    "t2w": "T2",
    "flair": "FLAIR",
    "t2f": "FLAIR",
}
_NEEDED = ("FLAIR", "T1", "T1c", "T2")
_OLD = {"necrotic core": 1, "edema": 2, "enhancing tumor": 4}
_NEW = {"necrotic core": 1, "edema": 2, "enhancing tumor": 3}


def looks_like(folder: Path) -> bool:
    """Patient folders of that name, here or one level below."""
    return bool(_case_folders(folder))


def _case_folders(folder: Path) -> list[Path]:
    found = [p for p in (*folder.glob("BraTS*"), *folder.glob("*/BraTS*")) if p.is_dir() and _CASE.fullmatch(p.name)]
    return sorted(found)


def read(folder: Path, into: Collector) -> None:
    """One case a folder; follow-ups of one patient (the last three digits since 2023) share the patient key."""
    into.warn("BraTS images are skull-stripped and resampled to 1 mm: they are not what a scanner sends")
    for case in _case_folders(folder):
        _case(case, into)


def _case(folder: Path, into: Collector) -> None:
    match = _CASE.fullmatch(folder.name)
    images: dict[str, Path] = {}
    mask: Path | None = None
    for path in sorted(p for p in folder.iterdir() if is_grid_file(p)):
        ending = re.split(r"[-_]", stem_of(path))[-1].lower()
        if ending == "seg":
            mask = path
        elif ending not in _ROLES:
            into.leave_out("file of another name", path, f"expected one of {', '.join(_ROLES)} or seg")
        elif usable(path, into):
            images[_ROLES[ending]] = path
    lacking = [r for r in _NEEDED if r not in images]
    if lacking:
        into.leave_out("missing sequence", folder, f"without {', '.join(lacking)}" + ("" if images else ": not used"))
    if not images or match is None:
        return
    if mask is None:
        into.leave_out("images without a mask", folder, "expected a file that ends on seg; used without")
    is_new = match[2] is not None
    labels = _NEW if is_new else _OLD
    into.add(
        Case(
            dataset="brats",
            case_id=folder.name,
            patient_key=patient_key("brats", match[1]),
            images=images,
            masks=tuple(TruthMask(name=n, path=mask, value=v) for n, v in labels.items()) if mask else (),
            notes=("enhancing tumor has the value 3" if is_new else "enhancing tumor has the value 4",),
        )
    )


ADAPTER = Adapter(
    name="brats",
    title="BraTS",
    looks_like=looks_like,
    read=read,
    source="the challenges' naming of 2020 (BraTS20_Training_001_flair), 2021 (BraTS2021_00000_t1ce) and 2023 on "
    "(BraTS-GLI-00000-000-t2f); the change of the enhancing tumor's value from 4 to 3 is that of 2023; from memory",
)
