"""Brain tissue and fluid on the native grid: partial volumes between local tissue and fluid, around the tower's masks.

Holds for sequences in which fluid is darker than brain (T1, FLAIR).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tomoscribe.core import Geometry, Volume
from tomoscribe.encoders.processor import grid_points_mm, resample_linear, resample_mean
from tomoscribe.encoders.types import SoftMasks

Array = NDArray[np.float32]
_FIELD_SPACING_MM = 4.0
_FIELD_ORDER = 3
_NOISE_SHARE = 0.12
"""Shares this close to none or all are noise: clipped noise would add volume wherever there is none."""
_NEAR, _OWN = 0.1, 0.5
"""Fluid is ventricular near a ventricle probability above the first, where it exceeds this share of other fluid's."""
_RIM_MM = 3.0
"""How far beyond the tower's ventricles their fluid is looked for: one voxel of the tower and a little."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NativeMasks:
    """The tower's probabilities on a box of the native grid, with the image in it.

    Args:
        image: (D, H, W) float32, bias field removed once ``flattened`` was called.
        shares: probability of each mask, linear between the tower's voxels.
        geometry: of the box.
    """

    image: Array
    shares: dict[str, Array]
    geometry: Geometry

    @property
    def voxel_ml(self) -> float:
        return self.geometry.voxel_volume_mm3 / 1000.0


@dataclass(frozen=True, kw_only=True)
class Levels:
    """Signal of fluid, gray and white matter after the bias field was removed."""

    fluid: float
    gray: float
    white: float

    @property
    def plausible(self) -> bool:
        """Fluid is clearly darker than brain."""
        return 0.0 <= self.fluid < 0.8 * min(self.gray, self.white)


@dataclass(frozen=True, kw_only=True, eq=False)
class Tissues:
    """Partial volumes in a box of the native grid.

    Args:
        brain: share of brain tissue in each voxel.
        ventricles: share of ventricular fluid.
        cranium: the voxels inside the skull.
    """

    brain: Array
    ventricles: Array
    levels: Levels
    masks: NativeMasks
    cranium: NDArray[np.bool_]

    @property
    def intracranial_ml(self) -> float:
        return float(self.cranium.sum()) * self.masks.voxel_ml

    @property
    def brain_ml(self) -> float:
        return float(self.brain.sum(dtype=np.float64)) * self.masks.voxel_ml

    @property
    def ventricles_ml(self) -> float:
        return float(self.ventricles.sum(dtype=np.float64)) * self.masks.voxel_ml


def intracranial(masks: SoftMasks) -> Array:
    """Probability of anything inside the skull, on the tower's grid."""
    return np.asarray(masks.probabilities.sum(axis=0), dtype=np.float32)


def to_native(volume: Volume, masks: SoftMasks, *, margin_mm: float = 8.0) -> NativeMasks:
    """The tower's masks on the part of the native grid that holds the head's inside."""
    inside = np.argwhere(intracranial(masks) > 0.5)
    if not len(inside):
        inside = np.zeros((1, 3), int)
    low, high = inside.min(axis=0) - 0.5, inside.max(axis=0) + 0.5
    corners = masks.geometry.to_world(
        np.stack(np.meshgrid(*zip(low, high, strict=True), indexing="ij"), -1).reshape(-1, 3)
    )
    index = volume.geometry.to_index(corners)
    pad = margin_mm / volume.geometry.spacing_mm
    start = np.clip(np.floor(index.min(axis=0) - pad), 0, np.array(volume.geometry.shape) - 1).astype(int)
    stop = np.clip(np.ceil(index.max(axis=0) + pad) + 1, start + 1, volume.geometry.shape).astype(int)
    part: Volume = volume.crop(start.tolist(), stop.tolist())
    shares = {
        name: resample_linear(masks.probability(name), masks.geometry, part.geometry, fill=0.0) for name in masks.names
    }
    return NativeMasks(image=part.array.astype(np.float32), shares=shares, geometry=part.geometry)


def flattened(native: NativeMasks, *, white_is_brighter: bool) -> NativeMasks:
    """The image without its slow bias field, a cubic polynomial fitted to the logarithm of white matter."""
    box = native.geometry
    coarse = box.with_spacing(np.maximum(box.spacing_mm, _FIELD_SPACING_MM).tolist())
    image = resample_mean(native.image, box, coarse, fill=0.0)
    core = resample_mean(native.shares["brain"], box, coarse, fill=0.0) > 0.9
    core &= image > 0.3 * np.median(image[core]) if core.any() else core
    if core.sum() < 200:
        return native
    log = np.log(np.maximum(image[core], 1e-3))
    terms = _polynomial(grid_points_mm(coarse)[core.reshape(-1)], box)
    weights: NDArray[np.floating] = np.zeros(terms.shape[1])
    level = 0.0
    for _ in range(6):
        flat = log - (terms @ weights - level)
        middle = _two_class_threshold(flat)
        white = flat >= middle if white_is_brighter else flat <= middle
        white &= np.abs(flat - np.median(flat[white])) <= 2.5 * max(float(flat[white].std()), 1e-3)
        weights, *_ = np.linalg.lstsq(terms[white], log[white], rcond=None)
        level = float((terms[white] @ weights).mean())
    whole = _polynomial(grid_points_mm(coarse), box) @ weights - level
    bias = resample_linear(whole.reshape(coarse.shape).astype(np.float32), coarse, box, fill=0.0)
    image = (native.image / np.exp(np.clip(bias, -1.5, 1.5))).astype(np.float32)
    return NativeMasks(image=image, shares=native.shares, geometry=box)


def levels_of(native: NativeMasks, *, white_is_brighter: bool) -> Levels:
    """Fluid from the core of the ventricles, gray and white matter from the two classes inside the brain."""
    brain = native.image[(native.shares["brain"] > 0.9)]
    core = native.image[native.shares["ventricles"] > 0.85]
    if brain.size < 1000 or core.size < 30:
        return Levels(fluid=0.0, gray=0.0, white=0.0)
    fluid = float(np.median(core))
    tissue = brain[brain > fluid + 0.35 * (np.median(brain) - fluid)]
    low, high = _two_means(tissue)
    gray, white = (low, high) if white_is_brighter else (high, low)
    return Levels(fluid=fluid, gray=gray, white=white)


def tissues(native: NativeMasks, levels: Levels, cranium: NDArray[np.bool_]) -> Tissues:
    """Shares of brain and of ventricular fluid in each voxel inside the skull (``cranium``)."""
    image, shares = native.image, native.shares
    near = ndimage.maximum_filter(shares["ventricles"], size=_odd(_RIM_MM, native.geometry)) > _NEAR
    own = shares["ventricles"] >= _OWN * shares["csf"]
    zone = near & own & cranium
    local = _local_tissue(native, levels)
    fluid_share = share_of((local - image) / np.maximum(local - levels.fluid, 1e-6))
    ventricles = np.where(zone, fluid_share, 0.0).astype(np.float32)
    outer = share_of((image - levels.fluid) / (min(levels.gray, levels.white) - levels.fluid))
    brain = np.where(zone, 1.0 - ventricles, outer)
    brain *= cranium & (shares["mass"] < 0.5)
    return Tissues(brain=brain.astype(np.float32), ventricles=ventricles, levels=levels, masks=native, cranium=cranium)


def share_of(values: NDArray[np.floating]) -> Array:
    """Values between two levels (0 and 1) as shares; within ``_NOISE_SHARE`` of a level they are that level."""
    share = np.clip(values, 0.0, 1.0).astype(np.float32)
    share[share < _NOISE_SHARE] = 0.0
    share[share > 1.0 - _NOISE_SHARE] = 1.0
    return share


def _local_tissue(native: NativeMasks, levels: Levels) -> Array:
    """Mean of the surrounding brain (Gaussian of ``_RIM_MM``), fluid and partial volumes left out."""
    cut = levels.fluid + 0.75 * (min(levels.gray, levels.white) - levels.fluid)
    tissue = ((native.image > cut) & (native.shares["brain"] > 0.3)).astype(np.float32)
    sigma = _RIM_MM / native.geometry.spacing_mm
    weight = ndimage.gaussian_filter(tissue, sigma)
    total = ndimage.gaussian_filter(tissue * native.image, sigma)
    return np.where(weight > 0.02, total / np.maximum(weight, 1e-6), levels.white).astype(np.float32)


def _polynomial(points_mm: NDArray[np.float64], box: Geometry) -> NDArray[np.float64]:
    """(N, T): all monomials up to ``_FIELD_ORDER`` of x, y, z scaled to about -1..1 over the box."""
    half = np.abs(box.corners_mm - box.center_mm).max(axis=0)
    x, y, z = ((points_mm - box.center_mm) / half).T
    n = _FIELD_ORDER + 1
    return np.stack([x**a * y**b * z**c for a in range(n) for b in range(n) for c in range(n) if a + b + c < n], axis=1)


def _two_class_threshold(values: NDArray[np.floating]) -> float:
    low, high = _two_means(values)
    return (low + high) / 2


def _two_means(values: NDArray[np.floating]) -> tuple[float, float]:
    """Centers of two classes (Lloyd's algorithm from the tails, so that a small class is found as well)."""
    low, high = (float(v) for v in np.percentile(values, (2, 98)))
    for _ in range(30):
        upper = values > (low + high) / 2
        if upper.all() or not upper.any():
            break
        low, high = float(values[~upper].mean()), float(values[upper].mean())
    upper = values > (low + high) / 2
    if upper.all() or not upper.any():
        return low, high
    return float(np.median(values[~upper])), float(np.median(values[upper]))


def _odd(reach_mm: float, geometry: Geometry) -> tuple[int, ...]:
    return tuple(int(2 * round(reach_mm / s) + 1) for s in geometry.spacing_mm)
