"""Slices that are there twice: the same picture sent again is left out, two different pictures at one place are kept.

What is kept is refused by the gate unless ``splitting`` can tell the two apart.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from pathlib import Path

from tomoscribe.encoders.dicom.broken import BROKEN_FILE
from tomoscribe.encoders.dicom.gate.grid import is_complete
from tomoscribe.encoders.dicom.gate.refusal import Slices
from tomoscribe.encoders.dicom.headers import SliceHeader
from tomoscribe.encoders.dicom.pixels import read_whole

_SAME_PLACE_DECIMALS = 3
_DECODE_ERRORS = (*BROKEN_FILE, RuntimeError, IndexError)


def without_repeats(slices: Slices) -> tuple[list[SliceHeader], int]:
    """The slices without repeats, and how many were left out.

    A repeat has the position, the rescaling and every decoded pixel of another slice, whatever its SOP Instance UID,
    compression or file. Pixels are read only of slices that share a position.
    """
    places: dict[object, list[SliceHeader]] = defaultdict(list)
    for one in slices:
        places[_place(one)].append(one)
    kept: list[SliceHeader] = []
    for together in places.values():
        if len(together) == 1:
            kept += together
            continue
        in_order = sorted(together, key=lambda s: (s.instance_uid, str(s.path)), reverse=True)
        kept += {_content(one): one for one in in_order}.values()
    return kept, len(slices) - len(kept)


def _place(header: SliceHeader) -> object:
    """What two slices share that may be repeats of each other; frames of one object never are."""
    if not is_complete(header) or header.frames > 1 or header.position_mm is None or header.orientation is None:
        return header.path, header.frame
    at = tuple(round(v, _SAME_PLACE_DECIMALS) for v in (*header.position_mm, *header.orientation))
    same = (header.sop_class_uid, header.rows, header.columns, header.rescale_slope, header.rescale_intercept)
    return at, same, header.acquisition_facts, header.image_type


def _content(header: SliceHeader) -> str:
    """SHA-256 of the decoded pixels; the file itself where they cannot be decoded."""
    digest = _pixel_digest(header.path)
    return digest if digest is not None else f"{header.path} {header.frame}"


def _pixel_digest(path: Path) -> str | None:
    try:
        pixels = read_whole(path).pixel_array
    except _DECODE_ERRORS:
        return None
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.astype("<i4").tobytes()).hexdigest()
