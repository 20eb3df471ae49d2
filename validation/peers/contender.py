"""What the harness knows of a reader, and the list of all of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core.errors import InvalidValueError

ADAPTERS = ("ours", "simpleitk", "pydicom_loop", "highdicom_volume", "dicom2nifti_series", "monai_pydicom", "monai_itk")
"""Modules of this folder, each with one ``CONTENDER``; ours is the first."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """Voxels in the patient, in our convention.

    Args:
        array: (k, j, i).
        affine: 4 x 4, (k, j, i, 1) to (x, y, z, 1), LPS mm.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One reader.

    Args:
        name: as in the table.
        call: the documented call that ``read`` makes, in words or code.
        packages: distributions that it needs beside ours; their versions are printed.
        prepare: imports them.
        read: a folder that holds one series and nothing else, to whatever the reader gives.
        grid: what it gave, to voxels in the patient.
        start: what is started once per session after the imports (ours: the process that guards headers), or None.
    """

    name: str
    call: str
    packages: tuple[str, ...]
    prepare: Callable[[], None]
    read: Callable[[Path], Any]
    grid: Callable[[Any], Grid]
    start: Callable[[], None] | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Packages that are not installed; all of them come with the extra ``peers``."""
        return tuple(p for p in self.packages if _version(p) is None)

    @property
    def versions(self) -> dict[str, str]:
        """Package to version, of those that are installed."""
        found = {p: _version(p) for p in self.packages}
        return {p: v for p, v in found.items() if v is not None}


def contender(adapter: str) -> Contender:
    """The contender of that adapter.

    Raises:
        InvalidValueError: there is no such adapter.
    """
    if adapter not in ADAPTERS:
        raise InvalidValueError(f"expected one of {', '.join(ADAPTERS)}, found {adapter!r}")
    found: Contender = importlib.import_module(f"{__package__}.{adapter}").CONTENDER
    return found


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
