"""What the user should know of slices that passed the gate, in words."""

from __future__ import annotations

import numpy as np

from tomoscribe.encoders.dicom.gate.grid import along_normal, axes
from tomoscribe.encoders.dicom.gate.refusal import Slices
from tomoscribe.encoders.dicom.gate.regrid import is_sheared
from tomoscribe.encoders.dicom.headers import SliceHeader

_DOWN = {"S": (0, 1, 0), "P": (0, -1, 0), "DR": (-1, 0, 0), "DL": (1, 0, 0)}
"""Where the table is, LPS, by the end of (0018,5100)."""
_POSITIONS = {"S": "supine", "P": "prone", "R": "on the right side", "L": "on the left side"}
_AXIAL, _UPRIGHT = 0.8, 0.7
"""Cosines: of the normal and the body's axis from which a slice counts as axial, and of a column and the way down."""
UNSEEN_SHARE = 1.5
"""From this multiple of the slice thickness on, a step leaves tissue between the slices unseen that matters."""


def remarks_of(ordered: Slices, *, is_whole: bool) -> tuple[str, ...]:
    """Remarks on coverage, thickness, tilt and photometric interpretation; of a whole series or of one part of it."""
    ends = coverage_note(ordered) if is_whole else None
    found = (_unseen(ordered), _thickness(ordered), _tilt(ordered), _lying(ordered[0]), _inverted(ordered[0]), ends)
    return tuple(words for words in found if words)


def coverage_note(ordered: Slices) -> str | None:
    """Slices that may be missing at the ends: only the headers can tell, positions alone never do.

    Asked are the stated number of images in the acquisition, and instance numbers that count along the positions.
    """
    stated = {s.images_in_acquisition for s in ordered} - {None}
    count = len(ordered)
    if len(stated) == 1 and ordered[0].frames == 1:
        expected = next(iter(stated)) or 0
        if count < expected and not _several_acquisitions(ordered):
            words = f"the header states {expected} images in this acquisition, {count} are here"
            return f"{words}: slices may be missing at the ends"
    numbers = [s.instance_number for s in ordered]
    if None in numbers or ordered[0].frames > 1:
        return None
    steps = set(np.diff(np.array(numbers, dtype=np.int64)).tolist())
    first = min(n for n in numbers if n is not None)
    if len(steps) == 1 and abs(min(steps)) > 1:
        return f"the images are numbered in steps of {abs(min(steps))}: slices may be missing between them"
    if steps in ({1}, {-1}) and first > 1:
        end = "first" if steps == {1} else "last"
        return f"the images are numbered from {first}: up to {first - 1} slices may be missing before the {end} one"
    return None


def _several_acquisitions(ordered: Slices) -> bool:
    return len({words for s in ordered for name, words in s.acquisition_facts if name == "acquisition"}) > 1


def _unseen(ordered: Slices) -> str | None:
    thickness = [s.slice_thickness_mm for s in ordered if s.slice_thickness_mm and s.slice_thickness_mm > 0]
    if not thickness:
        return None
    step = float(np.median(np.diff(along_normal(ordered))))
    usual = float(np.median(thickness))
    if step <= UNSEEN_SHARE * usual:
        return None
    unseen = 100 * (1 - usual / step)
    return f"slices of {usual:g} mm every {step:.2f} mm: {unseen:.0f} % of the tissue was not imaged"


def _thickness(ordered: Slices) -> str | None:
    thickness = sorted({round(s.slice_thickness_mm, 2) for s in ordered if s.slice_thickness_mm})
    if len(thickness) < 2 or thickness[-1] - thickness[0] < 0.05 * thickness[0]:
        return None
    return f"slices of different thickness ({', '.join(f'{t:g}' for t in thickness[:4])} mm) in one volume"


def _tilt(ordered: Slices) -> str | None:
    stated = max(abs(s.gantry_tilt_degrees or 0.0) for s in ordered)
    if is_sheared(ordered) and not stated:
        return "the header states no gantry tilt, the positions show one: the positions were followed"
    if stated > 0.5 and not is_sheared(ordered):
        return f"the header states a gantry tilt of {stated:.1f} degrees; the planes lean, but are not sheared"
    return None


def _lying(header: SliceHeader) -> str | None:
    """Whether an axial CT stands otherwise than the patient is said to lie: scanners draw the table at the bottom.

    It may only have been turned for display, so it is no reason to refuse; but a wrong entry at the console mirrors the
    patient, and only the person who reads can tell.
    """
    _, column, normal = axes(header)
    words = (header.patient_position or "").strip().upper()
    down = next((direction for end, direction in _DOWN.items() if words.endswith(end)), None)
    if header.modality != "CT" or down is None or abs(normal[2]) < _AXIAL or np.dot(column, down) > _UPRIGHT:
        return None
    return (
        f"the header says the patient lay {_POSITIONS[words[-1]]} ({words}), the images stand as if not: "
        "check front, back and sides against the anatomy"
    )


def _inverted(header: SliceHeader) -> str | None:
    if header.photometric == "MONOCHROME1":
        return "stored for inverted display (MONOCHROME1); the values themselves were checked and are not inverted"
    return None
