"""LUNA16: ``subset0`` to ``subset9`` of MetaImages named by series UID, and its two tables of annotations."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from tomoscribe.validation.datasets.adapter import Adapter, nodule_label, usable
from tomoscribe.validation.datasets.lidc_nodules import OTHER_DIAMETER_MM
from tomoscribe.validation.datasets.opened import Collector, patient_key
from tomoscribe.validation.datasets.tables import number, read_table, value
from tomoscribe.validation.records import Case, Layout, TrueNodule

_NEEDED = ("seriesuid", "coordX", "coordY", "coordZ")
_TABLES = (("annotations.csv", True), ("annotations_excluded.csv", False))


def looks_like(folder: Path) -> bool:
    """Sub-folders of that name, or MetaImages beside the table."""
    return any(folder.glob("subset*/*.mhd")) or ((folder / "annotations.csv").is_file() and any(folder.glob("*.mhd")))


def read(folder: Path, into: Collector) -> None:
    """One case an image; coordinates are the images' own world, which is LPS."""
    nodules = _nodules(folder, into)
    images = {p.name[: -len(".mhd")]: p for p in sorted(folder.rglob("*.mhd")) if not p.name.startswith("._")}
    complete = _find(folder, _TABLES[0][0]) is not None
    into.warn("LUNA16 names series, not patients: each series counts as a patient of its own")
    for uid, path in images.items():
        if not usable(path, into):
            continue
        mine = tuple(nodules.get(uid, ())) if complete else None
        into.add(
            Case(
                dataset="luna16",
                case_id=uid,
                patient_key=patient_key("luna16", uid),
                layout=Layout.METAIMAGE,
                images={"CT": path},
                uids=(uid,),
                labels=nodule_label(mine),
                nodules=mine,
                notes=(f"fold {path.parent.name}",),
            )
        )
    for uid in sorted(set(nodules) - set(images)):
        into.leave_out(
            "annotations without images", uid, f"{len(nodules[uid])} finding(s) of a series that is not here"
        )


def _nodules(folder: Path, into: Collector) -> dict[str, list[TrueNodule]]:
    found: dict[str, list[TrueNodule]] = defaultdict(list)
    for name, relevant in _TABLES:
        path = _find(folder, name)
        if path is None:
            into.leave_out("missing table", name, f"expected {name} in the folder or in CSVFILES")
            continue
        table = read_table(path, into, (*_NEEDED, *(("diameter_mm",) if relevant else ())))
        for line, row in enumerate(table.rows if table else (), start=2):
            nodule = _nodule(row, relevant)
            if nodule is None:
                into.leave_out("broken row", f"{into.place(path)} row {line}", "expected numbers as coordinates")
            else:
                found[row["seriesuid"]].append(nodule)
    return dict(found)


def _find(folder: Path, name: str) -> Path | None:
    places = (folder / name, folder / "CSVFILES" / name, *sorted(folder.glob(f"*/annotations/{name}")))
    return next((p for p in places if p.is_file()), None)


def _nodule(row: dict[str, str], relevant: bool) -> TrueNodule | None:
    at = [number(value(row, axis)) for axis in _NEEDED[1:]]
    diameter = number(value(row, "diameter_mm"))
    if any(a is None for a in at) or (relevant and not (diameter or 0) > 0):
        return None
    x, y, z = (float(a or 0.0) for a in at)
    known = diameter is not None and diameter > 0
    return TrueNodule(
        center_mm=(x, y, z),
        diameter_mm=float(diameter or 0.0) if known else OTHER_DIAMETER_MM,
        source="annotations.csv" if relevant else "annotations_excluded.csv; 10 mm where it has no diameter",
        num_readers=None,
        relevant=relevant,
    )


ADAPTER = Adapter(
    name="luna16",
    title="LUNA16",
    looks_like=looks_like,
    read=read,
    source="the challenge's data page and public code that reads it; annotations_excluded.csv and its 10 mm for "
    "findings without a diameter are those of the challenge's evaluation script, quoted from memory",
)
