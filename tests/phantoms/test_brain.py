"""Head patients: volumes, contrasts, grids."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tomoscribe.phantoms import brain_case
from tomoscribe.phantoms.brain.params import TRAINING
from tomoscribe.phantoms.truth import BrainTruth

LESIONS = replace(TRAINING, p_lesions=1.0, p_mass=0.0, lesion_radius_mm=(4.0, 8.0), num_lesions=(6, 7))


@pytest.fixture(scope="module")
def case():
    return brain_case(8, spacing_mm=2.5, ranges=LESIONS)


def _truth(case) -> BrainTruth:
    assert isinstance(case.truth, BrainTruth)
    return case.truth


def test_same_seed_same_voxels() -> None:
    first, again = (brain_case(2, spacing_mm=5.0) for _ in range(2))
    for name in ("T1", "FLAIR"):
        np.testing.assert_array_equal(first.volumes[name].array, again.volumes[name].array)
    assert first.truth == again.truth


def test_truth_agrees_with_the_masks(case) -> None:
    truth, masks = _truth(case), case.masks
    ml = masks.geometry.voxel_volume_mm3 / 1000
    assert (masks.array > 0).sum() * ml == pytest.approx(truth.intracranial_ml, rel=0.01)
    assert masks.mask("ventricles").sum() * ml == pytest.approx(truth.ventricles_ml, rel=0.12)
    brain = (masks.mask("brain").sum() + masks.mask("lesions").sum()) * ml
    assert brain == pytest.approx(truth.brain_ml, rel=0.03)
    assert truth.lesion_ml * 1000 == pytest.approx(sum(n.volume_mm3 for n in truth.lesions), rel=0.05)
    assert truth.lesion_count == len(truth.lesions) > 0


def test_intracranial_volume_does_not_depend_on_the_grid(case) -> None:
    coarse = _truth(brain_case(8, spacing_mm=4.0, ranges=LESIONS))
    assert coarse.intracranial_ml == pytest.approx(_truth(case).intracranial_ml, rel=0.01)
    assert coarse.ventricles_ml == pytest.approx(_truth(case).ventricles_ml, rel=0.05)


def test_lesions_are_bright_on_flair_and_ventricles_dark(case) -> None:
    flair, t1, masks = case.volumes["FLAIR"].array, case.volumes["T1"].array, case.masks
    brain = np.median(flair[masks.mask("brain")])
    assert np.median(flair[masks.mask("lesions")]) > 1.15 * brain
    assert np.median(flair[masks.mask("ventricles")]) < 0.5 * brain
    assert np.median(t1[masks.mask("ventricles")]) < 0.7 * np.median(t1[masks.mask("brain")])


def test_more_ventricle_means_more_millilitres() -> None:
    small, large = (
        _truth(brain_case(5, spacing_mm=4.0, ranges=replace(TRAINING, p_mass=0.0, p_enlarged=p))) for p in (0.0, 1.0)
    )
    assert large.ventricles_ml > 1.5 * small.ventricles_ml
    assert large.enlarged_ventricles
    assert not small.enlarged_ventricles


def test_mass_has_the_volume_of_its_radius() -> None:
    ranges = replace(TRAINING, p_mass=1.0, mass_radius_mm=(15.0, 15.0), edema_mm=(0.0, 0.0))
    mass = _truth(brain_case(6, spacing_mm=2.5, ranges=ranges)).mass
    assert mass is not None
    assert mass.volume_mm3 == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.2)


def test_contrasts_may_have_grids_of_their_own() -> None:
    case = brain_case(4, spacing_mm=3.0, slices_mm={"FLAIR": 6.0})
    t1, flair = case.volumes["T1"].geometry, case.volumes["FLAIR"].geometry
    assert t1.spacing_mm.tolist() == pytest.approx([3, 3, 3])
    assert flair.spacing_mm.tolist() == pytest.approx([6, 3, 3])
    np.testing.assert_allclose(t1.corners_mm[0], flair.corners_mm[0], atol=1e-6)
    assert case.masks.geometry == t1


def test_lesion_sides_follow_the_world() -> None:
    case = brain_case(8, spacing_mm=3.0, ranges=LESIONS)
    number = case.masks.segment("lesions").number
    hits = 0
    for lesion in _truth(case).lesions:
        k, j, i = np.rint(case.masks.geometry.to_index(lesion.center_mm)).astype(int)
        hits += int((case.masks.array[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2] == number).any())
    assert hits == len(_truth(case).lesions)
