"""What pull, push and the outbox ask of a peer, whichever protocol it speaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from tomoscribe.core.errors import MissingExtraError
from tomoscribe.reports.site import Peer, Site

MAX_ANSWERS = 200_000
"""Of one query; a peer that sends more is not believed."""


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One object that a peer says it has."""

    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class_uid: str | None = None


@dataclass(frozen=True, kw_only=True)
class StudyRow:
    """One study of a list, without identifiers."""

    study_uid: str
    date: str
    modalities: str
    description: str


class Outcome(StrEnum):
    """What became of an object that was sent."""

    STORED = "stored"
    BUSY = "busy"
    """Not now: out of resources; another try may succeed."""
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One object and its outcome.

    Args:
        detail: the peer's status in words, for what was not stored.
    """

    path: Path
    sop_uid: str
    outcome: Outcome
    detail: str = ""


Keep = Callable[[Instance, Path], None]
"""Takes a whole object that was fetched, as a temporary file that it moves away."""


class PeerClient(Protocol):
    """One peer."""

    def echo(self) -> str:
        """Asks whether the peer is there; what it answered, in words. Raises PeerError."""

    def studies(self, date: str | None, modality: str | None) -> list[StudyRow]:
        """Studies of a date or a range ``YYYYMMDD-YYYYMMDD``. Raises PeerError."""

    def instances(self, study_uid: str) -> list[Instance]:
        """All objects of a study. Raises PeerError."""

    def fetch(self, wanted: Sequence[Instance], keep: Keep, folder: Path, max_object_bytes: int) -> None:
        """Fetches objects one by one through temporary files in ``folder``. Raises PeerError; kept is kept."""

    def send(self, files: Sequence[Path], told: Callable[[Sent], None]) -> None:
        """Sends files; tells the outcome of each as it is known. Raises PeerError where the connection fails."""

    def held(self, wanted: Sequence[Instance]) -> set[str] | None:
        """Which of these objects the peer holds; None where it does not say. Raises PeerError."""


def open_peer(site: Site, peer: Peer) -> PeerClient:
    """The client for a peer of the site file.

    Raises:
        MissingExtraError: the extra ``pacs`` is not installed.
        ConfigError: a secret or a TLS file is missing.
    """
    try:
        if peer.dimse is not None:
            from tomoscribe.reports.pacs.dimse import DimsePeer

            return DimsePeer(site, peer)
        from tomoscribe.reports.pacs.web import WebPeer

        return WebPeer(peer)
    except ImportError as error:
        raise MissingExtraError("talking to a PACS", "pacs") from error


def by_series(instances: Iterable[Instance]) -> dict[tuple[str, str], list[Instance]]:
    """Grouped by study and series, in a fixed order."""
    groups: dict[tuple[str, str], list[Instance]] = {}
    for instance in sorted(instances, key=lambda i: (i.study_uid, i.series_uid, i.sop_uid)):
        groups.setdefault((instance.study_uid, instance.series_uid), []).append(instance)
    return groups
