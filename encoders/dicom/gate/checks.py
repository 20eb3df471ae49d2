"""The gate: may these headers become one volume? Accept, or refuse with a reason and a remedy; never guess.

``CHECKS`` is a list of small functions, each (slices in any order) -> Refusal or None; the first refusal counts. What
passes may still have to be resampled (``regrid``), and its values are judged once its pixels are read (``hounsfield``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from pydicom.pixels import get_decoder
from pydicom.uid import UID

from tomoscribe.encoders.dicom.gate.grid import along_normal, axes, is_complete, positions_mm, sort_by_position
from tomoscribe.encoders.dicom.gate.refusal import SEND_AGAIN, SPLIT, Refusal, Slices
from tomoscribe.encoders.dicom.gate.regrid import (
    SHEAR_TOLERANCE_MM,
    is_covered,
    is_only_jitter,
    is_sheared,
    shear_residual_mm,
    tilt_degrees,
    uneven_steps,
)
from tomoscribe.encoders.dicom.gate.splitting import (
    ALTERING,
    ORIENTATION_TOLERANCE,
    SAME_POSITION_MM,
    VOLUME_CLASSES,
    fact,
    rounded,
)

READ_MODALITIES = ("CT", "MR", "PT")
MAX_TILT_DEGREES = 40.0
"""Gantries tilt by at most 30 degrees; more is another geometry than a tilt."""
TILT_AGREEMENT_DEGREES = 1.0
"""Largest difference between (0018,1120) and the tilt that the positions show."""
_ARE = {
    "SR": "a structured report", "SEG": "a segmentation", "PR": "a presentation state", "KO": "a key object selection",
    "DOC": "an encapsulated document", "RTSTRUCT": "a structure set", "RTDOSE": "a dose grid",
    "RTPLAN": "a treatment plan", "RTIMAGE": "a treatment image", "REG": "a registration",
    "RWV": "a real world value mapping", "SM": "a slide of microscopy", "ECG": "an electrocardiogram",
}  # fmt: skip
_PICTURES = {
    "US": "ultrasound", "IVUS": "ultrasound", "XA": "X-ray angiography", "RF": "fluoroscopy", "CR": "radiography",
    "DX": "radiography", "MG": "mammography", "NM": "nuclear medicine", "ES": "endoscopy", "XC": "photography",
    "OP": "ophthalmic photography", "OPT": "ophthalmic tomography", "PX": "panoramic radiography",
    "IO": "intra-oral radiography", "OT": "an image of no stated modality", "SC": "a screen capture",
}  # fmt: skip


def judge(slices: Slices) -> Refusal | None:
    """The first refusal of CHECKS, or None when the series may become a volume."""
    for check in CHECKS:
        refusal = check(slices)
        if refusal is not None:
            return refusal
    return None


def one_patient(slices: Slices) -> Refusal | None:
    """All objects of a series must be of one patient; what a header does not say contradicts nothing."""
    named = [{marks for marks in column if marks} for column in zip(*(s.patient for s in slices), strict=True)]
    identity, issuer, birth, sex = map(len, named)
    if max(identity, issuer) > 1:
        return Refusal(
            reason=f"the images of this series carry {max(identity, issuer)} different patient IDs",
            remedy="find out whose images they are, and export each patient's alone",
        )
    if max(birth, sex) > 1:
        return Refusal(
            reason="the images of this series contradict each other in the patient's birth date or sex",
            remedy="find out whose images they are, and have the headers corrected",
        )
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
    if modality in READ_MODALITIES:
        return None
    if modality in _ARE:
        return Refusal(reason=f"this is {_ARE[modality]}, not an image series", remedy="choose a CT or MR image series")
    name = _PICTURES.get(modality, "an unknown kind of object")
    stated = modality or "not stated"
    return Refusal(reason=f"{name} (modality {stated}) is not read as a volume", remedy="choose a CT or MR series")


def _sop_class(slices: Slices) -> Refusal | None:
    uid = UID(slices[0].sop_class_uid)
    if VOLUME_CLASSES.get(uid) == slices[0].modality:
        return None
    if uid in VOLUME_CLASSES:
        return Refusal(
            reason=f"objects of class '{uid.name}' call themselves modality {slices[0].modality}", remedy=SEND_AGAIN
        )
    is_capture = "Secondary Capture" in uid.name
    what = "pictures of a screen or a dose sheet" if is_capture else "no slices that this version reads"
    return Refusal(
        reason=f"objects of class '{uid.name}' are {what}, not {slices[0].modality} slices",
        remedy="choose the CT or MR image series of this study",
    )


def _localizer(slices: Slices) -> Refusal | None:
    if any("LOCALIZER" in s.image_type for s in slices):
        return Refusal(reason="this is a localizer", remedy="choose the diagnostic series")
    return None


def _mosaic(slices: Slices) -> Refusal | None:
    if any("MOSAIC" in s.image_type for s in slices):
        return Refusal(
            reason="the images are mosaics of several slices each", remedy="export the series as one file per slice"
        )
    return None


def _pixels(slices: Slices) -> Refusal | None:
    kinds = {(s.samples_per_pixel, s.photometric) for s in slices}
    if not kinds <= {(1, "MONOCHROME2"), (1, "MONOCHROME1")}:
        found = ", ".join(sorted(f"{photometric} with {samples} sample(s)" for samples, photometric in kinds))
        return Refusal(
            reason=f"expected gray images with one sample per pixel, found {found}",
            remedy="choose the original CT or MR series, not a screen capture or a colored copy",
        )
    if len(kinds) > 1:
        return Refusal(reason="some images are MONOCHROME1 (inverted), some are MONOCHROME2", remedy=SEND_AGAIN)
    if any(s.bits_allocated not in (8, 16, 32) or not s.bits_stored for s in slices):
        return Refusal(reason="the header does not describe its pixels (bits allocated and stored)", remedy=SEND_AGAIN)
    if any(s.high_bit is not None and s.high_bit != (s.bits_stored or 0) - 1 for s in slices):
        found = f"bit {slices[0].high_bit} of {slices[0].bits_stored} stored bits"
        return Refusal(reason=f"expected pixels in the lowest bits, found their highest at {found}", remedy=SEND_AGAIN)
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


def _sideways(slices: Slices) -> Refusal | None:
    ordered = sort_by_position(slices)
    if not is_sheared(ordered) or shear_residual_mm(ordered) <= SHEAR_TOLERANCE_MM:
        return None
    positions = positions_mm(ordered)
    row, column, _ = axes(ordered[0])
    offsets = (positions - positions[0]) @ np.stack([row, column], axis=1)
    odd = int((np.abs(offsets - np.median(offsets, axis=0)).max(axis=1) > SHEAR_TOLERANCE_MM).sum())
    return Refusal(reason=f"{odd} of {len(slices)} images are shifted sideways against the rest", remedy=SEND_AGAIN)


def _tilt(slices: Slices) -> Refusal | None:
    ordered = sort_by_position(slices)
    degrees = tilt_degrees(ordered) if is_sheared(ordered) else 0.0
    if degrees > MAX_TILT_DEGREES:
        return Refusal(
            reason=f"the slices are sheared by {degrees:.1f} degrees, more than a gantry tilts", remedy=SEND_AGAIN
        )
    stated = max((abs(s.gantry_tilt_degrees or 0.0) for s in ordered), default=0.0)
    leaning = float(np.degrees(np.arccos(np.clip(np.abs(axes(ordered[0])[2]).max(), 0.0, 1.0))))
    if not stated or abs(stated - degrees) <= TILT_AGREEMENT_DEGREES or abs(stated - leaning) <= TILT_AGREEMENT_DEGREES:
        return None
    return Refusal(
        reason=f"the header states a gantry tilt of {stated:.1f} degrees, the positions show {degrees:.1f} degrees: "
        "one of them is wrong, and the volume may be sheared",
        remedy="reconstruct the series without tilt, or have its header corrected",
    )


def _gaps(slices: Slices) -> Refusal | None:
    ordered = sort_by_position(slices)
    odd = np.flatnonzero(uneven_steps(ordered))
    if not odd.size or is_only_jitter(ordered) or is_covered(ordered):
        return None
    along = along_normal(ordered)
    steps = np.diff(along)
    where = ", ".join(f"{along[n]:.2f} to {along[n + 1]:.2f} mm" for n in odd[:3])
    more = f" and {odd.size - 3} more" if odd.size > 3 else ""
    return Refusal(
        reason=(
            f"gaps or uneven spacing: {odd.size} of {steps.size} steps differ from the usual {np.median(steps):.3f} mm "
            f"(between {where}{more}; found {steps[odd].min():.3f} to {steps[odd].max():.3f} mm)"
        ),
        remedy="send the missing slices, or a reconstruction with even spacing",
    )


def _rescale(slices: Slices) -> Refusal | None:
    modality = slices[0].modality
    if modality not in ("CT", "PT"):
        return None
    what = "Hounsfield units" if modality == "CT" else "activity concentration"
    missing = sum(s.rescale_slope is None or s.rescale_intercept is None for s in slices)
    if missing or any(s.rescale_slope is not None and s.rescale_slope <= 0 for s in slices):
        return Refusal(
            reason=f"{missing or 'some'} {modality} images have no usable rescale slope and intercept: no {what}",
            remedy=SEND_AGAIN,
        )
    kinds = {f"{s.rescale_type or ''} {s.pet_units or ''}".strip().upper() for s in slices} - {""}
    if len(kinds) > 1:
        return Refusal(reason=f"the images hold different quantities ({', '.join(sorted(kinds))})", remedy=SPLIT)
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
    _one_frame_of_reference, _one_acquisition, _duplicates, _sideways, _tilt, _gaps, _rescale, _decodable,
)  # fmt: skip
