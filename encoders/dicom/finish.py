"""What is left to do when the slices of a series are decoded: look at their values, put them on the volume's grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core.errors import RefusedSeriesError
from tomoscribe.encoders.dicom.gate import Part
from tomoscribe.encoders.dicom.gate.refusal import SEND_AGAIN
from tomoscribe.encoders.dicom.hounsfield import State, hounsfield_state
from tomoscribe.encoders.dicom.neighbors import break_in_values, copies_in_line, empty_ends
from tomoscribe.encoders.dicom.values import AIR_HU


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The volume's array on the part's geometry.

    Args:
        source: for each slice k of the array the slice of the series that it is, or that lies nearest to it.
        notes: what was done and seen, in words.
    """

    array: NDArray[Any]
    source: tuple[int, ...]
    notes: tuple[str, ...]


def finish(array: NDArray[Any], part: Part) -> Finished:
    """The slices as decoded -> the volume; nothing is copied where nothing is to be done.

    Raises:
        RefusedSeriesError: the values of a CT are not Hounsfield units or break off between slices, or those of an
            inverted image are inverted.
    """
    notes = list(_value_notes(array, part))
    if part.regrid is None:
        return Finished(array=array, source=tuple(range(len(part.slices))), notes=tuple(notes))
    fill = AIR_HU if (part.value_unit or "").startswith("hu") else 0
    return Finished(
        array=part.regrid.apply(array, fill), source=part.regrid.nearest, notes=(*part.regrid.notes, *notes)
    )


def _value_notes(array: NDArray[Any], part: Part) -> tuple[str, ...]:
    where, unit = part.slices[0].series_uid, part.value_unit or ""
    is_inverted = part.slices[0].photometric == "MONOCHROME1"
    notes: list[str | None] = []
    if unit.startswith("hu"):
        broken = break_in_values(array, [(s.rescale_slope, s.rescale_intercept) for s in part.slices])
        if broken:
            raise RefusedSeriesError(broken, where=where, remedy=SEND_AGAIN)
        notes += [copies_in_line(array), empty_ends(array)]
    if unit == "hu":
        notes.append(_hounsfield_note(array, where, is_inverted))
    elif is_inverted and _background_is_bright(array):
        raise RefusedSeriesError(
            "the images are MONOCHROME1 and their values are inverted: the background is brighter than the body",
            where=where,
            remedy=SEND_AGAIN,
        )
    return tuple(words for words in notes if words)


def _hounsfield_note(array: NDArray[Any], where: str, is_inverted: bool) -> str | None:
    found = hounsfield_state(array, padding=AIR_HU)
    if found.is_wrong or (is_inverted and found.state is State.UNKNOWN):
        what = f"the CT values are not Hounsfield units but {found.state}: {found.evidence}"
        unsure = f"the images are MONOCHROME1, and their values do not show whether they are HU: {found.evidence}"
        raise RefusedSeriesError(
            what if found.is_wrong else unsure,
            where=where,
            remedy=f"{SEND_AGAIN}; a converted copy may have been rescaled wrongly",
        )
    if found.state is State.UNKNOWN:
        return f"the values do not show whether they are Hounsfield units: {found.evidence}"
    return None


def _background_is_bright(array: NDArray[Any]) -> bool:
    """Whether the rim of the slices lies in the upper half of the values' range."""
    rim = np.concatenate([array[:, [0, -1], :].ravel(), array[:, :, [0, -1]].ravel()])
    low, high = np.percentile(array, (1, 99))
    return bool(np.median(rim) > (low + high) / 2)
