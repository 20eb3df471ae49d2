"""Trying again, with pauses that double."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from tomoscribe.core.errors import PeerError
from tomoscribe.reports.pacs.errors import RefusedByPeerError
from tomoscribe.reports.site import Peer

T = TypeVar("T")
MAX_PAUSE_S = 600.0
_log = logging.getLogger(__name__)


def pause_s(peer: Peer, num_failed: int) -> float:
    """Seconds to wait after so many failures in a row."""
    return float(min(MAX_PAUSE_S, peer.backoff_s * 2.0 ** min(num_failed - 1, 30)))


def retrying(
    peer: Peer,
    action: Callable[[], T],
    *,
    done: Callable[[], int] = lambda: 0,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """The action's value; a PeerError is tried again, a refusal is not.

    Args:
        done: how much was done so far; a failure after progress counts as the first one.

    Raises:
        PeerError: of the last try.
    """
    failed, before = 0, done()
    while True:
        try:
            return action()
        except RefusedByPeerError:
            raise
        except PeerError as error:
            if done() > before:
                failed, before = 0, done()
            failed += 1
            if failed >= peer.num_tries:
                raise
            wait = pause_s(peer, failed)
            _log.warning("%s Trying again in %.0f s (%d of %d).", error.line(), wait, failed, peer.num_tries - 1)
            sleep(wait)
