"""What pydicom raises when a file or one element of it is damaged."""

from __future__ import annotations

import struct

from pydicom.errors import BytesLengthException, InvalidDicomError

BROKEN_FILE = (
    OSError, EOFError, InvalidDicomError, BytesLengthException, ValueError, KeyError, AttributeError, TypeError,
    NotImplementedError, struct.error,
)  # fmt: skip
"""What pydicom raises on a damaged file."""
BROKEN_ELEMENT = (
    BytesLengthException, ValueError, LookupError, AttributeError, TypeError, OverflowError, struct.error,
    NotImplementedError,
)  # fmt: skip
"""What pydicom raises when the value of one element cannot be converted."""
