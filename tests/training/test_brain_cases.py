"""Heads as shares of tissues, and MR images rendered from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tomoscribe.encoders.towers import SPECS
from tomoscribe.phantoms.brain.case import brain_case
from tomoscribe.training.brain_cases import rendered
from tomoscribe.training.brain_contrast import draw_levels, render, visible, without_skull
from tomoscribe.training.brain_tissue import MASK_OF, NUMBER, TissueMap, map_files, map_tissues, phantom_tissues
from tomoscribe.training.cases import IGNORE

SPEC = SPECS["unet-mr"]


@pytest.fixture(scope="module")
def phantom() -> TissueMap:
    return phantom_tissues(7)


def test_two_tissues_a_voxel_are_kept_with_their_shares() -> None:
    white, csf = np.zeros((2, 2, 2), np.float32), np.zeros((2, 2, 2), np.float32)
    white[0], csf[0] = 0.75, 0.25
    white[1, 0], csf[1, 1] = 0.4, 1.0
    tissues = TissueMap.from_shares({"white": white, "csf": csf})
    assert tissues.of("white")[0] == pytest.approx(np.full((2, 2), 0.75), abs=0.003)
    assert tissues.of("csf")[0] == pytest.approx(np.full((2, 2), 0.25), abs=0.003)
    # 0.6 of air is more than 0.4 of white matter
    assert (tissues.first[1, 0] == NUMBER["air"]).all()
    # voxels of 8 mm3: 4 x 0.75 and 2 x 0.4
    assert tissues.ml("white") == pytest.approx(3.8 * 0.008, rel=0.01)


def test_a_phantoms_tissues_have_the_volumes_of_its_truth(phantom: TissueMap) -> None:
    truth = brain_case(7, spacing_mm=2.0).truth
    inside = phantom.ml(*MASK_OF)
    assert inside == pytest.approx(truth.intracranial_ml, rel=0.01)
    assert phantom.ml("ventricle") == pytest.approx(truth.ventricles_ml, rel=0.02)
    assert phantom.ml("lesion") == pytest.approx(truth.lesion_ml, rel=0.05, abs=0.02)


def test_an_image_without_blur_and_noise_has_the_drawn_levels_inside(phantom: TissueMap) -> None:
    class Still:
        """Draws the lowest of each range: no blur, no bias, no noise, thin slices."""

        def uniform(self, low: float, high: float, size: object = None) -> object:
            return low if size is None else np.full(size, low)  # type: ignore[call-overload]

        def normal(self, mean: float, sigma: float, size: object) -> object:
            return np.full(size, mean)  # type: ignore[call-overload]

        def random(self) -> float:
            return 0.45

        def standard_normal(self, size: object, dtype: object) -> object:
            return np.zeros(size, dtype)  # type: ignore[call-overload]

    levels = draw_levels("T1", np.random.default_rng(3))
    image = render(phantom, levels, Still())  # type: ignore[arg-type]
    for tissue in ("white", "csf", "gray"):
        pure = (phantom.first == NUMBER[tissue]) & (phantom.share == 255)
        assert image[pure] == pytest.approx(np.full(int(pure.sum()), levels[NUMBER[tissue]]), rel=1e-4)


@pytest.mark.parametrize(("contrast", "brightest"), [("T1", "white"), ("T2", "csf"), ("FLAIR", "lesion")])
def test_contrasts_order_the_tissues_as_scanners_do(contrast: str, brightest: str) -> None:
    for seed in range(5):
        levels = draw_levels(contrast, np.random.default_rng(seed))
        group = {t: float(levels[NUMBER[t]]) for t in ("white", "gray", "csf", "lesion")}
        assert max(group, key=lambda t: group[t]) == brightest
    assert without_skull(levels)[NUMBER["fat"]] == 0.0


def test_what_a_contrast_hides_is_unknown_to_loss_and_heads() -> None:
    case = phantom_tissues(4)
    assert case.ml("lesion") > 1.0
    hidden = shown = 0
    for seed in range(12):
        levels = draw_levels("ANY", np.random.default_rng(seed))
        drawn = rendered(case, "ANY", np.random.default_rng(seed), SPEC)
        has_unknown = bool((drawn.labels_DHW == IGNORE).any())
        assert has_unknown == (not visible(levels, "lesion") or (case.ml("mass") > 0 and not visible(levels, "mass")))
        row = SPEC.heads.index("WHITE_MATTER_LESIONS")
        hidden += int(not visible(levels, "lesion") and np.isnan(drawn.targets_FS[row, 0]))
        shown += int(visible(levels, "lesion") and drawn.targets_FS[row, 0] == 1.0)
    assert shown + hidden == 12
    assert hidden > 0


@pytest.mark.real
def test_a_label_map_has_the_volumes_of_a_head(shared_data: Path) -> None:
    tissues = map_tissues(map_files(shared_data, "train")[0], np.random.default_rng(1))
    assert 1000 < tissues.ml(*MASK_OF) < 2400
    assert 200 < tissues.ml("white") < 700
    assert 3 < tissues.ml("hippocampus") < 20
    assert tissues.ml("cerebellar_gray", "cerebellar_white") > 5 * tissues.ml("stem")
