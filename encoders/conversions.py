"""Conventions of the others, in one place; each name says both sides.

Ours: arrays (k, j, i), affine (k, j, i, 1) -> (x, y, z, 1), LPS mm.
SimpleITK: LPS mm as well, but index (i, j, k); its arrays are (k, j, i) like ours, its direction's columns are i, j, k.
nibabel, NIfTI, MONAI: RAS mm, array (i, j, k).
napari: world (z, y, x), each in LPS mm, so that axis 0 of an axial series goes to the head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tomoscribe.core import Geometry, LabelMap, Volume
from tomoscribe.core.errors import GeometryError

if TYPE_CHECKING:
    import SimpleITK as sitk

FloatArray = NDArray[np.float64]
_REVERSED = (2, 1, 0)
_LPS_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def _reversing() -> FloatArray:
    """4 x 4 that turns the order of the three coordinates round; its own inverse."""
    matrix = np.zeros((4, 4))
    matrix[[0, 1, 2, 3], [2, 1, 0, 3]] = 1.0
    return matrix


def to_sitk(on_grid: Volume | LabelMap) -> sitk.Image:
    """Volume or label map to a SimpleITK image with the same voxels at the same places.

    Raises:
        GeometryError: the axes are not perpendicular; SimpleITK cannot hold a sheared grid.
    """
    return sitk_from_array(on_grid.array, on_grid.geometry)


def sitk_from_array(array: NDArray[Any], geometry: Geometry) -> sitk.Image:
    """Array (k, j, i) on a grid to a SimpleITK image."""
    import SimpleITK as sitk

    if array.shape != geometry.shape:
        raise GeometryError(f"expected an array of shape {geometry.shape}, found {array.shape}")
    if not geometry.is_orthogonal:
        raise GeometryError(
            "SimpleITK cannot hold a grid whose axes are not perpendicular",
            remedy="resample it to a grid with perpendicular axes first",
        )
    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    image.SetSpacing([float(v) for v in geometry.spacing_mm[list(_REVERSED)]])
    image.SetOrigin([float(v) for v in geometry.origin_mm])
    image.SetDirection([float(v) for v in geometry.direction[:, list(_REVERSED)].ravel()])
    return image


def array_from_sitk(image: sitk.Image) -> NDArray[Any]:
    """Voxels of a SimpleITK image as (k, j, i)."""
    import SimpleITK as sitk

    return np.asarray(sitk.GetArrayFromImage(image))


def geometry_from_sitk(image: sitk.Image, *, frame_of_reference_uid: str | None = None) -> Geometry:
    """Grid of a SimpleITK image, index (i, j, k), as a Geometry over (k, j, i)."""
    columns = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())[None, :]
    affine = np.eye(4)
    affine[:3, :3] = columns[:, list(_REVERSED)]
    affine[:3, 3] = image.GetOrigin()
    width, height, depth = image.GetSize()
    return Geometry(affine=affine, shape=(depth, height, width), frame_of_reference_uid=frame_of_reference_uid)


def napari_affine(geometry: Geometry) -> FloatArray:
    """4 x 4 from our (k, j, i, 1) to napari's world (z, y, x, 1), LPS mm."""
    return _reversing() @ geometry.affine


def geometry_from_napari_affine(
    affine_zyx: ArrayLike, shape: tuple[int, int, int], *, frame_of_reference_uid: str | None = None
) -> Geometry:
    """Our geometry from a layer's affine that maps (k, j, i, 1) to napari's world (z, y, x, 1)."""
    affine = _reversing() @ np.asarray(affine_zyx, float)
    return Geometry(affine=affine, shape=shape, frame_of_reference_uid=frame_of_reference_uid)


def napari_point(xyz_mm: ArrayLike) -> FloatArray:
    """(x, y, z) in LPS mm, shape (..., 3), to napari's world (z, y, x)."""
    return np.asarray(xyz_mm, dtype=np.float64)[..., list(_REVERSED)]


def point_from_napari(zyx_mm: ArrayLike) -> FloatArray:
    """napari's world (z, y, x), shape (..., 3), to (x, y, z) in LPS mm."""
    return np.asarray(zyx_mm, dtype=np.float64)[..., list(_REVERSED)]


def nibabel_affine(geometry: Geometry) -> FloatArray:
    """4 x 4 from nibabel's (i, j, k, 1) to RAS mm; the array to go with it is ``array.transpose(2, 1, 0)``."""
    return _LPS_RAS @ geometry.affine @ _reversing()


def geometry_from_nibabel(
    affine_ras: ArrayLike, shape_ijk: tuple[int, int, int], *, frame_of_reference_uid: str | None = None
) -> Geometry:
    """Our geometry from a NIfTI affine over (i, j, k, 1) to RAS mm and the shape (i, j, k)."""
    affine = _LPS_RAS @ np.asarray(affine_ras, float) @ _reversing()
    width, height, depth = shape_ijk
    return Geometry(affine=affine, shape=(depth, height, width), frame_of_reference_uid=frame_of_reference_uid)


def kji_from_ijk(array_ijk: NDArray[Any]) -> NDArray[Any]:
    """Array of nibabel or MONAI, (i, j, k), to ours, (k, j, i); a view. Its own inverse."""
    return np.transpose(array_ijk, _REVERSED)
