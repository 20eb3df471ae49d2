"""The nodule classifier and its shipped weights, on patches made by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tomoscribe.core.errors import InvalidValueError
from tomoscribe.encoders.nodule_net import NoduleClassifier, NoduleNet, NoduleNetConfig, scale_patch


def lung_patch(seed: int) -> np.ndarray:
    """32 mm of lung at -860 HU with noise of 25 HU, in HU."""
    rng = np.random.default_rng(seed)
    return (-860 + 25 * rng.standard_normal((32, 32, 32))).astype(np.float32)


def axes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    z, y, x = np.meshgrid(*(np.arange(32) - 15.5,) * 3, indexing="ij")
    return z, y, x


def with_shape(hu: np.ndarray, distance_mm: np.ndarray, value: float) -> np.ndarray:
    """``value`` where the signed distance is negative, one voxel of partial volume."""
    share = np.clip(0.5 - distance_mm, 0, 1)
    return (hu * (1 - share) + value * share).astype(np.float32)


def ball(seed: int, radius_mm: float) -> np.ndarray:
    z, y, x = axes()
    return with_shape(lung_patch(seed), np.sqrt(x**2 + y**2 + z**2) - radius_mm, 30.0)


def tube(seed: int, radius_mm: float) -> np.ndarray:
    """A vessel straight through the patch, oblique."""
    z, y, x = axes()
    along = np.array([0.5, 0.6, 0.62])
    along /= np.linalg.norm(along)
    t = along[0] * z + along[1] * y + along[2] * x
    distance = np.sqrt(np.maximum(z**2 + y**2 + x**2 - t**2, 0)) - radius_mm
    return with_shape(lung_patch(seed), distance, 30.0)


def stack(patches: list[np.ndarray]) -> np.ndarray:
    return np.stack([scale_patch(p) for p in patches])[:, None]


def test_the_window_maps_air_lung_and_bone() -> None:
    assert scale_patch(np.array([-1500.0, -1000.0, -300.0, 400.0, 900.0])).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]


def test_probability_follows_calibration() -> None:
    torch.manual_seed(0)
    network = NoduleClassifier(NoduleNetConfig(channels=(2, 3))).eval()
    for parameter in network.logit.parameters():
        torch.nn.init.zeros_(parameter)
    net = NoduleNet(network=network, slope=2.0, offset=float(np.log(3.0)), operating_point=0.5, weights_sha256="0")
    assert net.probability(stack([lung_patch(0)])).tolist() == pytest.approx([0.75])


def test_patches_of_another_shape_are_refused() -> None:
    net = NoduleNet(
        network=NoduleClassifier(NoduleNetConfig(channels=(2,))).eval(),
        slope=1.0,
        offset=0.0,
        operating_point=0.5,
        weights_sha256="0",
    )
    with pytest.raises(InvalidValueError, match=r"found \(1, 1, 16, 32, 32\)"):
        net.probability(np.zeros((1, 1, 16, 32, 32), np.float32))


def test_the_shipped_weights_tell_balls_from_vessels_and_lung() -> None:
    net = NoduleNet.load()
    balls = net.probability(stack([ball(n, r) for n, r in enumerate((3.5, 5.0, 7.0, 10.0))]))
    others = net.probability(
        stack([tube(n, r) for n, r in enumerate((1.0, 1.8, 2.5))] + [lung_patch(n) for n in (7, 8)])
    )
    assert balls.min() > net.operating_point
    assert others.max() < net.operating_point


def test_the_batch_does_not_change_a_probability() -> None:
    net = NoduleNet.load()
    patches = stack([ball(1, 4.0), tube(2, 2.0), lung_patch(3)])
    together = net.probability(patches)
    alone = np.concatenate([net.probability(patches[n : n + 1]) for n in range(3)])
    assert np.allclose(together, alone, atol=1e-5)
