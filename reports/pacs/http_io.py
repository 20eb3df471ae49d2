"""An HTTP session that a hostile or broken server cannot drown, and multipart bodies that stream from and to disk."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import requests
from requests.adapters import HTTPAdapter

MAX_ANSWER_BYTES = 256 << 20
"""Of an answer that is held in memory: the list of a study's objects."""
MAX_PART_HEADER_BYTES = 1 << 16
CHUNK_BYTES = 1 << 18
BOUNDARY = "tomoscribe-0b1c6f0e2d2b4a51"


class OversizedAnswerError(requests.RequestException):
    """The server's answer is longer than anything that was asked for."""


class BearerAuth(requests.auth.AuthBase):
    """``Authorization: Bearer``."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class BoundedSession(requests.Session):
    """Reads at most MAX_ANSWER_BYTES into memory; takes no proxy, credential or authority from the environment."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__()
        self.trust_env = False
        if context is not None:
            self.verify = context.verify_mode != ssl.CERT_NONE
            self.mount("https://", _TlsAdapter(context))

    def send(self, request: requests.PreparedRequest, **arguments: Any) -> requests.Response:
        streamed = arguments.get("stream", False)
        arguments["stream"] = True
        response = super().send(request, **arguments)
        if not streamed:
            content = bytearray()
            for chunk in response.iter_content(CHUNK_BYTES):
                content += chunk
                if len(content) > MAX_ANSWER_BYTES:
                    response.close()
                    raise OversizedAnswerError("the answer is too long")
            response._content = bytes(content)
        return response


class _TlsAdapter(HTTPAdapter):
    """HTTPS with our own TLS context."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, ssl_context=self._context, **named)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Left to the context."""


class MultipartFile:
    """One DICOM file as a ``multipart/related`` body, read from disk while it is sent."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        self._parts: list[Any] = [head, file, f"\r\n--{BOUNDARY}--\r\n".encode()]
        self._length = path.stat().st_size + len(self._parts[0]) + len(self._parts[2])

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        """The next piece, empty at the end."""
        while self._parts:
            part = self._parts[0]
            if isinstance(part, bytes):
                self._parts.pop(0)
                return part
            piece: bytes = part.read(CHUNK_BYTES if size < 0 else size)
            if piece:
                return piece
            self._parts.pop(0)
        return b""


def first_part(response: requests.Response) -> Iterator[bytes]:
    """The content of the first part of a ``multipart/related`` answer, or of an answer that is no multipart one.

    Raises:
        ValueError: the multipart is malformed or cut off.
    """
    pieces = response.iter_content(CHUNK_BYTES)
    found = re.search(r'boundary="?([^";,\s]{1,70})"?', response.headers.get("Content-Type", ""))
    if found is None:
        yield from pieces
        return
    marker = b"\r\n--" + found[1].encode()
    yield from _until(marker, _after_head(pieces, marker))


def _after_head(pieces: Iterator[bytes], marker: bytes) -> Iterator[bytes]:
    """Skips what stands before the content of the first part."""
    head = b"\r\n"
    for piece in pieces:
        head += piece
        start = head.find(marker)
        end = head.find(b"\r\n\r\n", start) if start >= 0 else -1
        if end >= 0:
            yield head[end + 4 :]
            yield from pieces
            return
        if len(head) > MAX_PART_HEADER_BYTES:
            break
    raise ValueError("a multipart answer without a part")


def _until(marker: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Everything before the marker; some bytes are held back, because the marker may straddle two pieces."""
    held = b""
    for piece in pieces:
        held += piece
        end = held.find(marker)
        if end >= 0:
            yield held[:end]
            return
        safe = len(held) - len(marker)
        if safe > 0:
            yield held[:safe]
            held = held[safe:]
    raise ValueError("a multipart answer that was cut off")
