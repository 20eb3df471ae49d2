"""The stored pixels of a file, frame by frame, each straight into the memory where it is wanted.

Only files whose header the guard let through are opened, and only while they are unchanged (``pixels.opened``).
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import parse_basic_offsets

from tomoscribe.encoders.dicom.codecs import CodecError, decode_frame
from tomoscribe.encoders.dicom.pixels import check_stated_size, cut_short, deflated_value, fragments, opened
from tomoscribe.encoders.dicom.place import PixelPlace

_EXPLICIT_HEADER_BYTES = 8
"""From the VR of an OB or OW element in explicit VR to its value."""


class Frames(ABC):
    """The frames of one open file."""

    def __init__(self, place: PixelPlace) -> None:
        self.place = place

    @abstractmethod
    def read(self, frame: int, out: NDArray[Any]) -> None:
        """Stored values of frame ``frame``, counted from 0, into ``out``: (rows, columns) of the layout's dtype.

        Raises:
            HeaderError: the file ends early, or the frame is larger than the header describes.
            CodecError: the frame cannot be decoded.
        """


@contextmanager
def open_frames(place: PixelPlace) -> Iterator[Frames]:
    """The frames of a file, whatever its transfer syntax.

    Raises:
        HeaderError: no pixels, cut short, gone, or changed since its header was read.
        CodecError: its frames cannot be told apart.
    """
    if place.facts.pixels_at < 0:
        raise cut_short()
    if place.facts.deflated_at >= 0:
        yield _Inflated(place)
        return
    with opened(place) as file:
        yield _Encapsulated(place, file) if place.facts.pixels_length < 0 else _Native(place, file)


class _Native(Frames):
    """Uncompressed: read into place, then put into this machine's byte order."""

    def __init__(self, place: PixelPlace, file: BinaryIO) -> None:
        super().__init__(place)
        self.file = file

    def read(self, frame: int, out: NDArray[Any]) -> None:
        layout, facts = self.place.layout, self.place.facts
        start = frame * layout.num_bytes
        if start + layout.num_bytes > facts.pixels_length:
            raise cut_short()
        if layout.big_endian and layout.bits_allocated == 8 and self._is_in_words():
            self._read_swapped_pairs(start, out)
            return
        self.file.seek(facts.pixels_at + start)
        _fill(self.file, out)
        if layout.bits_allocated > 8 and layout.big_endian != (np.little_endian is False):
            out.byteswap(inplace=True)

    def _is_in_words(self) -> bool:
        """Whether bytes were written as 16-bit words (VR OW), which big endian turns round in pairs."""
        self.file.seek(self.place.facts.pixels_at - _EXPLICIT_HEADER_BYTES)
        return self.file.read(2) == b"OW"

    def _read_swapped_pairs(self, start: int, out: NDArray[Any]) -> None:
        """Whole words around the frame, whose ends may lie within one."""
        count = self.place.layout.num_bytes
        first = start - start % 2
        words = np.empty((start + count - first + 1) // 2, np.uint16)
        if first + words.nbytes > self.place.facts.pixels_length:
            raise cut_short()
        self.file.seek(self.place.facts.pixels_at + first)
        _fill(self.file, words)
        swapped = words.byteswap().view(out.dtype)
        out[...] = swapped[start - first : start - first + count].reshape(out.shape)


class _Inflated(Frames):
    """Uncompressed within a deflated data set, inflated once."""

    def __init__(self, place: PixelPlace) -> None:
        super().__init__(place)
        self.value = deflated_value(place)

    def read(self, frame: int, out: NDArray[Any]) -> None:
        layout = self.place.layout
        if (frame + 1) * layout.num_bytes > len(self.value):
            raise cut_short()
        order = layout.dtype.newbyteorder("<")
        stored = np.frombuffer(self.value, order, out.size, frame * layout.num_bytes)
        out[...] = stored.reshape(out.shape)


class _Encapsulated(Frames):
    """Compressed: one or several fragments each, found without reading them."""

    def __init__(self, place: PixelPlace, file: BinaryIO) -> None:
        super().__init__(place)
        self.file = file
        self.spans = _by_frame(place, file, fragments(place, file))

    def read(self, frame: int, out: NDArray[Any]) -> None:
        if frame >= len(self.spans):
            raise cut_short()
        layout = self.place.layout
        content = b"".join(self._bytes(*span) for span in self.spans[frame])
        check_stated_size(content, (layout.rows, layout.columns, 1))
        decode_frame(content, layout, out)

    def _bytes(self, position: int, count: int) -> bytes:
        self.file.seek(position)
        found = self.file.read(count)
        if len(found) < count:
            raise cut_short()
        return found


Span = tuple[int, int]
"""Position and bytes of a fragment."""


def _by_frame(place: PixelPlace, file: BinaryIO, spans: Sequence[Span]) -> list[list[Span]]:
    """The fragments of each frame: all of one frame, one each, or as an offset table says.

    Raises:
        CodecError: several frames in an other number of fragments, and no table that fits.
    """
    table, rest = spans[:1], list(spans[1:])
    if place.num_frames == 1:
        return [rest] if rest else []
    if len(rest) == place.num_frames:
        return [[span] for span in rest]
    starts = place.frame_offsets or _offset_table(file, table)
    first = rest[0][0] - 8 if rest else 0
    at = {position - 8 - first: n for n, (position, _) in enumerate(rest)}
    if len(starts) != place.num_frames or not all(start in at for start in starts):
        raise CodecError(f"its {place.num_frames} frames cannot be told apart within {len(rest)} fragments")
    edges = [*(at[start] for start in starts), len(rest)]
    return [rest[a:b] for a, b in itertools.pairwise(edges)]


def _offset_table(file: BinaryIO, table: Sequence[Span]) -> list[int]:
    """Basic Offset Table: where each frame begins, counted from the first fragment's item."""
    if not table or table[0][1] == 0:
        return []
    position, count = table[0]
    file.seek(position - 8)
    return parse_basic_offsets(file.read(count + 8))


def _fill(file: BinaryIO, array: NDArray[Any]) -> None:
    """As many bytes as the array has."""
    target = array.reshape(-1).view(np.uint8).data
    while len(target):
        count = file.readinto(target)  # type: ignore[attr-defined]
        if not count:
            raise cut_short()
        target = target[count:]
