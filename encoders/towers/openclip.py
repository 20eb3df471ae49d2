"""`openclip:NAME`: a 2D image-text model of open_clip on axial slices, pooled along the stack.

Slices lie along the patient's axes, square, all of the volume inside them. Image and text embeddings share one space,
so that studies are found by words and by each other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Geometry, Volume
from tomoscribe.core.errors import ConfigError, MissingExtraError, UnsupportedError, WeightsError
from tomoscribe.encoders.processor import flatten_tokens, resample_mean
from tomoscribe.encoders.towers.interface import join, named_volumes, require_hounsfield
from tomoscribe.encoders.types import TokenScale, TowerOutput

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    Embeddings = Float[Tensor, "items channels"]

SLICE_MM = 5.0
WINDOW_HU = (-1000.0, 400.0)
CONFIG_FILE = "open_clip_config.json"
_BATCH = 16
_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenClipTower:
    """Tokens of the patches and of blocks of 2 x 2 x 2 patches; ``pooled`` lies in the space of the texts.

    Args:
        name: ``openclip:NAME``.
        model: an open_clip model with an image and a text tower.
        tokenizer: that of the model, texts -> (N, L) token ids.
        size: edge of the slices in pixels.
        mean, std: of the three channels, as the model was trained.
        slice_mm: distance of the slices; a choice of ours that every tower on slices needs.
    """

    name: str
    model: Any
    tokenizer: Any
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    slice_mm: float = SLICE_MM
    device: str = "cpu"
    weights_sha256: str | None = None

    def encode(self, volumes: Volume | Mapping[str, Volume]) -> TowerOutput:
        """As every tower; CT in Hounsfield units (-1000 to 400 HU as gray) or MR (black to the 98th percentile)."""
        return join([self._encode_one(volume) for volume in named_volumes(volumes).values()])

    def embed_text(self, texts: Sequence[str]) -> Embeddings:
        """(N, C) of unit length: the texts in the space of ``pooled``."""
        import torch

        with torch.inference_mode():
            tokens = self.tokenizer(list(texts)).to(self.device)
            return torch.nn.functional.normalize(self.model.encode_text(tokens).float(), dim=-1).cpu()

    def _encode_one(self, volume: Volume) -> TowerOutput:
        import torch

        gray, grid = slices(volume, self.size, self.slice_mm, self.name)
        patches, features = [], []
        with torch.inference_mode():
            for start in range(0, len(gray), _BATCH):
                images = torch.from_numpy(gray[start : start + _BATCH])[:, None].expand(-1, 3, -1, -1)
                seen = self._see((images - _column(self.mean)) / _column(self.std))
                patches.append(seen["image_intermediates"][-1].float().cpu())
                features.append(torch.nn.functional.normalize(seen["image_features"].float(), dim=-1).cpu())
        dense_Cdhw = torch.cat(patches).movedim(1, 0)
        pooled = torch.nn.functional.normalize(torch.cat(features).mean(dim=0), dim=0)
        coarse = torch.nn.functional.avg_pool3d(dense_Cdhw[None], 2, ceil_mode=True, count_include_pad=False)[0]
        fine_grid = grid.with_shape(dense_Cdhw.shape[1:])
        return TowerOutput(
            tower=self.name,
            scales=(
                _scale(dense_Cdhw, fine_grid, self.size),
                _scale(coarse, _doubled(fine_grid, coarse.shape[1:]), self.size),
            ),
            pooled=pooled,
            masks={},
            heads=(),
            weights_sha256=self.weights_sha256,
        )

    def _see(self, images: Tensor) -> dict[str, Any]:
        seen: dict[str, Any] = self.model.visual.forward_intermediates(
            images.to(self.device), indices=1, normalize_intermediates=True, output_fmt="NCHW"
        )
        return seen


def slices(volume: Volume, size: int, slice_mm: float, tower: str) -> tuple[NDArray[np.float32], Geometry]:
    """Axial slices (S, size, size), 0 to 1, and their grid: k to the head, j to the back, i to the patient's left.

    Raises:
        ConfigError: CT that is not in Hounsfield units.
        UnsupportedError: another modality than CT or MR.
    """
    if volume.modality not in ("CT", "MR"):
        raise UnsupportedError(f"the tower '{tower}' takes CT or MR, found {volume.modality}")
    grid = slice_grid(volume.geometry, size, slice_mm)
    if volume.modality == "CT":
        require_hounsfield(volume, tower)
        low, high = WINDOW_HU
    else:
        low, high = 0.0, max(float(np.percentile(volume.array[volume.array > volume.array.mean()], 98)), 1e-6)
    values = resample_mean(volume.array, volume.geometry, grid, fill=low)
    return np.clip((values - low) / (high - low), 0.0, 1.0).astype(np.float32), grid


def slice_grid(geometry: Geometry, size: int, slice_mm: float) -> Geometry:
    """Square axial slices around all of ``geometry``, centers aligned."""
    corners = geometry.corners_mm
    extent = corners.max(axis=0) - corners.min(axis=0)
    pixel = float(extent[:2].max()) / size
    shape = (max(1, int(np.ceil(extent[2] / slice_mm - 1e-6))), size, size)
    spacing = (slice_mm, pixel, pixel)
    middle = (corners.max(axis=0) + corners.min(axis=0)) / 2
    origin = middle - ((np.array(shape) - 1) / 2 * np.array(spacing))[[2, 1, 0]]
    return Geometry.from_parts(
        spacing_mm=spacing, origin_mm=origin, shape=shape, frame_of_reference_uid=geometry.frame_of_reference_uid
    )


def load_openclip(
    name: str, *, weights: Path | None = None, download: bool = False, device: str = "cpu"
) -> OpenClipTower:
    """The tower from a folder (``open_clip_config.json`` and weights), a weights file, or the hub.

    Args:
        name: an architecture of open_clip, a folder, or ``hf-hub:OWNER/NAME`` (needs ``download``).
        weights: a folder, or the weights file of the architecture ``name``.

    Raises:
        MissingExtraError: open_clip is not installed.
        ConfigError: no such architecture.
        WeightsError: no weights were named, or they do not fit.
    """
    open_clip = _open_clip()
    folder = weights if weights is not None and weights.is_dir() else Path(name) if Path(name).is_dir() else None
    options: dict[str, Any] = {"device": device, "weights_only": True}
    if folder is not None:
        source, file, options = f"local-dir:{folder.resolve()}", _weights_in(folder), options | _local_text(folder)
    elif weights is not None:
        if name not in open_clip.list_models():
            raise ConfigError(f"open_clip knows no architecture '{name}'", remedy="name the model's folder instead")
        source, file = name, weights
        options |= {"pretrained": str(weights), "pretrained_text": False}
    elif download:
        source, file = name, None
    else:
        raise WeightsError(
            f"expected weights for the tower 'openclip:{name}', found none: nothing is downloaded unasked",
            remedy="name the model's local folder or weights file, or allow the download",
        )
    sha256 = _sha256(file) if file is not None else None
    return _built(open_clip, name, source, options, sha256)


def _built(open_clip: Any, name: str, source: str, options: dict[str, Any], sha256: str | None) -> OpenClipTower:
    try:
        model = open_clip.create_model(source, **options).eval()
        tokenizer = open_clip.get_tokenizer(source)
    except (RuntimeError, ValueError, OSError, KeyError, TypeError, AssertionError) as error:
        raise WeightsError(
            f"the model of the tower 'openclip:{name}' cannot be loaded: {str(error).splitlines()[0]}"
        ) from error
    facts = open_clip.get_model_preprocess_cfg(model)
    size = facts["size"] if isinstance(facts["size"], int) else facts["size"][-1]
    return OpenClipTower(
        name=f"openclip:{name}",
        model=model,
        tokenizer=tokenizer,
        size=int(size),
        mean=tuple(facts["mean"]),
        std=tuple(facts["std"]),
        device=str(options["device"]),
        weights_sha256=sha256,
    )


def _open_clip() -> Any:
    try:
        import open_clip
    except ImportError as error:
        raise MissingExtraError("a tower of open_clip", "openclip") from error
    return open_clip


def _local_text(folder: Path) -> dict[str, Any]:
    """A text tower of the hub's kind takes its weights from the folder too, not from the hub."""
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        text = config["model_cfg"]["text_cfg"]
    except OSError as error:
        raise WeightsError(f"expected {CONFIG_FILE} in the model's folder, found none", where=folder.name) from error
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{CONFIG_FILE} is not a model configuration of open_clip", where=folder.name) from error
    return {"pretrained_hf": False} if "hf_model_name" in text else {}


def _weights_in(folder: Path) -> Path:
    for name in _WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    raise WeightsError(f"expected one of {', '.join(_WEIGHTS)} in the model's folder, found none", where=folder.name)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _column(values: Sequence[float]) -> Tensor:
    import torch

    return torch.tensor(values)[None, :, None, None]


def _doubled(grid: Geometry, shape: Sequence[int]) -> Geometry:
    """The grid of blocks of 2 x 2 x 2 cells; the last block of an odd axis reaches beyond the grid."""
    affine = grid.affine.copy()
    affine[:3, :3] *= 2
    affine[:3, 3] = grid.to_world(np.full(3, 0.5))
    depth, height, width = (int(n) for n in shape)
    return Geometry(affine=affine, shape=(depth, height, width), frame_of_reference_uid=grid.frame_of_reference_uid)


def _scale(features_Cdhw: Tensor, grid: Geometry, size: int) -> TokenScale:
    tokens_NC, positions_mm = flatten_tokens(features_Cdhw, grid)
    return TokenScale(
        stride_voxels=size // features_Cdhw.shape[2],
        cell_mm=float(grid.voxel_volume_mm3 ** (1 / 3)),
        tokens=tokens_NC,
        positions_mm=positions_mm,
    )
