"""Smooth closed surfaces of masks, in LPS millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tomoscribe.core import LabelMap
from tomoscribe.core.errors import InvalidValueError
from tomoscribe.findings.chest import grid

MAX_VOXELS = 1_500_000
_SIGMA_VOXELS = 0.7


@dataclass(frozen=True, kw_only=True, eq=False)
class Mesh:
    """A triangle mesh whose faces turn outward (right-hand rule).

    Args:
        vertices_mm: (N, 3) float32, LPS mm.
        faces: (M, 3) int32, indices of vertices.
    """

    vertices_mm: NDArray[np.float32]
    faces: NDArray[np.int32]

    @property
    def volume_mm3(self) -> float:
        """Enclosed volume; positive when the faces turn outward."""
        return _signed_volume(self.vertices_mm.astype(np.float64), self.faces)


def surface(label_map: LabelMap, name: str) -> Mesh:
    """Marching cubes over a lightly smoothed segment; the enclosed volume is that of its voxels (within 2 %).

    Large segments are meshed on blocks of voxels, so that a lung stays below a few hundred thousand faces.

    Raises:
        InvalidValueError: the segment is unknown or empty.
    """
    mask = label_map.array == label_map.segment(name).number
    if not mask.any():
        raise InvalidValueError(f"the segment '{name}' of label map '{label_map.name}' is empty")
    box = grid.bounding_box(mask, (0, 0, 0))
    part = label_map.geometry.crop([s.start for s in box], [s.stop for s in box])
    factors = _factors(part.shape, part.spacing_mm)
    # Whole blocks on every side: what is left over would be cut off.
    pad = [(2 * f, 2 * f + -n % f) for n, f in zip(part.shape, factors, strict=True)]
    padded = part.crop([-a for a, _ in pad], [n + b for n, (_, b) in zip(part.shape, pad, strict=True)])
    blocks = grid.block_geometry(padded, factors)
    share = ndimage.gaussian_filter(grid.block_mean(np.pad(mask[box], pad), factors), _SIGMA_VOXELS)
    target_mm3 = float(mask.sum()) * label_map.geometry.voxel_volume_mm3
    return _mesh_of_volume(share, blocks.affine, target_mm3)


def _factors(shape: tuple[int, int, int], spacing_mm: NDArray[np.float64]) -> tuple[int, int, int]:
    """Voxels per block along each axis, so that no more than ``MAX_VOXELS`` blocks of about equal sides are left."""
    side = 0.0
    factors = np.ones(3, int)
    while np.prod(np.ceil(np.array(shape) / factors)) > MAX_VOXELS:
        side += 0.5
        factors = np.maximum(1, np.floor(side / spacing_mm).astype(int))
    return int(factors[0]), int(factors[1]), int(factors[2])


def _mesh_of_volume(share: NDArray[np.float32], affine: NDArray[np.float64], target_mm3: float) -> Mesh:
    """The iso-surface of the level at which the mesh encloses ``target_mm3`` (bisection, seven steps)."""
    low, high, level = 0.02, 0.98, 0.5
    for _ in range(7):
        mesh = _mesh(share, affine, level)
        if mesh is not None and abs(mesh.volume_mm3 / target_mm3 - 1.0) < 0.002:
            return mesh
        if mesh is not None and mesh.volume_mm3 > target_mm3:
            low = level
        else:
            high = level
        level = (low + high) / 2.0
    mesh = _mesh(share, affine, level)
    if mesh is None:
        raise InvalidValueError("a segment too small for a surface was found", remedy="show it as a mask instead")
    return mesh


def _mesh(share: NDArray[np.float32], affine: NDArray[np.float64], level: float) -> Mesh | None:
    from skimage.measure import marching_cubes

    if not share.min() < level < share.max():
        return None
    vertices, faces, _, _ = marching_cubes(share, level)
    world = vertices @ affine[:3, :3].T + affine[:3, 3]
    if _signed_volume(world, faces) < 0:
        faces = faces[:, [0, 2, 1]]
    return Mesh(vertices_mm=world.astype(np.float32), faces=faces.astype(np.int32))


def _signed_volume(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> float:
    """Sum of the signed tetrahedra from the vertices' mean to each face."""
    a, b, c = (vertices[faces[:, n]] - vertices.mean(axis=0) for n in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0)
