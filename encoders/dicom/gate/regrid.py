"""Slices that do not stand on an orthogonal, even grid -> how their volume is put on one, with its error.

A tilted gantry shears the stack: each slice is moved within its own plane, so that every plane of the volume is still
one acquired image. Uneven slices are interpolated linearly along the normal. Both only where no tissue is unseen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry
from tomoscribe.encoders.dicom.gate.grid import along_normal, axes, geometry_of, positions_mm
from tomoscribe.encoders.dicom.gate.refusal import Slices

STEP_TOLERANCE_MM = 0.05
STEP_TOLERANCE_SHARE = 0.01
"""A step may differ from the median by 0.05 mm (positions rounded to two decimals; a tenth of the thinnest slice in
use) or by 1 % of it, whichever is larger. A missing slice differs by 100 %."""
JITTER_SHARE = 0.1
"""Steps that differ from the median by at most this share are uneven, but no slice is missing: they are resampled."""
COVERAGE_SHARE = 1.1
"""A step between slices of different thickness is without a gap up to this multiple of their mean thickness."""
SHEAR_TOLERANCE_MM = 0.1
"""Largest in-plane offset of a slice from the line along the normal: below a fifth of the finest pixel in use."""


@dataclass(frozen=True, kw_only=True)
class Regrid:
    """From the slices as acquired to planes of an orthogonal, even grid.

    Args:
        geometry: the grid of the result.
        shift_px: (D, 2) by how many pixels (rows, columns) the content of source slice n moves within its plane.
        along_mm: position of source slice n along the normal, from the first.
        plane_mm: position of each plane of the result along the normal, from the first slice.
        notes: what is done and by how much, in words.
    """

    geometry: Geometry
    shift_px: NDArray[np.float64]
    along_mm: NDArray[np.float64]
    plane_mm: NDArray[np.float64]
    notes: tuple[str, ...]

    @property
    def nearest(self) -> tuple[int, ...]:
        """For each plane the source slice that lies nearest to it."""
        return tuple(int(n) for n in np.abs(self.plane_mm[:, None] - self.along_mm[None]).argmin(axis=1))

    def apply(self, array: NDArray[Any], fill: float) -> NDArray[Any]:
        """(D', H', W') of the grid from (D, H, W) of the slices; integers are rounded; one plane at a time.

        Args:
            array: the slices in order of position.
            fill: value where no slice has a pixel.
        """
        out = np.empty(self.geometry.shape, dtype=array.dtype)
        for k, at_mm in enumerate(self.plane_mm):
            upper = int(np.clip(np.searchsorted(self.along_mm, at_mm), 1, len(self.along_mm) - 1))
            low, high = self.along_mm[upper - 1], self.along_mm[upper]
            share = float(np.clip((at_mm - low) / (high - low), 0.0, 1.0))
            plane = np.zeros(self.geometry.shape[1:], dtype=np.float64)
            for n, weight in ((upper - 1, 1.0 - share), (upper, share)):
                if weight > 1e-6:
                    plane += weight * _moved(array[n], self.shift_px[n], plane.shape, fill)
            out[k] = np.rint(plane) if array.dtype.kind in "iu" else plane
        return out


def tilt_degrees(ordered: Slices) -> float:
    """Angle between the normal and the line from the first slice to the last."""
    offsets, along = _offsets_mm(ordered)
    return float(np.degrees(np.arctan2(np.linalg.norm(offsets[-1]), along[-1])))


def shear_residual_mm(ordered: Slices) -> float:
    """Largest distance, within its plane, of a slice from the line through the first and the last."""
    offsets, along = _offsets_mm(ordered)
    return float(np.abs(offsets - along[:, None] * (offsets[-1] / along[-1])).max())


def is_sheared(ordered: Slices) -> bool:
    """Whether slices lie beside the line along the normal."""
    return bool(np.abs(_offsets_mm(ordered)[0]).max() > SHEAR_TOLERANCE_MM)


def uneven_steps(ordered: Slices) -> NDArray[np.bool_]:
    """(D - 1,) which steps differ from the usual one; all of them where the slices drift off an even grid."""
    along = along_normal(ordered)
    steps = np.diff(along)
    usual = float(np.median(steps))
    allowed = max(STEP_TOLERANCE_MM, STEP_TOLERANCE_SHARE * usual)
    odd = np.abs(steps - usual) > allowed
    grid = along[0] + np.arange(along.size) * (along[-1] - along[0]) / (along.size - 1)
    if not odd.any() and np.abs(along - grid).max() > 2 * allowed:
        odd[:] = True
    return np.asarray(odd)


def is_only_jitter(ordered: Slices) -> bool:
    """Whether uneven steps are too alike for a slice to be missing."""
    steps = np.diff(along_normal(ordered))
    usual = float(np.median(steps))
    return bool(np.abs(steps - usual).max() <= JITTER_SHARE * usual)


def is_covered(ordered: Slices) -> bool:
    """Whether uneven steps follow the slices' stated thickness: even within each thickness, no gap where it changes."""
    thickness = np.array([s.slice_thickness_mm or np.nan for s in ordered])
    if np.isnan(thickness).any() or (thickness <= 0).any():
        return False
    steps = np.diff(along_normal(ordered))
    if (steps > COVERAGE_SHARE * (thickness[1:] + thickness[:-1]) / 2).any():
        return False
    same = np.isclose(thickness[1:], thickness[:-1], rtol=0.01)
    runs = [steps[same & np.isclose(thickness[1:], t, rtol=0.01)] for t in np.unique(np.round(thickness, 2))]
    return not same.all() and all(
        run.size == 0 or np.ptp(run) <= 2 * max(STEP_TOLERANCE_MM, STEP_TOLERANCE_SHARE * float(np.median(run)))
        for run in runs
    )


def regrid_of(ordered: Slices) -> Regrid | None:
    """How accepted slices come onto an orthogonal, even grid; None where they stand on one."""
    sheared, uneven = is_sheared(ordered), bool(uneven_steps(ordered).any())
    if not sheared and not uneven:
        return None
    geometry = geometry_of(ordered)
    along = along_normal(ordered)
    along = along - along[0]
    shift, geometry, notes = np.zeros((len(ordered), 2)), geometry, []
    if sheared:
        shift, geometry = _sheared(ordered, geometry)
        notes.append(_shear_words(ordered, shift, geometry))
    planes = along.copy() if not uneven else _even_planes(along)
    if uneven:
        step = planes[1] - planes[0]
        affine = geometry.affine.copy()
        affine[:3, 0] = axes(ordered[0])[2] * step
        geometry = replace(geometry, affine=affine, shape=(len(planes), *geometry.shape[1:]))
        notes.append(_uneven_words(along, planes))
    return Regrid(geometry=geometry, shift_px=shift, along_mm=along, plane_mm=planes, notes=tuple(notes))


def _offsets_mm(ordered: Slices) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(D, 2) offset of each slice along rows' and columns' direction from the first, (D,) distance along the normal."""
    positions = positions_mm(ordered)
    row, column, normal = axes(ordered[0])
    away = positions - positions[0]
    return away @ np.stack([row, column], axis=1), away @ normal


def _sheared(ordered: Slices, geometry: Geometry) -> tuple[NDArray[np.float64], Geometry]:
    """Pixels (rows, columns) that each slice moves, and the grid, in plane large enough for all of them."""
    offsets, _ = _offsets_mm(ordered)
    _, row_mm, column_mm = geometry.spacing_mm
    shift = np.stack([offsets[:, 1] / row_mm, offsets[:, 0] / column_mm], axis=1)
    start, stop = np.floor(shift.min(axis=0) + 1e-6), np.ceil(shift.max(axis=0) - 1e-6)
    depth, height, width = geometry.shape
    size = (depth, height + int(stop[0] - start[0]), width + int(stop[1] - start[1]))
    affine = geometry.affine.copy()
    affine[:3, 3] = geometry.to_world((0.0, start[0], start[1]))
    return np.clip(shift - start, 0.0, stop - start), replace(geometry, affine=affine, shape=size)


def _even_planes(along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evenly spaced positions from the first slice to the last, at the finest usual step."""
    steps = np.diff(along)
    usual = float(np.median(steps))
    fine = usual if np.abs(steps - usual).max() <= JITTER_SHARE * usual else _finest_usual(steps)
    count = max(1, round(along[-1] / fine))
    return np.linspace(0.0, along[-1], count + 1)


def _finest_usual(steps: NDArray[np.float64]) -> float:
    """The smallest step that occurs at least twice, within 1 %; the smallest if none does."""
    for step in np.sort(steps):
        if (np.abs(steps - step) <= STEP_TOLERANCE_SHARE * step).sum() >= 2:
            return float(step)
    return float(steps.min())


def _moved(plane: NDArray[Any], shift_px: NDArray[np.float64], shape: tuple[int, ...], fill: float) -> Any:
    """The plane's content moved by (rows, columns) into a larger one; linear between pixels, ``fill`` around it."""
    whole = np.floor(shift_px + 1e-9).astype(int)
    part = np.clip(shift_px - whole, 0.0, 1.0)
    out = np.full(shape, float(fill))
    height, width = plane.shape
    out[whole[0] : whole[0] + height, whole[1] : whole[1] + width] = plane
    for axis in (0, 1):
        if part[axis] > 1e-6:
            before = np.roll(out, 1, axis=axis)
            edge = (slice(0, 1), slice(None)) if axis == 0 else (slice(None), slice(0, 1))
            before[edge] = fill
            out = (1.0 - part[axis]) * out + part[axis] * before
    return out


def _shear_words(ordered: Slices, shift_px: NDArray[np.float64], geometry: Geometry) -> str:
    _, row_mm, column_mm = geometry.spacing_mm
    farthest = float(np.abs((shift_px - shift_px[0]) * (row_mm, column_mm)).max())
    between = np.abs(shift_px - np.rint(shift_px)) * (row_mm, column_mm)
    return (
        f"sheared by a gantry tilt of {tilt_degrees(ordered):.1f} degrees: each slice was moved in its plane by up to "
        f"{farthest:.1f} mm onto an orthogonal grid, linear between pixels (values blend over at most "
        f"{float(between.max()):.2f} mm; positions stay exact)"
    )


def _uneven_words(along: NDArray[np.float64], planes: NDArray[np.float64]) -> str:
    steps = np.diff(along)
    step = planes[1] - planes[0]
    away = float(np.abs(planes[:, None] - along[None]).min(axis=1).max())
    return (
        f"uneven slice spacing of {steps.min():.3f} to {steps.max():.3f} mm resampled to {step:.3f} mm, linear between "
        f"slices (a plane lies at most {away:.2f} mm from an acquired slice)"
    )
