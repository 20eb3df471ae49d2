"""The attenuation of the vertebrae: told with what it does not say, in both languages, and read back by the lock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.findings.test_guidelines import PROVENANCE, REGION, study
from tomoscribe.core import Acquisition, Finding, Measurement, Presence, SectionName, terms
from tomoscribe.findings.chest import vertebrae
from tomoscribe.findings.sheet import FactSheet, decoder_findings
from tomoscribe.reports.lock import EvidenceLock
from tomoscribe.reports.writer import CODES, translated, write_report
from tomoscribe.reports.writer.notes_zh import is_known

STUDY = study()
MEASURED = Finding(
    tracking_uid="v",
    type=terms.ORGAN_MEASUREMENT,
    site=terms.THORACIC_VERTEBRAE,
    presence=Presence.PRESENT,
    provenance=PROVENANCE,
    region=REGION,
    measurements=(Measurement(name=terms.MEAN_ATTENUATION, value=108.4, unit=terms.HU, uncertainty=12.0),),
    note=vertebrae.note(Acquisition(contrast=True, kvp=120.0)),
)
NOTES = (vertebrae.NO_SPINE, vertebrae.TOO_FEW, vertebrae.IMPLAUSIBLE)
NOTES += (f"not reliable because of {vertebrae.OTHER_VOLTAGE}",)


def not_assessed(note):
    return replace(MEASURED, presence=Presence.NOT_ASSESSED, measurements=(), note=note)


@pytest.mark.parametrize("language", CODES)
@pytest.mark.parametrize("finding", [MEASURED, *map(not_assessed, NOTES)], ids=lambda f: f.note)
def test_every_phrasing_parses_back(language, finding):
    for seed in (None, *range(4)):
        report = write_report(STUDY, [finding], provenance=PROVENANCE, language=language, phrasing_seed=seed)
        assert EvidenceLock(STUDY).check(report) == ()
    report = write_report(STUDY, [finding], provenance=PROVENANCE)
    assert EvidenceLock(STUDY).check(translated(report, STUDY, "zh")) == ()


def test_the_sentence():
    report = write_report(STUDY, [MEASURED], provenance=PROVENANCE)
    assert [s.text for s in report.section(SectionName.FINDINGS).statements] == [
        "Mean attenuation of the trabecular bone of the thoracic vertebrae: 108 HU; median of the thoracic vertebrae, "
        "levels uncertain; raised by intravenous contrast."
    ]


@pytest.mark.parametrize(
    ("old", "new"), [("108 HU", "118 HU"), (": 108 HU", ""), ("vertebrae: 108", "ventricles: 108")]
)
def test_a_changed_sentence_is_refused(old, new):
    report = write_report(STUDY, [MEASURED], provenance=PROVENANCE)
    section = report.section(SectionName.FINDINGS)
    (only,) = section.statements
    assert old in only.text
    changed = replace(section, statements=(replace(only, text=only.text.replace(old, new)),))
    sections = tuple(changed if s is section else s for s in report.sections)
    assert EvidenceLock(STUDY).check(replace(report, sections=sections))


@pytest.mark.parametrize("contrast", [True, False, None])
@pytest.mark.parametrize("kvp", [120.0, None])
def test_what_is_said_of_the_number_is_said_in_chinese(contrast, kvp):
    assert is_known(vertebrae.note(Acquisition(contrast=contrast, kvp=kvp)))


def test_it_is_on_the_sheet_and_the_writer_words_it():
    assert FactSheet.from_findings([MEASURED]).rows[0].text == "<f1> organ present vertebrae attenuation 108 HU"
    assert decoder_findings([MEASURED]) == ()
