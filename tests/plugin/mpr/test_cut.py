"""Slices, slabs, windows and outlines, by numbers; no window is opened."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomoscribe.core.errors import InvalidValueError
from tomoscribe.plugin.mpr.cut import Grid, Projection, Slab, cut, gray, outlines, slab_range
from tomoscribe.plugin.mpr.frame import Frame
from tomoscribe.plugin.planes import VIEWS, Plane

GRID = Grid(origin_mm=(-100.0, -45.0, -57.0), step_mm=(2.0, 1.5, 1.0), shape=(6, 8, 10))
DATA = np.arange(480, dtype=np.int16).reshape(6, 8, 10)


@pytest.mark.parametrize(
    ("plane", "position", "wanted"),
    [
        (Plane.AXIAL, -95.2, DATA[2]),
        (Plane.CORONAL, -40.6, DATA[:, 3]),
        (Plane.SAGITTAL, -52.8, DATA[:, :, 4]),
    ],
)
def test_a_cut_is_the_nearest_slice(plane: Plane, position: float, wanted: np.ndarray) -> None:
    found = cut(DATA, GRID, plane, position)
    assert found is not None
    np.testing.assert_array_equal(found.pixels, wanted)
    _, vertical, horizontal = VIEWS[plane].order
    assert found.origin_mm == (GRID.origin_mm[vertical], GRID.origin_mm[horizontal])
    assert found.step_mm == (GRID.step_mm[vertical], GRID.step_mm[horizontal])


def test_outside_of_the_volume_nothing_is_cut() -> None:
    assert cut(DATA, GRID, Plane.AXIAL, -101.1) is None
    assert cut(DATA, GRID, Plane.AXIAL, -88.9) is None
    assert cut(DATA, GRID, Plane.AXIAL, -89.1) is not None


@pytest.mark.parametrize(("projection", "wanted"), [("MIP", 160.0), ("MinIP", 0.0), ("Mean", 80.0)])
def test_a_slab_of_six_mm_is_three_slices(projection: str, wanted: float) -> None:
    found = cut(DATA, GRID, Plane.AXIAL, -98.0, Slab(projection=Projection(projection), thickness_mm=6.0))
    assert found is not None
    assert found.index == 1
    assert found.pixels[0, 0] == wanted
    assert found.pixels[7, 9] == wanted + 79


def test_slabs_end_with_the_volume() -> None:
    assert slab_range(GRID, 0, 0, 6.0) == (0, 2)
    assert slab_range(GRID, 0, 5, 6.0) == (4, 6)
    assert slab_range(GRID, 0, 3, 0.5) == (3, 4)
    with pytest.raises(InvalidValueError, match="thicker than 0 mm"):
        Slab(projection=Projection.MIP, thickness_mm=0.0)


def test_a_window_is_black_below_and_white_above() -> None:
    values = np.array([[-2000, -1350, -600, 150, 3000]], np.int16)
    np.testing.assert_array_equal(gray(values, (-1350.0, 150.0)), [[0, 0, 127, 255, 255]])


def test_the_outline_of_a_square_is_four_lines() -> None:
    labels = np.zeros((9, 9), np.uint8)
    labels[2:5, 3:7] = 4
    (number, lines), *others = outlines(labels).items()
    assert number == 4
    assert not others
    ends = {tuple(line) for line in lines.tolist()}
    assert ends == {(2.5, 1.5, 6.5, 1.5), (2.5, 4.5, 6.5, 4.5), (2.5, 1.5, 2.5, 4.5), (6.5, 1.5, 6.5, 4.5)}


def test_masks_at_the_rim_and_beside_each_other_are_closed() -> None:
    labels = np.zeros((4, 4), np.uint8)
    labels[:, :2], labels[:, 2:] = 1, 2
    lengths = {number: float(np.abs(lines[:, 2:] - lines[:, :2]).sum()) for number, lines in outlines(labels).items()}
    assert lengths == {1: 2 + 2 + 4, 2: 2 + 2 + 4 + 4}
    assert outlines(np.zeros((4, 4), np.uint8)) == {}


@given(
    plane=st.sampled_from(list(Plane)),
    x=st.floats(-50, 900),
    y=st.floats(-50, 900),
    dx=st.floats(-300, 300),
    factor=st.floats(0.2, 5.0),
)
def test_screen_and_patient_agree(plane: Plane, x: float, y: float, dx: float, factor: float) -> None:
    frame = Frame.around(GRID, plane, (640, 480)).panned(dx, -dx).zoomed(factor, 100.0, 200.0)
    assert frame.to_screen(*frame.to_mm(x, y)) == pytest.approx((x, y), abs=1e-6)
    # What lies under the mouse stays there when it is magnified about.
    np.testing.assert_allclose(frame.zoomed(2.0, x, y).to_mm(x, y), frame.to_mm(x, y), atol=1e-6)


def test_radiological_directions_on_the_screen() -> None:
    for plane, (vertical_step, horizontal_step) in {
        Plane.AXIAL: (1, 1), Plane.CORONAL: (-1, 1), Plane.SAGITTAL: (-1, 1),
    }.items():  # fmt: skip
        frame = Frame.around(GRID, plane, (500, 500))
        x, y = frame.to_screen(*frame.center_mm)
        right, down = frame.to_screen(frame.center_mm[0] + 1.0, frame.center_mm[1] + 1.0)
        assert (np.sign(down - y), np.sign(right - x)) == (vertical_step, horizontal_step)
