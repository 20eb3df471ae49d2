"""Reports in other words: frozen templates filled with a case's findings in place of the writer's sentences."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from tomoscribe.core import (
    Code,
    Direction,
    Finding,
    Laterality,
    Presence,
    Report,
    Section,
    SectionName,
    Source,
    Statement,
    StatementKind,
    Study,
    terms,
)
from tomoscribe.findings import rounding
from tomoscribe.reports.writer import header
from tomoscribe.reports.writer.language import Language, language_of
from tomoscribe.validation.lock_trial.wording import wording_of

_SLOT_OF: dict[Code, tuple[str, str]] = {
    terms.LONG_AXIS: ("long", "length"),
    terms.SHORT_AXIS: ("short", "length"),
    terms.MEAN_DIAMETER: ("mean", "length"),
    terms.SOLID_DIAMETER: ("solid", "length"),
    terms.MEAN_ATTENUATION: ("hu", "hu"),
    terms.LAA_950: ("laa", "percent"),
    terms.PERC15: ("perc15", "hu"),
}
_CHANGES = {
    Direction.INCREASED: "nodule_increased",
    Direction.DECREASED: "nodule_decreased",
    Direction.STABLE: "nodule_stable",
    Direction.NEW: "nodule_new",
}
_ORGANS = {
    terms.AIRWAYS: "airway_volume",
    terms.INTRACRANIAL: "intracranial_volume",
    terms.BRAIN: "brain_volume",
    terms.VENTRICLES: "ventricular_volume",
}
_REVIEWS = {
    terms.PLEURAL_EFFUSION: "review_effusion",
    terms.CONSOLIDATION: "review_consolidation",
    terms.EMPHYSEMA: "review_emphysema",
    terms.NODULE: "review_nodule",
    terms.VENTRICULAR_ENLARGEMENT: "review_ventricles",
    terms.BRAIN_MASS: "review_brain_mass",
    terms.WHITE_MATTER_LESIONS: "review_white_matter",
}


@cache
def load_templates(path: Path) -> dict[tuple[str, str], tuple[str, ...]]:
    """(statement, split) to its template texts."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in json.loads(path.read_text(encoding="utf-8"))["templates"]:
        found.setdefault((row["statement"], row["split"]), []).append(row["text"])
    return {key: tuple(texts) for key, texts in found.items()}


class Paraphraser:
    """Puts template sentences in place of the writer's.

    Args:
        path: the frozen templates.
        split: ``dev`` or ``held_out``.
        seed: of the choice among templates.
        language: of the templates.
    """

    def __init__(self, path: Path, split: str, seed: int, language: str = "en") -> None:
        self._language = language_of(language)
        self._templates = load_templates(path)
        self._split = split
        self._random = random.Random(f"{split} {seed}")

    def report(self, report: Report, study: Study) -> Report:
        """The writer's report with every sentence that has templates said in other words."""
        sections = tuple(replace(s, statements=tuple(self._section(s, report, study))) for s in report.sections)
        return replace(report, sections=sections)

    def _section(self, section: Section, report: Report, study: Study) -> list[Statement]:
        said = []
        statements = list(section.statements)
        lungs = [s for s in statements if _is_lung_volume(s, report)]
        if len(lungs) == 3:
            said.append(self._lungs(lungs, report))
            statements = [s for s in statements if s not in lungs]
        for statement in statements:
            findings = [report.finding(u) for u in statement.finding_uids]
            if findings:
                said.append(self._linked(statement, section.name, findings))
            else:
                said.append(self._unlinked(statement, section.name, report, study))
        return said

    def _linked(self, statement: Statement, section: SectionName, findings: Sequence[Finding]) -> Statement:
        kind = _template_kind(statement, section, findings)
        if kind is None:
            return statement
        slots = (_count_slots if kind == "nodules_count" else _first_slots)(findings, self._language)
        return self._filled(statement, kind, slots)

    def _unlinked(self, statement: Statement, section: SectionName, report: Report, study: Study) -> Statement:
        if section is SectionName.COMPARISON and not study.priors:
            return self._filled(statement, "no_prior", {})
        if section is SectionName.NOT_ASSESSED:
            for topics in header.topics(study, report.findings):
                items = self._language.listed([self._language.topics[t.key] for t in topics])
                if len(topics) > 1 and items in statement.text:
                    return self._filled(statement, "not_assessed_list", {"items": items})
        return statement

    def _lungs(self, statements: Sequence[Statement], report: Report) -> Statement:
        findings = [report.finding(s.finding_uids[0]) for s in statements]
        names = {Laterality.RIGHT: "right_ml", Laterality.LEFT: "left_ml", Laterality.BILATERAL: "total_ml"}
        slots = {names[f.laterality]: _slots(f, self._language)["ml"] for f in findings if f.laterality}
        joint = replace(statements[0], finding_uids=tuple(f.tracking_uid for f in findings))
        return self._filled(joint, "lung_volumes", slots)

    def _filled(self, statement: Statement, kind: str, slots: dict[str, str]) -> Statement:
        texts = self._templates.get((kind, self._split), ())
        fitting = [t for t in texts if {f for _, f, _, _ in string.Formatter().parse(t) if f} <= set(slots)]
        if not fitting:
            return statement
        text = self._language.started(self._random.choice(fitting).format(**slots))
        return replace(statement, text=text, source=Source.DECODER)


def _is_lung_volume(statement: Statement, report: Report) -> bool:
    findings = [report.finding(u) for u in statement.finding_uids]
    return len(findings) == 1 and findings[0].type == terms.ORGAN_MEASUREMENT and findings[0].site == terms.LUNG


def _template_kind(statement: Statement, section: SectionName, findings: Sequence[Finding]) -> str | None:
    finding = findings[0]
    if len(findings) > 1:
        countable = all(f.type == terms.NODULE for f in findings) and statement.kind is StatementKind.FINDING
        return "nodules_count" if countable else None
    if statement.kind is StatementKind.GUIDELINE:
        return None  # a guideline's sentence is licensed word for word
    if statement.kind is StatementKind.REVIEW:
        return _REVIEWS.get(finding.type)
    if statement.kind is StatementKind.NOT_ASSESSED:
        unassessed = finding.type == terms.EMPHYSEMA and finding.presence is Presence.NOT_ASSESSED
        return "emphysema_not_assessed" if unassessed else None
    if statement.kind is StatementKind.COMPARISON:
        nodule = finding.type == terms.NODULE and finding.change is not None
        return _CHANGES.get(finding.change.direction) if nodule and finding.change else None
    return _finding_kind(finding, "finding" if section is SectionName.FINDINGS else "impression")


def _finding_kind(finding: Finding, suffix: str) -> str | None:
    if finding.type == terms.ORGAN_MEASUREMENT:
        return _ORGANS.get(finding.site)
    if finding.type in (terms.EMPHYSEMA, terms.WHITE_MATTER_LESIONS):
        return f"{'emphysema' if finding.type == terms.EMPHYSEMA else 'white_matter_lesions'}_{suffix}"
    if finding.type == terms.MASS:
        return f"mass_{suffix}"
    density = finding.attribute(terms.ATTENUATION_CLASS)
    if finding.type != terms.NODULE:
        return None
    special = {terms.NOT_DETERMINED: "_thick", terms.PART_SOLID: "_part_solid"}.get(density) if density else None
    return f"nodule_finding{special or ''}" if suffix == "finding" else "nodule_impression"


def _first_slots(findings: Sequence[Finding], language: Language) -> dict[str, str]:
    return _slots(findings[0], language)


def _slots(finding: Finding, language: Language) -> dict[str, str]:
    slots = {}
    for name, (slot, family) in _SLOT_OF.items():
        measurement = finding.measurement(name)
        if measurement is not None:
            slots[slot] = rounding.prose_number(measurement.value, family)
    volume, count = finding.measurement(terms.VOLUME), finding.measurement(terms.COUNT)
    if volume is not None:
        slots["volume" if volume.unit == terms.MM3 else "ml"] = rounding.prose_number(
            volume.value, rounding.family_of(volume.unit)
        )
    if count is not None:
        slots["count"] = str(int(count.value))
    density = finding.attribute(terms.ATTENUATION_CLASS)
    if density is not None and density in language.densities:
        slots["attenuation"] = language.densities[density]
    if finding.laterality in (Laterality.LEFT, Laterality.RIGHT):
        slots["side"] = language.sides[finding.laterality]
    for image in finding.evidence[:1]:
        slots |= {"series": str(image.series_number), "image": str(image.instance_number)}
    return slots | _other_slots(finding, language)


def _other_slots(finding: Finding, language: Language) -> dict[str, str]:
    slots = {}
    if finding.change is not None:
        slots["prior_long"] = rounding.prose_number(finding.change.prior_value, "length")
        slots["prior_date"] = finding.change.prior_date or ""
    if finding.probability is not None:
        slots["probability"] = rounding.prose_number(100 * finding.probability, "whole percent")
    if finding.note:
        slots["reason"] = language.note(finding.note)
    return slots


def _count_slots(findings: Sequence[Finding], language: Language) -> dict[str, str]:
    largest = max(findings, key=_long)
    spelled = wording_of(language.code).count_words
    slots = {"count": str(len(findings)), "count_word": spelled[len(findings)]}
    return slots | {k: v for k, v in _slots(largest, language).items() if k in ("long", "side")}


def _long(finding: Finding) -> float:
    measurement = finding.measurement(terms.LONG_AXIS)
    return measurement.value if measurement else 0.0
