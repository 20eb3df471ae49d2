"""Chest patients: sides, densities, and truth against masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.random import PCG64, Generator

from tomoscribe.core import Geometry
from tomoscribe.phantoms import chest_case
from tomoscribe.phantoms.canvas import Pose
from tomoscribe.phantoms.chest.lesions import Nodule, nodule_truth
from tomoscribe.phantoms.chest.params import TRAINING
from tomoscribe.phantoms.chest.patient import ChestPatient, draw_patient
from tomoscribe.phantoms.chest.render import render
from tomoscribe.phantoms.truth import ChestTruth

FULL = replace(TRAINING, p_nodule=1.0, p_effusion=1.0, p_consolidation=1.0, p_emphysema=1.0, margin_mm=(10.0, 30.0))


@pytest.fixture(scope="module")
def case():
    return chest_case(11, spacing_mm=4.0, ranges=FULL)


def _truth(case) -> ChestTruth:
    assert isinstance(case.truth, ChestTruth)
    return case.truth


def _center_x(case, name: str) -> float:
    return float(case.masks.geometry.to_world(np.argwhere(case.masks.mask(name)).mean(axis=0))[0])


def test_same_seed_same_voxels_other_seed_other_voxels() -> None:
    first, again, other = (chest_case(seed, spacing_mm=6.0) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.volumes["CT"].array, again.volumes["CT"].array)
    np.testing.assert_array_equal(first.masks.array, again.masks.array)
    assert first.truth == again.truth
    assert first.volumes["CT"].series.series_uid == again.volumes["CT"].series.series_uid
    assert first.volumes["CT"].series.series_uid != other.volumes["CT"].series.series_uid


def test_left_lung_lies_at_larger_x(case) -> None:
    assert _center_x(case, "lung_left") > _center_x(case, "lung_right") + 80


def test_masks_agree_with_the_truth(case) -> None:
    truth, masks = _truth(case), case.masks
    ml = masks.geometry.voxel_volume_mm3 / 1000
    inside = sum(masks.mask(n).sum() for n in ("lung_right", "lung_left", "nodules", "consolidation")) * ml
    assert inside == pytest.approx(truth.lung_ml.total, rel=0.03)
    assert masks.mask("effusion").sum() * ml == pytest.approx(truth.effusion_ml.total, rel=0.06)
    assert truth.consolidation_ml.total > 5
    assert masks.mask("consolidation").sum() * ml == pytest.approx(truth.consolidation_ml.total, rel=0.25)
    assert truth.complete


def test_nodules_lie_in_the_mask_on_their_side(case) -> None:
    nodules = _truth(case).nodules
    assert nodules
    middle = (_center_x(case, "lung_left") + _center_x(case, "lung_right")) / 2
    for nodule in nodules:
        assert (nodule.center_mm[0] > middle) == (nodule.side == "left")
        k, j, i = np.rint(case.masks.geometry.to_index(nodule.center_mm)).astype(int)
        if nodule.long_axis_mm > 10:
            assert case.masks.array[k, j, i] == case.masks.segment("nodules").number


def test_effusion_lies_behind_the_lung(case) -> None:
    geometry = case.masks.geometry
    lung = geometry.to_world(np.argwhere(case.masks.mask("lung_left")).mean(axis=0))
    fluid = geometry.to_world(np.argwhere(case.masks.mask("effusion")).mean(axis=0))
    assert fluid[1] > lung[1] + 20


def test_emphysema_share_is_what_was_drawn() -> None:
    ranges = replace(FULL, emphysema_share=(0.3, 0.3), p_effusion=0.0, p_consolidation=0.0, lung_hu=(-850.0, -849.0))
    truth = _truth(chest_case(5, ranges=ranges))
    # the ramp from normal lung to a hole crosses -950 HU a little inside the drawn border
    assert 15 < truth.laa950_total_percent < 32
    none = _truth(chest_case(5, ranges=replace(ranges, p_emphysema=0.0)))
    assert none.laa950_total_percent < 0.1
    assert not none.emphysema


def _grid_around(patient: ChestPatient, spacing_mm: float) -> Geometry:
    body = patient.body
    size = np.array([body.height + 40, 2 * body.half_depth + 160, 2 * body.half_width + 120])
    shape = np.ceil(size / spacing_mm).astype(int)
    origin = patient.pose.to_world((0, 10, 0)) - spacing_mm * (shape[[2, 1, 0]] - 1) / 2
    return Geometry.from_parts(spacing_mm=(spacing_mm,) * 3, origin_mm=origin.tolist(), shape=shape.tolist())


@pytest.fixture(scope="module")
def plain():
    """A patient without lesions, lying straight, and its noise-free map at 3 mm."""
    ranges = replace(
        TRAINING, p_nodule=0, p_effusion=0, p_consolidation=0, p_emphysema=0, p_contrast=0, p_mimic=0,
        rotation_degrees=1e-6, vessel_hu=(42.0, 42.0),
    )  # fmt: skip
    patient = draw_patient(Generator(PCG64(21)), ranges)
    return patient, render(patient, _grid_around(patient, 3.0))


def _hu_at(patient: ChestPatient, clean, point) -> float:
    geometry = _grid_around(patient, 3.0)
    k, j, i = np.rint(geometry.to_index(patient.pose.to_world(point))).astype(int)
    return float(clean.hu[k, j, i])


def test_tissues_have_their_hounsfield_values(plain) -> None:
    patient, clean = plain
    body = patient.body
    lung = np.median(clean.hu[clean.labels == 1])
    assert abs(lung - patient.tissue.hu) < 60
    trachea = (0.0, float(body.axis_y(0.35 * body.height)) + 0.04 * body.half_depth, 0.35 * body.height)
    assert _hu_at(patient, clean, trachea) == pytest.approx(-1000, abs=30)
    liver = (-0.5 * body.half_width, 0.0, body.bottom + 0.3 * body.dome_right)
    assert _hu_at(patient, clean, liver) == pytest.approx(58, abs=2)
    descending = (0.17 * body.half_width, 0.5 * body.half_depth, 0.0)
    assert _hu_at(patient, clean, descending) == pytest.approx(42, abs=2)
    assert clean.hu[0, 0, 0] == -1000
    assert (clean.hu > 300).sum() > 1000


def test_volume_does_not_depend_on_the_grid(plain) -> None:
    patient, clean = plain
    coarse = render(patient, _grid_around(patient, 5.0))
    for fine_share, coarse_share in zip(clean.lung_share, coarse.lung_share, strict=True):
        assert float(coarse_share.sum()) * 125 == pytest.approx(float(fine_share.sum()) * 27, rel=0.02)


def test_array_orientation_does_not_matter(plain) -> None:
    patient, clean = plain
    geometry = _grid_around(patient, 3.0).flip(0).permute((1, 2, 0))
    turned = render(patient, geometry)
    np.testing.assert_allclose(np.flip(turned.hu.transpose(2, 0, 1), 0), clean.hu, atol=1.5)


def _ball(radius_mm: float, attenuation: str = "solid", core: float = 0.0) -> Nodule:
    return Nodule(
        center=(3.0, 4.0, 5.0), radii_mm=(radius_mm,) * 3, rotation=np.eye(3), lobes=np.zeros((2, 3)), depth=0.0,
        attenuation=attenuation, hu=-600.0 if core else 40.0, core_hu=40.0, core=core, sign=1, kind="free",
    )  # fmt: skip


def test_truth_of_a_ball() -> None:
    truth = nodule_truth(_ball(5.0), lambda x, y, z: x - 100, Pose(origin_mm=(10.0, 0.0, 0.0)), samples=60)
    assert truth.center_mm == pytest.approx((13.0, 4.0, 5.0), abs=0.02)
    assert truth.long_axis_mm == pytest.approx(10.0, abs=0.15)
    assert truth.short_axis_mm == pytest.approx(10.0, abs=0.15)
    assert truth.volume_mm3 == pytest.approx(4 / 3 * np.pi * 125, rel=0.01)
    assert truth.side == "left"


def test_truth_of_a_part_solid_ball_and_of_a_half_ball() -> None:
    mixed = nodule_truth(_ball(6.0, "part_solid", 0.5), lambda x, y, z: x - 100, Pose(), samples=60)
    assert mixed.solid_diameter_mm == pytest.approx(6.0, abs=0.2)
    assert mixed.mean_hu == pytest.approx(-600 + 640 / 8, abs=3)
    half = nodule_truth(_ball(5.0), lambda x, y, z: x - 3.0, Pose(), samples=60)
    assert half.volume_mm3 == pytest.approx(2 / 3 * np.pi * 125, rel=0.03)
