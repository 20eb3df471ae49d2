"""JPEG-LS by CharLS as bundled in pyjpegls, called through its C interface so that the interpreter's lock is free.

pyjpegls itself keeps the lock. Its extension module exports the decoder of CharLS; called without parameters it reads
all that it needs from the stream, so no structure of a particular version passes between us and it.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.encoders.dicom.codecs.layout import CodecError, Layout, clear_above, extend_sign

SYNTAXES = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
_SOI, _SOF55 = b"\xff\xd8", 0xF7
_MESSAGE_BYTES = 256
_TESTED_MAJOR = 1


def decode(frame: bytes, layout: Layout, out: NDArray[Any]) -> bool:
    """Decodes a frame into ``out`` (rows, columns) of ``layout.dtype``; False when this codec does not take it.

    Raises:
        CodecError: the stream is damaged, or of another size than the header says.
    """
    library = _library()
    if library is None:
        return False
    precision, rows, columns, components = frame_header(frame)
    if (rows, columns) != (layout.rows, layout.columns):
        raise CodecError(f"expected {layout.rows} x {layout.columns} pixels, found {rows} x {columns}")
    if components != 1 or precision > layout.bits_allocated or layout.bits_allocated > 16:
        return False
    wide = precision > 8
    direct = wide == (layout.bits_allocated == 16)
    target = out.view(f"u{out.itemsize}") if direct else np.empty((rows, columns), "u2" if wide else "u1")
    _call(library, frame, target)
    if not direct:
        out[...] = target
    if layout.is_signed:
        extend_sign(out, precision)
    else:
        clear_above(out, precision)
    return True


def frame_header(frame: bytes) -> tuple[int, int, int, int]:
    """(bits per sample, rows, columns, components) of a JPEG-LS stream.

    Raises:
        CodecError: it is no JPEG-LS stream.
    """
    at = 2 if frame[:2] == _SOI else len(frame)
    while at + 10 <= len(frame) and frame[at] == 0xFF:
        if frame[at + 1] == 0xFF:  # fill bytes may stand before a marker
            at += 1
            continue
        if frame[at + 1] == _SOF55:
            rows, columns = (int.from_bytes(frame[n : n + 2]) for n in (at + 5, at + 7))
            return frame[at + 4], rows, columns, frame[at + 9]
        at += 2 + int.from_bytes(frame[at + 2 : at + 4])
    raise CodecError("the compressed pixels do not begin like a JPEG-LS image")


@functools.cache
def _library() -> Callable[..., int] | None:
    """CharLS' decoder, None where pyjpegls is absent, of another kind, or does not decode what it encoded itself."""
    try:
        if version("pyjpegls").split(".")[0] != str(_TESTED_MAJOR):
            return None
        import _CharLS
        from jpeg_ls import encode_array

        function: Callable[..., int] = ctypes.CDLL(_CharLS.__file__).JpegLsDecode
    except (PackageNotFoundError, ImportError, OSError, AttributeError):
        return None
    function.restype = ctypes.c_int  # type: ignore[attr-defined]
    function.argtypes = [  # type: ignore[attr-defined]
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_char_p,
    ]  # fmt: skip
    known = (np.arange(64 * 64, dtype=np.uint16) * 7 % 4096).reshape(64, 64)
    found = np.zeros_like(known)
    try:
        _call(function, bytes(encode_array(known)), found)
    except (CodecError, RuntimeError):
        return None
    return function if np.array_equal(found, known) else None


def _call(function: Callable[..., int], frame: bytes, target: NDArray[Any]) -> None:
    message = ctypes.create_string_buffer(_MESSAGE_BYTES)
    if function(target.ctypes.data, target.nbytes, frame, len(frame), None, message) != 0:
        reason = message.value.decode("ascii", "replace") or "no reason given"
        raise CodecError(f"the JPEG-LS stream is damaged ({reason})")
