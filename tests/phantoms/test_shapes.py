"""Volumes, extents and trees of implicit shapes against what geometry says."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import PCG64, Generator

from tomoscribe.core import Geometry
from tomoscribe.phantoms.canvas import Canvas, Pose
from tomoscribe.phantoms.chest.render import tube_share
from tomoscribe.phantoms.chest.tree import TreeStyle, grow
from tomoscribe.phantoms.measure import plane_extents_mm
from tomoscribe.phantoms.shapes import Tube, WaveField, ellipsoid


def _canvas(spacing_mm: float, *, degrees: tuple[float, float, float] = (0, 0, 0), half_mm: float = 16.0) -> Canvas:
    count = round(2 * half_mm / spacing_mm)
    start = -spacing_mm * (count - 1) / 2
    geometry = Geometry.from_parts(spacing_mm=(spacing_mm,) * 3, origin_mm=(start,) * 3, shape=(count,) * 3)
    return Canvas(geometry, Pose.from_degrees(degrees, (0.0, 0.0, 0.0)))


@pytest.mark.parametrize("degrees", [(0, 0, 0), (20, -35, 50)])
def test_sphere_volume_within_one_percent(degrees: tuple[float, float, float]) -> None:
    canvas = _canvas(0.5, degrees=degrees)
    share = canvas.occupancy(canvas.distance(ellipsoid((1.0, -2.0, 0.5), (10.0, 10.0, 10.0))))
    volume = float(share.sum()) * 0.5**3
    assert volume == pytest.approx(4 / 3 * np.pi * 1000, rel=0.01)


def test_ellipsoid_volume_when_supersampled_on_a_coarse_grid() -> None:
    canvas = _canvas(2.0)
    box = canvas.box((-9, -7, -5), (9, 7, 5))
    assert box is not None
    share = canvas.supersampled(ellipsoid((0, 0, 0), (8.0, 6.0, 4.0)), box, factor=4)
    assert float(share.sum()) * 8 == pytest.approx(4 / 3 * np.pi * 8 * 6 * 4, rel=0.02)


@pytest.mark.parametrize(("radius_mm", "spacing_mm"), [(0.5, 4.0), (0.9, 2.0), (1.2, 2.0), (3.0, 1.0)])
def test_tube_cross_section_is_kept_when_thinner_than_a_voxel(radius_mm: float, spacing_mm: float) -> None:
    canvas = _canvas(spacing_mm)
    tube = Tube(start=(0.3, 0.2, -40), end=(0.3, 0.2, 40), radius_start_mm=radius_mm, radius_end_mm=radius_mm)
    share = tube_share(canvas, [tube], (0.0, 0.0))
    area = float(share[share.shape[0] // 2].sum()) * spacing_mm**2
    assert area == pytest.approx(np.pi * radius_mm**2, rel=0.18 if radius_mm < spacing_mm else 0.02)


def test_pose_turns_and_returns() -> None:
    pose = Pose.from_degrees((0, 0, 90), (10.0, 20.0, 30.0))
    np.testing.assert_allclose(pose.to_world((1.0, 0.0, 0.0)), (10.0, 21.0, 30.0), atol=1e-12)
    np.testing.assert_allclose(pose.to_anatomical((10.0, 21.0, 30.0)), (1.0, 0.0, 0.0), atol=1e-12)


def test_box_holds_the_shape_on_a_turned_canvas() -> None:
    canvas = _canvas(1.0, degrees=(15, 25, -40))
    shape = ellipsoid((2.0, 1.0, -3.0), (5.0, 4.0, 3.0))
    box = canvas.box((-3, -3, -6), (7, 5, 0))
    assert box is not None
    assert (canvas.evaluate(shape, box) < 0).sum() == (canvas.evaluate(shape) < 0).sum()
    assert canvas.box((100, 100, 100), (101, 101, 101)) is None


def test_extents_of_an_ellipse() -> None:
    rows, columns = np.mgrid[-100:101, -100:101]
    angle = np.radians(30)
    u = columns * np.cos(angle) + rows * np.sin(angle)
    v = rows * np.cos(angle) - columns * np.sin(angle)
    long_mm, short_mm = plane_extents_mm((u / 80) ** 2 + (v / 40) ** 2 < 1, 0.1)
    assert long_mm == pytest.approx(16.0, abs=0.15)
    assert short_mm == pytest.approx(8.0, abs=0.15)


def test_wave_field_has_unit_variance_and_the_slope_of_differences() -> None:
    field = WaveField.draw(Generator(PCG64(3)), (8.0, 12.0), 40)
    points = Generator(PCG64(4)).uniform(-500, 500, (3, 20_000)).astype(np.float32)
    values, slope = field.with_slope(*points)
    assert values.std() == pytest.approx(1.0, abs=0.05)
    step = np.float32(0.05)
    x, y, z = points
    d = [
        (field(x + step, y, z) - field(x - step, y, z)) / 0.1,
        (field(x, y + step, z) - field(x, y - step, z)) / 0.1,
        (field(x, y, z + step) - field(x, y, z - step)) / 0.1,
    ]
    np.testing.assert_allclose(np.sqrt(sum(c * c for c in d)), slope, atol=5e-3)


def test_tree_reaches_every_end_and_narrows() -> None:
    rng = Generator(PCG64(1))
    ends = rng.uniform(20, 80, (64, 3))
    tubes = grow(rng, np.zeros(3), ends, TreeStyle(leaf_radius_mm=0.5, power=0.4, max_radius_mm=9.0))
    tips = np.array([tube.end for tube in tubes])
    assert all(np.linalg.norm(tips - end, axis=1).min() < 1e-9 for end in ends)
    assert tubes[0].radius_start_mm == pytest.approx(0.5 * 64**0.4)
    assert all(tube.radius_end_mm <= tube.radius_start_mm + 1e-12 for tube in tubes)
