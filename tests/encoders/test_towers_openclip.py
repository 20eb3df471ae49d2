"""Image-text models of open_clip on slices, from a local folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.encoders.tower_volumes import AXIAL, chest
from tomoscribe.core import Geometry
from tomoscribe.core.errors import ConfigError, UnsupportedError, WeightsError
from tomoscribe.encoders.processor import grid_points_mm
from tomoscribe.encoders.towers import create_tower
from tomoscribe.encoders.towers.openclip import OpenClipTower, slice_grid, slices

open_clip = pytest.importorskip("open_clip", reason="needs the extra 'openclip'")

MODEL = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
PREPROCESS = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from safetensors.torch import save_file

    path = tmp_path_factory.mktemp("clip")
    torch.manual_seed(2)
    model = open_clip.CLIP(**MODEL)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path / "open_clip_model.safetensors")
    config = {"model_cfg": MODEL, "preprocess_cfg": PREPROCESS}
    (path / "open_clip_config.json").write_text(json.dumps(config))
    return path


@pytest.fixture(scope="module")
def tower(folder: Path) -> OpenClipTower:
    loaded = create_tower(f"openclip:{folder}")
    assert isinstance(loaded, OpenClipTower)
    return loaded


def test_slices_show_the_body_where_it_is_whatever_way_the_series_is_stored() -> None:
    volume = chest(AXIAL)
    gray, grid = slices(volume, 32, 5.0, "t")
    assert grid.orientation == "HPL"
    assert grid.spacing_mm[1] == grid.spacing_mm[2]
    points = grid_points_mm(grid).reshape(*grid.shape, 3)
    inside = np.abs((points - volume.geometry.center_mm) / (48, 30, 40)).max(axis=-1) < 1
    assert inside.sum() > 500
    hu = gray * 1400 - 1000
    assert np.abs(hu - (points[..., 0] * 2 + points[..., 2]))[inside].max() < 2
    turned, turned_grid = slices(volume.permute((1, 2, 0)).flip(2), 32, 5.0, "t")
    assert turned_grid.close_to(grid, tolerance_mm=1e-6)
    assert np.abs(turned - gray).max() < 1e-4


def test_the_model_sees_what_open_clip_itself_sees_in_each_slice(tower: OpenClipTower) -> None:
    volume = chest(AXIAL)
    gray, grid = slices(volume, tower.size, tower.slice_mm, "t")
    images = (torch.from_numpy(gray)[:, None].expand(-1, 3, -1, -1) - 0.5) / 0.25
    with torch.inference_mode():
        each = torch.nn.functional.normalize(tower.model.encode_image(images), dim=-1)
    out = tower.encode(volume)
    torch.testing.assert_close(out.pooled, torch.nn.functional.normalize(each.mean(0), dim=0), rtol=1e-4, atol=1e-5)
    fine, coarse = out.scales
    assert fine.tokens.shape[0] == grid.shape[0] * 4 * 4
    # the first patch of the first slice lies in the low corner of the slices
    corner = grid.with_shape((grid.shape[0], 4, 4)).to_world((0, 0, 0))
    assert np.allclose(fine.positions_mm[0].numpy(), corner, atol=1e-3)
    assert torch.allclose(coarse.tokens[0], fine.tokens.reshape(grid.shape[0], 4, 4, -1)[:2, :2, :2].mean((0, 1, 2)))
    assert out.weights_sha256 is not None


def test_texts_lie_in_the_space_of_the_images(tower: OpenClipTower) -> None:
    texts = tower.embed_text(["a nodule in the left lung", "no nodule", "a nodule in the left lung"])
    torch.testing.assert_close(texts.norm(dim=1), torch.ones(3))
    assert torch.equal(texts[0], texts[2])
    assert not torch.equal(texts[0], texts[1])
    assert texts.shape[1] == tower.encode(chest(AXIAL)).pooled.shape[0]


def test_the_architectures_own_file_is_read_as_the_folder_is(folder: Path, tmp_path: Path) -> None:
    name = "tiny-for-a-test"
    (tmp_path / f"{name}.json").write_text(json.dumps(MODEL))
    open_clip.add_model_config(tmp_path)
    by_file = create_tower(f"openclip:{name}", weights=folder / "open_clip_model.safetensors")
    by_folder = create_tower("openclip:anything", weights=folder)
    assert by_file.weights_sha256 == by_folder.weights_sha256
    assert isinstance(by_file, OpenClipTower)
    assert torch.equal(by_file.embed_text(["a"]), by_folder.embed_text(["a"]))  # type: ignore[attr-defined]


def test_slice_grids_hold_oblique_volumes_wholly() -> None:
    angle = np.deg2rad(30)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    oblique = Geometry.from_parts(
        spacing_mm=(3, 2, 1), origin_mm=(5, 6, 7), shape=(10, 30, 50), direction=turn @ AXIAL.direction
    )
    inner = oblique.center_mm + (oblique.corners_mm - oblique.center_mm) * 0.999
    assert slice_grid(oblique, 64, 5.0).contains(inner).all()


def test_nothing_is_downloaded_unasked_and_what_is_wrong_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="nothing is downloaded unasked"):
        create_tower("openclip:ViT-B-32")
    with pytest.raises(ConfigError, match="knows no architecture 'ViT-nothing'"):
        create_tower("openclip:ViT-nothing", weights=folder / "open_clip_model.safetensors")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        create_tower("openclip:ViT-B-32", weights=folder / "open_clip_model.safetensors")
    with pytest.raises(WeightsError, match=r"expected one of open_clip_model\.safetensors"):
        create_tower(f"openclip:{tmp_path}")
    (tmp_path / "open_clip_config.json").write_text("[]")
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match="not a model configuration"):
        create_tower(f"openclip:{tmp_path}")


def test_other_modalities_are_refused(tower: OpenClipTower) -> None:
    with pytest.raises(UnsupportedError, match="takes CT or MR, found PT"):
        tower.encode(chest(AXIAL, modality="PT", unit="bq/ml"))
    with pytest.raises(ConfigError, match="found CT in 'iodine'"):
        tower.encode(chest(AXIAL, unit="iodine"))
