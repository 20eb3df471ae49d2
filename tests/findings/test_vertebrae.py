"""Trabecular attenuation on a drawn spine: bodies with a shell, endplates, discs and a canal, of known attenuation."""

from __future__ import annotations

import numpy as np
import pytest

from tomoscribe.core import Acquisition, Geometry, SeriesRef, Volume
from tomoscribe.findings.chest import vertebrae
from tomoscribe.findings.chest.lungs import LEFT, RIGHT, Lungs
from tomoscribe.findings.chest.vertebrae import Vertebrae, measure_vertebrae

SPACING = (1.5, 0.8, 0.8)
PERIOD_MM, DISC_MM, ENDPLATE_MM, PEDICLES_MM = 24.0, 5.0, 2.0, 12.0
BODY_RADII = np.array([16.0, 13.0])


def geometry(depth: int = 110) -> Geometry:
    return Geometry.from_parts(
        spacing_mm=SPACING, origin_mm=(-80.0, -60.0, 0.0), shape=(depth, 160, 200), frame_of_reference_uid="1.9"
    )


def spine(trabecular_hu, *, depth=110, tilt=0.1, shells=True) -> np.ndarray:
    """A spine at y = 30 mm, slightly tilted, in soft tissue; ``shells`` False leaves the bone out (another organ)."""
    grid = geometry(depth)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(grid.to_world(index), -1, 0)
    y = y - 20.0 + tilt * z
    phase = np.mod(z, PERIOD_MM)
    body = np.hypot(x / BODY_RADII[0], y / BODY_RADII[1])
    canal = np.hypot(x, y - 24.0)
    is_disc = phase < DISC_MM
    is_plate = (phase < DISC_MM + ENDPLATE_MM) | (phase > PERIOD_MM - ENDPLATE_MM)
    middle = DISC_MM + (PERIOD_MM - DISC_MM) / 2.0
    hu = np.full(grid.shape, 40.0)
    if shells:
        hu[body < 1.0] = trabecular_hu
        hu[(body < 1.0) & (body > 0.88)] = 500.0
        hu[(body < 1.0) & is_plate] = 350.0
        hu[(body < 1.0) & is_disc] = 90.0
        arch = (canal < 12.0) & (canal > 8.5) & (np.abs(phase - middle) < PEDICLES_MM / 2.0)
        hu[arch] = 500.0
        hu[canal <= 8.5] = 30.0
    return hu + np.random.default_rng(3).normal(0.0, 20.0, grid.shape)


def scan(hu: np.ndarray, **acquisition) -> tuple[Volume, Lungs]:
    """The drawing as a CT, with two blocks of lung beside the spine."""
    grid = geometry(hu.shape[0])
    labels = np.zeros(grid.shape, np.uint8)
    labels[:, 20:110, 8:60] = RIGHT
    labels[:, 20:110, 140:192] = LEFT
    hu = np.where(labels > 0, -860.0, hu)
    series = SeriesRef(
        study_uid="1.2", series_uid="1.2.3", series_number=7, description=None, instance_uids=(), instance_numbers=()
    )
    volume = Volume(
        array=np.rint(hu).astype(np.int16),
        geometry=grid,
        modality="CT",
        value_unit="hu",
        series=series,
        acquisition=Acquisition(**({"kvp": 120.0, "contrast": False} | acquisition)),
    )
    return volume, Lungs(labels=labels, geometry=grid, search=labels, search_geometry=grid)


@pytest.mark.parametrize("trabecular_hu", [70.0, 120.0, 180.0, 240.0])
def test_the_drawn_attenuation_is_measured(trabecular_hu):
    found = measure_vertebrae(*scan(spine(trabecular_hu)))
    assert isinstance(found, Vertebrae)
    assert found.median_hu == pytest.approx(trabecular_hu, abs=8.0)
    assert len(found.levels_hu) == pytest.approx(110 * 1.5 / PERIOD_MM, abs=1.0)
    for x, y, z in found.centers_mm:
        assert abs(x) < 3.0
        assert abs(y - 20.0 + 0.1 * z) < 9.0


@pytest.mark.parametrize("fracture_hu", [20.0, 300.0])
def test_one_odd_vertebra_does_not_count(fracture_hu):
    hu = spine(120.0)
    odd = spine(fracture_hu)
    hu[48:64] = odd[48:64]
    found = measure_vertebrae(*scan(hu))
    assert isinstance(found, Vertebrae)
    assert found.median_hu == pytest.approx(120.0, abs=10.0)


def test_metal_half_a_spine_and_another_organ_are_no_number():
    with_rods = spine(120.0)
    with_rods[:, 100:108, 85:90] = 3000.0
    assert measure_vertebrae(*scan(with_rods)) == vertebrae.TOO_FEW
    assert measure_vertebrae(*scan(spine(120.0, depth=30))) == vertebrae.TOO_FEW
    assert measure_vertebrae(*scan(spine(120.0, shells=False))) == vertebrae.TOO_FEW


def test_one_lung_alone_leads_to_no_spine():
    volume, lungs = scan(spine(120.0))
    one = np.where(lungs.labels == LEFT, 0, lungs.labels).astype(np.uint8)
    alone = Lungs(labels=one, geometry=lungs.geometry, search=one, search_geometry=lungs.geometry)
    assert measure_vertebrae(volume, alone) == vertebrae.NO_SPINE


def test_implausible_bone_is_no_number():
    assert measure_vertebrae(*scan(spine(420.0))) in (vertebrae.IMPLAUSIBLE, vertebrae.TOO_FEW)


def test_other_tube_voltages_are_refused_and_unknown_ones_told():
    assert vertebrae.objections(Acquisition(kvp=100.0)) == (vertebrae.OTHER_VOLTAGE,)
    assert vertebrae.objections(Acquisition(kvp=120.0)) == ()
    assert vertebrae.doubts(Acquisition()) == ("intravenous contrast", "tube voltage")
    assert vertebrae.doubts(Acquisition(kvp=120.0, contrast=True)) == ()
