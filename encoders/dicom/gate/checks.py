"""The gate: may these headers become one volume? Accept, or refuse with a reason and a remedy; never guess.

``CHECKS`` is a list of small functions, each (slices in any order) -> Refusal or None; the first refusal counts. More
checks (Hounsfield state, resampling of tilted series, splitting of mixed ones) belong into this list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from pydicom.pixels import get_decoder
from pydicom.uid import UID

from tomoscribe.encoders.dicom.gate.grid import along_normal, axes, is_complete, positions_mm, sort_by_position
from tomoscribe.encoders.dicom.gate.refusal import SEND_AGAIN, SPLIT, Refusal, Slices
from tomoscribe.encoders.dicom.gate.splitting import (
    ALTERING,
    ORIENTATION_TOLERANCE,
    SAME_POSITION_MM,
    VOLUME_CLASSES,
    fact,
    rounded,
)

STEP_TOLERANCE_MM = 0.05
STEP_TOLERANCE_SHARE = 0.01
"""A step may differ from the median by 0.05 mm (positions rounded to two decimals; a tenth of the thinnest slice in
use) or by 1 % of it, whichever is larger. A missing slice differs by 100 %."""
SHEAR_TOLERANCE_MM = 0.1
"""Largest in-plane offset of a slice from the line along the normal: below a fifth of the finest pixel in use."""
READ_MODALITIES = ("CT", "MR")
_RESULT_OBJECTS = {"SR": "a structured report", "SEG": "a segmentation", "PR": "a presentation state",
                   "KO": "a key object selection", "DOC": "an encapsulated document", "RTSTRUCT": "a structure set",
                   "RTDOSE": "a dose grid", "RTPLAN": "a treatment plan", "REG": "a registration",
                   "RWV": "a real world value mapping"}  # fmt: skip


def judge(slices: Slices) -> Refusal | None:
    """The first refusal of CHECKS, or None when the series may become a volume."""
    for check in CHECKS:
        refusal = check(slices)
        if refusal is not None:
            return refusal
    return None


def _one_kind(slices: Slices) -> Refusal | None:
    kinds = Counter((s.modality, s.sop_class_uid) for s in slices)
    if len(kinds) > 1:
        names = ", ".join(f"{count} x {modality or 'unknown'}" for (modality, _), count in kinds.most_common(4))
        return Refusal(
            reason=f"objects of {len(kinds)} kinds share this series UID ({names})",
            remedy="export the image series again, without the other objects",
        )
    return None


def _modality(slices: Slices) -> Refusal | None:
    modality = slices[0].modality
    if modality in _RESULT_OBJECTS:
        return Refusal(
            reason=f"this is {_RESULT_OBJECTS[modality]}, not an image series", remedy="choose a CT or MR image series"
        )
    if modality not in READ_MODALITIES:
        return Refusal(
            reason=f"modality {modality or '(none)'} is not read by this version", remedy="choose a CT or MR series"
        )
    return None


def _sop_class(slices: Slices) -> Refusal | None:
    uid = UID(slices[0].sop_class_uid)
    if uid in VOLUME_CLASSES:
        return None
    return Refusal(
        reason=f"objects of class '{uid.name}' hold no CT or MR slices (a capture, a dose sheet or a result)",
        remedy="choose the CT or MR image series of this study",
    )


def _localizer(slices: Slices) -> Refusal | None:
    count = sum("LOCALIZER" in s.image_type for s in slices)
    if not count:
        return None
    of_all = "this is a localizer" if count == len(slices) else f"{count} of {len(slices)} images are localizers"
    return Refusal(reason=of_all, remedy="choose the diagnostic series, or export it without localizers")


def _mosaic(slices: Slices) -> Refusal | None:
    if any("MOSAIC" in s.image_type for s in slices):
        return Refusal(
            reason="the images are mosaics of several slices each", remedy="export the series as one file per slice"
        )
    return None


def _pixels(slices: Slices) -> Refusal | None:
    kinds = {(s.samples_per_pixel, s.photometric) for s in slices}
    if kinds != {(1, "MONOCHROME2")}:
        found = ", ".join(sorted(f"{photometric} with {samples} sample(s)" for samples, photometric in kinds))
        return Refusal(
            reason=f"expected MONOCHROME2 images with one sample per pixel, found {found}",
            remedy="choose the original CT or MR series, not a screen capture or an inverted copy",
        )
    if any(s.bits_allocated not in (8, 16, 32) or not s.bits_stored for s in slices):
        return Refusal(reason="the header does not describe its pixels (bits allocated and stored)", remedy=SEND_AGAIN)
    return None


def _single(slices: Slices) -> Refusal | None:
    if len(slices) == 1:
        return Refusal(
            reason="the series has only one slice; a volume needs at least two",
            remedy="choose the folder that holds the whole series",
        )
    return None


def _has_geometry(slices: Slices) -> Refusal | None:
    missing = [s for s in slices if not is_complete(s)]
    if missing:
        return Refusal(
            reason=f"{len(missing)} of {len(slices)} images have no valid position, orientation, pixel spacing or size",
            remedy=SEND_AGAIN,
        )
    return None


def _one_size(slices: Slices) -> Refusal | None:
    sizes = Counter((s.rows, s.columns) for s in slices)
    if len(sizes) > 1:
        found = ", ".join(f"{count} of {rows} x {columns}" for (rows, columns), count in sizes.most_common(4))
        return Refusal(reason=f"the images differ in rows and columns ({found})", remedy=SPLIT)
    spacings = np.array([s.pixel_spacing_mm for s in slices])
    if np.abs(spacings - spacings[0]).max() > 1e-4 * spacings[0].min():
        return Refusal(reason="the images differ in pixel spacing", remedy=SPLIT)
    return None


def _one_orientation(slices: Slices) -> Refusal | None:
    cosines = np.array([s.orientation for s in slices])
    usual = np.median(cosines, axis=0)
    odd = int((np.abs(cosines - usual).max(axis=1) > ORIENTATION_TOLERANCE).sum())
    if odd:
        return Refusal(reason=f"{odd} of {len(slices)} images have another orientation than the rest", remedy=SPLIT)
    return None


def _one_frame_of_reference(slices: Slices) -> Refusal | None:
    count = len({s.frame_of_reference_uid for s in slices})
    if count > 1:
        return Refusal(reason=f"the images lie in {count} frames of reference", remedy=SPLIT)
    return None


def _one_acquisition(slices: Slices) -> Refusal | None:
    for name in ALTERING:
        values = {rounded(fact(s, name)) for s in slices}
        if len(values) > 1:
            some = ", ".join(sorted(str(v) for v in values)[:4])
            return Refusal(reason=f"several acquisitions share this series: the {name} differs ({some})", remedy=SPLIT)
    return None


def _duplicates(slices: Slices) -> Refusal | None:
    if len({(s.instance_uid, s.frame) for s in slices}) < len(slices):
        return Refusal(
            reason="different files carry the same SOP Instance UID", remedy="keep one version of each image only"
        )
    along = np.sort(along_normal(slices))
    count = int((np.diff(along) < SAME_POSITION_MM).sum())
    if count:
        return Refusal(reason=f"{count} images lie at the position of another one in this series", remedy=SPLIT)
    return None


def _tilt(slices: Slices) -> Refusal | None:
    ordered = sort_by_position(slices)
    positions = positions_mm(ordered)
    row, column, normal = axes(ordered[0])
    offsets = (positions - positions[0]) @ np.stack([row, column], axis=1)
    if np.abs(offsets).max() <= SHEAR_TOLERANCE_MM:
        return None
    along = (positions - positions[0]) @ normal
    slope = offsets[-1] / along[-1]
    if np.abs(offsets - along[:, None] * slope).max() <= SHEAR_TOLERANCE_MM:
        degrees = float(np.degrees(np.arctan(np.linalg.norm(slope))))
        return Refusal(
            reason=f"the slices are sheared by a gantry tilt of {degrees:.1f} degrees",
            remedy="reconstruct the series without tilt; this version does not resample tilted series",
        )
    odd = int((np.abs(offsets - np.median(offsets, axis=0)).max(axis=1) > SHEAR_TOLERANCE_MM).sum())
    return Refusal(reason=f"{odd} of {len(slices)} images are shifted sideways against the rest", remedy=SEND_AGAIN)


def _gaps(slices: Slices) -> Refusal | None:
    along = np.sort(along_normal(slices))
    steps = np.diff(along)
    usual = float(np.median(steps))
    allowed = max(STEP_TOLERANCE_MM, STEP_TOLERANCE_SHARE * usual)
    odd = np.flatnonzero(np.abs(steps - usual) > allowed)
    if odd.size:
        where = ", ".join(f"{along[n]:.2f} to {along[n + 1]:.2f} mm" for n in odd[:3])
        more = f" and {odd.size - 3} more" if odd.size > 3 else ""
        return Refusal(
            reason=(
                f"gaps or uneven spacing: {odd.size} of {steps.size} steps differ from the usual {usual:.3f} mm "
                f"(between {where}{more}; found {steps[odd].min():.3f} to {steps[odd].max():.3f} mm)"
            ),
            remedy="send the missing slices, or a reconstruction with even spacing",
        )
    grid = along[0] + np.arange(along.size) * (along[-1] - along[0]) / (along.size - 1)
    drift = float(np.abs(along - grid).max())
    if drift > 2 * allowed:
        return Refusal(
            reason=f"uneven spacing: a slice lies {drift:.2f} mm away from its place on an even grid",
            remedy="send a reconstruction with even spacing",
        )
    return None


def _hounsfield(slices: Slices) -> Refusal | None:
    if slices[0].modality != "CT":
        return None
    missing = sum(s.rescale_slope is None or s.rescale_intercept is None for s in slices)
    if missing or any(s.rescale_slope == 0 for s in slices):
        return Refusal(
            reason=f"{missing or 'some'} CT images have no usable rescale slope and intercept: no Hounsfield units",
            remedy=SEND_AGAIN,
        )
    types = {(s.rescale_type or "HU").upper() for s in slices} - {"HU", "US", "UNSPECIFIED"}
    if types:
        return Refusal(
            reason=f"the CT values are not Hounsfield units but {', '.join(sorted(types))}",
            remedy="choose the series in Hounsfield units",
        )
    return None


def _decodable(slices: Slices) -> Refusal | None:
    for uid in sorted({s.transfer_syntax_uid or "" for s in slices}):
        if not uid:
            continue
        try:
            usable = UID(uid).is_transfer_syntax and (not UID(uid).is_compressed or get_decoder(UID(uid)).is_available)
        except (NotImplementedError, ValueError):
            usable = False
        if not usable:
            return Refusal(
                reason=f"no installed decoder reads its compression ({UID(uid).name})",
                remedy="install a decoder for it (python-gdcm reads most), or export the series uncompressed",
            )
    return None


CHECKS: tuple[Callable[[Slices], Refusal | None], ...] = (
    _one_kind, _modality, _sop_class, _localizer, _mosaic, _pixels, _single, _has_geometry, _one_size, _one_orientation,
    _one_frame_of_reference, _one_acquisition, _duplicates, _tilt, _gaps, _hounsfield, _decodable,
)  # fmt: skip
