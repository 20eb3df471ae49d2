"""Connections to a viewer's events that end together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Listeners:
    """Remembers what was connected to what. Holds the callbacks alive until ``let_go``."""

    def __init__(self) -> None:
        self._connected: list[tuple[Any, Callable[..., None]]] = []

    def on(self, emitter: Any, callback: Callable[..., None]) -> None:
        """Calls back whenever the emitter of a napari model speaks."""
        emitter.connect(callback)
        self._connected.append((emitter, callback))

    def let_go(self) -> None:
        """Ends all connections."""
        connected, self._connected = self._connected, []
        for emitter, callback in connected:
            emitter.disconnect(callback)
