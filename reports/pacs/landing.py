"""Received objects: looked at, and moved to a place whose name is ours; whole or not at all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from tomoscribe.core.code import PRIVATE_SCHEME
from tomoscribe.encoders.dicom.broken import BROKEN_FILE
from tomoscribe.encoders.dicom.headers import read_some, text
from tomoscribe.reports.export.objects import MANUFACTURER, MODEL_NAME
from tomoscribe.reports.pacs.uids import is_uid

_KEYWORDS = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "Manufacturer",
    "ManufacturerModelName", "CodingSchemeIdentificationSequence",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Header:
    """What is known of an object before it is moved: checked UIDs, and whether this software made it."""

    sop_class_uid: str
    sop_uid: str
    study_uid: str
    series_uid: str
    modality: str
    transfer_syntax_uid: str
    is_own: bool


def read_header(path: Path) -> Header | None:
    """None where the file is no DICOM object with valid UIDs."""
    try:
        ds = read_some(path, _KEYWORDS)
        syntax = text(getattr(ds, "file_meta", Dataset()), "TransferSyntaxUID") or ""
        uids = [text(ds, k) or "" for k in _KEYWORDS[:4]]
        modality, own = (text(ds, "Modality") or "").upper(), _is_own(ds)
    except (*BROKEN_FILE, RecursionError):
        return None
    if not all(is_uid(u) for u in (*uids, syntax)):
        return None
    return Header(
        sop_class_uid=uids[0],
        sop_uid=uids[1],
        study_uid=uids[2],
        series_uid=uids[3],
        modality=modality if modality.isalnum() and len(modality) <= 16 else "",
        transfer_syntax_uid=syntax,
        is_own=own,
    )


def _is_own(ds: Dataset) -> bool:
    """Whether this software made it: by equipment, or by its private coding scheme where a gateway changed that."""
    if (text(ds, "Manufacturer"), text(ds, "ManufacturerModelName")) == (MANUFACTURER, MODEL_NAME):
        return True
    schemes = ds.get("CodingSchemeIdentificationSequence") or []
    return any(text(item, "CodingSchemeDesignator") == PRIVATE_SCHEME for item in schemes)


def move_into_place(source: Path, target: Path) -> None:
    """A rename within one disk; the folder's entry is on the disk when this returns. The target is replaced."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """The folder's entries on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
