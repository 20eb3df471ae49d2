"""The small widgets of the panel: banner, reading, views."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from tomoscribe.core import Study
from tomoscribe.plugin.planes import Plane
from tomoscribe.plugin.words import speak

NO_STUDY = "No study open: drag a DICOM folder into the window"
_STEPS = 1000
_SEXES = {"M": "male", "F": "female", "O": "other"}


def banner_words(study: Study) -> tuple[str, str]:
    """Description, then date, age and sex; nothing that names the patient."""
    age = "age unknown" if study.age_years is None else f"{study.age_years:.0f} years"
    sex = _SEXES.get(study.sex or "", "sex unknown")
    return study.description or "No description", f"{study.date or 'date unknown'} · {age} · {sex}"


class Banner(QWidget):
    """Which study this is, and what this software is not; always visible."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.study = QLabel(NO_STUDY)
        self.study.setWordWrap(True)
        self.study.setStyleSheet("font-size: 10pt; font-weight: bold;")
        self.notice = QLabel()
        speak(self.notice, "setText", "Not a medical device. Draft, to be reviewed by a radiologist.")
        self.notice.setWordWrap(True)
        self.notice.setStyleSheet("color: #1d1400; background: #ffc457; padding: 3px 6px; border-radius: 3px;")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.notice)
        layout.addWidget(self.study)

    def show_study(self, study: Study | None) -> None:
        """Writes the study's line."""
        self.study.setText(NO_STUDY if study is None else " · ".join(banner_words(study)))


class RunBar(QWidget):
    """Read, cancel, progress, copy."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.read, self.stop, self.copy = QPushButton(), QPushButton(), QPushButton()
        for button, words in ((self.read, "Read study"), (self.stop, "Cancel"), (self.copy, "Copy report (C)")):
            speak(button, "setText", words)
        self.bar, self.words = QProgressBar(), QLabel("")
        self.words.setWordWrap(True)
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(10)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.addWidget(self.read)
        buttons.addWidget(self.stop)
        buttons.addWidget(self.copy)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.words)
        self._buttons = buttons
        self.show_idle("", can_read=False)

    def add_first(self, widget: QWidget) -> None:
        """Puts a button before the others."""
        self._buttons.insertWidget(0, widget)

    def show_idle(self, words: str, *, can_read: bool) -> None:
        """Nothing runs."""
        self.read.setEnabled(can_read)
        self.stop.setEnabled(False)
        self.words.setText(words)
        self.words.setVisible(bool(words))
        self.bar.setVisible(False)

    def show_running(self) -> None:
        """Work has begun."""
        self.read.setEnabled(False)
        self.stop.setEnabled(True)
        self.bar.setVisible(True)
        self.words.setVisible(True)
        self.bar.setValue(0)
        self.words.setText("starting")

    def show_progress(self, stage: str, fraction: float) -> None:
        """Stage in words and the fraction done, 0 to 1."""
        self.words.setText(stage)
        self.bar.setValue(int(_STEPS * fraction))

    def show_cancelling(self) -> None:
        """The work was asked to stop."""
        self.stop.setEnabled(False)
        self.words.setText("cancelling ...")


class ViewBar(QWidget):
    """Planes, 3D, window presets, marks."""

    linked_chosen = Signal()
    plane_chosen = Signal(str)
    three_d_chosen = Signal()
    window_chosen = Signal(str)
    marks_toggled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self._group = QButtonGroup(self)
        self.linked = self._checkable("Linked", layout)
        self.linked.setToolTip("Axial, coronal, sagittal and 3D at once, around one crosshair")
        self.planes = {plane: self._checkable(plane.value, layout) for plane in Plane}
        self.three_d = self._checkable("3D", layout)
        self.windows = QComboBox()
        self.marks = QPushButton("Marks (H)")
        self.marks.setToolTip("Hide or show all masks, calipers and surfaces")
        layout.addWidget(self.windows, 1)
        layout.addWidget(self.marks)
        self.planes[Plane.AXIAL].setChecked(True)
        self.linked.clicked.connect(lambda _=False: self.linked_chosen.emit())
        for plane, button in self.planes.items():
            button.clicked.connect(lambda _=False, name=plane.value: self.plane_chosen.emit(name))
        self.three_d.clicked.connect(lambda _=False: self.three_d_chosen.emit())
        self.windows.textActivated.connect(self.window_chosen)
        self.marks.clicked.connect(lambda _=False: self.marks_toggled.emit())

    def show_linked(self) -> None:
        """Marks the linked views as shown."""
        self.linked.setChecked(True)

    def show_plane(self, plane: Plane) -> None:
        """Marks the plane that is shown."""
        self.planes[plane].setChecked(True)

    def show_three_d(self) -> None:
        """Marks 3D as shown."""
        self.three_d.setChecked(True)

    def offer_windows(self, names: Sequence[str], chosen: str) -> None:
        """Fills the menu of window presets."""
        self.windows.clear()
        self.windows.addItems(list(names))
        self.windows.setCurrentText(chosen)

    def _checkable(self, text: str, layout: QHBoxLayout) -> QPushButton:
        button = QPushButton(text)
        button.setCheckable(True)
        self._group.addButton(button)
        layout.addWidget(button)
        return button
