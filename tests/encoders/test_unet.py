"""The network against numbers that follow from its construction."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from tomoscribe.core.errors import ConfigError
from tomoscribe.encoders.unet import ResidualUNet, UNetConfig, pool_cells


def small(**changes: object) -> UNetConfig:
    values = {
        "in_channels": 1,
        "channels": (2, 3, 4),
        "masks": ("a", "b"),
        "heads": ("X",),
        "token_levels": (1, 2),
        "head_level": 1,
    }
    return UNetConfig(**{**values, **changes})  # type: ignore[arg-type]


def without_norm(network: ResidualUNet) -> ResidualUNet:
    """Instance normalization sees the whole image; without it the receptive field is that of the convolutions."""
    for module in network.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, nn.InstanceNorm3d):
                setattr(module, name, nn.Identity())
    return network


def test_a_cell_of_level_one_sees_what_its_convolutions_reach() -> None:
    torch.manual_seed(0)
    network = without_norm(ResidualUNet(small(channels=(2, 3), token_levels=(1,)))).double()
    image = torch.zeros(1, 1, 16, 16, 16, dtype=torch.double, requires_grad=True)
    cell = network(image + 1.0).tokens_BCdhw[1][0, :, 4, 4, 4].sum()
    (gradient,) = torch.autograd.grad(cell, image)
    touched = np.argwhere(gradient[0, 0].abs().numpy() > 0)
    # Cell 4 is voxels 8 and 9; two 3^3 convolutions at stride 2 add 4 voxels on each side, the stem one more.
    assert touched.min(axis=0).tolist() == [3, 3, 3]
    assert touched.max(axis=0).tolist() == [14, 14, 14]


def test_moving_the_image_by_a_stride_moves_the_tokens_by_one_cell() -> None:
    torch.manual_seed(1)
    network = without_norm(ResidualUNet(small())).eval()
    image = torch.zeros(1, 1, 48, 48, 48)
    image[..., 20:28, 20:28, 20:28] = torch.rand(8, 8, 8)
    moved = torch.roll(image, shifts=(4, 0, -4), dims=(2, 3, 4))
    with torch.no_grad():
        here, there = network(image), network(moved)
    inner = (slice(None), slice(None), slice(4, 8), slice(4, 8), slice(4, 8))
    expected = torch.roll(here.tokens_BCdhw[2], shifts=(1, 0, -1), dims=(2, 3, 4))
    assert torch.allclose(there.tokens_BCdhw[2][inner], expected[inner], atol=1e-5)


def test_pooling_is_log_sum_exp_over_the_members_only() -> None:
    logits = torch.tensor([[math.log(1.0), math.log(2.0), math.log(5.0)]])
    members = torch.tensor([True, True, False])
    assert float(pool_cells(logits, members)[0]) == pytest.approx(math.log(3.0), abs=1e-6)
    assert float(pool_cells(logits, torch.zeros(3, dtype=torch.bool))[0]) == -30.0


def test_fresh_heads_start_from_a_rare_finding() -> None:
    network = ResidualUNet(small()).eval()
    with torch.no_grad():
        cells = network(torch.rand(1, 1, 8, 8, 8)).cells_BFdhw
    assert torch.allclose(cells, torch.full_like(cells, -7.0))


def test_config_survives_json_and_refuses_unknown_keys() -> None:
    config = small(sided_heads=("X",))
    assert UNetConfig.from_json(config.to_json()) == config
    with pytest.raises(ConfigError, match=r"unknown keys.*depth"):
        UNetConfig.from_json({**config.to_json(), "depth": 3})


def test_sizes_that_do_not_fit_the_stride_are_refused() -> None:
    with pytest.raises(ConfigError, match="multiples of 4"):
        ResidualUNet(small())(torch.zeros(1, 1, 8, 8, 10))


def test_heads_without_a_token_level_are_refused() -> None:
    with pytest.raises(ConfigError, match="head"):
        small(head_level=0)
