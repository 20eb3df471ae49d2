"""RLE Lossless (PS3.5 annex G) by pylibjpeg-rle, without pydicom's copies in between."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.encoders.dicom.codecs.layout import CodecError, Layout

SYNTAXES = ("1.2.840.10008.1.2.5",)


def decode(frame: bytes, layout: Layout, out: NDArray[Any]) -> bool:
    """Decodes a frame into ``out`` (rows, columns) of ``layout.dtype``; False when pylibjpeg-rle is not installed.

    Raises:
        CodecError: the segments are damaged or hold another number of pixels than the header says.
    """
    decoder = _decoder()
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


@functools.cache
def _decoder() -> Callable[[bytes, int, int, str], bytearray] | None:
    try:
        from rle.rle import decode_frame
    except ImportError:
        return None
    found: Callable[[bytes, int, int, str], bytearray] = decode_frame
    return found
