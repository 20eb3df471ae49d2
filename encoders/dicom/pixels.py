"""The stored pixels of a file whose header the guard let through: no more bytes than its header has room for.

Nothing is parsed again: the guard said where the value begins. A deflated data set is inflated up to the end of its
pixels and no further, an encapsulated one is measured before it is read.
"""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tomoscribe.encoders.dicom.broken import BROKEN_ELEMENT
from tomoscribe.encoders.dicom.codestream import stated_size
from tomoscribe.encoders.dicom.guard import wire
from tomoscribe.encoders.dicom.guarded import GuardedHeader, HeaderError, Outcome, header_guard, read_header
from tomoscribe.encoders.dicom.place import PixelPlace

MAX_EXPANSION = 2
"""Compressed pixels may take this many times their decoded size (noise grows by a few percent), plus some slack."""
_SLACK_BYTES = 1 << 20
_PIECE = 1 << 20
_CODESTREAM_HEAD = 1 << 16
_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_FLOAT_VRS = {0x7FE00008: "OF", 0x7FE00009: "OD"}
_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def read_whole(path: Path) -> Dataset:
    """All elements of an image and its pixels, as ``dcmread`` would give them; for decoding.

    Raises:
        HeaderError: what ``read_header`` raises, no pixel data, pixels that are cut short, or more of them than the
            header describes.
    """
    return _with_pixels(read_header(path, None))


def read_object(path: Path) -> Dataset:
    """All elements of any object, with its pixels where it has some; for copies. Raises what ``read_whole`` raises."""
    header = read_header(path, None)
    return header.ds if header.facts.pixels_at < 0 else _with_pixels(header)


def _with_pixels(header: GuardedHeader) -> Dataset:
    ds, facts = header.ds, header.facts
    value = pixel_value(header)
    if "TransferSyntaxUID" not in ds.file_meta:  # a bare data set without file meta group is uncompressed
        explicit = ExplicitVRBigEndian if facts.flags & wire.BIG else ExplicitVRLittleEndian
        ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if facts.flags & wire.IMPLICIT else explicit
    encapsulated = facts.pixels_length < 0
    wide = (_whole(ds, "BitsAllocated") or 16) > 8 and not encapsulated
    vr = _FLOAT_VRS.get(facts.pixels_tag) or ("OW" if wide else "OB")
    element = DataElement(Tag(facts.pixels_tag), vr, value, already_converted=True)
    element.is_undefined_length = encapsulated
    ds[element.tag] = element
    return ds


def pixel_value(header: GuardedHeader) -> bytes:
    """The value of Pixel Data: the stored pixels, or all fragments with their item headers.

    Raises:
        HeaderError: no pixel data, or it is cut short or larger than the header describes.
    """
    facts = header.facts
    if facts.pixels_at < 0:
        raise cut_short()
    if facts.deflated_at >= 0:
        return deflated_value(header)
    with opened(header) as file:
        if facts.pixels_length < 0:
            spans = fragments(header, file)
            check_codestreams(header, file, spans)
            start, end = facts.pixels_at, (spans[-1][0] + spans[-1][1]) if spans else facts.pixels_at
        else:
            start, end = facts.pixels_at, facts.pixels_at + min(facts.pixels_length, described_bytes(header.ds))
        if end > facts.size:
            raise cut_short()
        file.seek(start)
        return _exactly(file, end - start)


def fragments(header: GuardedHeader | PixelPlace, file: BinaryIO) -> list[tuple[int, int]]:
    """(position, bytes) of each fragment of an encapsulated value, the offset table (the first) included.

    Raises:
        HeaderError: it is cut short, broken, or larger than decoded pixels could explain.
    """
    limits, size = header_guard().limits, header.facts.size
    room = MAX_EXPANSION * _described(header) + _SLACK_BYTES
    out: list[tuple[int, int]] = []
    position = header.facts.pixels_at
    while True:
        file.seek(position)
        head = file.read(8)
        if head[:4] == _END:
            return out
        if len(head) < 8 or head[:4] != _ITEM:
            raise cut_short()
        length = int.from_bytes(head[4:], "little")
        position += 8 + length
        room -= length
        if position > size:
            raise cut_short()
        if room < 0 or len(out) >= limits.sequence_items:
            raise HeaderError(Outcome.REFUSED, "its compressed pixels are larger than the header describes")
        out.append((position - length, length))


def check_codestreams(header: GuardedHeader, file: BinaryIO, spans: list[tuple[int, int]]) -> None:
    """Holds what each compressed frame says of its own size against the header, before a decoder believes it.

    Args:
        spans: as ``fragments`` gives them.

    Raises:
        HeaderError: a codestream states more samples than a frame of the header has.
    """
    rows, columns = _whole(header.ds, "Rows"), _whole(header.ds, "Columns")
    samples = max(1, _whole(header.ds, "SamplesPerPixel"))
    for position, length in spans[1:]:
        file.seek(position)
        check_stated_size(file.read(min(length, _CODESTREAM_HEAD)), (rows, columns, samples))


def check_stated_size(frame: bytes, described: tuple[int, int, int]) -> None:
    """Holds what a compressed frame says of its own size against (rows, columns, samples) of the header.

    Raises:
        HeaderError: it states more samples.
    """
    found = stated_size(frame)
    rows, columns, samples = described
    if found is not None and found.samples > rows * columns * samples:
        raise HeaderError(
            Outcome.REFUSED,
            f"its compressed pixels are {found.rows} x {found.columns} x {found.components}, "
            f"the header describes {rows} x {columns}",
        )


def cut_short() -> HeaderError:
    """What is raised where pixels are missing."""
    return HeaderError(Outcome.DAMAGED, "the file ends before its pixels are complete")


def _described(header: GuardedHeader | PixelPlace) -> int:
    return header.described_bytes if isinstance(header, PixelPlace) else described_bytes(header.ds)


def described_bytes(ds: Dataset) -> int:
    """Bytes of the decoded pixels that the header describes; the guard has held them to its limits."""
    sizes = [_whole(ds, word) for word in ("Rows", "Columns", "SamplesPerPixel", "NumberOfFrames")]
    voxels = sizes[0] * sizes[1] * max(1, sizes[2]) * max(1, sizes[3])
    return (voxels * (_whole(ds, "BitsAllocated") or 16) + 7) // 8


@contextmanager
def opened(header: GuardedHeader | PixelPlace) -> Iterator[BinaryIO]:
    """The file for reading, if it is still the one whose header was read.

    Raises:
        HeaderError: it is gone, replaced or changed.
    """
    try:
        number = os.open(header.path, _OPEN)
    except OSError as error:
        raise HeaderError(Outcome.UNREADABLE, error.strerror or "it cannot be opened") from error
    with os.fdopen(number, "rb") as file:
        status = os.fstat(number)
        same = (status.st_size, status.st_mtime_ns) == (header.facts.size, header.facts.mtime_ns)
        if not stat.S_ISREG(status.st_mode) or not same:
            raise HeaderError(Outcome.UNREADABLE, "the file changed while it was read")
        yield file


def deflated_value(header: GuardedHeader | PixelPlace) -> bytes:
    """Native pixels within a deflated data set; inflated piece by piece up to their end, the header is dropped."""
    facts = header.facts
    wanted = min(facts.pixels_length, _described(header))
    if facts.pixels_length < 0:
        raise HeaderError(Outcome.DAMAGED, "its pixels are encapsulated within a deflated data set")
    kept = bytearray()
    position = 0
    with opened(header) as file:
        file.seek(facts.deflated_at)
        for piece in _pieces(file):
            skip = max(0, facts.pixels_at - position)
            position += len(piece)
            kept += piece[skip : skip + wanted - len(kept)]
            if len(kept) >= wanted:
                return bytes(kept)
    raise cut_short()


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    given = file.read(_PIECE)
    while given and not inflater.eof:
        try:
            yield inflater.decompress(given, _PIECE)
        except zlib.error as error:
            raise HeaderError(Outcome.DAMAGED, "its deflated data set is damaged") from error
        given = inflater.unconsumed_tail or file.read(_PIECE)


def _exactly(file: BinaryIO, count: int) -> bytes:
    value = file.read(count)
    if len(value) < count:
        raise cut_short()
    return value


def _whole(ds: Dataset, keyword: str) -> int:
    try:
        return max(0, int(ds.get(keyword) or 0))
    except BROKEN_ELEMENT:
        return 0
