"""Numbers with units to the quantities, examinations and sides they belong to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

from tomoscribe.core import Code, Laterality, terms
from tomoscribe.reports.lock import lexicon
from tomoscribe.reports.lock.claims import Claims, ValueClaim, When
from tomoscribe.reports.lock.lexicon import Kind, Tag


@dataclass(kw_only=True, eq=False)
class Node:
    """A token without neutral words around it; a number carries its unit and, once bound, its quantity.

    Args:
        unit: (UCUM unit, exact factor) of a number, None without one.
        done: already used by another rule.
        tags: of the token.
    """

    kind: Kind | None
    value: Any
    text: str
    unit: tuple[Code, str] | None = None
    done: bool = False
    name: Code | str | None = None
    when: When | None = None
    tags: frozenset[Tag] = frozenset()

    @property
    def is_quantity(self) -> bool:
        return self.kind is Kind.NUMBER and self.unit is not None and not self.done


_ENDS = (Kind.COMMA, Kind.OPEN, Kind.CLOSE, Kind.COLON, Kind.AND, Kind.WITH)


@dataclass(kw_only=True)
class _Chunk:
    nodes: list[Node]
    opened: bool
    """Whether it stands in parentheses."""

    @property
    def quantities(self) -> list[Node]:
        return [n for n in self.nodes if n.is_quantity]

    @property
    def names(self) -> list[Node]:
        return [n for n in self.nodes if n.kind is Kind.QUANTITY and not n.done]

    @property
    def sides(self) -> tuple[Laterality, ...]:
        return tuple(n.value for n in self.nodes if n.kind is Kind.SIDE)


def bind(claims: Claims, nodes: Sequence[Node], superlative_from: Node | None, *, everything: bool) -> None:
    """Add the value claims of one sentence part; what cannot be tied together goes to ``claims.unbound``.

    Args:
        nodes: the part without references.
        superlative_from: numbers behind this node describe the largest of several.
        everything: all numbers do.
    """
    _pairs(claims, nodes)
    _axes(nodes)
    _twin_names(nodes)
    _when(nodes)
    chunks = list(_chunks(nodes))
    _leading_dates(chunks)
    _flexible_markers(claims, chunks)
    _names(claims, chunks)
    _low_attenuation(claims, nodes)
    _dangling(claims, nodes)
    _claim(claims, nodes, chunks, superlative_from, everything)


def _claim(
    claims: Claims, nodes: Sequence[Node], chunks: Sequence[_Chunk], superlative_from: Node | None, everything: bool
) -> None:
    superlative = everything
    for node in nodes:
        superlative = superlative or node is superlative_from
        if not node.is_quantity or node.unit is None:
            continue
        unit, factor = node.unit
        sides = next((c.sides for c in chunks if any(n is node for n in c.nodes)), ())
        claims.values.append(
            ValueClaim(
                number=node.value * Decimal(factor),
                step=_step(node.value) * Decimal(factor),
                unit=unit,
                words=node.text,
                name=node.name,
                when=node.when or When.NOW,
                sides=sides,
                superlative=superlative,
            )
        )


def _step(number: Decimal) -> Decimal:
    """What the last digit after the point stands for; whole numbers claim no precision."""
    exponent = number.as_tuple().exponent
    return Decimal(1).scaleb(exponent) if isinstance(exponent, int) and exponent < 0 else Decimal("Infinity")


def _is_length(node: Node) -> bool:
    return node.unit is not None and node.unit[0] == terms.MM


def _pairs(claims: Claims, nodes: Sequence[Node]) -> None:
    """'14 x 11 mm' is long axis by short axis."""
    for n in range(len(nodes) - 2):
        first, times, second = nodes[n : n + 3]
        if times.kind not in (Kind.TIMES, Kind.BY) or not (first.is_quantity and second.is_quantity):
            continue
        if first.name is not None:
            claims.unbound.append(f"a third dimension {second.text}")
            continue
        first.name, second.name = terms.LONG_AXIS, terms.SHORT_AXIS
        first.when = second.when = When.NOW
        times.done = True
    claims.unbound += [f"'{n.text}'" for n in nodes if n.kind is Kind.TIMES and not n.done]


def _axes(nodes: Sequence[Node]) -> None:
    """'axes of 14 and 11 mm', '14 x 11 mm in its axes'."""
    for n, node in enumerate(nodes):
        if node.kind is not Kind.QUANTITY or node.value != lexicon.AXES:
            continue
        behind = [m for m in nodes[n + 1 :] if m.is_quantity and _is_length(m)][:2]
        before = [m for m in nodes[:n] if m.is_quantity and _is_length(m)][-2:]
        for both in (behind, before):
            free = [m for m in both if m.name is None]
            if len(both) == 2 and len(free) in (0, 2):
                both[0].name, both[1].name = terms.LONG_AXIS, terms.SHORT_AXIS
                node.done = True
                break


def _twin_names(nodes: Sequence[Node]) -> None:
    """'long axis and short axis of 14 mm and 11 mm'."""
    names = [n for n, node in enumerate(nodes) if node.kind is Kind.QUANTITY and not node.done]
    for a, b in pairwise(names):
        if b == a + 2 and nodes[a + 1].kind is Kind.AND:
            behind = [m for m in nodes[b + 1 : b + 4] if m.is_quantity and m.name is None]
            if len(behind) == 2 and nodes[b + 1] is behind[0] and nodes[b + 2].kind is Kind.AND:
                for name, quantity in zip((nodes[a], nodes[b]), behind, strict=True):
                    quantity.name, name.done = name.value, True


def _when(nodes: Sequence[Node]) -> None:
    """Which number is the prior's, a difference or the end of a range; the rest are left to dates and markers."""
    changing = any(n.kind in (Kind.DIRECTION, Kind.ARROW) for n in nodes)
    has_now = any(n.kind is Kind.NOW for n in nodes)
    for n, node in enumerate(nodes):
        if not node.is_quantity:
            continue
        before = nodes[n - 1] if n else None
        behind = nodes[n + 1] if n + 1 < len(nodes) else None
        if _differs(nodes, n):
            node.when = When.DELTA
        elif before is not None and before.kind is Kind.FROM:
            node.when = When.PRIOR if changing or not _to_follows(nodes, n) else When.LOW
        elif before is not None and before.kind in (Kind.TO, Kind.DASH):
            _range_end(nodes, n, changing=changing)
        elif before is not None and before.kind is Kind.ARROW:
            node.when = When.NOW
            _last_quantity(nodes, n).when = When.PRIOR
        elif before is not None and before.kind is Kind.VERSUS:
            node.when = When.PRIOR
        elif before is not None and before.kind is Kind.PAST and has_now and node.when is None:
            node.when = None if behind is not None and behind.kind is Kind.NOW else When.PRIOR
        node.when = node.when or _dated(nodes, n)


def _differs(nodes: Sequence[Node], n: int) -> bool:
    """Whether a number says by how much: '+4 mm', '4 mm larger', 'growth of 4 mm', 'increased by 4 mm'."""
    node = nodes[n]
    if node.when is not None:
        return False
    beside = [nodes[n - 1]] if n else []
    beside += [nodes[n + 1]] if n + 1 < len(nodes) else []
    if node.text.startswith("+") or any(_is_difference(b) for b in beside):
        return True
    if n and nodes[n - 1].kind is Kind.DIRECTION and Tag.DELTA_BEHIND in nodes[n - 1].tags:
        return True
    moved = any(m.kind is Kind.DIRECTION for m in nodes[:n])
    return moved and n > 0 and nodes[n - 1].kind is Kind.BY


def _is_difference(node: Node) -> bool:
    """'growth', 'larger': a number beside it says by how much."""
    return node.kind is Kind.DIRECTION and Tag.DELTA in node.tags


def _to_follows(nodes: Sequence[Node], n: int) -> bool:
    return any(m.kind is Kind.TO for m in nodes[n + 1 :])


def _last_quantity(nodes: Sequence[Node], n: int) -> Node:
    found = [m for m in nodes[:n] if m.is_quantity]
    return found[-1] if found else nodes[n]


def _range_end(nodes: Sequence[Node], n: int, *, changing: bool) -> None:
    first = next((m for m in reversed(nodes[:n]) if m.is_quantity), None)
    if not changing and (first is None or (nodes[n - 2] is not first and first.when is not When.LOW)):
        return
    if changing:
        nodes[n].when = When.NOW
        if first is not None and first.when is None and first.unit == nodes[n].unit:
            first.when = When.PRIOR
        return
    nodes[n].when = When.HIGH
    if first is not None and first.when in (None, When.LOW):
        first.when = When.LOW
        nodes[n].name = first.name


def _dated(nodes: Sequence[Node], n: int) -> When | None:
    """'10 mm on 2023-01-05', '10 mm (2023-01-05)' and 'on 2023-01-05 10 mm' are the prior's."""
    behind = [m.kind for m in nodes[n + 1 : n + 3]]
    if behind[:1] == [Kind.DATE] or behind == [Kind.OPEN, Kind.DATE]:
        return When.PRIOR
    if n and nodes[n - 1].kind is Kind.DATE:
        return When.PRIOR
    return When.PRIOR if n > 1 and nodes[n - 1].kind is Kind.PAST and nodes[n - 2].kind is Kind.DATE else None


def _chunks(nodes: Sequence[Node]) -> Iterator[_Chunk]:
    here: list[Node] = []
    opened = False
    for node in nodes:
        if node.kind in _ENDS:
            yield _Chunk(nodes=here, opened=opened)
            here, opened = [], node.kind is Kind.OPEN
        else:
            here.append(node)
    yield _Chunk(nodes=here, opened=opened)


def _leading_dates(chunks: Sequence[_Chunk]) -> None:
    """'2023-01-05 the nodule measured 10 mm': the one number of a phrase that begins with a date is the prior's."""
    for chunk in chunks:
        if chunk.nodes and chunk.nodes[0].kind is Kind.DATE and len(chunk.quantities) == 1:
            quantity = chunk.quantities[0]
            quantity.when = quantity.when or When.PRIOR


def _flexible_markers(claims: Claims, chunks: Sequence[_Chunk]) -> None:
    """'previously 10 mm, now 14 mm' and '10 mm previously, 14 mm now'."""
    waiting: Node | None = None
    for chunk in chunks:
        marks = [n for n in chunk.nodes if n.kind in (Kind.PRIOR, Kind.NOW, Kind.VERSUS) or n.is_quantity]
        if not any(n.is_quantity for n in marks):
            waiting = next((n for n in marks if n.kind is Kind.PRIOR), waiting)
            continue
        leading = not marks[0].is_quantity or waiting is not None
        if waiting is not None and marks[0].is_quantity:
            marks.insert(0, waiting)
        waiting = None
        for n, mark in enumerate(marks):
            neighbor = marks[n + 1 : n + 2] if leading else marks[max(n - 1, 0) : n]
            if mark.kind in (Kind.PRIOR, Kind.NOW) and neighbor and neighbor[0].is_quantity:
                _place(neighbor[0], mark)
                mark.done = True
    nodes = [n for c in chunks for n in c.nodes]
    if not any(n.kind in (Kind.DIRECTION, Kind.DATE) for n in nodes):
        claims.unbound += [f"'{n.text}'" for n in nodes if n.kind is Kind.PRIOR and not n.done]


def _place(quantity: Node, mark: Node) -> None:
    if quantity.when in (None, When.NOW, When.PRIOR):
        quantity.when = When.PRIOR if mark.kind is Kind.PRIOR else When.NOW


def _names(claims: Claims, chunks: Sequence[_Chunk]) -> None:
    pending: list[Node] = []
    previous: _Chunk | None = None
    for chunk in chunks:
        free = [q for q in chunk.quantities if q.name is None]
        names = _specific(chunk)
        if names and not chunk.quantities and chunk.opened and previous is not None:
            lonely = [q for q in previous.quantities if q.name is None][-1:]
            if lonely and len(names) == 1:
                lonely[0].name, names[0].done = names[0].value, True
                names = []
        if chunk.quantities and not (free and not names):
            pending = []
        if names and free:
            _name_chunk(claims, chunk, names, free)
        elif names and chunk.quantities:
            _already_named(names, chunk.quantities)
        elif names:
            pending = names
        elif free and pending:
            for name, quantity in zip(pending, free, strict=False):
                quantity.name, name.done = name.value, True
            pending = []
        if chunk.nodes:
            previous = chunk


def _specific(chunk: _Chunk) -> list[Node]:
    """The names of a chunk without the bare words 'diameter' and 'attenuation' where others are plainer."""
    names = chunk.names
    if any(n.kind in (Kind.DENSITY, Kind.DENSITY_UNKNOWN) for n in chunk.nodes):
        names = [n for n in names if n.value != lexicon.ATTENUATION]
    rest = [n for n in names if n.value != lexicon.DIAMETER]
    if rest and len(rest) < len(names):
        for name in names:
            name.done = name.done or name.value == lexicon.DIAMETER
        return rest
    return names


def _already_named(names: Sequence[Node], quantities: Sequence[Node]) -> None:
    """'14 x 11 mm in long and short axis' repeats what the pair says."""
    for name in names:
        if any(q.name == name.value for q in quantities):
            name.done = True


def _name_chunk(claims: Claims, chunk: _Chunk, names: list[Node], free: list[Node]) -> None:
    order = [n for n in chunk.nodes if n in names or n in free]
    if len(names) == 1:
        _one_name(names[0], free, order)
    elif len(names) == len(free) and all((a in names) != (b in names) for a, b in pairwise(order)):
        for a, b in zip(order[::2], order[1::2], strict=True):
            name, quantity = (a, b) if a in names else (b, a)
            quantity.name, name.done = name.value, True
    elif len(free) == 1:
        place = order.index(free[0])
        fitting = [n for n in names if fits(n.value, free[0].unit)]
        nearest = min(fitting or names, key=lambda n: abs(order.index(n) - place))
        free[0].name, nearest.done = nearest.value, True
    else:
        claims.unbound.append("several numbers and quantities in one phrase")


def _one_name(name: Node, free: list[Node], order: list[Node]) -> None:
    fitting = [q for q in free if fits(name.value, q.unit)]
    if len(fitting) > 1 and len({q.when or When.NOW for q in fitting}) < len(fitting):
        place = order.index(name)
        fitting = [min(fitting, key=lambda q: (abs(order.index(q) - place), order.index(q) < place))]
    if not fitting and len(free) == 1:
        fitting = free
    for quantity in fitting:
        quantity.name = name.value
    name.done = bool(fitting)


_UNITS_OF: dict[Code | str, tuple[Code, ...]] = {
    terms.LONG_AXIS: (terms.MM,),
    terms.SHORT_AXIS: (terms.MM,),
    terms.MEAN_DIAMETER: (terms.MM,),
    terms.SOLID_DIAMETER: (terms.MM,),
    lexicon.DIAMETER: (terms.MM,),
    terms.LONG_AXIS_3D: (terms.MM,),
    terms.SHORT_AXIS_3D: (terms.MM,),
    terms.VOLUME_DOUBLING_TIME: (terms.DAY,),
    terms.VOLUME_DOUBLING_TIME_LOW: (terms.DAY,),
    terms.VOLUME_DOUBLING_TIME_HIGH: (terms.DAY,),
    terms.VOLUME: (terms.MM3, terms.ML),
    terms.MEAN_ATTENUATION: (terms.HU,),
    lexicon.ATTENUATION: (terms.HU,),
    terms.PERC15: (terms.HU,),
    terms.LAA_950: (terms.PERCENT,),
    lexicon.PROBABILITY: (terms.PERCENT,),
    terms.COUNT: (),
    lexicon.MEAN: (terms.MM, terms.HU),
}


def fits(name: Code | str, unit: tuple[Code, str] | None) -> bool:
    """Whether a quantity can have this unit."""
    return unit is not None and unit[0] in _UNITS_OF.get(name, ())


def _low_attenuation(claims: Claims, nodes: Sequence[Node]) -> None:
    """A percentage beside 'below -950 HU' is LAA-950."""
    markers = [n for n in nodes if n.kind is Kind.LAA]
    if not markers:
        return
    percents = [n for n in nodes if n.is_quantity and n.unit is not None and n.unit[0] == terms.PERCENT]
    if not percents:
        claims.unbound.append(f"'{markers[0].text}' without a percentage")
    for node in percents:
        if node.name in (None, terms.VOLUME):
            node.name = terms.LAA_950
    for node in nodes:
        if node.kind is Kind.QUANTITY and node.value in (terms.VOLUME, lexicon.ATTENUATION) and percents:
            node.done = True


def _dangling(claims: Claims, nodes: Sequence[Node]) -> None:
    """Quantities without a number: allowed where they say what changed or which kind of attenuation it is."""
    changing = any(n.kind is Kind.DIRECTION for n in nodes)
    densities = any(n.kind in (Kind.DENSITY, Kind.DENSITY_UNKNOWN) for n in nodes)
    harmless: set[Code | str] = {lexicon.DIAMETER, lexicon.PROBABILITY, terms.COUNT}
    if any(n.kind is Kind.UNASSESSED for n in nodes):
        harmless.add(terms.VOLUME)
    for node in nodes:
        if node.kind is not Kind.QUANTITY or node.done or node.value in harmless:
            continue
        if node.value == lexicon.ATTENUATION and densities:
            continue
        if changing:
            claims.direction_names.append(node.value)
        else:
            claims.unbound.append(f"the quantity '{node.text}' without a number")
