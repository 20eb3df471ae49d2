"""Overlap of words with a reference report: BLEU-1 to BLEU-4 and ROUGE-L, from their libraries.

Neither knows what is true: a writer of normal reports scores well in both. They stand beside chance, never alone.
Sources: Papineni et al. 2002 (sacrebleu, no smoothing); Lin 2004 (rouge-score, sentence level, no stemming).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tomoscribe.core.errors import InvalidValueError
from tomoscribe.validation.metrics.extras import need

_TOKEN = re.compile(r"[\u3400-\u9fff]|\d+(?:\.\d+)?|[^\W\d_\u3400-\u9fff]+|[^\w\s]")


def words(text: str) -> list[str]:
    """Lower-case words, numbers and signs; each Chinese character is a word."""
    return _TOKEN.findall(text.lower())


def bleu(written: Sequence[str], references: Sequence[str], *, order: int) -> float:
    """Corpus BLEU of n-grams up to ``order`` with brevity penalty, 0 to 1."""
    _check(written, references)
    if not 1 <= order <= 4:
        raise InvalidValueError(f"expected an order of 1 to 4, found {order}")
    metric = need("sacrebleu.metrics", "BLEU").BLEU(
        max_ngram_order=order, tokenize="none", smooth_method="none", force=True
    )
    split = [[" ".join(words(text)) for text in texts] for texts in (written, references)]
    return float(metric.corpus_score(split[0], [split[1]]).score) / 100.0


def rouge_l(written: Sequence[str], references: Sequence[str]) -> float:
    """Mean F-measure of the longest common subsequence of words, 0 to 1."""
    _check(written, references)

    class _Words:
        def tokenize(self, text: str) -> list[str]:
            return words(text)

    scorer = need("rouge_score.rouge_scorer", "ROUGE-L").RougeScorer(["rougeL"], tokenizer=_Words())
    scores = [scorer.score(b, a)["rougeL"].fmeasure for a, b in zip(written, references, strict=True)]
    return float(sum(scores) / len(scores))


def _check(written: Sequence[str], references: Sequence[str]) -> None:
    if len(written) != len(references) or not written:
        raise InvalidValueError(
            f"expected a reference for each of at least one report, found {len(written)} and {len(references)}"
        )
