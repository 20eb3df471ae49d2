"""The DICOM files below a path in a fixed order, those in zips included; what was passed over is said by number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tomoscribe.core.errors import CancelledError, InputError
from tomoscribe.encoders.dicom.files import Inventory, Progress, inventory
from tomoscribe.encoders.dicom.guarded import HeaderError, Outcome, read_guarded
from tomoscribe.encoders.dicom.zips import Budget, Unpacked, unpack


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Files that may be DICOM, and what was not looked into, in words without names."""

    paths: tuple[Path, ...]
    passed_over: tuple[str, ...]


def dicom_below(source: Path, progress: Progress) -> Inputs:
    """Files of a folder by path, then those of the zips in it, in the order of the zips.

    Raises:
        InputError: the path is absent or unreadable, a damaged zip, or there is no DICOM.
    """
    found = inventory(source, progress=progress)
    walked = [entry.path for entry in found.entries]
    walked = sorted(walked) if found.unpacked is None else walked
    paths, zips, unreadable = _sorted_out(walked)
    words = _words(found, unreadable) + (_of_zip(found.unpacked) if found.unpacked else [])
    budget = Budget()
    for path in zips:
        try:
            unpacked = unpack(path, budget, progress)
        except CancelledError:
            raise
        except InputError as error:
            words.append(f"a zip was not opened: {error.what}")
            continue
        inside, _, _ = _sorted_out(unpacked.files)
        paths += inside
        words += _of_zip(unpacked)
    if not paths:
        raise InputError("no DICOM files found", where=source.name, remedy="choose a folder, a zip or a DICOM file")
    return Inputs(paths=tuple(paths), passed_over=tuple(words))


def _sorted_out(walked: list[Path]) -> tuple[list[Path], list[Path], int]:
    """DICOM files, zips, and how many cannot be opened."""
    paths, zips, unreadable = [], [], 0
    for path, header in zip(walked, read_guarded(walked, ("SOPClassUID",)), strict=True):
        outcome = header.outcome if isinstance(header, HeaderError) else None
        if outcome is Outcome.ZIP:
            zips.append(path)
        elif outcome is Outcome.UNREADABLE:
            unreadable += 1
        elif outcome is not Outcome.NOT_DICOM:
            paths.append(path)
    return paths, zips, unreadable


def _words(found: Inventory, unreadable: int) -> list[str]:
    pairs = (
        (unreadable + found.num_unreadable, "files and folders that cannot be read"),
        (found.num_links, "links, not followed"),
        (found.num_special, "pipes and devices, not opened"),
    )
    return [f"{what}: {count}" for count, what in pairs if count]


def _of_zip(unpacked: Unpacked) -> list[str]:
    pairs = (
        (unpacked.num_damaged, "damaged members of a zip"),
        (unpacked.num_links, "links in a zip, not followed"),
        (len(unpacked.closed), "zips within a zip, not opened"),
    )
    return [f"{what}: {count}" for count, what in pairs if count]
