"""Which towers there are and how a name becomes one. Nothing is downloaded unless it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, overload

from tomoscribe.core.errors import ConfigError
from tomoscribe.encoders.towers.interface import VisionTower
from tomoscribe.encoders.towers.unet import SPECS, Tower, load_unet

ASTRA = "astra"
OPENCLIP = "openclip:"
MONAI = "monai:"
Shipped = Literal["unet-ct", "unet-mr"]


def list_towers() -> tuple[str, ...]:
    """Names that ``create_tower`` knows; ``openclip:NAME`` and ``monai:FOLDER`` stand for what follows the colon."""
    return (*SPECS, ASTRA, f"{OPENCLIP}NAME", f"{MONAI}FOLDER")


@overload
def create_tower(name: Shipped, *, device: str = ...) -> Tower: ...
@overload
def create_tower(name: str, *, device: str = ..., weights: Path | None = ..., download: bool = ...) -> VisionTower: ...
def create_tower(name: str, *, device: str = "cpu", weights: Path | None = None, download: bool = False) -> VisionTower:
    """The named tower with trained weights.

    Args:
        name: ``unet-ct`` and ``unet-mr`` come with the package; ``astra`` with the extra of that name or from
            ``weights``; ``openclip:NAME`` from a local folder or file given by ``weights`` (NAME may itself be such
            a folder), or from the hub if ``download``; ``monai:FOLDER`` from a bundle's folder.
        weights: a local file or folder, for towers whose weights are not in the package.
        download: whether the hub may be asked; never by default.

    Raises:
        ConfigError: no tower has that name, or it takes no such argument.
        MissingExtraError: an optional package is missing.
        WeightsError: weights are missing, altered or do not fit.
    """
    if name in SPECS:
        _refuse_sources(name, weights, download)
        return load_unet(name, device=device)
    if name == ASTRA:
        from tomoscribe.encoders.towers.astra import load_astra

        _refuse_sources(name, None, download)
        return load_astra(weights, device=device)
    if name.startswith(OPENCLIP):
        from tomoscribe.encoders.towers.openclip import load_openclip

        return load_openclip(name.removeprefix(OPENCLIP), weights=weights, download=download, device=device)
    if name.startswith(MONAI):
        from tomoscribe.encoders.towers.monai_bundle import load_bundle

        _refuse_sources(name, weights, download)
        return load_bundle(Path(name.removeprefix(MONAI)), device=device)
    raise ConfigError(f"expected a tower of {', '.join(list_towers())}, found '{name}'")


def _refuse_sources(name: str, weights: Path | None, download: bool) -> None:
    if weights is not None or download:
        raise ConfigError(f"the tower '{name}' takes neither other weights nor a download")
