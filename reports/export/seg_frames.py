"""The frames of a Segmentation: voxels packed, functional groups that share what is the same.

The header of a SEG comes from highdicom, which is built for two slices only; frames of a whole study are put together
here, because a study has thousands of them (20 organs in 400 slices: over 3,000).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.reports.export.objects import coded, reference


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Frames in the order they are written.

    Args:
        data: value of Pixel Data (7FE0,0010).
        places: for each frame its segment number (0 where it holds all segments) and its slice k.
    """

    data: bytes
    places: tuple[tuple[int, int], ...]


def binary_frames(array: NDArray[Any], num_segments: int) -> Frames:
    """A frame of one bit a voxel for each segment and each slice that it is on.

    Args:
        array: (D, H, W) label values 1 to ``num_segments``.
    """
    from scipy.ndimage import find_objects

    _, rows, columns = array.shape
    aligned = 8 // math.gcd(8, columns)
    if rows % aligned:
        return _unaligned(array, num_segments)
    places: list[tuple[int, int]] = []
    parts: list[tuple[int, NDArray[np.uint8]]] = []
    for number, box in enumerate(find_objects(array, max_label=num_segments), start=1):
        if box is None:
            continue
        top = box[1].start // aligned * aligned
        bottom = min(rows, -(-box[1].stop // aligned) * aligned)
        mask = array[box[0], top:bottom] == number
        for k in np.flatnonzero(mask.any(axis=(1, 2))):
            places.append((number, box[0].start + int(k)))
            parts.append((top * columns // 8, np.packbits(mask[k], bitorder="little")))
    data = np.zeros((len(places), rows * columns // 8), dtype=np.uint8)
    for frame, (start, packed) in zip(data, parts, strict=True):
        frame[start : start + len(packed)] = packed
    return Frames(data=_even(data.tobytes()), places=tuple(places))


def _unaligned(array: NDArray[Any], num_segments: int) -> Frames:
    """The same for frames that do not end at a byte: the bits of all of them run on."""
    places = [(n, int(k)) for n in range(1, num_segments + 1) for k in np.flatnonzero((array == n).any(axis=(1, 2)))]
    bits = np.concatenate([(array[k] == n).ravel() for n, k in places])
    return Frames(data=_even(np.packbits(bits, bitorder="little").tobytes()), places=tuple(places))


def label_frames(array: NDArray[Any]) -> Frames:
    """A frame of label values, JPEG-LS lossless, for each slice that holds any."""
    import jpeg_ls
    from pydicom.encaps import encapsulate

    used = np.flatnonzero(array.any(axis=(1, 2)))
    frames = (bytes(jpeg_ls.encode_array(np.ascontiguousarray(array[k]))) for k in used)
    data = encapsulate([frame + b"\0" * (len(frame) % 2) for frame in frames], has_bot=False)
    return Frames(data=data, places=tuple((0, int(k)) for k in used))


def functional_groups(frames: Frames, headers: Sequence[Any]) -> list[Any]:
    """Items of Per-Frame Functional Groups Sequence; frames of a slice share its items, frames of a segment theirs.

    Args:
        headers: of the source images, by slice k.
    """
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items

    by_slice = {k: _of_slice(headers[k]) for k in {k for _, k in frames.places}}
    by_segment = {n: _of_segment(n) for n in {n for n, _ in frames.places} if n}
    groups = []
    for number, k in frames.places:
        content, group = Dataset(), Dataset()
        content.DimensionIndexValues = [number, k + 1] if number else [k + 1]
        group.FrameContentSequence = Items([content])
        group.DerivationImageSequence, group.PlanePositionSequence = by_slice[k]
        if number:
            group.SegmentIdentificationSequence = by_segment[number]
        groups.append(group)
    return groups


def _of_slice(header: Any) -> tuple[Any, Any]:
    """Derivation and position."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items

    source = reference(header)
    source.SpatialLocationsPreserved = "YES"
    source.PurposeOfReferenceCodeSequence = [coded("121322", "DCM", "Source image for image processing operation")]
    derivation, position = Dataset(), Dataset()
    derivation.SourceImageSequence = [source]
    derivation.DerivationCodeSequence = [coded("113076", "DCM", "Segmentation")]
    position.ImagePositionPatient = header.ImagePositionPatient
    return Items([derivation]), Items([position])


def _of_segment(number: int) -> Any:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items

    item = Dataset()
    item.ReferencedSegmentNumber = number
    return Items([item])


def _even(data: bytes) -> bytes:
    return data + b"\0" * (len(data) % 2)
