"""Each convention against its own library, on grids of every orientation."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from tomoscribe.core import Geometry
from tomoscribe.core.errors import GeometryError
from tomoscribe.encoders.conversions import (
    array_from_sitk,
    geometry_from_napari_affine,
    geometry_from_nibabel,
    geometry_from_sitk,
    kji_from_ijk,
    napari_affine,
    napari_point,
    nibabel_affine,
    point_from_napari,
    sitk_from_array,
    to_sitk,
)

ORIENTATIONS = ("axial", "coronal", "sagittal", "oblique", "flipped", "left-handed")


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_sitk_puts_each_voxel_at_the_same_place(make_volume, orientation):
    volume = make_volume(orientation)
    image = to_sitk(volume)
    for k, j, i in ((0, 0, 0), (5, 4, 6), (2, 3, 1)):
        world = image.TransformIndexToPhysicalPoint((i, j, k))
        np.testing.assert_allclose(world, volume.geometry.to_world((k, j, i)), atol=1e-9)
        assert image.GetPixel((i, j, k)) == 100 * k + 10 * j + i - 1000
    back = geometry_from_sitk(image, frame_of_reference_uid=volume.geometry.frame_of_reference_uid)
    assert back.close_to(volume.geometry, tolerance_mm=1e-9)
    np.testing.assert_array_equal(array_from_sitk(image), volume.array)


def test_sitk_image_of_known_numbers():
    image = sitk.Image([2, 3, 4], sitk.sitkInt16)
    image.SetSpacing((0.5, 1.0, 2.0))
    image.SetOrigin((10.0, 20.0, 30.0))
    geometry = geometry_from_sitk(image)
    assert geometry.shape == (4, 3, 2)
    np.testing.assert_allclose(geometry.to_world((1, 1, 1)), (10.5, 21.0, 32.0))


def test_sheared_grid_cannot_go_to_sitk(make_volume):
    affine = make_volume().geometry.affine.copy()
    affine[1, 0] = 0.8
    with pytest.raises(GeometryError, match=r"not perpendicular.*resample"):
        sitk_from_array(np.zeros((6, 5, 7), np.int16), Geometry(affine=affine, shape=(6, 5, 7)))
    with pytest.raises(GeometryError, match=r"expected an array of shape \(6, 5, 7\)"):
        sitk_from_array(np.zeros((7, 5, 6), np.int16), make_volume().geometry)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_napari_world_is_z_y_x_of_lps(make_volume, orientation):
    geometry = make_volume(orientation).geometry
    x, y, z = geometry.to_world((2, 3, 1))
    np.testing.assert_allclose(napari_affine(geometry) @ (2, 3, 1, 1), (z, y, x, 1), atol=1e-9)
    back = geometry_from_napari_affine(
        napari_affine(geometry), geometry.shape, frame_of_reference_uid=geometry.frame_of_reference_uid
    )
    assert back == geometry


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_nibabel_puts_each_voxel_at_the_same_place(make_volume, orientation):
    volume = make_volume(orientation)
    affine, array = nibabel_affine(volume.geometry), kji_from_ijk(volume.array)
    x, y, z = volume.geometry.to_world((2, 3, 1))
    np.testing.assert_allclose(affine @ (1, 3, 2, 1), (-x, -y, z, 1), atol=1e-9)
    assert array[1, 3, 2] == volume.array[2, 3, 1]
    back = geometry_from_nibabel(affine, array.shape, frame_of_reference_uid=volume.geometry.frame_of_reference_uid)
    assert back.close_to(volume.geometry, tolerance_mm=1e-9)


def test_axial_grid_in_ras_by_hand(make_volume):
    # our axial grid runs to the left, to the back and to the head: in RAS mm x and y fall, z rises
    expected = [[-0.625, 0, 0, 12.345678], [0, -0.75, 0, -23.456789], [0, 0, 2.5, -301.5], [0, 0, 0, 1]]
    np.testing.assert_allclose(nibabel_affine(make_volume("axial").geometry), expected)


@given(st.lists(st.floats(-1e4, 1e4), min_size=3, max_size=3))
def test_points_survive_napari(xyz):
    assert point_from_napari(napari_point(xyz)).tolist() == xyz
    assert napari_point(xyz).tolist() == xyz[::-1]
