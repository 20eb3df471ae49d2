"""The button that opens: a folder, a file or zip, what was opened lately, the samples, the study browser again."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QMenu, QToolButton, QWidget

from tomoscribe.plugin.state import Memory
from tomoscribe.plugin.words import speak, tr

SAMPLES = {"chest_ct": "Sample: chest CT (generated)", "brain_mr": "Sample: brain MR (generated)"}


class OpenButton(QToolButton):
    """Opens.

    Signals:
        path_chosen: a folder, file or zip.
        browser_wanted: the study browser on what was opened last.
    """

    path_chosen = Signal(object)
    browser_wanted = Signal()

    def __init__(self, memory: Memory, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._memory = memory
        self.dialog: QFileDialog | None = None
        speak(self, "setText", "Open")
        speak(self, "setToolTip", "A folder, a zip, a DICOMDIR or a file (Ctrl+Shift+O); or drag it onto the window")
        self.setStyleSheet("padding: 4px 12px 4px 6px;")
        self.choices = QMenu(self)
        self.choices.aboutToShow.connect(self.fill)
        self.setMenu(self.choices)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.fill()

    def fill(self) -> None:
        """The entries as they are now."""
        self.choices.clear()
        self._entry(tr("Folder ..."), self.choose_folder)
        self._entry(tr("Zip or file ..."), self.choose_file)
        self._entry(tr("Study browser"), self.browser_wanted.emit)
        recent = self._memory.recent
        if recent:
            self.choices.addSeparator()
            for path in recent:
                self._entry(str(path), lambda path=path: self.path_chosen.emit(path))
        self.choices.addSeparator()
        for name, words in SAMPLES.items():
            self._entry(tr(words), lambda name=name: self.open_sample(name))

    def choose_folder(self) -> None:
        """Asks for a folder."""
        self._ask(tr("Folder with DICOM files"), QFileDialog.FileMode.Directory)

    def choose_file(self) -> None:
        """Asks for a zip, a DICOMDIR or a single file."""
        self._ask(tr("Zip, DICOMDIR or DICOM file"), QFileDialog.FileMode.ExistingFile)

    def open_sample(self, name: str) -> None:
        """A study that comes with tomoscribe."""
        from tomoscribe import sample_data

        self.path_chosen.emit(sample_data.path(name))

    def _ask(self, title: str, mode: QFileDialog.FileMode) -> None:
        dialog = QFileDialog(self, title)
        dialog.setFileMode(mode)
        dialog.fileSelected.connect(lambda path: self.path_chosen.emit(Path(path)))
        dialog.open()
        self.dialog = dialog

    def _entry(self, words: str, call: object) -> None:
        action = self.choices.addAction(words)
        action.triggered.connect(lambda _=False: call() if callable(call) else None)
