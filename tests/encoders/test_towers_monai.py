"""A MONAI bundle's network as a tower: tokens through a sliding window, nothing of the bundle executed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.encoders.tower_volumes import AXIAL, chest
from tomoscribe.core import Geometry
from tomoscribe.core.errors import ConfigError, UnsupportedError, WeightsError
from tomoscribe.encoders.towers import create_tower
from tomoscribe.encoders.towers.monai_bundle import BundleFacts, BundleTower, Scaling, bundle_facts, sliding_tokens

NETWORK = {
    "_target_": "SegResNet",
    "spatial_dims": 3,
    "init_filters": 4,
    "in_channels": 1,
    "out_channels": 2,
    "blocks_down": [1, 1, 1],
    "blocks_up": [1, 1],
    "norm": ["GROUP", {"num_groups": 2}],
}
METADATA = {
    "network_data_format": {
        "inputs": {"image": {"modality": "CT", "num_channels": 1, "spatial_shape": [32, 32, 32]}},
    }
}
INFERENCE = {
    "network_def": NETWORK,
    "preprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "LoadImaged", "keys": "image"},
            {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
            {"_target_": "Spacingd", "keys": "image", "pixdim": [3.0, 3.0, 4.0]},
            {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": -1000, "a_max": 200, "b_min": 0, "b_max": 1},
        ],
    },
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [32, 32, 32]},
}


def bundle(folder: Path, *, metadata: dict | None = None, inference: dict | None = None, weights: bool = True) -> Path:
    from monai.networks.nets import SegResNet

    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata or METADATA))
    (folder / "configs" / "inference.json").write_text(json.dumps(inference or INFERENCE))
    if weights:
        torch.manual_seed(0)
        net = SegResNet(**{k: v for k, v in NETWORK.items() if k != "_target_"})
        torch.save(net.state_dict(), folder / "models" / "model.pt")
    return folder


def changed(section: str, value: object) -> dict:
    return {**INFERENCE, section: value}


def test_the_window_leaves_the_features_of_each_block_at_its_place() -> None:
    image = np.random.default_rng(0).random((40, 33, 70)).astype(np.float32)

    def means(window: torch.Tensor) -> list[tuple[int, torch.Tensor]]:
        return [(4, torch.nn.functional.avg_pool3d(window, 4)[0]), (8, torch.nn.functional.avg_pool3d(window, 8)[0])]

    (fine, fours), (coarse, eights) = sliding_tokens(means, image, (16, 32, 32))
    assert (fine, coarse) == (4, 8)
    assert tuple(fours.shape) == (1, 10, 9, 18)
    whole = torch.nn.functional.avg_pool3d(torch.from_numpy(image)[None, None, :, :32, :64], 4)[0]
    torch.testing.assert_close(fours[:, :, :8, :16], whole)
    assert float(eights[0, 0, 0, 0]) == pytest.approx(float(image[:8, :8, :8].mean()), abs=1e-6)


def test_a_bundles_tokens_lie_at_their_voxels(tmp_path: Path) -> None:
    tower = create_tower(f"monai:{bundle(tmp_path / 'b')}")
    assert isinstance(tower, BundleTower)
    assert tower.facts.orientation == "RAH"
    out = tower.encode(chest(AXIAL))
    assert [s.stride_voxels for s in out.scales] == [2, 4]
    values, grid = tower.prepared(chest(AXIAL))
    assert grid.orientation == "RAH"
    assert grid.spacing_mm.tolist() == [3.0, 3.0, 4.0]
    assert values.min() == 0
    tokens, cells = out.scales[1].tokens.shape[0], np.ceil(np.array(grid.shape) / 4).astype(int)
    assert tokens == int(np.prod(cells))
    first = grid.to_world((1.5, 1.5, 1.5))
    assert np.allclose(out.scales[1].positions_mm[0].numpy(), first, atol=1e-3)


def test_the_tower_reads_ramps_as_the_network_was_told_to() -> None:
    facts = BundleFacts(
        modality="CT",
        orientation="RAH",
        spacing_mm=None,
        window=(32, 32, 32),
        scaling=Scaling(source=(-1000.0, 200.0)),
        network={},
    )
    tower = BundleTower(name="monai:t", network=torch.nn.AvgPool3d(4), facts=facts)
    out = tower.encode(chest(AXIAL))
    hu = out.scales[0].tokens[:, 0] * 1200 - 1000
    where = out.scales[0].positions_mm
    offset = (where - torch.from_numpy(AXIAL.center_mm).float()).abs()
    inside = (offset / torch.tensor([50.0, 32.0, 40.0])).amax(dim=1) < 1
    assert inside.sum() > 100
    assert float((hu - where[:, 0] * 2 - where[:, 2])[inside].abs().max()) < 0.1


@pytest.mark.parametrize(
    ("inference", "match"),
    [
        (changed("network_def", {**NETWORK, "_target_": "os.system"}), "expected a network of monai"),
        (changed("network_def", {**NETWORK, "init_filters": "$__import__('os').getpid()"}), "by an expression"),
        (changed("preprocessing", {"transforms": [{"_target_": "Lambdad"}]}), "by 'Lambda'"),
        (changed("inferer", {"roi_size": "@roi"}), "size of its window"),
    ],
)
def test_what_a_bundle_would_execute_is_refused(tmp_path: Path, inference: dict, match: str) -> None:
    with pytest.raises(UnsupportedError, match=match):
        create_tower(f"monai:{bundle(tmp_path / 'b', inference=inference)}")


def test_bundles_that_are_not_whole_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected metadata\.json"):
        create_tower(f"monai:{tmp_path / 'none'}")
    with pytest.raises(WeightsError, match=r"expected models/model\.pt"):
        create_tower(f"monai:{bundle(tmp_path / 'a', weights=False)}")
    other = changed("network_def", {**NETWORK, "init_filters": 8})
    with pytest.raises(WeightsError, match="do not fit its network"):
        create_tower(f"monai:{bundle(tmp_path / 'b', inference=other)}")
    two = {"network_data_format": {"inputs": {"image": {"modality": "CT", "num_channels": 2}}}}
    with pytest.raises(UnsupportedError, match="one channel"):
        bundle_facts(bundle(tmp_path / "c", metadata=two))


def test_another_modality_is_refused(tmp_path: Path) -> None:
    tower = create_tower(f"monai:{bundle(tmp_path / 'b')}")
    with pytest.raises(ConfigError, match="takes CT, found MR"):
        tower.encode(chest(AXIAL, modality="MR", unit="arbitrary"))


def test_normalizing_leaves_the_background_at_zero() -> None:
    values = np.array([[0.0, 2.0], [4.0, 6.0]], np.float32)[None]
    assert Scaling(nonzero=True)(values).ravel().tolist() == pytest.approx([0.0, -1.2247449, 0.0, 1.2247449])
    assert Scaling()(values).mean() == pytest.approx(0.0, abs=1e-6)
    assert Geometry.from_parts(spacing_mm=(1, 1, 1), origin_mm=(0, 0, 0), shape=(1, 1, 1)).axes_to("RAH")[1] == (0, 1)
