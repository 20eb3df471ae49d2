"""What else was seen of a nodule, and its doubling time: told in both languages, read back, and never altered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.findings.test_guidelines import PRIOR, PROVENANCE, nodule, study
from tomoscribe.core import Attribute, Change, Direction, Measurement, SectionName, terms
from tomoscribe.findings.sheet import FactSheet, for_decoder
from tomoscribe.reports.lock import EvidenceLock
from tomoscribe.reports.writer import CODES, translated, write_report

STUDY = study(priors=(PRIOR,))
TIMES = ((terms.VOLUME_DOUBLING_TIME, 214.4), (terms.VOLUME_DOUBLING_TIME_LOW, 160.2))
TIMES += ((terms.VOLUME_DOUBLING_TIME_HIGH, 322.0),)
CONTACTS = (
    Attribute(name=terms.FAT, value=terms.CONTAINED),
    Attribute(name=terms.PLEURAL_RELATION, value=terms.TOUCHING),
    Attribute(name=terms.AIRWAY_RELATION, value=terms.TOUCHING),
)


def lesion(pattern=terms.CALCIFIED_CENTRALLY):
    plain = nodule(12.0)
    more = [Measurement(name=terms.VOLUME, value=853.0, unit=terms.MM3)]
    more += [Measurement(name=n, value=v, unit=terms.DAY) for n, v in TIMES]
    more += [
        Measurement(name=terms.LONG_AXIS_3D, value=15.2, unit=terms.MM),
        Measurement(name=terms.SHORT_AXIS_3D, value=11.4, unit=terms.MM),
    ]
    return replace(
        plain,
        measurements=(*plain.measurements, *more),
        attributes=(*plain.attributes, Attribute(name=terms.CALCIFICATION, value=pattern), *CONTACTS),
        change=Change(
            measurement=terms.VOLUME, prior_value=400.0, prior_date=PRIOR.date, direction=Direction.INCREASED
        ),
    )


def written(language="en", seed=None, pattern=terms.CALCIFIED_CENTRALLY):
    return write_report(STUDY, [lesion(pattern)], provenance=PROVENANCE, language=language, phrasing_seed=seed)


@pytest.mark.parametrize("language", CODES)
@pytest.mark.parametrize("pattern", terms.CALCIFICATIONS, ids=lambda c: c.value)
def test_every_phrasing_parses_back(language, pattern):
    for seed in (None, *range(6)):
        assert EvidenceLock(STUDY).check(written(language, seed, pattern)) == ()


def test_the_sentence():
    text = written().section(SectionName.FINDINGS).statements[0].text
    assert text.endswith(
        "Long axis in three dimensions 15 mm, short axis in three dimensions 11 mm, central calcification, "
        "contains fat, touches the pleura, touches an airway, volume doubling time 214 days, lower limit 160 days, "
        "upper limit 322 days."
    )


def test_the_translation_says_the_same():
    report = translated(written(), STUDY, "zh")
    assert EvidenceLock(STUDY).check(report) == ()


@pytest.mark.parametrize(
    ("language", "old", "new"),
    [
        ("en", "central calcification", "eccentric calcification"),
        ("en", "central calcification, ", ""),
        ("en", "contains fat, ", ""),
        ("en", "touches an airway", "touches the pleura"),
        ("en", "214 days", "241 days"),
        ("en", "upper limit 322 days", "upper limit 160 days"),
        ("en", ", lower limit 160 days", ""),
        ("en", "dimensions 15 mm", "dimensions 14 mm"),
        ("zh", "中央钙化", "环形钙化"),
        ("zh", "内含脂肪，", ""),
        ("zh", "214天", "412天"),
        ("zh", "三维短径11 mm", "三维短径15 mm"),
    ],
)
def test_a_changed_word_is_refused(language, old, new):
    report = written(language)
    section = report.section(SectionName.FINDINGS)
    first = section.statements[0]
    assert old in first.text
    statements = (replace(first, text=first.text.replace(old, new)), *section.statements[1:])
    sections = tuple(replace(s, statements=statements) if s is section else s for s in report.sections)
    assert EvidenceLock(STUDY).check(replace(report, sections=sections))


def test_what_was_not_seen_is_not_said():
    report = write_report(STUDY, [nodule(12.0)], provenance=PROVENANCE)
    for word in ("calcif", "fat", "airway", "doubling"):
        assert not any(word in s.text for s in report.section(SectionName.FINDINGS).statements)


def test_the_sheet_has_it_and_the_decoders_sheet_has_not():
    row = FactSheet.from_findings([lesion()]).rows[0]
    for words in ("calcified centrally", "fat", "touches pleura", "doubling 214 days", "long3d 15 mm"):
        assert words in row.text
    plain = FactSheet.from_findings([for_decoder(lesion())]).rows[0]
    assert not {"calcified", "doubling", "long3d"} & set(plain.text.split())
