"""The study browser: patients, studies and series with thumbnails, the gate's verdict in words, and what to open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon, QPixmap
from qtpy.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from tomoscribe.core import Series, Study, Verdict
from tomoscribe.core.errors import MemoryPlanError
from tomoscribe.plugin.opening import memory
from tomoscribe.plugin.opening.pictures import THUMBNAIL_PX, thumbnails, to_image
from tomoscribe.plugin.opening.slices import SliceViewer
from tomoscribe.plugin.opening.tree import PatientRow, SeriesRow, StudyRow, tree_of
from tomoscribe.plugin.words import tr
from tomoscribe.plugin.work import Job

_ROLE = Qt.ItemDataRole.UserRole
_SIZE = QSize(900, 520)
_REFUSED = "#ff8f80"


class StudyBrowser(QDialog):
    """What a scan found. Enter or a double click opens a study; on a refused series, shows it slice by slice.

    Signals:
        wanted: (study, series to open, whether to read it).
    """

    wanted = Signal(object, object, bool)

    def __init__(self, studies: Sequence[Study], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Study browser"))
        self.tree, self.remarks, self.estimate = QTreeWidget(), QLabel(), QLabel()
        self.show_images, self.read, self.look = (
            QPushButton(tr(w)) for w in ("Open", "Open and read", "Slice by slice")
        )
        self.viewer: SliceViewer | None = None
        self._job: Job | None = None
        self._icons: dict[tuple[str, str | None], QTreeWidgetItem] = {}
        self._lay_out()
        self._fill(tree_of(studies))
        warnings = list(dict.fromkeys(w for s in studies for w in s.warnings))
        self.remarks.setText("\n".join(f"⚠ {w}" for w in warnings))
        self.remarks.setVisible(bool(warnings))
        self._connect()
        self._load_thumbnails([s for study in studies for s in study.series])
        self._choose_first()

    def chosen_study(self) -> Study | None:
        """The study of the selected row, of a patient the newest."""
        item = self.tree.currentItem()
        if item is None:
            return None
        row = item.data(0, _ROLE)
        if isinstance(row, PatientRow):
            return row.studies[0].study
        if isinstance(row, StudyRow):
            return row.study
        parent = item.parent()
        above = None if parent is None else parent.data(0, _ROLE)
        return above.study if isinstance(above, StudyRow) else None

    def chosen_series(self) -> tuple[Series, ...]:
        """The ticked series of the chosen study."""
        study = self.chosen_study()
        return () if study is None else tuple(s for s in self._ticked() if s in study.series)

    def _ticked(self) -> list[Series]:
        ticked = []
        for item in self._icons.values():
            if item.checkState(0) == Qt.CheckState.Checked:
                ticked.append(item.data(0, _ROLE).series)
        return ticked

    # Building

    def _lay_out(self) -> None:
        self.tree.setHeaderLabels([tr("Study / series"), tr("Images"), tr("Verdict")])
        self.tree.setIconSize(QSize(THUMBNAIL_PX, THUMBNAIL_PX))
        self.tree.setWordWrap(True)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self.tree.setColumnWidth(0, 380)
        self.tree.setColumnWidth(1, 130)
        self.remarks.setWordWrap(True)
        self.remarks.setStyleSheet("color: #ffc457;")
        row = QHBoxLayout()
        row.addWidget(self.estimate, 1)
        for button in (self.look, self.show_images, self.read):
            row.addWidget(button)
        self.read.setDefault(True)
        layout = QVBoxLayout(self)
        layout.addWidget(self.remarks)
        layout.addWidget(self.tree, 1)
        layout.addLayout(row)
        self.resize(_SIZE)

    def _fill(self, patients: Sequence[PatientRow]) -> None:
        for patient in patients:
            top = _item(self.tree, (patient.name, "", ""), patient)
            for study in patient.studies:
                middle = _item(top, (study.name, tr("{count} series", count=len(study.series)), study.priors), study)
                for series in study.series:
                    self._add_series(middle, series)
        self.tree.expandAll()

    def _add_series(self, parent: QTreeWidgetItem, row: SeriesRow) -> None:
        item = _item(parent, (row.name, row.images, row.verdict), row)
        item.setToolTip(2, row.verdict)
        if row.is_refused:
            for column in range(3):
                item.setForeground(column, _brush(_REFUSED))
        else:
            item.setCheckState(0, Qt.CheckState.Checked)
        self._icons[row.series.series_uid, row.series.part] = item

    def _choose_first(self) -> None:
        patient = self.tree.topLevelItem(0)
        first = None if patient is None else patient.child(0)
        if first is not None:
            self.tree.setCurrentItem(first)
        self._update()

    # Doing

    def _connect(self) -> None:
        self.tree.currentItemChanged.connect(self._update)
        self.tree.itemChanged.connect(self._update)
        self.tree.itemActivated.connect(self._activate)
        self.show_images.clicked.connect(lambda: self._want(False))
        self.read.clicked.connect(lambda: self._want(True))
        self.look.clicked.connect(self._look)
        self.finished.connect(self._stop)

    def _update(self, *_: Any) -> None:
        chosen = self.chosen_series()
        try:
            plan = memory.make_show_plan(chosen, memory.free_bytes()) if chosen else None
            words = "" if plan is None else "; ".join((plan.line(), *plan.notes))
            fits = plan is not None
        except MemoryPlanError as error:
            words, fits = error.line(), False
        self.estimate.setText(words)
        self.show_images.setEnabled(fits)
        self.read.setEnabled(fits)
        self.look.setEnabled(self._selected_series() is not None)

    def _selected_series(self) -> Series | None:
        item = self.tree.currentItem()
        row = None if item is None else item.data(0, _ROLE)
        return row.series if isinstance(row, SeriesRow) else None

    def _activate(self, item: QTreeWidgetItem, _: int = 0) -> None:
        series = self._selected_series()
        if series is not None and series.verdict is Verdict.REFUSED:
            self._look()
        elif self.show_images.isEnabled():
            self._want(False)

    def _want(self, then_read: bool) -> None:
        study, series = self.chosen_study(), self.chosen_series()
        if study is not None and series:
            self.accept()
            self.wanted.emit(study, series, then_read)

    def _look(self) -> None:
        series = self._selected_series()
        if series is not None:
            self.viewer = SliceViewer(series, self)
            self.viewer.show()

    def _load_thumbnails(self, series: Sequence[Series]) -> None:
        job = Job(lambda progress: thumbnails(series, progress))
        self._job = job
        job.done.connect(self._show_thumbnails)
        job.failed.connect(lambda error: None)
        job.start()

    def _show_thumbnails(self, pictures: dict[tuple[str, str | None], Any]) -> None:
        self._job = None
        self.tree.blockSignals(True)
        for key, picture in pictures.items():
            self._icons[key].setIcon(0, QIcon(QPixmap.fromImage(to_image(picture))))
        self.tree.blockSignals(False)
        self.tree.viewport().update()

    def _stop(self, _: int = 0) -> None:
        if self._job is not None:
            self._job.abandon()
            self._job = None


def _item(parent: Any, words: tuple[str, str, str], row: object) -> QTreeWidgetItem:
    item = QTreeWidgetItem(parent, list(words))
    item.setData(0, _ROLE, row)
    return item


def _brush(color: str) -> Any:
    from qtpy.QtGui import QBrush, QColor

    return QBrush(QColor(color))
