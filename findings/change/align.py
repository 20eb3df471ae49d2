"""Where a point of the present chest CT lies in an earlier one: affine, then demons, both over the lungs alone.

The alignment only leads to a lesion; nothing is ever measured on a resampled image (CLINICAL 10).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry, Point, Volume
from tomoscribe.encoders.conversions import array_from_sitk, geometry_from_sitk, sitk_from_array
from tomoscribe.findings.chest import grid, morphology

if TYPE_CHECKING:
    import SimpleITK as sitk

GRID_MM = 5.0
MIN_OVERLAP = 0.88
"""Dice of the two lungs after alignment below which nothing is matched."""
_OUTSIDE_HU = 0.0
_SCALES = (0.6, 1.7)
_AFFINE_STEPS, _DEMONS_STEPS, _DEMONS_SMOOTHING = 60, 40, 1.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Alignment:
    """Points of the present study to points of the earlier one.

    Args:
        affine: SimpleITK's transform of the first step.
        shift: displacement field of the second step, mm, on the present study's coarse grid.
        overlap: Dice of the lungs after both steps, 0 to 1; 0 for an affine step that no chest can make.
    """

    affine: Any
    shift: Any
    overlap: float

    @property
    def is_trusted(self) -> bool:
        return self.overlap >= MIN_OVERLAP

    def to_prior(self, xyz_mm: Sequence[float]) -> Point:
        """The place in the earlier study, LPS mm; beyond the coarse grid the affine step alone counts."""
        p = [float(v) for v in xyz_mm]
        index = self.shift.TransformPhysicalPointToContinuousIndex(p)
        inside = all(0.0 <= v <= n - 1.0 for v, n in zip(index, self.shift.GetSize(), strict=True))
        moved = self.shift.EvaluateAtContinuousIndex(index) if inside else (0.0, 0.0, 0.0)
        x, y, z = self.affine.TransformPoint([a + b for a, b in zip(p, moved, strict=True)])
        return float(x), float(y), float(z)


def align(now: Volume, now_lungs: NDArray[np.bool_], then: Volume, then_lungs: NDArray[np.bool_]) -> Alignment:
    """Aligns two chest CTs by their lungs.

    Args:
        now, then: in the canonical orientation (``grid.canonical``).
        now_lungs, then_lungs: masks of both lungs on the same grids, not empty.
    """
    import SimpleITK as sitk

    fixed, fixed_mask = _coarse(now, now_lungs)
    moving, moving_mask = _coarse(then, then_lungs)
    affine = _affine(fixed, moving, fixed_mask, moving_mask)
    near = sitk.Resample(moving, fixed, affine, sitk.sitkLinear, _OUTSIDE_HU)
    demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
    demons.SetNumberOfIterations(_DEMONS_STEPS)
    demons.SetSmoothDisplacementField(True)
    demons.SetStandardDeviations(_DEMONS_SMOOTHING)
    shift = demons.Execute(fixed, near)
    whole = sitk.CompositeTransform([affine, sitk.DisplacementFieldTransform(sitk.Image(shift))])
    carried = array_from_sitk(sitk.Resample(moving_mask, fixed, whole, sitk.sitkNearestNeighbor, 0)) > 0
    overlap = _dice(carried, array_from_sitk(fixed_mask) > 0) if _is_sane(affine) else 0.0
    return Alignment(affine=affine, shift=shift, overlap=overlap)


def _coarse(volume: Volume, lungs: NDArray[np.bool_]) -> tuple[sitk.Image, sitk.Image]:
    """Lungs (closed over vessels and lesions) in HU on blocks of about 5 mm, soft tissue elsewhere; and their mask."""
    factors = grid.block_factors(volume.geometry, GRID_MM)
    blocks = grid.block_geometry(volume.geometry, factors)
    mask = _closed(grid.block_mean(lungs, factors) >= 0.5, blocks)
    hu = np.clip(grid.block_mean(volume.array, factors), -1000.0, _OUTSIDE_HU)
    hu[~mask] = _OUTSIDE_HU
    return sitk_from_array(hu, blocks), sitk_from_array(mask.astype(np.uint8), blocks)


def _closed(mask: NDArray[np.bool_], geometry: Geometry) -> NDArray[np.bool_]:
    return morphology.fill_slices(morphology.close(mask, 2 * GRID_MM, geometry.spacing_mm))


def _affine(fixed: sitk.Image, moving: sitk.Image, fixed_mask: sitk.Image, moving_mask: sitk.Image) -> Any:
    import SimpleITK as sitk

    start = sitk.AffineTransform(3)
    (center, spread), (other, reach) = _extent(fixed_mask), _extent(moving_mask)
    start.SetCenter(center.tolist())
    start.SetTranslation((other - center).tolist())
    start.SetMatrix(np.diag(np.clip(reach / spread, *_SCALES)).ravel().tolist())
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetInitialTransform(start, inPlace=True)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=0.02, numberOfIterations=_AFFINE_STEPS, relaxationFactor=0.6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([1.0, 0.0])
    method.SetNumberOfThreads(1)
    method.Execute(fixed, moving)
    return start


def _extent(mask: sitk.Image) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Center of mass and standard deviations of a mask along x, y and z, mm."""
    at = geometry_from_sitk(mask).to_world(np.argwhere(array_from_sitk(mask) > 0))
    return at.mean(axis=0), np.maximum(at.std(axis=0), GRID_MM)


def _is_sane(affine: Any) -> bool:
    """Whether an affine transform can be that of one chest to itself: not mirrored, no extreme stretch or shear."""
    matrix = np.array(affine.GetMatrix()).reshape(3, 3)
    stretches = np.linalg.svd(matrix, compute_uv=False)
    return bool(np.linalg.det(matrix) > 0 and stretches.min() >= _SCALES[0] and stretches.max() <= _SCALES[1]
                and np.diag(matrix).min() > 0.5)  # fmt: skip


def _dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return 2.0 * float((a & b).sum()) / max(1.0, float(a.sum() + b.sum()))
