"""How a header says the pixels are stored, and what every codec needs to obey it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


class CodecError(ValueError):
    """A frame that cannot be decoded; the text says why, without a value."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Stored pixels of one frame: one sample per pixel, 8, 16 or 32 bits allocated.

    Args:
        transfer_syntax_uid: of the file.
        bits_allocated, bits_stored, is_signed: (0028,0100), (0028,0101), (0028,0103).
        big_endian: byte order of uncompressed pixels.
        has_overlays: an overlay lies in the bits above the stored ones (60xx,0102).
    """

    transfer_syntax_uid: str
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    is_signed: bool
    big_endian: bool = False
    has_overlays: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the stored values, in this machine's byte order."""
        return np.dtype(f"{'i' if self.is_signed else 'u'}{self.bits_allocated // 8}")

    @property
    def num_bytes(self) -> int:
        """Of one uncompressed frame."""
        return self.rows * self.columns * self.bits_allocated // 8


def extend_sign(values: NDArray[Any], bits: int) -> None:
    """Makes bit ``bits - 1`` of signed values their sign, in place; what stands above it is dropped."""
    above = 8 * values.dtype.itemsize - bits
    if above > 0:
        np.left_shift(values, above, out=values)
        np.right_shift(values, above, out=values)


def clear_above(values: NDArray[Any], bits: int) -> None:
    """Drops what stands above the lowest ``bits`` of unsigned values, in place."""
    if bits < 8 * values.dtype.itemsize:
        np.bitwise_and(values, values.dtype.type((1 << bits) - 1), out=values)
