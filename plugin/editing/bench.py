"""What the user does to findings: accept, reject, edit, add, measure, undo; by button, key and mouse."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QMenu, QVBoxLayout, QWidget

from tomoscribe.core import ClinicalContext, Finding, Presence, Reading, Review, ReviewState, Volume
from tomoscribe.core.errors import TomoscribeError
from tomoscribe.encoders.conversions import point_from_napari
from tomoscribe.plugin import notices
from tomoscribe.plugin.editing import forms, outlining
from tomoscribe.plugin.editing.bar import FindingsBar, shortcut
from tomoscribe.plugin.editing.desk import Desk, Edit, finding_at, identity
from tomoscribe.plugin.editing.tools import CanvasTools, Stroke, Tool
from tomoscribe.plugin.findings_table import FindingsTable, guideline_classes, is_reviewable, named
from tomoscribe.plugin.navigate import our_layers
from tomoscribe.plugin.planes import VIEWS
from tomoscribe.plugin.reporting.dialogs import ConfirmDialog
from tomoscribe.plugin.words import tr
from tomoscribe.reports import editing, signing

if TYPE_CHECKING:
    import napari

    from tomoscribe.plugin.mpr.linked import Linked
    from tomoscribe.plugin.mpr.stage import Stage

_SETTLED_MS = 120


class Bench(QObject):
    """Table, buttons and tools of one panel, working on its desk.

    Signals:
        chosen: tracking UID of a finding that the viewer shall go to.
        noticed: tracking UID of the finding under crosshair or mouse; the viewer stays where it is.
    """

    chosen = Signal(str)
    noticed = Signal(str)

    def __init__(self, owner: QWidget, viewer: napari.Viewer, desk: Desk, table: FindingsTable) -> None:
        super().__init__(owner)
        self.desk, self.table = desk, table
        self._owner, self._viewer = owner, viewer
        self.bar, self.tools, self.menu = FindingsBar(), CanvasTools(viewer), QMenu(owner)
        self.dialog: Any = None
        self.colors: dict[str, str] = {}
        self.box = QWidget()
        layout = QVBoxLayout(self.box)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.bar)
        layout.addWidget(table, 1)
        self._crosshair: Callable[[], Any] = lambda: viewer.dims.point
        self._outliner = outlining.Outliner()
        self._after_settling = QTimer(self)
        self._after_settling.setSingleShot(True)
        self._after_settling.timeout.connect(self._look_under_crosshair)
        self._connect()

    def follow(self, linked: Linked, stage: Stage) -> None:
        """Works on the linked views, too, around their crosshair while they are shown."""
        for plane, pane in linked.panes.items():
            self.tools.listen_to(pane, pane.place_at, VIEWS[plane].order[0])
        linked.scene.moved.connect(self.crosshair_moved)
        self._crosshair = lambda: linked.scene.point_mm if stage.is_linked else self._viewer.dims.point

    def _connect(self) -> None:
        deeds: dict[str, Callable[[], None]] = {
            "accept": self.accept,
            "accept_rest": self.accept_rest,
            "reject": self.reject,
            "edit": self.edit,
            "undo": self.desk.undo,
            "redo": self.desk.redo,
        }
        self.bar.bind(self._owner, deeds, self.take)
        shortcut(self._owner, "J", lambda: self._step(1))
        shortcut(self._owner, "K", lambda: self._step(-1))
        shortcut(self._owner, "Esc", self._put_back)
        self.tools.taken.connect(self.bar.show_tool)
        self.tools.drawn.connect(self._drawn)
        self.tools.picked.connect(self._picked)
        self.menu.aboutToHide.connect(self.tools.clear)

    def _put_back(self) -> None:
        self.tools.clear()
        if self.tools.tool is not None:
            self.tools.take(None)

    # Deeds

    def accept(self) -> None:
        """The selected finding is right; on to the next that waits."""
        finding = self._selected()
        if finding is not None:
            self._review(finding, ReviewState.ACCEPTED, None)

    def know(self) -> None:
        """Opens the form of what no image header says: guideline classes need it."""
        reading = self.desk.reading
        if reading is None:
            return

        def done(known: ClinicalContext) -> None:
            self.change(tr("Clinical facts"), lambda r, _: editing.with_clinical(r, known))

        self.dialog = forms.ClinicalForm(reading.study.clinical, done, self._owner)
        self.dialog.open()

    def accept_rest(self) -> None:
        """Everything that nobody has looked at is right; asks once more, with the number."""
        reading = self.desk.reading
        waiting = () if reading is None else signing.unreviewed(reading.report)
        if not waiting:
            return
        uids = [f.tracking_uid for f in waiting]

        def done() -> None:
            signer, at = identity()
            outcome = Review(state=ReviewState.ACCEPTED, reviewer=signer.name, at=at)
            self.change(tr("Accept the rest"), lambda r, _: editing.review(r, uids, outcome))

        lines = [tr("{count} findings will count as reviewed and right:", count=len(uids))]
        self.dialog = ConfirmDialog(tr("Accept"), [*lines, *(named(f) for f in waiting)], done, self._owner)
        self.dialog.open()

    def reject(self) -> None:
        """The selected finding is none; asks for the reason."""
        finding = self._selected()
        if finding is not None:
            self.dialog = forms.ask_choice(
                self._owner,
                tr("Reject finding"),
                tr("Why is it none?"),
                [tr(r) for r in forms.REJECT_REASONS],
                lambda reason: self._review(finding, ReviewState.REJECTED, reason),
            )

    def edit(self) -> None:
        """Opens the form of the selected finding."""
        finding = self._selected()
        if finding is None:
            return

        def done(values: forms.Values) -> None:
            who = identity()
            self.change(
                tr("Edit finding"),
                lambda reading, _: editing.replace_finding(
                    reading, forms.edited(reading.report.finding(finding.tracking_uid), values), *who
                ),
            )

        self.dialog = forms.FindingForm(finding, done, self._owner)
        self.dialog.open()

    def take(self, tool: Tool) -> None:
        """Takes a tool; the outline tool taken a second time works at the crosshair."""
        if self.desk.reading is None:
            self.bar.show_tool(None)
            notices.error(tr("read the study first: findings are added to its report."))
            return
        if tool is Tool.OUTLINE and self.tools.tool is Tool.OUTLINE:
            self.tools.take(None)
            self._outline(self._crosshair_mm())
            return
        self.tools.take(tool)
        if self.tools.tool is Tool.OUTLINE:
            notices.status(self._viewer, tr("Click into the nodule, or press N again to outline at the crosshair."))

    def change(self, words: str, edit: Edit) -> None:
        """An edit on the desk; of a signed report, a correction, for which a reason is asked."""
        reading = self.desk.reading
        if reading is None or not reading.report.is_signed:
            self.desk.apply(words, edit)
            return

        def with_reason(reason: str) -> None:
            who = identity()
            self.desk.apply(words, lambda r, tell: editing.corrected(r, edit(r, tell), *who, reason))

        self.dialog = forms.ask_words(
            self._owner, tr("Correction"), tr("The report is signed. Why is it corrected?"), with_reason
        )

    def show(self, reading: Reading | None, colors: dict[str, str]) -> None:
        """Fills the table; keeps the selected row."""
        kept, self.colors = self.table.selected, colors
        findings = () if reading is None else reading.report.findings
        classes = {} if reading is None else guideline_classes(reading.study, findings)
        self.table.show_findings(findings, colors, classes)
        if kept is not None:
            self.table.select(kept)
        history = self.desk.history
        steps = (None, None) if history is None else (history.undo_words, history.redo_words)
        self.bar.show_history(*steps)
        waiting = () if reading is None else signing.unreviewed(reading.report)
        self.bar.show_waiting(len(waiting), sum(is_reviewable(f) for f in findings))

    # Linking

    def crosshair_moved(self, event: Any = None) -> None:
        """Looks, once it stands still, which finding lies under the crosshair."""
        self._after_settling.start(_SETTLED_MS)

    def _look_under_crosshair(self) -> None:
        if self._viewer.dims.ndim == 3:
            self._picked(self._crosshair_mm())

    def _picked(self, xyz_mm: Any) -> None:
        reading = self.desk.reading
        finding = finding_at(reading, xyz_mm) if reading is not None else None
        if finding is not None and finding.tracking_uid != self.table.selected:
            self.table.select(finding.tracking_uid)
            self.noticed.emit(finding.tracking_uid)

    def _step(self, step: int) -> None:
        uid = self.table.neighbor(step)
        if uid is not None:
            self.chosen.emit(uid)

    # Plumbing

    def _selected(self) -> Finding | None:
        reading, uid = self.desk.reading, self.table.selected
        if reading is None or uid is None:
            notices.status(self._viewer, tr("Select a finding in the table first (J and K go through them)."))
            return None
        return reading.report.finding(uid)

    def _review(self, finding: Finding, state: ReviewState, reason: str | None) -> None:
        signer, at = identity()
        outcome = Review(state=state, reviewer=signer.name, at=at, reason=reason)
        words = tr("Accept finding") if state is ReviewState.ACCEPTED else tr("Reject finding")
        uid = finding.tracking_uid
        reading = self.desk.reading
        if reading is not None and reading.report.is_signed and reason:
            self.desk.apply(words, lambda r, _: signing.reconsider(r, [uid], outcome, signer))
        else:
            self.change(words, lambda r, _: editing.review(r, [uid], outcome))
        following = self.table.neighbor(1, self._waits)
        if following is not None and following != uid:
            self.chosen.emit(following)

    def _waits(self, uid: str) -> bool:
        reading = self.desk.reading
        finding = None if reading is None else reading.report.finding(uid)
        shown = (Presence.PRESENT, Presence.UNCERTAIN)
        return finding is not None and finding.presence in shown and finding.review.state is ReviewState.UNREVIEWED

    def _drawn(self, stroke: Stroke) -> None:
        if stroke.tool is Tool.OUTLINE:
            self._outline(stroke.start_mm)
            return
        volume = self._volume()
        if volume is None:
            return
        try:
            measured = outlining.measure(volume, stroke)
        except TomoscribeError as error:
            notices.failure(error)
            return
        notices.status(self._viewer, outlining.words_of(measured))
        self._offer(volume, stroke, measured)

    def _offer(self, volume: Volume, stroke: Stroke, measured: Any) -> None:
        """A menu at the mouse: what the drawing shall become."""
        reading, uid = self.desk.reading, self.table.selected
        finding = reading.report.finding(uid) if reading is not None and uid is not None else None
        who = identity()
        self.menu.clear()
        title = self.menu.addAction(outlining.words_of(measured))
        title.setEnabled(False)
        labels = {"long": tr("Long axis"), "short": tr("Short axis"), "axes": tr("Both axes"), "attenuation": "HU"}
        for key in outlining.offers(finding, stroke):
            new = outlining.kept(measured, key)
            action = self.menu.addAction(f"{labels[key]}: {tr('of the selected finding')}")
            action.triggered.connect(
                lambda _=False, new=new: self.change(
                    tr("Measure"), lambda r, _: outlining.remeasure(r, str(uid), new, who)
                )
            )
        add = self.menu.addAction(tr("Add as a new finding"))
        add.triggered.connect(
            lambda _=False: self.change(tr("Add finding"), lambda r, _: outlining.add_drawn(r, volume, measured, who))
        )
        self.menu.addAction(tr("Only look at it"))
        self.menu.popup(QCursor.pos())

    def _outline(self, xyz_mm: Any) -> None:
        volume = self._volume()
        if volume is not None:
            who = identity()
            self.change(tr("Add finding"), lambda reading, tell: self._outliner.add(reading, volume, xyz_mm, who, tell))

    def _volume(self) -> Volume | None:
        """The volume of the image that is shown."""
        shown = [meta["series_uid"] for layer, meta in our_layers(self._viewer, "image") if layer.visible]
        for uid in reversed(shown):
            if uid in self.desk.volumes:
                return self.desk.volumes[uid]
        notices.error(tr("show the series that was read, then add or measure on it."))
        return None

    def _crosshair_mm(self) -> Any:
        return tuple(float(v) for v in point_from_napari(np.array(self._crosshair())))
