"""Metrics that need other people's weights are off until installed, and say how to switch them on."""

from __future__ import annotations

import pytest

from tomoscribe.core.errors import ConfigError, InvalidValueError, UnsupportedError
from tomoscribe.validation.metrics.adapters import ADAPTERS, available, score


@pytest.mark.parametrize("name", ["radgraph", "ratescore", "green", "radeval"])
def test_what_is_not_installed_says_how_to_install_it(name: str) -> None:
    if ADAPTERS[name].is_installed:
        pytest.skip(f"{name} is installed here")
    assert available()[name].startswith("pip install ")
    with pytest.raises(UnsupportedError, match=f"{name} is not installed"):
        score(name, ["A nodule."], ["A nodule."])


def _has_wordnet() -> bool:
    corpus = pytest.importorskip("nltk.corpus")
    try:
        corpus.wordnet.ensure_loaded()
    except LookupError:
        return False
    return True


def test_meteor_scores_where_wordnet_is_and_says_so_where_it_is_not() -> None:
    text = ["the cat sat on the mat"]
    if _has_wordnet():
        # one chunk of six matched words: 1 - 0.5 x (1 / 6)^3
        assert score("meteor", text, text)["meteor"] == pytest.approx(1 - 0.5 * (1 / 6) ** 3, abs=1e-6)
        return
    with pytest.raises(UnsupportedError, match="WordNet"):
        score("meteor", text, text)


def test_an_unknown_metric_and_missing_references_are_refused() -> None:
    with pytest.raises(ConfigError, match="found 'cider'"):
        score("cider", ["a"], ["a"])
    with pytest.raises(InvalidValueError, match="found 1 and 0"):
        score("meteor", ["a"], [])
