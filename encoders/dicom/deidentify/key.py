"""The secret key: the same identifiers and key give the same pseudonyms, UIDs and date shift; without it, none can be
guessed."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import os
import re
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from tomoscribe.core.errors import ConfigError, InputError

VARIABLE = "TOMOSCRIBE_DEIDENTIFICATION_KEY"
_LEAST_BYTES = 16
_LARGEST_SHIFT_DAYS = 3650
_MAKE_ONE = 'make one with: python -c "import secrets; print(secrets.token_hex(32))"'
_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})(.*)", re.DOTALL)
_OLD_DATE = re.compile(r"(\d{4})\.(\d{2})\.(\d{2})")


@dataclass(frozen=True, kw_only=True)
class PatientAlias:
    """What stands for one patient in the output.

    Args:
        name: pseudonym, PatientID and PatientName of the output.
        shift_days: added to all dates of the patient; always negative.
    """

    name: str
    shift_days: int

    def shifted(self, value: str) -> str | None:
        """A DA or DT value moved by whole days, time and offset kept; None when it holds no full date."""
        match = _DATE.fullmatch(_OLD_DATE.sub(r"\1\2\3", value.strip()))
        if match is None:
            return None
        try:
            day = datetime.date(int(match[1]), int(match[2]), int(match[3])) + datetime.timedelta(days=self.shift_days)
        except (ValueError, OverflowError):
            return None
        return f"{day.year:04d}{day.month:02d}{day.day:02d}{match[4]}"


@dataclass(frozen=True, kw_only=True)
class SecretKey:
    """A site's or project's key; its bytes stay out of every representation."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < _LEAST_BYTES:
            raise ConfigError(
                f"expected a key of at least {_LEAST_BYTES} characters, found {len(self.secret)}", remedy=_MAKE_ONE
            )

    def uid(self, original: str) -> str:
        """The UID that stands for another one, under 2.25 (PS3.5 B.2)."""
        return f"2.25.{uuid.UUID(bytes=self._hash('uid', original)[:16], version=4).int}"

    def alias(self, patient_id: str | None, issuer: str | None, study_uid: str) -> PatientAlias:
        """What stands for the patient with this ID and issuer; without an ID each study is a patient of its own."""
        parts = ("patient", patient_id, issuer or "") if patient_id else ("study", study_uid)
        name = base64.b32encode(self._hash("name", *parts)[:10]).decode("ascii")
        days = int.from_bytes(self._hash("days", *parts)[:8], "big") % _LARGEST_SHIFT_DAYS
        return PatientAlias(name=f"ANON-{name}", shift_days=-1 - days)

    def _hash(self, *parts: str) -> bytes:
        return hmac.new(self.secret, "\x1f".join(parts).encode(), hashlib.sha256).digest()


def load_key(where: str) -> SecretKey:
    """The key in a file, or in the environment variable ``TOMOSCRIBE_DEIDENTIFICATION_KEY`` for ``env``.

    Raises:
        InputError: there is no such file or variable.
        ConfigError: the key is too short.
    """
    if where == "env":
        words = os.environ.get(VARIABLE, "")
        if not words.strip():
            raise InputError(f"expected a key in the environment variable {VARIABLE}, found none", remedy=_MAKE_ONE)
        return SecretKey(secret=words.strip().encode())
    try:
        return SecretKey(secret=Path(where).read_bytes().strip())
    except OSError as error:
        raise InputError(
            "expected a file with the key, found none", where=Path(where).name, remedy=_MAKE_ONE
        ) from error
