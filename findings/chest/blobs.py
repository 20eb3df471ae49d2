"""Where a nodule may be: bright blobs of several sizes in the lungs closed over their surface.

Blobness from the eigenvalues of the Hessian at the maxima of the scale-normalized Laplacian (Lindeberg 1998;
Li, Sone and Doi 2003). What lies outside the search region is set to the attenuation of lung, so that a nodule at the
pleura is a blob as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tomoscribe.core import Geometry, Point, Volume
from tomoscribe.findings.chest import grid
from tomoscribe.findings.chest.lungs import LEFT, RIGHT, WORK_SPACING_MM, Lungs

QUOTAS = {1.5: 190, 2.1: 90, 3.0: 50, 4.2: 30, 6.0: 15, 8.5: 10, 12.0: 8, 17.0: 7}
"""Scale in mm to the most candidates kept at that scale: vessel crossings crowd the small ones."""
COARSE_FROM_MM = 6.0
CLIP_HU = (-1000.0, -100.0)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One place that may be a nodule.

    Args:
        center_mm: LPS mm.
        scale_mm: standard deviation of the Gaussian that fits it best; a ball of radius ``sqrt(3) * scale_mm``.
        side: ``lungs.RIGHT`` or ``lungs.LEFT``.
        response_hu: scale-normalized Laplacian, HU; grows with contrast.
        sphericity: smallest over largest principal curvature, 1 for a ball, 0 for a tube.
        score: ``response_hu * sphericity``, by which candidates are ranked.
    """

    center_mm: Point
    scale_mm: float
    side: int
    response_hu: float
    sphericity: float
    score: float

    @property
    def radius_mm(self) -> float:
        return float(np.sqrt(3.0) * self.scale_mm)


@dataclass(frozen=True, kw_only=True)
class CandidateConfig:
    """Which maxima become candidates, and how many.

    Args:
        min_response_hu: least scale-normalized Laplacian; a ground-glass ball of 200 HU contrast gives about 80.
        min_sphericity: least ratio of the principal curvatures.
        quotas: scale in mm and the most candidates kept at it, best first.
    """

    min_response_hu: float = 35.0
    min_sphericity: float = 0.12
    quotas: tuple[tuple[float, int], ...] = tuple(QUOTAS.items())


def candidates(volume: Volume, lungs: Lungs, config: CandidateConfig | None = None) -> list[Candidate]:
    """Places in the lungs that may be nodules, best first, at most 400 with the default quotas.

    Args:
        volume: CT in HU, any orientation.
        lungs: of the same volume, from ``segment_lungs``.
    """
    config = config or CandidateConfig()
    turned, _ = grid.canonical(volume)
    factors = grid.block_factors(turned.geometry, WORK_SPACING_MM)
    work = grid.block_geometry(turned.geometry, factors)
    image, side, part = _prepared(turned, lungs, work, factors)
    scales = [s for s, _ in config.quotas]
    found = [c for s in scales if s < COARSE_FROM_MM for c in _at_scale(image, side, part, s, config)]
    coarse_factors = grid.block_factors(part, 2 * WORK_SPACING_MM)
    coarse = grid.block_geometry(part, coarse_factors)
    image_2, side_2 = grid.block_mean(image, coarse_factors), _side_of(lungs, coarse)
    found += [c for s in scales if s >= COARSE_FROM_MM for c in _at_scale(image_2, side_2, coarse, s, config)]
    return _within_quotas(_distinct(found), dict(config.quotas))


def _prepared(
    turned: Volume, lungs: Lungs, work: Geometry, factors: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.uint8], Geometry]:
    """Clipped HU on the work grid around the search region, lung attenuation outside it; the sides; the geometry."""
    side = _side_of(lungs, work)
    box = grid.bounding_box(side > 0, (4, 4, 4))
    part = work.crop([s.start for s in box], [s.stop for s in box])
    native = tuple(slice(s.start * f, s.stop * f) for s, f in zip(box, factors, strict=True))
    image = np.clip(grid.block_mean(turned.array[native], factors), *CLIP_HU)
    inside = side[box] > 0
    image[~inside] = np.median(image[inside][:: max(1, int(inside.sum()) // 100_000)])
    return image, side[box], part


def _side_of(lungs: Lungs, geometry: Geometry) -> NDArray[np.uint8]:
    """The search region on another axis-parallel grid (nearest)."""
    index = [
        lungs.search_geometry.to_index(geometry.to_world(np.eye(3)[a] * np.arange(n)[:, None]))[:, a]
        for a, n in enumerate(geometry.shape)
    ]
    nearest = [np.rint(v).astype(int) for v in index]
    inside = [(n >= 0) & (n < size) for n, size in zip(nearest, lungs.search.shape, strict=True)]
    clipped = [np.clip(n, 0, size - 1) for n, size in zip(nearest, lungs.search.shape, strict=True)]
    in_k, in_j, in_i = inside
    within = in_k[:, None, None] & in_j[None, :, None] & in_i[None, None, :]
    return np.where(within, lungs.search[np.ix_(*clipped)], 0).astype(np.uint8)


def _at_scale(
    image: NDArray[np.float32], side: NDArray[np.uint8], geometry: Geometry, scale_mm: float, config: CandidateConfig
) -> list[Candidate]:
    """Maxima of the scale-normalized Laplacian at one scale that curve in all three directions."""
    spacing = geometry.spacing_mm
    smooth = ndimage.gaussian_filter(image, scale_mm / spacing, mode="nearest", truncate=3.0)
    response = np.zeros_like(smooth)
    for axis in range(3):
        response -= ndimage.correlate1d(
            smooth, np.array([1.0, -2.0, 1.0]) * scale_mm**2 / spacing[axis] ** 2, axis=axis
        )
    peak = (response > config.min_response_hu) & (side > 0)
    peak &= ndimage.maximum_filter(response, size=3) <= response
    peak[[0, -1]], peak[:, [0, -1]], peak[:, :, [0, -1]] = False, False, False
    at = np.argwhere(peak)
    curvatures = np.linalg.eigvalsh(_hessians(smooth, at, spacing))
    sphericities = np.where(curvatures[:, 0] < 0, curvatures[:, 2] / np.minimum(curvatures[:, 0], -1e-9), 0.0)
    return [
        Candidate(
            center_mm=(float(x), float(y), float(z)),
            scale_mm=scale_mm,
            side=LEFT if side[tuple(kji)] == LEFT else RIGHT,
            response_hu=float(response[tuple(kji)]),
            sphericity=float(sphericity),
            score=float(response[tuple(kji)]) * float(sphericity),
        )
        for kji, (x, y, z), sphericity in zip(at, geometry.to_world(at), sphericities, strict=True)
        if sphericity >= config.min_sphericity
    ]


def _hessians(image: NDArray[np.float32], at: NDArray[Any], spacing_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Second derivatives per mm2 at voxels (N, 3) inside the grid, by central differences: (N, 3, 3)."""

    def value(*offset: int) -> NDArray[np.float64]:
        return image[tuple((at + np.array(offset)).T)].astype(np.float64)

    unit = np.eye(3, dtype=int)
    matrices = np.empty((len(at), 3, 3))
    for a in range(3):
        matrices[:, a, a] = value(*unit[a]) - 2 * value(0, 0, 0) + value(*-unit[a])
        for b in range(a + 1, 3):
            mixed = value(*(unit[a] + unit[b])) + value(*(-unit[a] - unit[b]))
            mixed -= value(*(unit[a] - unit[b])) + value(*(unit[b] - unit[a]))
            matrices[:, a, b] = matrices[:, b, a] = mixed / 4.0
    return matrices / np.outer(spacing_mm, spacing_mm)


def _distinct(found: list[Candidate]) -> list[Candidate]:
    """Best first; a smaller one inside a better one, or one of like size close to it, is the same place."""
    kept: list[Candidate] = []
    centers, radii = np.empty((len(found), 3)), np.empty(len(found))
    for candidate in sorted(found, key=lambda c: (-c.score, c.center_mm)):
        n = len(kept)
        distance = np.linalg.norm(centers[:n] - candidate.center_mm, axis=1)
        reach = np.where(radii[:n] >= candidate.radius_mm, radii[:n], np.minimum(radii[:n], candidate.radius_mm))
        alike = candidate.radius_mm < 2.5 * radii[:n]
        if (alike & (distance < np.maximum(0.8 * reach, 2.0))).any():
            continue
        kept.append(candidate)
        centers[n], radii[n] = candidate.center_mm, candidate.radius_mm
    return kept


def _within_quotas(found: list[Candidate], quotas: dict[float, int]) -> list[Candidate]:
    left = dict(quotas)
    kept = []
    for candidate in found:
        if left[candidate.scale_mm] > 0:
            left[candidate.scale_mm] -= 1
            kept.append(candidate)
    return kept
