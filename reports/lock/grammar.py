"""Tokens to claims: negations, units, counts, references, and numbers tied to their quantities."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from tomoscribe.core import Laterality, terms
from tomoscribe.reports.lock import lexicon
from tomoscribe.reports.lock.binding import Node, bind
from tomoscribe.reports.lock.claims import Claims, CountClaim, EntityClaim, ReferenceClaim, SideClaim
from tomoscribe.reports.lock.lexer import tokens
from tomoscribe.reports.lock.lexicon import Kind, Tag, tables_of
from tomoscribe.reports.lock.token import Token

_DENIABLE = frozenset({Tag.DETERMINED, Tag.ASSESSED, Tag.CONFIRMED})
_ATTENUATIONS = (lexicon.ATTENUATION, terms.MEAN_ATTENUATION)
_REACH = 6
"""How many words may lie between a negation and the verb it denies."""
_CHUNK_ENDS = (Kind.COMMA, Kind.COLON, Kind.OPEN, Kind.CLOSE, Kind.STOP)
_CLOSED = frozenset({Kind.ENTITY, Kind.TOPIC, Kind.DIRECTION, Kind.NUMBER, Kind.NEGATION, Kind.STOP})


@lru_cache(maxsize=20_000)
def parse(text: str, verbatim: tuple[str, ...] = (), language: str = "en") -> tuple[Claims, ...]:
    """The claims of each sentence part (parts end at a full stop or semicolon).

    Args:
        text: one or more sentences.
        verbatim: notes and reasons of the linked findings, which may be quoted word for word.
        language: of the text, ISO 639-1.
    """
    for words in sorted(verbatim, key=len, reverse=True):
        text = without_note(text, words, language)
    stream = _resolve_negations(list(tokens(text, language)))
    parts: list[list[Token]] = [[]]
    for token in stream:
        if token.kind is Kind.STOP:
            parts.append([])
        else:
            parts[-1].append(token)
    found = []
    largest = False
    for part in parts:
        if part:
            claims = _part_claims(part, largest=largest)
            largest = largest or claims.largest
            found.append(claims)
    return tuple(found)


def without_note(text: str, words: str, language: str) -> str:
    """The text without a quoted note; a note of one short word might be a claim and stays."""
    note = words.rstrip(".")
    if len(note) < tables_of(language).shortest_note:
        return text
    return re.sub(rf"(?<![a-z0-9]){re.escape(note)}(?![a-z0-9])", "", text, count=1, flags=re.IGNORECASE)


def _resolve_negations(stream: list[Token]) -> list[Token]:
    """Turn 'not ... assessed', 'lobe ... not determined' and the like into what they mean; a bare negation stays."""
    stream = list(stream)
    _absorb_neither(stream)
    for n, token in enumerate(stream):
        if token.kind is Kind.UNDETERMINED:
            _absorb_undetermined(stream, n)
        if token.kind is Kind.NEGATION and stream[n].kind is Kind.NEGATION:
            _absorb_negation(stream, n)
    for n, token in enumerate(stream):
        if token.kind in (Kind.LOBE_UNKNOWN, Kind.DENSITY_UNKNOWN):
            _absorb_twin(stream, n)
    return stream


def _absorb_twin(stream: list[Token], n: int) -> None:
    """'lobe and attenuation class not determined': what 'and' ties to the one is denied with it."""
    for step in (-1, 1):
        between = []
        m = n + step
        while 0 <= m < len(stream) and stream[m].kind in (Kind.NEUTRAL, Kind.AND):
            between.append(stream[m].kind)
            m += step
        if not 0 <= m < len(stream) or Kind.AND not in between:
            continue
        if stream[m].kind is Kind.LOBE:
            _mark(stream, (m,), Kind.LOBE_UNKNOWN)
        elif stream[m].kind is Kind.QUANTITY and stream[m].value in _ATTENUATIONS:
            _mark(stream, (m,), Kind.DENSITY_UNKNOWN)


def _absorb_neither(stream: list[Token]) -> None:
    """'neither its lobe nor its attenuation class was determined'."""
    bare = [n for n, t in enumerate(stream) if t.kind is not Kind.NEUTRAL and t.kind is not Kind.PAST]
    for five in zip(bare, bare[1:], bare[2:], bare[3:], bare[4:], strict=False):
        words = [stream[n] for n in five]
        if not (Tag.NEITHER in words[0].tags and Tag.NOR in words[2].tags and Tag.DETERMINED in words[4].tags):
            continue
        kinds = {words[1].kind, words[3].kind}
        attenuation = any(w.value in _ATTENUATIONS for w in (words[1], words[3]))
        if kinds == {Kind.LOBE, Kind.QUANTITY} and attenuation:
            _mark(stream, five, Kind.LOBE_UNKNOWN)
            stream[five[2]] = replace(stream[five[2]], kind=Kind.DENSITY_UNKNOWN)


def _absorb_negation(stream: list[Token], n: int) -> None:
    chunk = _chunk(stream, n)
    for m in range(n + 1, min(n + 1 + _REACH, len(stream))):
        token = stream[m]
        if token.tags & _DENIABLE:
            what = _undetermined_subject(stream, chunk, n, m)
            if what is not None:
                _mark(stream, (n, m, what[0]), what[1])
                return
            if Tag.CONFIRMED in token.tags and Tag.ASSESSED not in token.tags:
                _mark(stream, (n, m), Kind.HEDGE)
                return
            if Tag.ASSESSED in token.tags:
                stream[n] = replace(stream[n], kind=Kind.UNASSESSED, value=Tag.EXCLUDED in token.tags)
                stream[m] = replace(token, kind=Kind.NEUTRAL, text="", tags=frozenset())
                return
        if token.kind not in (
            Kind.NEUTRAL,
            Kind.PAST,
            Kind.HEDGE,
            Kind.BY,
            Kind.LOBE,
            Kind.QUANTITY,
            Kind.SITE,
            Kind.DENSITY,
        ):
            return


def _absorb_undetermined(stream: list[Token], n: int) -> None:
    chunk = _chunk(stream, n)
    what = _undetermined_subject(stream, chunk, n, n)
    if what is not None:
        _mark(stream, (n, what[0]), what[1])
    else:
        stream[n] = replace(stream[n], kind=None)


def _undetermined_subject(stream: list[Token], chunk: range, n: int, m: int) -> tuple[int, Kind] | None:
    """Whether the phrase around a negation denies a lobe or an attenuation class: (its place, what it means)."""
    if any(stream[c].kind in _CLOSED and c != n for c in range(min(n, m), m + 1)):
        return None
    near = [*range(n, m), *range(m + 1, min(m + 4, chunk.stop)), *range(n - 1, chunk.start - 1, -1)]
    for c in near:
        if stream[c].kind in (Kind.ENTITY, Kind.TOPIC, Kind.DIRECTION, Kind.NUMBER):
            return None
        if stream[c].kind is Kind.LOBE:
            return c, Kind.LOBE_UNKNOWN
        if stream[c].kind is Kind.QUANTITY and stream[c].value in _ATTENUATIONS:
            return c, Kind.DENSITY_UNKNOWN
    return None


def _mark(stream: list[Token], places: Iterable[int], kind: Kind) -> None:
    for n, place in enumerate(places):
        stream[place] = replace(stream[place], kind=kind if n == 0 else Kind.NEUTRAL)


def _chunk(stream: Sequence[Token], n: int) -> range:
    start = n
    while start > 0 and stream[start - 1].kind not in _CHUNK_ENDS:
        start -= 1
    stop = n + 1
    while stop < len(stream) and stream[stop].kind not in _CHUNK_ENDS:
        stop += 1
    return range(start, stop)


def _part_claims(part: list[Token], *, largest: bool) -> Claims:
    claims = Claims()
    claims.unknown += [t.text for t in part if t.kind in (None, Kind.CONFIRMED, Kind.REFUSED)]
    claims.dates += [d for t in part for d in t.dates]
    claims.looked += [t.text for t in part if Tag.SEEING in t.tags]
    nodes = _nodes([t for t in part if t.kind not in (Kind.NEUTRAL, None)])
    start = 0 if largest else next((n for n, t in enumerate(nodes) if t.kind is Kind.LARGEST), len(nodes))
    claims.largest = largest or start < len(nodes)
    claims.ranked = any(t.kind is Kind.LARGEST and Tag.UP_TO not in t.tags for t in nodes)
    for n, node in enumerate(nodes):
        _collect(claims, node, superlative=n > start or largest)
    _collect_numbers(claims, nodes, start if not largest else -1)
    return claims


def _collect(claims: Claims, node: Node, *, superlative: bool) -> None:
    """Claims that stand for themselves, without a number."""
    kind, value = node.kind, node.value
    if kind is Kind.ENTITY:
        claims.entities.append(EntityClaim(types=value, words=node.text, plural=Tag.PLURAL in node.tags))
    elif kind is Kind.SIDE:
        claims.sides.append(SideClaim(side=value, superlative=superlative))
    elif kind is Kind.UNIT:
        claims.unbound.append(f"the unit '{node.text}'")
    elif kind is Kind.DENSITY and superlative:
        claims.largest_densities.append(value)
    elif kind is Kind.DIRECTION:
        claims.directions.append(value)
    elif kind is Kind.NEGATION:
        claims.negatives.append(node.text)
    elif kind is Kind.NORMAL:
        claims.normals.append(node.text)
    elif kind is Kind.HEDGE:
        claims.hedges.append(node.text)
    elif kind is Kind.UNASSESSED:
        claims.unassessed, claims.unexcluded = True, claims.unexcluded or bool(value)
    elif kind is Kind.LOBE_UNKNOWN:
        claims.lobe_unknown = True
    elif kind is Kind.DENSITY_UNKNOWN:
        claims.density_unknown = True
    elif kind in _LISTS:
        getattr(claims, _LISTS[kind]).append(value)


_LISTS: dict[Kind, str] = {
    Kind.SITE: "sites",
    Kind.LEVEL: "levels",
    Kind.DENSITY: "densities",
    Kind.SEEN: "seen",
    Kind.TOPIC: "topics",
    Kind.SIZE_WORD: "size_words",
}


def _nodes(stream: list[Token]) -> list[Node]:
    """Tokens without neutral words; a number with its unit becomes one node."""
    nodes: list[Node] = []
    n = 0
    while n < len(stream):
        token = stream[n]
        if token.kind is not Kind.NUMBER:
            nodes.append(Node(kind=token.kind, value=token.value, text=token.text, tags=token.tags))
            n += 1
            continue
        unit = _unit_of(stream, n)
        words = token.text + ("" if unit is None else f" {unit.text}")
        nodes.append(Node(kind=Kind.NUMBER, value=token.value, text=words, unit=unit.value if unit else None))
        n += 2 if n + 1 < len(stream) and stream[n + 1].kind is Kind.UNIT else 1
    return nodes


_UNIT_BRIDGES = (Kind.TIMES, Kind.BY, Kind.AND, Kind.TO, Kind.DASH)


def _unit_of(stream: list[Token], n: int) -> Token | None:
    """The unit of the number at n: behind it, or behind the next number of '14 x 11 mm', '600 to 850 mm3'."""
    if n + 1 < len(stream) and stream[n + 1].kind is Kind.UNIT:
        return stream[n + 1]
    if n > 0 and stream[n - 1].kind is Kind.REFERENCE:
        return None
    bridged = n + 3 < len(stream) and stream[n + 1].kind in _UNIT_BRIDGES and stream[n + 2].kind is Kind.NUMBER
    if bridged and stream[n + 3].kind is Kind.UNIT:
        return stream[n + 3]
    return None


def _collect_numbers(claims: Claims, nodes: list[Node], start: int) -> None:
    left = _references(claims, nodes, start)
    left = _counts(claims, left)
    for node in left:
        if node.kind is Kind.NUMBER and node.unit is None and not node.done and not _is_probability(left, node):
            claims.unbound.append(f"the number {node.text}")
    superlative_from = nodes[start] if 0 <= start < len(nodes) else None
    bind(claims, left, superlative_from, everything=start < 0)


def _is_probability(nodes: Sequence[Node], node: Node) -> bool:
    if any(n.kind is Kind.QUANTITY and n.value == lexicon.PROBABILITY for n in nodes) and 0 < node.value < 1:
        node.value, node.unit, node.done = node.value * 100, (terms.PERCENT, "1"), False
        node.name = lexicon.PROBABILITY
        return True
    return False


def _references(claims: Claims, nodes: list[Node], start: int) -> list[Node]:
    left = []
    skip = False
    for n, node in enumerate(nodes):
        following = nodes[n + 1] if n + 1 < len(nodes) else None
        if skip:
            skip = False
        elif node.kind is Kind.REFERENCE:
            if following is not None and following.kind is Kind.NUMBER and following.unit is None:
                superlative = n > start
                claims.references.append(
                    ReferenceClaim(what=node.value, number=following.value, superlative=superlative)
                )
                skip = True
        else:
            left.append(node)
    return left


_COUNT_BETWEEN = (Kind.DENSITY, Kind.SITE, Kind.SIDE, Kind.HEDGE, Kind.SIZE_WORD, Kind.DIRECTION)


def _counts(claims: Claims, nodes: list[Node]) -> list[Node]:
    """Bare numbers that count: before a noun, behind 'number of lesions' or a noun with a colon, beside a side."""
    has_count = False
    for n, node in enumerate(nodes):
        if node.kind is not Kind.NUMBER or node.unit is not None:
            continue
        rest = [m for m in nodes[n + 1 :] if m.kind not in _COUNT_BETWEEN]
        before = [m for m in nodes[:n] if m.kind is not Kind.COLON]
        counted = bool(rest) and rest[0].kind is Kind.ENTITY
        after_name = bool(before) and before[-1].kind is Kind.QUANTITY and before[-1].value == terms.COUNT
        classified = n + 1 < len(nodes) and nodes[n + 1].kind is Kind.CLASSIFIER
        before_name = n + 1 < len(nodes) and nodes[n + 1].kind is Kind.QUANTITY and nodes[n + 1].value == terms.COUNT
        listed = n > 1 and nodes[n - 1].kind is Kind.COLON and nodes[n - 2].kind is Kind.ENTITY
        per_side = (has_count or _later_count(nodes, n)) and bool(_sides_near(nodes, n))
        if not (counted or classified or after_name or before_name or listed or per_side):
            continue
        of_largest = any(m.kind is Kind.LARGEST for m in nodes[:n])
        sides = () if of_largest else _sides_near(nodes, n)
        has_count = True
        node.done = True
        claims.counts.append(CountClaim(number=node.value, sides=sides))
        for name in (nodes[n + 1] if before_name else None, before[-1] if after_name else None):
            if name is not None:
                name.done = True
    return nodes


def _later_count(nodes: Sequence[Node], n: int) -> bool:
    return any(m.kind is Kind.QUANTITY and m.value == terms.COUNT for m in nodes[n:])


def _sides_near(nodes: Sequence[Node], n: int) -> tuple[Laterality, ...]:
    """Sides in the same phrase as node n."""
    ends = (*_CHUNK_ENDS, Kind.AND, Kind.WITH)
    start, stop = n, n + 1
    while start > 0 and nodes[start - 1].kind not in ends:
        start -= 1
    while stop < len(nodes) and nodes[stop].kind not in ends:
        stop += 1
    return tuple(m.value for m in nodes[start:stop] if m.kind is Kind.SIDE)


def neutral(claims: Sequence[Claims]) -> bool:
    """Whether nothing at all is claimed."""
    return all(c == Claims() for c in claims)
