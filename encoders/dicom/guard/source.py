"""Bytes of a data set by position: straight from a file, or inflated piece by piece. Never more than asked for."""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tomoscribe.encoders.dicom.guard.limits import Limits

WINDOW = 1 << 16
_PIECE = 1 << 16


class Stop(Exception):
    """Reading ends here; the text says why."""


class Refused(Stop):
    """A limit was reached."""


class Broken(Stop):
    """The bytes are no DICOM data set from here on."""


class Cut(Stop):
    """The file ends in the middle of an element."""


class Plain:
    """A file read in windows; values that nobody wants are skipped without being read."""

    def __init__(self, file: int, size: int, head: bytes) -> None:
        self.file = file
        self.size = size
        self.base = 0
        self.data = head

    def load(self, position: int, count: int) -> None:
        """Makes ``data``, which begins at ``base``, hold ``count`` bytes from ``position``, fewer at the end."""
        want = max(count, WINDOW)
        pieces, got = [], 0
        os.lseek(self.file, position, os.SEEK_SET)
        while got < want:
            piece = os.read(self.file, want - got)
            if not piece:
                break
            pieces.append(piece)
            got += len(piece)
        self.data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self.base = position

    def has(self, position: int) -> bool:
        """Whether the data set reaches up to ``position``."""
        return position <= self.size


class Inflated:
    """A deflated data set from ``start`` on, as positions of its inflated bytes; only forwards, a window is kept."""

    def __init__(self, file: int, start: int, size: int, limits: Limits) -> None:
        self.limits = limits
        self.file = file
        self.compressed = max(1, size - start)
        self.base = 0
        self.data = b""
        self.pending = b""
        self.inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        os.lseek(file, start, os.SEEK_SET)

    def load(self, position: int, count: int) -> None:
        """As for a plain file; what lies between is inflated and dropped.

        Raises:
            Refused: getting there would inflate more than the limits allow.
        """
        if position + count > self.limits.inflate_header_bytes:
            raise Refused(
                f"its header inflates to more than {self.limits.inflate_header_bytes / 2**20:.0f} MiB "
                f"(from {self.compressed / 2**20:.2f} MiB)"
            )
        pieces, end = [self.data], self.base + len(self.data)
        while end < position + count:
            piece = self._piece()
            if not piece:
                break
            if end <= position:
                pieces = [piece]
            else:
                pieces.append(piece)
            end += len(piece)
        self.data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self.base = end - len(self.data)
        self._drop_before(position)

    def _drop_before(self, position: int) -> None:
        if position > self.base:
            self.data = self.data[position - self.base :]
            self.base = position

    def _piece(self) -> bytes:
        """The next bytes, at most one piece; empty at the end."""
        while not self.inflater.eof:
            if not self.pending:
                self.pending = os.read(self.file, _PIECE)
            given = self.pending
            try:
                piece = self.inflater.decompress(given, _PIECE)
            except zlib.error as error:
                raise Broken("its deflated data set is damaged") from error
            self.pending = self.inflater.unconsumed_tail
            if piece or not given:
                return piece
        return b""

    def has(self, position: int) -> bool:
        """Not known before it is inflated; what the limits forbid is found by ``load``."""
        return True
