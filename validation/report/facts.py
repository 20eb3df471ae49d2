"""What a run was made with: versions, weights, machine, command."""

from __future__ import annotations

import datetime
import hashlib
import os
import platform
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import WeightsError

_PACKAGES = ("numpy", "scipy", "torch", "transformers", "pydicom", "SimpleITK", "scikit-image", "scikit-learn")
_CODE = ("core", "encoders", "findings", "fusion", "phantoms", "reports")
_HASHED = (".py", ".json", ".j2", ".safetensors")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Of one run.

    Args:
        code_sha256: over the program's files that a result depends on.
        weights: name to sha256, date and where they come from.
        machine: processor, cores, memory, system, in words.
        load: average of the last minute at the start, None where the system does not say.
        seeds: of generated studies, and of resampling.
    """

    command: str
    date: str
    version: str
    code_sha256: str
    packages: Mapping[str, str]
    weights: Mapping[str, Mapping[str, str]]
    machine: str
    load: float | None
    seeds: Mapping[str, str] = field(default_factory=dict)


def facts(seeds: Mapping[str, str] | None = None) -> Facts:
    """Of this run, at its start."""
    return Facts(
        command=shlex.join(["tomoscribe", *(_without_folder(word) for word in sys.argv[1:])]),
        date=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        version=version("tomoscribe"),
        code_sha256=code_sha256(),
        packages={name: _version(name) for name in _PACKAGES},
        weights=weights(),
        machine=machine(),
        load=round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        seeds=seeds or {},
    )


def weights() -> dict[str, dict[str, str]]:
    """Every network that ships, with the hash of its file as it lies there."""
    from tomoscribe.encoders.weights import files

    rows = {}
    for folder in (files.FOLDER, _top() / "fusion" / "weights"):
        for name, entry in sorted(files.list_weights(folder).items()):
            digest = hashlib.sha256((folder / entry.file).read_bytes()).hexdigest()
            if digest != entry.sha256:
                raise WeightsError(f"the weights '{name}' are not those of their manifest", where=entry.file)
            rows[name] = {"sha256": digest, "date": entry.date, "trained_on": "; ".join(entry.data)}
    return rows


def code_sha256() -> str:
    """One hash over the files that results depend on; a result of other code is never taken for this one's."""
    digest = hashlib.sha256()
    for folder in _CODE:
        for path in sorted((_top() / folder).rglob("*")):
            if path.suffix in _HASHED and path.is_file():
                digest.update(str(path.relative_to(_top())).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _top() -> Path:
    """The folder that holds ``core``, ``encoders`` and the others."""
    import tomoscribe.core

    return Path(str(tomoscribe.core.__file__)).resolve().parent.parent


def machine() -> str:
    """Processor, cores, memory, system and Python."""
    from tomoscribe.validation.dicom_speed.table import processor

    memory = ""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"
    return f"{processor()}, {os.cpu_count()} cores{memory}, {platform.system()}, Python {platform.python_version()}"


def to_json(one: Facts) -> dict[str, Any]:
    """As it stands in a result."""
    from dataclasses import asdict

    return asdict(one)


def _without_folder(word: str) -> str:
    """Paths say where a user keeps data: their last part is enough."""
    return Path(word).name if "/" in word or "\\" in word else word


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
