"""RLE Lossless (PS3.5 annex G) by imagecodecs, which lets the interpreter's lock go and decodes into the volume.

imagecodecs checks the runs against both buffers but believes the table of segments in front of them: that is held to
the frame here before it sees it. A frame that it refuses goes to pylibjpeg-rle, which is more lenient and the judge.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.encoders.dicom.codecs.layout import CodecError, Layout

SYNTAXES = ("1.2.840.10008.1.2.5",)
_TABLE = struct.Struct("<16L")
"""Number of segments and the position of each (PS3.5 G.5)."""


def decode(frame: bytes, layout: Layout, out: NDArray[Any]) -> bool:
    """Decodes a frame into ``out`` (rows, columns) of ``layout.dtype``; False when no decoder is installed.

    Raises:
        CodecError: the segments are damaged or hold another number of pixels than the header says.
    """
    if _decoded_without_lock(frame, layout, out):
        return True
    decoder = _careful_decoder()
    if decoder is None:
        return False
    try:
        found = decoder(frame, layout.rows * layout.columns, layout.bits_allocated, "<")
    except (ValueError, RuntimeError, IndexError) as error:
        raise CodecError("the RLE segments are damaged or end early") from error
    if len(found) != layout.num_bytes:
        raise CodecError(f"expected {layout.num_bytes} bytes of pixels, found {len(found)}")
    out[...] = np.frombuffer(found, layout.dtype.newbyteorder("<")).reshape(out.shape)
    return True


def lets_lock_go() -> bool:
    """Whether threads decode at the same time."""
    return _fast_decoder() is not None


def _decoded_without_lock(frame: bytes, layout: Layout, out: NDArray[Any]) -> bool:
    """Whether imagecodecs decoded exactly the pixels of one frame into ``out``; else ``out`` holds anything."""
    decoder = _fast_decoder()
    if decoder is None or not _is_sound(frame, layout.bits_allocated // 8) or not out.flags.c_contiguous:
        return False
    target = out.reshape(-1).view(np.uint8)
    try:
        return len(decoder(frame, layout.dtype, out=target)) == layout.num_bytes
    except (ValueError, RuntimeError):
        return False


def _is_sound(frame: bytes, num_segments: int) -> bool:
    """Whether the table names one segment for each byte of a pixel, one behind the other and within the frame."""
    if len(frame) <= _TABLE.size:
        return False
    count, *positions = _TABLE.unpack_from(frame)
    ends = [*positions[1:num_segments], len(frame)]
    in_order = all(start < end for start, end in zip(positions[:num_segments], ends, strict=True))
    is_filled = positions[0] == _TABLE.size and not any(positions[num_segments:])
    return count == num_segments and is_filled and in_order


@functools.cache
def _fast_decoder() -> Callable[..., Any] | None:
    """imagecodecs' decoder, None where it is absent or does not decode a known frame."""
    try:
        from imagecodecs import dicomrle_decode
    except ImportError:
        return None
    high, low = b"\xfd\x01", b"\x01\x07\x08\xff\x09"  # 4 x 1; 7, 8, 2 x 9
    frame = _TABLE.pack(2, 64, 66, *[0] * 13) + high + low + b"\0"
    known = bytearray(8)
    try:
        dicomrle_decode(frame, np.dtype(np.uint16), out=known)
    except (ValueError, RuntimeError):
        return None
    found: Callable[..., Any] = dicomrle_decode
    return found if np.frombuffer(known, np.uint16).tolist() == [263, 264, 265, 265] else None


@functools.cache
def _careful_decoder() -> Callable[[bytes, int, int, str], bytearray] | None:
    try:
        from rle.rle import decode_frame
    except ImportError:
        return None
    found: Callable[[bytes, int, int, str], bytearray] = decode_frame
    return found
