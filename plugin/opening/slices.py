"""A series looked at slice by slice, as its files are: for what the gate refused. No geometry, so no measurements."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QDialog, QLabel, QSlider, QVBoxLayout, QWidget

from tomoscribe.core import Series, Verdict
from tomoscribe.encoders.dicom.single import load_slice
from tomoscribe.plugin.opening.pictures import gray, to_image
from tomoscribe.plugin.opening.tree import verdict_words
from tomoscribe.plugin.words import tr
from tomoscribe.plugin.work import Job

_SIZE = QSize(560, 640)
_STEPS = 10


class SliceViewer(QDialog):
    """One slice at a time, read off the GUI thread when it is asked for.

    Wheel, arrow keys, Page Up and Down and the slider go through the files.
    """

    def __init__(self, series: Series, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.series, self.shown = series, -1
        self._job: Job | None = None
        self.setWindowTitle(tr("Slice by slice"))
        self.reason, self.warning = QLabel(verdict_words(series)), QLabel()
        self.reason.setWordWrap(True)
        self.warning.setStyleSheet("color: #1d1400; background: #ffc457; padding: 3px 6px;")
        is_refused = series.verdict is Verdict.REFUSED
        self.warning.setText(tr("geometry unknown, no measurements") if is_refused else tr("for looking only"))
        self.picture, self.place = QLabel(), QLabel()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setMinimumSize(256, 256)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, max(0, len(series.slices) - 1))
        self.slider.setPageStep(_STEPS)
        layout = QVBoxLayout(self)
        for widget in (self.warning, self.reason):
            layout.addWidget(widget)
        layout.addWidget(self.picture, 1)
        layout.addWidget(self.slider)
        layout.addWidget(self.place)
        self.slider.valueChanged.connect(self._ask)
        self.finished.connect(self._stop)
        self.slider.setValue(self.slider.maximum() // 2)
        self.slider.setFocus()
        self.resize(_SIZE)
        self._ask()

    def wheelEvent(self, event: Any) -> None:
        self.slider.setValue(self.slider.value() + (1 if event.angleDelta().y() < 0 else -1))

    def _ask(self, _: int = 0) -> None:
        if self._job is not None or not self.series.slices:
            return
        number = self.slider.value()
        path, frame = self.series.slices[number]
        job = Job(lambda progress: gray(load_slice(path, frame)))
        self._job = job
        job.done.connect(lambda picture: self._show(number, picture, ""))
        job.failed.connect(lambda error: self._show(number, None, str(error)))
        job.start()

    def _show(self, number: int, picture: Any, words: str) -> None:
        self._job, self.shown = None, number
        if picture is None:
            self.picture.clear()
            self.picture.setText(words)
        else:
            pixmap = QPixmap.fromImage(to_image(picture))
            kept = Qt.AspectRatioMode.KeepAspectRatio
            smooth = Qt.TransformationMode.SmoothTransformation
            self.picture.setPixmap(pixmap.scaled(self.picture.size(), kept, smooth))
        total = len(self.series.slices)
        self.place.setText(tr("file {number} of {total}, in the order of the files", number=number + 1, total=total))
        if self.slider.value() != number:
            self._ask()

    def _stop(self, _: int = 0) -> None:
        if self._job is not None:
            self._job.abandon()
