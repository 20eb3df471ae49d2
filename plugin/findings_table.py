"""The findings as a table: lesions first, then the review list, organ measurements, and what was not assessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from tomoscribe.core import Direction, Finding, Laterality, Measurement, Presence, ReviewState, Study, terms
from tomoscribe.findings import rounding
from tomoscribe.findings.guidelines import assess
from tomoscribe.findings.rounding import UNIT_WORDS
from tomoscribe.plugin import words as words_of_interface
from tomoscribe.plugin.words import language, tr
from tomoscribe.reports.writer.language import language_of
from tomoscribe.reports.writer.words import QUANTITIES, capitalized

COLUMNS = ("Finding", "Side", "Size", "Prob.", "Change", "Class", "Review")
_DASH = "–"
_DOUBT = "? "
"""Before what stands on the review list, below the reporting threshold."""
_MAX_LETTERS = 20
_SHORT = {terms.LAA_950: "LAA-950", terms.PERC15: "Perc15", terms.COUNT: "lesions", terms.MEAN_DIAMETER: "mean"}
_ARROWS = {Direction.INCREASED: "▲", Direction.DECREASED: "▼", Direction.STABLE: "=", Direction.NEW: "new"}
_ROLE_UID = Qt.ItemDataRole.UserRole
_REVIEW_COLUMN = COLUMNS.index("Review")
_REVIEW_COLORS = {
    ReviewState.UNREVIEWED: "#ffc457",
    ReviewState.ACCEPTED: "#58c98a",
    ReviewState.EDITED: "#58c98a",
    ReviewState.REJECTED: "#9aa3ad",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table, in words of the user interface's language.

    Args:
        review: the review state, None where there is nothing to review.
    """

    tracking_uid: str
    what: str
    side: str
    size: str
    probability: str
    change: str
    guideline: str
    state: str
    details: str
    review: ReviewState | None

    @property
    def cells(self) -> tuple[str, ...]:
        return self.what, self.side, self.size, self.probability, self.change, self.guideline, self.state


def rows_of(findings: Sequence[Finding], classes: Mapping[str, str] | None = None) -> tuple[Row, ...]:
    """The rows in the order of the table; within a group actionable findings come first, then the report's order.

    Args:
        classes: guideline classes by tracking UID, as ``guideline_classes`` gives them.
    """
    known = classes or {}
    ordered = sorted(findings, key=lambda f: (_group(f), not f.actionable))
    return tuple(_row(f, known.get(f.tracking_uid, _DASH)) for f in ordered)


def guideline_classes(study: Study, findings: Sequence[Finding]) -> dict[str, str]:
    """The class of each nodule that decides a guideline; ``n/a`` (not assignable) where inputs are missing."""
    found: dict[str, list[str]] = {}
    for one in assess(study, findings):
        if one.row is not None:
            name = f"{one.guideline.name}: {one.row.label.of(language())}"
            found.setdefault(one.findings[0].tracking_uid, []).append(name)
        elif one.missing and not one.excluded:
            for finding in one.findings:
                found.setdefault(finding.tracking_uid, []).append(tr("n/a"))
    return {uid: ", ".join(dict.fromkeys(names)) for uid, names in found.items()}


def _row(finding: Finding, guideline: str) -> Row:
    reviewed = is_reviewable(finding)
    return Row(
        tracking_uid=finding.tracking_uid,
        what=f"{_DOUBT}{_what(finding)}" if finding.presence is Presence.UNCERTAIN else _what(finding),
        side=side_words(finding) or _DASH,
        size=measured(finding),
        probability=_DASH if finding.probability is None else f"{finding.probability:.2f}",
        change=change_words(finding),
        guideline=guideline,
        state=_state(finding),
        details=details_of(finding),
        review=finding.review.state if reviewed else None,
    )


def named(finding: Finding) -> str:
    """A finding in a few words: side, what, size."""
    side = side_words(finding)
    return ", ".join(w for w in (_what(finding), side, measured(finding)) if w and w != _DASH)


def side_words(finding: Finding) -> str:
    """The side in a word, nothing where there is none."""
    if finding.laterality is None:
        return ""
    return tr("both" if finding.laterality is Laterality.BILATERAL else finding.laterality.value)


def is_reviewable(finding: Finding) -> bool:
    """Whether a person has to look at it before the report is signed."""
    return finding.presence in (Presence.PRESENT, Presence.UNCERTAIN)


def change_words(finding: Finding) -> str:
    """The change at a glance: an arrow and the percentage, or that it cannot be compared."""
    if finding.change is None:
        return _DASH
    if finding.change.direction is Direction.NOT_COMPARABLE:
        return tr("not comparable")
    percent = rounding.change_percent(finding)
    arrow = tr(_ARROWS[finding.change.direction])
    return arrow if percent is None else f"{arrow} {percent:+.0f} %"


def _state(finding: Finding) -> str:
    if finding.presence is Presence.NOT_ASSESSED:
        return tr("not assessed")
    if finding.presence is Presence.ABSENT:
        return tr("absent")
    return tr(finding.review.state.value)


def _group(finding: Finding) -> int:
    if finding.presence is Presence.NOT_ASSESSED:
        return 3
    if finding.type == terms.ORGAN_MEASUREMENT:
        return 2
    return 0 if finding.presence is Presence.PRESENT else 1


def _what(finding: Finding) -> str:
    """Named in the words of the report's writer."""
    words = language_of(language())
    site = words.sites.get(finding.site, finding.site.meaning.lower())
    if finding.type == terms.ORGAN_MEASUREMENT:
        named = words.started(site)
        return named if finding.measurement(terms.VOLUME) is None else tr("{site} volume", site=named)
    density = words.densities.get(finding.attribute(terms.ATTENUATION_CLASS) or finding.type, "")
    noun = words.entities.get(finding.type, finding.type.meaning.lower())
    lobe = finding.attribute(terms.LOBE)
    place = words.sites.get(lobe, "") if lobe is not None else ""
    joint = "" if language() == "zh" else " "
    named = words.started(joint.join(w for w in (density, noun) if w))
    return f"{named}, {place}" if place else named


def measured(finding: Finding) -> str:
    """The measurements that matter at a glance, lengths at 0.1 mm; the others stand in the tool tip."""
    long_axis, short_axis = finding.measurement(terms.LONG_AXIS), finding.measurement(terms.SHORT_AXIS)
    if long_axis is not None and short_axis is not None:
        return f"{long_axis.value:.1f} × {short_axis.value:.1f} mm"
    words = ""
    for spelled in map(_spelled, finding.measurements):
        longer = f"{words}, {spelled}" if words else spelled
        if words and len(longer) > _MAX_LETTERS:
            break
        words = longer
    return words or _DASH


def _spelled(measurement: Measurement) -> str:
    number = f"{measurement.value:.0f}" if measurement.unit in (terms.ONE, terms.HU) else _plain(measurement)
    unit = UNIT_WORDS.get(measurement.unit, "")
    name = "" if measurement.unit in (terms.ML, terms.MM3) else _SHORT.get(measurement.name, "")
    parts = (number, name) if measurement.unit == terms.ONE else (name, number, unit)
    return " ".join(p for p in parts if p)


def _plain(measurement: Measurement) -> str:
    return f"{measurement.value:.0f}" if abs(measurement.value) >= 1000 else f"{measurement.value:.1f}"


def details_of(finding: Finding) -> str:
    lines = [_what(finding), evidence_words(finding)]
    for m in finding.measurements:
        name = capitalized(QUANTITIES.get(m.name, m.name.meaning))
        lines.append(f"{name}: {_plain(m)} {UNIT_WORDS.get(m.unit, '')} ({m.method})")
    if finding.probability is not None:
        lines.append(f"{tr('Probability')}: {finding.probability:.2f}")
    if finding.presence is Presence.UNCERTAIN:
        lines.append(tr("On the review list: below the reporting threshold"))
    if finding.change is not None and finding.change.reason:
        lines.append(f"{tr('not comparable')}: {finding.change.reason}")
    if finding.note:
        lines.append(finding.note)
    if finding.review.reviewer:
        reason = f": {finding.review.reason}" if finding.review.reason else ""
        lines.append(f"{tr(finding.review.state.value)}, {finding.review.reviewer}, {finding.review.at}{reason}")
    return "\n".join(line for line in lines if line)


def evidence_words(finding: Finding) -> str:
    """Where it is seen best: series and image."""
    if not finding.evidence:
        return ""
    image = finding.evidence[0]
    series, number = image.series_number or _DASH, image.instance_number or _DASH
    return tr("series {series}, image {image}", series=series, image=number)


class FindingsTable(QTableWidget):
    """One row per finding; ``chosen`` tells the tracking UID of a row that the user clicked or moved to."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(COLUMNS), parent)
        self._say_header()
        words_of_interface.on_switch(self._say_header)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setWordWrap(False)
        self.setStyleSheet("font-size: 9pt;")
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(24)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(30)
        header.setHighlightSections(False)
        self.itemSelectionChanged.connect(self._tell)
        self.cellClicked.connect(self._tell)

    def show_findings(
        self, findings: Sequence[Finding], colors: dict[str, str], classes: Mapping[str, str] | None = None
    ) -> None:
        """Fills the table.

        Args:
            colors: mask color by tracking UID; findings without a mask have none.
            classes: guideline classes by tracking UID.
        """
        self.blockSignals(True)
        self.setRowCount(0)
        for row in rows_of(findings, classes):
            self._append(row, colors.get(row.tracking_uid))
        self.clearSelection()
        self.setCurrentCell(-1, -1)
        self.blockSignals(False)

    @property
    def selected(self) -> str | None:
        """Tracking UID of the selected row, None without one."""
        rows = self.selectionModel().selectedRows()
        return self.uid_of_row(rows[0].row()) if rows else None

    def neighbor(self, step: int, wanted: Callable[[str], bool] = lambda uid: True) -> str | None:
        """Tracking UID of the next row up or down, from the selected one on and round the end, that is wanted."""
        count = self.rowCount()
        start = next((n for n in range(count) if self.uid_of_row(n) == self.selected), -1 if step > 0 else 0)
        places = [(start + step * n) % count for n in range(1, count + 1)] if count else []
        return next((uid for n in places if wanted(uid := self.uid_of_row(n))), None)

    def select(self, tracking_uid: str) -> None:
        """Marks the row of a finding without telling ``chosen``."""
        self.blockSignals(True)
        for number in range(self.rowCount()):
            if self.uid_of_row(number) == tracking_uid:
                self.selectRow(number)
                self.scrollTo(self.model().index(number, 0))
        self.blockSignals(False)

    def uid_of_row(self, number: int) -> str:
        """Tracking UID of the finding in a row."""
        return str(self.model().index(number, 0).data(_ROLE_UID))

    def _append(self, row: Row, color: str | None) -> None:
        number = self.rowCount()
        self.insertRow(number)
        for column, text in enumerate(row.cells):
            item = QTableWidgetItem(text)
            item.setToolTip(row.details)
            item.setData(_ROLE_UID, row.tracking_uid)
            if row.review is ReviewState.REJECTED:
                font = item.font()
                font.setStrikeOut(True)
                item.setFont(font)
                item.setForeground(QBrush(QColor(_REVIEW_COLORS[row.review])))
            elif column == 0 and color is not None:
                item.setForeground(QBrush(QColor(color)))
            elif column == _REVIEW_COLUMN and row.review is not None:
                item.setForeground(QBrush(QColor(_REVIEW_COLORS[row.review])))
            self.setItem(number, column, item)

    def _say_header(self) -> None:
        self.setHorizontalHeaderLabels([tr(c) for c in COLUMNS])

    def _tell(self, *_: int) -> None:
        chosen = self.selectionModel().selectedRows()
        if chosen:
            self.chosen.emit(self.uid_of_row(chosen[0].row()))
