"""The findings as a table: lesions first, then the review list, organ measurements, and what was not assessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from tomoscribe.core import Finding, Laterality, Measurement, Presence, ReviewState, terms
from tomoscribe.findings.rounding import UNIT_WORDS
from tomoscribe.reports.writer.words import DENSITIES, ENTITIES, QUANTITIES, SITES, capitalized

COLUMNS = ("Finding", "Side", "Measured", "Status", "Image")
_DASH = "–"
_MAX_LETTERS = 20
_SHORT = {terms.LAA_950: "LAA-950", terms.PERC15: "Perc15", terms.COUNT: "lesions", terms.MEAN_DIAMETER: "mean"}
_STATUS = {Presence.PRESENT: "present", Presence.ABSENT: "absent", Presence.NOT_ASSESSED: "not assessed"}
_SIDES = {Laterality.BILATERAL: "both"}
_ROLE_UID = Qt.ItemDataRole.UserRole


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table, in words."""

    tracking_uid: str
    what: str
    side: str
    measured: str
    status: str
    image: str
    details: str

    @property
    def cells(self) -> tuple[str, ...]:
        return self.what, self.side, self.measured, self.status, self.image


def rows_of(findings: Sequence[Finding]) -> tuple[Row, ...]:
    """The rows in the order of the table; within a group actionable findings come first, then the report's order."""
    ordered = sorted(findings, key=lambda f: (_group(f), not f.actionable))
    return tuple(_row(f) for f in ordered)


def _row(finding: Finding) -> Row:
    image = finding.evidence[0] if finding.evidence else None
    return Row(
        tracking_uid=finding.tracking_uid,
        what=_what(finding),
        side=_SIDES.get(finding.laterality, finding.laterality.value) if finding.laterality else _DASH,
        measured=measured(finding),
        status=_status(finding),
        image=f"{image.series_number or _DASH} / {image.instance_number or _DASH}" if image else _DASH,
        details=_details(finding),
    )


def _group(finding: Finding) -> int:
    if finding.presence is Presence.NOT_ASSESSED:
        return 3
    if finding.type == terms.ORGAN_MEASUREMENT:
        return 2
    return 0 if finding.presence is Presence.PRESENT else 1


def _what(finding: Finding) -> str:
    if finding.type == terms.ORGAN_MEASUREMENT:
        return f"{capitalized(SITES.get(finding.site, finding.site.meaning.lower()))} volume"
    density = DENSITIES.get(finding.attribute(terms.ATTENUATION_CLASS) or finding.type)
    noun = ENTITIES.get(finding.type, finding.type.meaning.lower())
    lobe = finding.attribute(terms.LOBE)
    place = f", {SITES[lobe]}" if lobe in SITES else ""
    return capitalized(f"{density} {noun}{place}" if density else f"{noun}{place}")


def _status(finding: Finding) -> str:
    if finding.review.state is ReviewState.REJECTED:
        return "rejected"
    if finding.presence is Presence.UNCERTAIN:
        return "review" if finding.probability is None else f"review {finding.probability:.2f}"
    return _STATUS[finding.presence]


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


def _details(finding: Finding) -> str:
    lines = [finding.type.meaning]
    for m in finding.measurements:
        name = capitalized(QUANTITIES.get(m.name, m.name.meaning))
        lines.append(f"{name}: {_plain(m)} {UNIT_WORDS.get(m.unit, '')} ({m.method})")
    if finding.probability is not None:
        lines.append(f"Probability: {finding.probability:.2f}")
    if finding.note:
        lines.append(finding.note)
    return "\n".join(lines)


class FindingsTable(QTableWidget):
    """One row per finding; ``chosen`` tells the tracking UID of a row that the user clicked or moved to."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(COLUMNS), parent)
        self.setHorizontalHeaderLabels(list(COLUMNS))
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
        header.setHighlightSections(False)
        self.itemSelectionChanged.connect(self._tell)
        self.cellClicked.connect(self._tell)

    def show_findings(self, findings: Sequence[Finding], colors: dict[str, str]) -> None:
        """Fills the table.

        Args:
            colors: mask color by tracking UID; findings without a mask have none.
        """
        self.blockSignals(True)
        self.setRowCount(0)
        for row in rows_of(findings):
            self._append(row, colors.get(row.tracking_uid))
        self.clearSelection()
        self.setCurrentCell(-1, -1)
        self.blockSignals(False)

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
            if column == 0 and color is not None:
                item.setForeground(QBrush(QColor(color)))
            self.setItem(number, column, item)

    def _tell(self, *_: int) -> None:
        chosen = self.selectionModel().selectedRows()
        if chosen:
            self.chosen.emit(self.uid_of_row(chosen[0].row()))
