"""Headers without pixels: the facts the gate judges a slice by, and whole data sets for exports.

Lenient on read: one broken element never stops the reading of its file; it counts as absent.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from tomoscribe.core import Series
from tomoscribe.core.errors import InputError
from tomoscribe.encoders.dicom.broken import BROKEN_ELEMENT
from tomoscribe.encoders.dicom.codecs import Layout
from tomoscribe.encoders.dicom.guard import wire
from tomoscribe.encoders.dicom.guarded import GuardedHeader, HeaderError, read_guarded, read_header
from tomoscribe.encoders.dicom.multiframe import FUNCTIONAL_GROUPS, frame_datasets
from tomoscribe.encoders.dicom.place import PixelPlace
from tomoscribe.encoders.dicom.raw import plain_text
from tomoscribe.encoders.dicom.verbatim import remember

_log = logging.getLogger(__name__)

KEYWORDS = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "ImageType", "InstanceNumber",
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "FrameOfReferenceUID", "RescaleSlope",
    "RescaleIntercept", "RescaleType", "EchoTime", "EchoNumbers", "InversionTime", "TemporalPositionIdentifier",
    "DiffusionBValue", "DiffusionGradientOrientation", "ConvolutionKernel", "KVP", "Manufacturer",
    "LossyImageCompression", "PixelRepresentation", "HighBit", "SliceThickness", "SpacingBetweenSlices",
    "GantryDetectorTilt", "ImagesInAcquisition", "NumberOfSlices", "NumberOfTemporalPositions", "AcquisitionNumber",
    "AcquisitionTime", "TriggerTime", "NominalPercentageOfCardiacPhase", "FlipAngle", "ContrastBolusAgent",
    "SeriesDescription", "ProtocolName", "DerivationDescription", "ImageComments", "Units", "DecayCorrection",
    "MultienergyCTAcquisition", "ComplexImageComponent", "MonoenergeticEnergyEquivalent",
    "PixelPresentation", "VolumetricProperties",
    "PixelPaddingValue", "PixelPaddingRangeLimit", "PatientPosition",
    *FUNCTIONAL_GROUPS,
)  # fmt: skip
_PATIENT = ("PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex")
_OVERLAY_BITS = frozenset(0x60000102 | group << 16 for group in range(0, 32, 2))
_EXTENDED_OFFSETS, _PIXEL_DATA = 0x7FE00001, 0x7FE00010
_PRIVATE_B_VALUES = (
    ("SIEMENS MR HEADER", 0x0019, 0x0C), ("Philips Imaging DD 001", 0x2001, 0x03), ("GEMS_PARM_01", 0x0043, 0x39),
)  # fmt: skip
"""Creator, group and element in which the makers keep the b-value of classic images."""
_MARK_KEY = os.urandom(16)
"""Of this process alone: a mark tells whether two headers name the same patient, and nothing else."""
_PRIVATE_TAGS = tuple(
    tag for _, group, element in _PRIVATE_B_VALUES for tag in (group << 16 | 0x10, group << 16 | 0x1000 | element)
)
SLICE_KEYWORDS: tuple[str | int, ...] = (
    *KEYWORDS, *_PATIENT, *_PRIVATE_TAGS, *_OVERLAY_BITS, _EXTENDED_OFFSETS,
)  # fmt: skip
"""All that ``slice_headers`` looks at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SliceHeader:
    """What the gate needs to know of one slice; None where the header does not say or is broken.

    A slice is frame ``frame`` (counted from 0) of file ``path``. The frames of an enhanced object become one header
    each, with the numbers of their functional groups; all else is one header a file.

    Args:
        pixels: where and how its file's pixels are stored; None where the header does not say.
        frames: how many frames the file holds.
        acquisition_facts: what one volume has one value of, as (name, words); names are those of ``splitting``.
        position_mm: (0020,0032), LPS.
        orientation: (0020,0037): direction of a row, then of a column.
        pixel_spacing_mm: (0028,0030): between rows, then between columns.
        patient_position: (0018,5100), e.g. HFS.
        patient: a mark each of the patient's ID, issuer, birth date and sex; empty where the header does not say.
    """

    path: Path
    frame: int
    pixels: PixelPlace | None
    sop_class_uid: str
    instance_uid: str
    study_uid: str
    series_uid: str
    modality: str
    transfer_syntax_uid: str | None
    image_type: tuple[str, ...]
    instance_number: int | None
    rows: int | None
    columns: int | None
    frames: int
    samples_per_pixel: int | None
    photometric: str | None
    bits_allocated: int | None
    bits_stored: int | None
    position_mm: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_spacing_mm: tuple[float, ...] | None
    frame_of_reference_uid: str | None
    rescale_slope: float | None
    rescale_intercept: float | None
    rescale_type: str | None
    acquisition_facts: tuple[tuple[str, str | None], ...]
    manufacturer: str | None
    lossy: bool
    pixel_representation: int | None
    high_bit: int | None
    slice_thickness_mm: float | None
    spacing_between_slices_mm: float | None
    gantry_tilt_degrees: float | None
    images_in_acquisition: int | None
    description: str | None
    value_words: str | None
    pet_units: str | None
    patient_position: str | None
    patient: tuple[bytes, ...]


def text(ds: Dataset, keyword: str) -> str | None:
    """The element's value as stripped text (several joined by a backslash), None where absent, empty or broken."""
    try:
        words = plain_text(ds, keyword)
        value = ds.get(keyword) if words is None else None
    except BROKEN_ELEMENT:
        return None
    if words is None:
        if value is None:
            return None
        words = "\\".join(str(v) for v in value) if isinstance(value, MultiValue) else str(value)
    return words.strip().strip("\0").strip() or None


def numbers(ds: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Exactly ``count`` finite numbers, else None."""
    words = text(ds, keyword)
    try:
        values = tuple(float(w) for w in words.split("\\")) if words else ()
    except ValueError:
        return None
    return values if len(values) == count and all(math.isfinite(v) for v in values) else None


def number(ds: Dataset, keyword: str) -> float | None:
    """The first value as a finite number, else None."""
    words = text(ds, keyword)
    try:
        value = float(words.split("\\")[0]) if words else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def integer(ds: Dataset, keyword: str) -> int | None:
    """The first value as an integer, else None."""
    value = number(ds, keyword)
    return int(value) if value is not None and value == int(value) else None


def read_some(path: Path, keywords: tuple[str | int, ...]) -> Dataset:
    """The named elements (keywords or tags) of a file, without pixels; files without preamble included.

    Raises:
        HeaderError: it is no DICOM file, damaged, refused or cannot be opened.
    """
    return read_header(path, keywords).ds


@contextmanager
def lenient_reading() -> Iterator[None]:
    """pydicom accepts odd values and says nothing of them: its warnings quote values, which may be identifiers."""
    with disable_value_validation(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pydicom")
        yield


def read_slice_headers(paths: Sequence[Path]) -> Iterator[tuple[SliceHeader, ...]]:
    """The facts of each slice of each file in turn; none of a file that cannot be read at all.

    Raises:
        InputError: the guard's process cannot be started.
    """
    for found in read_guarded(paths, SLICE_KEYWORDS):
        yield () if isinstance(found, HeaderError) else slice_headers(found)


def slice_headers(header: GuardedHeader) -> tuple[SliceHeader, ...]:
    """The facts of each slice of a file: one, or one a frame of an enhanced object."""
    place = _pixel_place(header)
    slices = enumerate(frame_datasets(header.ds))
    return tuple(_slice_header(flat, header.ds.file_meta, place, header.path, frame) for frame, flat in slices)


def _pixel_place(header: GuardedHeader) -> PixelPlace | None:
    """Where the pixels are; None where the header does not say how they are stored."""
    ds, flags = header.ds, header.facts.flags
    sizes = [integer(ds, k) for k in ("Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation")]
    rows, columns, allocated, stored, sign = sizes
    if not rows or not columns or allocated not in (8, 16, 32) or not stored or sign not in (0, 1):
        return None
    if header.facts.pixels_at >= 0 and header.facts.pixels_tag != _PIXEL_DATA:
        return None  # floating point pixels (7FE0,0008) and (7FE0,0009) are no stored values
    layout = Layout(
        transfer_syntax_uid=text(ds.file_meta, "TransferSyntaxUID") or "",
        rows=rows,
        columns=columns,
        bits_allocated=allocated,
        bits_stored=stored,
        is_signed=sign == 1,
        big_endian=bool(flags & wire.BIG),
        has_overlays=not _OVERLAY_BITS.isdisjoint(ds.keys()),
    )
    offsets = ds.get_item(_EXTENDED_OFFSETS)
    return PixelPlace(
        path=header.path,
        facts=header.facts,
        layout=layout,
        num_frames=integer(ds, "NumberOfFrames") or 1,
        frame_offsets=() if offsets is None else tuple(np.frombuffer(offsets.value, "<u8").tolist()),
        padding=(integer(ds, "PixelPaddingValue"), integer(ds, "PixelPaddingRangeLimit")),
    )


def _slice_header(ds: Dataset, meta: Dataset, place: PixelPlace | None, path: Path, frame: int) -> SliceHeader:
    image_type = text(ds, "ImageType")
    return SliceHeader(
        path=path,
        frame=frame,
        pixels=place,
        sop_class_uid=text(ds, "SOPClassUID") or text(meta, "MediaStorageSOPClassUID") or "",
        instance_uid=text(ds, "SOPInstanceUID") or "",
        study_uid=text(ds, "StudyInstanceUID") or "",
        series_uid=text(ds, "SeriesInstanceUID") or "",
        modality=(text(ds, "Modality") or "").upper(),
        transfer_syntax_uid=text(meta, "TransferSyntaxUID"),
        image_type=tuple(w.strip().upper() for w in image_type.split("\\")) if image_type else (),
        instance_number=integer(ds, "InstanceNumber"),
        rows=integer(ds, "Rows"),
        columns=integer(ds, "Columns"),
        frames=integer(ds, "NumberOfFrames") or 1,
        samples_per_pixel=integer(ds, "SamplesPerPixel"),
        photometric=text(ds, "PhotometricInterpretation"),
        bits_allocated=integer(ds, "BitsAllocated"),
        bits_stored=integer(ds, "BitsStored"),
        position_mm=numbers(ds, "ImagePositionPatient", 3),
        orientation=numbers(ds, "ImageOrientationPatient", 6),
        pixel_spacing_mm=numbers(ds, "PixelSpacing", 2),
        frame_of_reference_uid=text(ds, "FrameOfReferenceUID"),
        rescale_slope=number(ds, "RescaleSlope"),
        rescale_intercept=number(ds, "RescaleIntercept"),
        rescale_type=text(ds, "RescaleType"),
        acquisition_facts=_acquisition_facts(ds),
        manufacturer=text(ds, "Manufacturer"),
        lossy=text(ds, "LossyImageCompression") == "01",
        pixel_representation=integer(ds, "PixelRepresentation"),
        high_bit=integer(ds, "HighBit"),
        slice_thickness_mm=number(ds, "SliceThickness"),
        spacing_between_slices_mm=number(ds, "SpacingBetweenSlices"),
        gantry_tilt_degrees=number(ds, "GantryDetectorTilt"),
        images_in_acquisition=integer(ds, "ImagesInAcquisition") or integer(ds, "NumberOfSlices"),
        description=text(ds, "SeriesDescription"),
        value_words=_value_words(ds),
        pet_units=text(ds, "Units"),
        patient_position=text(ds, "PatientPosition"),
        patient=tuple(_mark(text(ds, k)) for k in _PATIENT),
    )


def _mark(words: str | None) -> bytes:
    """Tells words from others without holding them."""
    return hashlib.blake2b(words.encode(), key=_MARK_KEY, digest_size=8).digest() if words else b""


def _value_words(ds: Dataset) -> str | None:
    """Words that say what the values mean, e.g. of a monoenergetic or an iodine image; None where there are none."""
    named = ("SeriesDescription", "DerivationDescription", "ImageComments", "ImageType")
    words = [w for w in (text(ds, k) for k in named) if w]
    energy = number(ds, "MonoenergeticEnergyEquivalent")
    return "\\".join(words + ([f"monoenergetic {energy:g} keV"] if energy else [])) or None


def _acquisition_facts(ds: Dataset) -> tuple[tuple[str, str | None], ...]:
    """What has one value in a volume, as words: first what alters the image, then what counts its repetitions."""
    common = (
        ("stack", text(ds, "StackID")),
        ("temporal position", text(ds, "TemporalPositionIdentifier")),
        ("cardiac phase", text(ds, "NominalPercentageOfCardiacPhase")),
        ("acquisition", text(ds, "AcquisitionNumber")),
        ("trigger time", text(ds, "TriggerTime")),
    )
    if (text(ds, "Modality") or "").upper() != "MR":
        return (("kernel", text(ds, "ConvolutionKernel")), ("tube voltage", text(ds, "KVP")), *common)
    return (
        ("echo time", text(ds, "EchoTime")),
        ("echo number", text(ds, "EchoNumbers")),
        ("inversion time", text(ds, "InversionTime")),
        ("flip angle", text(ds, "FlipAngle")),
        ("b-value", _b_value(ds)),
        ("image component", _component(ds)),
        ("gradient direction", text(ds, "DiffusionGradientOrientation")),
        *common,
    )


def _b_value(ds: Dataset) -> str | None:
    """(0018,9087), else the maker's private element; GE adds multiples of 1e9 to it."""
    standard = text(ds, "DiffusionBValue")
    if standard is not None:
        return standard
    for creator, group, element in _PRIVATE_B_VALUES:
        try:
            if str(ds[group << 16 | 0x10].value).strip() != creator:
                continue
            value = ds[group << 16 | 0x1000 | element].value
            return f"{float(value[0] if isinstance(value, MultiValue) else value) % 1e9:g}"
        except BROKEN_ELEMENT:
            continue
    return None


def _component(ds: Dataset) -> str | None:
    """Magnitude, phase, real or imaginary, from the image type or (0008,9208)."""
    words = {w.strip().upper() for w in (text(ds, "ImageType") or "").split("\\")}
    known = {"M": "magnitude", "P": "phase", "R": "real", "I": "imaginary"}
    found = next((known[w] for w in known if w in words), None)
    return found or (text(ds, "ComplexImageComponent") or "").lower() or None


def read_headers(series: Series) -> list[Dataset]:
    """Whole headers of a series' files in slice order, without pixels.

    For exports, which copy patient attributes verbatim.

    Elements that cannot be converted are left out, so that a copy or an iteration does not fail on them.

    Raises:
        InputError: a file can no longer be read.
    """
    headers, dropped = [], set()
    with lenient_reading():
        files = list(dict.fromkeys(series.files))
        for path, found in zip(files, read_guarded(files, None), strict=True):
            if isinstance(found, HeaderError):
                raise InputError(
                    f"a file that was found before can no longer be read: {found.reason}",
                    where=path.name,
                    remedy="scan the folder again",
                ) from found
            remember(found.ds)
            dropped.update(_drop_broken(found.ds))
            headers.append(found.ds)
    if dropped:
        _log.warning("series %s: unreadable elements left out: %s", series.series_uid, ", ".join(sorted(dropped)[:5]))
    return headers


def _drop_broken(ds: Dataset) -> list[str]:
    """Deletes elements whose values cannot be converted, nested ones too; their tags."""
    dropped = []
    for tag in list(ds.keys()):
        try:
            element: Any = ds[tag]
        except BROKEN_ELEMENT:
            del ds[tag]
            dropped.append(str(tag))
            continue
        if element.VR == "SQ":
            for item in element.value:
                dropped += _drop_broken(item)
    return dropped
