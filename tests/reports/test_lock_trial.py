"""The counted trial: every planted change caught, no untouched report refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tomoscribe.core import Laterality, Presence, SectionName, terms
from tomoscribe.core.errors import ConfigError
from tomoscribe.fusion.prompts import TaggedSentence
from tomoscribe.reports.lock import EvidenceLock
from tomoscribe.reports.writer import CODES
from tomoscribe.validation.lock_trial.changes import CHANGES
from tomoscribe.validation.lock_trial.decoder import DecoderSource, shipped_decoder
from tomoscribe.validation.lock_trial.patients import random_case
from tomoscribe.validation.lock_trial.trial import default_sources, run_trial, table
from tomoscribe.validation.lock_trial.wording import wording_of

HERE = Path(__file__).parent
PARAPHRASES = {"en": HERE / "paraphrases.json", "zh": HERE / "paraphrases_zh.json"}


class _Scripted:
    """A decoder that words each left nodule truly and each right one falsely."""

    def write_many(self, studies, *, temperature=0.0, seed=0, batch=32):
        return [tuple(self._sentences(sheet)) for sheet, _ in studies]

    def _sentences(self, sheet):
        for row in sheet.rows:
            long = row.finding.measurement(terms.LONG_AXIS)
            if row.finding.type == terms.NODULE and row.finding.presence is Presence.PRESENT:
                text = f"Left lung: nodule, long axis {long.value:.1f} mm."
                yield TaggedSentence(text=text, tag=row.tag, section=SectionName.IMPRESSION)


def test_a_decoders_false_sentences_are_replaced_before_the_trial():
    source = DecoderSource(_Scripted(), block=4)
    sides = []
    for seed in range(8):
        case = random_case(seed)
        assert EvidenceLock(case.study).check(source(case, seed)) == ()
        sides += [f.laterality for f in case.findings if f.type == terms.NODULE and f.presence is Presence.PRESENT]
    assert source.num_sentences == len(sides)
    assert source.num_refused == sides.count(Laterality.RIGHT) > 0


def test_chinese_changes_are_caught_and_untouched_chinese_reports_pass():
    """The full trial is run by hand: ``python -m tomoscribe.validation.lock_trial --language zh`` (docs/log.md)."""
    number = int(os.environ.get("TOMOSCRIBE_CHINESE_REPORTS", "132"))
    counts = run_trial(default_sources(PARAPHRASES["zh"], total=number, language="zh"), first_seed=900_000)
    assert sum(counts.planted.values()) == number
    assert {kind for kind, _ in counts.planted} == set(CHANGES)
    assert counts.missed == []
    assert counts.false == []


def test_there_is_no_wording_for_changes_in_another_language():
    with pytest.raises(ConfigError, match="found 'fr'"):
        wording_of("fr")


@pytest.mark.slow
def test_a_thousand_changes_are_caught_and_a_thousand_reports_pass(capsys):
    counts = run_trial(default_sources(PARAPHRASES["en"], shipped_decoder()))
    with capsys.disabled():
        print(f"\n{table(counts)}")
    assert sum(counts.planted.values()) == 1000
    assert {kind for kind, _ in counts.planted} == set(CHANGES)
    assert counts.missed == []
    assert counts.false == []


@pytest.mark.parametrize("language", CODES)
def test_each_kind_of_change_is_caught_in_the_writers_words(language):
    sources = default_sources(PARAPHRASES[language], language=language)
    sources = {name: (source, len(CHANGES)) for name, (source, _) in sources.items()}
    counts = run_trial(sources, first_seed=70_000)
    assert counts.missed == []
    assert counts.false == []
    assert all(number == 1 for number in counts.planted.values())
