"""JPEG 2000 and HTJ2K by OpenJPEG as bundled in pylibjpeg-openjpeg, called through its C interface without the lock.

pylibjpeg-openjpeg itself keeps the interpreter's lock. Its extension module exports OpenJPEG's own functions, whose
structures are the same in all versions 2.x; another major version, or one that does not decode what it encoded itself,
is not used.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, c_int, c_int32, c_size_t, c_uint16, c_uint32, c_void_p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.encoders.dicom.codecs.layout import CodecError, Layout, clear_above, extend_sign

SYNTAXES = tuple(f"1.2.840.10008.1.2.4.{n}" for n in ("90", "91", "201", "202", "203"))
_CODESTREAM = b"\xff\x4f\xff\x51"
_CODEC_J2K = 0
_PARAMETER_BYTES = 1 << 15
"""More than ``opj_dparameters_t`` has in any version (about 8,300)."""
_END = c_size_t(-1).value


class _Component(ctypes.Structure):
    _fields_ = (
        *((name, c_uint32) for name in ("dx", "dy", "w", "h", "x0", "y0", "prec", "bpp", "sgnd", "resno", "factor")),
        ("data", POINTER(c_int32)),
        ("alpha", c_uint16),
    )


class _Image(ctypes.Structure):
    _fields_ = (
        *((name, c_uint32) for name in ("x0", "y0", "x1", "y1", "numcomps")),
        ("color_space", c_int),
        ("comps", POINTER(_Component)),
        ("icc_profile", c_void_p),
        ("icc_profile_len", c_uint32),
    )


_READ = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_size_t, c_void_p)
_SKIP = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, c_void_p)
_SEEK = ctypes.CFUNCTYPE(c_int, ctypes.c_int64, c_void_p)


def decode(frame: bytes, layout: Layout, out: NDArray[Any]) -> bool:
    """Decodes a frame into ``out`` (rows, columns) of ``layout.dtype``; False when this codec does not take it.

    Raises:
        CodecError: the codestream is damaged, or of another size than the header says.
    """
    library = _library()
    if library is None or frame[:4] != _CODESTREAM:
        return False
    with _decoded(library, frame) as image:
        component = image.comps[0]
        if image.numcomps != 1 or (component.dx, component.dy) != (1, 1) or component.prec > layout.bits_allocated:
            return False
        if (component.h, component.w) != (layout.rows, layout.columns):
            raise CodecError(f"expected {layout.rows} x {layout.columns} pixels, found {component.h} x {component.w}")
        if not component.data:
            raise CodecError("the JPEG 2000 stream holds no pixels")
        out[...] = np.ctypeslib.as_array(component.data, out.shape)
        precision, was_signed = int(component.prec), bool(component.sgnd)
    if was_signed != layout.is_signed:
        (extend_sign if layout.is_signed else clear_above)(out, precision)
    return True


@contextmanager
def _decoded(library: ctypes.CDLL, frame: bytes) -> Iterator[_Image]:
    """The decoded image, freed afterwards."""
    stream, codec, image = library.opj_stream_default_create(1), None, POINTER(_Image)()
    callbacks = _callbacks(frame)
    try:
        library.opj_stream_set_read_function(stream, callbacks[0])
        library.opj_stream_set_skip_function(stream, callbacks[1])
        library.opj_stream_set_seek_function(stream, callbacks[2])
        library.opj_stream_set_user_data_length(stream, len(frame))
        codec = library.opj_create_decompress(_CODEC_J2K)
        parameters = ctypes.create_string_buffer(_PARAMETER_BYTES)
        library.opj_set_default_decoder_parameters(parameters)
        done = (
            library.opj_setup_decoder(codec, parameters)
            and library.opj_decoder_set_strict_mode(codec, 1)
            and library.opj_read_header(stream, codec, ctypes.byref(image))
            and library.opj_decode(codec, stream, image)
            and library.opj_end_decompress(codec, stream)
        )
        if not done or not image:
            raise CodecError("the JPEG 2000 stream is damaged")
        yield image.contents
    finally:
        if image:
            library.opj_image_destroy(image)
        if codec:
            library.opj_destroy_codec(codec)
        library.opj_stream_destroy(stream)


def _callbacks(frame: bytes) -> tuple[Any, Any, Any]:
    """OpenJPEG asks for bytes a few times per frame; only then is the lock taken."""
    start = ctypes.cast(ctypes.c_char_p(frame), c_void_p).value or 0
    position = 0

    def read(buffer: int, count: int, _: int | None) -> int:
        nonlocal position
        count = min(count, len(frame) - position)
        if count <= 0:
            return _END
        ctypes.memmove(buffer, start + position, count)
        position += count
        return count

    def skip(count: int, _: int | None) -> int:
        nonlocal position
        before, position = position, min(max(position + count, 0), len(frame))
        return position - before if position != before else -1

    def seek(target: int, _: int | None) -> int:
        nonlocal position
        inside = 0 <= target <= len(frame)
        position = target if inside else position
        return int(inside)

    return _READ(read), _SKIP(skip), _SEEK(seek)


@functools.cache
def _library() -> ctypes.CDLL | None:
    """OpenJPEG, None where it is absent, not 2.x, or does not decode what it encoded itself."""
    try:
        import _openjpeg
        from openjpeg.utils import encode_array

        library = ctypes.CDLL(_openjpeg.__file__)
        _declare(library)
    except (ImportError, OSError, AttributeError):
        return None
    if not (library.opj_version() or b"").startswith(b"2."):
        return None
    known = (np.arange(64 * 64, dtype=np.uint16) * 7 % 4096).reshape(64, 64)
    try:
        with _decoded(library, bytes(encode_array(known, bits_stored=12, photometric_interpretation=2))) as image:
            found = np.ctypeslib.as_array(image.comps[0].data, known.shape)
            return library if image.comps[0].prec == 12 and np.array_equal(found, known) else None
    except (CodecError, RuntimeError):
        return None


def _declare(library: ctypes.CDLL) -> None:
    """Argument and result types; AttributeError where a function is not exported."""
    pointer_results = ("opj_stream_default_create", "opj_create_decompress")
    for name in pointer_results:
        getattr(library, name).restype = c_void_p
        getattr(library, name).argtypes = [c_int]
    image = POINTER(_Image)
    arguments: dict[str, list[Any]] = {
        "opj_stream_set_read_function": [c_void_p, _READ],
        "opj_stream_set_skip_function": [c_void_p, _SKIP],
        "opj_stream_set_seek_function": [c_void_p, _SEEK],
        "opj_stream_set_user_data_length": [c_void_p, ctypes.c_uint64],
        "opj_set_default_decoder_parameters": [c_void_p],
        "opj_setup_decoder": [c_void_p, c_void_p],
        "opj_decoder_set_strict_mode": [c_void_p, c_int],
        "opj_read_header": [c_void_p, c_void_p, POINTER(image)],
        "opj_decode": [c_void_p, c_void_p, image],
        "opj_end_decompress": [c_void_p, c_void_p],
        "opj_image_destroy": [image],
        "opj_destroy_codec": [c_void_p],
        "opj_stream_destroy": [c_void_p],
    }
    for name, types in arguments.items():
        getattr(library, name).argtypes = types
        getattr(library, name).restype = c_int
    library.opj_version.restype = ctypes.c_char_p
