"""The linked views of a viewer, in the place of napari's own canvas, and their keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtWidgets import QFileDialog, QGridLayout, QVBoxLayout, QWidget

from tomoscribe.core import Study
from tomoscribe.plugin import notices
from tomoscribe.plugin.controls import banner_words
from tomoscribe.plugin.layers import KEY
from tomoscribe.plugin.mpr.bar import Bar
from tomoscribe.plugin.mpr.cine import Cine
from tomoscribe.plugin.mpr.hanging import FOUR, Hanging, Shown, Slot, hangings, with_prior
from tomoscribe.plugin.mpr.pane import Pane
from tomoscribe.plugin.mpr.prior import PriorImage, PriorScene, aligned, image_of, objection
from tomoscribe.plugin.mpr.scene import Scene
from tomoscribe.plugin.mpr.space import Space
from tomoscribe.plugin.navigate import Target, our_layers
from tomoscribe.plugin.planes import Plane
from tomoscribe.plugin.screen import NOTICE
from tomoscribe.plugin.windows import preset, preset_names
from tomoscribe.plugin.work import Job, open_study

if TYPE_CHECKING:
    from napari.components import ViewerModel

_GAP_PX = 2
_PRIOR_HANGING = "Beside the prior"
_FAR = 10**6


class Linked(QWidget):
    """Axial, coronal, sagittal and 3D at once, hung as the examination asks for.

    Attributes:
        panes: the first pane of each plane. ``all_panes`` has those of other series, windows and of the prior too.

    Signals:
        preset_wanted: the number key of a window preset, from 0.
        pressed: left button on a place, (z, y, x) in LPS mm, and the pane.
    """

    preset_wanted = Signal(int)
    pressed = Signal(object, object)

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.scene = Scene(viewer)
        self.cine = Cine(self.scene)
        self.active: Pane | None = None
        self.prior: PriorScene | None = None
        self._study: Study | None = None
        self._hangings: dict[str, Hanging] = {"Four views": FOUR}
        self._hanging: Hanging = FOUR
        self._enlarged: QWidget | None = None
        self._job: Job | None = None
        self._more: list[Pane] = []
        self._hung: list[QWidget] = []
        self.bar = Bar()
        self.panes = {plane: self._pane(self.scene, plane) for plane in Plane}
        self.space = Space(self.scene)
        self._lay_out()
        self._connect()
        self.hang(FOUR)
        self._keys = self._key_table()

    @property
    def all_panes(self) -> list[Pane]:
        """Every pane there is, shown or not."""
        return [*self.panes.values(), *self._more]

    # What is shown

    def show_study(self, study: Study | None) -> None:
        """A study's banner and hanging; the prior of another goes away."""
        if study is not self._study:
            self.drop_prior()
        self._study = study
        self._hangings = hangings(self._series())
        self.bar.offer_hangings(list(self._hangings))
        self.hang(next(iter(self._hangings.values())))

    def hang(self, hanging: Hanging) -> None:
        """Puts the views in their places."""
        self._hanging, self._enlarged = hanging, None
        for widget in (*self.all_panes, self.space):
            self._grid.removeWidget(widget)
            widget.hide()
        for pane in self._more:
            pane.setParent(None)
            pane.deleteLater()
        self._more = []
        rows, columns = (max(getattr(s, a) + getattr(s, b) for s in hanging) for a, b in _SPANS)
        for n in range(max(rows, self._grid.rowCount())):
            self._grid.setRowStretch(n, int(n < rows))
        for n in range(max(columns, self._grid.columnCount())):
            self._grid.setColumnStretch(n, int(n < columns))
        free = dict(self.panes)
        self._hung = [self._widget_for(slot, free) for slot in hanging]
        for slot, widget in zip(hanging, self._hung, strict=True):
            self._grid.addWidget(widget, slot.row, slot.column, slot.rows, slot.columns)
            widget.show()
        self._write_banners()
        self._activate(self._shown_panes()[0])

    def hang_by_name(self, name: str) -> None:
        """Hangs what the menu offers."""
        self.hang(with_prior() if name == _PRIOR_HANGING else self._hangings[name])

    def look_at(self, target: Target) -> None:
        """All panes at a finding."""
        self.scene.move_to(target.point_zyx_mm)
        for pane in self.all_panes:
            pane.look_at(target.point_zyx_mm, target.field_mm)

    def enlarge(self, widget: QWidget | None) -> None:
        """One view alone; all of them again when it was."""
        self._enlarged = None if widget is self._enlarged else widget
        for one in self._hung:
            one.setVisible(self._enlarged in (None, one))
        self._write_banners()

    def set_window(self, layer: Any, low: float, high: float) -> None:
        """A window set by hand."""
        known = layer.metadata.get(KEY)
        if isinstance(known, dict):
            known["preset"] = "Window"
        layer.contrast_limits = (low, high)

    def fit(self) -> None:
        """Every pane shows its whole image."""
        for pane in self.all_panes:
            pane.fit()

    def toggle_crosshair(self) -> None:
        """Hides the crosshair, or shows it again."""
        self.scene.crosshair_visible = not self.scene.crosshair_visible
        self._repaint()

    # The prior

    def open_prior(self, path: Path) -> None:
        """Opens an earlier examination beside this one, off the GUI thread; that of another patient is refused."""
        study, layer = self._study, self.scene.base()
        if study is None or layer is None:
            notices.error("no study is open to compare with. Open the present one first.")
            return
        modality = layer.metadata[KEY]["modality"]

        def opened(result: Any) -> None:
            reason = objection(study, result.study)
            image = image_of(result, modality)
            if reason is not None or image is None:
                notices.error(f"not shown: {reason or f'there is no {modality} series in it'}.")
            else:
                self.show_prior(image)

        self._run(lambda progress: open_study(path, progress), opened)

    def show_prior(self, image: PriorImage) -> None:
        """Shows an earlier examination beside the present one."""
        reason = None if self._study is None else objection(self._study, image.study)
        if reason is not None:
            notices.error(f"not shown: {reason}.")
            return
        self.prior = PriorScene(self.scene, image)
        self.bar.align.setEnabled(True)
        self.bar.align.setChecked(False)
        if self.bar.hanging.findText(_PRIOR_HANGING) < 0:
            self.bar.hanging.addItem(_PRIOR_HANGING)
        self.bar.hanging.setCurrentText(_PRIOR_HANGING)
        self.hang(with_prior())

    def drop_prior(self) -> None:
        """Shows the present examination alone."""
        if self.prior is not None:
            self.prior = None
            self.bar.align.setEnabled(False)
            self.bar.align.setChecked(False)
            self.hang(FOUR)

    def align(self, wanted: bool) -> None:
        """Lays the prior over the present image, off the GUI thread the first time, or shows it as it was taken."""
        layer, prior = self.scene.base(), self.prior
        if prior is None or layer is None:
            return
        if not wanted or prior.prior.aligned is not None:
            prior.is_aligned = wanted
            self._write_banners()
            return
        geometry = layer.metadata[KEY]["geometry"]

        def done(image: PriorImage) -> None:
            if self.prior is prior:
                self.prior = PriorScene(self.scene, image)
                self.hang(with_prior())

        self._run(
            lambda progress: aligned(layer.data, geometry, prior.prior, progress),
            done,
            lambda: self.bar.align.setChecked(False),
        )

    def _run(
        self, work: Callable[..., Any], done: Callable[[Any], None], otherwise: Callable[[], None] = lambda: None
    ) -> None:
        if self._job is not None:
            notices.error("the prior is still being worked on. Wait a moment.")
            otherwise()
            return

        def end(then: Callable[[], None]) -> None:
            self._job = None
            self.bar.words.setText("")
            then()

        def fail(error: Exception) -> None:
            end(otherwise)
            notices.failure(error)

        job = Job(work)
        self._job = job
        self.destroyed.connect(job.abandon)
        job.progressed.connect(lambda stage, fraction: self.bar.words.setText(f"{stage} ..."))
        job.done.connect(lambda result: end(lambda: done(result)))
        job.failed.connect(fail)
        job.start()

    # Keys

    def event(self, event: Any) -> bool:
        """Esc belongs to the views while one of them is enlarged, and to the tools of the panel else."""
        is_key = event.type() == QEvent.Type.ShortcutOverride
        if is_key and event.key() == Qt.Key.Key_Escape and self._enlarged is not None:
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: Any) -> None:
        action = self._keys.get(event.key())
        if action is None or self.scene.base() is None:
            super().keyPressEvent(event)
            return
        action()
        event.accept()

    def _key_table(self) -> dict[int, Callable[[], None]]:
        key = Qt.Key
        table: dict[int, Callable[[], None]] = {
            key.Key_Up: lambda: self._step(1),
            key.Key_Down: lambda: self._step(-1),
            key.Key_PageUp: lambda: self._step(10),
            key.Key_PageDown: lambda: self._step(-10),
            key.Key_Home: lambda: self._step(_FAR),
            key.Key_End: lambda: self._step(-_FAR),
            key.Key_F: self.fit,
            key.Key_X: self.toggle_crosshair,
            key.Key_S: self.bar.next_projection,
            key.Key_Plus: lambda: self.bar.change_thickness(1),
            key.Key_Minus: lambda: self.bar.change_thickness(-1),
            key.Key_Space: self.bar.cine.toggle,
            key.Key_P: self.bar.align.toggle,
            key.Key_Escape: lambda: self.enlarge(self._enlarged),
        }
        for number in range(9):
            table[getattr(key, f"Key_{number + 1}")] = lambda n=number: self._choose_preset(n)  # type: ignore[misc]
        return table

    def _step(self, slices: int) -> None:
        """Up is towards the head, the front or the right: what lies higher, nearer or first in the usual order."""
        plane = self._plane()
        self.scene.step(plane, slices if plane is Plane.AXIAL else -slices)

    def _plane(self) -> Plane:
        return Plane.AXIAL if self.active is None else self.active.plane

    def _choose_preset(self, number: int) -> None:
        """For a pane with a window of its own that one, for all others the image's."""
        if self.active is None or self.active.own_window is None:
            self.preset_wanted.emit(number)
            return
        layer = self.scene.base()
        names = preset_names(layer.metadata[KEY]["modality"]) if layer is not None else ()
        if layer is not None and number < len(names):
            self._give_window(self.active, layer, names[number])

    # Plumbing

    def _lay_out(self) -> None:
        self.setStyleSheet("Linked { background: #2a2f36; }")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bar)
        self._grid = QGridLayout()
        self._grid.setSpacing(_GAP_PX)
        column.addLayout(self._grid, 1)

    def _connect(self) -> None:
        self.scene.moved.connect(self._repaint)
        self.scene.changed.connect(self._repaint)
        self.scene.layers_changed.connect(self._forget)
        self.bar.hanging_chosen.connect(self.hang_by_name)
        self.bar.slab_changed.connect(self._set_slab)
        self.bar.cine_toggled.connect(self._run_cine)
        self.bar.rate.valueChanged.connect(lambda _: self._run_cine(self.bar.cine.isChecked()))
        self.bar.prior_wanted.connect(self._ask_for_prior)
        self.bar.alignment_toggled.connect(self.align)

    def _pane(self, scene: Scene | PriorScene, plane: Plane) -> Pane:
        pane = Pane(scene, plane)
        pane.activated.connect(self._activate)
        pane.enlarged.connect(self.enlarge)
        pane.windowed.connect(self.set_window)
        pane.pressed.connect(self.pressed)
        return pane

    def _widget_for(self, slot: Slot, free: dict[Plane, Pane]) -> QWidget:
        """The first pane of a plane as long as it is free, then new ones."""
        if slot.plane is None:
            return self.space
        if slot.is_prior and self.prior is not None:
            pane = self._pane(self.prior, slot.plane)
            self._more.append(pane)
            return pane
        known = free.pop(slot.plane, None)
        pane = known if known is not None else self._pane(self.scene, slot.plane)
        if known is None:
            self._more.append(pane)
        pane.series_uid, pane.own_window = slot.series_uid, None
        layer = self.scene.base(slot.series_uid)
        if slot.preset is not None and layer is not None:
            self._give_window(pane, layer, slot.preset)
        pane.fit()
        return pane

    def _give_window(self, pane: Pane, layer: Any, name: str) -> None:
        if name in preset_names(layer.metadata[KEY]["modality"]):
            low, high = preset(layer.metadata[KEY]["modality"], name).limits(layer.data)
            pane.own_window = (name, low, high)
            pane.update()

    def _series(self) -> list[Shown]:
        """The open series, the one on top first."""
        ordered = list(our_layers(self.scene.viewer, "image"))
        ordered.reverse()
        ordered.sort(key=lambda one: not one[0].visible)
        parts = {s.series_uid: s.acquisition.body_part for s in (self._study.series if self._study else ())}
        return [
            Shown(
                series_uid=meta["series_uid"],
                modality=meta["modality"],
                body_part=(parts.get(meta["series_uid"]) or "").upper(),
            )
            for _, meta in ordered
        ]

    def _shown_panes(self) -> list[Pane]:
        return [pane for pane in self.all_panes if not pane.isHidden()]

    def _write_banners(self) -> None:
        """The banner and the notice on the first view that is shown, and on each of the prior's their own."""
        words = () if self._study is None else banner_words(self._study)
        first = True
        for pane in self.all_panes:
            if isinstance(pane.scene, PriorScene):
                how = "aligned" if pane.scene.is_aligned else "not aligned"
                pane.heading = f"PRIOR {pane.scene.prior.study.date or 'of unknown date'}, {how}"
                pane.banner, pane.notice = banner_words(pane.scene.prior.study), ""
                continue
            has_it = first and not pane.isHidden()
            pane.banner, pane.notice = (words, NOTICE) if has_it else ((), "")
            first = first and not has_it
        self._repaint()

    def _activate(self, pane: Pane) -> None:
        self.active = pane
        for one in self.all_panes:
            if one.is_active is not (one is pane):
                one.is_active = one is pane
                one.update()

    def _set_slab(self, slab: Any) -> None:
        self.scene.slab = slab
        self._repaint()

    def _run_cine(self, wanted: bool) -> None:
        if wanted:
            self.cine.start(self._plane(), self.bar.rate.value())
        else:
            self.cine.stop()

    def _ask_for_prior(self) -> None:
        place = QFileDialog.getExistingDirectory(self, "Open an earlier examination of this patient")
        if place:
            self.open_prior(Path(place))

    def _repaint(self) -> None:
        for pane in self.all_panes:
            pane.update()

    def _forget(self) -> None:
        for pane in self.all_panes:
            pane.forget()


_SPANS = (("row", "rows"), ("column", "columns"))
