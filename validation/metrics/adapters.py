"""Text metrics of other people that need weights or word lists: off until they are installed, never fetched by us.

Each is called as its package's own page shows. Hub access is switched off before a package is imported, so that a score
never downloads anything: whoever wants one puts its weights into the local cache first. None of them could be run where
this file was written (their weights come from a hub); only that they are off, and say how to be switched on, is tested.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tomoscribe.core.errors import ConfigError, InvalidValueError, UnsupportedError
from tomoscribe.validation.metrics.text import words

Texts = Sequence[str]
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """One metric.

    Args:
        package: name to import.
        install: what to install, and what has to lie in the local cache.
        score: (written, references) to figures by name, each 0 to 1 and higher is better.
        source: paper.
    """

    package: str
    install: str
    score: Callable[[Texts, Texts], dict[str, float]]
    source: str

    @property
    def is_installed(self) -> bool:
        """Whether the package is there; its weights are looked for when it is used."""
        return importlib.util.find_spec(self.package) is not None


def available() -> dict[str, str]:
    """``installed`` or how to install it, for each metric."""
    return {name: "installed" if a.is_installed else a.install for name, a in ADAPTERS.items()}


def score(name: str, written: Texts, references: Texts) -> dict[str, float]:
    """A metric's figures over all reports.

    Raises:
        ConfigError: an unknown metric.
        UnsupportedError: it is not installed, or its weights or word lists are not on this machine.
        InvalidValueError: no report, or not a reference for each.
    """
    if name not in ADAPTERS:
        raise ConfigError(f"expected a metric of {', '.join(ADAPTERS)}, found '{name}'")
    if len(written) != len(references) or not written:
        raise InvalidValueError(
            f"expected a reference for each of at least one report, found {len(written)} and {len(references)}"
        )
    adapter = ADAPTERS[name]
    if not adapter.is_installed:
        raise UnsupportedError(f"the metric {name} is not installed", remedy=adapter.install)
    for variable in _OFFLINE:
        os.environ.setdefault(variable, "1")
    try:
        return adapter.score(list(written), list(references))
    except (LookupError, OSError, ImportError) as error:
        raise UnsupportedError(
            f"the metric {name} does not find what it needs ({type(error).__name__})", remedy=adapter.install
        ) from error


def _meteor(written: Texts, references: Texts) -> dict[str, float]:
    from nltk.corpus import wordnet
    from nltk.translate.meteor_score import meteor_score

    wordnet.ensure_loaded()  # else words that match exactly would be scored without their synonyms
    pairs = zip(written, references, strict=True)
    scores = [float(meteor_score([words(reference)], words(text))) for text, reference in pairs]
    return {"meteor": sum(scores) / len(scores)}


def _radgraph(written: Texts, references: Texts) -> dict[str, float]:
    made: Any = importlib.import_module("radgraph").F1RadGraph(reward_level="all", model_type="radgraph-xl")
    simple, partial, complete = made(hyps=list(written), refs=list(references))[0]
    return {"radgraph_simple": float(simple), "radgraph_partial": float(partial), "radgraph_complete": float(complete)}


def _ratescore(written: Texts, references: Texts) -> dict[str, float]:
    scores = importlib.import_module("RaTEScore").RaTEScore().compute_score(list(written), list(references))
    return {"ratescore": float(sum(scores) / len(scores))}


def _green(written: Texts, references: Texts) -> dict[str, float]:
    made: Any = importlib.import_module("green_score").GREEN("StanfordAIMI/GREEN-radllama2-7b", output_dir=".")
    return {"green": float(made(list(references), list(written))[0])}


def _radeval(written: Texts, references: Texts) -> dict[str, float]:
    made: Any = importlib.import_module("RadEval").RadEval(do_radgraph=True, do_ratescore=True, do_chexbert=True)
    found = made(refs=list(references), hyps=list(written))
    return {f"radeval_{k}": float(v) for k, v in found.items() if isinstance(v, int | float)}


ADAPTERS: Mapping[str, Adapter] = {
    "meteor": Adapter(
        package="nltk",
        install="pip install nltk, and put WordNet into nltk's data folder (corpora/wordnet)",
        score=_meteor,
        source="Banerjee and Lavie 2005",
    ),
    "radgraph": Adapter(
        package="radgraph",
        install="pip install radgraph, and put radgraph-xl into its cache",
        score=_radgraph,
        source="Jain et al. 2021; Delbrouck et al. 2024",
    ),
    "ratescore": Adapter(
        package="RaTEScore",
        install="pip install RaTEScore medspacy, and put its two models into the local hub cache",
        score=_ratescore,
        source="Zhao et al. 2024",
    ),
    "green": Adapter(
        package="green_score",
        install="pip install green-score, and put StanfordAIMI/GREEN-radllama2-7b into the local hub cache (GPU)",
        score=_green,
        source="Ostmeier et al. 2024",
    ),
    "radeval": Adapter(
        package="RadEval",
        install="pip install RadEval, and put the models of the metrics it is asked for into the local hub cache",
        score=_radeval,
        source="Xu et al. 2025",
    ),
}
