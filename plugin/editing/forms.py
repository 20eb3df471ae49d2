"""The form in which a finding is edited, and the questions for a reason: none of them stops the window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QInputDialog,
    QLineEdit,
    QWidget,
)

from tomoscribe.core import Attribute, ClinicalContext, Code, Finding, Laterality, Measurement, Presence, terms
from tomoscribe.findings.drawn import remeasured
from tomoscribe.plugin.words import language, tr
from tomoscribe.reports.writer.language import language_of

REJECT_REASONS = ("vessel", "scar", "artifact", "normal anatomy", "motion", "outlined wrongly", "not what it is called")
_SIDES = (None, Laterality.RIGHT, Laterality.LEFT, Laterality.BILATERAL)
_DENSITIES = (terms.SOLID, terms.PART_SOLID, terms.GROUND_GLASS, terms.NOT_DETERMINED)
_LESIONS = (terms.NODULE, terms.MASS, terms.BRAIN_MASS)
_LOBES_OF = {
    Laterality.RIGHT: (terms.RIGHT_UPPER_LOBE, terms.RIGHT_MIDDLE_LOBE, terms.RIGHT_LOWER_LOBE),
    Laterality.LEFT: (terms.LEFT_UPPER_LOBE, terms.LEFT_LOWER_LOBE),
}
_MAX_MM = 400.0


@dataclass(frozen=True, kw_only=True)
class Values:
    """What the form says of a finding; None leaves a length as it is."""

    presence: Presence
    laterality: Laterality | None
    lobe: Code | None = None
    density: Code | None = None
    long_mm: float | None = None
    short_mm: float | None = None


def values_of(finding: Finding) -> Values:
    """The form as it opens."""
    long, short = finding.measurement(terms.LONG_AXIS), finding.measurement(terms.SHORT_AXIS)
    return Values(
        presence=finding.presence,
        laterality=finding.laterality,
        lobe=finding.attribute(terms.LOBE),
        density=finding.attribute(terms.ATTENUATION_CLASS),
        long_mm=None if long is None else round(long.value, 1),
        short_mm=None if short is None else round(short.value, 1),
    )


def edited(finding: Finding, values: Values) -> Finding:
    """The finding as the form says; a length that was typed has no caliper points.

    Raises:
        InputError: a long axis shorter than the short one.
    """
    before = values_of(finding)
    changed = replace(finding, presence=values.presence, laterality=values.laterality)
    if values.presence is Presence.PRESENT and finding.presence is not Presence.PRESENT:
        changed = _promoted(changed)
    for name, value, old in (
        (terms.LOBE, values.lobe, before.lobe),
        (terms.ATTENUATION_CLASS, values.density, before.density),
    ):
        if value is not None and value != old:
            kept = tuple(a for a in changed.attributes if a.name != name)
            changed = replace(changed, attributes=(*kept, Attribute(name=name, value=value)))
    lengths = ((terms.LONG_AXIS, values.long_mm, before.long_mm), (terms.SHORT_AXIS, values.short_mm, before.short_mm))
    new = [
        Measurement(name=name, value=mm, unit=terms.MM, method="user")
        for name, mm, old in lengths
        if mm is not None and mm != old
    ]
    return remeasured(changed, new) if new else changed


def _promoted(finding: Finding) -> Finding:
    """A finding of the review list that a person calls present: no probability any more, actionable by its size."""
    mean = finding.measurement(terms.MEAN_DIAMETER)
    actionable = finding.actionable or (finding.type in _LESIONS and mean is not None and mean.value >= 6.0)
    return replace(finding, probability=None, actionable=actionable)


class FindingForm(QDialog):
    """Edits one finding; calls back with the values when it is accepted."""

    def __init__(self, finding: Finding, done: Callable[[Values], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._done, self._before = done, values_of(finding)
        self.setWindowTitle(tr("Edit finding"))
        words = language_of(language())
        present = [(tr("present"), Presence.PRESENT), (tr("review list"), Presence.UNCERTAIN)]
        known = present if finding.presence in (Presence.PRESENT, Presence.UNCERTAIN) else []
        self.presence = Choice(known or [(finding.presence.value, finding.presence)], finding.presence)
        self.side = Choice([(tr(s.value) if s else "–", s) for s in _SIDES], finding.laterality)
        is_lesion = finding.type in _LESIONS
        of_lung = finding.type in (terms.NODULE, terms.MASS)
        lobes = _LOBES_OF.get(finding.laterality, terms.LOBES) if finding.laterality else terms.LOBES
        named = [(words.sites[lobe], lobe) for lobe in lobes]
        self.lobe = Choice([(tr("not determined"), terms.NOT_DETERMINED), *named], self._before.lobe)
        densities = [(words.densities.get(d, tr("not determined")), d) for d in _DENSITIES]
        self.density = Choice(densities, self._before.density)
        self.long, self.short = _length(self._before.long_mm), _length(self._before.short_mm)
        form = QFormLayout(self)
        form.addRow(tr("State"), self.presence)
        form.addRow(tr("Side"), self.side)
        if of_lung:
            form.addRow(tr("Lobe"), self.lobe)
            form.addRow(tr("Density"), self.density)
        if is_lesion:
            form.addRow(tr("Long axis"), self.long)
            form.addRow(tr("Short axis"), self.short)
        kinds = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(kinds.Ok | kinds.Cancel)
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        form.addRow(self.buttons)
        self._of_lung, self._is_lesion = of_lung, is_lesion

    def values(self) -> Values:
        """What the form says now."""
        return Values(
            presence=self.presence.chosen,
            laterality=self.side.chosen,
            lobe=self.lobe.chosen if self._of_lung else None,
            density=self.density.chosen if self._of_lung else None,
            long_mm=self.long.value() or None if self._is_lesion else None,
            short_mm=self.short.value() or None if self._is_lesion else None,
        )

    def _accept(self) -> None:
        self.accept()
        self._done(self.values())


class ClinicalForm(QDialog):
    """What a clinician knows of the patient; guideline classes need it and nothing is assumed."""

    def __init__(
        self, known: ClinicalContext, done: Callable[[ClinicalContext], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._done = done
        self.setWindowTitle(tr("Clinical facts"))
        rows = [(tr("not known"), None), (tr("yes"), True), (tr("no"), False)]
        risks = [(tr("not known"), None), (tr("high"), True), (tr("low"), False)]
        self.screening, self.cancer = Choice(rows, known.screening), Choice(rows, known.known_cancer)
        self.immune, self.risk = Choice(rows, known.immunosuppression), Choice(risks, known.high_risk)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        form = QFormLayout(self)
        form.addRow(tr("Screening examination"), self.screening)
        form.addRow(tr("History of cancer"), self.cancer)
        form.addRow(tr("Immunosuppression"), self.immune)
        form.addRow(tr("Risk of lung cancer"), self.risk)
        form.addRow(self.buttons)

    def _accept(self) -> None:
        self.accept()
        self._done(
            ClinicalContext(
                screening=self.screening.chosen,
                known_cancer=self.cancer.chosen,
                immunosuppression=self.immune.chosen,
                high_risk=self.risk.chosen,
            )
        )


def ask_choice(
    parent: QWidget, title: str, label: str, choices: Sequence[str], done: Callable[[str], None]
) -> QInputDialog:
    """Asks for one of the choices or for other words; calls back when words were given."""
    dialog = QInputDialog(parent)
    dialog.setWindowTitle(title)
    dialog.setLabelText(label)
    dialog.setComboBoxItems(list(choices))
    dialog.setComboBoxEditable(True)
    dialog.textValueSelected.connect(lambda words: done(words.strip()) if words.strip() else None)
    dialog.open()
    return dialog


def ask_words(parent: QWidget, title: str, label: str, done: Callable[[str], None], words: str = "") -> QInputDialog:
    """Asks for a line of words; calls back when some were given."""
    dialog = QInputDialog(parent)
    dialog.setWindowTitle(title)
    dialog.setLabelText(label)
    dialog.setTextEchoMode(QLineEdit.EchoMode.Normal)
    dialog.setTextValue(words)
    dialog.textValueSelected.connect(lambda said: done(said.strip()) if said.strip() else None)
    dialog.resize(520, dialog.sizeHint().height())
    dialog.open()
    return dialog


class Choice(QComboBox):
    """A choice among values. Qt would turn an enumeration into plain text, so the values stay on this side."""

    def __init__(self, rows: Sequence[tuple[str, Any]], chosen: Any) -> None:
        super().__init__()
        self._values = [value for _, value in rows]
        self.addItems([words for words, _ in rows])
        self.choose(chosen)

    @property
    def chosen(self) -> Any:
        """The value of the entry that is shown."""
        return self._values[self.currentIndex()]

    def choose(self, value: Any) -> None:
        """Shows the entry of a value, the first one where there is none."""
        self.setCurrentIndex(self._values.index(value) if value in self._values else 0)


def _length(value_mm: float | None) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0.0, _MAX_MM)
    box.setDecimals(1)
    box.setSuffix(" mm")
    box.setSpecialValueText("–")
    box.setValue(value_mm or 0.0)
    return box
