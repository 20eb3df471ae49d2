"""The `unet` towers: one residual U-Net for masks, finding heads and tokens of CT or of MR."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry, Point, Volume
from tomoscribe.core.errors import ConfigError, WeightsError
from tomoscribe.encoders.processor import Processed, Processor, ProcessorConfig, flatten_tokens, token_grid
from tomoscribe.encoders.towers.interface import join, named_volumes
from tomoscribe.encoders.types import HeadOutput, SoftMasks, TokenScale, TowerOutput
from tomoscribe.encoders.weights import fit, load_weights

if TYPE_CHECKING:
    from torch import Tensor

    from tomoscribe.encoders.unet import ResidualUNet, UNetConfig, UNetOutput

SIDES = ("right", "left")
SILENT = 2.0
"""Threshold of a head that was no better than chance when it was measured: no probability reaches it."""
_LUNGS = ("lung_right", "lung_left")
_MIN_LUNG_ML = 50.0


@dataclass(frozen=True, kw_only=True)
class TowerSpec:
    """Shape of a tower before training: what its processor and its network look like."""

    processor: ProcessorConfig
    in_channels: int
    channels: tuple[int, ...]
    masks: tuple[str, ...]
    heads: tuple[str, ...]
    sided_heads: tuple[str, ...] = ()

    def network(self) -> UNetConfig:
        from tomoscribe.encoders.unet import UNetConfig

        return UNetConfig(
            in_channels=self.in_channels,
            channels=self.channels,
            masks=self.masks,
            heads=self.heads,
            sided_heads=self.sided_heads,
        )


_CT_HEADS = ("EMPHYSEMA", "NODULE", "PLEURAL_EFFUSION", "CONSOLIDATION")
_CHANNELS = (8, 16, 32, 56, 80)
SPECS: dict[str, TowerSpec] = {
    "unet-ct": TowerSpec(
        processor=ProcessorConfig(modality="CT", spacing_mm=4.0),
        in_channels=2,
        channels=_CHANNELS,
        masks=("lung_right", "lung_left", "airways", "nodule", "effusion", "consolidation"),
        heads=_CT_HEADS,
        sided_heads=_CT_HEADS,
    ),
    "unet-mr": TowerSpec(
        processor=ProcessorConfig(modality="MR", spacing_mm=3.0),
        in_channels=1,
        channels=_CHANNELS,
        masks=("brain", "ventricles", "csf", "lesions", "mass"),
        heads=("WHITE_MATTER_LESIONS", "VENTRICULAR_ENLARGEMENT", "BRAIN_MASS"),
    ),
}


@dataclass(frozen=True, kw_only=True)
class HeadCalibration:
    """Platt scaling of one head and the probability from which it is worth a look.

    probability = 1 / (1 + exp(-(slope * logit + offset)))
    """

    slope: float = 1.0
    offset: float = 0.0
    threshold: float = 0.5

    def probability(self, logit: float) -> float:
        z = max(-60.0, min(60.0, self.slope * logit + self.offset))
        return 1.0 / (1.0 + math.exp(-z))


@dataclass(frozen=True, kw_only=True, eq=False)
class Tower:
    """A network with the processor it was trained with.

    Args:
        calibration: by head name; a missing head is taken as calibrated.
        weights_sha256: None for an untrained tower (``Tower.untrained``: tests and training only).
    """

    name: str
    network: ResidualUNet
    processor: Processor
    device: str = "cpu"
    calibration: dict[str, HeadCalibration] = field(default_factory=dict)
    weights_sha256: str | None = None

    @classmethod
    def untrained(cls, name: str, *, seed: int = 0, device: str = "cpu") -> Tower:
        """A tower with random weights, for training and for tests of shapes and places."""
        import torch

        from tomoscribe.encoders.unet import ResidualUNet

        spec = _spec(name)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = ResidualUNet(spec.network())
        return cls(name=name, network=network.to(device).eval(), processor=Processor(spec.processor), device=device)

    def encode(self, volumes: Volume | Mapping[str, Volume]) -> TowerOutput:
        """Tokens, masks and heads of one volume, or of several of one frame of reference by name.

        Tokens of several volumes follow each other in the mapping's order, and ``pooled`` is their mean.
        """
        return join([self._encode_one(key, volume) for key, volume in named_volumes(volumes).items()])

    def _encode_one(self, key: str, volume: Volume) -> TowerOutput:
        import torch

        processed = self.processor(volume)
        images = torch.from_numpy(processed.image_CDHW)[None].to(self.device)
        with torch.inference_mode():
            out = self.network(images)
            probabilities = torch.softmax(out.masks_BMDHW[0].float(), dim=0)[1:].cpu().numpy()
        masks = SoftMasks(names=self.network.config.masks, probabilities=probabilities, geometry=processed.geometry)
        return TowerOutput(
            tower=self.name,
            scales=tuple(self._scale(level, out, processed.geometry) for level in self.network.config.token_levels),
            pooled=out.tokens_BCdhw[max(out.tokens_BCdhw)][0].float().mean(dim=(1, 2, 3)).cpu(),
            masks={key: masks},
            heads=self._heads(key, out, processed, masks),
            weights_sha256=self.weights_sha256,
        )

    def _scale(self, level: int, out: UNetOutput, geometry: Geometry) -> TokenScale:
        stride = 2**level
        grid = token_grid(geometry, stride)
        tokens_NC, positions_mm = flatten_tokens(out.tokens_BCdhw[level][0].cpu(), grid)
        return TokenScale(
            stride_voxels=stride, cell_mm=float(grid.spacing_mm[0]), tokens=tokens_NC, positions_mm=positions_mm
        )

    def _heads(self, key: str, out: UNetOutput, processed: Processed, masks: SoftMasks) -> tuple[HeadOutput, ...]:
        config = self.network.config
        grid = token_grid(processed.geometry, 2**config.head_level)
        logits_FN, positions_mm = flatten_tokens(out.cells_BFdhw[0].cpu(), grid)
        logits_FN = logits_FN.T
        places = positions_mm.numpy().astype(np.float64)
        midline_mm = midline_x_mm(masks, processed)
        outputs = []
        for row, name in enumerate(config.heads):
            for side in SIDES if name in config.sided_heads else (None,):
                members = side_members(places, side, midline_mm)
                outputs.append(self._head(name, side, logits_FN[row], places, members, float(grid.spacing_mm[0]), key))
        return tuple(outputs)

    def _head(
        self,
        name: str,
        side: str | None,
        logits_N: Tensor,
        places_mm: NDArray[np.float64],
        members: NDArray[np.bool_],
        cell_mm: float,
        key: str,
    ) -> HeadOutput:
        import torch

        from tomoscribe.encoders.unet import pool_cells

        logit = float(pool_cells(logits_N[None], torch.from_numpy(members))[0])
        center, low, high = region_of(logits_N.numpy().astype(np.float64)[members], places_mm[members], cell_mm)
        calibration = self.calibration.get(name, HeadCalibration())
        return HeadOutput(
            name=name,
            laterality=side,
            logit=logit,
            probability=calibration.probability(logit),
            center_mm=center,
            box_min_mm=low,
            box_max_mm=high,
            source=key,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyTower(Tower):
    """A tower for the reading of one study: each volume goes through the network once, whoever asks for it."""

    parts: dict[tuple[str, int], tuple[Volume, TowerOutput]] = field(default_factory=dict)
    """By name and identity of the volume, which is held so that the identity stays its own."""

    @classmethod
    def of(cls, tower: Tower) -> StudyTower:
        return cls(**{f.name: getattr(tower, f.name) for f in fields(Tower)})

    def _encode_one(self, key: str, volume: Volume) -> TowerOutput:
        known = self.parts.get((key, id(volume)))
        if known is None:
            known = self.parts[key, id(volume)] = (volume, super()._encode_one(key, volume))
        return known[1]


def load_unet(name: str, *, device: str = "cpu") -> Tower:
    """The named U-Net with its trained weights.

    Raises:
        ConfigError: no tower has that name.
        WeightsError: its weights are missing, altered or do not fit.
    """
    from tomoscribe.encoders.unet import ResidualUNet, UNetConfig

    _spec(name)
    weights = load_weights(name)
    try:
        network = ResidualUNet(UNetConfig.from_json(weights.config["network"]))
        processor = Processor(ProcessorConfig(**weights.config["processor"]))
        calibration = {head: HeadCalibration(**row) for head, row in weights.config["calibration"].items()}
    except (KeyError, TypeError, ConfigError) as error:
        raise WeightsError(f"the configuration inside the weights '{name}' is not valid: {error}") from error
    fit(network, weights, name)
    return Tower(
        name=name,
        network=network.to(device).eval(),
        processor=processor,
        device=device,
        calibration=calibration,
        weights_sha256=weights.sha256,
    )


def shared_tower(name: str, *, device: str = "cpu") -> Tower:
    """As ``load_unet``, loaded once in this process: for reading, not for training.

    Raises:
        ConfigError, WeightsError: as ``load_unet``.
    """
    from tomoscribe.encoders.kept import kept

    return kept(name, device, lambda: load_unet(name, device=device))


def midline_x_mm(masks: SoftMasks, processed: Processed) -> float:
    """x of the plane between the sides: half way between the lungs' centers, else the center of the body's mass."""
    x_mm = masks.geometry.to_world([[0, 0, i] for i in range(masks.geometry.shape[2])])[:, 0]
    voxel_ml = masks.geometry.voxel_volume_mm3 / 1000.0
    if set(_LUNGS) <= set(masks.names):
        profiles = [masks.probability(name).sum(axis=(0, 1)) for name in _LUNGS]
        if min(p.sum() for p in profiles) * voxel_ml >= _MIN_LUNG_ML:
            return float(np.mean([(p * x_mm).sum() / p.sum() for p in profiles]))
    profile = (processed.image_CDHW[0] > 0.5).sum(axis=(0, 1))
    return float((profile * x_mm).sum() / profile.sum()) if profile.sum() else float(x_mm.mean())


def side_members(positions_mm: NDArray[np.float64], side: str | None, midline_mm: float) -> NDArray[np.bool_]:
    """Which cells belong to ``side``: the patient's left lies at larger x; without a side all of them do."""
    if side is None:
        return np.ones(len(positions_mm), bool)
    left = positions_mm[:, 0] > midline_mm
    return left if side == "left" else ~left


def region_of(
    logits_N: NDArray[np.float64], positions_mm: NDArray[np.float64], cell_mm: float
) -> tuple[Point, Point, Point]:
    """Center and box of the cells behind a pooled logit: those with at least a tenth of the strongest cell's share."""
    if not len(logits_N):
        return (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
    share = np.exp(logits_N - logits_N.max())
    strong = share >= 0.1
    center = (share[strong, None] * positions_mm[strong]).sum(axis=0) / share[strong].sum()
    low, high = positions_mm[strong].min(axis=0) - cell_mm / 2, positions_mm[strong].max(axis=0) + cell_mm / 2
    return _point(center), _point(low), _point(high)


def _spec(name: str) -> TowerSpec:
    if name not in SPECS:
        raise ConfigError(f"expected a tower of {', '.join(SPECS)}, found '{name}'")
    return SPECS[name]


def _point(xyz: NDArray[Any]) -> Point:
    return float(xyz[0]), float(xyz[1]), float(xyz[2])
