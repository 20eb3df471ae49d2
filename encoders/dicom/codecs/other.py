"""Every transfer syntax that pydicom has a decoder for; careful, and one core at a time."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import UID

from tomoscribe.encoders.dicom.broken import BROKEN_FILE
from tomoscribe.encoders.dicom.codecs.layout import CodecError, Layout

_ERRORS = (*BROKEN_FILE, RuntimeError, IndexError)


def decode(frame: bytes, layout: Layout, out: NDArray[Any]) -> None:
    """Decodes a frame into ``out`` (rows, columns) of ``layout.dtype``.

    Raises:
        CodecError: no decoder can read it.
    """
    try:
        found, _ = get_decoder(UID(layout.transfer_syntax_uid)).as_array(
            encapsulate([frame], has_bot=False),
            index=0,
            rows=layout.rows,
            columns=layout.columns,
            number_of_frames=1,
            samples_per_pixel=1,
            photometric_interpretation="MONOCHROME2",
            bits_allocated=layout.bits_allocated,
            bits_stored=layout.bits_stored,
            pixel_representation=int(layout.is_signed),
            pixel_keyword="PixelData",
            correct_unused_bits=False,
        )
    except _ERRORS as error:
        raise CodecError("the pixels are truncated or cannot be decoded") from error
    if found.shape != out.shape:
        raise CodecError(f"expected {out.shape} pixels, found {found.shape}")
    out[...] = found
