"""A report in two languages: which text is signed, that both say the same, and what a stale translation leads to."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace

import pytest

from tomoscribe.core import (
    Reading,
    Report,
    ReportStatus,
    Review,
    ReviewState,
    Section,
    SectionName,
    Source,
    Statement,
    StatementKind,
    Translation,
    terms,
)
from tomoscribe.core.errors import ConfigError, InvalidValueError
from tomoscribe.core.serial import from_json, to_json
from tomoscribe.reports.export.html import render_html
from tomoscribe.reports.lock import EvidenceLock, Fault, differences, lock_report
from tomoscribe.reports.reader import StudyReader
from tomoscribe.reports.signing import Signer, append, review
from tomoscribe.reports.writer import translated, write_report
from tomoscribe.validation.lock_trial.patients import PROVENANCE, random_case

PATIENTS = int(os.environ.get("TOMOSCRIBE_TRANSLATED_PATIENTS", "60"))
CASE = random_case(2)
WARNING = "only one lung was found"
REPORT = write_report(CASE.study, CASE.findings, provenance=PROVENANCE, warnings=(WARNING,))
BOTH = translated(REPORT, CASE.study, "zh", (WARNING,))
LOCK = EvidenceLock(CASE.study)


def _with_text(translation: Translation, old: str, new: str) -> Translation:
    """The translation with other words in its first sentence that holds the old ones."""
    done = False
    sections = []
    for section in translation.sections:
        statements = []
        for statement in section.statements:
            if old in statement.text and not done:
                statement, done = replace(statement, text=statement.text.replace(old, new, 1)), True
            statements.append(statement)
        sections.append(replace(section, statements=tuple(statements)))
    assert done
    return replace(translation, sections=tuple(sections))


def test_what_is_said_in_chinese_is_what_is_said_in_english():
    """Claims parsed back from both reports of generated patients, in the writer's wording and in others."""
    for seed in range(PATIENTS):
        case = random_case(seed)
        for phrasing in (None, seed):
            english, chinese = (
                write_report(case.study, case.findings, provenance=PROVENANCE, phrasing_seed=phrasing, language=code)
                for code in ("en", "zh")
            )
            assert len(english.statements) == len(chinese.statements)
            assert differences(english, chinese) == ()


@pytest.mark.parametrize("name", ["chest_sample", "brain_sample"])
@pytest.mark.parametrize("signed", ["en", "zh"])
def test_both_texts_of_a_sample_study_say_the_same(name: str, signed: str, request: pytest.FixtureRequest) -> None:
    sample = request.getfixturevalue(name)
    findings, study = sample.reading.report.findings, sample.study
    other = {"en": "zh", "zh": "en"}[signed]
    written = write_report(study, findings, provenance=sample.reading.report.provenance, language=signed)
    both = translated(written, study, other)
    assert EvidenceLock(study).check(both) == ()
    second = both.in_translation()
    assert second is not None
    assert differences(both, second) == ()
    assert {len(s.finding_uids) for s in second.statements} == {len(s.finding_uids) for s in both.statements}


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("左肺实性结节", "右肺实性结节", "sides"),
        ("28 mm×22 mm", "29 mm×22 mm", "values"),
        ("体积6.1 ml", "体积6.2 ml", "values"),
        ("实性结节", "磨玻璃结节", "densities"),
        ("结节", "肿块", "entities"),
        ("肺叶未确定", "位于上叶", "levels"),
        ("共2枚", "共3枚", "counts"),
        ("图像77", "图像78", "references"),
        ("2018-09-17比较", "2018-09-18比较", "dates"),
        ("无变化", "增大", "directions"),
        ("可疑左肺实变，供复核", "左肺实变", "flags"),
        ("肺栓塞、", "", "topics"),
        ("276幅", "277幅", "numerals"),
    ],
)
def test_a_planted_difference_is_found_and_named(old: str, new: str, what: str) -> None:
    assert BOTH.translation is not None
    changed = replace(BOTH, translation=_with_text(BOTH.translation, old, new))
    second = changed.in_translation()
    assert second is not None
    assert what in {d.what for d in differences(changed, second)}
    assert Fault.TRANSLATION_DIFFERS in {o.fault for o in LOCK.check(changed)}


def test_the_first_language_stays_the_signed_one():
    assert (BOTH.language, BOTH.translation.language) == ("en", "zh")
    assert BOTH.sections == REPORT.sections
    assert LOCK.check(BOTH) == ()
    assert BOTH.translation.warnings == ("仅找到一侧肺",)
    with pytest.raises(InvalidValueError, match="needs another language"):
        translated(REPORT, CASE.study, "en")


def test_the_translation_survives_json():
    assert from_json(Report, json.loads(json.dumps(to_json(BOTH), ensure_ascii=False))) == BOTH


def test_a_sentence_left_out_of_the_translation_is_objected_to():
    first, *rest = BOTH.translation.sections
    findings = next(s for s in rest if s.name is SectionName.FINDINGS)
    short = replace(findings, statements=findings.statements[:-1])
    sections = tuple(short if s.name is SectionName.FINDINGS else s for s in (first, *rest))
    changed = replace(BOTH, translation=replace(BOTH.translation, sections=sections))
    assert {o.fault for o in LOCK.check(changed)} == {Fault.TRANSLATION_DIFFERS, Fault.OMITTED}


def test_a_clinicians_sentence_is_named_and_not_translated():
    sentence = Statement(text="Spiculated margin.", kind=StatementKind.FACT, source=Source.CLINICIAN)
    sections = tuple(
        replace(s, statements=(*s.statements, sentence)) if s.name is SectionName.FINDINGS else s
        for s in REPORT.sections
    )
    both = translated(replace(REPORT, sections=sections), CASE.study, "zh")
    last = both.in_translation().section(SectionName.FINDINGS).statements[-1]
    assert (last.source, last.text) == (Source.CLINICIAN, "签署文本中另有一句由医师书写，此处未翻译。")
    assert LOCK.check(both) == ()


def test_a_refused_sentence_is_replaced_and_the_translation_made_again():
    section = REPORT.section(SectionName.FINDINGS)
    wrong = replace(section.statements[0], text="Right lung volume: 1 ml.", source=Source.DECODER)
    draft = tuple(
        replace(s, statements=(wrong, *s.statements[1:])) if s.name is section.name else s for s in BOTH.sections
    )
    locked = lock_report(replace(BOTH, sections=draft), REPORT, CASE.study)
    assert locked.section(section.name).statements[0].replaces == wrong.text
    assert locked.translation == BOTH.translation


def test_a_decoder_sentence_that_leaves_out_what_the_translation_says_gives_way():
    """As the decoder words it at times: without the image, which the writer's translation names."""
    section = REPORT.section(SectionName.FINDINGS)
    index = next(n for n, t in enumerate(section.statements) if "image 77" in t.text)
    whole = section.statements[index]
    short = replace(whole, text=re.sub(r" \(series \d+, image 77\)", "", whole.text), source=Source.DECODER)
    assert short.text != whole.text
    statements = tuple(short if n == index else t for n, t in enumerate(section.statements))
    draft = tuple(replace(s, statements=statements) if s.name is section.name else s for s in BOTH.sections)
    assert EvidenceLock(CASE.study).check(replace(BOTH, sections=draft, translation=None)) == ()
    assert "references" in {d.what for d in differences(replace(BOTH, sections=draft), BOTH.in_translation())}
    locked = lock_report(replace(BOTH, sections=draft), REPORT, CASE.study)
    stands = locked.section(section.name).statements[index]
    assert (stands.text, stands.replaces) == (whole.text, short.text)
    assert stands.objection.startswith("translation_differs")
    assert LOCK.check(locked) == ()
    alone = lock_report(replace(BOTH, sections=draft, translation=None), REPORT, CASE.study)
    assert alone.section(section.name).statements[index] == short


def test_rejecting_and_appending_renew_the_translation():
    reading = Reading(study=CASE.study, report=BOTH)
    nodules = [f for f in CASE.findings if f.type == terms.NODULE]
    rejected = Review(state=ReviewState.REJECTED, reviewer="Dr. A", reason="vessel")
    after = review(reading, [nodules[0].tracking_uid], rejected).report
    assert LOCK.check(after) == ()
    assert len(after.translation.sections[4].statements) < len(BOTH.translation.sections[4].statements)
    reviewed = tuple(replace(f, review=Review(state=ReviewState.ACCEPTED, reviewer="Dr. A")) for f in CASE.findings)
    signed = replace(BOTH, findings=reviewed, status=ReportStatus.FINAL, verified_by="Dr. A")
    appended = append(
        replace(reading, report=signed), "Seen with Dr. B.", Signer(login="a"), "2026-01-01", "read again"
    )
    assert appended.report.translation.sections[-1].name is SectionName.ADDENDUM
    assert "未翻译" in appended.report.translation.sections[-1].statements[0].text


def test_a_reader_takes_its_languages_from_two_parameters():
    with pytest.raises(ConfigError, match="language of en, zh"):
        StudyReader(language="de")
    with pytest.raises(ConfigError, match="another language than the report's"):
        StudyReader(language="zh", translation="zh")


def test_the_page_shows_which_text_is_signed(case) -> None:
    study = case.reading.study
    report = translated(case.reading.report, study, "zh")
    page = render_html(replace(case.reading, report=report), case.inputs[1])
    assert "Text for signature: English" in page
    assert '<div class="translation" lang="zh">' in page
    assert "译文：中文。非签署文本；如有出入，以英文文本为准。" in page
    signed = replace(report, status=ReportStatus.FINAL, verified_by="Dr. A")
    assert "Signed text: English" in render_html(replace(case.reading, report=signed), case.inputs[1])


def test_a_chinese_page_is_chinese(case) -> None:
    study, findings = case.reading.study, case.reading.report.findings
    report = write_report(study, findings, provenance=PROVENANCE, language="zh", warnings=(WARNING,))
    page = render_html(replace(case.reading, report=report), case.inputs[1])
    assert page.startswith('<!DOCTYPE html>\n<html lang="zh">')
    for words in ("影像所见", "印象", "未评估内容", "非医疗器械", "测量项目", "仅找到一侧肺", "层厚大于1.5 mm"):
        assert words in page, words
    assert '"Noto Sans CJK SC"' in page
    text = page[page.index("<body>") : page.index("<script>")]
    visible = " ".join(t.strip() for t in _text_nodes(text))
    names = "CT HU MR SHA LPS UID STANDARD kVp CTDIvol chest head heads cpu lock trial test mm ml cm ct nbsp"
    assert set(_latin_words(visible)) <= {*names.split(), "Fleischner", "Lung", "RADS"}


def _text_nodes(html: str) -> list[str]:
    return re.findall(r">([^<]+)<", html)


def _latin_words(text: str) -> list[str]:
    return [w for w in re.findall(r"[A-Za-z]{2,}", text) if not re.fullmatch(r"[a-f]+", w)]


def test_sections_without_an_equal_are_told():
    extra = Section(name=SectionName.ADDENDUM, statements=(REPORT.statements[0],))
    longer = replace(REPORT, sections=(*REPORT.sections, extra))
    assert [d.section for d in differences(REPORT, longer)] == ["addendum"]
    assert [d.second for d in differences(longer, REPORT)] == [""]
