"""Voxels, masks, surfaces and calipers stand at the same place in napari's world as in the patient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tomoscribe.core import Geometry, Volume
from tomoscribe.encoders.resample import resample
from tomoscribe.findings.surfaces import surface
from tomoscribe.plugin.layers import (
    KEY,
    calipers_layer,
    display_affine,
    display_geometry,
    display_grid,
    image_layer,
    labels_layer,
    marker_layer,
    segment_colors,
    series_name,
    surface_layer,
)


def layer_of(data: Any) -> Any:
    from napari.layers import Layer

    return Layer.create(*data)


def zyx(xyz: tuple[float, float, float]) -> tuple[float, float, float]:
    return xyz[2], xyz[1], xyz[0]


def value_at(layer: Any, xyz_mm: tuple[float, float, float]) -> float:
    index = np.round(layer.world_to_data(zyx(xyz_mm))).astype(int)
    return float(layer.data[tuple(index)])


def tilted(geometry: Geometry, degrees: float) -> Geometry:
    """The grid turned about its center, around the patient's left-right axis."""
    angle = np.radians(degrees)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = geometry.affine.copy()
    affine[:3, :3] = turn @ affine[:3, :3]
    affine[:3, 3] = geometry.center_mm + turn @ (geometry.origin_mm - geometry.center_mm)
    return Geometry(affine=affine, shape=geometry.shape, frame_of_reference_uid=geometry.frame_of_reference_uid)


def reoriented(volume: Volume, how: str) -> Volume:
    return {
        "as it is": lambda: volume,
        "feet first": lambda: volume.flip(0),
        "coronal": lambda: volume.permute((1, 0, 2)).flip(1),
        "sagittal": lambda: volume.permute((2, 0, 1)).flip(0).flip(1),
    }[how]()


@pytest.mark.parametrize("how", ["as it is", "feet first", "coronal", "sagittal"])
def test_every_stored_orientation_is_shown_at_the_same_place(case: Any, kit: Any, how: str) -> None:
    layer = layer_of(image_layer(reoriented(case.volume, how), case.study))
    assert value_at(layer, kit.nodule_mm) == 60
    x, y, z = kit.nodule_mm
    assert value_at(layer, (-x, y, z)) == -850
    assert value_at(layer, (0.0, 0.0, z)) == 40
    assert [str(u) for u in layer.units] == ["millimeter"] * 3
    np.testing.assert_allclose(layer.extent.world[0], zyx((-57.0, -45.0, -100.0)))
    np.testing.assert_allclose(layer.extent.step, (2.0, 1.5, 1.8))


def test_a_tilted_volume_is_resampled_upright(case: Any, kit: Any) -> None:
    oblique = resample(case.volume, tilted(case.volume.geometry, 17.0))
    shown = display_grid(oblique)
    np.testing.assert_allclose(shown.geometry.direction, [[0, 0, 1], [0, 1, 0], [1, 0, 0]], atol=1e-9)
    assert shown.geometry.contains(oblique.geometry.corners_mm * 0.999 + oblique.geometry.center_mm * 0.001).all()
    layer = layer_of(image_layer(oblique, case.study))
    assert value_at(layer, kit.nodule_mm) == pytest.approx(60, abs=2)
    assert shown.geometry == display_geometry(oblique.geometry)


def test_a_tilt_too_small_to_see_is_not_resampled(case: Any) -> None:
    nearly = Geometry(affine=tilted(case.volume.geometry, 0.2).affine, shape=case.volume.geometry.shape)
    assert display_geometry(nearly) == nearly
    off_axis = display_affine(nearly)[:3, :3] - np.diag(np.diag(display_affine(nearly))[:3])
    assert not off_axis.any()


def test_the_image_layer_says_whose_it_is(case: Any) -> None:
    data, meta, kind = image_layer(case.volume, case.study)
    assert kind == "image"
    assert meta["name"] == series_name(case.volume) == "CT 4 thin"
    assert meta["metadata"][KEY]["series_uid"] == case.volume.series.series_uid
    assert meta["metadata"][KEY]["study"] is case.study
    assert meta["contrast_limits"] == (-1350, 150)
    assert np.shares_memory(data, case.volume.array)


def test_masks_lie_on_the_image(case: Any, kit: Any) -> None:
    findings, anatomy = case.reading.label_maps
    layer = layer_of(labels_layer(findings, case.study))
    assert value_at(layer, kit.nodule_mm) == 1
    x, y, z = kit.nodule_mm
    assert value_at(layer, (x + 9.0, y, z)) == 0
    lungs = layer_of(labels_layer(anatomy, case.study))
    assert value_at(lungs, (26.0, 0.0, -60.0)) == anatomy.segment("lung_left").number
    assert value_at(lungs, (-26.0, 0.0, -60.0)) == anatomy.segment("lung_right").number
    assert lungs.features["segment"].tolist() == ["background", "lung_right", "lung_left"]


def test_colors_are_fixed_and_apart(case: Any) -> None:
    findings, anatomy = case.reading.label_maps
    assert segment_colors(anatomy) == {"lung_right": "#4c9be8", "lung_left": "#58c9b9"}
    layer = layer_of(labels_layer(findings, case.study))
    np.testing.assert_allclose(layer.colormap.map(1), [1.0, 159 / 255, 28 / 255, 1.0], atol=1e-3)
    assert layer.colormap.map(0)[3] == 0


def test_a_surface_stands_where_the_mask_is(case: Any, kit: Any) -> None:
    findings = case.reading.label_maps[0]
    layer = layer_of(surface_layer({"nodule_1": surface(findings, "nodule_1")}, findings, "findings", case.study))
    vertices, faces = layer.data[0], layer.data[1]
    world = np.array([layer.data_to_world(v) for v in vertices])
    np.testing.assert_allclose(world.mean(axis=0), zyx(kit.nodule_mm), atol=0.5)
    half_sides = (world.max(axis=0) - world.min(axis=0)) / 2
    np.testing.assert_allclose(half_sides, 7.0, atol=1.0)
    assert faces.max() < len(vertices)
    assert not layer.visible


def test_the_side_of_a_surface_that_faces_the_light_is_the_brighter_one(case: Any) -> None:
    findings = case.reading.label_maps[0]
    mesh = surface(findings, "nodule_1")
    _, meta, _ = surface_layer({"nodule_1": mesh}, findings, "findings", case.study)
    red = meta["vertex_colors"][:, 0]
    front, back = (mesh.vertices_mm[:, 1].argmin(), mesh.vertices_mm[:, 1].argmax())
    assert red[front] > 2 * red[back] > 0


def test_surfaces_of_one_layer_keep_their_places_and_colors(case: Any) -> None:
    anatomy = case.reading.label_maps[1]
    meshes = {name: surface(anatomy, name) for name in ("lung_right", "lung_left")}
    layer = layer_of(surface_layer(meshes, anatomy, "lungs", case.study))
    split = len(meshes["lung_right"].vertices_mm)
    world = np.array([layer.data_to_world(v) for v in layer.data[0]])
    assert world[:split, 2].max() < 0 < world[split:, 2].min()
    assert layer.data[1].max() == len(world) - 1
    blue, green = layer.vertex_colors[:split], layer.vertex_colors[split:]
    assert (blue[:, 2] > blue[:, 1]).all()
    assert (green[:, 1] > green[:, 2]).all()


def test_calipers_lie_on_their_slice(case: Any, kit: Any) -> None:
    data = calipers_layer(case.reading.report.findings, case.volume, case.study)
    assert data is not None
    layer = layer_of(data)
    assert layer.nshapes == 2
    x, y, z = kit.nodule_mm
    ends = [layer.data_to_world(p) for p in layer.data[0]]
    np.testing.assert_allclose(ends, [(z, y, x - 7.1), (z, y, x + 7.1)], atol=1e-4)
    assert layer.data[0][0, 0] == layer.data[0][1, 0] == 20
    assert sorted(layer.text.string.array if hasattr(layer.text.string, "array") else layer.features["value"]) == [
        "",
        "14.2 × 13.0 mm",
    ]


def test_no_calipers_without_end_points(case: Any) -> None:
    others = [f for f in case.reading.report.findings if not any(m.endpoints_mm for m in f.measurements)]
    assert calipers_layer(others, case.volume, case.study) is None


def test_the_marker_is_the_box_in_three_planes(case: Any, kit: Any) -> None:
    region = next(f.region for f in case.reading.report.findings if f.tracking_uid == kit.uid("effusion"))
    box = (region.box_min_mm, region.box_max_mm)
    layer = layer_of(marker_layer(box, region.center_mm, case.volume.geometry, case.study))
    x, y, z = kit.region_mm
    axial = np.array([layer.data_to_world(p) for p in layer.data[0]])
    np.testing.assert_allclose(axial[:, 0], z)
    np.testing.assert_allclose([axial[:, 1].min(), axial[:, 1].max()], [y - 12, y + 12])
    np.testing.assert_allclose([axial[:, 2].min(), axial[:, 2].max()], [x - 12, x + 12])
