"""Two kinds of trouble with a peer: what another try may cure, and what it will not."""

from __future__ import annotations

from tomoscribe.core.errors import PeerError


class RefusedByPeerError(PeerError):
    """The peer answered, and said no; the same request will get the same answer."""


def unreachable(peer_name: str, why: str) -> PeerError:
    """The peer did not answer."""
    return PeerError(
        f"peer '{peer_name}' cannot be reached: {why}",
        remedy="check that it runs, its host and port in the site file, and try again: what is done already is kept",
    )


def garbage(peer_name: str, what: str) -> PeerError:
    """The peer answered something that is not what was asked for."""
    return PeerError(
        f"peer '{peer_name}' sent {what}",
        remedy="nothing of it was kept; try again, and tell its administrator if it happens again",
    )
