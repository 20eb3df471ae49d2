"""Weights files: safetensors with their configuration inside, checked against a manifest before use."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tomoscribe.core.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

FOLDER = Path(__file__).resolve().parent
_REMEDY = "Reinstall tomoscribe, or train them again with the recipe that docs/model_card_towers.md names"


@dataclass(frozen=True, kw_only=True)
class ManifestEntry:
    """What is known about one weights file.

    Args:
        file: name within the weights folder.
        recipe: the training recipe that made it.
        data: what it was trained on, one line for each source.
        date: ``YYYY-MM-DD`` of the training.
    """

    file: str
    sha256: str
    licence: str
    recipe: str
    data: tuple[str, ...]
    date: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """A loaded file: tensors as float32, configuration from the file's metadata, and the hash it was checked with."""

    tensors: dict[str, Tensor]
    config: dict[str, Any]
    sha256: str


def list_weights(folder: Path = FOLDER) -> dict[str, ManifestEntry]:
    """The manifest: name -> entry. Empty when nothing was trained yet."""
    path = folder / "manifest.json"
    if not path.is_file():
        return {}
    try:
        rows = json.loads(path.read_text())
        return {name: ManifestEntry(**{**row, "data": tuple(row["data"])}) for name, row in rows.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise WeightsError(f"the manifest of the weights is not readable: {error}", remedy=_REMEDY) from error


def load_weights(name: str, folder: Path = FOLDER) -> Weights:
    """Tensors and configuration of the named weights; WeightsError if missing or not the file of the manifest."""
    from safetensors import SafetensorError, safe_open

    entry = list_weights(folder).get(name)
    if entry is None or not (folder / entry.file).is_file():
        raise WeightsError(f"the weights '{name}' are not installed", remedy=_REMEDY)
    path = folder / entry.file
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != entry.sha256:
        raise WeightsError(
            f"the weights '{name}' were altered: expected sha256 {entry.sha256[:12]}..., found {digest[:12]}...",
            where=entry.file,
            remedy=_REMEDY,
        )
    try:
        with safe_open(path, framework="pt") as file:
            config = json.loads(file.metadata()["config"])
            tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"the weights '{name}' are not readable: {error}", where=entry.file) from error
    return Weights(tensors=tensors, config=config, sha256=digest)


def save_weights(
    name: str, tensors: dict[str, Tensor], config: dict[str, Any], entry: ManifestEntry, folder: Path = FOLDER
) -> ManifestEntry:
    """Write bf16 tensors with ``config`` inside, and enter them into the manifest; the entry's sha256 is set here."""
    import torch
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    blob = save(
        {key: value.detach().to("cpu", torch.bfloat16).contiguous() for key, value in sorted(tensors.items())},
        metadata={"config": json.dumps(config, sort_keys=True)},
    )
    (folder / entry.file).write_bytes(blob)
    made = ManifestEntry(**{**asdict(entry), "sha256": hashlib.sha256(blob).hexdigest()})
    rows = {key: asdict(value) for key, value in list_weights(folder).items()}
    rows[name] = asdict(made)
    (folder / "manifest.json").write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n")
    return made


def fit(module: Any, weights: Weights, name: str) -> None:
    """Load the tensors into the module; WeightsError if they do not fit it."""
    try:
        module.load_state_dict(weights.tensors, strict=True)
    except RuntimeError as error:
        raise WeightsError(f"the weights '{name}' do not fit their network: {str(error).splitlines()[0]}") from error
