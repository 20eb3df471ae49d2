"""From a finding to a place in the viewer, without a display."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tomoscribe.core import terms
from tomoscribe.plugin.layers import image_layer, labels_layer
from tomoscribe.plugin.navigate import go_to, show_series, target_of
from tomoscribe.plugin.planes import Plane, show_plane


@pytest.fixture
def model(case: Any) -> Any:
    from napari.components import ViewerModel
    from napari.layers import Layer

    viewer = ViewerModel()
    viewer.add_layer(Layer.create(*image_layer(case.volume, case.study)))
    for label_map in case.reading.label_maps:
        viewer.add_layer(Layer.create(*labels_layer(label_map, case.study)))
    return viewer


def finding(case: Any, uid: str) -> Any:
    return case.reading.report.finding(uid)


@pytest.mark.parametrize("plane", Plane)
def test_the_dims_go_to_the_nodule(model: Any, case: Any, kit: Any, plane: Plane) -> None:
    show_plane(model, plane)
    target = target_of(finding(case, kit.uid("nodule")))
    go_to(model, target)
    x, y, z = kit.nodule_mm
    assert np.abs(np.array(model.dims.point) - (z, y, x)).max() < 1e-6
    shown = [(z, y, x)[axis] for axis in model.dims.displayed]
    np.testing.assert_allclose(model.scene.camera.center[1:], shown)


def test_its_mask_is_selected(model: Any, case: Any, kit: Any) -> None:
    go_to(model, target_of(finding(case, kit.uid("nodule"))))
    assert model.layers.selection.active.name == "Findings"
    go_to(model, target_of(finding(case, kit.uid("organ", "left"))))
    assert model.layers.selection.active.name == "Anatomy"
    assert model.layers["Anatomy"].selected_label == 2


def test_a_small_finding_is_enlarged_and_an_organ_is_not(case: Any, kit: Any) -> None:
    assert target_of(finding(case, kit.uid("nodule"))).field_mm == 110.0
    assert target_of(finding(case, kit.uid("organ", "left"))).field_mm is None


def test_the_slice_is_the_one_with_the_calipers(case: Any, kit: Any) -> None:
    nodule = finding(case, kit.uid("nodule"))
    x, y, z = kit.nodule_mm
    line = replace(nodule.measurements[0], endpoints_mm=((x - 7, y, z + 2), (x + 7, y + 1, z + 2)))
    assert line.name == terms.LONG_AXIS
    assert target_of(replace(nodule, measurements=(line,))).point_zyx_mm == (z + 2, y, x)


def test_a_finding_without_a_region_has_no_target(case: Any, kit: Any) -> None:
    assert target_of(finding(case, kit.uid("emphysema"))) is None


def test_only_the_series_of_the_finding_is_shown(model: Any, case: Any, kit: Any) -> None:
    from napari.layers import Layer

    other = kit.volume(case.volume.array, case.volume.geometry, name="other")
    model.add_layer(Layer.create(*image_layer(other, case.study)))
    show_series(model, kit.uid("series", "CT"))
    images = [layer for layer in model.layers if layer.metadata["tomoscribe"]["kind"] == "image"]
    assert [layer.visible for layer in images] == [True, False]
    show_series(model, "1.2.3")
    assert [layer.visible for layer in images] == [True, False]
