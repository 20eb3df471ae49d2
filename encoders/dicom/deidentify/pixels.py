"""Pixel data of the copy: nothing behind its end, no overlay planes in unused bits, no comments in its codestreams."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID, ExplicitVRLittleEndian
from scipy import ndimage

from tomoscribe.core.errors import InputError
from tomoscribe.encoders.dicom.deidentify.drawn_text import drawn_text
from tomoscribe.encoders.dicom.headers import integer, text

_NAMES = {"PixelData": 0x7FE00010, "FloatPixelData": 0x7FE00008, "DoubleFloatPixelData": 0x7FE00009}
_SOS, _EOI = 0xDA, 0xD9
_LS_SYNTAXES = re.compile(r"1\.2\.840\.10008\.1\.2\.4\.(5\d|6\d|7\d|8[01])")
_J2K_SYNTAXES = re.compile(r"1\.2\.840\.10008\.1\.2\.4\.(9[0-3]|20[1-3])")
_COLOR_MARKERS = frozenset({0xE8, 0xEE})
"""APP8 (JPEG-LS color transform) and APP14 (Adobe) change how the samples are read."""


def copy_pixels(source: Dataset, target: Dataset) -> None:
    """Puts the pixel data of ``source`` into ``target``, whose file meta names the transfer syntax.

    Raises:
        InputError: the pixel data are shorter than the header says.
    """
    name = next((n for n in _NAMES if n in source), None)
    if name is None:
        return
    syntax = UID(target.file_meta.TransferSyntaxUID)
    planes = _overlay_bits(source)
    if planes and syntax.is_compressed:
        source.decompress(generate_instance_uid=False)
        syntax = target.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax.is_compressed:
        frames = [_without_comments(f, syntax) for f in _frames(source)]
        target.add_new(_NAMES[name], "OB", encapsulate(frames))
        target[name].is_undefined_length = True
        return
    value = bytes(source[name].value)
    vr = source[name].VR if source[name].VR in ("OB", "OW", "OF", "OD") else "OW"
    target.add_new(_NAMES[name], vr, _trimmed(value, source, name, planes, is_little=syntax.is_little_endian))


def _frames(source: Dataset) -> Iterator[bytes]:
    count = integer(source, "NumberOfFrames") or 1
    return generate_frames(source.PixelData, number_of_frames=count)


def _overlay_bits(source: Dataset) -> int:
    """Mask of the bits of a pixel that hold overlay planes (PS3.3 C.9.2, retired)."""
    low = (integer(source, "HighBit") or 0) + 1 - (integer(source, "BitsStored") or 0)
    mask = 0
    for tag in list(source.keys()):
        if 0x6000 <= tag.group <= 0x60FF and tag.element == 0x0102:
            position = integer_of(source, tag)
            inside = low <= position < low + (integer(source, "BitsStored") or 0)
            if (tag.group << 16 | 0x3000) not in source and not inside:
                mask |= 1 << position
    return mask


def integer_of(source: Dataset, tag: int) -> int:
    """The value of an element as an integer, 0 where it is none."""
    try:
        return int(source[tag].value)
    except (TypeError, ValueError):
        return 0


def _trimmed(value: bytes, source: Dataset, name: str, planes: int, *, is_little: bool) -> bytes:
    bits = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}.get(name, integer(source, "BitsAllocated") or 16)
    samples = integer(source, "SamplesPerPixel") or 1
    if samples == 3 and text(source, "PhotometricInterpretation") == "YBR_FULL_422":
        samples = 2
    pixels = (integer(source, "Rows") or 0) * (integer(source, "Columns") or 0) * samples
    length = (pixels * (integer(source, "NumberOfFrames") or 1) * bits + 7) // 8
    if len(value) < length:
        raise InputError("the pixel data are shorter than the header says", remedy="copy or export the study again")
    value = value[:length]
    if planes and bits == 16:
        words = np.frombuffer(value, dtype="<u2" if is_little else ">u2")
        value = (words & np.array(~planes & 0xFFFF, words.dtype)).astype(words.dtype).tobytes()
    return value + b"\0" * (len(value) % 2)


def _without_comments(frame: bytes, syntax: UID) -> bytes:
    """The codestream without comment and application segments, which may hold any text; others stay as they are."""
    if _LS_SYNTAXES.fullmatch(syntax) and frame[:2] == b"\xff\xd8":
        return _stripped(frame, _is_jpeg_comment, last=(_SOS,))
    if _J2K_SYNTAXES.fullmatch(syntax) and frame[:2] == b"\xff\x4f":
        return _stripped(frame, lambda marker: marker == 0x64, last=(0x90, 0x93))
    return frame


def _is_jpeg_comment(marker: int) -> bool:
    return marker == 0xFE or (0xE0 <= marker <= 0xEF and marker not in _COLOR_MARKERS)


def _stripped(frame: bytes, is_comment, last: tuple[int, ...]) -> bytes:  # type: ignore[no-untyped-def]
    """Segments of the main header that are no comments, then the rest as it is."""
    kept, at = [frame[:2]], 2
    while at + 4 <= len(frame) and frame[at] == 0xFF and frame[at + 1] not in last:
        size = 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
        if not is_comment(frame[at + 1]):
            kept.append(frame[at : at + size])
        at += size
    out = b"".join(kept) + frame[at:]
    return out + b"\0" * (len(out) % 2)


def black_out(source: Dataset) -> int:
    """Blackens an ultrasound picture outside its declared regions (0018,6011), and what looks like text within them.

    In place; a compressed one is decompressed.

    Returns:
        How many words, lines or marks were blackened within the regions, over all frames.

    Raises:
        InputError: the colours are coded in a way in which black is not zero.
    """
    if source.file_meta.TransferSyntaxUID.is_compressed:
        source.decompress(as_rgb=True, generate_instance_uid=False)
    array = source.pixel_array
    if text(source, "PhotometricInterpretation") not in ("RGB", "MONOCHROME2") or array.dtype != np.uint8:
        raise InputError("ultrasound in a colour coding that is not blacked out here", remedy="leave this series out")
    frames = array.reshape(integer(source, "NumberOfFrames") or 1, int(source.Rows), int(source.Columns), -1)
    keep = _declared(source, frames.shape[1:3])
    cleaned, count = np.zeros_like(frames), 0
    for n, frame in enumerate(frames):
        picture = np.where(keep[:, :, None], frame, 0).astype(np.uint8)
        drawn = drawn_text(picture)
        count += int(ndimage.label(drawn)[1])
        cleaned[n] = np.where(drawn[:, :, None], 0, picture)
    source.PlanarConfiguration = 0
    source.PixelData = cleaned.tobytes() + b"\0" * (cleaned.nbytes % 2)
    return count


def _declared(source: Dataset, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    keep = np.zeros(shape, dtype=bool)
    for region in source.SequenceOfUltrasoundRegions:
        keep[
            int(region.RegionLocationMinY0) : int(region.RegionLocationMaxY1) + 1,
            int(region.RegionLocationMinX0) : int(region.RegionLocationMaxX1) + 1,
        ] = True
    return keep
