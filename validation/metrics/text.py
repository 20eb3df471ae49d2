"""Overlap of words with a reference report: BLEU-1 to BLEU-4 and ROUGE-L.

Neither knows what is true: a writer of normal reports scores well in both. They stand beside chance, never alone.
Sources: Papineni et al. 2002 (corpus BLEU without smoothing, equal to sacrebleu's in a test); Lin 2004 (sentence
level, no stemming, equal to rouge-score's in a test).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core.errors import InvalidValueError

MAX_ORDER = 4
_TOKEN = re.compile(r"[\u3400-\u9fff]|\d+(?:\.\d+)?|[^\W\d_\u3400-\u9fff]+|[^\w\s]")


def words(text: str) -> list[str]:
    """Lower-case words, numbers and signs; each Chinese character is a word."""
    return _TOKEN.findall(text.lower())


def bleu(written: Sequence[str], references: Sequence[str], *, order: int) -> float:
    """Corpus BLEU of n-grams up to ``order`` with brevity penalty, 0 to 1."""
    _check(written, references)
    if not 1 <= order <= MAX_ORDER:
        raise InvalidValueError(f"expected an order of 1 to {MAX_ORDER}, found {order}")
    total = sum(bleu_counts(a, b) for a, b in zip(written, references, strict=True))
    return float(bleu_of_counts(np.asarray(total)[None], order)[0])


def bleu_counts(written: str, reference: str) -> NDArray[np.float64]:
    """What BLEU needs of one pair, to be added over a corpus.

    Returns:
        (10,): matches of 1 to 4 words, n-grams of 1 to 4 words, words written, words of the reference.
    """
    a, b = words(written), words(reference)
    matches, totals = [], []
    for n in range(1, MAX_ORDER + 1):
        mine, theirs = _ngrams(a, n), _ngrams(b, n)
        matches.append(sum((mine & theirs).values()))
        totals.append(max(0, len(a) - n + 1))
    return np.array([*matches, *totals, len(a), len(b)], float)


def bleu_of_counts(counts: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """BLEU of summed counts, (N, 10) to (N,)."""
    matches, totals = counts[:, :order], counts[:, MAX_ORDER : MAX_ORDER + order]
    written, reference = counts[:, -2], counts[:, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(matches / totals).mean(axis=1)
        brevity = np.where(written < reference, 1 - reference / written, 0.0)
        score = np.exp(logs + brevity)
    return np.where((matches > 0).all(axis=1) & (written > 0), score, 0.0)


def rouge_l(written: Sequence[str], references: Sequence[str]) -> float:
    """Mean F-measure of the longest common subsequence of words, 0 to 1."""
    scores = rouge_l_each(written, references)
    return float(scores.mean())


def rouge_l_each(written: Sequence[str], references: Sequence[str]) -> NDArray[np.float64]:
    """ROUGE-L of each report: harmonic mean of the longest common subsequence's share of both; 0 without words."""
    _check(written, references)
    pairs = ((words(a), words(b)) for a, b in zip(written, references, strict=True))
    return np.array([2 * _common(a, b) / (len(a) + len(b)) if a and b else 0.0 for a, b in pairs])


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, bit-parallel (Hyyro 2004): a bit for each word of ``first``."""
    places: dict[str, int] = {}
    for n, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << n
    full = (1 << len(first)) - 1
    row = full
    for word in second:
        hit = row & places.get(word, 0)
        row = ((row + hit) | (row - hit)) & full
    return len(first) - row.bit_count()


def _ngrams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[k : k + n]) for k in range(len(tokens) - n + 1))


def _check(written: Sequence[str], references: Sequence[str]) -> None:
    if len(written) != len(references) or not written:
        raise InvalidValueError(
            f"expected a reference for each of at least one report, found {len(written)} and {len(references)}"
        )
