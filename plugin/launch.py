"""napari with a study and the panel, for ``tomoscribe view``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import napari

    from tomoscribe.plugin.workspace import Workspace

WINDOW_SIZE = (1400, 900)
PANEL_WIDTH = 560


def launch(study_path: Path, device: str = "auto") -> None:
    """Opens a window with the study and the panel docked, starts reading, and returns when the window is closed."""
    import napari

    viewer = napari.Viewer(title="Tomoscribe", show=True)
    viewer.window.resize(*WINDOW_SIZE)
    panel = open_panel(viewer)
    panel.device = device
    panel.open_path(Path(study_path), then_read=True)
    napari.run()


def open_panel(viewer: napari.Viewer) -> Workspace:
    """The panel of this viewer, docked if it was not; a study that it opens is shown in the linked views."""
    docked: dict[str, Any] = dict(viewer.window.dock_widgets)
    for widget in docked.values():
        if type(widget).__name__ == "Workspace":
            return widget
    _, panel = viewer.window.add_plugin_dock_widget("tomoscribe", "Tomoscribe")
    panel.prefers_linked = True
    if panel.study is not None:
        panel.show_linked()
    return panel
