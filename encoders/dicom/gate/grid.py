"""Slices -> their order and their grid, from positions and orientations alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry
from tomoscribe.encoders.dicom.gate.refusal import Slices
from tomoscribe.encoders.dicom.headers import SliceHeader

UNIT_TOLERANCE = 1e-3
"""Largest deviation of the two direction vectors from unit length and from each other's normal."""


def sort_by_position(slices: Slices) -> tuple[SliceHeader, ...]:
    """Slices by position along the normal (row x column), never by name or number; stays as it is without geometry."""
    if not all(is_complete(s) for s in slices):
        return tuple(sorted(slices, key=lambda s: (s.instance_number is None, s.instance_number or 0, s.instance_uid)))
    along = along_normal(slices)
    return tuple(slices[n] for n in np.argsort(along, kind="stable"))


def geometry_of(ordered: Slices) -> Geometry:
    """Grid of slices that passed the gate, in their order; the k axis runs along the normal."""
    first = ordered[0]
    row, column, normal = axes(first)
    between_rows, between_columns = first.pixel_spacing_mm or (0.0, 0.0)
    along = along_normal(ordered)
    affine = np.eye(4)
    affine[:3, 0] = normal * (along[-1] - along[0]) / (len(ordered) - 1)
    affine[:3, 1] = column * between_rows
    affine[:3, 2] = row * between_columns
    affine[:3, 3] = first.position_mm
    shape = (len(ordered), int(first.rows or 0), int(first.columns or 0))
    return Geometry(affine=affine, shape=shape, frame_of_reference_uid=first.frame_of_reference_uid)


def axes(header: SliceHeader) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Unit vectors of a row, a column and their normal; the column made exactly perpendicular to the row."""
    cosines = np.array(header.orientation, dtype=np.float64)
    row = cosines[:3] / np.linalg.norm(cosines[:3])
    column = cosines[3:] - row * (row @ cosines[3:])
    column /= np.linalg.norm(column)
    return row, column, np.cross(row, column)


def positions_mm(slices: Slices) -> NDArray[np.float64]:
    return np.array([s.position_mm for s in slices], dtype=np.float64)


def along_normal(slices: Slices) -> NDArray[np.float64]:
    """Distance of each slice along the normal of the first, mm."""
    return positions_mm(slices) @ axes(slices[0])[2]


def is_complete(header: SliceHeader) -> bool:
    spacing = header.pixel_spacing_mm
    if header.position_mm is None or header.orientation is None or spacing is None or min(spacing) <= 0:
        return False
    row, column = np.array(header.orientation[:3]), np.array(header.orientation[3:])
    lengths = np.array([np.linalg.norm(row) - 1, np.linalg.norm(column) - 1, row @ column])
    return bool(header.rows and header.columns and (np.abs(lengths) <= UNIT_TOLERANCE).all())
