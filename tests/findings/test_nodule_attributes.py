"""Calcification patterns, fat, contact and axes in 3D on balls and ellipsoids whose answers are known on paper."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from tomoscribe.core import Geometry, terms
from tomoscribe.findings.chest import attributes
from tomoscribe.findings.chest.attributes import AttributeConfig
from tomoscribe.findings.chest.lungs import Lungs
from tomoscribe.findings.chest.outline import Outline

CONFIG = AttributeConfig()
CENTER = np.array([60.0, 10.0, -20.0])
SHAPE = (36, 44, 44)
SPACING = (1.0, 0.8, 0.8)
LUNG_HU = -860.0


def box() -> Geometry:
    origin = CENTER - (np.array(SHAPE[::-1]) - 1) / 2.0 * np.array(SPACING[::-1])
    return Geometry.from_parts(spacing_mm=SPACING, origin_mm=origin.tolist(), shape=SHAPE, frame_of_reference_uid="1.9")


def places(geometry: Geometry) -> np.ndarray:
    """Offsets of all voxels from the nodule's center, mm."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in geometry.shape], indexing="ij"), axis=-1)
    return geometry.to_world(index) - CENTER


P = places(box())


def ball(radius_mm: float, offset=(0.0, 0.0, 0.0)) -> np.ndarray:
    return np.linalg.norm(P - offset, axis=-1) < radius_mm


def outline_of(inside: np.ndarray) -> Outline:
    """A nodule's outline with partial volumes from a light blur."""
    share = ndimage.gaussian_filter(inside.astype(np.float32), 0.6)
    return Outline(
        mask=inside,
        occupied=share,
        level=0.5,
        solid=inside,
        geometry=box(),
        start=(10, 12, 14),
        volume_mm3=float(inside.sum()) * box().voxel_volume_mm3,
        level_hu=40.0,
        lung_hu=LUNG_HU,
        mean_hu=40.0,
    )


def scanned(*parts: tuple[np.ndarray, float]) -> np.ndarray:
    """HU: lung, then each part over the one before, blurred and with noise."""
    hu = np.full(SHAPE, LUNG_HU)
    for inside, value in parts:
        hu[inside] = value
    hu = ndimage.gaussian_filter(hu, 0.6)
    return (hu + np.random.default_rng(5).normal(0.0, 15.0, SHAPE)).astype(np.float32)


SOLID = (ball(8.0), 40.0)
CASES = {
    "soft": ((SOLID,), None),
    "central": ((SOLID, (ball(3.5), 500.0)), terms.CALCIFIED_CENTRALLY),
    "complete": (((ball(8.0), 600.0),), terms.CALCIFIED_COMPLETELY),
    "ring": ((SOLID, (ball(7.0) & ~ball(5.0), 600.0)), terms.CALCIFIED_RING),
    "eccentric": ((SOLID, (ball(2.5, (4.5, 0.0, 0.0)), 600.0)), terms.CALCIFIED_ECCENTRICALLY),
    "two grains": (
        (SOLID, (ball(2.0, (4.5, 0.0, 0.0)), 600.0), (ball(2.0, (-4.5, 0.0, 0.0)), 600.0)),
        terms.CALCIFIED_OTHERWISE,
    ),
    "fat": ((SOLID, (ball(4.5), -90.0)), None),
}


@pytest.mark.parametrize("case", CASES)
def test_calcification_patterns(case):
    parts, expected = CASES[case]
    found = attributes.calcification(scanned(*parts), outline_of(ball(8.0)), enhanced=False, config=CONFIG)
    assert found == expected


@pytest.mark.parametrize("case", CASES)
def test_fat_is_found_where_it_is(case):
    assert attributes.contains_fat(scanned(*CASES[case][0]), outline_of(ball(8.0)), CONFIG) == (case == "fat")


def test_enhancement_is_no_calcium():
    """What contrast agent brings to 280 HU is not called calcified."""
    hu, cut = scanned((ball(8.0), 280.0)), outline_of(ball(8.0))
    assert attributes.calcification(hu, cut, enhanced=True, config=CONFIG) is None
    assert attributes.calcification(hu, cut, enhanced=False, config=CONFIG) == terms.CALCIFIED_COMPLETELY


@pytest.mark.parametrize("radius_mm", [2.0, 3.0, 5.0])
def test_the_rim_of_a_cavity_is_no_fat(radius_mm):
    assert not attributes.contains_fat(scanned(SOLID, (ball(radius_mm), -950.0)), outline_of(ball(8.0)), CONFIG)


def test_axes_in_three_dimensions_of_an_oblique_ellipsoid():
    """Half axes 9, 6, 5 mm, the long one 50 degrees out of the axial plane: 18 and 12 mm."""
    tilt = np.radians(50.0)
    along = np.array([np.cos(tilt), 0.0, np.sin(tilt)])
    across = np.array([0.0, 1.0, 0.0])
    inside = (P @ along / 9.0) ** 2 + (P @ across / 6.0) ** 2 + (P @ np.cross(along, across) / 5.0) ** 2 < 1.0
    axes = attributes.axes_3d(outline_of(inside))
    assert axes is not None
    assert axes.long_mm == pytest.approx(18.0, abs=0.8)
    assert axes.short_mm == pytest.approx(12.0, abs=0.8)
    chord = np.subtract(*axes.long_ends_mm)
    assert abs(chord @ along) / np.linalg.norm(chord) > np.cos(np.radians(10.0))


def lungs_around(is_lung: Callable[[np.ndarray], np.ndarray], airway: np.ndarray | None = None) -> Lungs:
    """Lungs on a grid that holds the outline's box at its start; the search region on blocks of 3 mm."""
    start = np.array([10, 12, 14])
    whole = box().crop(-start, np.array(SHAPE) + start)
    labels = np.zeros(whole.shape, np.uint8)
    if airway is not None:
        part = labels[tuple(slice(s, s + n) for s, n in zip(start, SHAPE, strict=True))]
        part[airway] = 3
    search = Geometry.from_parts(
        spacing_mm=(3.0, 3.0, 3.0), origin_mm=(CENTER - 45.0).tolist(), shape=(31, 31, 31), frame_of_reference_uid="1.9"
    )
    return Lungs(
        labels=labels,
        geometry=whole,
        search=is_lung(places(search)).astype(np.uint8),
        search_geometry=search,
    )


@pytest.mark.parametrize(("wall_mm", "expected"), [(7.0, True), (8.0, True), (14.0, False), (30.0, False)])
def test_contact_with_the_pleura(wall_mm, expected):
    """The chest wall is a plane at that distance from the center of a ball of 8 mm radius."""
    lungs = lungs_around(lambda p: p[..., 0] < wall_mm)
    assert attributes.touches_pleura(outline_of(ball(8.0)), lungs, CONFIG) is expected


@pytest.mark.parametrize(("gap_mm", "expected"), [(0.5, True), (5.0, False)])
def test_contact_with_an_airway(gap_mm, expected):
    tube = np.linalg.norm((P - (8.0 + gap_mm + 2.0, 0.0, 0.0))[..., :2], axis=-1) < 2.0
    lungs = lungs_around(lambda p: p[..., 0] < 30.0, tube)
    assert attributes.touches_airway(outline_of(ball(8.0)), lungs, CONFIG) is expected
