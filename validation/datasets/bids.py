"""BIDS: ``sub-*/[ses-*/]anat``, sidecars, ``participants.tsv``, and masks under ``derivatives``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import InputError
from tomoscribe.validation.datasets.adapter import Adapter, grid_files, usable
from tomoscribe.validation.datasets.opened import Collector, patient_key
from tomoscribe.validation.datasets.tables import Row, keyed, number, read_table, read_text, value
from tomoscribe.validation.datasets.volumes import stem_of
from tomoscribe.validation.records import Case, Strata, TruthMask

_ROLES = {"T1w": "T1", "T2w": "T2", "FLAIR": "FLAIR", "PDw": "PD", "ct": "CT"}
_KINDS = ("anat", "ct")
_MASKS = ("dseg", "mask", "probseg", "roi")


def looks_like(folder: Path) -> bool:
    """Its description, or participants beside subjects."""
    named = (folder / "dataset_description.json").is_file() or (folder / "participants.tsv").is_file()
    return named and any(folder.glob("sub-*"))


def read(folder: Path, into: Collector) -> None:
    """One case a subject and session; several runs of one contrast: the first is used, the others are listed."""
    people = _people(folder / "participants.tsv", into)
    subjects = sorted(p for p in folder.glob("sub-*") if p.is_dir())
    masks = _masks(folder / "derivatives", into)
    for subject in subjects:
        if people and subject.name not in people:
            into.leave_out("images without a row", subject, "expected it in participants.tsv; used without age and sex")
        sessions = sorted(p for p in subject.glob("ses-*") if p.is_dir()) or [subject]
        for session in sessions:
            _case(subject, session, people.get(subject.name, {}), masks, into)
    for name in sorted(set(people) - {s.name for s in subjects}):
        into.leave_out("row without images", name, "its folder is not here")


def _case(subject: Path, session: Path, person: Row, masks: dict[str, list[TruthMask]], into: Collector) -> None:
    images: dict[str, Path] = {}
    for path in (p for kind in _KINDS for p in grid_files(session / kind) if (session / kind).is_dir()):
        role = _ROLES.get(stem_of(path).rpartition("_")[2])
        if role is None:
            into.leave_out("image of another kind", path, f"expected one that ends on {', '.join(_ROLES)}")
        elif role in images:
            into.leave_out("further run", path, f"{into.place(images[role])} is used")
        elif usable(path, into):
            images[role] = path
    case = subject.name if session == subject else f"{subject.name}_{session.name}"
    if not images:
        into.leave_out("subject without images", case, f"expected images in {' or '.join(_KINDS)}")
        return
    sidecar = _sidecar(next(iter(images.values())), into)
    sex = (value(person, "sex", "gender") or "")[:1].upper()
    into.add(
        Case(
            dataset="bids",
            case_id=case,
            patient_key=patient_key("bids", f"{subject.parent.name}/{subject.name}"),
            images=images,
            masks=tuple(masks.get(case, ())),
            strata=Strata(
                sex=sex if sex in ("M", "F") else None,
                age_years=number(value(person, "age")),
                manufacturer=sidecar.get("Manufacturer") if isinstance(sidecar.get("Manufacturer"), str) else None,
                slice_thickness_mm=number(str(sidecar.get("SliceThickness", ""))),
            ),
        )
    )


def _people(path: Path, into: Collector) -> dict[str, Row]:
    if not path.is_file():
        into.leave_out("missing table", path, "expected it here; age and sex are not known")
        return {}
    return keyed(read_table(path, into, ("participant_id",)), "participant_id", into)


def _masks(derivatives: Path, into: Collector) -> dict[str, list[TruthMask]]:
    """Masks of each case, whatever pipeline made them; a ``dseg`` has a mask for each row of its table."""
    found: dict[str, list[TruthMask]] = {}
    for path in grid_files(derivatives if derivatives.is_dir() else None):
        stem = stem_of(path)
        ending = stem.rpartition("_")[2]
        match = re.match(r"(sub-[A-Za-z0-9]+(?:_ses-[A-Za-z0-9]+)?)", stem)
        if ending not in _MASKS or match is None:
            continue
        if ending == "probseg":
            into.leave_out("probability map", path, "expected a mask of whole numbers")
            continue
        label = re.search(r"_(?:label|desc)-([A-Za-z0-9]+)", stem)
        values = _values(path, into) if ending == "dseg" else {}
        name = label[1] if label else ending
        masks = [TruthMask(name=n, path=path, value=v) for n, v in values.items()] or [TruthMask(name=name, path=path)]
        found.setdefault(match[1], []).extend(masks)
    return found


def _values(path: Path, into: Collector) -> dict[str, int]:
    """Name and value of each label from the table beside a segmentation; none where there is no table."""
    table_path = path.with_name(f"{stem_of(path)}.tsv")
    table = read_table(table_path, into, ("index", "name")) if table_path.is_file() else None
    rows = table.rows if table else ()
    return {row["name"]: int(n) for row in rows if (n := number(row["index"])) is not None and n > 0}


def _sidecar(path: Path, into: Collector) -> dict[str, Any]:
    beside = path.with_name(f"{stem_of(path)}.json")
    if not beside.is_file():
        return {}
    try:
        found = json.loads(read_text(beside)[0])
    except (json.JSONDecodeError, InputError) as error:
        into.leave_out("unreadable sidecar", beside, f"expected JSON ({error})")
        return {}
    return found if isinstance(found, dict) else {}


ADAPTER = Adapter(
    name="bids",
    title="BIDS",
    looks_like=looks_like,
    read=read,
    source="Brain Imaging Data Structure 1.9 (anat, participants.tsv, derivatives with dseg and its table); sidecars "
    "inherited from upper folders are not followed; CT has no place in the standard: 'ct/sub-*_ct' is what people use",
)
