"""What a phrase can mean to the grammar, and the shape of a language's tables. The words are data of each language.

English words are in ``lexicon_en``, Chinese ones in ``lexicon_zh``; grammar, binding and entailment know kinds, values
and tags alone, so both languages yield the same claims.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tomoscribe.core import Code
from tomoscribe.reports.writer.language import check_language


class Kind(StrEnum):
    """What a phrase means to the grammar."""

    NEUTRAL = "neutral"
    ENTITY = "entity"
    SIDE = "side"
    SITE = "site"
    LOBE = "lobe"
    LEVEL = "level"
    DENSITY = "density"
    QUANTITY = "quantity"
    UNIT = "unit"
    NUMBER = "number"
    DATE = "date"
    REFERENCE = "reference"
    DIRECTION = "direction"
    PRIOR = "prior"
    VERSUS = "versus"
    NOW = "now"
    PAST = "past"
    NEGATION = "negation"
    NORMAL = "normal"
    HEDGE = "hedge"
    DETERMINED = "determined"
    ASSESSED = "assessed"
    CONFIRMED = "confirmed"
    UNASSESSED = "unassessed"
    LOBE_UNKNOWN = "lobe_unknown"
    DENSITY_UNKNOWN = "density_unknown"
    UNDETERMINED = "undetermined"
    SEEN = "seen"
    """What else was seen of a lesion: its value is (attribute, value)."""
    TOPIC = "topic"
    LARGEST = "largest"
    SIZE_WORD = "size_word"
    NO_PRIOR = "no_prior"
    LAA = "laa"
    TIMES = "times"
    FROM = "from"
    TO = "to"
    BY = "by"
    AND = "and"
    WITH = "with"
    DASH = "dash"
    ARROW = "arrow"
    COMMA = "comma"
    COLON = "colon"
    OPEN = "open"
    CLOSE = "close"
    STOP = "stop"
    REFUSED = "refused"
    """Not understood, and listed only so that its parts are not read instead."""
    CLASSIFIER = "classifier"
    """A measure word (枚, 个) that makes the number before it a count."""


class Tag(StrEnum):
    """What a phrase is besides its kind."""

    ASSESSED = "assessed"
    """A verb of looking that a negation in front of it turns into 'not assessed'."""
    EXCLUDED = "excluded"
    """Such a verb that turns into 'not excluded' instead."""
    DETERMINED = "determined"
    CONFIRMED = "confirmed"
    NEITHER = "neither"
    NOR = "nor"
    SEEING = "seeing"
    """Would claim a look at an organ in a sentence on what was not assessed, unless it is denied."""
    PLURAL = "plural"
    """Claims more than one of what it names."""
    UP_TO = "up_to"
    """Of a largest one, without ranking it."""
    DELTA = "delta"
    """A number beside it says by how much: '4 mm larger', 'growth of 4 mm'."""
    DELTA_BEHIND = "delta_behind"
    """A number right behind it does."""


AXES = "axes"
DIAMETER = "diameter"
ATTENUATION = "attenuation"
MEAN = "mean"
PROBABILITY = "probability"


@dataclass(frozen=True, kw_only=True)
class Tables:
    """One language's words.

    Args:
        code: ISO 639-1.
        rows: (phrase, kind, value); the first row that holds a phrase has it, the longest phrase of a text wins.
        tags: the phrases that carry a tag.
        no_priors: phrases that say that there is nothing to compare with.
        no_prior_fillers: what such a sentence may hold besides.
        neutral: words without meaning for the lock.
        shortest_note: a quoted note with fewer characters might be a claim and is parsed.
    """

    code: str
    rows: tuple[tuple[str, Kind, Any], ...]
    tags: Mapping[Tag, frozenset[str]]
    no_priors: tuple[str, ...]
    no_prior_fillers: frozenset[str]
    neutral: frozenset[str]
    shortest_note: int

    def tags_of(self, text: str) -> frozenset[Tag]:
        """The tags of a phrase."""
        return frozenset(tag for tag, phrases in self.tags.items() if text in phrases)


def rows_of(
    valued: Sequence[tuple[Kind, Mapping[str, Any]]], plain: Sequence[tuple[Kind, str]]
) -> Iterator[tuple[str, Kind, Any]]:
    """Rows of tables whose phrases are separated by ``|``: those with values first, then those without."""
    for kind, table in valued:
        for phrases, value in table.items():
            yield from ((phrase, kind, value) for phrase in phrases.split("|"))
    for kind, phrases in plain:
        yield from ((phrase, kind, None) for phrase in phrases.split("|"))


def tables_of(code: str) -> Tables:
    """The tables of a language.

    Raises:
        ConfigError: the lock does not read this language.
    """
    if check_language(code) == "zh":
        from tomoscribe.reports.lock.lexicon_zh import TABLES_ZH

        return TABLES_ZH
    from tomoscribe.reports.lock.lexicon_en import TABLES_EN

    return TABLES_EN


LICENSED_NEGATIVES: frozenset[Code] = frozenset()
"""Finding types that may be called absent (CLINICAL 2): none in this version, no sensitivity is documented."""
