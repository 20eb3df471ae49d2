"""The grid of a source series from its headers, and label maps brought onto it, slice by slice, by position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tomoscribe.core import Geometry, LabelMap
from tomoscribe.core.errors import OutputError

POSITION_TOLERANCE_MM = 0.05
"""Largest distance between a voxel of the label map and the source pixel it is written to."""


@dataclass(frozen=True, kw_only=True)
class SourceGrid:
    """The source images of a series in the order of their position along the normal (row x column direction).

    Args:
        headers: sorted headers.
        geometry: k along the normal, j along the columns, i along the rows of the source images.
    """

    headers: tuple[Any, ...]
    geometry: Geometry


def source_grid(headers: Sequence[Any]) -> SourceGrid:
    """The grid of a series.

    Args:
        headers: data sets without pixels of single-frame images, in any order.

    Raises:
        OutputError: no headers, a multi-frame image, or images that do not lie on one grid.
    """
    if not headers:
        raise OutputError("expected the headers of the source series, found none", remedy="read the study again")
    first = headers[0]
    if int(first.get("NumberOfFrames") or 1) > 1:
        raise OutputError(
            "expected single-frame source images, found a multi-frame one", where=str(first.SOPInstanceUID)
        )
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "FrameOfReferenceUID"):
        if not first.get(name):
            raise OutputError(f"expected {name} in the source images, found none", where=str(first.SOPInstanceUID))
    orientation = np.array(first.ImageOrientationPatient, float)
    normal = np.cross(orientation[:3], orientation[3:])
    positions = np.array([h.ImagePositionPatient for h in headers], float)
    order = np.argsort(positions @ normal, kind="stable")
    positions = positions[order]
    row_mm, column_mm = (float(v) for v in first.PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0] = _step(positions, normal, first)
    affine[:3, 1] = orientation[3:] * row_mm
    affine[:3, 2] = orientation[:3] * column_mm
    affine[:3, 3] = positions[0]
    geometry = Geometry(
        affine=affine,
        shape=(len(headers), int(first.Rows), int(first.Columns)),
        frame_of_reference_uid=str(first.FrameOfReferenceUID),
    )
    expected = geometry.to_world(np.stack([np.arange(len(headers)), np.zeros(len(headers)), np.zeros(len(headers))], 1))
    if np.abs(expected - positions).max() > POSITION_TOLERANCE_MM:
        raise OutputError(
            "expected source images at equal distances, found gaps or unequal distances",
            where=str(first.SeriesInstanceUID),
            remedy="export from a series without gaps",
        )
    return SourceGrid(headers=tuple(headers[n] for n in order), geometry=geometry)


def on_source_grid(label_map: LabelMap, grid: SourceGrid) -> LabelMap:
    """The label map with its axes ordered as the source images' and one slice for each of them.

    Axes in another order or direction and cropped grids are moved without loss. A grid that does not meet the source
    pixels (a resampled volume) is resampled to the nearest voxel.
    """
    moved = align_axes(label_map, grid.geometry)
    start = grid.geometry.to_index(moved.geometry.origin_mm)
    last = grid.geometry.to_index(moved.geometry.to_world(np.array(moved.geometry.shape) - 1.0))
    offset = np.round(start).astype(int)
    end = offset + np.array(moved.geometry.shape)
    spacing = grid.geometry.spacing_mm
    off_mm = max(float(np.abs((start - offset) * spacing).max()), float(np.abs((last - end + 1) * spacing).max()))
    if off_mm > POSITION_TOLERANCE_MM or (offset < 0).any() or (end > np.array(grid.geometry.shape)).any():
        from tomoscribe.encoders.resample import resample

        resampled: LabelMap = resample(label_map, grid.geometry, interpolation="nearest", fill=0)
        return resampled
    if moved.array.shape == grid.geometry.shape:
        return _placed(moved, moved.array, grid.geometry)
    array = np.zeros(grid.geometry.shape, dtype=moved.array.dtype)
    array[tuple(slice(a, b) for a, b in zip(offset, end, strict=True))] = moved.array
    return _placed(moved, array, grid.geometry)


def align_axes(on_grid: Any, geometry: Geometry) -> Any:
    """A Volume or LabelMap with its axes permuted and turned so that each runs along the same axis of ``geometry``."""
    overlap = geometry.direction.T @ on_grid.geometry.direction
    order = [int(np.argmax(np.abs(row))) for row in overlap]
    if sorted(order) != [0, 1, 2]:
        return on_grid
    moved = on_grid.permute(order)
    for axis in range(3):
        if overlap[axis, order[axis]] < 0:
            moved = moved.flip(axis)
    return moved


def _placed(label_map: LabelMap, array: Any, geometry: Geometry) -> LabelMap:
    return LabelMap(
        name=label_map.name,
        array=array,
        geometry=geometry,
        segments=label_map.segments,
        algorithm=label_map.algorithm,
        series_uid=label_map.series_uid,
    )


def _step(positions: Any, normal: Any, header: Any) -> Any:
    if len(positions) > 1:
        return (positions[-1] - positions[0]) / (len(positions) - 1)
    thickness = header.get("SpacingBetweenSlices") or header.get("SliceThickness")
    if not thickness:
        raise OutputError("expected a slice thickness in the only image of the series, found none")
    return normal * float(thickness)
