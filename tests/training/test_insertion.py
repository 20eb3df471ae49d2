"""Inserted nodules have the volume, the density and the place they were given."""

from __future__ import annotations

import numpy as np
import pytest

from tomoscribe.core import Acquisition, Geometry, SeriesRef, Volume
from tomoscribe.phantoms.chest.lesions import Nodule
from tomoscribe.training.insertion import block_around, insert, occupancy, patch


def lung(spacing_mm: tuple[float, float, float], value: float = -850.0) -> Volume:
    shape = tuple(round(80 / s) for s in spacing_mm)
    geometry = Geometry.from_parts(spacing_mm=spacing_mm, origin_mm=(-40, -40, -40), shape=shape)
    ref = SeriesRef(
        study_uid="1", series_uid="1", series_number=1, description=None, instance_uids=(), instance_numbers=()
    )
    return Volume(
        array=np.full(geometry.shape, value, np.float32),
        geometry=geometry,
        modality="CT",
        value_unit="hu",
        series=ref,
        acquisition=Acquisition(),
    )


def ball(radius_mm: float, center: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Nodule:
    return Nodule(
        center=center,
        radii_mm=(radius_mm,) * 3,
        rotation=np.eye(3),
        lobes=np.zeros((2, 3)),
        depth=0.0,
        attenuation="solid",
        hu=50.0,
        core_hu=50.0,
        core=0.0,
        sign=1,
        kind="free",
    )


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (2.5, 0.7, 0.7), (5.0, 0.8, 0.8)])
def test_occupancy_is_the_volume_of_the_ball_on_any_grid(spacing_mm: tuple[float, float, float]) -> None:
    geometry = lung(spacing_mm).geometry
    volume_mm3 = occupancy(ball(6.0), geometry, core=False).sum() * geometry.voxel_volume_mm3
    assert volume_mm3 == pytest.approx(4 / 3 * np.pi * 6**3, rel=0.03)


def test_the_middle_of_an_inserted_nodule_has_its_density_and_denser_tissue_stays() -> None:
    rng = np.random.default_rng(0)
    air = insert(lung((1, 1, 1)), ball(8.0), rng).array
    assert air[36:44, 36:44, 36:44].mean() == pytest.approx(50, abs=25)
    assert air[:10].mean() == pytest.approx(-850, abs=1)
    bone = insert(lung((1, 1, 1), value=500.0), ball(8.0), rng).array
    assert bone[36:44, 36:44, 36:44].mean() == pytest.approx(500, abs=25)


def test_a_patch_shows_its_center_in_the_middle_however_it_is_turned() -> None:
    volume = insert(lung((1.25, 0.8, 0.8)), ball(5.0, (6.0, -4.0, 3.0)), np.random.default_rng(1))
    for seed in (None, 1, 2, 3):
        rng = None if seed is None else np.random.default_rng(seed)
        values = patch(block_around(volume, (6.0, -4.0, 3.0)), (6.0, -4.0, 3.0), rng)
        dense = np.argwhere(values > -400)
        assert np.abs(dense.mean(axis=0) - 15.5).max() < 0.35
