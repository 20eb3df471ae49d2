"""Which study of a scanned folder is meant."""

from __future__ import annotations

from collections.abc import Sequence

from tomoscribe.core import Study
from tomoscribe.core.errors import InputError


def choose_study(studies: Sequence[Study], study_uid: str | None) -> Study:
    """The study with that UID; without one, the newest study of the only patient.

    Raises:
        InputError: no such study, or several patients and none named.
    """
    if study_uid is not None:
        for study in studies:
            if study.study_uid == study_uid:
                return study
        raise InputError("no study with this UID was found", where=study_uid, remedy=_listing(studies))
    if len({s.patient_key for s in studies}) > 1:
        raise InputError(f"found {len(studies)} studies of several patients", remedy=_listing(studies))
    with_images = [s for s in studies if s.readable] or list(studies)
    return max(with_images, key=lambda s: (s.date or "", s.study_uid))


def _listing(studies: Sequence[Study]) -> str:
    uids = ", ".join(s.study_uid for s in studies[:5])
    return f"name one with --study UID: {uids}{' ...' if len(studies) > 5 else ''}"
