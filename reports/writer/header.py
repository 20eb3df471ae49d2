"""What the header of a study says: examination, technique, comparison, age; the sentences without a finding.

The evidence lock renders these again from the same study and accepts nothing else, so header facts cannot drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tomoscribe.core import Acquisition, Code, Finding, Presence, Series, Study, terms
from tomoscribe.reports.writer.language import Language

ADULT_AGE_YEARS = 18.0
"""CLINICAL 4: adults only, until weights have seen children."""

CHILD_NOTE = "the patient is younger than 18 years and this version reads adults only"


CLINICAL_FACTS = ("screening", "known_cancer", "immunosuppression", "high_risk")
"""Fields of ``ClinicalContext``, in the order in which a report tells them."""


class Exam(StrEnum):
    """What kind of examination a study holds, as far as this version reads it."""

    CT_CHEST = "ct_chest"
    MR_BRAIN = "mr_brain"


MEASURED_SEQUENCES = ("T1", "FLAIR")
_EXAM_OF_MODALITY = {"CT": Exam.CT_CHEST, "MR": Exam.MR_BRAIN}
_BRAIN_SITES = (terms.INTRACRANIAL, terms.BRAIN, terms.CEREBRAL_WHITE_MATTER, terms.VENTRICLES)


@dataclass(frozen=True, kw_only=True)
class Topic:
    """Something this version does not assess.

    Args:
        key: name in the lock's lexicon and in ``Language.topics``.
        finding_type: dropped from the list when the study holds a finding of this type (it says more).
    """

    key: str
    finding_type: Code | None = None


NOT_ASSESSED: dict[Exam, tuple[Topic, ...]] = {
    Exam.CT_CHEST: (
        Topic(key="pulmonary_embolism"),
        Topic(key="pneumothorax"),
        Topic(key="aortic_dissection"),
        Topic(key="lymph_nodes"),
        Topic(key="liver"),
        Topic(key="adrenals"),
        Topic(key="bone_lesions"),
        Topic(key="heart"),
    ),
    Exam.MR_BRAIN: (
        Topic(key="infarct"),
        Topic(key="hemorrhage"),
        Topic(key="aneurysm"),
        Topic(key="meninges"),
    ),
}
"""CLINICAL 2, per examination."""

NOT_EXCLUDED: dict[Exam, tuple[Topic, ...]] = {
    Exam.CT_CHEST: (
        Topic(key="further_nodules"),
        Topic(key="emphysema", finding_type=terms.EMPHYSEMA),
        Topic(key="effusion", finding_type=terms.PLEURAL_EFFUSION),
        Topic(key="consolidation", finding_type=terms.CONSOLIDATION),
    ),
    Exam.MR_BRAIN: (
        Topic(key="further_lesions"),
        Topic(key="white_matter", finding_type=terms.WHITE_MATTER_LESIONS),
        Topic(key="brain_mass", finding_type=terms.BRAIN_MASS),
        Topic(key="ventricles", finding_type=terms.VENTRICULAR_ENLARGEMENT),
    ),
}
"""Looked for without a documented sensitivity: a missing finding is no negative."""


def exams(study: Study, findings: Sequence[Finding]) -> tuple[Exam, ...]:
    """The examinations of a study: from where its findings are, or from its readable series when it has none."""
    if findings:
        brain = [f.site in _BRAIN_SITES for f in findings]
        found = {Exam.MR_BRAIN if is_brain else Exam.CT_CHEST for is_brain in brain}
    else:
        found = {_EXAM_OF_MODALITY[s.modality] for s in study.readable if s.modality in _EXAM_OF_MODALITY}
    return tuple(e for e in Exam if e in found)


def is_child(study: Study) -> bool:
    """Whether the header says that the patient is too young for this version."""
    return study.age_years is not None and study.age_years < ADULT_AGE_YEARS


def topics(study: Study, findings: Sequence[Finding]) -> tuple[tuple[Topic, ...], tuple[Topic, ...]]:
    """(not assessed, not excluded) of this study."""
    kinds = exams(study, findings)
    here = {f.type for f in findings if f.presence is not Presence.ABSENT}
    missing = tuple(t for e in kinds for t in NOT_ASSESSED[e])
    open_ = tuple(t for e in kinds for t in NOT_EXCLUDED[e] if t.finding_type is None or t.finding_type not in here)
    return missing, open_


def examination_texts(study: Study, findings: Sequence[Finding], language: Language) -> tuple[str, ...]:
    """One sentence for each examination."""
    date = study.date or language.text("date_unknown")
    texts = tuple(language.text("examination", exam=language.exams[e], date=date) for e in exams(study, findings))
    return texts or (language.text("examination_unknown", date=date),)


def clinical_information_texts(study: Study, language: Language) -> tuple[str, ...]:
    """What a clinician said; nothing in an image header is a clinical question."""
    said = {name: getattr(study.clinical, name) for name in CLINICAL_FACTS}
    facts = [language.text(f"{name}_{'yes' if value else 'no'}") for name, value in said.items() if value is not None]
    return (language.text("provided", facts=language.listed(facts)) if facts else language.text("not_provided"),)


def read_series(study: Study, findings: Sequence[Finding]) -> tuple[Series, ...]:
    """The series that the findings cite and the MR sequences in use; all CT and MR series when there is none."""
    cited = {e.series_uid for f in findings for e in f.evidence}
    measured = Exam.MR_BRAIN in exams(study, findings)
    series = tuple(
        s
        for s in study.readable
        if s.series_uid in cited or (measured and s.modality == "MR" and s.acquisition.sequence in MEASURED_SEQUENCES)
    )
    return series or tuple(s for s in study.readable if s.modality in _EXAM_OF_MODALITY)


def technique_texts(study: Study, findings: Sequence[Finding], language: Language) -> tuple[str, ...]:
    """One sentence for each series that was read (CLINICAL 5: contrast, thickness, kernel, dose)."""
    texts = tuple(_series_text(s, language) for s in read_series(study, findings))
    return texts or (language.text("technique_unknown"),)


def comparison_texts(study: Study, findings: Sequence[Finding], language: Language) -> tuple[str, ...]:
    """The dates of the prior studies, newest first, and whether a finding was compared; or that there is none."""
    if not study.priors:
        return (language.text("no_prior"),)
    dates = language.listed([p.date or language.text("undated_study") for p in study.priors])
    return (language.text("compared" if any(f.change for f in findings) else "not_compared", dates=dates),)


def age_texts(study: Study, language: Language) -> tuple[str, ...]:
    """What the age means for the reading; nothing for a known adult."""
    if study.age_years is None:
        return (language.text("age_unknown"),)
    if is_child(study):
        return (language.text("child", note=language.note(CHILD_NOTE)),)
    return ()


def _series_text(series: Series, language: Language) -> str:
    found = series.acquisition
    number = series.number
    name = language.text("series_name") if number is None else language.text("series_number", number=str(number))
    parts = [series.modality if not found.sequence else f"{series.modality} {found.sequence}"]
    if series.shape is not None:
        parts.append(language.text("num_images", count=str(series.shape[0])))
    parts.append(_known("slice_thickness", found.slice_thickness_mm, " mm", language))
    parts += _ct_parts(found, language) if series.modality == "CT" else _mr_parts(found, language)
    contrast = {True: "contrast_given", False: "contrast_not_given", None: "contrast_unknown"}[found.contrast]
    parts.append(language.text(contrast))
    return language.text("series", name=name, parts=language.text("part_joint").join(parts))


def _ct_parts(found: Acquisition, language: Language) -> list[str]:
    return [
        language.text("kernel", kernel=found.kernel) if found.kernel else language.text("kernel_unknown"),
        _known("tube_voltage", found.kvp, " kVp", language),
        _known("ctdivol", found.ctdivol_mgy, " mGy", language),
    ]


def _mr_parts(found: Acquisition, language: Language) -> list[str]:
    inversion = found.inversion_time_ms
    return [
        _known("field_strength", found.field_strength_t, " T", language),
        _known("repetition_time", found.repetition_time_ms, " ms", language),
        _known("echo_time", found.echo_time_ms, " ms", language),
        *([_known("inversion_time", inversion, " ms", language)] if inversion else []),
    ]


def _known(key: str, value: float | None, unit: str, language: Language) -> str:
    what = language.text(key)
    if value is None:
        return language.text("value_unknown", what=what)
    return language.text("value", what=what, value=f"{value:g}", unit=unit)
