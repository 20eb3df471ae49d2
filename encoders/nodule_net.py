"""A small 3D classifier: is there a nodule in the middle of this patch of lung?

Shape letters: N patches, C channels, D H W voxels (k, j, i).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tomoscribe.core.errors import ConfigError, InvalidValueError, WeightsError
from tomoscribe.encoders.weights import fit, load_weights

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS_NAME = "nodule-net"
PATCH_VOXELS = 32
PATCH_SPACING_MM = 1.0
WINDOW_HU = (-1000.0, 400.0)
_BATCH = 64


@dataclass(frozen=True, kw_only=True)
class NoduleNetConfig:
    """Channels of each level; every level but the last halves the patch."""

    channels: tuple[int, ...] = (8, 16, 32, 56)

    def __post_init__(self) -> None:
        if not 1 <= len(self.channels) <= 5 or min(self.channels) < 1:
            raise ConfigError(f"expected one to five levels of at least one channel, found {self.channels}")

    def to_json(self) -> dict[str, Any]:
        return {k: list(v) for k, v in asdict(self).items()}


class _Block(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(in_channels, out_channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm3d(out_channels)
        self.conv2 = nn.Conv3d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm3d(out_channels)
        self.skip = nn.Conv3d(in_channels, out_channels, 1, bias=False)

    def forward(self, x_NCDHW: Tensor) -> Tensor:
        y_NCDHW = torch.relu(self.norm1(self.conv1(x_NCDHW)))
        return torch.relu(self.norm2(self.conv2(y_NCDHW)) + self.skip(x_NCDHW))


class NoduleClassifier(nn.Module):
    """Residual blocks with pooling between them; the logit is read from the middle and from the whole patch."""

    def __init__(self, config: NoduleNetConfig) -> None:
        super().__init__()
        widths = (1, *config.channels)
        self.blocks = nn.ModuleList(_Block(a, b) for a, b in pairwise(widths))
        self.logit = nn.Linear(3 * widths[-1], 1)

    def forward(self, x_NCDHW: Tensor) -> Tensor:
        """(N, 1, D, H, W), values 0 to 1, to logits (N,)."""
        y = x_NCDHW
        for number, block in enumerate(self.blocks):
            y = block(nn.functional.max_pool3d(y, 2) if number else y)
        middle = [slice(n // 2 - 1, n // 2 + 1) for n in y.shape[2:]]
        center_NC = y[:, :, middle[0], middle[1], middle[2]].amax(dim=(2, 3, 4))
        features = torch.cat((center_NC, y.mean(dim=(2, 3, 4)), y.amax(dim=(2, 3, 4))), dim=1)
        return torch.as_tensor(self.logit(features))[:, 0]


@dataclass(frozen=True, kw_only=True, eq=False)
class NoduleNet:
    """The classifier with its calibration and its operating point.

    Args:
        slope, offset: probability = logistic(slope * logit + offset).
        operating_point: probability from which a nodule may become a sentence.
        weights_sha256: of the weights file.
    """

    network: NoduleClassifier
    slope: float
    offset: float
    operating_point: float
    weights_sha256: str
    device: str = "cpu"

    @classmethod
    def load(cls, device: str = "cpu") -> NoduleNet:
        """The trained classifier; WeightsError if its weights are missing or altered."""
        weights = load_weights(WEIGHTS_NAME)
        try:
            config = NoduleNetConfig(channels=tuple(weights.config["network"]["channels"]))
            numbers = {key: float(weights.config[key]) for key in ("slope", "offset", "operating_point")}
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(f"the configuration of the weights '{WEIGHTS_NAME}' is not valid: {error}") from error
        network = NoduleClassifier(config)
        fit(network, weights, WEIGHTS_NAME)
        return cls(network=network.to(device).eval(), device=device, weights_sha256=weights.sha256, **numbers)

    @classmethod
    def shared(cls, device: str = "cpu") -> NoduleNet:
        """As ``load``, once in this process."""
        from tomoscribe.encoders.kept import kept

        return kept(WEIGHTS_NAME, device, lambda: cls.load(device))

    def probability(self, patches: NDArray[np.float32]) -> NDArray[np.float32]:
        """Calibrated probabilities (N,) of patches (N, 1, 32, 32, 32), 1 mm isotropic, -1000..400 HU as 0..1."""
        side = PATCH_VOXELS
        if patches.ndim != 5 or patches.shape[1:] != (1, side, side, side):
            raise InvalidValueError(f"expected patches of shape (N, 1, {side}, {side}, {side}), found {patches.shape}")
        values = np.empty(len(patches), np.float32)
        with torch.inference_mode():
            for start in range(0, len(patches), _BATCH):
                part = torch.from_numpy(np.ascontiguousarray(patches[start : start + _BATCH], dtype=np.float32))
                logits = self.network(part.to(self.device))
                values[start : start + _BATCH] = torch.sigmoid(self.slope * logits + self.offset).cpu().numpy()
        return values


def scale_patch(values_hu: NDArray[np.generic]) -> NDArray[np.float32]:
    """HU to 0..1 over ``WINDOW_HU``."""
    low, high = WINDOW_HU
    return np.clip((np.asarray(values_hu, np.float32) - low) / (high - low), 0.0, 1.0).astype(np.float32)
