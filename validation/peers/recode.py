"""Copies of a series in another transfer syntax: the same values, UIDs kept."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pydicom


def recode(files: Iterable[Path], folder: Path, transfer_syntax: str | None) -> None:
    """Writes each file into ``folder`` under its own name.

    Args:
        transfer_syntax: UID of a lossless compression, or None for uncompressed (explicit VR little endian).
    """
    folder.mkdir(parents=True)
    for path in files:
        ds = pydicom.dcmread(path)
        if ds.file_meta.TransferSyntaxUID.is_compressed:
            ds.decompress(generate_instance_uid=False)
        if transfer_syntax is not None:
            ds.compress(transfer_syntax, generate_instance_uid=False)
        ds.save_as(folder / path.name)


def syntax_of(path: Path) -> tuple[str, bool]:
    """Name of a file's transfer syntax, and whether it is compressed."""
    uid = pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
    return uid.name, uid.is_compressed
