"""Overlap of words with the reference reports, beside the two writers who never look at the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tomoscribe.validation.honesty.chance import chance_texts, normal_text
from tomoscribe.validation.honesty.pairs import Pairs
from tomoscribe.validation.honesty.settings import Settings
from tomoscribe.validation.honesty.tallies import Floats
from tomoscribe.validation.metrics.intervals import interval, weights
from tomoscribe.validation.metrics.text import MAX_ORDER, bleu_counts, bleu_of_counts, rouge_l_each
from tomoscribe.validation.records import Better, Case, Score

_BLEU = "corpus BLEU without smoothing (Papineni et al. 2002); a writer who sees no patient scores well"
_ROUGE = "mean ROUGE-L F-measure (Lin 2004); a writer who sees no patient scores well"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Texts:
    """What one writer's reports share with the references: (cases, 10) and (cases,)."""

    counts: Floats
    rouge: Floats


def text_scores(pairs: Pairs, training: Sequence[Case], settings: Settings) -> tuple[Score, ...]:
    """BLEU-1 to BLEU-4 and ROUGE-L of the cases that have a reference report in the prediction's language."""
    rows = [
        n
        for n, (case, said) in enumerate(zip(pairs.cases, pairs.predictions, strict=True))
        if case.report and said.text is not None and case.language == said.language
    ]
    if not rows:
        return ()
    references = [pairs.cases[n].report or "" for n in rows]
    own = _compare([pairs.texts[n] for n in rows], references)
    normal = {key: normal_text(training or pairs.cases, key) for key in {c.language for c in pairs.cases}}
    blank = _compare([normal[pairs.cases[n].language] for n in rows], references)
    blind = [
        _compare([texts[n] or "" for n in rows], references) for texts in chance_texts(pairs, training, settings.seed)
    ]
    drawn = weights([pairs.patients[n] for n in rows], rounds=settings.rounds, seed=settings.seed)
    patients = len({pairs.patients[n] for n in rows})
    scores = [_bleu(order, own, blind, blank, drawn, patients) for order in range(1, MAX_ORDER + 1)]
    return (*scores, _rouge(own, blind, blank, drawn, patients))


def _compare(written: Sequence[str], references: Sequence[str]) -> _Texts:
    counts = np.array([bleu_counts(a, b) for a, b in zip(written, references, strict=True)])
    return _Texts(counts=counts, rouge=rouge_l_each(written, references))


def _bleu(order: int, own: _Texts, blind: Sequence[_Texts], blank: _Texts, drawn: Floats, patients: int) -> Score:
    def of(texts: _Texts) -> float:
        return float(bleu_of_counts(texts.counts.sum(axis=0)[None], order)[0])

    low, high = interval(bleu_of_counts(drawn @ own.counts, order))
    return Score(
        name=f"text/bleu_{order}",
        value=of(own),
        low=low,
        high=high,
        n=len(own.rouge),
        better=Better.HIGHER,
        source=_BLEU,
        chance=float(np.mean([of(b) for b in blind])),
        always_normal=of(blank),
        num_patients=patients,
    )


def _rouge(own: _Texts, blind: Sequence[_Texts], blank: _Texts, drawn: Floats, patients: int) -> Score:
    low, high = interval(drawn @ own.rouge / drawn.sum(axis=1))
    return Score(
        name="text/rouge_l",
        value=float(own.rouge.mean()),
        low=low,
        high=high,
        n=len(own.rouge),
        better=Better.HIGHER,
        source=_ROUGE,
        chance=float(np.mean([b.rouge.mean() for b in blind])),
        always_normal=float(blank.rouge.mean()),
        num_patients=patients,
    )
