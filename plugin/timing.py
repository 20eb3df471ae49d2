"""One viewer does the tasks of a reading once and says how long they took: ``python -m tomoscribe.plugin.timing``.

A process of its own: prints ``ready`` once its window stands and ``viewed`` before the surfaces, waits for a line each
time, and writes a JSON file. ``linked`` are the linked views; ``napari`` is napari's own canvas with the same voxels
from the same reader, for napari reads no DICOM. Every time ends when the picture has been drawn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

WINDOW = (1400, 900)
_STEPS, _JUMPS, _WINDOWS = 60, 20, 20
_LIMIT_S = 120.0


def main() -> None:
    """Runs the tasks and writes down what they took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("viewer", choices=("linked", "napari"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("result", type=Path)
    arguments = parser.parse_args()
    import napari
    from qtpy.QtWidgets import QApplication

    viewer = napari.Viewer(show=True)
    viewer.window.resize(*WINDOW)
    QApplication.processEvents()
    task = Linked(viewer) if arguments.viewer == "linked" else Plain(viewer)
    meet("ready")
    row = measure(task, arguments.folder)
    meet("viewed")
    if isinstance(task, Linked):
        row |= surfaces(task)
    arguments.result.write_text(json.dumps(row | {"renderer": renderer()}))
    viewer.close()


def meet(word: str) -> None:
    """Says where it stands and waits for whoever reads the memory then."""
    sys.stdout.write(word + "\n")
    sys.stdout.flush()
    sys.stdin.readline()


class Linked:
    """The linked views: three planes are drawn for each step."""

    def __init__(self, viewer: Any) -> None:
        from tomoscribe.plugin.launch import open_panel

        self.viewer = viewer
        self.panel: Any = open_panel(viewer)
        self.panes = list(self.panel.linked.panes.values())

    def open(self, folder: Path) -> None:
        self.panel.open_path(folder)
        wait_for(lambda: self.panel.study is not None and self.panes[0].isVisible())
        self.draw()

    def draw(self) -> None:
        for pane in self.panes:
            pane.repaint()
        process_events()

    def go(self, axis: int, fraction: float) -> None:
        scene = self.panel.linked.scene
        grid = scene.grid(scene.base())
        point = list(scene.point_mm)
        point[axis] = grid.position_mm(axis, round(fraction * (grid.shape[axis] - 1)))
        scene.move_to(point)

    def jump(self, fractions: tuple[float, float, float]) -> None:
        scene = self.panel.linked.scene
        grid = scene.grid(scene.base())
        scene.move_to([grid.position_mm(a, round(f * (grid.shape[a] - 1))) for a, f in enumerate(fractions)])

    def window(self, low: float, high: float) -> None:
        self.panel.linked.scene.base().contrast_limits = (low, high)


class Plain:
    """napari's canvas: one plane is drawn for each step."""

    def __init__(self, viewer: Any) -> None:
        from qtpy.QtOpenGLWidgets import QOpenGLWidget
        from qtpy.QtWidgets import QApplication

        self.viewer = viewer
        widgets = QApplication.allWidgets()
        self.canvas = next(w for w in widgets if isinstance(w, QOpenGLWidget))

    def open(self, folder: Path) -> None:
        from tomoscribe.plugin.work import open_study

        opened = open_study(folder, lambda stage, fraction: None)
        array, meta, _ = opened.layers[-1]
        self.viewer.add_image(array, scale=np.diag(meta["affine"])[:3], contrast_limits=meta["contrast_limits"])
        self.draw()

    def draw(self) -> None:
        process_events()
        self.canvas.repaint()
        process_events()

    def go(self, axis: int, fraction: float) -> None:
        others = [n for n in range(3) if n != axis]
        if tuple(self.viewer.dims.order) != (axis, *others):
            self.viewer.dims.order = (axis, *others)
        self.viewer.dims.set_current_step(axis, round(fraction * (self.viewer.dims.nsteps[axis] - 1)))

    def jump(self, fractions: tuple[float, float, float]) -> None:
        steps = [round(f * (n - 1)) for f, n in zip(fractions, self.viewer.dims.nsteps, strict=True)]
        self.viewer.dims.set_current_step((0, 1, 2), steps)

    def window(self, low: float, high: float) -> None:
        self.viewer.layers[-1].contrast_limits = (low, high)


def measure(task: Linked | Plain, folder: Path) -> dict[str, Any]:
    """Seconds and rates of each task; medians over the steps of a task."""
    row: dict[str, Any] = {"open_s": timed(lambda: task.open(folder))}
    for name, axis in (("axial", 0), ("coronal", 1), ("sagittal", 2)):
        steps = [timed(partial(_go_and_draw, task, axis, n / _STEPS)) for n in range(_STEPS)]
        row[f"scroll_{name}_per_s"] = len(steps) / sum(steps)
    # The first steps of the window and of the crosshair pay what the scrolling left to do.
    _settle()
    spots = np.random.default_rng(0).uniform(0.2, 0.8, (_JUMPS, 3)).tolist()
    row["crosshair_ms"] = 1000 * statistics.median(timed(partial(_jump_and_draw, task, tuple(s))) for s in spots)
    _settle()
    widths = np.linspace(300, 1500, _WINDOWS).tolist()
    row["window_ms"] = 1000 * statistics.median(timed(partial(_window_and_draw, task, w)) for w in widths)
    return row


def surfaces(task: Linked) -> dict[str, float]:
    """Two lungs, an airway and eight lesions on the grid of the image: meshes made, then drawn for the first time."""
    from napari.layers import Layer

    from tomoscribe.plugin.layers import KEY
    from tomoscribe.plugin.work import surface_layers

    image = task.panel.linked.scene.base()
    label_maps = drawn_chest(image.metadata[KEY]["geometry"], image.metadata[KEY]["series_uid"])
    began = time.perf_counter()
    layers = surface_layers(label_maps, task.panel.study, lambda stage, fraction: None)
    made = time.perf_counter()
    for data, meta, kind in layers:
        task.viewer.add_layer(Layer.create(data, meta, kind))
    space = task.panel.linked.space
    space.refresh()
    space.solid.widget.repaint()
    process_events()
    drawn = time.perf_counter()
    space.solid.picture()
    turns = []
    for angle in range(10):
        before = time.perf_counter()
        space.solid.camera.azimuth = 10.0 * angle
        space.solid.picture()
        turns.append(time.perf_counter() - before)
    faces = sum(len(s.mesh.faces) for s in space.structures.values())
    return {
        "surfaces_s": drawn - began,
        "surfaces_made_s": made - began,
        "turn_ms": 1000 * statistics.median(turns),
        "faces": faces,
    }


def drawn_chest(geometry: Any, series_uid: str) -> tuple[Any, ...]:
    """Label maps of ellipsoids where lungs, trachea and lesions would be."""
    from tomoscribe.core import Algorithm, LabelMap, Segment, terms

    depth, height, width = geometry.shape
    k, j, i = (np.linspace(-1, 1, n, dtype=np.float32) for n in (depth, height, width))
    k, j, i = k[:, None, None], j[None, :, None], i[None, None, :]
    anatomy = np.zeros(geometry.shape, np.uint8)
    for number, center in ((1, -0.42), (2, 0.42)):
        anatomy[(k / 0.9) ** 2 + (j / 0.65) ** 2 + ((i - center) / 0.36) ** 2 <= 1] = number
    anatomy[np.broadcast_to((j / 0.05) ** 2 + (i / 0.05) ** 2 <= 1, anatomy.shape) & (k > -0.2)] = 3
    lesions = np.zeros(geometry.shape, np.uint8)
    for number in range(1, 9):
        at = (-0.6 + 0.15 * number, -0.3 + 0.07 * number, 0.42 * (-1) ** number)
        lesions[((k - at[0]) / 0.05) ** 2 + ((j - at[1]) / 0.03) ** 2 + ((i - at[2]) / 0.03) ** 2 <= 1] = number
    names = (("lung_right", "lung_left", "airways"), tuple(f"nodule_{n}" for n in range(1, 9)))
    return tuple(
        LabelMap(
            name=name,
            array=array,
            geometry=geometry,
            segments=tuple(
                Segment(number=n + 1, name=one, category=terms.ANATOMICAL_STRUCTURE, type=terms.LUNG)
                for n, one in enumerate(segments)
            ),
            algorithm=Algorithm(name="drawn", version="1"),
            series_uid=series_uid,
        )
        for name, array, segments in (("anatomy", anatomy, names[0]), ("findings", lesions, names[1]))
    )


def renderer() -> str:
    """The OpenGL renderer, as it names itself."""
    from vispy.gloo import gl

    try:
        return str(gl.glGetParameter(gl.GL_RENDERER))
    except Exception:  # noqa: BLE001 (drivers raise what they like; the name is a remark in a table)
        return "unknown"


def timed(work: Callable[[], None]) -> float:
    """Seconds that it took."""
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def process_events() -> None:
    """Lets Qt deliver what waits."""
    from qtpy.QtWidgets import QApplication

    QApplication.processEvents()


def wait_for(happened: Callable[[], bool]) -> None:
    """Lets Qt work until something happened.

    Raises:
        TomoscribeError: it did not.
    """
    from tomoscribe.core.errors import InputError

    deadline = time.monotonic() + _LIMIT_S
    while not happened():
        if time.monotonic() > deadline:
            raise InputError("the study was not shown in time", remedy="look at it with `tomoscribe view`")
        process_events()
        time.sleep(0.002)


def _settle() -> None:
    for _ in range(20):
        process_events()
        time.sleep(0.01)


def _go_and_draw(task: Linked | Plain, axis: int, fraction: float) -> None:
    task.go(axis, fraction)
    task.draw()


def _jump_and_draw(task: Linked | Plain, fractions: Any) -> None:
    task.jump(fractions)
    task.draw()


def _window_and_draw(task: Linked | Plain, width: float) -> None:
    task.window(-600 - width / 2, -600 + width / 2)
    task.draw()


if __name__ == "__main__":
    main()
