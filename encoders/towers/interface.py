"""What every vision tower offers, whatever network stands behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tomoscribe.core import Volume
from tomoscribe.core.errors import ConfigError
from tomoscribe.encoders.types import TokenScale, TowerOutput


class VisionTower(Protocol):
    """Volumes in; tokens with places in mm, a pooled embedding, and masks and heads where it has them, out."""

    @property
    def name(self) -> str:
        """As registered, e.g. ``astra``: the name of its token source in a fusion model."""

    @property
    def weights_sha256(self) -> str | None:
        """Of the weights file; None for an untrained network."""

    def encode(self, volumes: Volume | Mapping[str, Volume]) -> TowerOutput:
        """What the tower sees in one volume, or in several of one frame of reference by name.

        Tokens of several volumes follow each other in the mapping's order, and ``pooled`` is their mean.

        Raises:
            ConfigError: no volume, or one of a modality or value unit that the tower was not trained on.
        """


def named_volumes(volumes: Volume | Mapping[str, Volume]) -> dict[str, Volume]:
    """By name; a single volume goes by its modality. ConfigError if there is none."""
    named = {volumes.modality: volumes} if isinstance(volumes, Volume) else dict(volumes)
    if not named:
        raise ConfigError("expected at least one volume to encode, found none")
    return named


def require_hounsfield(volume: Volume, tower: str) -> None:
    """ConfigError unless the volume is CT in plain Hounsfield units, as ``tower`` was trained on."""
    if volume.modality != "CT" or volume.value_unit != "hu":
        raise ConfigError(
            f"the tower '{tower}' takes CT in Hounsfield units, found {volume.modality} in '{volume.value_unit}'",
            where=volume.series.series_uid,
            remedy="choose a tower for this modality: list_towers() names them",
        )


def join(parts: Sequence[TowerOutput]) -> TowerOutput:
    """What one tower saw in several volumes as one output."""
    import torch

    if len(parts) == 1:
        return parts[0]
    scales = [
        TokenScale(
            stride_voxels=group[0].stride_voxels,
            cell_mm=group[0].cell_mm,
            tokens=torch.cat([s.tokens for s in group]),
            positions_mm=torch.cat([s.positions_mm for s in group]),
        )
        for group in zip(*(p.scales for p in parts), strict=True)
    ]
    return TowerOutput(
        tower=parts[0].tower,
        scales=tuple(scales),
        pooled=torch.stack([p.pooled for p in parts]).mean(dim=0),
        masks={key: mask for p in parts for key, mask in p.masks.items()},
        heads=tuple(h for p in parts for h in p.heads),
        weights_sha256=parts[0].weights_sha256,
    )
