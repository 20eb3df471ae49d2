"""All adapters by name, and which of them a folder is for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tomoscribe.core.errors import InputError
from tomoscribe.validation.datasets import (
    bids,
    brats,
    ct_rate,
    lidc,
    luna16,
    merlin,
    msd,
    radgenome,
    site,
    totalsegmentator,
)
from tomoscribe.validation.datasets.adapter import Adapter
from tomoscribe.validation.datasets.opened import Collector, Opened

ADAPTERS: Mapping[str, Adapter] = {
    m.ADAPTER.name: m.ADAPTER
    for m in (lidc, luna16, radgenome, ct_rate, merlin, msd, brats, totalsegmentator, bids, site)
}
"""In the order in which a folder is tried; ``site`` takes whatever holds DICOM and comes last."""
NAMES = tuple(ADAPTERS)
AUTO = "auto"


def detect(folder: Path) -> str:
    """Name of the adapter whose layout a folder has.

    Raises:
        InputError: it has none of them.
    """
    for name, adapter in ADAPTERS.items():
        if adapter.looks_like(folder):
            return name
    raise InputError(
        "expected a folder in the layout of a known data set, found another one",
        where=folder.name,
        remedy=f"name it yourself, one of: {', '.join(NAMES)}",
    )


def open_dataset(name: str, folder: Path) -> Opened:
    """The cases of a data set on disk; nothing is downloaded, only headers and tables are read (see ``verify``).

    Args:
        name: one of ``NAMES``, or ``auto``.

    Raises:
        InputError: no folder, an unknown name or layout, or nothing usable in it (what was left out is told).
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError("expected a folder", where=folder.name)
    chosen = detect(folder) if name == AUTO else name
    if chosen not in ADAPTERS:
        raise InputError(f"expected a data set of {', '.join(NAMES)} or {AUTO}, found '{name}'")
    into = Collector(name=chosen, folder=folder, hides_paths=ADAPTERS[chosen].hides_paths)
    ADAPTERS[chosen].read(folder, into)
    opened = into.opened()
    if not opened.cases:
        seen = "; ".join(f"{count} x {what}" for what, count in opened.counts().items()) or "nothing of this layout"
        raise InputError(f"expected at least one usable case of '{chosen}', found {seen}", where=folder.name)
    return opened
