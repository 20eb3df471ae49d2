"""Headers as data sets, read by the process's one header guard: the only way in which this project opens a DICOM file.

The guard's children start with the first file (some 50 ms), serve every later read of the process, and end with it.
``header_guard().start()`` starts them ahead of time.
"""

from __future__ import annotations

import atexit
import functools
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from tomoscribe.encoders.dicom.broken import BROKEN_FILE
from tomoscribe.encoders.dicom.guard import Guard, Want, wire
from tomoscribe.encoders.dicom.guard.dataset import SEQUENCE_TAGS, data_set
from tomoscribe.encoders.dicom.guard.preamble import KINDS

_CHARACTER_SET = 0x00080005


class Outcome(Enum):
    """Why a file gave no header."""

    NOT_DICOM = wire.NOT_DICOM
    ZIP = wire.ZIP
    UNREADABLE = wire.UNREADABLE
    DAMAGED = wire.DAMAGED
    REFUSED = wire.REFUSED


class HeaderError(ValueError):
    """A file whose header was not handed on; the text says why, without a path and without a value."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        self.outcome = outcome
        self.reason = reason
        super().__init__(f"{outcome.name.lower().replace('_', ' ')}: {reason}" if reason else outcome.name.lower())


class GuardedHeader(NamedTuple):
    """A header that kept to the limits, and where the file's pixels are.

    Args:
        facts: size and time of the file, byte order, place of the pixel data.
        ds: the wanted elements with ``file_meta``, each raw until it is asked for.
    """

    path: Path
    facts: wire.Facts
    ds: Dataset

    @property
    def program(self) -> str | None:
        """What its preamble would run as on another system, e.g. ``Windows program``."""
        return KINDS[self.facts.program - 1] if self.facts.program else None


@functools.cache
def header_guard() -> Guard:
    """The guard of this process."""
    guard = Guard(sequences=SEQUENCE_TAGS)
    atexit.register(guard.close)
    return guard


def read_guarded(
    paths: Sequence[Path], keywords: tuple[str | int, ...] | None, *, inner: tuple[str | int, ...] | None = None
) -> Iterator[GuardedHeader | HeaderError]:
    """One header, or the reason why there is none, for each path in turn.

    Args:
        keywords: keywords or tags of the elements that are wanted; None wants all.
        inner: those wanted within sequences; None wants all.

    Raises:
        InputError: the guard's process cannot be started.
    """
    for path, answer in zip(paths, header_guard().read(paths, _want(keywords, inner)), strict=True):
        yield _unpacked(path, answer)


def read_header(path: Path, keywords: tuple[str | int, ...] | None) -> GuardedHeader:
    """The header of one file.

    Raises:
        HeaderError: it is no DICOM file, damaged, refused or cannot be opened.
    """
    found = next(read_guarded([path], keywords))
    if isinstance(found, HeaderError):
        raise found
    return found


@functools.lru_cache(maxsize=64)
def _want(keywords: tuple[str | int, ...] | None, inner: tuple[str | int, ...] | None) -> Want:
    return Want(tags=_tags(keywords), inner=_tags(inner))


def _tags(keywords: tuple[str | int, ...] | None) -> frozenset[int] | None:
    return None if keywords is None else frozenset({_CHARACTER_SET, *(int(Tag(word)) for word in keywords)})


def _unpacked(path: Path, answer: bytes) -> GuardedHeader | HeaderError:
    if answer[0] != wire.HEADER:
        return HeaderError(Outcome(answer[0]), answer[1:].decode("utf-8", "replace"))
    facts, meta, elements = wire.unpack_header(answer)
    if facts.flags & wire.CUT:
        return HeaderError(Outcome.DAMAGED, "the file ends or breaks off in the middle of its header")
    try:
        return GuardedHeader(path, facts, data_set(facts, meta, elements))
    except BROKEN_FILE:
        return HeaderError(Outcome.DAMAGED, "its values cannot be made sense of")
