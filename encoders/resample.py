"""Voxels onto another grid of the same patient space, by SimpleITK."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry, LabelMap, Volume
from tomoscribe.core.errors import GeometryError, InvalidValueError
from tomoscribe.encoders.conversions import array_from_sitk, sitk_from_array

OnGrid = TypeVar("OnGrid", Volume, LabelMap)
Interpolation = Literal["linear", "nearest"]


def resample(
    on_grid: OnGrid, geometry: Geometry, *, interpolation: Interpolation | None = None, fill: float | None = None
) -> OnGrid:
    """The same patient space seen on another grid; no smoothing before a coarser one.

    Args:
        on_grid: volume or label map.
        geometry: target grid, in the same frame of reference.
        interpolation: ``linear`` by default for volumes, always ``nearest`` for label maps.
        fill: value outside the source grid; -1024 for CT, 0 for all else by default.

    Returns:
        Same type and data type; linear values of integer volumes are rounded to the nearest integer. A volume's
        ``series`` still names the slices it was acquired on, not those of the new grid.

    Raises:
        GeometryError: different frames of reference, or a grid whose axes are not perpendicular.
        InvalidValueError: a label map with another interpolation than nearest.
    """
    source = on_grid.geometry
    frames = {source.frame_of_reference_uid, geometry.frame_of_reference_uid} - {None}
    if len(frames) > 1:
        raise GeometryError(
            "expected one frame of reference, found two: points of different frames cannot be compared",
            remedy="register the two series first",
        )
    is_labels = isinstance(on_grid, LabelMap)
    how = interpolation or ("nearest" if is_labels else "linear")
    if is_labels and how != "nearest":
        raise InvalidValueError(f"label maps are resampled with interpolation 'nearest', found {how!r}")
    if fill is None:
        fill = -1024.0 if isinstance(on_grid, Volume) and on_grid.value_unit.startswith("hu") else 0.0
    array = resample_array(on_grid.array, source, geometry, interpolation=how, fill=fill)
    return replace(on_grid, array=array, geometry=geometry)


def resample_array(
    array: NDArray[Any], source: Geometry, target: Geometry, *, interpolation: Interpolation, fill: float
) -> NDArray[Any]:
    """Array (k, j, i) on ``source`` sampled at the voxel centres of ``target``; the data type is kept."""
    import SimpleITK as sitk

    if interpolation not in ("linear", "nearest"):
        raise InvalidValueError(f"expected interpolation 'linear' or 'nearest', found {interpolation!r}")
    linear = interpolation == "linear"
    whole = array.dtype.kind in "iu"
    work = array.astype(np.uint8) if array.dtype == bool else array
    if linear and whole:
        work = work.astype(np.float32 if array.dtype.itemsize <= 2 else np.float64)
    filter_ = sitk.ResampleImageFilter()
    filter_.SetInterpolator(sitk.sitkLinear if linear else sitk.sitkNearestNeighbor)
    filter_.SetDefaultPixelValue(float(fill))
    reference = _empty_reference(target)
    filter_.SetSize(reference[0])
    filter_.SetOutputOrigin(reference[1])
    filter_.SetOutputSpacing(reference[2])
    filter_.SetOutputDirection(reference[3])
    out = array_from_sitk(filter_.Execute(sitk_from_array(work, source)))
    if linear and whole:
        out = np.rint(out)
    return out.astype(array.dtype, copy=False)


def _empty_reference(target: Geometry) -> tuple[list[int], list[float], list[float], list[float]]:
    """Size, origin, spacing and direction of the target grid in SimpleITK's order (i, j, k)."""
    if not target.is_orthogonal:
        raise GeometryError("expected a target grid with perpendicular axes")
    order = [2, 1, 0]
    return (
        [int(n) for n in np.array(target.shape)[order]],
        [float(v) for v in target.origin_mm],
        [float(v) for v in target.spacing_mm[order]],
        [float(v) for v in target.direction[:, order].ravel()],
    )
