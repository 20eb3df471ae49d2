"""Axes in mm from shapes whose size is known on paper."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from tomoscribe.core import Acquisition, Geometry, SeriesRef, Volume
from tomoscribe.findings import measuring
from tomoscribe.findings.evidence import evidence_at

GEOMETRY = Geometry.from_parts(spacing_mm=(1.5, 0.8, 0.8), origin_mm=(-20.0, -25.0, 100.0), shape=(20, 60, 50))


def ellipsoid(geometry: Geometry, center_mm, radii_mm, angle: float = 0.0) -> np.ndarray:
    """Share of each voxel filled, by 4 x 4 x 4 samples; the ellipsoid is turned by ``angle`` about z."""
    offsets = (np.arange(4) + 0.5) / 4 - 0.5
    share = np.zeros(geometry.shape)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in geometry.shape], indexing="ij"), axis=-1)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    for k in offsets:
        for j in offsets:
            for i in offsets:
                p = geometry.to_world(index + np.array((k, j, i))) - center_mm
                p[..., :2] = p[..., :2] @ turn.T
                share += ((p / radii_mm) ** 2).sum(axis=-1) <= 1.0
    return share / 64.0


@pytest.mark.parametrize("angle", [0.0, 0.5, 1.3])
def test_axes_of_an_ellipsoid_are_twice_its_radii(angle: float) -> None:
    share = ellipsoid(GEOMETRY, (0.1, -1.3, 114.0), (9.0, 6.0, 7.0), angle)
    axes = measuring.axes(share, GEOMETRY)
    assert axes is not None
    assert axes.long_mm == pytest.approx(18.0, abs=0.4)
    assert axes.short_mm == pytest.approx(12.0, abs=0.4)
    assert axes.mean_mm == pytest.approx(15.0, abs=0.4)
    assert axes.area_mm2 == pytest.approx(np.pi * 54.0, rel=0.03)
    long = np.subtract(*axes.long_ends_mm)
    short = np.subtract(*axes.short_ends_mm)
    assert np.linalg.norm(long) == pytest.approx(axes.long_mm, abs=1e-6)
    assert abs(long @ (np.cos(angle), np.sin(angle), 0.0)) == pytest.approx(18.0, abs=0.4)
    assert abs(long @ short) / np.linalg.norm(long) / np.linalg.norm(short) < 0.05
    assert axes.long_ends_mm[0][2] == pytest.approx(114.0, abs=0.76)


def test_axes_do_not_depend_on_storage_order() -> None:
    share = ellipsoid(GEOMETRY, (0.1, -1.3, 114.0), (9.0, 6.0, 7.0), 0.5)
    first = measuring.axes(share, GEOMETRY)
    assert first is not None
    for order in permutations(range(3)):
        array, geometry = np.transpose(share, order), GEOMETRY.permute(order)
        for axis in range(3):
            turned = measuring.axes(np.flip(array, axis), geometry.flip(axis))
            assert turned is not None
            assert turned.long_mm == pytest.approx(first.long_mm, abs=0.02)
            assert turned.short_mm == pytest.approx(first.short_mm, abs=0.1)
            ends = sorted(turned.long_ends_mm), sorted(first.long_ends_mm)
            assert np.allclose(*ends, atol=0.8)


def test_single_voxel_is_as_wide_as_the_voxel_and_nothing_is_none() -> None:
    mask = np.zeros(GEOMETRY.shape, bool)
    assert measuring.axes(mask, GEOMETRY) is None
    mask[5, 10, 10] = True
    axes = measuring.axes(mask, GEOMETRY)
    assert axes is not None
    assert axes.long_mm == pytest.approx(0.8)


def test_region_box_reaches_the_outer_faces() -> None:
    mask = np.zeros(GEOMETRY.shape, bool)
    mask[2:4, 10:20, 30] = True
    region = measuring.region(mask, GEOMETRY.flip(1), label_map="findings", segment="nodule_1")
    flipped = 59 - np.arange(10, 20)
    assert region.center_mm == pytest.approx((-20 + 30 * 0.8, -25 + flipped.mean() * 0.8, 100 + 2.5 * 1.5))
    assert region.box_min_mm[0] == pytest.approx(-20 + 29.5 * 0.8)
    assert region.box_max_mm[2] == pytest.approx(100 + 3.5 * 1.5)
    assert region.box_max_mm[1] - region.box_min_mm[1] == pytest.approx(8.0)


def test_evidence_names_the_slice_of_the_point() -> None:
    series = SeriesRef(
        study_uid="1.2",
        series_uid="1.2.3",
        series_number=4,
        description=None,
        instance_uids=tuple(f"1.2.3.{n}" for n in range(20)),
        instance_numbers=tuple(range(20, 0, -1)),
    )
    volume = Volume(
        array=np.zeros(GEOMETRY.shape, np.int16),
        geometry=GEOMETRY,
        modality="CT",
        value_unit="hu",
        series=series,
        acquisition=Acquisition(),
    )
    (slice_,) = evidence_at(volume, (0.0, 0.0, 100.0 + 7 * 1.5 + 0.6))
    assert (slice_.instance_uid, slice_.instance_number, slice_.series_number) == ("1.2.3.7", 13, 4)
    assert evidence_at(volume.permute((1, 0, 2)), (0.0, 0.0, 105.0)) == ()
