"""Which codec reads a frame."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from tomoscribe.encoders.dicom.codecs import jpeg2000, jpegls, other, rle
from tomoscribe.encoders.dicom.codecs.layout import Layout

_FAST = {uid: codec.decode for codec in (jpegls, jpeg2000, rle) for uid in codec.SYNTAXES}
_WITHOUT_LOCK = frozenset({*jpegls.SYNTAXES, *jpeg2000.SYNTAXES})
_NATIVE = frozenset({"", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"})


def uses_all_cores(transfer_syntax_uid: str) -> bool:
    """Whether threads help: not where a decoder keeps the interpreter's lock, and they would only wait for it."""
    if transfer_syntax_uid in rle.SYNTAXES:
        return rle.lets_lock_go()
    return transfer_syntax_uid in _WITHOUT_LOCK or transfer_syntax_uid in _NATIVE


def decode_frame(frame: bytes, layout: Layout, out: NDArray[Any]) -> None:
    """Decodes one compressed frame into ``out``, (rows, columns) of ``layout.dtype``, contiguous.

    Values are as the stream and the header's sign say; bits that the header does not count are left for the caller.

    Raises:
        CodecError: the frame is damaged, of another size than the header says, or nothing reads it.
    """
    fast = _FAST.get(layout.transfer_syntax_uid)
    if fast is None or not fast(frame, layout, out):
        other.decode(frame, layout, out)
