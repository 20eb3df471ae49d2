"""Earlier studies on their way into a reading: what can be read is compared, what cannot is told, in both languages."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.factories import IDENTITY, phantom
from tomoscribe.core import Acquisition, Series, Study, Verdict
from tomoscribe.encoders.dicom import scan, write_series
from tomoscribe.reports.reader import _priors
from tomoscribe.reports.writer.notes_zh import is_known


def study(series: tuple[Series, ...], priors: tuple[Study, ...] = (), date: str | None = "2023-01-05") -> Study:
    return Study(
        study_uid=f"1.2.{len(priors)}",
        patient_key="k",
        date=date,
        description=None,
        age_years=60.0,
        sex=None,
        series=series,
        priors=priors,
    )


def series(modality: str, verdict: Verdict, sequence: str | None = None) -> Series:
    return Series(
        series_uid="1.2.3",
        modality=modality,
        number=1,
        description=None,
        files=(Path("a"),),
        verdict=verdict,
        acquisition=Acquisition(sequence=sequence),
        shape=None if verdict is Verdict.REFUSED else (10, 24, 20),
        reason="slices are missing" if verdict is Verdict.REFUSED else None,
    )


def test_a_refused_prior_is_told_and_a_brain_is_passed_over():
    refused = study((series("CT", Verdict.REFUSED),))
    brain = study((series("MR", Verdict.ACCEPTED, "T1"),), date="2022-01-05")
    unread: list[str] = []
    assert list(_priors(study((), (refused, brain)), unread)) == []
    assert unread == ["the examination of 2023-01-05 cannot be read and was not compared"]
    assert is_known(unread[0])


def test_a_prior_that_can_be_read_is_loaded_when_its_turn_comes(tmp_path):
    write_series(phantom(), tmp_path, identity=IDENTITY)
    (earlier,) = scan(tmp_path)
    found = _priors(study((), (earlier,)), [])
    prior = next(found)
    assert prior.study is earlier
    assert np.array_equal(prior.volume.array, phantom().array)
