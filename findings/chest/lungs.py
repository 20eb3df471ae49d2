"""Body, lungs and airways of a chest CT on its grid, and the region in which nodules are looked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tomoscribe.core import Geometry, Volume
from tomoscribe.core.errors import UnsupportedError
from tomoscribe.findings.chest import airways, grid, morphology

Mask = NDArray[np.bool_]
RIGHT, LEFT, AIRWAYS = 1, 2, 3
WORK_SPACING_MM = 1.5
LUNG_HU = -400.0
BODY_HU = -300.0
MIN_LUNG_ML = 150.0
GAS_BELOW_LUNG_HU = 50.0
"""A small part whose median is that much below the largest lung's is gas of the gut."""
_GAS = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Lungs:
    """What a chest CT's masks hold, in the canonical orientation of ``grid.canonical``.

    Args:
        labels: (k, j, i) uint8; 1 right lung, 2 left lung, 3 airways, 0 elsewhere.
        geometry: grid of ``labels``, the canonical orientation of the native grid.
        search: (k, j, i) uint8 on ``search_geometry``; 1 right, 2 left: the lungs closed over vessels and over
            nodules and masses that touch the pleura.
        search_geometry: grid of blocks of about 3 mm.
        warnings: what could not be segmented as expected.
    """

    labels: NDArray[np.uint8]
    geometry: Geometry
    search: NDArray[np.uint8]
    search_geometry: Geometry
    warnings: tuple[str, ...] = ()

    def volume_ml(self, *labels: int) -> float:
        """Volume of the labels together, ml."""
        return float(np.isin(self.labels, labels).sum()) * self.geometry.voxel_volume_mm3 / 1000.0


def body_mask(hu: NDArray[Any], geometry: Geometry) -> Mask:
    """The largest soft-tissue part without the table, its cavities filled slice by slice. ``hu`` is (k, j, i)."""
    radius = [max(1, round(2.5 / s)) for s in geometry.spacing_mm[1:]]
    opened = ndimage.binary_opening(hu > BODY_HU, np.ones((1, 2 * radius[0] + 1, 2 * radius[1] + 1), bool))
    return morphology.fill_slices(morphology.largest(opened))


def segment_lungs(volume: Volume, *, closing_mm: float = 15.0) -> Lungs:
    """Lungs, airways and the nodule search region of a chest CT.

    Args:
        volume: CT in HU, any orientation.
        closing_mm: radius of the ball that closes the lungs' surface over nodules at the pleura.

    Raises:
        UnsupportedError: no lungs are in the scan.
    """
    turned, _ = grid.canonical(volume)
    factors = grid.block_factors(turned.geometry, WORK_SPACING_MM)
    work = grid.block_geometry(turned.geometry, factors)
    hu = grid.block_mean(turned.array, factors)
    body = body_mask(hu, work)
    seed_mm = airways.trachea_seed(hu, body, work)
    lumen = np.zeros(turned.geometry.shape, bool) if seed_mm is None else _airway_lumen(turned, seed_mm)
    near_airway = ndimage.binary_dilation(
        grid.block_mean(lumen, factors) > 0.2, ndimage.generate_binary_structure(3, 1)
    )
    sides = _two_lungs((hu < LUNG_HU) & body & ~near_airway, hu, body, work)
    if not sides.any():
        raise UnsupportedError(
            "no lungs found in a CT that was expected to show the chest",
            where=volume.series.series_uid,
            remedy="choose a chest CT series that covers the lungs",
        )
    labels = _native_labels(turned, sides, lumen, factors)
    search, search_geometry = _search_region(sides, work, closing_mm)
    warnings = [] if seed_mm is not None else ["the trachea was not found; airways are part of the lung volumes"]
    if len(np.unique(sides)) < 3:
        warnings.append("only one lung was found")
    return Lungs(
        labels=labels,
        geometry=turned.geometry,
        search=search,
        search_geometry=search_geometry,
        warnings=tuple(warnings),
    )


def _airway_lumen(turned: Volume, seed_mm: Sequence[float]) -> Mask:
    """Airway lumen on the native grid, grown in a box of 200 mm around the trachea."""
    geometry = turned.geometry
    half = np.array([np.inf, 100.0, 100.0]) / geometry.spacing_mm
    seed = np.rint(geometry.to_index(seed_mm)).astype(int)
    box = tuple(
        slice(int(max(0, s - h)), int(min(n, s + h + 1))) for s, h, n in zip(seed, half, geometry.shape, strict=True)
    )
    hu = np.ascontiguousarray(turned.array[box])
    start = tuple(int(s) - b.start for s, b in zip(seed, box, strict=True))
    lumen = np.zeros(geometry.shape, bool)
    lumen[box] = airways.grow(hu, start, geometry.voxel_volume_mm3)
    return lumen


def _two_lungs(air: Mask, hu: NDArray[Any], body: Mask, geometry: Geometry) -> NDArray[np.uint8]:
    """Air inside the body to right (1) and left (2) lung; gas of the gut and small pockets are dropped."""
    sides = np.zeros(air.shape, np.uint8)
    if not air.any():
        return sides
    box = grid.bounding_box(air, (1, 1, 1))
    middle_mm = float(geometry.to_world(np.mean(np.nonzero(body), axis=1))[0])
    part = geometry.crop([s.start for s in box], [s.stop for s in box])
    cores = _lung_cores(air[box], hu[box], part, middle_mm)
    if (cores == RIGHT).any() or (cores == LEFT).any():
        labels, _ = ndimage.label(air[box])
        kept = np.isin(labels, np.unique(labels[cores > 0])) & air[box]
        nearest = ndimage.distance_transform_edt(
            cores == 0, sampling=tuple(geometry.spacing_mm), return_distances=False, return_indices=True
        )
        owner = cores[tuple(nearest)]
        sides[box] = np.where(kept & (owner != _GAS), owner, 0)
    return sides


def _lung_cores(air: Mask, hu: NDArray[Any], geometry: Geometry, middle_mm: float) -> NDArray[np.uint8]:
    """Inner parts of right lung, left lung and gut gas, eroded just enough that the two lungs fall apart."""
    depth_mm = morphology.distance_mm(air, geometry.spacing_mm)
    voxel_ml = geometry.voxel_volume_mm3 / 1000.0
    cores = np.zeros(air.shape, np.uint8)
    for radius in (2.0, 4.0, 6.0, 8.0, 10.0):
        labels, order, sizes = morphology.parts(depth_mm > radius, min_voxels=int(1.0 / voxel_ml))
        medians = {n: float(v) for n, v in zip(order, ndimage.median(hu, labels, order), strict=True)} if order else {}
        gas_hu = medians[order[0]] - GAS_BELOW_LUNG_HU if order else 0.0
        lungs = [n for n in order if medians[n] > gas_hu or sizes[n] * voxel_ml > 300.0]
        if not lungs or sizes[lungs[0]] * voxel_ml < MIN_LUNG_ML:
            break
        xs = {n: _center_x_mm(labels, n, geometry) for n in lungs}
        paired = len(lungs) > 1 and sizes[lungs[1]] > 0.2 * sizes[lungs[0]]
        middle = (xs[lungs[0]] + xs[lungs[1]]) / 2.0 if paired else middle_mm
        side_of = np.zeros(len(sizes), np.uint8)
        side_of[order] = _GAS
        side_of[lungs] = [LEFT if xs[n] > middle else RIGHT for n in lungs]
        cores = side_of[labels]
        if paired:
            break
    return cores


def _center_x_mm(labels: NDArray[Any], number: int, geometry: Geometry) -> float:
    columns = (labels == number).sum(axis=(0, 1))
    i = float((columns * np.arange(columns.size)).sum() / columns.sum())
    return float(geometry.to_world(((geometry.shape[0] - 1) / 2, (geometry.shape[1] - 1) / 2, i))[0])


def _native_labels(turned: Volume, sides: NDArray[np.uint8], lumen: Mask, factors: Sequence[int]) -> NDArray[np.uint8]:
    """Work-grid lungs to the native grid: small gaps (vessels) filled, the surface redrawn at the native resolution."""
    labels = np.zeros(turned.geometry.shape, np.uint8)
    ball = ndimage.generate_binary_structure(3, 1)
    for side in (RIGHT, LEFT):
        mask = sides == side
        if not mask.any():
            continue
        filled = morphology.fill_slices(ndimage.binary_closing(np.pad(mask, 3), ball, iterations=2)[3:-3, 3:-3, 3:-3])
        inner = grid.expand(ndimage.binary_erosion(filled, ball, border_value=1), factors, labels.shape)
        outer = grid.expand(ndimage.binary_dilation(filled, ball), factors, labels.shape)
        labels[(inner | (outer & (turned.array < LUNG_HU))) & (labels == 0)] = side
    labels[lumen] = AIRWAYS
    return labels


def _search_region(sides: NDArray[np.uint8], work: Geometry, closing_mm: float) -> tuple[NDArray[np.uint8], Geometry]:
    """Both lungs closed with a ball, on blocks of about 3 mm."""
    factors = grid.block_factors(work, 3.0)
    geometry = grid.block_geometry(work, factors)
    search = np.zeros(geometry.shape, np.uint8)
    for side in (RIGHT, LEFT):
        mask = grid.block_mean(sides == side, factors) >= 0.5
        if mask.any():
            closed = morphology.fill_slices(morphology.close(mask, closing_mm, geometry.spacing_mm))
            search[closed & (search == 0)] = side
    return search, geometry
