"""The question box: an answer in words that links the findings it stands on."""

from __future__ import annotations

from html import escape

from qtpy.QtCore import QUrl, Signal
from qtpy.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QTextBrowser, QVBoxLayout, QWidget

from tomoscribe.core import Finding
from tomoscribe.plugin.findings_table import named
from tomoscribe.plugin.words import speak, tr

_SCHEME = "finding"
_HEIGHT = 104
_LINK = "#5a9ff0"
"""Read well on a dark and on a light ground."""


class QuestionBox(QWidget):
    """Asks, and shows the answer.

    Signals:
        asked: the question.
        cited: tracking UID of a finding whose link was clicked.
    """

    asked = Signal(str)
    cited = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.question, self.ask, self.answer = QLineEdit(), QPushButton(), QTextBrowser()
        speak(self.question, "setPlaceholderText", "Ask about this study (Q), e.g. How large is the left nodule?")
        speak(self.ask, "setText", "Ask")
        self.answer.setOpenLinks(False)
        self.answer.setFixedHeight(_HEIGHT)
        self.answer.hide()
        row = QHBoxLayout()
        row.setSpacing(3)
        row.addWidget(self.question, 1)
        row.addWidget(self.ask)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(row)
        layout.addWidget(self.answer)
        self.question.returnPressed.connect(self._ask)
        self.ask.clicked.connect(self._ask)
        self.answer.anchorClicked.connect(self._cite)

    def show_waiting(self) -> None:
        """A question is being answered."""
        self.ask.setEnabled(False)
        self._show(f"<i>{escape(tr('looking for the answer ...'))}</i>")

    def show_answer(self, text: str, findings: list[Finding]) -> None:
        """The answer, with a link to each finding that it cites."""
        self.ask.setEnabled(True)
        style = f'style="color:{_LINK}"'
        links = [f'<a {style} href="{_SCHEME}:{f.tracking_uid}">{escape(named(f))}</a>' for f in findings]
        cited = f"{escape(tr('Evidence:'))} {' · '.join(links)}<br>" if links else ""
        self._show(f"{cited}{escape(text)}")

    def clear(self) -> None:
        """No answer any more: it was on another study."""
        self.ask.setEnabled(True)
        self.answer.hide()

    def _show(self, html: str) -> None:
        self.answer.setHtml(html)
        self.answer.show()

    def _ask(self) -> None:
        words = self.question.text().strip()
        if words and self.ask.isEnabled():
            self.asked.emit(words)

    def _cite(self, link: QUrl) -> None:
        if link.scheme() == _SCHEME:
            self.cited.emit(link.path())
