"""Radiological orientation: what is on which side of the screen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tomoscribe.plugin.layers import image_layer
from tomoscribe.plugin.planes import Edges, Plane, edges_of, keep_radiological, plane_of, show_3d, show_plane

EXPECTED = {
    Plane.AXIAL: Edges(top="A", bottom="P", left="R", right="L"),
    Plane.CORONAL: Edges(top="H", bottom="F", left="R", right="L"),
    Plane.SAGITTAL: Edges(top="H", bottom="F", left="A", right="P"),
}


@pytest.fixture
def model(case: Any) -> Any:
    from napari.components import ViewerModel
    from napari.layers import Layer

    viewer = ViewerModel()
    viewer.add_layer(Layer.create(*image_layer(case.volume, case.study)))
    return viewer


@pytest.mark.parametrize("plane", Plane)
def test_the_letters_of_each_plane(model: Any, plane: Plane) -> None:
    show_plane(model, plane)
    assert edges_of(model.dims.order, model.scene.camera.orientation2d) == EXPECTED[plane]
    assert plane_of(model.dims.order) is plane


def test_a_camera_that_is_turned_round_changes_the_letters() -> None:
    assert edges_of((0, 1, 2), ("down", "left")) == Edges(top="A", bottom="P", left="L", right="R")
    assert edges_of((0, 1, 2), ("up", "right")) == Edges(top="P", bottom="A", left="R", right="L")


@pytest.mark.parametrize("order", [(2, 0, 1), (2, 1, 0), (1, 2, 0), (1, 0, 2), (0, 2, 1), (0, 1, 2)])
def test_naparis_own_buttons_cannot_mirror_the_patient(model: Any, order: tuple[int, int, int]) -> None:
    model.dims.order = order
    keep_radiological(model)
    assert edges_of(model.dims.order, model.scene.camera.orientation2d) == EXPECTED[plane_of(order)]


def test_in_3d_the_viewer_stands_before_the_patient(model: Any) -> None:
    show_3d(model)
    camera = model.scene.camera
    np.testing.assert_allclose(camera.view_direction, (0, 1, 0), atol=1e-9)
    np.testing.assert_allclose(camera.up_direction, (1, 0, 0), atol=1e-9)
