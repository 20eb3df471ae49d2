"""The windows of the report: a sentence edited, a signature, a critical finding told, the differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtGui import QFont
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from tomoscribe.plugin.words import tr

_KINDS = QDialogButtonBox.StandardButton
WAYS = ("by telephone", "in person", "by secure message")


class SentenceDialog(QDialog):
    """Edits a sentence. What contradicts a measurement is told, and stands only with a reason.

    Args:
        words: the sentence as it is.
        check: what the lock holds against other words, in words; called before they are taken.
        done: called with the words, and the reason where they stand against a measurement.
    """

    def __init__(
        self,
        title: str,
        words: str,
        check: Callable[[str], Sequence[str]],
        done: Callable[[str, str | None], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._check, self._done, self._checked = check, done, ""
        self.setWindowTitle(title)
        self.words = QPlainTextEdit(words)
        self.words.setTabChangesFocus(True)
        self.objections, self.reason = QLabel(), QLineEdit()
        self.objections.setWordWrap(True)
        self.objections.setStyleSheet("color: #ff8f80;")
        self.reason.setPlaceholderText(tr("Reason why it stands against the measurement"))
        self.buttons = QDialogButtonBox(_KINDS.Ok | _KINDS.Cancel)
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        hint = QLabel(tr("Empty: the sentence that stood there first comes back."))
        hint.setStyleSheet("color: #9aa3ad;")
        layout = QVBoxLayout(self)
        for widget in (self.words, hint, self.objections, self.reason, self.buttons):
            layout.addWidget(widget)
        self.objections.hide()
        self.reason.hide()
        self.resize(560, 260)

    def _accept(self) -> None:
        words = self.words.toPlainText().strip()
        against = self._check(words) if words else ()
        if against and not (self._checked == words and self.reason.text().strip()):
            self._checked = words
            self.objections.setText("\n".join([tr("This contradicts a measurement:"), *against]))
            self.objections.show()
            self.reason.show()
            self.reason.setFocus()
            return
        self.accept()
        self._done(words, self.reason.text().strip() if against else None)


class ConfirmDialog(QDialog):
    """Says what is about to be done and by whom, and asks for it once more."""

    def __init__(
        self, title: str, lines: Sequence[str], done: Callable[[], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        layout = QVBoxLayout(self)
        for line in lines:
            label = QLabel(line)
            label.setWordWrap(True)
            layout.addWidget(label)
        self.buttons = QDialogButtonBox(_KINDS.Ok | _KINDS.Cancel)
        self.buttons.button(_KINDS.Ok).setText(title)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.accepted.connect(done)
        layout.addWidget(self.buttons)
        self.resize(480, self.sizeHint().height())


class TwoWordsDialog(QDialog):
    """Asks for two lines that must both be given: an addendum and its reason, who was told and how."""

    def __init__(
        self,
        title: str,
        labels: tuple[str, str],
        done: Callable[[str, str], None],
        parent: QWidget | None = None,
        choices: Sequence[str] = (),
    ) -> None:
        super().__init__(parent)
        self._done = done
        self.setWindowTitle(title)
        self.first, self.second = QLineEdit(), QComboBox()
        self.second.setEditable(True)
        self.second.addItems(list(choices))
        if not choices:
            self.second.setCurrentText("")
        self.buttons = QDialogButtonBox(_KINDS.Ok | _KINDS.Cancel)
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        form = QFormLayout(self)
        form.addRow(labels[0], self.first)
        form.addRow(labels[1], self.second)
        form.addRow(self.buttons)
        self.resize(520, self.sizeHint().height())

    def _accept(self) -> None:
        first, second = self.first.text().strip(), self.second.currentText().strip()
        if not first:
            self.first.setFocus()
        elif not second:
            self.second.setFocus()
        else:
            self.accept()
            self._done(first, second)


class DifferencesDialog(QDialog):
    """What changed of the text since it was drafted."""

    def __init__(self, words: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Changes since the draft"))
        self.text = QPlainTextEdit(words)
        self.text.setReadOnly(True)
        font = QFont("monospace")
        font.setStyleHint(QFont.StyleHint.Monospace)
        self.text.setFont(font)
        QVBoxLayout(self).addWidget(self.text)
        self.resize(760, 420)
