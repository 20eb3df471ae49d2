"""Trachea and bronchi: a chain of round dark disks from the top gives the seed, region growing the tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tomoscribe.core import Geometry

Mask = NDArray[np.bool_]
LUMEN_HU = -850
RIM_HU = -500
THRESHOLDS_HU = (-990, -975, -960, -940, -920, -900, -880, -860, -840)


@dataclass(frozen=True, kw_only=True)
class LeakControl:
    """When a higher threshold has grown through a bronchial wall into the lung.

    Args:
        max_growth: volume of one step over that of the step before, once the tree is larger than ``young_ml``.
        young_ml: below this volume any growth is the lumen filling up.
        max_ml: no lumen from the larynx to the segmental bronchi holds more.
    """

    max_growth: float = 1.25
    young_ml: float = 20.0
    max_ml: float = 90.0


def trachea_seed(hu: NDArray[Any], body: Mask, geometry: Geometry) -> tuple[float, float, float] | None:
    """A point (x, y, z) in LPS mm inside the trachea, or None when no trachea is in the scan.

    Looks for the longest chain of round dark disks of 40 to 700 mm2 in the upper scan, near the body's middle.
    ``hu`` is (k, j, i) in the canonical orientation.
    """
    chains: list[list[tuple[int, NDArray[np.float64], int]]] = []
    depth = hu.shape[0]
    for k in range(depth - 1, int(depth * 0.3), -1):
        for kji, center in _disks(hu[k], body[k], k, geometry):
            below = [c for c in chains if c[-1][0] == k + 1 and np.linalg.norm((c[-1][1] - center)[:2]) < 8.0]
            entry = (k, center, kji)
            if below:
                max(below, key=len).append(entry)
            else:
                chains.append([entry])
    spacing = geometry.spacing_mm[0]
    long_enough = [c for c in chains if len(c) * spacing >= 15.0]
    if not long_enough:
        return None
    best = max(
        long_enough, key=lambda c: len(c) * spacing - float(np.mean([_off_middle(e, body, geometry) for e in c]))
    )
    k, _, flat = best[len(best) // 2]
    j, i = divmod(flat, hu.shape[2])
    x, y, z = geometry.to_world((k, j, i))
    return float(x), float(y), float(z)


def _disks(hu: NDArray[Any], body: Mask, k: int, geometry: Geometry) -> list[tuple[int, NDArray[np.float64]]]:
    """Round dark disks of one slice: the flat index of a lumen voxel and the center in LPS mm."""
    labels, count = ndimage.label((hu < LUMEN_HU) & body)
    if count == 0:
        return []
    area = np.prod(geometry.spacing_mm[1:])
    sizes = np.bincount(labels.ravel()) * area
    found = []
    for n, box in enumerate(ndimage.find_objects(labels), start=1):
        if not 40.0 <= sizes[n] <= 700.0:
            continue
        height, width = ((s.stop - s.start) * mm for s, mm in zip(box, geometry.spacing_mm[1:], strict=True))
        if max(height, width) > 2.2 * min(height, width) or sizes[n] < 0.5 * height * width:
            continue
        j, i = (float(np.mean(v)) + s.start for v, s in zip(np.nonzero(labels[box] == n), box, strict=True))
        depth = ndimage.distance_transform_edt(np.pad(labels[box] == n, 1))[1:-1, 1:-1]
        deep_j, deep_i = np.unravel_index(int(np.argmax(depth)), depth.shape)
        flat = (int(deep_j) + box[0].start) * hu.shape[1] + int(deep_i) + box[1].start
        found.append((flat, geometry.to_world((k, j, i))))
    return found


def _off_middle(entry: tuple[int, NDArray[np.float64], int], body: Mask, geometry: Geometry) -> float:
    """How far (mm) a disk lies from the middle of the body's width in its slice."""
    k, center, _ = entry
    columns = np.flatnonzero(body[k].any(axis=0))
    middle = geometry.to_world((k, 0, (columns[0] + columns[-1]) / 2.0))[0] if columns.size else center[0]
    return float(abs(center[0] - middle))


def grow(hu: NDArray[Any], seed_kji: Sequence[int], voxel_mm3: float, control: LeakControl | None = None) -> Mask:
    """The airway lumen connected to the seed, grown with rising thresholds until it would leak into the lung.

    Args:
        hu: (k, j, i) box that holds the tree.
        seed_kji: a voxel of the tracheal lumen in that box.
        voxel_mm3: volume of a voxel.
    """
    control = control or LeakControl()
    seed = tuple(seed_kji)
    smooth = np.stack([ndimage.uniform_filter(s.astype(np.float32), 3) for s in hu])
    lumen = np.zeros(hu.shape, bool)
    volume_ml = 0.0
    for threshold in THRESHOLDS_HU:
        if smooth[seed] >= threshold:
            continue
        labels, _ = ndimage.label(smooth < threshold)
        grown = labels == labels[seed]
        grown_ml = float(grown.sum()) * voxel_mm3 / 1000.0
        leaked = volume_ml > control.young_ml and grown_ml > control.max_growth * volume_ml
        if leaked or grown_ml > control.max_ml:
            break
        lumen, volume_ml = grown, grown_ml
    face = ndimage.generate_binary_structure(3, 1)
    closed = ndimage.binary_closing(lumen, face) | lumen
    # The rim of the lumen is a partial volume of air and wall: half of it is air.
    return np.asarray(closed | (ndimage.binary_dilation(closed, face) & (hu < RIM_HU)))
