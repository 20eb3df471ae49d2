"""Training examples: places, sides and labels on the model grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tomoscribe.core import Geometry
from tomoscribe.encoders.towers import SPECS
from tomoscribe.encoders.unet import ResidualUNet, UNetOutput
from tomoscribe.training.cases import Case, CaseStore, cell_targets, on_grid
from tomoscribe.training.chest_cases import make_chest_case
from tomoscribe.training.tower_data import augmented
from tomoscribe.training.tower_module import side_logits


def test_a_cell_is_positive_from_the_given_number_of_voxels_on() -> None:
    labels = np.zeros((8, 8, 16), np.uint8)
    labels[0, 0, 8:11] = 4
    assert cell_targets(labels, 4, 8, voxels=3).tolist() == [[[0.0, 1.0]]]
    assert cell_targets(labels, 4, 8, voxels=4).sum() == 0


def test_shares_keep_their_volume_on_a_coarser_grid() -> None:
    fine = Geometry.from_parts(spacing_mm=(1, 1, 1), origin_mm=(0, 0, 0), shape=(24, 24, 24))
    coarse = Geometry.from_parts(spacing_mm=(4, 4, 4), origin_mm=(1.5, 1.5, 1.5), shape=(6, 6, 6))
    box = np.zeros(fine.shape, bool)
    box[6:17, 5:16, 9:19] = True
    assert on_grid(box, fine, coarse).sum() * 64 == pytest.approx(box.sum(), rel=1e-5)


def test_cases_come_back_from_the_store_and_are_made_once(tmp_path: Path) -> None:
    made = []

    def make(key: str) -> Case:
        made.append(key)
        return Case(
            image_CDHW=np.full((1, 2, 2, 2), 0.5, np.float16),
            labels_DHW=np.ones((2, 2, 2), np.uint8),
            targets_FS=np.array([[1.0, np.nan]], np.float32),
            midline=0.75,
        )

    store = CaseStore(folder=tmp_path, make=make)
    first, second = store.get("a"), store.get("a")
    assert made == ["a"]
    assert second.midline == first.midline == 0.75
    assert np.array_equal(second.targets_FS, first.targets_FS, equal_nan=True)
    assert second.image_CDHW.sum() == 4.0


def test_a_phantoms_sides_lie_on_the_sides_of_its_midline() -> None:
    case = make_chest_case(7)
    masks = SPECS["unet-ct"].masks
    columns = [np.argwhere(case.labels_DHW == masks.index(n) + 1)[:, 2].mean() for n in ("lung_right", "lung_left")]
    assert columns[0] < case.midline < columns[1]
    # lung of an adult: 1 to 4 liters a side at 0.064 ml a voxel
    for name in ("lung_right", "lung_left"):
        ml = (case.labels_DHW == masks.index(name) + 1).sum() * 0.064
        assert 500 < ml < 4500


def test_a_finding_on_the_left_raises_the_left_logit_only() -> None:
    network = ResidualUNet(SPECS["unet-ct"].network())
    cells = torch.full((1, 4, 2, 2, 4), -7.0)
    cells[0, 1, 0, 0, 3] = 3.0
    out = UNetOutput(masks_BMDHW=torch.zeros(1), tokens_BCdhw={}, cells_BFdhw=cells)
    logits = side_logits(out, network, midline=15.5)
    background = -7.0 + np.log(8)
    assert float(logits[1, 0]) == pytest.approx(background, abs=1e-4)
    assert float(logits[1, 1]) == pytest.approx(np.log(np.exp(3.0) + 7 * np.exp(-7.0)), abs=1e-4)
    assert float(logits[0, 1]) == pytest.approx(background, abs=1e-4)


def test_augmentation_moves_nothing() -> None:
    image = np.zeros((1, 8, 8, 8), np.float32)
    image[0, 2, 5, 1] = 1.0
    out = augmented(image, np.random.default_rng(0), 1.0)
    assert np.unravel_index(int(out.argmax()), out.shape) == (0, 2, 5, 1)
