"""``tomoscribe info``."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

PACKAGES = (
    "numpy", "scipy", "scikit-image", "SimpleITK", "pydicom", "highdicom", "pylibjpeg", "pyjpegls", "torch",
    "torchvision", "transformers", "tokenizers", "safetensors", "monai", "pytorch-lightning", "napari", "PySide6",
)  # fmt: skip


def info(as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False) -> None:
    """Versions, devices, weights with hashes and licences, what this machine can run and why not more."""
    facts = collect()
    if as_json:
        typer.echo(json.dumps(facts, indent=2, sort_keys=True))
        return
    for line in _lines(facts):
        typer.echo(line)


def collect() -> dict[str, Any]:
    """Everything that ``tomoscribe info`` shows."""
    from tomoscribe.encoders.devices import available_devices, why_no_cuda

    devices = available_devices()
    return {
        "tomoscribe": version("tomoscribe"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "devices": [
            {"name": d.name, "description": d.description, "free_gb": round(d.free_bytes / 1e9, 1)} for d in devices
        ],
        "gpu": why_no_cuda(),
        "guard": _guard(),
        "weights": _weights(),
        "can": _abilities(),
        "problems": problems(),
        "notice": "Not a medical device.",
    }


def problems() -> list[str]:
    """Known broken states of this environment, each with its remedy."""
    found = []
    if find_spec("torchvision") is not None:
        try:
            import torchvision  # noqa: F401
        except (RuntimeError, ImportError, OSError) as error:
            found.append(
                f"torchvision does not fit torch ({str(error).splitlines()[0]}); "
                "install both from the same place, or remove it: pip uninstall torchvision"
            )
    return found


def _guard() -> str:
    """Whether the process that reads DICOM headers starts, and which of the platform's limits it lacks."""
    from tomoscribe.core.errors import InputError
    from tomoscribe.encoders.dicom.guarded import header_guard

    try:
        seconds = header_guard().start()
    except InputError as error:
        return error.line()
    missing = header_guard().missing_limits
    limits = f"this platform does not limit its {', '.join(missing)}" if missing else "under the platform's limits"
    return f"starts in {1000 * seconds:.0f} ms, {limits}"


def _abilities() -> dict[str, str]:
    gui = "yes" if find_spec("napari") and find_spec("qtpy") else 'no: pip install "tomoscribe[gui]"'
    train = "yes" if find_spec("pytorch_lightning") and find_spec("monai") else 'no: pip install "tomoscribe[train]"'
    return {"read chest CT": "yes", "read brain MR (T1 with FLAIR)": "yes", "view (napari)": gui, "train": train}


def _weights() -> list[dict[str, Any]]:
    import hashlib

    import tomoscribe.fusion
    from tomoscribe.encoders.weights import FOLDER, list_weights

    rows = []
    for folder in (FOLDER, Path(tomoscribe.fusion.__file__).parent / "weights"):
        for name, entry in list_weights(folder).items():
            file = folder / entry.file
            found = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None
            row = {"name": name, "file": entry.file, "sha256": entry.sha256, "licence": entry.licence}
            rows.append({**row, "data": list(entry.data), "intact": found == entry.sha256})
    return rows


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [f"tomoscribe {facts['tomoscribe']}, Python {facts['python']}, {facts['platform']}", "", "Packages"]
    lines += [f"  {name} {found or 'not installed'}" for name, found in facts["packages"].items()]
    lines += ["", "Devices"]
    lines += [f"  {d['name']}: {d['description']}, {d['free_gb']} GB free" for d in facts["devices"]]
    lines += [f"  GPU: {facts['gpu']}", "", f"DICOM header guard: {facts['guard']}", "", "Weights"]
    for w in facts["weights"]:
        state = "intact" if w["intact"] else "ALTERED"
        lines.append(f"  {w['name']}: {w['file']}, {w['licence']}, sha256 {w['sha256']}, {state}")
    lines += ["", "This machine can"]
    lines += [f"  {what}: {answer}" for what, answer in facts["can"].items()]
    lines += ["", *(f"PROBLEM: {p}" for p in facts["problems"]), facts["notice"]]
    return lines
