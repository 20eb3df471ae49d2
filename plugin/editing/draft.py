"""The draft of an edited reading on disk, so that a crash, a full window or a lost drive costs nothing that was edited.

One folder per study in the state folder, named by a hash of the study's UID: ``draft.json`` (the reading as in
``report.json``, the report as it was drafted, the time) and one file of voxels per label map. It goes when the results
were exported, or when the user discards it.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from tomoscribe.core import Algorithm, Geometry, LabelMap, Reading, Report, Segment, Study
from tomoscribe.core.errors import InputError, OutputError
from tomoscribe.core.serial import from_json, reading_from_json, reading_to_json, to_json
from tomoscribe.plugin import state

_FOLDER = "drafts"
_SCHEMA = "tomoscribe.draft"


@dataclass(frozen=True, kw_only=True, eq=False)
class Draft:
    """An edited reading.

    Args:
        first: the report as it was drafted, for the differences.
        saved_at: ISO 8601.
    """

    reading: Reading
    first: Report
    saved_at: str


def folder_of(study: Study) -> Path:
    """Where the draft of a study is; not made here."""
    name = hashlib.sha256(study.study_uid.encode()).hexdigest()[:24]
    return state.state_folder() / _FOLDER / name


def saved_at(study: Study) -> datetime | None:
    """When a draft of this study was saved, None without one."""
    try:
        content = json.loads((folder_of(study) / "draft.json").read_bytes())
        return datetime.fromisoformat(content["saved_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(draft: Draft, before: Reading | None = None) -> None:
    """Writes the draft; label maps that ``before`` held already stay as they are on disk.

    Raises:
        OutputError: the disk does not take it.
    """
    reading = draft.reading
    known = {m.name: id(m.array) for m in before.label_maps} if before is not None else {}
    maps = [{**_described(m), "file": f"{m.name}.npz"} for m in reading.label_maps]
    content = {
        "schema": _SCHEMA,
        "saved_at": draft.saved_at,
        "reading": reading_to_json(reading),
        "first": to_json(draft.first),
        "label_maps": maps,
    }
    try:
        folder = state.own_folder(_FOLDER, folder_of(reading.study).name)
        for label_map in reading.label_maps:
            path = folder / f"{label_map.name}.npz"
            if known.get(label_map.name) != id(label_map.array) or not path.is_file():
                state.write_private(path, _packed(label_map))
        state.write_private(folder / "draft.json", json.dumps(content, ensure_ascii=False).encode())
    except OSError as error:
        raise OutputError(
            f"the draft cannot be saved: {error.strerror or error}",
            where=str(state.state_folder()),
            remedy="make room on that disk; what was edited is still in the window: export it",
        ) from error


def load(study: Study) -> Draft:
    """The draft of a study, with the study as it was found on disk now.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    folder = folder_of(study)
    try:
        content = json.loads((folder / "draft.json").read_bytes())
        if content["schema"] != _SCHEMA:
            raise ValueError(content["schema"])
        reading = reading_from_json(json.dumps(content["reading"]))
        first = from_json(Report, content["first"])
        maps = tuple(_unpacked(entry, folder) for entry in content["label_maps"])
    except (OSError, ValueError, KeyError, TypeError, InputError) as error:
        raise InputError(
            f"the draft cannot be read: {error}", where=str(folder), remedy="discard it and read the study again"
        ) from error
    if reading.study.study_uid != study.study_uid:
        raise InputError("expected a draft of this study, found one of another", where=str(folder))
    return Draft(reading=replace(reading, study=study, label_maps=maps), first=first, saved_at=content["saved_at"])


def discard(study: Study) -> None:
    """Removes the draft of a study, if there is one."""
    shutil.rmtree(folder_of(study), ignore_errors=True)


def _described(label_map: LabelMap) -> dict[str, Any]:
    geometry = label_map.geometry
    return {
        "name": label_map.name,
        "affine": [[float(v) for v in row] for row in geometry.affine],
        "frame_of_reference_uid": geometry.frame_of_reference_uid,
        "segments": [to_json(s) for s in label_map.segments],
        "algorithm": to_json(label_map.algorithm),
        "series_uid": label_map.series_uid,
    }


def _packed(label_map: LabelMap) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, array=label_map.array)
    return buffer.getvalue()


def _unpacked(entry: dict[str, Any], folder: Path) -> LabelMap:
    name = str(entry["name"])
    with np.load(folder / Path(str(entry["file"])).name, allow_pickle=False) as packed:
        array = packed["array"]
    geometry = Geometry(
        affine=np.array(entry["affine"], dtype=np.float64),
        shape=array.shape,
        frame_of_reference_uid=entry["frame_of_reference_uid"],
    )
    return LabelMap(
        name=name,
        array=array,
        geometry=geometry,
        segments=tuple(from_json(Segment, s) for s in entry["segments"]),
        algorithm=from_json(Algorithm, entry["algorithm"]),
        series_uid=str(entry["series_uid"]),
    )
