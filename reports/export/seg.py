"""DICOM Segmentation of a label map, BINARY or LABELMAP, and back.

BINARY has a frame for each segment and slice, and every PACS that knows SEG takes it. LABELMAP (a SOP class of 2024)
has one frame for each slice, is compressed (JPEG-LS) and far smaller. Slices are paired with their source images by
position, never by the order of a list. Empty frames are left out; the list of all source images in slice order gives
the full grid back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import numpy as np

from tomoscribe.core import Algorithm, Finding, Geometry, LabelMap, Laterality, Segment, terms
from tomoscribe.core.errors import InputError, OutputError
from tomoscribe.core.uids import derive_uid
from tomoscribe.reports.export.concepts import LATERALITIES, coding_scheme_item, from_dicom, key_of, to_dicom
from tomoscribe.reports.export.identity import copy_identity
from tomoscribe.reports.export.objects import MANUFACTURER, MODEL_NAME, reference
from tomoscribe.reports.export.seg_frames import Frames, binary_frames, functional_groups, label_frames
from tomoscribe.reports.export.source_grid import SourceGrid, on_source_grid

SERIES_NUMBERS = {"findings": 9001, "anatomy": 9003}
DESCRIPTION = "tomoscribe {name} SEG, not a medical device"
_WEIGHTS = "weights_sha256"
_LABEL = "label value "
_COLORS_RGB = ((255, 99, 71), (64, 200, 120), (80, 150, 255), (255, 200, 40), (200, 110, 240), (0, 200, 210))


class SegKind(StrEnum):
    """How a Segmentation stores its voxels."""

    BINARY = "BINARY"
    LABELMAP = "LABELMAP"


def build_seg(
    label_map: LabelMap,
    grid: SourceGrid,
    findings: Mapping[str, Finding],
    version: str,
    kind: SegKind = SegKind.BINARY,
) -> Any:
    """A Segmentation of all segments of the label map.

    Args:
        label_map: on the grid of the source series in any axis order, or a crop of it.
        grid: the source images.
        findings: by tracking UID, for the anatomic region of a segment.
        version: of the software.
        kind: LABELMAP only for a receiver that is known to accept it.

    Raises:
        OutputError: the label map has no voxel in any segment.
    """
    placed = on_source_grid(label_map, grid)
    if not placed.segments or not placed.array.any():
        raise OutputError(f"expected at least one voxel in label map '{label_map.name}', found none")
    array = _consecutive(placed.array, placed.segments)
    digest = content_digest(placed)
    series_uid = str(grid.headers[0].SeriesInstanceUID)
    names = (label_map.name, digest, version) + (() if kind is SegKind.BINARY else (kind.value,))
    descriptions = [_description(n, s, placed.algorithm, findings) for n, s in enumerate(placed.segments, start=1)]
    seg = _header(array, grid, descriptions, kind)
    seg.SeriesInstanceUID, seg.SeriesNumber = (
        derive_uid(series_uid, "seg-series", *names),
        SERIES_NUMBERS.get(label_map.name, 9003),
    )
    seg.SOPInstanceUID = seg.file_meta.MediaStorageSOPInstanceUID = derive_uid(series_uid, "seg", *names)
    seg.SeriesDescription = DESCRIPTION.format(name=label_map.name)
    seg.ContentLabel, seg.SoftwareVersions = label_map.name.upper()[:16], version
    copy_identity(seg, grid.headers[0])
    seg.ContentQualification = "RESEARCH"
    seg.CodingSchemeIdentificationSequence = [coding_scheme_item()]
    seg.DimensionOrganizationSequence[0].DimensionOrganizationUID = derive_uid(series_uid, "seg-dim", digest)
    for item in seg.DimensionIndexSequence:
        item.DimensionOrganizationUID = seg.DimensionOrganizationSequence[0].DimensionOrganizationUID
    frames = binary_frames(array, len(placed.segments)) if kind is SegKind.BINARY else label_frames(array)
    _fill(seg, frames, grid.headers)
    return seg


def _header(array: Any, grid: SourceGrid, descriptions: Sequence[Any], kind: SegKind) -> Any:
    """highdicom's Segmentation of the first two slices that hold a voxel, with the pixel measures of the whole grid."""
    from highdicom import PixelMeasuresSequence
    from highdicom.seg import Segmentation
    from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless

    start = min(int(np.argmax(array.any(axis=(1, 2)))), max(0, len(array) - 2))
    across_mm, row_mm, column_mm = (float(s) for s in grid.geometry.spacing_mm)
    thickness_mm = float(grid.headers[0].get("SliceThickness") or across_mm)
    seg = Segmentation(
        source_images=list(grid.headers[start : start + 2]),
        pixel_array=array[start : start + 2],
        segmentation_type=kind.value,
        transfer_syntax_uid=ExplicitVRLittleEndian if kind is SegKind.BINARY else JPEGLSLossless,
        segment_descriptions=list(descriptions),
        series_instance_uid="2.25.1",
        series_number=1,
        sop_instance_uid="2.25.2",
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL_NAME,
        software_versions="0",
        device_serial_number="1",
        content_description="Drawn by software, not reviewed. Not a medical device.",
        pixel_measures=PixelMeasuresSequence(
            pixel_spacing=(row_mm, column_mm), slice_thickness=thickness_mm, spacing_between_slices=across_mm
        ),
        specific_character_set="ISO_IR 192",
    )
    return seg


def _fill(seg: Any, frames: Frames, headers: Sequence[Any]) -> None:
    """Frames, their functional groups and all source images in place of the header's two."""
    shared = seg.SharedFunctionalGroupsSequence[0]
    for name in (
        "SegmentIdentificationSequence",
        "PlanePositionSequence",
        "DerivationImageSequence",
        "FrameContentSequence",
    ):
        if name in shared:
            delattr(shared, name)
    if "DimensionOrganizationType" in seg:
        del seg.DimensionOrganizationType
    seg.PerFrameFunctionalGroupsSequence = functional_groups(frames, headers)
    seg.NumberOfFrames = len(frames.places)
    seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence = [reference(h) for h in headers]
    seg.PixelData = frames.data
    seg["PixelData"].VR = "OB"
    seg["PixelData"].is_undefined_length = seg.file_meta.TransferSyntaxUID.is_encapsulated


def content_digest(label_map: LabelMap) -> str:
    """SHA-256 over the box that holds all voxels, its place, the grid, segments and algorithm."""
    array = label_map.array
    used = [np.flatnonzero(array.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    box = tuple(slice(int(u[0]), int(u[-1]) + 1) if len(u) else slice(0, 0) for u in used)
    digest = hashlib.sha256(np.ascontiguousarray(array[box]).tobytes())
    digest.update(np.round(label_map.geometry.affine, 4).tobytes())
    digest.update(repr((array.shape, box, label_map.segments, label_map.algorithm)).encode())
    return digest.hexdigest()


def read_seg(seg: Any) -> LabelMap:
    """The label map of a Segmentation that ``build_seg`` made.

    Raises:
        InputError: not such a Segmentation.
    """
    frame_groups = list(seg.PerFrameFunctionalGroupsSequence)
    shared = seg.SharedFunctionalGroupsSequence[0]
    if "PlaneOrientationSequence" not in shared or "PixelMeasuresSequence" not in shared:
        raise InputError("expected a SEG with one orientation for all frames", where=str(seg.SOPInstanceUID))
    segments, algorithm = _read_segments(seg)
    geometry, places = _read_grid(seg, shared, frame_groups)
    values = np.array([0, *(s.number for s in segments)], dtype=np.uint16)
    array = np.zeros(geometry.shape, dtype=np.uint16 if values.max() > 255 else np.uint8)
    pixels = np.asarray(seg.pixel_array).reshape(len(frame_groups), *geometry.shape[1:])
    for frame, k, group in zip(pixels, places, frame_groups, strict=True):
        if str(seg.SegmentationType) == SegKind.LABELMAP:
            array[k] = values[frame]
        else:
            number = int(_functional(group, shared, "SegmentIdentificationSequence").ReferencedSegmentNumber)
            array[k][frame.astype(bool)] = values[number]
    return LabelMap(
        name=str(seg.ContentLabel).lower(),
        array=array,
        geometry=geometry,
        segments=segments,
        algorithm=algorithm,
        series_uid=str(seg.ReferencedSeriesSequence[0].SeriesInstanceUID),
    )


def _consecutive(array: Any, segments: Sequence[Segment]) -> Any:
    """Label values 1, 2, 3, ... in the order of the segments, as DICOM wants them; no copy where they are so."""
    if [s.number for s in segments] == list(range(1, len(segments) + 1)):
        return array
    table = np.zeros(max(s.number for s in segments) + 1, dtype=np.uint16 if len(segments) > 255 else np.uint8)
    for n, segment in enumerate(segments, start=1):
        table[segment.number] = n
    return table[array]


def _description(number: int, segment: Segment, algorithm: Algorithm, findings: Mapping[str, Finding]) -> Any:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.color import CIELabColor
    from highdicom.seg import SegmentAlgorithmTypeValues, SegmentDescription
    from pydicom.sr.codedict import codes

    finding = findings.get(segment.tracking_uid or "")
    tracked = segment.tracking_uid is not None
    description = SegmentDescription(
        segment_number=number,
        segment_label=segment.name[:64],
        segmented_property_category=to_dicom(segment.category),
        segmented_property_type=to_dicom(segment.type),
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            name=algorithm.name[:64],
            family=codes.DCM.ArtificialIntelligence,
            version=algorithm.version[:64],
            parameters={_WEIGHTS: algorithm.weights_sha256} if algorithm.weights_sha256 else None,
        ),
        tracking_id=segment.name[:64] if tracked else None,
        tracking_uid=segment.tracking_uid,
        anatomic_regions=None if finding is None else [to_dicom(finding.site)],
        display_color=CIELabColor.from_rgb(*_COLORS_RGB[(number - 1) % len(_COLORS_RGB)]),
    )
    description.SegmentDescription = f"{_LABEL}{segment.number}"
    if segment.laterality is not None:
        side = to_dicom(LATERALITIES[Laterality(segment.laterality)])
        description.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [side]
        if finding is not None:
            description.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [side]
    return description


def _read_segments(seg: Any) -> tuple[tuple[Segment, ...], Algorithm]:
    segments = []
    items = [item for item in seg.SegmentSequence if int(item.SegmentNumber)]
    for n, item in enumerate(items, start=1):
        if int(item.SegmentNumber) != n:
            raise InputError(f"expected segment {n}, found {item.SegmentNumber}", where=str(seg.SOPInstanceUID))
        text = str(item.get("SegmentDescription", ""))
        kind = item.SegmentedPropertyTypeCodeSequence[0]
        modifiers = kind.get("SegmentedPropertyTypeModifierCodeSequence", [])
        sides = [from_dicom(m) for m in modifiers if from_dicom(m) in (terms.RIGHT, terms.LEFT, terms.BILATERAL)]
        segments.append(
            Segment(
                number=int(text.removeprefix(_LABEL)) if text.startswith(_LABEL) else n,
                name=str(item.SegmentLabel),
                category=from_dicom(item.SegmentedPropertyCategoryCodeSequence[0]),
                type=from_dicom(kind),
                laterality=key_of(LATERALITIES, sides[0]).value if sides else None,
                tracking_uid=str(item.TrackingUID) if "TrackingUID" in item else None,
            )
        )
    made_by = items[0].SegmentationAlgorithmIdentificationSequence[0]
    parameters = str(made_by.get("AlgorithmParameters", ""))
    weights = parameters.removeprefix(f"{_WEIGHTS}=") if parameters.startswith(f"{_WEIGHTS}=") else None
    name, version = str(made_by.AlgorithmName), str(made_by.AlgorithmVersion)
    return tuple(segments), Algorithm(name=name, version=version, weights_sha256=weights)


def _read_grid(seg: Any, shared: Any, groups: Sequence[Any]) -> tuple[Geometry, list[int]]:
    """The full grid, and the slice k of each frame."""
    orientation = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    measures = shared.PixelMeasuresSequence[0]
    normal = np.cross(orientation[:3], orientation[3:])
    positions = np.array([_functional(g, shared, "PlanePositionSequence").ImagePositionPatient for g in groups], float)
    count, places = _slices(seg, shared, groups)
    low, high = int(np.argmin(places)), int(np.argmax(places))
    if places[high] > places[low]:
        step = (positions[high] - positions[low]) / (places[high] - places[low])
    else:
        step = normal * float(measures.get("SpacingBetweenSlices", measures.SliceThickness))
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = orientation[3:] * float(measures.PixelSpacing[0])
    affine[:3, 2] = orientation[:3] * float(measures.PixelSpacing[1])
    affine[:3, 3] = positions[low] - places[low] * step
    shape = (count, int(seg.Rows), int(seg.Columns))
    return Geometry(affine=affine, shape=shape, frame_of_reference_uid=str(seg.FrameOfReferenceUID)), places


def _functional(group: Any, shared: Any, name: str) -> Any:
    """The item of a functional group of a frame, which may stand among those that all frames share."""
    return (group if name in group else shared)[name].value[0]


def _slices(seg: Any, shared: Any, groups: Sequence[Any]) -> tuple[int, list[int]]:
    """How many slices the source series has, and which of them each frame lies on; images are listed in slice order."""
    images = seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    index = {str(image.ReferencedSOPInstanceUID): k for k, image in enumerate(images)}
    derived = [_functional(g, shared, "DerivationImageSequence").SourceImageSequence[0] for g in groups]
    return len(index), [index[str(d.ReferencedSOPInstanceUID)] for d in derived]
