"""Places of tokens, masks and heads in mm, from the processor to the tower's output."""

from __future__ import annotations

import numpy as np
import pytest

from tomoscribe.core import Acquisition, Geometry, SeriesRef, Volume
from tomoscribe.core.errors import ConfigError
from tomoscribe.encoders.processor import (
    Processor,
    ProcessorConfig,
    block_mean,
    grid_points_mm,
    resample_linear,
    token_grid,
)
from tomoscribe.encoders.towers import HeadCalibration, Tower, create_tower, list_towers, region_of, side_members


def volume_on(geometry: Geometry, array: np.ndarray, modality: str = "CT") -> Volume:
    ref = SeriesRef(
        study_uid="1.2",
        series_uid="1.2.3",
        series_number=1,
        description=None,
        instance_uids=(),
        instance_numbers=(),
    )
    return Volume(
        array=array,
        geometry=geometry,
        modality=modality,
        value_unit="hu" if modality == "CT" else "arbitrary",
        series=ref,
        acquisition=Acquisition(),
    )


def oblique(shape: tuple[int, int, int] = (40, 50, 60)) -> Geometry:
    """Coronal-like, tilted by 20 degrees, with anisotropic voxels."""
    angle = np.deg2rad(20)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    axes = turn @ np.array([[0, 0, -1], [-1, 0, 0], [0, -1, 0]], float).T
    return Geometry.from_parts(spacing_mm=(2.0, 1.5, 1.0), origin_mm=(10, -20, 30), shape=shape, direction=axes)


def ramp(geometry: Geometry) -> np.ndarray:
    """-900 + x + 2y + 3z in HU: any linear resampling keeps it."""
    points = grid_points_mm(geometry)
    return (points @ np.array([1.0, 2.0, 3.0]) * 0.2).reshape(geometry.shape).astype(np.float32)


def test_a_ramp_in_mm_stays_itself_on_the_model_grid_of_an_oblique_series() -> None:
    geometry = oblique()
    processor = Processor(ProcessorConfig(modality="CT", spacing_mm=4.0))
    processed = processor(volume_on(geometry, ramp(geometry)))
    values = processed.image_CDHW[0] * 1400.0 - 1000.0
    points = grid_points_mm(processed.geometry).reshape(*processed.geometry.shape, 3)
    inside = geometry.crop((4, 4, 5), (36, 46, 55)).contains(points)
    assert inside.sum() > 500
    assert np.abs(values - (points @ np.array([1.0, 2.0, 3.0]) * 0.2))[inside].max() < 0.05


def test_the_model_grid_runs_along_the_patient_axes_in_multiples_of_sixteen() -> None:
    geometry = oblique()
    processed = Processor(ProcessorConfig(modality="CT", spacing_mm=4.0))(volume_on(geometry, ramp(geometry)))
    assert processed.geometry.orientation == "HPL"
    assert processed.geometry.spacing_mm.tolist() == [4.0, 4.0, 4.0]
    assert all(n % 16 == 0 for n in processed.geometry.shape)


def test_storing_the_series_the_other_way_round_changes_nothing() -> None:
    geometry = oblique()
    volume = volume_on(geometry, ramp(geometry))
    processor = Processor(ProcessorConfig(modality="CT", spacing_mm=2.0))
    straight, turned = processor(volume), processor(volume.flip(0).permute((2, 0, 1)))
    assert turned.geometry.close_to(straight.geometry, tolerance_mm=1e-6)
    assert np.abs(turned.image_CDHW - straight.image_CDHW).max() < 1e-4


def test_block_means_keep_the_place_of_a_point_source() -> None:
    geometry = Geometry.from_parts(spacing_mm=(1, 1, 1), origin_mm=(5, 6, 7), shape=(6, 6, 6))
    array = np.zeros(geometry.shape, np.int16)
    array[2, 3, 4] = 8
    means, coarse = block_mean(array, geometry, (2, 2, 2))
    assert means[1, 1, 2] == 1.0
    assert means.sum() == 1.0
    # voxels 4 and 5 along x, 2 and 3 along y and z
    assert coarse.to_world((1, 1, 2)).tolist() == [5 + 4.5, 6 + 2.5, 7 + 2.5]


def test_token_positions_are_the_centers_of_their_blocks() -> None:
    geometry = Geometry.from_parts(spacing_mm=(4, 4, 4), origin_mm=(-100, 0, 50), shape=(16, 32, 16))
    grid = token_grid(geometry, 8)
    points = grid_points_mm(grid)
    assert grid.shape == (2, 4, 2)
    assert points[0].tolist() == [-100 + 14, 14, 50 + 14]
    block = grid_points_mm(geometry).reshape(16, 32, 16, 3)[8:16, 16:24, 0:8].reshape(-1, 3)
    assert np.allclose(points.reshape(2, 4, 2, 3)[1, 2, 0], block.mean(axis=0))


def test_cropping_the_grid_by_a_stride_keeps_the_remaining_positions() -> None:
    geometry = oblique((32, 32, 32))
    whole = grid_points_mm(token_grid(geometry, 8)).reshape(4, 4, 4, 3)
    part = grid_points_mm(token_grid(geometry.crop((8, 0, 16), (32, 32, 32)), 8)).reshape(3, 4, 2, 3)
    assert np.allclose(whole[1:, :, 2:], part)


def test_masks_go_back_to_the_native_grid_of_an_oblique_series() -> None:
    geometry = oblique()
    model = Processor(ProcessorConfig(modality="CT", spacing_mm=2.0)).grid(geometry)
    middle = geometry.center_mm
    points = grid_points_mm(model).reshape(*model.shape, 3)
    ball = np.clip((15.0 - np.linalg.norm(points - middle, axis=-1)) / 2.0 + 0.5, 0.0, 1.0).astype(np.float32)
    native = resample_linear(ball, model, geometry, fill=0.0) > 0.5
    found = geometry.to_world(np.argwhere(native)).mean(axis=0)
    assert np.abs(found - middle).max() < 0.3
    assert native.sum() * geometry.voxel_volume_mm3 == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.03)


def test_the_left_side_lies_at_larger_x() -> None:
    positions = np.array([[-80.0, 0, 0], [75.0, 0, 0], [2.0, 0, 0]])
    assert side_members(positions, "left", 0.0).tolist() == [False, True, True]
    assert side_members(positions, "right", 0.0).tolist() == [True, False, False]
    assert side_members(positions, None, 0.0).all()


def test_the_region_of_a_head_is_where_its_cells_are() -> None:
    positions = np.array([[0.0, 0, 0], [32.0, 0, 0], [320.0, 0, 0]])
    center, low, high = region_of(np.array([2.0, 2.0, -9.0]), positions, 32.0)
    assert center == (16.0, 0.0, 0.0)
    assert low == (-16.0, -16.0, -16.0)
    assert high == (48.0, 16.0, 16.0)


def test_calibration_is_the_logistic_of_a_line() -> None:
    assert HeadCalibration(slope=2.0, offset=-1.0).probability(0.5) == 0.5
    assert HeadCalibration().probability(np.log(3.0)) == pytest.approx(0.75)


def test_an_untrained_tower_gives_the_same_tokens_twice_and_positions_inside_its_grid() -> None:
    geometry = oblique((64, 80, 90))
    volume = volume_on(geometry, ramp(geometry) + 600.0)
    first, second = (Tower.untrained("unet-ct", seed=3).encode(volume) for _ in range(2))
    assert first.weights_sha256 is None
    grid = first.masks["CT"].geometry
    for one, two in zip(first.scales, second.scales, strict=True):
        assert np.array_equal(one.tokens.numpy(), two.tokens.numpy())
        assert grid.contains(one.positions_mm.numpy()).all()
        assert one.cell_mm == one.stride_voxels * 4.0
    assert np.allclose(first.masks["CT"].probabilities.sum(axis=0).max(), 1.0, atol=0.5)


def test_unknown_towers_and_wrong_modalities_are_refused() -> None:
    assert list_towers() == ("unet-ct", "unet-mr", "astra", "openclip:NAME", "monai:FOLDER")
    with pytest.raises(ConfigError, match=r"expected a tower of unet-ct, unet-mr, astra, .*, found 'resnet'"):
        create_tower("resnet")
    geometry = oblique((8, 8, 8))
    with pytest.raises(ConfigError, match="expected a MR volume, found CT"):
        Tower.untrained("unet-mr").encode(volume_on(geometry, ramp(geometry)))


def test_the_shipped_ct_tower_sees_lungs_and_the_side_of_an_effusion_in_a_phantom_it_has_never_seen() -> None:
    from tomoscribe.phantoms.chest.case import chest_case
    from tomoscribe.phantoms.truth import ChestTruth

    tower = create_tower("unet-ct")
    assert tower.weights_sha256 is not None
    for seed in range(1_000_000, 1_000_012):
        case = chest_case(seed, spacing_mm=4.0)
        truth = case.truth
        assert isinstance(truth, ChestTruth)
        if (
            max(truth.effusion_ml.right, truth.effusion_ml.left) > 150
            and min(truth.effusion_ml.right, truth.effusion_ml.left) == 0
        ):
            break
    side = "left" if truth.effusion_ml.left > 0 else "right"
    output = tower.encode(case.volumes["CT"])
    found = {h.laterality: h for h in output.heads if h.name == "PLEURAL_EFFUSION"}
    other = "left" if side == "right" else "right"
    assert found[side].probability > tower.calibration["PLEURAL_EFFUSION"].threshold > found[other].probability
    masks = output.masks["CT"]
    voxel_ml = masks.geometry.voxel_volume_mm3 / 1000
    lungs = sum(
        float(masks.probability(n).sum()) * voxel_ml for n in ("lung_right", "lung_left", "consolidation", "nodule")
    )
    assert lungs == pytest.approx(truth.lung_ml.total, rel=0.1)
