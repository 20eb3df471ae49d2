"""What the profile says of each attribute: the table of PS3.15 E.1-1 as data, and what holds for all it does not list.

The table removes what it names. Beyond it the default is to refuse: text that is not on the short list of technical
text below is emptied, whatever its attribute; unknown, private and binary elements go.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto
from importlib.resources import files
from typing import Any

from pydicom.datadict import dictionary_keyword
from pydicom.tag import BaseTag

from tomoscribe.encoders.dicom.deidentify.options import Option

_FILE = "profile.json"
_DATES = frozenset({"DA", "DT", "TM"})
_TEXT = frozenset({"LO", "SH", "ST", "LT", "UT", "UC", "AE", "UR"})
_BYTES = frozenset({"OB", "OW", "OF", "OD", "OL", "OV", "UN"})
_PATIENT_GROUPS = frozenset({0x0010, 0x0012, 0x0032, 0x0038, 0x4008})
"""Patient, trial, request, visit and interpretation: what the table does not list there is removed as well."""
_KEEP_TEXT = frozenset(
    (
        "Manufacturer", "ManufacturerModelName", "SoftwareVersions", "ConvolutionKernel", "FilterType", "SequenceName",
        "PulseSequenceName", "ReceiveCoilName", "TransmitCoilName", "ImagedNucleus", "RescaleType",
        "WindowCenterWidthExplanation", "LUTExplanation", "ModalityLUTType", "LUTLabel", "Radiopharmaceutical",
        "CodeValue", "LongCodeValue", "URNCodeValue", "CodingSchemeDesignator", "CodingSchemeVersion", "CodeMeaning",
        "CodingSchemeName", "CodingSchemeResponsibleOrganization", "CodingSchemeRegistry", "CodingSchemeExternalID",
        "SegmentLabel", "SegmentDescription", "SegmentAlgorithmName", "AlgorithmName", "AlgorithmVersion",
        "AlgorithmParameters", "AlgorithmSource", "TrackingID", "ContentDescription", "DimensionDescriptionLabel",
        "StackID", "PositionReferenceIndicator", "TextValue", "ImplementationVersionName", "ReconstructionAlgorithm",
        "NominalScannedPixelSpacing", "MappingResourceName", "MeasurementUnitsCodeSequence",
    )
)  # fmt: skip
_KEEP_BYTES = frozenset(
    (
        "LUTData", "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData",
        "BluePaletteColorLookupTableData", "PixelPaddingValue", "PixelPaddingRangeLimit", "SmallestImagePixelValue",
        "LargestImagePixelValue", "RealWorldValueLUTData",
    )
)  # fmt: skip
KEPT_UIDS = frozenset(
    (
        "SOPClassUID", "ReferencedSOPClassUID", "ReferencedSOPClassUIDInFile", "CodingSchemeUID", "ContextUID",
        "MappingResourceUID", "TransferSyntaxUID", "ReferencedTransferSyntaxUIDInFile",
        "OriginalSpecializedSOPClassUID", "RelatedGeneralSOPClassUID",
    )
)  # fmt: skip
_FOLLOWED = frozenset({"ContentSequence", "VerifyingObserverSequence"})
"""Sequences with action D: their items are cleaned by the same rules, which is the dummy that keeps them valid."""


class Action(Enum):
    """What happens to an element."""

    KEEP = auto()
    REMOVE = auto()
    EMPTY = auto()
    DUMMY = auto()
    UID = auto()
    SHIFT = auto()
    WORDS = auto()
    """Keep the words of the technical vocabulary (Clean Descriptors)."""
    TEXT = auto()
    """Keep text, unless it names the patient or anybody else of the study."""
    ITEMS = auto()
    """Clean the items of the sequence by the same rules."""


@dataclass(frozen=True, kw_only=True)
class _Row:
    name: str
    basic: str
    dates: str | None = None
    device: str | None = None
    patient: str | None = None
    descriptors: str | None = None
    structured: str | None = None
    graphics: str | None = None


@functools.cache
def table() -> dict[int, _Row]:
    """The rows of table E.1-1 by tag."""
    return {int(tag, 16): _Row(**row) for tag, row in _document()["rows"].items() if "x" not in tag}


def edition() -> str:
    """Which edition of the table the data file holds."""
    return str(_document()["edition"])


@functools.cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((files(__package__) / _FILE).read_text(encoding="utf-8"))
    return document


def action_of(tag: BaseTag, vr: str, options: Collection[Option]) -> Action:
    """The action for a standard element outside of group 2 that is in the data dictionary."""
    row = table().get(int(tag))
    if row is None:
        return _unlisted(tag, vr, options)
    retained = _retained(row, vr, options)
    return retained if retained is not None else _basic(row, vr)


def _retained(row: _Row, vr: str, options: Collection[Option]) -> Action | None:
    """What a chosen option makes of it; None where none of them concerns it."""
    if row.dates and Option.MODIFIED_DATES in options:
        return Action.SHIFT
    if row.device and Option.DEVICE_IDENTITY in options:
        return _kept(vr)
    if row.patient == "K" and Option.PATIENT_CHARACTERISTICS in options:
        return _kept(vr)
    wants_words = row.descriptors and Option.CLEAN_DESCRIPTORS in options
    if wants_words or (row.patient == "C" and Option.PATIENT_CHARACTERISTICS in options):
        return Action.WORDS
    return None


def _kept(vr: str) -> Action:
    if vr == "UI":
        return Action.UID
    return Action.ITEMS if vr == "SQ" else Action.TEXT if vr in _TEXT else Action.KEEP


def _basic(row: _Row, vr: str) -> Action:
    """The action of the Basic Profile; of several the one that is valid whatever the type of the attribute."""
    if row.basic == "X":
        return Action.REMOVE
    if row.basic == "X/Z/U*":
        return Action.ITEMS
    if vr == "SQ":
        if row.name in _FOLLOWED:
            return Action.ITEMS
        return Action.EMPTY if "Z" in row.basic else Action.REMOVE
    if row.basic == "U" or vr == "UI":
        return Action.UID
    if vr in _BYTES:
        return Action.REMOVE
    return Action.DUMMY if "D" in row.basic else Action.EMPTY


def _unlisted(tag: BaseTag, vr: str, options: Collection[Option]) -> Action:
    name = dictionary_keyword(tag)
    if tag.group in _PATIENT_GROUPS:
        return Action.REMOVE
    if vr == "SQ":
        return Action.ITEMS
    if vr == "UI":
        return Action.KEEP if name in KEPT_UIDS else Action.UID
    if vr in _DATES:
        return Action.SHIFT if Option.MODIFIED_DATES in options else Action.EMPTY
    if vr == "PN":
        return Action.EMPTY
    if vr in _TEXT:
        return Action.TEXT if name in _KEEP_TEXT else Action.EMPTY
    if vr in _BYTES:
        return Action.KEEP if name in _KEEP_BYTES else Action.REMOVE
    return Action.KEEP
