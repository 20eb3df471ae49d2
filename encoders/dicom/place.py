"""Where the stored pixels of a file are and how they are stored: all that reading them needs of its header."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tomoscribe.encoders.dicom.codecs import Layout
from tomoscribe.encoders.dicom.guard import wire


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelPlace:
    """The pixels of one file whose header the guard let through.

    Args:
        facts: the file's size and time when its header was read, and the position of its pixels.
        layout: of each frame.
        num_frames: (0028,0008).
        frame_offsets: (7FE0,0001): where each compressed frame begins, counted from the first fragment's item.
        padding: (0028,0120) and (0028,0121) as they stand there.
    """

    path: Path
    facts: wire.Facts
    layout: Layout
    num_frames: int
    frame_offsets: tuple[int, ...] = ()
    padding: tuple[int | None, int | None] = (None, None)

    @property
    def described_bytes(self) -> int:
        """Of the decoded pixels; the guard has held them to its limits."""
        return self.num_frames * self.layout.num_bytes

    def is_unchanged(self) -> bool:
        """Whether the file still has the size and the time of its header's reading."""
        try:
            status = self.path.lstat()
        except OSError:
            return False
        return (status.st_size, status.st_mtime_ns) == (self.facts.size, self.facts.mtime_ns)
