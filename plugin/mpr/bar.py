"""The narrow bar above the linked views: hanging, slab, cine, prior."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QPushButton, QSpinBox, QToolButton, QWidget

from tomoscribe.plugin.mpr.cut import Projection, Slab

THICKNESSES_MM = (2, 3, 5, 8, 10, 15, 20, 30, 50)
_USUAL_MM = 10
_NO_SLAB = "Slices"
CINE_PER_S = (2, 60)
KEYS = (
    ("Left button", "crosshair"),
    ("Wheel, up, down", "slice by slice"),
    ("Page up, page down", "ten slices"),
    ("Home, end", "first and last slice"),
    ("Right button", "window: width and level"),
    ("1 ... 9", "window presets"),
    ("Ctrl and wheel", "magnify"),
    ("Middle button", "move the image"),
    ("F", "whole image"),
    ("Double click, Esc", "one view alone, all views"),
    ("S", "slab: MIP, MinIP, mean"),
    ("+ and -", "thickness of the slab"),
    ("Space", "cine"),
    ("X", "crosshair on and off"),
    ("H", "all marks on and off"),
    ("P", "align the prior"),
)


class Bar(QWidget):
    """Signals:
    hanging_chosen: its name.
    slab_changed: the slab, or None.
    cine_toggled: whether it runs.
    prior_wanted: the user wants to open an earlier examination.
    alignment_toggled: whether the prior is aligned.
    """

    hanging_chosen = Signal(str)
    slab_changed = Signal(object)
    cine_toggled = Signal(bool)
    prior_wanted = Signal()
    alignment_toggled = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.hanging, self.projection, self.thickness = QComboBox(), QComboBox(), QComboBox()
        self.projection.addItems([_NO_SLAB, *Projection])
        self.thickness.addItems([f"{mm} mm" for mm in THICKNESSES_MM])
        self.thickness.setCurrentText(f"{_USUAL_MM} mm")
        self.thickness.setEnabled(False)
        self.cine, self.prior = QPushButton("Cine"), QPushButton("Prior ...")
        self.cine.setCheckable(True)
        self.rate = QSpinBox()
        self.rate.setRange(*CINE_PER_S)
        self.rate.setValue(15)
        self.rate.setSuffix(" /s")
        self.align = QCheckBox("Aligned")
        self.align.setEnabled(False)
        self.words = QLabel("")
        self.keys = QToolButton()
        self.keys.setText("?")
        rows = "".join(f"<tr><td><b>{key}</b>&nbsp;&nbsp;</td><td>{does}</td></tr>" for key, does in KEYS)
        self.keys.setToolTip(f"<table>{rows}</table>")
        self.keys.setAccessibleName("Keys and mouse")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(4)
        for widget in (self.hanging, self.projection, self.thickness, self.cine, self.rate, self.prior, self.align):
            layout.addWidget(widget)
        layout.addWidget(self.words, 1)
        layout.addWidget(self.keys)
        self._connect()

    def offer_hangings(self, names: Sequence[str]) -> None:
        """Fills the menu; the first is chosen."""
        self.hanging.clear()
        self.hanging.addItems(list(names))

    @property
    def slab(self) -> Slab | None:
        """What is chosen; None for single slices."""
        chosen = self.projection.currentText()
        if chosen == _NO_SLAB:
            return None
        thickness_mm = float(THICKNESSES_MM[self.thickness.currentIndex()])
        return Slab(projection=Projection(chosen), thickness_mm=thickness_mm)

    def next_projection(self) -> None:
        """Slices, MIP, MinIP, mean, slices ..."""
        self.projection.setCurrentIndex((self.projection.currentIndex() + 1) % self.projection.count())

    def change_thickness(self, steps: int) -> None:
        """Thicker or thinner."""
        wanted = self.thickness.currentIndex() + steps
        self.thickness.setCurrentIndex(min(max(wanted, 0), self.thickness.count() - 1))

    def _connect(self) -> None:
        self.hanging.textActivated.connect(self.hanging_chosen)
        self.projection.currentIndexChanged.connect(self._tell_slab)
        self.thickness.currentIndexChanged.connect(self._tell_slab)
        self.cine.toggled.connect(self.cine_toggled)
        self.prior.clicked.connect(lambda _=False: self.prior_wanted.emit())
        self.align.toggled.connect(self.alignment_toggled)

    def _tell_slab(self, _: int = 0) -> None:
        self.thickness.setEnabled(self.projection.currentText() != _NO_SLAB)
        self.slab_changed.emit(self.slab)
