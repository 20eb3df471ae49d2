"""JSON and back: equal values, and one clear line for anything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscribe.core import (
    Acquisition,
    Attribute,
    Change,
    Code,
    Direction,
    EvidenceSlice,
    Finding,
    Laterality,
    Measurement,
    Presence,
    Provenance,
    Reading,
    Region,
    Report,
    ReportStatus,
    Review,
    ReviewState,
    Section,
    SectionName,
    Series,
    Source,
    Statement,
    StatementKind,
    Study,
    Timing,
    Verdict,
    terms,
)
from tomoscribe.core.errors import InputError, InvalidValueError
from tomoscribe.core.serial import from_json, reading_from_json, reading_to_json, to_json

WORDS = st.text(min_size=1, max_size=20)
NUMBERS = st.floats(-1e6, 1e6)
POINTS = st.tuples(NUMBERS, NUMBERS, NUMBERS)
CODES = st.builds(Code, value=WORDS, scheme=st.sampled_from(["SCT", "DCM"]), meaning=WORDS)
MAYBE_WORDS = st.none() | WORDS
PROVENANCE = st.builds(
    Provenance,
    version=WORDS,
    model=WORDS,
    weights_sha256=MAYBE_WORDS,
    seed=st.integers(0, 9),
    timing=st.builds(Timing, seconds=st.lists(st.tuples(WORDS, NUMBERS), max_size=2).map(tuple)),
)
MEASUREMENTS = st.builds(
    Measurement,
    name=CODES,
    value=NUMBERS,
    unit=st.sampled_from([terms.MM, terms.ML, terms.HU]),
    method=st.sampled_from(["mask", "user", "head:nodule"]),
    endpoints_mm=st.none() | st.tuples(POINTS, POINTS),
    uncertainty=st.none() | NUMBERS,
)
FINDINGS = st.builds(
    Finding,
    tracking_uid=st.uuids().map(lambda u: f"2.25.{u.int}"),
    type=CODES,
    site=CODES,
    presence=st.sampled_from([Presence.PRESENT, Presence.UNCERTAIN]),
    provenance=PROVENANCE,
    laterality=st.none() | st.sampled_from(Laterality),
    probability=st.none() | st.floats(0, 1),
    region=st.builds(Region, center_mm=POINTS, box_min_mm=POINTS, box_max_mm=POINTS, label_map=MAYBE_WORDS),
    measurements=st.lists(MEASUREMENTS, max_size=3, unique_by=lambda m: m.name).map(tuple),
    attributes=st.lists(st.builds(Attribute, name=CODES, value=CODES), max_size=2).map(tuple),
    evidence=st.lists(
        st.builds(
            EvidenceSlice,
            series_uid=WORDS,
            series_number=st.none() | st.integers(0, 99),
            instance_uid=WORDS,
            instance_number=st.none() | st.integers(0, 999),
        ),
        max_size=2,
    ).map(tuple),
    change=st.none()
    | st.builds(
        Change,
        measurement=CODES,
        prior_value=NUMBERS,
        prior_date=MAYBE_WORDS,
        direction=st.sampled_from(Direction),
        reason=WORDS,
    ),
    review=st.builds(Review, state=st.sampled_from(ReviewState), reviewer=WORDS),
    note=MAYBE_WORDS,
)
SERIES = st.builds(
    Series,
    series_uid=st.uuids().map(lambda u: f"2.25.{u.int}"),
    modality=st.sampled_from(["CT", "MR"]),
    number=st.none() | st.integers(0, 99),
    description=MAYBE_WORDS,
    files=st.just(()),
    verdict=st.sampled_from(Verdict),
    acquisition=st.builds(Acquisition, kernel=MAYBE_WORDS, contrast=st.none() | st.booleans(), kvp=st.none() | NUMBERS),
    shape=st.none() | st.tuples(*[st.integers(1, 999)] * 3),
    reason=WORDS,
)


NO_PRIORS: st.SearchStrategy = st.just(())


def studies(priors: st.SearchStrategy = NO_PRIORS) -> st.SearchStrategy[Study]:
    return st.builds(
        Study,
        study_uid=WORDS,
        patient_key=WORDS,
        date=MAYBE_WORDS,
        description=MAYBE_WORDS,
        age_years=st.none() | NUMBERS,
        sex=st.sampled_from([None, "M", "F", "O"]),
        series=st.lists(SERIES, max_size=2, unique_by=lambda s: s.series_uid).map(tuple),
        priors=priors,
        warnings=st.lists(WORDS, max_size=2).map(tuple),
    )


def reading(finding: Finding, study: Study, text: str) -> Reading:
    uids = (finding.tracking_uid,)
    statement = Statement(text=text, kind=StatementKind.FINDING, source=Source.WRITER, finding_uids=uids)
    report = Report(
        sections=(Section(name=SectionName.FINDINGS, statements=(statement,)),),
        findings=(finding,),
        status=ReportStatus.DRAFT,
        language="en",
        provenance=finding.provenance,
    )
    return Reading(study=study, report=report)


@settings(deadline=None)
@given(FINDINGS)
def test_a_finding_survives_text(finding):
    assert from_json(Finding, json.loads(json.dumps(to_json(finding)))) == finding


@settings(deadline=None, max_examples=50)
@given(studies(st.tuples(studies())))
def test_a_study_with_a_prior_survives_text(study):
    assert from_json(Study, json.loads(json.dumps(to_json(study)))) == study


@settings(deadline=None, max_examples=50)
@given(FINDINGS, studies(), WORDS)
def test_a_reading_survives_text(finding, study, text):
    before = reading(finding, study, text)
    after = reading_from_json(json.dumps(reading_to_json(before)))
    assert after.study == study
    assert after.report == before.report


def one_reading() -> Reading:
    finding = Finding(
        tracking_uid="2.25.1",
        type=terms.SOLID,
        site=terms.SOLID,
        presence=Presence.UNCERTAIN,
        provenance=Provenance(version="1", model="m"),
    )
    study = Study(
        study_uid="1.2",
        patient_key="k",
        date="2024-01-02",
        description=None,
        age_years=63.0,
        sex="F",
        series=(
            Series(
                series_uid="1.3",
                modality="CT",
                number=1,
                description=None,
                files=(Path("Doe_John/0001.dcm"),),
                verdict=Verdict.ACCEPTED,
                acquisition=Acquisition(),
            ),
        ),
    )
    return reading(finding, study, "A sentence.")


def test_paths_never_leave():
    text = json.dumps(reading_to_json(one_reading()))
    assert "Doe" not in text
    assert reading_from_json(text).study.series[0].files == ()


def test_values_by_hand():
    data = reading_to_json(one_reading())
    assert (data["schema"], data["schema_version"]) == ("tomoscribe.reading", 1)
    assert data["notice"].startswith("Not a medical device")
    assert data["report"]["sections"][0]["statements"][0]["finding_uids"] == ["2.25.1"]
    assert data["report"]["findings"][0]["presence"] == "uncertain"
    assert data["study"]["series"][0]["verdict"] == "accepted"


def broken(change) -> str:
    data = reading_to_json(one_reading())
    change(data)
    return json.dumps(data)


BROKEN = {
    "schema": (lambda d: d.update(schema="other"), r"schema 'tomoscribe.reading'"),
    "version": (lambda d: d.update(schema_version=2), r"expected schema version 1, found 2\. read it with the version"),
    "unknown key": (lambda d: d["study"].update(name="x"), r"unknown key 'name' at Study"),
    "missing key": (lambda d: d["study"].pop("patient_key"), r"missing key 'patient_key' at Study"),
    "wrong type": (lambda d: d["study"].update(study_uid=7), r"expected str at Study.study_uid, found 7"),
    "number as text": (lambda d: d["study"].update(age_years="63"), r"expected float at Study.age_years, found '63'"),
    "boolean as number": (lambda d: d["study"].update(age_years=True), r"expected float at Study.age_years"),
    "unknown word": (
        lambda d: d["study"]["series"][0].update(verdict="maybe"),
        r"expected one of .* at Study.series\[0\].verdict, found 'maybe'",
    ),
    "no list": (lambda d: d["study"].update(series={}), r"expected a list at Study.series, found dict"),
    "no object": (lambda d: d.update(report=[]), r"expected an object at Report, found list"),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_broken_json_says_where(name):
    change, message = BROKEN[name]
    with pytest.raises(InputError, match=message):
        reading_from_json(broken(change))


def test_text_that_is_no_json():
    with pytest.raises(InputError, match="expected JSON, found an error at line 1"):
        reading_from_json("{")
    with pytest.raises(InputError, match="expected a JSON object"):
        reading_from_json("[1]")


def test_a_value_the_type_refuses_is_refused_on_reading():
    with pytest.raises(InvalidValueError, match="sex M, F, O or None, found 'W'"):
        reading_from_json(broken(lambda d: d["study"].update(sex="W")))


def test_points_have_three_coordinates():
    region = Region(center_mm=(1.0, 2.0, 3.0), box_min_mm=(0.0, 0.0, 0.0), box_max_mm=(2.0, 4.0, 6.0))
    data = to_json(region)
    data["center_mm"] = [1.0, 2.0]
    with pytest.raises(InputError, match=r"expected 3 values at Region.center_mm, found 2"):
        from_json(Region, data)


def test_a_whole_number_may_stand_for_a_real_one():
    data = to_json(Region(center_mm=(1.0, 2.0, 3.0), box_min_mm=(0.0, 0.0, 0.0), box_max_mm=(2.0, 4.0, 6.0)))
    data["center_mm"] = [1, 2, 3]
    assert from_json(Region, data).center_mm == (1.0, 2.0, 3.0)
