"""How much of a file the header guard looks at before it refuses; decided before memory is spent."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from tomoscribe.core.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of one file; what is larger is refused with the limit that it broke.

    The defaults leave room above what archives hold: of 881 real files and pydicom's test files the largest header has
    0.28 MB of values, the one with most elements 10,872.

    Args:
        header_bytes: bytes of values that are handed on from one header.
        value_bytes: bytes of one value that is handed on.
        elements: elements in one header, nested ones included.
        nesting: depth of sequences within sequences.
        sequence_items: items of one sequence; a functional group per frame is one item.
        multiplicity: values of one element (``1\\2\\3`` are three), because each becomes an object.
        inflate_bytes: bytes that a deflated data set may inflate to, pixels included.
        inflate_header_bytes: bytes that may be inflated to get past the header.
        ratio: bytes of pixels, or inflated bytes, per byte of the file; counts above ``ratio_floor_bytes`` only,
            because small blank images compress by any factor.
        voxels: frames x rows x columns x samples of one file.
        cpu_seconds: processor time for one file; the child counts it itself, and the kernel two seconds later. Not
            wall-clock time, so that a busy machine refuses no honest file.
        wall_seconds: after this long without an answer the child is killed: a medium or a network that hangs.
        child_bytes: address space of the child process, where the platform can limit it.

    Raises:
        ConfigError: a limit that is not above zero.
    """

    header_bytes: int = 32 * 2**20
    value_bytes: int = 16 * 2**20
    elements: int = 500_000
    nesting: int = 32
    sequence_items: int = 100_000
    multiplicity: int = 200_000
    inflate_bytes: int = 2**30
    inflate_header_bytes: int = 32 * 2**20
    ratio: int = 200
    ratio_floor_bytes: int = 32 * 2**20
    voxels: int = 2**31
    cpu_seconds: float = 4.0
    wall_seconds: float = 10.0
    child_bytes: int = 512 * 2**20

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise ConfigError(f"expected a limit above 0 for {field.name}, found {value}")

    def packed(self) -> bytes:
        """``name=value`` lines: what the child is told at its start."""
        return "\n".join(f"{name}={value}" for name, value in dataclasses.asdict(self).items()).encode()
