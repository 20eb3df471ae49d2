"""The cubes around candidates that the nodule network sees, and what it must offer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tomoscribe.core import Point, Volume
from tomoscribe.findings.chest import grid

PATCH_SIZE = 32
PATCH_SPACING_MM = 1.0
PATCH_HU = (-1000.0, 400.0)


class NoduleClassifier(Protocol):
    """A trained network that tells nodules from vessels, scars and the rest (``encoders.nodule_net.NoduleNet``)."""

    @property
    def operating_point(self) -> float:
        """Probability from which a nodule may become a sentence."""
        ...

    @property
    def weights_sha256(self) -> str:
        """Of the weights file."""
        ...

    def probability(self, patches: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N,) calibrated probabilities for (N, 1, 32, 32, 32) patches as ``patches`` cuts them."""
        ...


def patches(volume: Volume, centers_mm: Sequence[Point]) -> NDArray[np.float32]:
    """Cubes of 32 mm around points, 1 mm voxels, axes k to the head, j to the back, i to the left.

    HU are clipped to -1000..400 and scaled to 0..1; what lies outside the volume is air. Linear interpolation.

    Returns:
        (N, 1, 32, 32, 32) float32; the center lies in the middle of the cube (between voxels 15 and 16).
    """
    turned, _ = grid.canonical(volume)
    geometry = turned.geometry
    offsets = (np.arange(PATCH_SIZE) - (PATCH_SIZE - 1) / 2.0) * PATCH_SPACING_MM
    low, high = PATCH_HU
    out = np.empty((len(centers_mm), 1, PATCH_SIZE, PATCH_SIZE, PATCH_SIZE), np.float32)
    for n, (x, y, z) in enumerate(centers_mm):
        zz, yy, xx = np.meshgrid(z + offsets, y + offsets, x + offsets, indexing="ij")
        kji = geometry.to_index(np.stack([xx, yy, zz], axis=-1))
        box, shifted = _near(kji, geometry.shape)
        values = ndimage.map_coordinates(
            turned.array[box].astype(np.float32), np.moveaxis(kji - shifted, -1, 0), order=1, mode="constant", cval=low
        )
        out[n, 0] = (np.clip(values, low, high) - low) / (high - low)
    return out


def _near(
    kji: NDArray[np.float64], shape: tuple[int, int, int]
) -> tuple[tuple[slice, slice, slice], NDArray[np.float64]]:
    """The box of voxels that the sample points need, and its first voxel."""
    low = np.clip(np.floor(kji.min(axis=(0, 1, 2))).astype(int) - 1, 0, np.array(shape) - 1)
    high = np.clip(np.ceil(kji.max(axis=(0, 1, 2))).astype(int) + 2, low + 1, shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return (box[0], box[1], box[2]), low.astype(float)
