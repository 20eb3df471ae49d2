"""The guard's child process: reads headers for a parent that gets only what kept to the limits.

Started by ``client`` without site packages and without running any ``__init__`` of this project, so that it costs some
20 ms. It opens files for reading only; under the platform's own limits it can neither write one nor start a program.

Questions come in batches: wanted tags (u32 length, u32 each; none for all), tags wanted within sequences (the same),
the number of paths (u32), and each path (u32 length, bytes). Each is answered in turn (see ``wire``).
"""

from __future__ import annotations

import os
import signal
import stat
import struct
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, BinaryIO

from tomoscribe.encoders.dicom.guard import wire
from tomoscribe.encoders.dicom.guard.preamble import KINDS, executable_kind
from tomoscribe.encoders.dicom.guard.source import WINDOW, Broken, Inflated, Plain, Refused, Stop
from tomoscribe.encoders.dicom.guard.walk import NO_VR, Walker

if TYPE_CHECKING:
    from tomoscribe.encoders.dicom.guard.limits import Limits

_DEFLATED, _BIG, _IMPLICIT = b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2"
_TRANSFER_SYNTAX = 0x00020010
_SAMPLES, _FRAMES, _ROWS, _COLUMNS, _ALLOCATED = 0x00280002, 0x00280008, 0x00280010, 0x00280011, 0x00280100
_SIZES = frozenset({_SAMPLES, _FRAMES, _ROWS, _COLUMNS, _ALLOCATED})
_ZIP_START = (b"PK\x03\x04", b"PK\x05\x06")
_FLUSH_S = 0.5
_EXPLICIT_VRS = frozenset({b"UL", b"UI", b"CS", b"DA", b"SH", b"LO", b"OB", b"PN", b"TM"})
_OPEN = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def main() -> None:
    """Answers batches on standard input until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    values = dict(line.split("=") for line in _receive(source).decode().split("\n"))
    limits: Any = SimpleNamespace(**{k: float(v) if "." in v else int(v) for k, v in values.items()})
    sequences = _tags(_receive(source)) or frozenset()
    _send(sink, " ".join(limit_process(limits)).encode())
    sink.flush()
    while head := source.read(4):
        wanted, inner = _tags(source.read(*struct.unpack("<L", head))), _tags(_receive(source))
        reader = _Reader(limits, sequences, wanted, inner)
        paths = [_receive(source) for _ in range(*struct.unpack("<L", source.read(4)))]
        _answer_all(paths, reader, sink)


def _answer_all(paths: list[bytes], reader: _Reader, sink: BinaryIO) -> None:
    """Answers leave together, or as soon as half a second has passed: the parent counts the time since the last one."""
    sent = time.monotonic()
    for path in paths:
        _send(sink, reader.answer(path))
        if time.monotonic() - sent > _FLUSH_S:
            sink.flush()
            sent = time.monotonic()
    sink.flush()


def limit_process(limits: Limits) -> list[str]:
    """Lays the platform's limits on this process; names of those that it does not have."""
    try:
        import resource
    except ImportError:
        return ["memory", "files", "processes"]
    wishes = {
        "memory": ("RLIMIT_AS", limits.child_bytes),
        "files": ("RLIMIT_FSIZE", 0),
        "processes": ("RLIMIT_NPROC", 0),
        "core": ("RLIMIT_CORE", 0),
    }
    missing = []
    for name, (key, value) in wishes.items():
        try:
            resource.setrlimit(getattr(resource, key), (value, value))
        except (AttributeError, ValueError, OSError):
            missing.append(name)
    return missing


def limit_time(limits: Limits) -> None:
    """Processor time for one more file, after which the kernel ends this process."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    until = int(used.ru_utime + used.ru_stime + limits.cpu_seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (until, hard))


class _Reader:
    """Answers about files, all for the same wanted tags."""

    def __init__(
        self,
        limits: Limits,
        sequences: frozenset[int],
        wanted: frozenset[int] | None,
        inner: frozenset[int] | None,
    ) -> None:
        self.limits = limits
        self.sequences = sequences
        self.kept = None if wanted is None else wanted | _SIZES
        self.wanted = wanted
        self.inner = inner

    def answer(self, path: bytes) -> bytes:
        """One answer, whatever the file holds."""
        limit_time(self.limits)
        try:
            file = os.open(path, _OPEN)
        except OSError as error:
            return _said(wire.UNREADABLE, error.strerror or "cannot be opened")
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                return _said(wire.UNREADABLE, "not a regular file")
            return self._read(file, status)
        except OSError as error:
            return _said(wire.UNREADABLE, error.strerror or "cannot be read")
        except Refused as stop:
            return _said(wire.REFUSED, str(stop))
        except MemoryError:
            return _said(wire.REFUSED, "its header needs more memory than the guard has")
        except (Stop, RecursionError) as stop:
            return _said(wire.DAMAGED, str(stop))
        finally:
            os.close(file)

    def _read(self, file: int, status: os.stat_result) -> bytes:
        head = os.read(file, WINDOW)
        if not looks_like_dicom(head):
            return _said(wire.ZIP if head.startswith(_ZIP_START) else wire.NOT_DICOM, "")
        plain = Plain(file, status.st_size, head)
        meta, start = self._meta(plain, head)
        syntax = next((value for tag, _, value in meta if tag == _TRANSFER_SYNTAX), b"").strip(b"\0 ")
        source: Plain | Inflated = plain
        deflated_at, at = -1, start
        if syntax == _DEFLATED:
            deflated_at, at = start, 0
            source = Inflated(file, start, status.st_size, self.limits)
        walker = Walker(source, self.limits, self.sequences, self.kept, self.inner)
        big = syntax == _BIG
        elements = walker.data_set(at, big=big, implicit=syntax in (b"", _IMPLICIT))
        flags = (wire.IMPLICIT if walker.implicit else 0) | (wire.BIG if big else 0)
        if walker.stopped is not None:
            if not elements:
                raise walker.stopped
            flags |= wire.CUT
        pixels_at, pixels_length, pixels_tag = walker.pixels or (-1, 0, 0)
        program = executable_kind(head)
        facts = wire.Facts(
            flags=flags,
            program=1 + KINDS.index(program) if program else 0,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            deflated_at=deflated_at,
            pixels_at=pixels_at,
            pixels_length=pixels_length,
            pixels_tag=pixels_tag,
        )
        self._check_pixels(facts, elements)
        if self.wanted is not None:
            elements = [e for e in elements if e[0] in self.wanted]
        return wire.pack_header(facts, meta, elements)

    def _meta(self, source: Plain, head: bytes) -> tuple[list[Any], int]:
        """The file meta group, and where the data set begins; the group's stated length is not believed."""
        start = 132 if head[128:132] == b"DICM" else 0
        walker = Walker(source, self.limits, self.sequences, None, None)
        meta = walker.meta(start)
        return meta, walker.end

    def _check_pixels(self, facts: wire.Facts, elements: list[Any]) -> None:
        """Refuses pixels that need more memory than the limits allow, or more than such a small file can honestly hold.

        What is short of its stated length is not judged here: reading the pixels finds it cut.
        """
        if facts.pixels_at < 0:
            return
        limits = self.limits
        sizes = _sizes(elements)
        frames, allocated = _decimal(sizes.get(_FRAMES)), _short(sizes.get(_ALLOCATED), facts.flags) or 16
        rows, columns = _short(sizes.get(_ROWS), facts.flags), _short(sizes.get(_COLUMNS), facts.flags)
        voxels = frames * rows * columns * (_short(sizes.get(_SAMPLES), facts.flags) or 1)
        if voxels > limits.voxels:
            raise Refused(f"it states {frames} frames of {rows} x {columns} pixels, more than {limits.voxels} voxels")
        needed = voxels * allocated // 8
        if facts.deflated_at >= 0:
            needed = max(needed, facts.pixels_at + max(facts.pixels_length, 0))
            if needed > limits.inflate_bytes:
                raise Refused(f"it inflates to {needed / 2**20:.0f} MiB, more than {limits.inflate_bytes / 2**20:.0f}")
        if needed > limits.ratio_floor_bytes and needed > limits.ratio * facts.size:
            raise Refused(
                f"it would fill {needed / 2**20:.0f} MiB from a file of {facts.size / 2**20:.2f} MiB, "
                f"more than {limits.ratio} to 1"
            )


def _sizes(elements: list[Any]) -> dict[int, bytes]:
    """The values that describe the pixels, each of the VR of the standard: another one would be read otherwise later.

    Raises:
        Broken: one is something else.
    """
    sizes = {}
    for tag, vr, value in elements:
        if tag not in _SIZES:
            continue
        is_short = vr in (b"US", b"UN", NO_VR) and len(value) in (0, 2)
        if not (vr in (b"IS", b"UN", NO_VR) if tag == _FRAMES else is_short):
            raise Broken("its pixel description is broken")
        sizes[tag] = value
    return sizes


def looks_like_dicom(head: bytes) -> bool:
    """Whether a file's first 140 bytes are a DICOM preamble, or a data set of group 2 or 8 without one."""
    if head[128:132] == b"DICM":
        return True
    if len(head) < 8 or head[0:2] not in (b"\x02\x00", b"\x08\x00") or head[3] != 0:
        return False
    return head[4:6] in _EXPLICIT_VRS or (head[0] == 8 and int.from_bytes(head[4:8], "little") <= 64)


def _short(value: bytes | None, flags: int) -> int:
    return int.from_bytes(value[:2], "big" if flags & wire.BIG else "little") if value else 0


def _decimal(value: bytes | None) -> int:
    words = (value or b"").split(b"\\")[0].strip(b"\0 ")
    return max(1, int(words)) if words.isdigit() and len(words) < 12 else 1


def _receive(source: BinaryIO) -> bytes:
    (length,) = struct.unpack("<L", source.read(4))
    return source.read(length)


def _tags(packed: bytes) -> frozenset[int] | None:
    """Tags as u32; no bytes at all stand for every tag."""
    return frozenset(struct.unpack(f"<{len(packed) // 4}L", packed)) if packed else None


def _send(sink: BinaryIO, content: bytes) -> None:
    sink.write(struct.pack("<L", len(content)))
    sink.write(content)


def _said(status: int, reason: str) -> bytes:
    return bytes((status,)) + reason.encode("utf-8", "replace")
