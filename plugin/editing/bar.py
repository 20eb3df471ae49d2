"""The buttons over the findings table, each with its key."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from tomoscribe.plugin.editing.tools import Tool
from tomoscribe.plugin.words import speak, tr

_TOOLS = {
    Tool.OUTLINE: ("Outline", "N", "Click a nodule: it is outlined, measured and added. N again: at the crosshair."),
    Tool.RULER: ("Ruler", "M", "Drag over the long or short axis"),
    Tool.ELLIPSE: ("Ellipse", "O", "Drag an ellipse: axes and mean HU"),
    Tool.PROBE: ("HU", "B", "Click: mean HU in a ball of 5 mm"),
}
_DEEDS = (
    ("accept", "Accept", "A", "The selected finding is right"),
    ("accept_rest", "All", "Shift+A", "Everything that still waits is right, the measured organs, too"),
    ("reject", "Reject", "R", "The selected finding is none, with a reason"),
    ("edit", "Edit", "E", "Side, lobe, density, lengths of the selected finding"),
    ("undo", "Undo", "Ctrl+Z", "Take the last step back"),
    ("redo", "Redo", "Ctrl+Shift+Z", "Do it again"),
)


class FindingsBar(QWidget):
    """Accept, reject, edit, undo; and the tools that add and measure."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.deeds: dict[str, QPushButton] = {}
        self.tools: dict[Tool, QPushButton] = {}
        first, second = QHBoxLayout(), QHBoxLayout()
        for name, words, key, tip in _DEEDS:
            shown = words if "Ctrl" in key else f"{words} ({key})"
            self.deeds[name] = _button(shown, f"{tip} ({key})", first)
        self.add_words = QLabel()
        speak(self.add_words, "setText", "Add:")
        second.addWidget(self.add_words)
        for tool, (words, key, tip) in _TOOLS.items():
            self.tools[tool] = _button(f"{words} ({key})", tip, second)
            self.tools[tool].setCheckable(True)
        self.waiting = QLabel()
        second.addStretch(1)
        second.addWidget(self.waiting)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        for row in (first, second):
            row.setSpacing(3)
            layout.addLayout(row)
        self.show_history(None, None)

    def bind(self, owner: QWidget, deeds: dict[str, Callable[[], None]], take: Callable[[Tool], None]) -> None:
        """Connects buttons and keys; the keys work in the whole window."""
        for name, _, key, _ in _DEEDS:
            self.deeds[name].clicked.connect(lambda _=False, do=deeds[name]: do())
            shortcut(owner, key, self.deeds[name].click)
        for tool, (_, key, _) in _TOOLS.items():
            self.tools[tool].clicked.connect(lambda _=False, tool=tool: take(tool))
            shortcut(owner, key, self.tools[tool].click)

    def show_tool(self, tool: Tool | None) -> None:
        """Marks the tool in hand."""
        for one, button in self.tools.items():
            button.setChecked(one is tool)

    def show_history(self, undo: str | None, redo: str | None) -> None:
        """What can be taken back and done again."""
        for name, words in (("undo", undo), ("redo", redo)):
            self.deeds[name].setEnabled(words is not None)
            if words is not None:
                self.deeds[name].setToolTip(words)

    def show_waiting(self, count: int, total: int) -> None:
        """How many findings are still to be reviewed."""
        self.waiting.setText(tr("{count} of {total} to review", count=count, total=total) if total else "")


def shortcut(owner: QWidget, key: str, call: Callable[[], None]) -> QShortcut:
    """A key of the whole window; words typed into a field stay words."""
    made = QShortcut(QKeySequence(key), owner)
    made.activated.connect(call)
    return made


def _button(words: str, tip: str, layout: QHBoxLayout) -> QPushButton:
    button = QPushButton()
    speak(button, "setText", words)
    speak(button, "setToolTip", tip)
    button.setStyleSheet("padding: 3px 5px;")
    layout.addWidget(button)
    return button
