"""Small DICOM studies of generated patients with their truth, made by ``python -m tomoscribe.sample_data.generate``."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).resolve().parent


def names() -> tuple[str, ...]:
    """Names of the studies that are there, in alphabetical order."""
    return tuple(sorted(p.parent.name for p in _FOLDER.glob("*/truth.json")))


def path(name: str) -> Path:
    """The folder of a study: DICOM files and ``truth.json``.

    Raises:
        KeyError: no study of that name.
    """
    if name not in names():
        raise KeyError(f"no sample study '{name}'; there are {', '.join(names()) or 'none'}")
    return _FOLDER / name
