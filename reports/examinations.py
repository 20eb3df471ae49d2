"""Which examination a study is, and which of its series are read for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tomoscribe.core import Series, Study
from tomoscribe.core.errors import RefusedSeriesError, UnsupportedError
from tomoscribe.reports.writer.header import Exam


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The examination and the series it is read from, by role (``CT``, or ``T1`` and ``FLAIR``)."""

    exam: Exam
    series: dict[str, Series]


def select(study: Study) -> Selection:
    """The series to read: the finest CT, else the finest T1 and FLAIR.

    Raises:
        RefusedSeriesError: the study's images cannot become volumes; the message gives the gate's first reason.
        UnsupportedError: there are volumes, but of nothing that this version reads.
    """
    computed = [s for s in study.readable if s.modality == "CT" and s.value_unit in (None, "hu")]
    if computed:
        return Selection(exam=Exam.CT_CHEST, series={"CT": _finest(computed)})
    roles = {
        role: _finest(found)
        for role in ("T1", "FLAIR")
        if (found := [s for s in study.readable if s.modality == "MR" and s.acquisition.sequence == role])
    }
    if roles:
        return Selection(exam=Exam.MR_BRAIN, series=roles)
    raise _nothing_to_read(study)


def _finest(series: Sequence[Series]) -> Series:
    """The series with most slices, then most voxels; on a tie the lowest series number."""

    def rank(one: Series) -> tuple[int, int, int, str]:
        depth, height, width = one.shape or (0, 0, 0)
        return -depth, -height * width, one.number if one.number is not None else 1 << 31, one.series_uid

    return min(series, key=rank)


def _nothing_to_read(study: Study) -> RefusedSeriesError | UnsupportedError:
    if study.readable:
        kinds = sorted({_kind(s) for s in study.readable})
        return UnsupportedError(
            f"expected a chest CT, or a brain MR with T1 or FLAIR; found {', '.join(kinds)}",
            where=study.study_uid,
            remedy="name a folder with one of these examinations",
        )
    worst = max(study.series, key=lambda s: len(s.files), default=None)
    if worst is None:
        return RefusedSeriesError("the study holds no series", where=study.study_uid)
    return RefusedSeriesError(worst.reason or "refused", where=worst.series_uid, remedy=worst.remedy)


def _kind(series: Series) -> str:
    """Modality and weighting, or what a CT holds instead of Hounsfield units."""
    values = (series.value_unit or "").removeprefix("hu_").replace("_", "-") if series.modality == "CT" else ""
    return f"{series.modality} {series.acquisition.sequence or values}".strip()
