"""What a scan found, as rows of a study browser: patients, studies, series with the gate's verdict in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tomoscribe.core import Series, Study, Verdict
from tomoscribe.plugin.words import tr


@dataclass(frozen=True, kw_only=True)
class SeriesRow:
    """One series, or one part of it."""

    series: Series
    name: str
    images: str
    verdict: str

    @property
    def is_refused(self) -> bool:
        return self.series.verdict is Verdict.REFUSED


@dataclass(frozen=True, kw_only=True)
class StudyRow:
    """One study.

    Args:
        priors: the earlier studies that it is compared with, in words; empty without one.
    """

    study: Study
    name: str
    priors: str
    series: tuple[SeriesRow, ...]


@dataclass(frozen=True, kw_only=True)
class PatientRow:
    """One patient, named by a number: no name leaves the headers here."""

    name: str
    studies: tuple[StudyRow, ...]


def tree_of(studies: Sequence[Study]) -> tuple[PatientRow, ...]:
    """Patients in the order of their newest study, their studies newest first."""
    by_patient: dict[str, list[Study]] = {}
    for study in sorted(studies, key=lambda s: s.date or "", reverse=True):
        by_patient.setdefault(study.patient_key, []).append(study)
    return tuple(
        PatientRow(name=_patient(number, found), studies=tuple(_study(s) for s in found))
        for number, found in enumerate(by_patient.values(), start=1)
    )


def verdict_words(series: Series) -> str:
    """What the gate decided, why, and what to do."""
    if series.verdict is Verdict.ACCEPTED:
        return tr("can be read")
    words = tr("refused") if series.verdict is Verdict.REFUSED else tr("resampled")
    remedy = f" {series.remedy}." if series.remedy else ""
    return f"{words}: {(series.reason or '').rstrip('.')}.{remedy}"


def _patient(number: int, studies: Sequence[Study]) -> str:
    sexes = {"F": tr("female"), "M": tr("male")}
    newest = studies[0]
    parts = [tr("Patient {number}", number=number)]
    parts += [sexes[newest.sex]] if newest.sex in sexes else []
    parts += [] if newest.age_years is None else [tr("{age} years", age=f"{newest.age_years:.0f}")]
    return ", ".join(parts)


def _study(study: Study) -> StudyRow:
    dates = ", ".join(p.date or tr("undated") for p in study.priors)
    return StudyRow(
        study=study,
        name=f"{study.date or tr('undated')}  {study.description or tr('No description')}",
        priors=tr("priors: {dates}", dates=dates) if dates else "",
        series=tuple(_series(s) for s in study.series),
    )


def _series(series: Series) -> SeriesRow:
    number = "" if series.number is None else f" {series.number}"
    parts = [f"{series.modality}{number}", series.description or "", series.part or ""]
    shape = series.shape
    images = f"{len(series.files)}" if shape is None else f"{shape[0]} × {shape[1]} × {shape[2]}"
    return SeriesRow(
        series=series, name=" · ".join(p for p in parts if p), images=images, verdict=verdict_words(series)
    )
