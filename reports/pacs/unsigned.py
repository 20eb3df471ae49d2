"""What may leave before a radiologist has signed (CLINICAL 18): SEG, SR marked unverified, marked key images."""

from __future__ import annotations

import os
from pathlib import Path

import pydicom
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from tomoscribe.core.errors import InputError
from tomoscribe.encoders.dicom.broken import BROKEN_FILE
from tomoscribe.encoders.dicom.headers import text
from tomoscribe.reports.pacs.landing import Header, read_header, sync_folder
from tomoscribe.reports.site import CharacterSet

LABELMAP_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.7"
_MASKS = (str(SegmentationStorage), LABELMAP_SEGMENTATION)
_SR = (str(Comprehensive3DSRStorage), str(ComprehensiveSRStorage), str(EnhancedSRStorage))


def unsigned_results(folder: Path) -> list[tuple[Path, Header]]:
    """The DICOM objects of a results folder that may be sent, in a fixed order.

    Raises:
        InputError: a result cannot be read back.
    """
    found = []
    for path in sorted(folder.rglob("*.dcm")):
        header = read_header(path)
        if header is None:
            raise InputError("a result cannot be read back", where=path.name, remedy="read the study again")
        if _may_leave(path, header):
            found.append((path, header))
    return found


def _may_leave(path: Path, header: Header) -> bool:
    if not header.is_own:
        return False
    if header.sop_class_uid in _SR:
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        return text(ds, "VerificationFlag") == "UNVERIFIED" and "VerifyingObserverSequence" not in ds
    return header.sop_class_uid in (*_MASKS, str(SecondaryCaptureImageStorage))


def in_character_set(path: Path, character_set: CharacterSet, folder: Path) -> Path:
    """The object with its text in another Specific Character Set, as a file of the same name in ``folder``.

    Raises:
        InputError: a word of it does not exist in that character set.
    """
    if character_set is CharacterSet.UTF_8:
        return path
    try:
        ds = pydicom.dcmread(path)
        ds.decode()
        ds.SpecificCharacterSet = character_set.value
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{path.name}.part"
        with part.open("wb") as file:
            ds.save_as(file, enforce_file_format=True)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, folder / path.name)
        sync_folder(folder)
    except BROKEN_FILE as error:
        raise InputError(
            f"a result cannot be written in {character_set.value}",
            where=path.name,
            remedy="set character_set: ISO_IR 192",
        ) from error
    return folder / path.name
