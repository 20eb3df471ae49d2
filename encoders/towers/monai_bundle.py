"""`monai:FOLDER`: the network of a MONAI bundle as a tower, through a sliding window of its own size.

A bundle's configuration may hold Python expressions and class paths; none is evaluated here. The network has to be a
class of ``monai.networks.nets`` with plain arguments, and the preprocessing one that this tower knows how to do.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
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
    from torch import Tensor, nn

_CONFIGS = ("inference.json", "inference.yaml", "inference.yml")
_KNOWN = {
    "LoadImage", "EnsureChannelFirst", "EnsureType", "Orientation", "Spacing", "ScaleIntensityRange",
    "NormalizeIntensity", "CropForeground", "DivisiblePad", "SpatialPad",
}  # fmt: skip
"""Cropping and padding change no value and no place: the window below does their work."""


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How a bundle scales values: a range to a range and cut, or to mean 0 and spread 1."""

    source: tuple[float, float] | None = None
    target: tuple[float, float] = (0.0, 1.0)
    nonzero: bool = False

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.source is not None:
            (low, high), (bottom, top) = self.source, self.target
            scaled = (values - low) / (high - low) * (top - bottom) + bottom
            return np.clip(scaled, bottom, top).astype(np.float32)
        chosen = values[values != 0] if self.nonzero else values
        out = (values - chosen.mean()) / max(float(chosen.std()), 1e-6)
        return np.where(values != 0, out, 0).astype(np.float32) if self.nonzero else out.astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class BundleFacts:
    """What a bundle says about its input. The axes are those of the network's images.

    Args:
        modality: ``CT`` or ``MR``.
        orientation: where the axes run to, e.g. ``RAH`` for MONAI's ``RAS``.
        spacing_mm: of the grid along these axes, or None for the volume's own.
        window: voxels that the network takes at once.
        scaling: None for values as they are.
    """

    modality: str
    orientation: str
    spacing_mm: tuple[float, float, float] | None
    window: tuple[int, int, int]
    scaling: Scaling | None
    network: dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class BundleTower:
    """Tokens from the network's two coarsest levels; neither masks nor heads of our names."""

    name: str
    network: nn.Module
    facts: BundleFacts
    device: str = "cpu"
    weights_sha256: str | None = None

    def encode(self, volumes: Volume | Mapping[str, Volume]) -> TowerOutput:
        """As every tower; volumes of the bundle's modality only."""
        return join([self._encode_one(volume) for volume in named_volumes(volumes).values()])

    def _encode_one(self, volume: Volume) -> TowerOutput:
        values, grid = self.prepared(volume)
        levels = sliding_tokens(self._features, values, self.facts.window)
        scales = tuple(_scale(features, grid, stride) for stride, features in levels)
        return TowerOutput(
            tower=self.name,
            scales=scales,
            pooled=scales[-1].tokens.mean(dim=0),
            masks={},
            heads=(),
            weights_sha256=self.weights_sha256,
        )

    def prepared(self, volume: Volume) -> tuple[NDArray[np.float32], Geometry]:
        """The scaled image (D, H, W) and its grid.

        Raises:
            ConfigError: another modality or value unit than the bundle's.
        """
        if volume.modality != self.facts.modality:
            raise ConfigError(f"the tower '{self.name}' takes {self.facts.modality}, found {volume.modality}")
        if volume.modality == "CT":
            require_hounsfield(volume, self.name)
        turned: Volume = volume.oriented(self.facts.orientation)
        values, grid = turned.array.astype(np.float32), turned.geometry
        if self.facts.spacing_mm is not None:
            grid = turned.geometry.with_spacing(self.facts.spacing_mm)
            fill = -1000.0 if volume.modality == "CT" else 0.0
            values = resample_mean(turned.array, turned.geometry, grid, fill=fill)
        return values if self.facts.scaling is None else self.facts.scaling(values), grid

    def _features(self, image_11DHW: Tensor) -> list[tuple[int, Tensor]]:
        """(stride, (C, d, h, w)) of the two coarsest levels, as the last module that has their size left them."""
        import torch

        kept: dict[int, Tensor] = {}
        size = image_11DHW.shape[2:]
        seen: list[int] = []

        def keep(module: Any, inputs: Any, output: Any) -> None:
            if not isinstance(output, torch.Tensor) or output.ndim != 5:
                return
            stride = round(size[0] / output.shape[2])
            exact = all(n == m * stride for n, m in zip(size, output.shape[2:], strict=True))
            if exact and stride > 1 and (not seen or stride >= max(seen)):
                kept[stride] = output
            seen.append(stride)

        handles = [m.register_forward_hook(keep) for m in self.network.modules()]
        try:
            with torch.inference_mode():
                self.network(image_11DHW.to(self.device))
        finally:
            for handle in handles:
                handle.remove()
        strides = sorted(kept)[-2:]
        if not strides:
            raise UnsupportedError(f"the network of '{self.name}' has no coarser level to take tokens from")
        return [(stride, kept[stride][0].float().cpu()) for stride in strides]


def sliding_tokens(features: Any, image_DHW: NDArray[np.float32], window: Sequence[int]) -> list[tuple[int, Tensor]]:
    """Dense features of an image of any size through a window: half overlapped, means where windows share a cell.

    Args:
        features: an image (1, 1, *window) -> [(stride, (C, d, h, w)), ...].
        window: voxels along each axis, a multiple of every stride. The image is padded with its lowest value to whole
            windows; cells that lie in the padding alone are left out.
    """
    import torch

    starts = [_starts(n, w) for n, w in zip(image_DHW.shape, window, strict=True)]
    pads = [(0, s[-1] + w - n) for s, w, n in zip(starts, window, image_DHW.shape, strict=True)]
    padded = np.pad(image_DHW, pads, constant_values=float(image_DHW.min()))
    sums: dict[int, Tensor] = {}
    counts: dict[int, Tensor] = {}
    for corner in product(*starts):
        box = tuple(slice(c, c + w) for c, w in zip(corner, window, strict=True))
        image = torch.from_numpy(np.ascontiguousarray(padded[box]))[None, None]
        for stride, out_Cdhw in features(image):
            if stride not in sums:
                shape = [n // stride for n in padded.shape]
                sums[stride] = torch.zeros(out_Cdhw.shape[0], *shape)
                counts[stride] = torch.zeros(shape)
            cells = tuple(slice(c // stride, (c + w) // stride) for c, w in zip(corner, window, strict=True))
            sums[stride][(slice(None), *cells)] += out_Cdhw
            counts[stride][cells] += 1
    inside = {s: tuple(slice(0, -(-n // s)) for n in image_DHW.shape) for s in sums}
    return [(s, (sums[s] / counts[s])[(slice(None), *inside[s])]) for s in sorted(sums)]


def _starts(size: int, window: int) -> list[int]:
    """First voxels of half-overlapping windows that cover ``size`` voxels; the last may reach beyond."""
    step = max(1, window // 2)
    return [n * step for n in range(1 + max(0, math.ceil((size - window) / step)))]


def _scale(features_Cdhw: Tensor, geometry: Geometry, stride: int) -> TokenScale:
    affine = geometry.affine.copy()
    affine[:3, :3] *= stride
    affine[:3, 3] = geometry.to_world(np.full(3, (stride - 1) / 2.0))
    depth, height, width = features_Cdhw.shape[1:]
    grid = Geometry(affine=affine, shape=(depth, height, width), frame_of_reference_uid=geometry.frame_of_reference_uid)
    tokens_NC, positions_mm = flatten_tokens(features_Cdhw, grid)
    cell_mm = float(grid.voxel_volume_mm3 ** (1 / 3))
    return TokenScale(stride_voxels=stride, cell_mm=cell_mm, tokens=tokens_NC, positions_mm=positions_mm)


def load_bundle(folder: Path, *, device: str = "cpu") -> BundleTower:
    """The tower of a bundle's folder (``configs/metadata.json``, ``configs/inference.*``, ``models/model.pt``).

    Raises:
        MissingExtraError: monai is not installed.
        ConfigError: there is no such folder or no configuration in it.
        UnsupportedError: the bundle asks for an expression, a class or a preprocessing that is not known here.
        WeightsError: its weights are missing or do not fit its network.
    """
    facts = bundle_facts(folder)
    network = _network(facts.network, folder)
    path = folder / "models" / "model.pt"
    if not path.is_file():
        raise WeightsError("expected models/model.pt in the bundle, found none", where=folder.name)
    _load_state(network, path)
    return BundleTower(
        name=f"monai:{folder.name}",
        network=network.to(device).eval(),
        facts=facts,
        device=device,
        weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def bundle_facts(folder: Path) -> BundleFacts:
    """What the bundle's configuration says; errors as of ``load_bundle``."""
    metadata = _read(folder / "configs" / "metadata.json")
    found = next((p for p in (folder / "configs" / name for name in _CONFIGS) if p.is_file()), None)
    if found is None:
        raise ConfigError("expected configs/inference.json or .yaml in the bundle, found none", where=folder.name)
    config = _read(found)
    image = metadata.get("network_data_format", {}).get("inputs", {}).get("image", {})
    modality = str(image.get("modality", "")).upper().replace("MRI", "MR")
    if modality not in ("CT", "MR") or image.get("num_channels", 1) != 1:
        raise UnsupportedError(
            f"expected a bundle for one channel of CT or MR, found {image.get('num_channels')} of '{modality}'",
            where=folder.name,
        )
    steps = [_step(s, folder) for s in config.get("preprocessing", {}).get("transforms", [])]
    return BundleFacts(
        modality=modality,
        orientation=_orientation(steps),
        spacing_mm=_spacing(steps),
        window=_window(config, image, folder),
        scaling=_scaling(steps),
        network=dict(config.get("network_def", {})),
    )


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(f"expected {path.name} in the bundle, found none", where=path.parent.parent.name) from error
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError("a bundle's configuration is not readable", where=path.name) from error
    if not isinstance(data, dict):
        raise ConfigError("expected a bundle's configuration to be a mapping", where=path.name)
    return data


def _step(step: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A transform by its plain name; UnsupportedError for one that is not known."""
    name = str(step.get("_target_", "")).rsplit(".", 1)[-1].removesuffix("d")
    if name not in _KNOWN:
        raise UnsupportedError(f"the bundle prepares its images by '{name}', not known here", where=folder.name)
    return {**step, "_target_": name}


def _orientation(steps: Sequence[dict[str, Any]]) -> str:
    """MONAI's axcodes name where the axes run to, as ours do, but with S and I for H and F."""
    codes = next((str(s.get("axcodes", "RAS")) for s in steps if s["_target_"] == "Orientation"), "RAS")
    return codes.translate(str.maketrans("SI", "HF"))


def _spacing(steps: Sequence[dict[str, Any]]) -> tuple[float, float, float] | None:
    for step in steps:
        if step["_target_"] == "Spacing":
            a, b, c = (float(v) for v in step["pixdim"])
            return a, b, c
    return None


def _scaling(steps: Sequence[dict[str, Any]]) -> Scaling | None:
    for step in steps:
        if step["_target_"] == "ScaleIntensityRange":
            return Scaling(
                source=(float(step["a_min"]), float(step["a_max"])),
                target=(float(step.get("b_min", 0.0)), float(step.get("b_max", 1.0))),
            )
        if step["_target_"] == "NormalizeIntensity":
            return Scaling(nonzero=bool(step.get("nonzero", False)))
    return None


def _window(config: dict[str, Any], image: dict[str, Any], folder: Path) -> tuple[int, int, int]:
    """The inferer's window, else the image size of the metadata."""
    size = config.get("inferer", {}).get("roi_size") or image.get("spatial_shape")
    try:
        a, b, c = (int(n) for n in size or ())
    except (TypeError, ValueError) as error:
        raise UnsupportedError("the bundle gives no size of its window in numbers", where=folder.name) from error
    return a, b, c


def _network(definition: dict[str, Any], folder: Path) -> nn.Module:
    try:
        from monai.networks import nets
    except ImportError as error:
        raise MissingExtraError("a tower of a MONAI bundle", "train") from error

    name = str(definition.pop("_target_", "")).rsplit(".", 1)[-1]
    plain = all(not isinstance(v, str) or not v.startswith(("$", "@", "%")) for v in _leaves(definition))
    if not name or not isinstance(getattr(nets, name, None), type):
        raise UnsupportedError(f"expected a network of monai.networks.nets, found '{name}'", where=folder.name)
    if not plain:
        raise UnsupportedError("the bundle's network is defined by an expression", where=folder.name)
    try:
        made: nn.Module = getattr(nets, name)(**definition)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the bundle's network cannot be made: {error}", where=folder.name) from error
    return made


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for v in value.values() for leaf in _leaves(v)]
    return [leaf for v in value for leaf in _leaves(v)] if isinstance(value, list) else [value]


def _load_state(network: nn.Module, path: Path) -> None:
    import pickle

    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(state.get("model", state.get("state_dict", state)), strict=True)
    except (RuntimeError, pickle.UnpicklingError, AttributeError, EOFError) as error:
        raise WeightsError(
            f"the bundle's weights do not fit its network: {str(error).splitlines()[0]}", where=path.name
        ) from error
