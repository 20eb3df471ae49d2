"""Enhanced objects -> one flat data set a frame, named as in classic images, so that the gate knows one kind of slice.

A value of the frame's own functional groups (5200,9230) comes before one of the shared groups (5200,9229), and that
before one of the data set itself (PS3.3 C.7.6.16).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    EnhancedPETImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
    LegacyConvertedEnhancedPETImageStorage,
)

from tomoscribe.encoders.dicom.broken import BROKEN_ELEMENT

ENHANCED_CLASSES = {
    EnhancedCTImageStorage: "CT", EnhancedMRImageStorage: "MR", EnhancedPETImageStorage: "PT",
    LegacyConvertedEnhancedCTImageStorage: "CT", LegacyConvertedEnhancedMRImageStorage: "MR",
    LegacyConvertedEnhancedPETImageStorage: "PT",
}  # fmt: skip
"""The SOP classes whose frames are slices, and their modality."""
FUNCTIONAL_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
_CLASSIC = {
    "FrameType": "ImageType", "EffectiveEchoTime": "EchoTime", "FrameAcquisitionNumber": "AcquisitionNumber",
    "TemporalPositionIndex": "TemporalPositionIdentifier", "NominalCardiacTriggerDelayTime": "TriggerTime",
    "InversionTimes": "InversionTime",
}  # fmt: skip
_PASSED_OVER = {
    "DerivationImageSequence", "ReferencedImageSequence", "SourceImageSequence", "RealWorldValueMappingSequence",
    "UnassignedSharedConvertedAttributesSequence", "ConversionSourceAttributesSequence", "FrameVOILUTSequence",
}  # fmt: skip
_NESTING = 3
"""Functional groups hold their values at most two sequences deep; what lies deeper is not looked at."""


def frame_datasets(ds: Dataset) -> Iterator[Dataset]:
    """One flat data set for each frame of an enhanced object; the data set itself for all else.

    An enhanced object without functional groups, or with a number of them that is not its number of frames, gives one
    data set too: it says nothing of where its frames are, and the gate refuses it.
    """
    groups = _items(ds, FUNCTIONAL_GROUPS[1])
    if ds.get("SOPClassUID") not in ENHANCED_CLASSES or not groups or len(groups) != _num_frames(ds):
        yield ds
        return
    shared = Dataset()
    _copy(ds, shared)
    for item in _items(ds, FUNCTIONAL_GROUPS[0]):
        _flatten(item, shared, _NESTING)
    for group in groups:
        flat = Dataset()
        flat.update(shared)
        _flatten(group, flat, _NESTING)
        yield flat


def frame_dataset(ds: Dataset, frame: int) -> Dataset:
    """The flat data set of frame ``frame``, counted from 0; the data set itself where frames are no slices."""
    return next((flat for n, flat in enumerate(frame_datasets(ds)) if n == frame), ds)


def _copy(source: Dataset, target: Dataset) -> None:
    """Elements that hold values and can be converted; no sequences, no pixels, nothing private."""
    for tag in list(source.keys()):
        if tag.is_private or tag.group == 0x7FE0 or (element := _element(source, tag)) is None or element.VR == "SQ":
            continue
        target[tag] = element


def _flatten(item: Dataset, target: Dataset, depth: int) -> None:
    """Copies the values of an item and of the items nested in it, under their classic names."""
    for tag in list(item.keys()):
        element = None if tag.is_private else _element(item, tag)
        if element is None or element.keyword in _PASSED_OVER:
            continue
        if element.VR == "SQ":
            if depth > 1 and element.value:
                _flatten(element.value[0], target, depth - 1)
        elif element.keyword in _CLASSIC:
            setattr(target, _CLASSIC[element.keyword], element.value)
        else:
            target[tag] = element


def _element(ds: Dataset, tag: BaseTag) -> DataElement | None:
    try:
        return ds[tag]
    except BROKEN_ELEMENT:
        return None


def _items(ds: Dataset, keyword: str) -> list[Dataset]:
    element = _element(ds, Tag(keyword)) if keyword in ds else None
    return list(element.value) if element is not None and element.VR == "SQ" else []


def _num_frames(ds: Dataset) -> int:
    element = _element(ds, Tag("NumberOfFrames")) if "NumberOfFrames" in ds else None
    try:
        return int(element.value) if element is not None else 1
    except (TypeError, ValueError):
        return 1
