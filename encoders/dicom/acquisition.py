"""Acquisition facts from one header of a series, and which weighting an MR series has."""

from __future__ import annotations

import re

from pydicom.dataset import Dataset

from tomoscribe.core import Acquisition
from tomoscribe.encoders.dicom.headers import number, text

KEYWORDS = (
    "Modality", "Manufacturer", "ManufacturerModelName", "BodyPartExamined", "SliceThickness", "ConvolutionKernel",
    "ContrastBolusAgent", "KVP", "CTDIvol", "MagneticFieldStrength", "RepetitionTime", "EchoTime", "InversionTime",
    "ScanningSequence", "SequenceVariant", "SequenceName", "SeriesDescription", "ProtocolName", "ImageType",
)  # fmt: skip
_NO_CONTRAST = {"NO", "NONE", "N", "NO CONTRAST", "WITHOUT", "WITHOUT CONTRAST", "UNENHANCED", "NATIVE"}
_NOT_STRUCTURAL = re.compile(
    r"\b(adc|dwi|dti|diff\w*|trace\w*|swi|swan|perf\w*|dsc|dce|asl|bold|fmri|tof|mra|angio\w*|t2\s?(star|\*)|loc\w*|"
    r"scout|survey|phase|fieldmap|b0)(?![a-z])"
)
_FLAIR = re.compile(r"flair|dark[ _-]?fluid|tirm[ _-]?dark")
_T1 = re.compile(r"(?<![a-z0-9])t1(?![0-9])|mp2?rage|mprage|bravo|spgr|fspgr|\btfl|3d[ _-]?tfe|\bvibe")
_T2 = re.compile(r"(?<![a-z0-9])t2(?![0-9])")
_PD = re.compile(r"(?<![a-z0-9])pd(?![a-z0-9])|proton[ _-]?dens")


def acquisition(ds: Dataset) -> Acquisition:
    """How the series was acquired; None for what the header does not say."""
    agent = text(ds, "ContrastBolusAgent")
    kernel = text(ds, "ConvolutionKernel")
    return Acquisition(
        manufacturer=text(ds, "Manufacturer"),
        model_name=text(ds, "ManufacturerModelName"),
        body_part=text(ds, "BodyPartExamined"),
        slice_thickness_mm=_positive(number(ds, "SliceThickness")),
        kernel=kernel.split("\\")[0].strip() or None if kernel else None,
        contrast=None if agent is None else agent.upper() not in _NO_CONTRAST,
        kvp=_positive(number(ds, "KVP")),
        ctdivol_mgy=_positive(number(ds, "CTDIvol")),
        field_strength_t=_positive(number(ds, "MagneticFieldStrength")),
        repetition_time_ms=number(ds, "RepetitionTime"),
        echo_time_ms=number(ds, "EchoTime"),
        inversion_time_ms=number(ds, "InversionTime"),
        sequence=mr_sequence(ds),
    )


def mr_sequence(ds: Dataset) -> str | None:
    """``T1``, ``T2``, ``FLAIR`` or ``PD``; None when not MR, not structural, or when words and timing disagree.

    The words are those of description, protocol and sequence name; the timing is TR, TE and TI with the scanning
    sequence. Either alone settles it; both must not contradict each other.
    """
    if (text(ds, "Modality") or "").upper() != "MR":
        return None
    described = [text(ds, k) or "" for k in ("SeriesDescription", "ProtocolName", "SequenceName")]
    words = " ".join(w.lower().replace("_", " ") for w in described)
    kind = (text(ds, "ImageType") or "").upper()
    if _NOT_STRUCTURAL.search(words) or any(w in kind for w in ("ADC", "DIFFUSION", "TRACEW", "PERFUSION", "MIP")):
        return None
    by_description = _by_words(described[0].lower().replace("_", " ")) or _by_words(words)
    by_timing = _by_timing(ds)
    if by_description and by_timing and by_description != by_timing:
        return None
    return by_description or by_timing


def _by_words(words: str) -> str | None:
    is_t1, is_t2, is_pd = bool(_T1.search(words)), bool(_T2.search(words)), bool(_PD.search(words))
    if _FLAIR.search(words):
        return None if is_pd else "T1" if is_t1 and not is_t2 else "FLAIR"
    found = [name for name, hit in (("T1", is_t1), ("T2", is_t2), ("PD", is_pd)) if hit]
    return found[0] if len(found) == 1 else None


def _by_timing(ds: Dataset) -> str | None:
    """Weighting that TR, TE and TI in ms imply; the ranges overlap with nothing, what lies between is None."""
    scanning = set((text(ds, "ScanningSequence") or "").upper().split("\\"))
    variant = set((text(ds, "SequenceVariant") or "").upper().split("\\"))
    tr, te, ti = (number(ds, k) for k in ("RepetitionTime", "EchoTime", "InversionTime"))
    if tr is None or te is None or "EP" in scanning:
        return None
    if ti and "IR" in scanning:
        if ti >= 1500 and te >= 60 and tr >= 4000:
            return "FLAIR"
        return "T1" if 500 <= ti <= 1300 and te <= 30 and tr <= 3500 else None
    if "SE" in scanning:
        if tr <= 1000 and te <= 30:
            return "T1"
        if tr >= 2000 and not ti:
            return "T2" if te >= 70 else "PD" if te <= 40 else None
    if "GR" in scanning and "SP" in variant and tr <= 50 and te <= 10:
        return "T1"
    return None


def _positive(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None
