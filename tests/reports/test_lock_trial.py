"""The counted trial: every planted change caught, no untouched report refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tomoscribe.core import Laterality, Presence, SectionName, terms
from tomoscribe.fusion.prompts import TaggedSentence
from tomoscribe.reports.lock import EvidenceLock
from tomoscribe.validation.lock_trial.changes import CHANGES
from tomoscribe.validation.lock_trial.decoder import DecoderSource, shipped_decoder
from tomoscribe.validation.lock_trial.patients import random_case
from tomoscribe.validation.lock_trial.trial import default_sources, run_trial, table

PARAPHRASES = Path(__file__).parent / "paraphrases.json"


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


@pytest.mark.slow
def test_a_thousand_changes_are_caught_and_a_thousand_reports_pass(capsys):
    counts = run_trial(default_sources(PARAPHRASES, shipped_decoder()))
    with capsys.disabled():
        print(f"\n{table(counts)}")
    assert sum(counts.planted.values()) == 1000
    assert {kind for kind, _ in counts.planted} == set(CHANGES)
    assert counts.missed == []
    assert counts.false == []


def test_each_kind_of_change_is_caught_in_the_writers_words():
    sources = {name: (source, len(CHANGES)) for name, (source, _) in default_sources(PARAPHRASES).items()}
    counts = run_trial(sources, first_seed=70_000)
    assert counts.missed == []
    assert counts.false == []
    assert all(number == 1 for number in counts.planted.values())
