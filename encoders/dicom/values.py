"""Stored values -> values of the volume: bits, padding, slope and intercept; in place wherever int16 holds them.

Whole slopes and intercepts are applied in arithmetic modulo 2^16, which is exact as soon as smallest and largest result
lie within int16: no wider copy of a slice is ever made for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.encoders.dicom.codecs.layout import CodecError, Layout, clear_above, extend_sign

AIR_HU = -1024
"""Value of padding outside the field of view in a CT volume."""
_PADDING_CEILING_HU = -1000
"""A padding value that would lie above this is a tissue value as well and is left alone."""
_INT16 = np.iinfo(np.int16)
_MODULUS = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Rescale:
    """From stored values to those of the volume.

    Args:
        padding: lowest and highest stored value that is no tissue, None without padding.
    """

    slope: float
    intercept: float
    padding: tuple[int, int] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether whole stored values stay whole."""
        return self.slope == int(self.slope) and self.intercept == int(self.intercept)


@dataclass(frozen=True, kw_only=True)
class Padding:
    """What became of a slice's padding: pixels that became air, or kept because tissue has the value too."""

    num_pixels: int = 0
    kept: bool = False


def check_bits(stored: NDArray[Any], layout: Layout) -> None:
    """Holds stored values to the bits that the header counts; extends the sign of signed ones, in place.

    The bits above must be zero, copies of the sign, or declared overlays, which are dropped: a header that counts too
    few bits would quietly fold large values.

    Raises:
        CodecError: other bits are set.
    """
    bits, all_bits = layout.bits_stored, layout.bits_allocated
    if bits >= all_bits:
        return
    if layout.has_overlays:
        (extend_sign if layout.is_signed else clear_above)(stored, bits)
        return
    low, high = int(stored.min()), int(stored.max())
    if not layout.is_signed:
        fits = high < 1 << bits
    else:
        half = 1 << (bits - 1)
        fits = -half <= low and high < half
        if not fits and low >= 0 and high < 1 << bits:  # the sign was not extended
            extend_sign(stored, bits)
            fits = True
    if not fits:
        raise CodecError(f"the stored values do not fit into the {bits} bits that the header states")


def to_int16(stored: NDArray[Any], rescale: Rescale, out: NDArray[np.int16]) -> Padding | None:
    """Rescaled values into ``out``, whose memory ``stored`` may share; None when int16 cannot hold them.

    After None ``out`` holds nothing of use.
    """
    if not rescale.is_whole:
        return None
    mask, padding = _padding(stored, rescale)
    fits = _fits(rescale, int(stored.min()), int(stored.max()))
    if not fits and (mask is None or not _fits_beside(stored, rescale, mask)):
        return None
    wrapped = out.view(np.uint16)
    if not np.may_share_memory(stored, out):
        np.copyto(wrapped, stored, casting="unsafe")
    if rescale.slope != 1:
        wrapped *= np.uint16(int(rescale.slope) % _MODULUS)
    if rescale.intercept != 0:
        wrapped += np.uint16(int(rescale.intercept) % _MODULUS)
    if mask is not None:
        out[mask] = AIR_HU
    return padding


def to_float32(stored: NDArray[Any], rescale: Rescale, out: NDArray[np.float32]) -> Padding:
    """Rescaled values into ``out``, computed in double precision."""
    mask, padding = _padding(stored, rescale)
    out[...] = stored.astype(np.float64) * rescale.slope + rescale.intercept
    if mask is not None:
        out[mask] = AIR_HU
    return padding


def padding_range(padding: tuple[int | None, int | None], layout: Layout) -> tuple[int, int] | None:
    """(0028,0120) to (0028,0121) in ascending order, both read with the sign of the pixels, whatever their VR."""
    first, last = padding
    if first is None:
        return None
    ends = (_signed_like(first, layout), _signed_like(first if last is None else last, layout))
    return min(ends), max(ends)


def _signed_like(value: int, layout: Layout) -> int:
    bits = layout.bits_allocated
    value &= (1 << bits) - 1
    return value - (1 << bits) if layout.is_signed and value >> (bits - 1) else value


def _padding(stored: NDArray[Any], rescale: Rescale) -> tuple[NDArray[np.bool_] | None, Padding]:
    """Which pixels become air, None for none of them."""
    if rescale.padding is None:
        return None, Padding()
    low, high = rescale.padding
    mask = np.asarray((stored >= low) & (stored <= high))
    count = int(np.count_nonzero(mask))
    if count == 0:
        return None, Padding()
    highest = high if low == high else int(stored[mask].max())
    if highest * rescale.slope + rescale.intercept > _PADDING_CEILING_HU:
        return None, Padding(kept=True)
    return mask, Padding(num_pixels=count)


def _fits(rescale: Rescale, low: int, high: int) -> bool:
    """Whether everything between two stored values becomes an int16."""
    ends = [value * int(rescale.slope) + int(rescale.intercept) for value in (low, high)]
    return min(ends) >= _INT16.min and max(ends) <= _INT16.max


def _fits_beside(stored: NDArray[Any], rescale: Rescale, mask: NDArray[np.bool_]) -> bool:
    """The same of what lies outside the mask."""
    tissue = stored[~mask]
    return tissue.size == 0 or _fits(rescale, int(tissue.min()), int(tissue.max()))
