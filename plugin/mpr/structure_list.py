"""The list beside the 3D view: each structure with its color, shown or not, and how far it can be looked through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QSlider, QTableWidget, QTableWidgetItem

from tomoscribe.plugin.mpr.structures import HULL_OPACITY, Structure

_SWATCH_PX = 11
_ROW_PX = 24


class StructureList(QTableWidget):
    """One row a structure.

    Signals:
        opacity_changed: key and opacity, 0 for what is not shown.
    """

    opacity_changed = Signal(object, float)

    def __init__(self) -> None:
        super().__init__(0, 2)
        self._keys: list[tuple[str, str]] = []
        self.setHorizontalHeaderLabels(["Structure", "Opacity"])
        self.verticalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.setColumnWidth(1, 58)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setIconSize(QSize(_SWATCH_PX, _SWATCH_PX))
        self.setShowGrid(False)
        self.setMinimumWidth(110)
        self.itemChanged.connect(lambda item: self._tell(item.row()))

    def show_structures(self, structures: Sequence[Structure]) -> None:
        """Fills the list; structures that were in it keep what the user set."""
        kept = {key: (self.is_checked(key), self._slider(row).value()) for row, key in enumerate(self._keys)}
        self.blockSignals(True)
        self.setRowCount(len(structures))
        self._keys = [s.key for s in structures]
        for row, structure in enumerate(structures):
            usual = (True, round(100 * (HULL_OPACITY if structure.is_hull else 1.0)))
            self._fill(row, structure, *kept.get(structure.key, usual))
        self.blockSignals(False)
        for row in range(len(structures)):
            self._tell(row)

    def opacity(self, key: tuple[str, str]) -> float:
        """0 to 1; 0 for what is not shown."""
        row = self._keys.index(key)
        return self._slider(row).value() / 100 if self.is_checked(key) else 0.0

    def set_percent(self, key: tuple[str, str], percent: int) -> None:
        """Moves a structure's slider."""
        self._slider(self._keys.index(key)).setValue(percent)

    def is_checked(self, key: tuple[str, str]) -> bool:
        """Whether a structure is shown."""
        item = self.item(self._keys.index(key), 0)
        return item is not None and item.checkState() == Qt.CheckState.Checked

    def chosen(self) -> list[tuple[str, str]]:
        """The keys of the selected rows, from above."""
        return [self._keys[row] for row in sorted({index.row() for index in self.selectedIndexes()})]

    def row_of(self, key: tuple[str, str]) -> int:
        """The row of a structure."""
        return self._keys.index(key)

    def _fill(self, row: int, structure: Structure, checked: bool, percent: int) -> None:
        pixmap = QPixmap(_SWATCH_PX, _SWATCH_PX)
        pixmap.fill(QColor(*structure.swatch))
        item = QTableWidgetItem(QIcon(pixmap), structure.title)
        item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)
        item.setToolTip(structure.title)
        self.setItem(row, 0, item)
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(5, 100)
        slider.setValue(percent)
        slider.setAccessibleName(f"Opacity of {structure.title}")
        slider.valueChanged.connect(lambda _, key=structure.key: self._tell(self._keys.index(key)))
        self.setCellWidget(row, 1, slider)
        self.setRowHeight(row, _ROW_PX)

    def _tell(self, row: int) -> None:
        key = self._keys[row]
        self.opacity_changed.emit(key, self.opacity(key))

    def _slider(self, row: int) -> Any:
        return self.cellWidget(row, 1)
