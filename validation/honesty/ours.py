"""What this project itself says of cases that lie as DICOM: one prediction a case, failures included."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tomoscribe.core import Study
from tomoscribe.core.errors import InputError, TomoscribeError, UnsupportedError
from tomoscribe.encoders.dicom import scan
from tomoscribe.validation.records import Case, Layout, Prediction

if TYPE_CHECKING:
    from tomoscribe.reports.reader import StudyReader

Progress = Callable[[str, float], None]


def predict(cases: Sequence[Case], reader: StudyReader, *, progress: Progress | None = None) -> tuple[Prediction, ...]:
    """The reader's report and findings of each case; a case that it cannot read has the reason instead.

    Args:
        progress: called with words and the fraction done; may raise CancelledError.
    """
    said = []
    for n, case in enumerate(cases):
        if progress is not None:
            progress(f"reading case {n + 1} of {len(cases)}", n / len(cases))
        start = time.perf_counter()
        try:
            report = reader.read(_study(case)).report
        except TomoscribeError as error:
            said.append(Prediction(case_id=case.case_id, language=case.language, failed=error.what))
            continue
        seconds = round(time.perf_counter() - start, 2)
        text = "\n".join(statement.text for statement in report.statements)
        said.append(
            Prediction(
                case_id=case.case_id,
                text=text,
                language=report.language,
                findings=report.findings,
                seconds=seconds,
            )
        )
    return tuple(said)


def _study(case: Case) -> Study:
    """The case's study, found again in its folder."""
    if case.layout is not Layout.DICOM:
        raise UnsupportedError("the reader needs DICOM; this data set has image files without a header")
    for folder in case.images.values():
        for study in scan(folder):
            if study.study_uid in case.uids:
                return study
    raise InputError("the study is no longer in its folder", where=case.case_id)
