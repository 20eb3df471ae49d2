"""Where voxels are in the patient: an affine, a shape, and nothing stored twice.

World is DICOM patient space: LPS (x to the patient's left, y to the back, z to the head), millimetres.
Arrays are (slice k, row j, column i) with shape (D, H, W). The affine maps (k, j, i, 1) to (x, y, z, 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tomoscribe.core.errors import GeometryError

FloatArray = NDArray[np.float64]
_LETTERS = (("L", "R"), ("P", "A"), ("H", "F"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Geometry:
    """Position of a voxel grid in patient space.

    Args:
        affine: 4 x 4, maps (k, j, i, 1) to (x, y, z, 1) in mm, LPS. Stored read-only as float64.
        shape: (D, H, W), each at least 1.
        frame_of_reference_uid: DICOM (0020,0052); points of different frames are never compared.

    Raises:
        GeometryError: the affine is not finite, not invertible or its last row is not (0, 0, 0, 1).
    """

    affine: FloatArray
    shape: tuple[int, int, int]
    frame_of_reference_uid: str | None = None

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise GeometryError(f"expected a finite 4 x 4 affine, found shape {affine.shape}")
        if not np.array_equal(affine[3], (0.0, 0.0, 0.0, 1.0)):
            raise GeometryError(f"expected (0, 0, 0, 1) as last row of the affine, found {affine[3].tolist()}")
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        if (spacing <= 0).any() or abs(np.linalg.det(affine[:3, :3] / spacing)) < 1e-3:
            raise GeometryError("the affine's columns do not span three dimensions")
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise GeometryError(f"expected a shape (D, H, W) of positive numbers, found {self.shape}")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", shape)

    @classmethod
    def from_parts(
        cls,
        *,
        spacing_mm: Sequence[float],
        origin_mm: Sequence[float],
        shape: Sequence[int],
        direction: ArrayLike | None = None,
        frame_of_reference_uid: str | None = None,
    ) -> Geometry:
        """Geometry from spacing (k, j, i), position of voxel (0, 0, 0) and unit column vectors of the axes k, j, i.

        Without ``direction`` the grid is axial: k to the head, j to the back, i to the patient's left.
        """
        axes = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], float) if direction is None else np.asarray(direction, float)
        affine = np.eye(4)
        affine[:3, :3] = axes * np.asarray(spacing_mm, float)[None, :]
        affine[:3, 3] = origin_mm
        depth, height, width = shape
        return cls(affine=affine, shape=(depth, height, width), frame_of_reference_uid=frame_of_reference_uid)

    @property
    def spacing_mm(self) -> FloatArray:
        """Voxel size along (k, j, i), mm."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def direction(self) -> FloatArray:
        """3 x 3, unit vectors of the axes k, j, i as columns, in LPS."""
        return self.affine[:3, :3] / self.spacing_mm

    @property
    def origin_mm(self) -> FloatArray:
        """Centre of voxel (0, 0, 0), LPS mm."""
        return self.affine[:3, 3].copy()

    @property
    def center_mm(self) -> FloatArray:
        """Centre of the grid, LPS mm."""
        return self.to_world((np.array(self.shape) - 1) / 2.0)

    @property
    def voxel_volume_mm3(self) -> float:
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def is_orthogonal(self) -> bool:
        """Whether the three axes are perpendicular to each other (no gantry tilt)."""
        gram = self.direction.T @ self.direction
        return bool(np.allclose(gram, np.eye(3), atol=1e-4))

    @property
    def orientation(self) -> str:
        """Where k, j, i increase towards, by the nearest anatomical letter, e.g. ``HPL`` for an axial series."""
        letters = []
        for column in self.direction.T:
            axis = int(np.argmax(np.abs(column)))
            letters.append(_LETTERS[axis][0 if column[axis] > 0 else 1])
        return "".join(letters)

    @property
    def corners_mm(self) -> FloatArray:
        """(8, 3): LPS mm of the outer corners of the grid's outermost voxels."""
        low, high = -0.5, np.array(self.shape) - 0.5
        grid = np.array(np.meshgrid(*[(low, h) for h in high], indexing="ij")).reshape(3, -1).T
        return self.to_world(grid)

    def to_world(self, kji: ArrayLike) -> FloatArray:
        """Voxel indices (k, j, i), shape (..., 3), to LPS mm (x, y, z)."""
        points = np.asarray(kji, dtype=np.float64)
        return points @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_index(self, xyz_mm: ArrayLike) -> FloatArray:
        """LPS mm (x, y, z), shape (..., 3), to continuous voxel indices (k, j, i)."""
        points = np.asarray(xyz_mm, dtype=np.float64) - self.affine[:3, 3]
        return points @ np.linalg.inv(self.affine[:3, :3]).T

    def contains(self, xyz_mm: ArrayLike) -> NDArray[np.bool_]:
        """Whether points in LPS mm lie inside the grid (half a voxel beyond the outermost centres)."""
        kji = self.to_index(xyz_mm)
        return np.asarray(((kji >= -0.5) & (kji <= np.array(self.shape) - 0.5)).all(axis=-1))

    def flip(self, axis: int) -> Geometry:
        """The same points with the order of the voxels along ``axis`` (0 = k, 1 = j, 2 = i) turned round."""
        affine = self.affine.copy()
        affine[:3, 3] += affine[:3, axis] * (self.shape[axis] - 1)
        affine[:3, axis] *= -1
        return self._with(affine, self.shape)

    def permute(self, order: Sequence[int]) -> Geometry:
        """The same points with the axes in another order, as ``numpy.transpose(array, order)``."""
        if sorted(order) != [0, 1, 2]:
            raise GeometryError(f"expected an order of the axes 0, 1, 2, found {tuple(order)}")
        affine = self.affine.copy()
        affine[:3, :3] = affine[:3, list(order)]
        depth, height, width = (self.shape[axis] for axis in order)
        return self._with(affine, (depth, height, width))

    def crop(self, start: Sequence[int], stop: Sequence[int]) -> Geometry:
        """The part of the grid from ``start`` to before ``stop`` (k, j, i); may reach beyond the grid (padding)."""
        shape = tuple(int(b) - int(a) for a, b in zip(start, stop, strict=True))
        affine = self.affine.copy()
        affine[:3, 3] = self.to_world(np.asarray(start, float))
        return self._with(affine, shape)

    def with_spacing(self, spacing_mm: Sequence[float] | float) -> Geometry:
        """A grid over the same box (outer voxel faces kept on the low side) with another voxel size (k, j, i)."""
        new = np.broadcast_to(np.asarray(spacing_mm, float), (3,))
        old = self.spacing_mm
        shape = np.maximum(1, np.ceil(np.array(self.shape) * old / new - 1e-6).astype(int))
        affine = self.affine.copy()
        affine[:3, :3] = self.direction * new
        affine[:3, 3] = self.to_world(-0.5 + 0.5 * new / old)
        return self._with(affine, tuple(int(n) for n in shape))

    def with_shape(self, shape: Sequence[int]) -> Geometry:
        """A grid over exactly the same box (all outer voxel faces kept) with another number of voxels (k, j, i)."""
        factor = np.array(self.shape) / np.array(shape)
        affine = self.affine.copy()
        affine[:3, :3] *= factor
        affine[:3, 3] = self.to_world((factor - 1) / 2.0)
        return self._with(affine, tuple(int(n) for n in shape))

    def axes_to(self, orientation: str) -> tuple[tuple[int, int, int], tuple[int, ...]]:
        """How to store the grid so that its axes run nearest to ``orientation``, e.g. ``HPL``.

        Returns:
            The order for ``permute``, and the axes to ``flip`` after it.

        Raises:
            GeometryError: two axes lie nearest to the same anatomical direction, or the letters name one twice.
        """
        here = self.orientation
        places = {letter: n for n, pair in enumerate(_LETTERS) for letter in pair}
        if sorted(places.get(letter, -1) for letter in orientation) != [0, 1, 2]:
            raise GeometryError(f"expected three anatomical letters, one for each direction, found '{orientation}'")
        if sorted(places[letter] for letter in here) != [0, 1, 2]:
            raise GeometryError(f"two axes of the grid lie nearest to the same anatomical direction ({here})")
        axes = [places[letter] for letter in here]
        a, b, c = (axes.index(places[letter]) for letter in orientation)
        flips = tuple(n for n, axis in enumerate((a, b, c)) if here[axis] != orientation[n])
        return (a, b, c), flips

    def close_to(self, other: Geometry, *, tolerance_mm: float = 1e-3) -> bool:
        """Same shape, same frame of reference, and every corner within ``tolerance_mm``."""
        return (
            self.shape == other.shape
            and self.frame_of_reference_uid == other.frame_of_reference_uid
            and bool(np.abs(self.corners_mm - other.corners_mm).max() <= tolerance_mm)
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "affine": self.affine.tolist(),
            "shape": list(self.shape),
            "frame_of_reference_uid": self.frame_of_reference_uid,
        }

    def _with(self, affine: FloatArray, shape: tuple[int, ...]) -> Geometry:
        depth, height, width = shape
        return Geometry(affine=affine, shape=(depth, height, width), frame_of_reference_uid=self.frame_of_reference_uid)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Geometry):
            return NotImplemented
        return (
            self.shape == other.shape
            and self.frame_of_reference_uid == other.frame_of_reference_uid
            and np.array_equal(self.affine, other.affine)
        )

    def __hash__(self) -> int:
        return hash((self.affine.tobytes(), self.shape, self.frame_of_reference_uid))

    def __repr__(self) -> str:
        spacing = " x ".join(f"{s:.3f}" for s in self.spacing_mm)
        shape = " x ".join(map(str, self.shape))
        return f"Geometry({shape} voxels (k, j, i) of {spacing} mm, {self.orientation})"
