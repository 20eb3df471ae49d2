"""A generated export as a PACS would hand it over: patients with one or two studies, some in zips, some broken."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pydicom

from tomoscribe.core import Volume
from tomoscribe.encoders.dicom import SyntheticIdentity, write_series
from tomoscribe.phantoms.brain.case import brain_case
from tomoscribe.phantoms.chest.case import chest_case

FIRST_SEED = 1_700_000
"""Held-out phantoms: training draws below 1,000,000."""
FULL_SEED = 1_840_000
HEAD_MM = 3.5
CHEST_EVERY = 8
TWO_SERIES_EVERY = 10
ZIPPED_EVERY = 5


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A study of the export.

    Args:
        study_uid: None where the archive that holds it cannot be opened.
        broken: in which way, None for a good study.
    """

    study_uid: str | None
    broken: str | None = None


def make_export(folder: Path, num_studies: int, *, broken_every: int = 20) -> tuple[Planted, ...]:
    """Writes the studies, some broken, each in another way, and beside the folder what was planted.

    Args:
        folder: absent or empty; patients' folders and zips go into it.
        broken_every: one in so many is broken.
    """
    planted = []
    for number in range(num_studies):
        place = folder / f"patient{_patient(number):06d}" / f"study{number:05d}"
        uid = write_study(place, number, seed=FIRST_SEED + number)
        broken = None
        if number % broken_every == broken_every // 2:
            broken, breaker = list(BREAKERS.items())[number // broken_every % len(BREAKERS)]
            breaker(place)
        elif number % ZIPPED_EVERY == 3:
            zipped(place)
        planted.append(Planted(study_uid=None if broken == "zip cut off" else uid, broken=broken))
    folder.with_name(folder.name + ".json").write_text(json.dumps([asdict(p) for p in planted], indent=1))
    return tuple(planted)


def planted_in(folder: Path) -> tuple[Planted, ...]:
    """What ``make_export`` wrote there."""
    return tuple(Planted(**row) for row in json.loads(folder.with_name(folder.name + ".json").read_text()))


def write_study(place: Path, number: int, *, seed: int, head_mm: float = HEAD_MM) -> str:
    """A chest CT or a head MR on a coarse grid (at most 64 x 128 x 128); its Study UID.

    Args:
        number: decides which of the two, whose study and of what date.
        head_mm: voxel size of a head.
    """
    identity = SyntheticIdentity(
        patient_id=f"PHANTOM-{_patient(number)}",
        patient_name="PHANTOM^BATCH",
        study_date=f"2026-{1 + number % 12:02d}-{1 + number % 28:02d}",
        birth_date="1960-03-01",
        sex="F",
        age_years=65,
    )
    volumes = _volumes(number, seed, head_mm)
    for name, volume in volumes.items():
        write_series(volume, place / name, identity=identity)
    return next(iter(volumes.values())).series.study_uid


def _patient(number: int) -> int:
    """A third of the studies are of patients with two."""
    return number // 2 if number % 6 < 2 else 100_000 + number


def _volumes(number: int, seed: int, head_mm: float) -> dict[str, Volume]:
    if number % CHEST_EVERY == 4:
        return chest_case(seed, spacing_mm=5.5).volumes
    contrasts = ("T1", "FLAIR") if number % TWO_SERIES_EVERY == 5 else ("T1",)
    return brain_case(seed, spacing_mm=head_mm, contrasts=contrasts).volumes


def zipped(place: Path) -> Path:
    """The study as a zip in its place."""
    path = place.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(place.rglob("*.dcm")):
            archive.write(file, file.relative_to(place))
    shutil.rmtree(place)
    return path


def _files(place: Path) -> list[Path]:
    return sorted(place.rglob("*.dcm"))


def _cut_pixels(place: Path) -> None:
    file = _files(place)[len(_files(place)) // 2]
    file.write_bytes(file.read_bytes()[:-200])


def _drop_slice(place: Path) -> None:
    _files(place)[len(_files(place)) // 2].unlink()


def _one_slice(place: Path) -> None:
    for file in _files(place)[1:]:
        file.unlink()


def _unread_modality(place: Path) -> None:
    _edit_all(place, lambda ds: setattr(ds, "Modality", "NM"))


def _odd_slice(place: Path) -> None:
    file = _files(place)[3]
    ds = pydicom.dcmread(file)
    ds.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    ds.save_as(file)


def _garbage_pixels(place: Path) -> None:
    file = _files(place)[5]
    data = bytearray(file.read_bytes())
    start = len(data) // 2
    data[start : start + 400] = bytes(range(200)) * 2
    file.write_bytes(bytes(data[: start + 400]))


def _no_position(place: Path) -> None:
    _edit_all(place, lambda ds: delattr(ds, "ImagePositionPatient"))


def _zip_cut_off(place: Path) -> None:
    path = zipped(place)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def _edit_all(place: Path, change: Callable[[pydicom.Dataset], None]) -> None:
    for file in _files(place):
        ds = pydicom.dcmread(file)
        change(ds)
        ds.save_as(file)


BREAKERS: dict[str, Callable[[Path], None]] = {
    "pixels cut off": _cut_pixels,
    "slice missing": _drop_slice,
    "one slice": _one_slice,
    "modality nobody reads": _unread_modality,
    "zip cut off": _zip_cut_off,
    "slice turned": _odd_slice,
    "garbage in the pixels": _garbage_pixels,
    "no positions": _no_position,
}
"""Ways to break a study, each refused for another reason."""


def add_full_size(export: Path, num_studies: int) -> None:
    """Head MRs and, every third, chest CTs as scanners make them, below the export."""
    for n in range(num_studies):
        seed = FULL_SEED + n
        if n % 3 == 1:
            volumes = chest_case(seed, spacing_mm=1.5).volumes
        else:
            volumes = brain_case(seed, spacing_mm=1.0, contrasts=("T1",)).volumes
        identity = SyntheticIdentity(
            patient_id=f"PHANTOM-FULL-{n}",
            patient_name="PHANTOM^FULL",
            study_date=f"2026-02-{1 + n:02d}",
            birth_date="1960-03-01",
            sex="M",
            age_years=65,
        )
        for name, volume in volumes.items():
            write_series(volume, export / "full" / f"study{n:02d}" / name, identity=identity)


def copied(export: Path, real: Path) -> None:
    """Copies a folder of real scans below the export."""
    shutil.copytree(real, export / "real" / real.name, copy_function=shutil.copy2)
