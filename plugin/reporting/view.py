"""The report as text with one link per sentence: marked by who worded it, the lock's objections where they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from qtpy.QtCore import QEvent, Qt, QUrl, Signal
from qtpy.QtWidgets import QTextBrowser, QToolTip, QWidget

from tomoscribe.core import Finding, Report, Section, Source, Statement, StatementKind
from tomoscribe.core.serial import NOTICE
from tomoscribe.plugin import words as words_of_interface
from tomoscribe.plugin.findings_table import details_of
from tomoscribe.plugin.words import speak, tr
from tomoscribe.reports.editing import place_of
from tomoscribe.reports.labels import labels_of
from tomoscribe.reports.lock import Objection

SCHEME = "statement"
_MARKS = {Source.WRITER: "W", Source.DECODER: "D", Source.CLINICIAN: "C"}
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
    clinician: str = "#7fe0a8"
    objection: str = "#ff8f80"


LIGHT = Colors(
    text="#202124",
    link="#0b57a4",
    faint="#5f6770",
    heading="#3b4148",
    highlight="#cfe3ff",
    warning="#8a5300",
    clinician="#14703c",
    objection="#b3261e",
)


def report_html(
    report: Report,
    *,
    focus: Collection[int] = (),
    colors: Colors | None = None,
    objections: Sequence[Objection] = (),
    signed_language: str | None = None,
) -> str:
    """The whole report as HTML for a rich text widget.

    Args:
        focus: numbers of the statements to highlight, in reading order from 0.
        objections: of the evidence lock, shown under the sentences they are about.
        signed_language: language of the text that is signed, where this report is its translation.
    """
    colors = colors or Colors()
    label = labels_of(report.language)
    parts = [_head(report, colors, signed_language)]
    parts += [f'<p style="color:{colors.warning}">⚠ {escape(w)}</p>' for w in report.warnings]
    number = 0
    for section in report.sections:
        title = label(section.name.value.replace("_", " ").capitalize())
        if report.language == "en":
            title = title.upper()
        parts.append(f'<p style="margin-top:10px;color:{colors.heading}"><b>{escape(title)}</b></p>')
        for statement in section.statements:
            parts.append(_sentence(statement, number, number in focus, colors))
            parts += [_objection(o, colors) for o in objections if (o.section, o.index) == _place(report, number)]
            number += 1
        parts += _left_out(section, objections, colors)
    parts += [_step(step.status.value, step.by, step.at, step.reason, colors) for step in report.history]
    parts += [_told(report, colors)]
    parts.append(f'<p style="margin-top:12px;color:{colors.warning}">{escape(label(NOTICE))}</p>')
    return f'<body style="color:{colors.text}">{"".join(parts)}</body>'


def _head(report: Report, colors: Colors, signed_language: str | None) -> str:
    status = tr(report.status.value.replace("_", " "))
    by = f" · {escape(report.verified_by)}" if report.verified_by else ""
    legend = tr(
        "worded by: {d} the decoder, {w} the fixed writer, {c} a clinician",
        d="<b>D</b>",
        w="<b>W</b>",
        c=f'<b style="color:{colors.clinician}">C</b>',
    )
    head = f'<p style="color:{colors.faint}">{tr("Status")}: <b>{escape(status)}</b>{by} · {legend}</p>'
    if signed_language is None:
        return head
    words = tr("TRANSLATION. Not the signed text; where the two differ, the signed one holds.")
    return f'{head}<p style="color:{colors.warning}"><b>{escape(words)}</b></p>'


def _place(report: Report, number: int) -> tuple[Any, int]:
    return place_of(report, number)


def _sentence(statement: Statement, number: int, focused: bool, colors: Colors) -> str:
    color = colors.link if statement.finding_uids else colors.text
    if statement.source is Source.CLINICIAN:
        color = colors.clinician
    background = f";background-color:{colors.highlight}" if focused else ""
    link = (
        f'<a name="s{number}" href="{SCHEME}:{number}" style="color:{color};text-decoration:none{background}">'
        f"{escape(statement.text)}</a>"
    )
    shows_mark = statement.kind not in _FACTS or statement.source is not Source.WRITER
    mark = f' <sup style="color:{colors.faint}">{_MARKS[statement.source]}</sup>' if shows_mark else ""
    return f'<p style="margin-top:2px;margin-bottom:2px">{link}{mark}{_behind(statement, colors)}</p>'


def _behind(statement: Statement, colors: Colors) -> str:
    """What stands behind a sentence that replaced another, or that stands against a measurement."""
    notes = []
    if statement.override is not None:
        by, why = statement.override.by, statement.override.reason
        notes.append(tr("stands against a measurement, by {by}: {why}", by=by, why=why))
    elif statement.replaces is not None and statement.source is not Source.CLINICIAN:
        why = statement.objection or tr("no reason given")
        notes.append(tr("decoder's sentence refused by the lock: {why}", why=why))
    return "".join(f' <span style="color:{colors.faint}">[{escape(n)}]</span>' for n in notes)


def _objection(objection: Objection, colors: Colors) -> str:
    words = f"✗ {objection.words}. {objection.remedy}."
    return f'<p style="margin-top:0;margin-bottom:3px;margin-left:14px;color:{colors.objection}">{escape(words)}</p>'


def _left_out(section: Section, objections: Sequence[Objection], colors: Colors) -> list[str]:
    """Objections to what is missing in a section."""
    return [_objection(o, colors) for o in objections if o.section is section.name and o.index is None]


def _step(status: str, by: str, at: str, reason: str | None, colors: Colors) -> str:
    why = f" ({escape(reason)})" if reason else ""
    words = f"{tr(status.replace('_', ' '))}: {escape(by)}, {escape(at)}{why}"
    return f'<p style="margin-top:2px;color:{colors.faint}">{words}</p>'


def _told(report: Report, colors: Colors) -> str:
    lines = [
        tr(
            "{told} was told of {what} by {by}, {at}, {how}",
            told=c.told,
            by=c.by,
            at=c.at,
            how=c.how,
            what=report.finding(c.finding_uid).type.meaning.lower(),
        )
        for c in report.communications
    ]
    return "".join(f'<p style="margin-top:2px;color:{colors.faint}">☎ {escape(line)}</p>' for line in lines)


def evidence_tip(statement: Statement, findings: Sequence[Finding]) -> str:
    """What a sentence rests on, for the tool tip."""
    if statement.source is Source.CLINICIAN:
        head = [tr("Written by a clinician.")]
        if statement.replaces:
            head.append(tr("Stood here before: {sentence}", sentence=statement.replaces))
    elif not findings:
        return tr("From the header of the images; no place in them belongs to this sentence.")
    else:
        head = []
    return "\n\n".join([*head, *(details_of(f) for f in findings)])


class ReportView(QTextBrowser):
    """Shows a report.

    Signals:
        chosen: the number of the sentence that was clicked, in reading order from 0.
        edit_wanted: the number of the sentence that was double-clicked.
    """

    chosen = Signal(int)
    edit_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        speak(
            self,
            "setPlaceholderText",
            "The draft report appears here after reading. Click a sentence to see its finding; double-click edits.",
        )
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        # Queued: the text must not be replaced while Qt still handles the click on it.
        self.anchorClicked.connect(self._tell, Qt.ConnectionType.QueuedConnection)
        self._report: Report | None = None
        self._objections: tuple[Objection, ...] = ()
        self._signed_language: str | None = None
        self._focus: tuple[int, ...] = ()
        self._colors = Colors()
        self.current: int | None = None
        words_of_interface.on_switch(self._render)

    @property
    def shown(self) -> Report | None:
        """The report on the screen: the one that is signed, or its translation."""
        return self._report

    def set_colors(self, colors: Colors) -> None:
        """Uses other colors from now on, for what is shown as well."""
        self._colors = colors
        self._render()

    def show_report(
        self, report: Report | None, objections: Sequence[Objection] = (), signed_language: str | None = None
    ) -> None:
        """Shows a report, or nothing; the place that was scrolled to stays."""
        self._report, self._objections = report, tuple(objections)
        self._signed_language = signed_language
        self._focus = ()
        if report is None or (self.current is not None and self.current >= len(report.statements)):
            self.current = None
        self._render()

    def focus_on(self, numbers: Collection[int]) -> None:
        """Highlights statements and scrolls to the first of them if it is out of sight."""
        self._focus = tuple(numbers)
        self._render()
        if numbers:
            self.scrollToAnchor(f"s{min(numbers)}")

    def focus_on_finding(self, tracking_uid: str) -> None:
        """Highlights the statements that stand on a finding."""
        if self._report is not None:
            statements = enumerate(self._report.statements)
            self.focus_on([n for n, s in statements if tracking_uid in s.finding_uids])

    def tip_at(self, number: int) -> str:
        """The evidence of a sentence in words."""
        if self._report is None:
            return ""
        statement = self._report.statements[number]
        return evidence_tip(statement, [self._report.finding(u) for u in statement.finding_uids])

    def event(self, event: Any) -> bool:
        if event.type() == QEvent.Type.ToolTip and self._report is not None:
            place = self.viewport().mapFromGlobal(event.globalPos())
            number = _number(self.anchorAt(place))
            QToolTip.showText(event.globalPos(), "" if number is None else self.tip_at(number), self)
            return True
        return bool(super().event(event))

    def mouseDoubleClickEvent(self, event: Any) -> None:
        number = _number(self.anchorAt(event.position().toPoint()))
        if number is None:
            super().mouseDoubleClickEvent(event)
        else:
            self.edit_wanted.emit(number)

    def _render(self) -> None:
        bar = self.verticalScrollBar()
        place = bar.value()
        if self._report is None:
            self.setHtml("")
            return
        self.setHtml(
            report_html(
                self._report,
                focus=self._focus,
                colors=self._colors,
                objections=self._objections,
                signed_language=self._signed_language,
            )
        )
        bar.setValue(place)

    def _tell(self, link: QUrl) -> None:
        number = _number(link.toString())
        if number is not None:
            self.current = number
            self.chosen.emit(number)


def _number(anchor: str) -> int | None:
    """The number of the sentence that a link names, None for none."""
    scheme, _, rest = anchor.partition(":")
    return int(rest) if scheme == SCHEME and rest.isdigit() else None
