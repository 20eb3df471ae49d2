"""What every data-set adapter is: a name, how its folder is recognized, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tomoscribe.validation.datasets.opened import Collector
from tomoscribe.validation.datasets.volumes import header_problem, is_grid_file
from tomoscribe.validation.records import TrueNodule


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """One layout on disk.

    Args:
        name: for the command line.
        title: of the data set.
        looks_like: whether a folder has this layout, told from names alone.
        read: fills a collector from a folder.
        source: where the layout is described, and what of it could not be checked.
        hides_paths: see ``Collector``.
    """

    name: str
    title: str
    looks_like: Callable[[Path], bool]
    read: Callable[[Path, Collector], None]
    source: str
    hides_paths: bool = False


def first_folder(folder: Path, *names: str) -> Path | None:
    """The first of some sub-folders that is there."""
    return next((folder / n for n in names if (folder / n).is_dir()), None)


def grid_files(folder: Path | None) -> Iterator[Path]:
    """NIfTI and MetaImage files below a folder, sorted; none where there is no folder."""
    if folder is not None:
        yield from (p for p in sorted(folder.rglob("*")) if is_grid_file(p) and p.is_file())


def nodule_label(nodules: Sequence[TrueNodule] | None) -> dict[str, bool]:
    """What reference nodules say of the class ``nodule``: there with a relevant one, not there with none at all."""
    if nodules is None or (nodules and not any(n.relevant for n in nodules)):
        return {}
    return {"nodule": bool(nodules)}


def usable(path: Path, into: Collector, what: str = "unreadable volume") -> bool:
    """Whether a file's header is that of an image; else it is listed as left out."""
    problem = header_problem(path)
    if problem is not None:
        into.leave_out(what, path, problem)
    return problem is None
