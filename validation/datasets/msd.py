"""Medical Segmentation Decathlon: ``dataset.json`` names the channels, the labels, and each image with its mask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import InputError
from tomoscribe.validation.datasets.adapter import Adapter, usable
from tomoscribe.validation.datasets.opened import Collector, patient_key
from tomoscribe.validation.datasets.tables import read_text
from tomoscribe.validation.datasets.volumes import stem_of
from tomoscribe.validation.records import Case, TruthMask

_ROLES = {"ct": "CT", "flair": "FLAIR", "t1w": "T1", "t1": "T1", "t1gd": "T1c", "t2w": "T2", "t2": "T2", "mri": "MR"}


def looks_like(folder: Path) -> bool:
    """Its index beside the folder of training images."""
    return (folder / "dataset.json").is_file() and (folder / "imagesTr").is_dir()


def read(folder: Path, into: Collector) -> None:
    """Training images have masks; test images have none and are listed as such."""
    index = _index(folder / "dataset.json")
    roles = _roles(index)
    labels = _labels(index, into)
    task = str(index.get("name", "msd"))
    listed: set[str] = set()
    for entry in index.get("training", []):
        if not isinstance(entry, dict) or not {"image", "label"} <= set(entry):
            into.leave_out("broken entry", "dataset.json", f"expected an image and a label, found {str(entry)[:80]}")
            continue
        listed.add(Path(str(entry["image"])).name)
        _add(folder, (str(entry["image"]), str(entry["label"])), task, (roles, labels), into)
    for entry in index.get("test", []):
        listed.add(Path(str(entry)).name)
        into.leave_out("image without a mask", str(entry).removeprefix("./"), "a test image of the challenge")
    for path in sorted((folder / "imagesTr").glob("*.nii*")):
        if path.name not in listed and not path.name.startswith("._"):
            into.leave_out("image that the index leaves out", path, "expected it in dataset.json")


def _add(
    folder: Path,
    names: tuple[str, str],
    task: str,
    kinds: tuple[dict[str, int | None], dict[str, int]],
    into: Collector,
) -> None:
    """Adds an image with its mask.

    Args:
        names: of image and mask, relative to the folder.
        kinds: channels by role, and values by label.
    """
    roles, labels = kinds
    paths = [folder / p for p in names]
    if any(not p.resolve().is_relative_to(folder.resolve()) for p in paths):
        into.leave_out("broken entry", "dataset.json", f"expected paths inside the folder, found {names[0]}")
        return
    if not usable(paths[0], into, "image that the index names and nobody can read"):
        return
    has_mask = usable(paths[1], into, "unreadable mask")
    case = stem_of(paths[0])
    into.add(
        Case(
            dataset="msd",
            case_id=case,
            patient_key=patient_key(f"msd {task}", case),
            images=dict.fromkeys(roles, paths[0]),
            channels={role: n for role, n in roles.items() if n is not None},
            masks=tuple(TruthMask(name=n, path=paths[1], value=v) for n, v in labels.items()) if has_mask else (),
        )
    )


def _index(path: Path) -> dict[str, Any]:
    text, _ = read_text(path)
    try:
        index = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"expected JSON ({error})", where=path.name) from error
    if not isinstance(index, dict) or not isinstance(index.get("training"), list):
        raise InputError("expected a 'training' list in the index, found none", where=path.name)
    return index


def _roles(index: dict[str, Any]) -> dict[str, int | None]:
    """Channel of each role; None where the image has one channel and three axes."""
    channels = index.get("modality") or index.get("channel_names") or {"0": "CT"}
    names = [str(channels[key]) for key in sorted(channels, key=int)]
    roles = [_ROLES.get(n.lower(), n.upper()) for n in names]
    if len(roles) == 1:
        return {roles[0]: None}
    return {role if roles.count(role) == 1 else f"{role} {n}": n for n, role in enumerate(roles)}


def _labels(index: dict[str, Any], into: Collector) -> dict[str, int]:
    """Value of each label but the background; both spellings (value to name, and nnU-Net's name to value)."""
    found: dict[str, int] = {}
    for key, word in (index.get("labels") or {}).items():
        name, number = (str(word), key) if str(key).isdigit() else (str(key), word)
        if not str(number).isdigit():
            into.leave_out("label of several values", f"dataset.json {name}", f"expected one value, found {number}")
        elif int(number):
            found[name] = int(number)
    return found


ADAPTER = Adapter(
    name="msd",
    title="Medical Segmentation Decathlon",
    looks_like=looks_like,
    read=read,
    source="the challenge's dataset.json as nnU-Net and MONAI read it; not nnU-Net's own raw folders (_0000 endings)",
)
