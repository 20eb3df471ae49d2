"""Is a NIfTI file there to its end? SimpleITK fills what is missing with zeros and says nothing, so it is asked before.

Source: the NIfTI-1 and NIfTI-2 headers (sizeof_hdr, dim, bitpix, vox_offset). A compressed file is unpacked once in
pieces, which checks its length and its checksum.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from tomoscribe.core.errors import InputError

_PIECE = 1 << 20
_HEADER_BYTES = 540
_GZIP = b"\x1f\x8b"


def require_whole(path: Path) -> None:
    """Passes a NIfTI file that holds as many bytes as its header promises.

    Raises:
        InputError: it breaks off, its checksum is wrong, or it is no NIfTI.
    """
    try:
        with path.open("rb") as raw:
            is_packed = raw.read(2) == _GZIP
            raw.seek(0)
            with gzip.open(raw) if is_packed else raw as file:
                found, promised = _count(cast("BinaryIO", file), path)
    except (EOFError, zlib.error, OSError) as error:
        raise InputError(f"the file breaks off or is damaged ({type(error).__name__})", where=path.name) from error
    if found < promised:
        raise InputError(f"expected {promised} bytes as its header says, found {found}", where=path.name)


def _count(file: BinaryIO, path: Path) -> tuple[int, int]:
    head = file.read(_HEADER_BYTES)
    promised = _promised(head, path)
    found = len(head)
    while piece := file.read(_PIECE):
        found += len(piece)
        if found > promised + _PIECE:
            break
    return found, promised


def _promised(head: bytes, path: Path) -> int:
    for order in ("<", ">"):
        if len(head) >= 348 and struct.unpack(f"{order}i", head[:4])[0] == 348:
            dim = struct.unpack(f"{order}8h", head[40:56])
            bits, offset = struct.unpack(f"{order}h", head[72:74])[0], struct.unpack(f"{order}f", head[108:112])[0]
            return _size(dim, bits, int(offset))
        if len(head) >= 540 and struct.unpack(f"{order}i", head[:4])[0] == 540:
            dim = struct.unpack(f"{order}8q", head[16:80])
            bits, offset = struct.unpack(f"{order}h", head[14:16])[0], struct.unpack(f"{order}q", head[168:176])[0]
            return _size(dim, bits, int(offset))
    raise InputError("expected a NIfTI header", where=path.name)


def _size(dim: tuple[int, ...], bits: int, offset: int) -> int:
    voxels = 1
    for length in dim[1 : 1 + max(0, min(7, dim[0]))]:
        voxels *= max(1, length)
    return max(0, offset) + voxels * max(0, bits) // 8
