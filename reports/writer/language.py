"""A language of the writer: data alone. What is said, in which order and about which findings is the same in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tomoscribe.core import Code, Laterality
from tomoscribe.core.errors import ConfigError

CODES = ("en", "zh")
"""ISO 639-1 codes of the languages that the writer writes and the evidence lock reads."""
DECODER_LANGUAGE = "en"
"""The one language that the decoder was trained on."""


@dataclass(frozen=True, kw_only=True)
class Language:
    """The words of one language.

    Args:
        code: ISO 639-1, as in ``Report.language``.
        phrases: key to phrasings with slots in braces; the first is the writer's own.
        texts: key to the one wording of what has no variety: places, header facts, joints between phrases.
        entities, sites, densities, quantities: words of the coded terms.
        sides: left, right, midline, as they stand before a paired organ.
        beside: the same, as they stand before a finding.
        topics: words of what is not assessed or not excluded, by ``header.Topic.key``.
        exams: words of the examinations, by ``header.Exam``.
        units: unit words in prose that differ from ``rounding.UNIT_WORDS``.
        names_its_site: finding types whose noun names the organ already.
        capitalizes: whether a sentence begins with a capital letter.
        note: a note, reason or warning of the findings (English) in this language.
    """

    code: str
    phrases: Mapping[str, tuple[str, ...]]
    texts: Mapping[str, str]
    entities: Mapping[Code, str]
    sites: Mapping[Code, str]
    densities: Mapping[Code, str]
    quantities: Mapping[Code, str]
    sides: Mapping[Laterality, str]
    beside: Mapping[Laterality, str]
    topics: Mapping[str, str]
    exams: Mapping[str, str]
    units: Mapping[str, str]
    names_its_site: frozenset[Code]
    capitalizes: bool
    note: Callable[[str], str]

    def text(self, key: str, **slots: str) -> str:
        """The wording of that key with its slots filled."""
        return self.texts[key].format(**slots)

    def listed(self, items: list[str]) -> str:
        """Items of a list, joined as this language joins them."""
        return self.texts["item_joint"].join(items)

    def lowered(self, words: str) -> str:
        """Words that begin no sentence."""
        return words.lower() if self.capitalizes else words

    def sided(self, side: Laterality, organ: str) -> str:
        """An organ with its side, as a title: ``Left lung``."""
        return self.started(self.text("side", side=self.sides[side]) + self.lowered(organ))

    def started(self, sentence: str) -> str:
        """The sentence with a capital first letter, where the language has one."""
        return sentence[:1].upper() + sentence[1:] if self.capitalizes else sentence


def check_language(code: str) -> str:
    """The code, if reports can be written in it; what a configuration or a flag names goes through here.

    Raises:
        ConfigError: no report is written in this language.
    """
    if code not in CODES:
        raise ConfigError(
            f"expected a report language of {', '.join(CODES)}, found '{code}'",
            remedy="use en for English or zh for simplified Chinese",
        )
    return code


def language_of(code: str) -> Language:
    """The language of that code.

    Raises:
        ConfigError: no report is written in this language.
    """
    if check_language(code) == "zh":
        from tomoscribe.reports.writer.chinese import CHINESE

        return CHINESE
    from tomoscribe.reports.writer.english import ENGLISH

    return ENGLISH
