"""A voxel grid seen from the patient's own frame: coordinates of boxes, occupancy, painting.

Shapes are written in the anatomical frame (x to the left, y to the back, z to the head, mm); a ``Pose`` puts the
patient into the world. Occupancy is the share of a voxel that a shape fills, from its signed distance (inside < 0).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tomoscribe.core import Geometry

FloatArray = NDArray[np.floating]
Field = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
"""An implicit function of (x, y, z) in mm of the anatomical frame, negative inside."""
Box = tuple[slice, slice, slice]

_ALONG = ((-1, 1, 1), (1, -1, 1), (1, 1, -1))
WHOLE: Box = (slice(None), slice(None), slice(None))


@dataclass(frozen=True, kw_only=True, eq=False)
class Pose:
    """Rigid: world = rotation @ anatomical + origin_mm."""

    rotation: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @classmethod
    def from_degrees(cls, degrees_xyz: ArrayLike, origin_mm: ArrayLike) -> Pose:
        """Rotation about x, then y, then z, in degrees."""
        rotation = np.eye(3)
        for axis, degrees in enumerate(np.asarray(degrees_xyz, float).tolist()):
            c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
            a, b = (axis + 1) % 3, (axis + 2) % 3
            step = np.eye(3)
            step[a, a] = step[b, b] = c
            step[a, b], step[b, a] = -s, s
            rotation = step @ rotation
        x, y, z = np.asarray(origin_mm, float).tolist()
        return cls(rotation=rotation, origin_mm=(x, y, z))

    def to_world(self, points: ArrayLike) -> NDArray[np.float64]:
        """(..., 3) anatomical mm to LPS mm."""
        return np.asarray(points, float) @ self.rotation.T + np.asarray(self.origin_mm)

    def to_anatomical(self, points: ArrayLike) -> NDArray[np.float64]:
        """(..., 3) LPS mm to anatomical mm."""
        return (np.asarray(points, float) - np.asarray(self.origin_mm)) @ self.rotation


class Canvas:
    """A grid and the patient's pose on it.

    Args:
        geometry: any orientation.
        pose: where the patient lies.
    """

    def __init__(self, geometry: Geometry, pose: Pose) -> None:
        self.geometry = geometry
        self.pose = pose
        self._matrix = pose.rotation.T @ geometry.affine[:3, :3]
        self._offset = pose.to_anatomical(geometry.origin_mm)
        self._inverse = np.linalg.inv(self._matrix)
        self.voxel_mm = float(np.cbrt(geometry.voxel_volume_mm3))

    def coordinates(self, box: Box = WHOLE, *, factor: int = 1) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Anatomical x, y, z in mm, broadcastable to the box's shape times ``factor`` (sub-voxel centres), float32."""
        axes = []
        for axis, part in enumerate(box):
            start, stop, _ = part.indices(self.geometry.shape[axis])
            index = start - 0.5 + (np.arange((stop - start) * factor) + 0.5) / factor
            axes.append(index.reshape(_ALONG[axis]))
        out = []
        for row, offset in zip(self._matrix, self._offset, strict=True):
            total = np.full((1, 1, 1), np.float32(offset))
            for weight, index in zip(row, axes, strict=True):
                if abs(weight) > 1e-9:
                    total = total + (weight * index).astype(np.float32)
            out.append(total)
        return out[0], out[1], out[2]

    def box(self, low: ArrayLike, high: ArrayLike, *, margin_mm: float = 0.0) -> Box | None:
        """The voxels that an axis-parallel anatomical box touches; None when it lies outside the grid."""
        low, high = np.asarray(low, float), np.asarray(high, float)
        middle = self._inverse @ ((low + high) / 2 - self._offset)
        half = np.abs(self._inverse) @ ((high - low) / 2 + margin_mm)
        first = np.maximum(np.floor(middle - half - 0.5), 0).astype(int)
        last = np.minimum(np.ceil(middle + half + 0.5) + 1, self.geometry.shape).astype(int)
        if (first >= last).any():
            return None
        return tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))  # type: ignore[return-value]

    def evaluate(self, shape: Field, box: Box = WHOLE) -> FloatArray:
        """The implicit function on the box's voxels, full shape, float32."""
        x, y, z = self.coordinates(box)
        values = np.asarray(shape(x, y, z), np.float32)
        size = np.broadcast_shapes(x.shape, y.shape, z.shape)
        return np.ascontiguousarray(np.broadcast_to(values, size))

    def distance(self, shape: Field, box: Box = WHOLE) -> FloatArray:
        """First-order signed distance in mm: the implicit function over the length of its gradient."""
        values = self.evaluate(shape, box)
        if min(values.shape) < 2:
            return values
        slope = np.zeros_like(values)
        for axis, step in enumerate(self.geometry.spacing_mm):
            slope += np.gradient(values, np.float32(step), axis=axis) ** 2
        return values / np.maximum(np.sqrt(slope), np.float32(0.25))

    def occupancy(self, distance_mm: FloatArray) -> FloatArray:
        """Share of each voxel inside, 0 to 1, for shapes larger than a voxel."""
        return np.clip(np.float32(0.5) - distance_mm / np.float32(self.voxel_mm), 0.0, 1.0)

    def supersampled(self, shape: Field, box: Box, *, factor: int = 3) -> FloatArray:
        """Share of each voxel inside, from ``factor`` cubed samples; for small shapes."""
        x, y, z = self.coordinates(box, factor=factor)
        inside = np.asarray(shape(x, y, z)) < 0
        full = np.broadcast_to(inside, np.broadcast_shapes(x.shape, y.shape, z.shape)).astype(np.float32)
        k, j, i = (n // factor for n in full.shape)
        return full.reshape(k, factor, j, factor, i, factor).mean(axis=(1, 3, 5))


def blend(image: FloatArray, share: FloatArray, value: FloatArray | float, box: Box = WHOLE) -> None:
    """Replace ``share`` of each voxel of the box by ``value``, in place."""
    part = image[box]
    part += share * (value - part)
