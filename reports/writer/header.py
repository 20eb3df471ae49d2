"""What the header of a study says: examination, technique, comparison, age; the sentences without a finding.

The evidence lock renders these again from the same study and accepts nothing else, so header facts cannot drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tomoscribe.core import Acquisition, Code, Finding, Presence, Series, Study, terms

ADULT_AGE_YEARS = 18.0
"""CLINICAL 4: adults only, until weights have seen children."""

CHILD_NOTE = "the patient is younger than 18 years and this version reads adults only"


class Exam(StrEnum):
    """What kind of examination a study holds, as far as this version reads it."""

    CT_CHEST = "ct_chest"
    MR_BRAIN = "mr_brain"


EXAM_WORDS = {Exam.CT_CHEST: "CT of the chest", Exam.MR_BRAIN: "MRI of the brain"}
MEASURED_SEQUENCES = ("T1", "FLAIR")
_EXAM_OF_MODALITY = {"CT": Exam.CT_CHEST, "MR": Exam.MR_BRAIN}
_BRAIN_SITES = (terms.INTRACRANIAL, terms.BRAIN, terms.CEREBRAL_WHITE_MATTER, terms.VENTRICLES)


@dataclass(frozen=True, kw_only=True)
class Topic:
    """Something this version does not assess.

    Args:
        key: name in the lock's lexicon.
        words: how the writer names it.
        finding_type: dropped from the list when the study holds a finding of this type (it says more).
    """

    key: str
    words: str
    finding_type: Code | None = None


NOT_ASSESSED: dict[Exam, tuple[Topic, ...]] = {
    Exam.CT_CHEST: (
        Topic(key="pulmonary_embolism", words="pulmonary embolism"),
        Topic(key="pneumothorax", words="pneumothorax"),
        Topic(key="aortic_dissection", words="aortic dissection"),
        Topic(key="lymph_nodes", words="lymph nodes"),
        Topic(key="liver", words="liver"),
        Topic(key="adrenals", words="adrenal glands"),
        Topic(key="bone_lesions", words="destructive bone lesions"),
        Topic(key="heart", words="heart and coronary arteries"),
    ),
    Exam.MR_BRAIN: (
        Topic(key="infarct", words="infarct"),
        Topic(key="hemorrhage", words="hemorrhage"),
        Topic(key="aneurysm", words="aneurysm"),
        Topic(key="meninges", words="meninges"),
    ),
}
"""CLINICAL 2, per examination."""

NOT_EXCLUDED: dict[Exam, tuple[Topic, ...]] = {
    Exam.CT_CHEST: (
        Topic(key="further_nodules", words="further pulmonary nodules"),
        Topic(key="emphysema", words="emphysema", finding_type=terms.EMPHYSEMA),
        Topic(key="effusion", words="pleural effusion", finding_type=terms.PLEURAL_EFFUSION),
        Topic(key="consolidation", words="consolidation", finding_type=terms.CONSOLIDATION),
    ),
    Exam.MR_BRAIN: (
        Topic(key="further_lesions", words="further lesions of the brain"),
        Topic(key="white_matter", words="white matter lesions", finding_type=terms.WHITE_MATTER_LESIONS),
        Topic(key="brain_mass", words="space-occupying lesion of the brain", finding_type=terms.BRAIN_MASS),
        Topic(key="ventricles", words="enlargement of the ventricles", finding_type=terms.VENTRICULAR_ENLARGEMENT),
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


def examination_texts(study: Study, findings: Sequence[Finding]) -> tuple[str, ...]:
    """One sentence for each examination."""
    date = study.date or "date unknown"
    return tuple(f"{EXAM_WORDS[e]}, {date}." for e in exams(study, findings)) or (f"Examination not known, {date}.",)


def clinical_information_texts() -> tuple[str, ...]:
    """Nothing in an image header is a clinical question."""
    return ("Not provided.",)


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


def technique_texts(study: Study, findings: Sequence[Finding]) -> tuple[str, ...]:
    """One sentence for each series that was read (CLINICAL 5: contrast, thickness, kernel, dose)."""
    texts = tuple(_series_text(s) for s in read_series(study, findings))
    return texts or ("Technique not known.",)


def comparison_texts(study: Study, findings: Sequence[Finding]) -> tuple[str, ...]:
    """The dates of the prior studies, newest first, and whether a finding was compared; or that there is none."""
    if not study.priors:
        return ("None available.",)
    dates = [p.date or "a study without a date" for p in study.priors]
    if not any(f.change for f in findings):
        return (f"A prior study exists ({', '.join(dates)}); no finding was compared with it.",)
    return (f"Compared with {', '.join(dates)}.",)


def age_texts(study: Study) -> tuple[str, ...]:
    """What the age means for the reading; nothing for a known adult."""
    if study.age_years is None:
        return ("The age of the patient is not known; this version reads adults only.",)
    if is_child(study):
        return (f"Nothing in this study was assessed: {CHILD_NOTE}.",)
    return ()


def _series_text(series: Series) -> str:
    found = series.acquisition
    name = "Series" if series.number is None else f"Series {series.number}"
    parts = [series.modality if not found.sequence else f"{series.modality} {found.sequence}"]
    if series.shape is not None:
        parts.append(f"{series.shape[0]} images")
    parts.append(_known("slice thickness", found.slice_thickness_mm, " mm"))
    parts += _ct_parts(found) if series.modality == "CT" else _mr_parts(found)
    contrast = {True: "given", False: "not given", None: "not stated in the header"}[found.contrast]
    parts.append(f"intravenous contrast {contrast}")
    return f"{name}: {', '.join(parts)}."


def _ct_parts(found: Acquisition) -> list[str]:
    return [
        f"kernel {found.kernel}" if found.kernel else "kernel unknown",
        _known("tube voltage", found.kvp, " kVp"),
        _known("CTDIvol", found.ctdivol_mgy, " mGy"),
    ]


def _mr_parts(found: Acquisition) -> list[str]:
    return [
        _known("field strength", found.field_strength_t, " T"),
        _known("repetition time", found.repetition_time_ms, " ms"),
        _known("echo time", found.echo_time_ms, " ms"),
        *([_known("inversion time", found.inversion_time_ms, " ms")] if found.inversion_time_ms else []),
    ]


def _known(what: str, value: float | None, unit: str) -> str:
    return f"{what} unknown" if value is None else f"{what} {value:g}{unit}"
