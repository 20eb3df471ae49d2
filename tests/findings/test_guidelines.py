"""Guideline tables: each row by an example, each input missing or excluding, and what must never get a class."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tomoscribe.core import (
    Attribute,
    Change,
    ClinicalContext,
    Direction,
    Finding,
    Laterality,
    Measurement,
    Presence,
    PriorValues,
    Provenance,
    Region,
    Review,
    ReviewState,
    Study,
    terms,
)
from tomoscribe.core.errors import ConfigError
from tomoscribe.findings.guidelines import assess, guidelines
from tomoscribe.findings.guidelines.tables import _load
from tomoscribe.reports.lock import EvidenceLock
from tomoscribe.reports.writer import CODES, write_report

PROVENANCE = Provenance(version="0", model="test")
REGION = Region(center_mm=(0, 0, 0), box_min_mm=(-1, -1, -1), box_max_mm=(1, 1, 1))
INCIDENTAL = ClinicalContext(screening=False, known_cancer=False, immunosuppression=False, high_risk=False)
SCREENING = ClinicalContext(screening=True)
PRIOR = Study(study_uid="1.1", patient_key="k", date="2024-01-10", description=None, age_years=60.0, sex="M", series=())


def study(clinical=INCIDENTAL, age=61.0, priors=()) -> Study:
    return Study(
        study_uid="1.2",
        patient_key="k",
        date="2024-11-10",
        description=None,
        age_years=age,
        sex="M",
        series=(),
        priors=priors,
        clinical=clinical,
    )


def nodule(mean, density=terms.SOLID, solid=None, uid="n", **changes) -> Finding:
    sizes = [Measurement(name=terms.LONG_AXIS, value=mean + 1, unit=terms.MM)]
    sizes.append(Measurement(name=terms.MEAN_DIAMETER, value=mean, unit=terms.MM))
    if solid is not None:
        sizes.append(Measurement(name=terms.SOLID_DIAMETER, value=solid, unit=terms.MM))
    values = {
        "tracking_uid": uid,
        "type": terms.NODULE,
        "site": terms.LUNG,
        "laterality": Laterality.LEFT,
        "presence": Presence.PRESENT,
        "actionable": True,
        "provenance": PROVENANCE,
        "region": REGION,
        "measurements": tuple(sizes),
        "attributes": (Attribute(name=terms.ATTENUATION_CLASS, value=density),),
    }
    return Finding(**(values | changes))


def key(findings, of, clinical, **changes) -> str | None:
    """The key of the row that a guideline takes, None where it assigns none."""
    found = next(a for a in assess(study(clinical, **changes), findings) if a.guideline.name.startswith(of))
    return found.row.key if found.row else None


HIGH = replace(INCIDENTAL, high_risk=True)
GLASS, PART = terms.GROUND_GLASS, terms.PART_SOLID


@pytest.mark.parametrize(
    ("findings", "clinical", "expected"),
    [
        ([nodule(5.4)], INCIDENTAL, "solid_single_small_low"),
        ([nodule(5.4)], HIGH, "solid_single_small_high"),
        ([nodule(5.5)], INCIDENTAL, "solid_single_medium_low"),
        ([nodule(8.4)], HIGH, "solid_single_medium_high"),
        ([nodule(8.5)], INCIDENTAL, "solid_single_large"),
        ([nodule(5), nodule(4, uid="m")], INCIDENTAL, "solid_multiple_small_low"),
        ([nodule(5), nodule(4, uid="m")], HIGH, "solid_multiple_small_high"),
        ([nodule(5), nodule(7, uid="m")], INCIDENTAL, "solid_multiple_low"),
        ([nodule(5), nodule(7, uid="m")], HIGH, "solid_multiple_high"),
        ([nodule(5, GLASS)], INCIDENTAL, "subsolid_single_small"),
        ([nodule(9, GLASS)], INCIDENTAL, "ground_glass_single"),
        ([nodule(9, PART, 4)], INCIDENTAL, "part_solid_single"),
        ([nodule(5, GLASS), nodule(4, GLASS, uid="m")], INCIDENTAL, "subsolid_multiple_small"),
        ([nodule(9, GLASS), nodule(4, uid="m")], INCIDENTAL, "subsolid_multiple"),
    ],
)
def test_fleischner_rows(findings, clinical, expected):
    assert key(findings, "Fleischner", clinical) == expected


def before(mean, **changes) -> tuple[PriorValues, ...]:
    measured = (Measurement(name=terms.MEAN_DIAMETER, value=mean, unit=terms.MM),)
    return (PriorValues(**({"study_uid": "1.1", "date": PRIOR.date, "measurements": measured} | changes)),)


NEW = Change(measurement=terms.VOLUME, prior_value=0.0, prior_date=PRIOR.date, direction=Direction.NEW)


@pytest.mark.parametrize(
    ("finding", "priors", "expected"),
    [
        (nodule(5.9), (), "solid_2"),
        (nodule(6.0), (), "solid_3"),
        (nodule(7.94), (), "solid_3"),
        (nodule(7.95), (), "solid_4a"),
        (nodule(15.0), (), "solid_4b"),
        (nodule(5.0, PART, 2), (), "part_solid_2"),
        (nodule(9.0, PART, 5.9), (), "part_solid_3"),
        (nodule(9.0, PART, 6.0), (), "part_solid_4a"),
        (nodule(12.0, PART, 8.0), (), "part_solid_4b"),
        (nodule(29.9, GLASS), (), "ground_glass_2"),
        (nodule(30.0, GLASS), (), "ground_glass_3"),
        (nodule(3.9, change=NEW), (PRIOR,), "solid_new_2"),
        (nodule(4.0, change=NEW), (PRIOR,), "solid_new_3"),
        (nodule(6.0, change=NEW), (PRIOR,), "solid_new_4a"),
        (nodule(8.0, change=NEW), (PRIOR,), "solid_moving_4b"),
        (nodule(7.0, history=before(5.4)), (PRIOR,), "solid_growing_4a"),
        (nodule(9.0, history=before(5.4)), (PRIOR,), "solid_moving_4b"),
        (nodule(5.0, PART, 2, change=NEW), (PRIOR,), "part_solid_new_3"),
        (nodule(7.0, PART, 3, change=NEW), (PRIOR,), "part_solid_new_4a"),
        (nodule(7.0, PART, 4, change=NEW), (PRIOR,), "part_solid_new_4b"),
        (
            nodule(9.0, attributes=(Attribute(name=terms.CALCIFICATION, value=terms.CALCIFIED_CENTRALLY),)),
            (),
            "benign",
        ),
        (nodule(9.0, attributes=(Attribute(name=terms.FAT, value=terms.CONTAINED),)), (), "benign"),
    ],
)
def test_lung_rads_rows(finding, priors, expected):
    assert key([finding], "Lung-RADS", SCREENING, priors=priors) == expected


def test_every_row_has_an_example_here():
    rows = {r.key for g in guidelines() for r in g.rows}
    tables = [test_fleischner_rows, test_lung_rads_rows]
    assert {case[-1] for test in tables for case in test.pytestmark[0].args[1]} == rows


@pytest.mark.parametrize(
    ("clinical", "age", "missing"),
    [
        (replace(INCIDENTAL, known_cancer=None), 61.0, ("known_cancer",)),
        (replace(INCIDENTAL, immunosuppression=None), 61.0, ("immunosuppression",)),
        (replace(INCIDENTAL, high_risk=None), 61.0, ("high_risk",)),
        (replace(INCIDENTAL, screening=None), None, ("age", "screening")),
        (ClinicalContext(), 58.0, ("screening", "known_cancer", "immunosuppression", "high_risk")),
    ],
)
def test_fleischner_names_what_is_missing(clinical, age, missing):
    found = assess(study(clinical, age=age), [nodule(7.0)])[0]
    assert (found.row, found.missing) == (None, missing)


@pytest.mark.parametrize(
    ("clinical", "age", "size", "reason"),
    [
        (INCIDENTAL, 34.9, 7.0, "under_35"),
        (SCREENING, 61.0, 7.0, "screening"),
        (replace(INCIDENTAL, known_cancer=True), 61.0, 7.0, "known_cancer"),
        (replace(INCIDENTAL, immunosuppression=True), 61.0, 7.0, "immunosuppression"),
        (INCIDENTAL, 61.0, 30.6, "mass"),
    ],
)
def test_fleischner_does_not_apply(clinical, age, size, reason):
    found = assess(study(clinical, age=age), [nodule(size)])[0]
    assert (found.row, found.excluded) == (None, (reason,))


def test_lung_rads_is_for_screening_alone():
    found = assess(study(), [nodule(7.0)])[1]
    assert (found.row, found.excluded) == (None, ("no_screening",))


def test_thick_slices_get_no_class():
    """Their attenuation class is not determined (CLINICAL 8); benign patterns are not looked for there either."""
    for found in assess(study(SCREENING), [nodule(7.0, terms.NOT_DETERMINED)]):
        assert found.row is None
    assert assess(study(), [nodule(7.0, terms.NOT_DETERMINED)])[0].missing == ("density",)


@pytest.mark.parametrize(
    "history",
    [(), before(5.0, reason="other slice thickness"), before(6.8), before(4.0, date="2020-01-10")],
    ids=["not compared", "not comparable", "stable: its old category counts", "growth over five years"],
)
def test_a_prior_without_an_answer_leaves_lung_rads_open(history):
    found = assess(study(SCREENING, priors=(PRIOR,)), [nodule(7.0, history=history)])[1]
    assert found.row is None
    assert set(found.missing) <= {"comparison", "row"}


def test_no_reported_nodule_no_class():
    rejected = nodule(7.0, review=Review(state=ReviewState.REJECTED, reviewer="A", reason="vessel"))
    for findings in ([], [nodule(7.0, presence=Presence.UNCERTAIN)], [rejected]):
        assert assess(study(SCREENING), findings) == ()


@pytest.mark.parametrize("language", CODES)
@pytest.mark.parametrize("clinical", [INCIDENTAL, SCREENING, ClinicalContext()])
def test_the_sentences_stand_in_the_report_and_only_they(language, clinical):
    here = study(clinical)
    report = write_report(here, [nodule(8.6)], provenance=PROVENANCE, language=language)
    assert EvidenceLock(here).check(report) == ()
    other = replace(here, clinical=replace(clinical, known_cancer=True, screening=not clinical.screening))
    assert EvidenceLock(other).check(report)
    without = replace(report, sections=tuple(s for s in report.sections if s.name.value != "recommendation"))
    assert {o.section.value for o in EvidenceLock(here).check(without)} == {"recommendation"}


def test_the_sentence_of_a_row():
    report = write_report(study(), [nodule(8.6)], provenance=PROVENANCE)
    texts = [s.text for s in report.statements if s.kind.value == "guideline"]
    assert texts == [
        "Fleischner 2017: single solid nodule larger than 8 mm; consider CT at 3 months, PET/CT or tissue sampling.",
        "Lung-RADS v2022: does not apply: this is no screening examination.",
    ]


@pytest.mark.parametrize("language", CODES)
def test_a_nodule_on_the_review_list_gets_no_class_and_the_report_says_so(language):
    waiting = nodule(12.0, presence=Presence.UNCERTAIN, actionable=False, probability=0.4)
    report = write_report(study(), [waiting], provenance=PROVENANCE, language=language)
    (only,) = (s.text for s in report.statements if s.kind.value == "guideline")
    assert ("review list" in only) or ("待复核" in only)
    assert EvidenceLock(study()).check(report) == ()


def test_tables_are_cited_and_say_what_was_verified():
    for table in guidelines():
        assert "doi:10." in table.citation
        assert len(table.verified) > 100


def test_an_unknown_key_in_a_table_is_an_error(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("name: X\nversion: '1'\nrows: []\nextra: 1\n", "utf-8")
    with pytest.raises(ConfigError, match="not valid"):
        _load(path)
