"""The offer to go on with the draft of a study that was edited and not exported: after a crash, or on another day."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from tomoscribe.core import Study, Volume
from tomoscribe.findings.measured import Progress
from tomoscribe.plugin.editing import draft
from tomoscribe.plugin.words import speak, tr


class DraftBar(QWidget):
    """One line over the panel; invisible where there is no draft.

    Signals:
        resumed: (reading, volumes, report as it was drafted).
    """

    resumed = Signal(object, object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words, self.restore, self.discard = QLabel(), QPushButton(), QPushButton()
        speak(self.restore, "setText", "Restore")
        speak(self.discard, "setText", "Discard")
        self.words.setWordWrap(True)
        self.setStyleSheet("background: #2f4a3a; color: #e8eaed;")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 3, 6, 3)
        layout.addWidget(self.words, 1)
        layout.addWidget(self.restore)
        layout.addWidget(self.discard)
        self._study: Study | None = None
        self._run: Callable[..., Any] | None = None
        self.restore.clicked.connect(self._restore)
        self.discard.clicked.connect(self._discard)
        self.hide()

    def bind(self, run: Callable[..., Any]) -> None:
        """Gives it what runs work off the GUI thread."""
        self._run = run

    def offer(self, study: Study | None) -> None:
        """Offers the draft of a study, if there is one; None offers nothing."""
        when = None if study is None else draft.saved_at(study)
        self._study = study if when is not None else None
        if when is not None:
            words = tr("Edits of {when} on this study were not exported.", when=f"{when:%Y-%m-%d %H:%M}")
            self.words.setText(words)
        self.setVisible(when is not None)

    def _restore(self) -> None:
        study = self._study
        if study is not None and self._run is not None:
            self._run(lambda progress: _restored(study, progress), lambda found: self.resumed.emit(*found))

    def _discard(self) -> None:
        if self._study is not None:
            draft.discard(self._study)
        self.offer(None)


def _restored(study: Study, progress: Progress) -> tuple[Any, dict[str, Volume], Any]:
    """The draft with the volumes that its masks and images belong to."""
    from tomoscribe.encoders.dicom import load_volume

    progress(tr("opening the draft"), 0.1)
    found = draft.load(study)
    wanted = {m.series_uid for m in found.reading.label_maps}
    wanted |= {e.series_uid for f in found.reading.report.findings for e in f.evidence}
    volumes = {}
    for series in study.readable:
        if series.series_uid in wanted:
            progress(tr("loading images"), 0.4)
            volumes[series.series_uid] = load_volume(study, series)
    return found.reading, volumes, found.first
