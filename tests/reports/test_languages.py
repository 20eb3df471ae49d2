"""The languages as data: the same keys and slots in both, Chinese for every label and for every note that is said."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from tomoscribe.core import Acquisition, Code, terms
from tomoscribe.core.errors import ConfigError
from tomoscribe.core.report import ReportStatus, SectionName, Source
from tomoscribe.core.serial import NOTICE
from tomoscribe.findings import heads
from tomoscribe.findings.brain import measure as brain
from tomoscribe.findings.brain import plausible
from tomoscribe.findings.change.compare import REASONS
from tomoscribe.findings.chest import emphysema
from tomoscribe.findings.chest import measure as chest
from tomoscribe.reports import labels
from tomoscribe.reports.export import html
from tomoscribe.reports.key_images import LUNG, MEDIASTINUM
from tomoscribe.reports.writer import header, language_of
from tomoscribe.reports.writer.notes_zh import is_known, note_in_chinese
from tomoscribe.validation.lock_trial.patients import EMPHYSEMA_REASONS, THICK_NOTE

ENGLISH, CHINESE = language_of("en"), language_of("zh")


def _slots(phrase: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(phrase) if name}


def test_both_languages_have_the_same_phrases_with_the_same_slots():
    assert set(ENGLISH.phrases) == set(CHINESE.phrases)
    for key, phrases in CHINESE.phrases.items():
        wanted = set().union(*(_slots(p) for p in ENGLISH.phrases[key]))
        for phrase in phrases:
            assert _slots(phrase) <= wanted | {"place", "entity"}, key
            assert wanted - {"place"} <= _slots(phrase) | {"entity"}, key


def test_both_languages_have_the_same_single_wordings_and_words():
    assert set(ENGLISH.texts) == set(CHINESE.texts)
    places = {"organ_both", "organ", "effusion_side", "brain_side", "both", "sided", "site", "site_side", "subject"}
    for key, text in CHINESE.texts.items():
        if key not in places:
            assert _slots(text) == _slots(ENGLISH.texts[key]), key
    for table in ("entities", "sites", "densities", "quantities", "sides", "topics", "exams"):
        assert set(getattr(ENGLISH, table)) == set(getattr(CHINESE, table)), table


def test_every_topic_of_every_examination_has_words():
    for topics in (*header.NOT_ASSESSED.values(), *header.NOT_EXCLUDED.values()):
        assert {t.key for t in topics} <= set(CHINESE.topics)
    assert {e.value for e in header.Exam} == set(CHINESE.exams)


def test_chinese_words_hold_no_latin_letters_but_names_and_units():
    words = [*CHINESE.texts.values(), *(p for phrases in CHINESE.phrases.values() for p in phrases)]
    for text in words:
        bare = re.sub(r"\{\w+\}|CTDIvol|LAA-950|Perc15|-950 HU|CT|HU|mm", "", text)
        assert not re.search("[A-Za-z]", bare), text


def test_every_label_of_the_page_has_chinese_words():
    template = (html.TEMPLATES / html.TEMPLATE).read_text(encoding="utf-8")
    said = set(re.findall(r'(?<![a-z])t\("((?:[^"\\]|\\.)*)"\)', template))
    said |= set(re.findall(r'labels\("((?:[^"\\]|\\.)*)"\)', Path(html.__file__).read_text(encoding="utf-8")))
    said |= {name.value.replace("_", " ").capitalize() for name in SectionName}
    said |= {status.value.replace("_", " ") for status in ReportStatus}
    said |= {NOTICE, LUNG.name, MEDIASTINUM.name, "MR percentiles 1 to 99", *(s.value for s in Source)} - {"writer"}
    assert said - set(labels.CHINESE) == set()
    assert all(_slots(k) == _slots(v) for k, v in labels.CHINESE.items())


def test_every_coded_term_in_use_has_a_chinese_word():
    chinese = labels.labels_of("zh")
    codes = [c for c in vars(terms).values() if isinstance(c, Code) and c.scheme != "UCUM"]
    sides = (terms.RIGHT, terms.LEFT, terms.BILATERAL, terms.MIDLINE)
    categories = (terms.ANATOMICAL_STRUCTURE, terms.ABNORMAL_STRUCTURE)
    shown = [c for c in codes if c not in (*sides, *categories)]
    assert [c.meaning for c in shown if chinese.term(c) == c.meaning] == []
    assert labels.labels_of("en").term(terms.LUNG) == "Lung"


def _said_by_the_measuring() -> list[str]:
    """What findings and warnings say, from the modules that say it."""
    sharp = Acquisition(manufacturer="SIEMENS", kernel="B70f", contrast=True)
    rows = ((100.0, 80.0, 1.0), (1400.0, 100.0, 20.0), (1400.0, 1100.0, 900.0))
    volumes = [plausible.Volumes(intracranial_ml=i, brain_ml=b, ventricles_ml=v) for i, b, v in rows]
    against = emphysema.objections(sharp, 5.0)
    notes = [
        chest.THICK_NOTE,
        heads.NOTE,
        header.CHILD_NOTE,
        *REASONS,
        f"not reliable because of {', '.join(against[:-1])} and {against[-1]}",
        "intravenous contrast, reconstruction kernel and depth of inspiration not known",
        THICK_NOTE.format(2.5),
        *EMPHYSEMA_REASONS,
        *emphysema.doubts(Acquisition()),
        *map(plausible.objection, volumes),
    ]
    constants = [v for k, v in vars(brain).items() if k.startswith("_") and k.isupper() and isinstance(v, str)]
    return [*notes, *constants]


@pytest.mark.parametrize("note", _said_by_the_measuring())
def test_what_the_measuring_says_is_said_in_chinese(note):
    assert is_known(note)
    assert not re.search(r"[a-z]{3,}", note_in_chinese(note))


def test_lists_numbers_and_series_are_carried_over():
    assert note_in_chinese("not reliable because of thick slices and a sharp kernel") == (
        "因层厚过厚、锐利重建卷积核而不可靠"
    )
    assert note_in_chinese("3 DICOM files are damaged and left out.") == "3个DICOM文件损坏，未读入"
    assert note_in_chinese("Series 4: the images were compressed with loss") == "序列4：图像经过有损压缩"


def test_an_unknown_note_is_quoted_as_english_and_never_lost():
    assert note_in_chinese("metal in the field of view") == "英文原注：“metal in the field of view”"


def test_an_unknown_language_is_refused_with_the_ones_there_are():
    with pytest.raises(ConfigError, match="language of en, zh, found 'fr'"):
        language_of("fr")
