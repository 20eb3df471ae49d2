"""The report as text with one link per sentence, marked by who worded it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from html import escape

from qtpy.QtCore import Qt, QUrl, Signal
from qtpy.QtWidgets import QTextBrowser, QWidget

from tomoscribe.core import Report, SectionName, Source, Statement, StatementKind
from tomoscribe.core.serial import NOTICE

SCHEME = "statement"
_TITLES = {name: name.value.replace("_", " ").upper() for name in SectionName}
_TITLES[SectionName.REVIEW_LIST] = "REVIEW LIST (below the reporting threshold)"
_MARKS = {Source.WRITER: "W", Source.DECODER: "D", Source.CLINICIAN: "C"}
_LEGEND = "<b>D</b> worded by the decoder · <b>W</b> by the fixed writer · <b>C</b> by a clinician"
_FACTS = (StatementKind.FACT, StatementKind.NOT_ASSESSED)


@dataclass(frozen=True, kw_only=True)
class Colors:
    """Colors of the text, as ``#rrggbb``; the defaults suit napari's dark theme."""

    text: str = "#e8eaed"
    link: str = "#a9cfff"
    faint: str = "#9aa3ad"
    heading: str = "#c7d0d9"
    highlight: str = "#3f5f8a"
    warning: str = "#ffc457"


LIGHT = Colors(
    text="#202124", link="#0b57a4", faint="#5f6770", heading="#3b4148", highlight="#cfe3ff", warning="#8a5300"
)


def report_html(report: Report, *, focus: Collection[int] = (), colors: Colors | None = None) -> str:
    """The whole report as HTML for a rich text widget.

    Args:
        focus: numbers of the statements to highlight, in reading order from 0.
    """
    colors = colors or Colors()
    parts = [f'<p style="color:{colors.faint}">Status: <b>{escape(report.status.value)}</b> · {_LEGEND}</p>']
    parts += [f'<p style="color:{colors.warning}">⚠ {escape(w)}</p>' for w in report.warnings]
    number = 0
    for section in report.sections:
        parts.append(f'<p style="margin-top:10px;color:{colors.heading}"><b>{_TITLES[section.name]}</b></p>')
        for statement in section.statements:
            parts.append(_sentence(statement, number, number in focus, colors))
            number += 1
    parts.append(f'<p style="margin-top:12px;color:{colors.warning}">{escape(NOTICE)}</p>')
    return f'<body style="color:{colors.text}">{"".join(parts)}</body>'


def _sentence(statement: Statement, number: int, focused: bool, colors: Colors) -> str:
    color = colors.link if statement.finding_uids else colors.text
    background = f";background-color:{colors.highlight}" if focused else ""
    link = (
        f'<a name="s{number}" href="{SCHEME}:{number}" style="color:{color};text-decoration:none{background}">'
        f"{escape(statement.text)}</a>"
    )
    shows_mark = statement.kind not in _FACTS
    mark = f' <sup style="color:{colors.faint}">{_MARKS[statement.source]}</sup>' if shows_mark else ""
    refused = ""
    if statement.replaces is not None:
        why = escape(statement.objection or "no reason given")
        refused = f' <span style="color:{colors.faint}">[decoder\'s sentence refused by the lock: {why}]</span>'
    return f'<p style="margin-top:2px;margin-bottom:2px">{link}{mark}{refused}</p>'


def plain_text(report: Report) -> str:
    """The report for another system's text field: sections, sentences, warnings, and the notice."""
    lines = [f"{report.status.value.upper()} - NOT SIGNED" if not report.verified_by else report.status.value.upper()]
    lines += [f"WARNING: {w}" for w in report.warnings]
    for section in report.sections:
        lines += ["", _TITLES[section.name], *(s.text for s in section.statements)]
    return "\n".join([*lines, "", NOTICE])


class ReportView(QTextBrowser):
    """Shows a report; ``chosen`` tells the number of the sentence that was clicked, in reading order from 0."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText("The draft report appears here after reading. Click a sentence to see its finding.")
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        # Queued: the text must not be replaced while Qt still handles the click on it.
        self.anchorClicked.connect(self._tell, Qt.ConnectionType.QueuedConnection)
        self._report: Report | None = None
        self._colors = Colors()

    def set_colors(self, colors: Colors) -> None:
        """Uses other colors from now on, for what is shown as well."""
        self._colors = colors
        self.focus_on(())

    def show_report(self, report: Report | None) -> None:
        """Shows a report, or nothing."""
        self._report = report
        self.focus_on(())

    def focus_on(self, numbers: Collection[int]) -> None:
        """Highlights statements and scrolls to the first of them if it is out of sight."""
        bar = self.verticalScrollBar()
        place = bar.value()
        self.setHtml("" if self._report is None else report_html(self._report, focus=numbers, colors=self._colors))
        bar.setValue(place)
        if numbers:
            self.scrollToAnchor(f"s{min(numbers)}")

    def focus_on_finding(self, tracking_uid: str) -> None:
        """Highlights the statements that stand on a finding."""
        if self._report is not None:
            statements = enumerate(self._report.statements)
            self.focus_on([n for n, s in statements if tracking_uid in s.finding_uids])

    def _tell(self, link: QUrl) -> None:
        if link.scheme() == SCHEME and link.path().isdigit():
            self.chosen.emit(int(link.path()))
