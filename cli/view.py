"""``tomoscribe view STUDY``."""

from __future__ import annotations

from tomoscribe.cli.options import Device, StudyPath


def view(study: StudyPath, device: Device = "auto") -> None:
    """Open a study in napari with findings, surfaces and report side by side."""
    from importlib.util import find_spec

    from tomoscribe.core.errors import InputError, MissingExtraError

    if not study.exists():
        raise InputError("there is no such file or folder", where=str(study))
    if find_spec("napari") is None:
        raise MissingExtraError("tomoscribe view", "gui")
    from tomoscribe.plugin.launch import launch

    launch(study, device=device)
