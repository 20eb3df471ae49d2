"""npe2 reader and sample data: a DICOM folder, zip or file becomes image layers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from tomoscribe.core import Study
from tomoscribe.core.errors import CancelledError, InputError
from tomoscribe.findings.measured import Progress
from tomoscribe.plugin.layers import LayerData

_log = logging.getLogger(__name__)
_FILES_TO_LOOK_AT = 64
_PREAMBLE, _MAGIC = 128, b"DICM"
_NOTHING: list[LayerData] = [(None,)]  # type: ignore[list-item]
"""npe2's sign for: read, and there is nothing to add."""

PathOrPaths = str | Sequence[str | Path]


def get_reader(path: PathOrPaths) -> Callable[[PathOrPaths], list[LayerData]] | None:
    """The reading function if there is DICOM at the path, None otherwise, so that other readers get their turn."""
    first = Path(path if isinstance(path, str) else path[0])
    return read_path if _looks_like_dicom(first) else None


def read_path(path: PathOrPaths) -> list[LayerData]:
    """Image layers of the newest study at the path; under a GUI with a progress dialog, and the panel is opened.

    Raises:
        TomoscribeError: nothing readable, with the reason and a remedy.
    """
    place = common_place(path)
    return _open(place)


def sample_chest_ct() -> list[LayerData]:
    """The generated chest CT that comes with tomoscribe."""
    return _sample("chest_ct")


def sample_brain_mr() -> list[LayerData]:
    """The generated brain MR that comes with tomoscribe."""
    return _sample("brain_mr")


def _sample(name: str) -> list[LayerData]:
    from tomoscribe import sample_data

    return _open(sample_data.path(name))


def _open(path: Path) -> list[LayerData]:
    from tomoscribe.plugin.dialog import in_gui_thread, run_with_dialog
    from tomoscribe.plugin.work import Opened, load_study, needs_choice, newest, open_study, scan_place

    def work(progress: Progress) -> Opened | tuple[Study, ...]:
        studies = scan_place(path, progress)
        return studies if needs_choice(studies) else load_study(newest(studies), (), progress)

    if not in_gui_thread():
        opened = open_study(path, _silent)
    else:
        try:
            found = run_with_dialog(work, f"Opening {path.name}")
        except CancelledError:
            return _NOTHING
        if isinstance(found, tuple):
            _open_panel_soon(found)
            return _NOTHING
        opened = found
        _remember(path)
        _open_panel_soon()
    for remark in opened.remarks:
        _log.warning("%s", remark)
    return list(opened.layers)


def _silent(stage: str, fraction: float) -> None:
    """Progress that nobody looks at."""


def _remember(path: Path) -> None:
    from tomoscribe.plugin.state import Memory

    Memory().keep_recent(path)


def _open_panel_soon(studies: tuple[Study, ...] = ()) -> None:
    """Docks the panel once napari has added the layers: it shows banner and notice, which must always be visible.

    Args:
        studies: for the study browser, where a person has to choose.
    """
    import napari
    from qtpy.QtCore import QTimer

    from tomoscribe.plugin.launch import open_panel

    viewer = napari.current_viewer()
    if viewer is not None:
        QTimer.singleShot(0, lambda: open_panel(viewer).browse(studies) if studies else open_panel(viewer))


def common_place(path: PathOrPaths) -> Path:
    """One path of what was dropped: several files of one folder stand for their folder."""
    if isinstance(path, str):
        return Path(path)
    places = {Path(p) for p in path}
    if len(places) == 1:
        return places.pop()
    folders = {p.parent for p in places}
    if len(folders) > 1:
        raise InputError("expected files of one folder", remedy="drag the study's folder itself")
    return folders.pop()


def _looks_like_dicom(path: Path) -> bool:
    if path.is_file() and path.name.upper() == "DICOMDIR":
        return True
    if path.is_file():
        return path.suffix.lower() in (".zip", ".dcm", ".dicom", ".ima") or _has_magic(path)
    files = (p for p in path.rglob("*") if p.is_file()) if path.is_dir() else iter(())
    return any(_has_magic(p) or p.suffix.lower() == ".dcm" for p in islice(files, _FILES_TO_LOOK_AT))


def _has_magic(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(_PREAMBLE + len(_MAGIC))[_PREAMBLE:] == _MAGIC
    except OSError:
        return False
