"""Patches with and without nodules: from chest phantoms and from real scans that may be trained on.

LIDC-IDRI-0001 and popi_00 are kept for tests; nothing here opens them.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tomoscribe.core import Volume
from tomoscribe.core.errors import InputError
from tomoscribe.encoders.nodule_net import scale_patch
from tomoscribe.findings.chest.blobs import candidates
from tomoscribe.findings.chest.lungs import Lungs, segment_lungs
from tomoscribe.training.insertion import NoduleRanges, block_around, draw, insert, patch, sites
from tomoscribe.training.recipe import NoduleRecipe, Places

Point = tuple[float, float, float]
SCANS = ("lidc-0003", "lungdx-a0001")
REAL_TURNS = 3
"""Orientations in which each candidate of a real scan is learned."""
_VALIDATION_SHARE = 0.25
_IGNORED_MIMICS = ("lymph_node",)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """Patches of one source.

    Args:
        patches: (N, 32, 32, 32) uint8, 0..255 for -1000..400 HU.
        labels: (N,) 1 nodule, 0 none.
        held_in: (N,) bool, kept from the gradient for calibration (real scans only).
    """

    patches: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    held_in: NDArray[np.bool_]

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, patches=self.patches, labels=self.labels, held_in=self.held_in)
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Pool:
        with np.load(path, allow_pickle=False) as file:
            return cls(patches=file["patches"], labels=file["labels"], held_in=file["held_in"])


@dataclass(frozen=True, kw_only=True, eq=False)
class Scan:
    """A scan with its true nodules: centers, radius of each (mm), and spheres in which nothing is learned."""

    volume: Volume
    nodules: tuple[tuple[Point, float], ...]
    ignored: tuple[tuple[Point, float], ...] = ()


class _Maker:
    """Collects patches."""

    def __init__(self) -> None:
        self.patches: list[NDArray[np.uint8]] = []
        self.labels: list[int] = []
        self.held_in: list[bool] = []

    def add(self, values_hu: NDArray[np.float32], label: int, held_in: bool) -> None:
        self.patches.append(np.rint(scale_patch(values_hu) * 255).astype(np.uint8))
        self.labels.append(label)
        self.held_in.append(held_in)

    def pool(self) -> Pool:
        return Pool(
            patches=np.stack(self.patches), labels=np.array(self.labels, np.uint8), held_in=np.array(self.held_in, bool)
        )


def pool_of(source: str, recipe: NoduleRecipe, places: Places) -> Pool:
    """Patches of ``phantom-SEED`` or of a name of SCANS, made on first use."""
    path = places.cache / "nodule" / f"{source}.npz"
    if path.is_file():
        return Pool.load(path)
    if source.startswith("phantom-"):
        pool = make_pool(phantom_scan(int(source.removeprefix("phantom-"))), recipe.patches_per_case, source)
    else:
        if places.shared is None:
            raise InputError("the recipe uses real scans, but TOMOSCRIBE_SHARED is not set")
        pool = make_pool(_READERS[source](places.shared), recipe.patches_per_scan, source)
    pool.save(path)
    return pool


def make_pool(scan: Scan, inserted: int, source: str) -> Pool:
    """Candidates away from nodules as negatives, true and inserted nodules as positives."""
    rng = np.random.default_rng(zlib.crc32(source.encode()))
    real = not source.startswith("phantom-")
    lungs = segment_lungs(scan.volume)
    maker = _Maker()
    for center in _negatives(scan, lungs):
        held_in = real and rng.random() < _VALIDATION_SHARE
        for turn in range(REAL_TURNS if real else 1):
            maker.add(_cut(scan.volume, center, rng if turn or not real else None, 0.0), 0, held_in)
    for center, radius in scan.nodules:
        for _ in range(24 if real else 3):
            maker.add(_cut(scan.volume, center, rng, min(2.0, 0.2 * radius)), 1, False)
    _insertions(maker, scan, lungs, rng, inserted, real)
    return maker.pool()


def _negatives(scan: Scan, lungs: Lungs) -> list[Point]:
    keep_off = (*scan.nodules, *scan.ignored)
    places = [c.center_mm for c in candidates(scan.volume, lungs)]
    return [p for p in places if all(np.linalg.norm(np.subtract(p, c)) > r + 6.0 for c, r in keep_off)]


def _insertions(maker: _Maker, scan: Scan, lungs: Lungs, rng: Generator, count: int, real: bool) -> None:
    ranges = NoduleRanges()
    for x, y, z in sites(rng, lungs, count, pleural=ranges.pleural).tolist():
        nodule = draw(rng, (x, y, z), ranges)
        reach = nodule.reach_mm + 12.0
        if any(np.linalg.norm(np.subtract((x, y, z), c)) < r + reach for c, r in (*scan.nodules, *scan.ignored)):
            continue
        block = block_around(scan.volume, (x, y, z))
        if float(np.median(block.array)) > -300.0:
            continue
        held_in = real and rng.random() < _VALIDATION_SHARE
        done = insert(block, nodule, rng)
        maker.add(_cut(done, (x, y, z), rng, min(2.0, 0.25 * nodule.radii_mm[2])), 1, held_in)


def _cut(volume: Volume, center: Point, rng: Generator | None, jitter_mm: float) -> NDArray[np.float32]:
    shift = rng.normal(0, jitter_mm, 3) if rng is not None and jitter_mm > 0 else np.zeros(3)
    x, y, z = (float(v) for v in np.asarray(center) + shift)
    return patch(block_around(volume, (x, y, z)), (x, y, z), rng)


def phantom_scan(seed: int) -> Scan:
    """A chest phantom of 1.25 to 2.5 mm voxels with its nodules."""
    from tomoscribe.phantoms.chest.case import chest_case
    from tomoscribe.phantoms.truth import ChestTruth

    case = chest_case(seed, spacing_mm=(1.6, 2.0, 2.5)[seed % 3])
    truth = case.truth
    if not isinstance(truth, ChestTruth):
        raise TypeError(f"expected a chest, found {type(truth).__name__}")
    return Scan(
        volume=case.volumes["CT"],
        nodules=tuple((n.center_mm, n.long_axis_mm / 2) for n in truth.nodules),
        ignored=tuple((m.center_mm, m.size_mm / 2) for m in truth.mimics if m.kind in _IGNORED_MIMICS),
    )


def read_folder(folder: Path) -> Volume:
    """The one CT series of a folder."""
    from tomoscribe.encoders.dicom import load_volume, scan

    for study in scan(folder):
        for series in study.readable:
            if series.modality == "CT":
                return load_volume(study, series)
    raise InputError("no readable CT series", where=folder.name)


def _lidc_0003(shared: Path) -> Scan:
    truth = json.loads((shared / "lidc" / "truth" / "nodules.json").read_text())["LIDC-IDRI-0003"]
    nodules = tuple(
        ((float(x), float(y), float(z)), float(row["equiv_diameter_mm"]) / 2)
        for row in truth["nodules"]
        for x, y, z in [row["center_world_mm_lps"]]
    )
    return Scan(volume=read_folder(shared / "lidc" / "LIDC-IDRI-0003"), nodules=nodules)


def _lungdx(shared: Path) -> Scan:
    """The mass is known by unchecked boxes only: nothing is learned from its surroundings."""
    volume = read_folder(shared / "chest_more" / "lungdx_A0001")
    rows = json.loads((shared / "chest_more" / "lungdx_A0001_boxes.json").read_text())
    numbers = list(volume.series.instance_numbers)
    points = [
        volume.geometry.to_world((numbers.index(number), (y0 + y1) / 2, (x0 + x1) / 2))
        for name, boxes in rows.items()
        for number in [int(name.removesuffix(".dcm").rpartition("-")[2])]
        if number in numbers
        for x0, y0, x1, y1 in [box["box"] for box in boxes]
    ]
    if not points:
        raise InputError("the boxes of lungdx_A0001 name none of its slices")
    x, y, z = np.mean(points, axis=0).tolist()
    return Scan(volume=volume, nodules=(), ignored=(((x, y, z), 45.0),))


_READERS: dict[str, Callable[[Path], Scan]] = {"lidc-0003": _lidc_0003, "lungdx-a0001": _lungdx}
