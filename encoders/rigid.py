"""One examination laid over another without bending it: for looking at both, never for measuring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry
from tomoscribe.core.errors import InvalidValueError
from tomoscribe.encoders.conversions import sitk_from_array

if TYPE_CHECKING:
    import SimpleITK as sitk

GRID_MM = 4.0
_BINS, _STEPS, _SHARE = 32, 120, 0.2
_SEED = 20261125


def rigid(
    now: NDArray[Any], now_geometry: Geometry, then: NDArray[Any], then_geometry: Geometry
) -> NDArray[np.float64]:
    """The 4 x 4 that takes points of the present examination (LPS mm, homogeneous) to the earlier one.

    Mutual information on voxels about 4 mm apart, from the middles of mass; shift and turn only. The same images give
    the same matrix to a millionth of a millimetre.

    Raises:
        InvalidValueError: an examination too small to be aligned, or nothing of the two overlaps.
    """
    import SimpleITK as sitk

    fixed, moving = _coarse(now, now_geometry), _coarse(then, then_geometry)
    try:
        start = sitk.CenteredTransformInitializer(
            fixed, moving, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.MOMENTS
        )
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(_BINS)
        method.SetMetricSamplingStrategy(method.RANDOM)
        method.SetMetricSamplingPercentage(_SHARE, _SEED)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetInitialTransform(start, inPlace=True)
        method.SetOptimizerAsRegularStepGradientDescent(
            learningRate=2.0, minStep=0.01, numberOfIterations=_STEPS, relaxationFactor=0.6
        )
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetShrinkFactorsPerLevel([2, 1])
        method.SetSmoothingSigmasPerLevel([1.0, 0.0])
        method.SetNumberOfThreads(1)
        method.Execute(fixed, moving)
    except RuntimeError as error:
        raise InvalidValueError(
            "the two examinations cannot be aligned: too little of them overlaps", remedy="compare them unaligned"
        ) from error
    return _matrix(start)


def onto(
    then: NDArray[Any], then_geometry: Geometry, target: Geometry, now_to_then: NDArray[np.float64], *, fill: float
) -> NDArray[Any]:
    """The earlier examination sampled at the voxel centers of a grid of the present one; the data type is kept."""
    import SimpleITK as sitk

    depth, height, width = target.shape
    transform = sitk.AffineTransform(3)
    transform.SetMatrix([float(v) for v in now_to_then[:3, :3].ravel()])
    transform.SetTranslation([float(v) for v in now_to_then[:3, 3]])
    like = sitk_from_array(np.zeros((1, 1, 1), np.uint8), target.crop((0, 0, 0), (1, 1, 1)))
    filter_ = sitk.ResampleImageFilter()
    filter_.SetSize((width, height, depth))
    filter_.SetOutputOrigin(like.GetOrigin())
    filter_.SetOutputSpacing(like.GetSpacing())
    filter_.SetOutputDirection(like.GetDirection())
    filter_.SetTransform(transform)
    filter_.SetInterpolator(sitk.sitkLinear)
    filter_.SetDefaultPixelValue(fill)
    filter_.SetNumberOfThreads(1)
    return np.asarray(sitk.GetArrayFromImage(filter_.Execute(sitk_from_array(then, then_geometry))))


def _coarse(array: NDArray[Any], geometry: Geometry) -> sitk.Image:
    """Every n-th voxel, so that about 4 mm lie between them, as float; padding and air at their lowest."""
    steps = np.maximum(1, np.round(GRID_MM / geometry.spacing_mm)).astype(int)
    thin = array[:: steps[0], :: steps[1], :: steps[2]].astype(np.float32)
    if min(thin.shape) < 4:
        raise InvalidValueError("an examination of so few slices cannot be aligned", remedy="compare it unaligned")
    affine = geometry.affine.copy()
    affine[:3, :3] *= steps[None, :]
    depth, height, width = thin.shape
    low, high = np.percentile(thin, (1, 99))
    return sitk_from_array(np.clip(thin, low, high) - low, Geometry(affine=affine, shape=(depth, height, width)))


def _matrix(transform: Any) -> NDArray[np.float64]:
    turn = np.array(transform.GetMatrix()).reshape(3, 3)
    center = np.array(transform.GetCenter())
    matrix = np.eye(4)
    matrix[:3, :3] = turn
    matrix[:3, 3] = np.array(transform.GetTranslation()) + center - turn @ center
    return matrix
