"""Networks stay loaded: a process that reads many studies loads each of them once on each device."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from tomoscribe.encoders.weights import FOLDER, list_weights

T = TypeVar("T")

_kept: dict[tuple[Path, str, str], tuple[tuple[str, int, int], Any]] = {}
_one_at_a_time = threading.Lock()


def kept(name: str, device: str, load: Callable[[], T], folder: Path = FOLDER) -> T:
    """What ``load`` gave for these weights on this device, as long as the file and its sha256 stay what they were.

    Whoever gets it shares it with others: it is for inference, and nobody trains or changes it.

    Args:
        name: of the weights; ``load`` checks them against the manifest, and says so when they are missing.
    """
    with _one_at_a_time:
        state = _state(name, folder)
        there = _kept.get((folder, name, device))
        if state is not None and there is not None and there[0] == state:
            return cast("T", there[1])
        loaded = load()
        if state is not None:
            _kept[folder, name, device] = (state, loaded)
        return loaded


def _state(name: str, folder: Path) -> tuple[str, int, int] | None:
    """sha256 of the manifest, size and time of the file; None where it is not there."""
    entry = list_weights(folder).get(name)
    if entry is None or not (folder / entry.file).is_file():
        return None
    found = (folder / entry.file).stat()
    return entry.sha256, found.st_size, found.st_mtime_ns
