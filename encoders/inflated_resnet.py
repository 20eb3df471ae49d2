"""ResNet-152 inflated to three dimensions, as chest-CT foundation models use it (Merlin, Astra).

The 3 x 3 and 7 x 7 kernels of the 2D network become 3 x 3 x 3 and 3 x 7 x 7, strides act on all three axes except that
the stem keeps the first one (Carreira and Zisserman 2017, inflation; He et al. 2016, the network; stride in the second
convolution of a block as torchvision has it). Module names are those of published checkpoints.
Shape letters: B batch, C channels, D H W voxels, d h w token cells.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

STRIDE = (16, 32, 32)
"""Voxels (D, H, W) for one cell of the last stage."""
_BLOCKS = (3, 8, 36, 3)
_WIDTHS = (64, 128, 256, 512)
_EXPANSION = 4


class Bottleneck(nn.Module):
    """1 x 1 x 1, 3 x 3 x 3 (with the stride), 1 x 1 x 1; a projection beside it where the shape changes."""

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        out_channels = width * _EXPANSION
        self.conv1 = nn.Conv3d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = nn.Conv3d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(out_channels)
        if stride != 1 or in_channels != out_channels:
            projection = nn.Conv3d(in_channels, out_channels, 1, stride=stride, bias=False)
            self.downsample: nn.Module = nn.Sequential(projection, nn.BatchNorm3d(out_channels))
        else:
            self.downsample = nn.Identity()

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        inner = F.relu(self.bn1(self.conv1(x_BCDHW)))
        inner = F.relu(self.bn2(self.conv2(inner)))
        return F.relu(self.bn3(self.conv3(inner)) + self.downsample(x_BCDHW))


class InflatedResNet152(nn.Module):
    """Images (B, 1, D, H, W) to the features of the last two stages."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, _WIDTHS[0], (3, 7, 7), stride=(1, 2, 2), padding=(1, 3, 3), bias=False)
        self.bn1 = nn.BatchNorm3d(_WIDTHS[0])
        channels = _WIDTHS[0]
        for number, (width, blocks) in enumerate(zip(_WIDTHS, _BLOCKS, strict=True), start=1):
            setattr(self, f"layer{number}", _stage(channels, width, blocks, stride=1 if number == 1 else 2))
            channels = width * _EXPANSION

    def forward(self, x_B1DHW: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 1024, d, h, w) at half the stride, and (B, 2048, d, h, w) at ``STRIDE``; sizes round up."""
        x = self.conv1(x_B1DHW.expand(-1, 3, -1, -1, -1))
        x = F.max_pool3d(F.relu(self.bn1(x)), kernel_size=3, stride=2, padding=1)
        third = self.layer3(self.layer2(self.layer1(x)))
        return third, self.layer4(third)


def _stage(in_channels: int, width: int, blocks: int, *, stride: int) -> nn.Sequential:
    first = Bottleneck(in_channels, width, stride)
    rest = [Bottleneck(width * _EXPANSION, width, 1) for _ in range(blocks - 1)]
    return nn.Sequential(OrderedDict((str(n), block) for n, block in enumerate([first, *rest])))
