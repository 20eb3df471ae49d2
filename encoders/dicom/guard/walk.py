"""Walks the elements of one data set under limits (PS3.5 7): no value is converted, no stated length is believed.

Written against the bytes, not on pydicom, because the limits must hold before anything is read, inflated or built. The
result is a tree: an element is (tag, VR, bytes), a sequence (tag, ``SQ``, list of items), an item a list of elements.
Runs in the child process: standard library only.
"""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING, Any

from tomoscribe.encoders.dicom.guard.source import Broken, Cut, Inflated, Plain, Refused, Stop

if TYPE_CHECKING:
    from tomoscribe.encoders.dicom.guard.limits import Limits

Element = tuple[int, bytes, Any]
"""(tag, VR or two zero bytes where the data set does not say, value bytes or list of items)."""

UNDEFINED = 0xFFFFFFFF
NO_VR = b"\0\0"
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_MULTIVALUED = frozenset({
    b"AE", b"AS", b"CS", b"DA", b"DS", b"DT", b"IS", b"LO", b"PN", b"SH", b"TM", b"UC", b"UI", NO_VR
})  # fmt: skip
_NUMBERS = {b"AT": 4, b"FD": 8, b"FL": 4, b"SL": 4, b"SS": 2, b"SV": 8, b"UL": 4, b"US": 2, b"UV": 8}
_CHECK_EVERY = 4096


class Walker:
    """One pass over one data set.

    Args:
        source: where the bytes come from.
        limits: what is too much.
        sequences: tags that are sequences although the data set does not say so (implicit VR, UN).
        wanted: tags of the top level whose values are kept; None keeps all.
        inner: tags kept within sequences; None keeps all.
    """

    def __init__(
        self,
        source: Plain | Inflated,
        limits: Limits,
        sequences: frozenset[int],
        wanted: frozenset[int] | None,
        inner: frozenset[int] | None,
    ) -> None:
        self.source = source
        self.limits = limits
        self.sequences = sequences
        self.wanted = wanted
        self.inner = inner
        self.num_elements = 0
        self.next_check = min(_CHECK_EVERY, limits.elements + 1)
        self.kept_bytes = 0
        self.pixels: tuple[int, int, int] | None = None
        self.end = 0
        self.implicit = False
        self.stopped: Stop | None = None
        self.deadline = time.process_time() + limits.cpu_seconds

    def meta(self, start: int) -> list[Element]:
        """The file meta group from ``start`` on, explicit little endian; ``end`` is where the data set begins."""
        order = _Order(big=False, implicit=False)
        elements: list[Element] = []
        self._elements(start, None, order, 0, (None, elements), only_group=2)
        return elements

    def data_set(self, start: int, *, big: bool, implicit: bool) -> list[Element]:
        """The elements from ``start`` up to the pixels, whose place is left in ``pixels`` (position, length, tag)."""
        elements: list[Element] = []
        try:
            self.implicit = self._looks_implicit(start, implicit)
            self._elements(start, None, _Order(big=big, implicit=self.implicit), 0, (self.wanted, elements))
        except (Broken, Cut) as stop:
            self.stopped = stop
        return elements

    def _looks_implicit(self, start: int, stated: bool) -> bool:
        """What the first element looks like; the transfer syntax is believed only where nothing contradicts it."""
        at = self._at(start, 8, or_end=True)
        if at is None:
            return stated
        return not _is_vr(self.source.data[at + 4 : at + 6])

    def _at(self, position: int, count: int, *, or_end: bool = False) -> int | None:
        """Index of ``position`` in the window, which then holds ``count`` bytes from there."""
        source = self.source
        at = position - source.base
        if at < 0 or at + count > len(source.data):
            source.load(position, count)
            at = position - source.base
            if at + count > len(source.data):
                if or_end:
                    return None  # what is left is too short for an element: padding
                raise Cut("it ends in the middle of its header")
        return at

    def _elements(
        self,
        position: int,
        end: int | None,
        order: _Order,
        depth: int,
        keep: tuple[frozenset[int] | None, list[Element] | None],
        *,
        only_group: int | None = None,
    ) -> int:
        """Elements from ``position`` to ``end`` (None: to a delimiter or the file's end); where the next thing is."""
        wanted, out = keep
        while end is None or position < end:
            at = self._at(position, 8, or_end=depth == 0)
            if at is None:
                break
            tag, vr, length, header = self._header(at, position, order)
            if tag >> 16 == 0xFFFE:
                if tag == _ITEM_END and end is None and depth:
                    return position + 8
                if length:
                    raise Broken(f"found {_name(tag)} where no item can end")
                position += 8
                continue
            if only_group is not None and tag >> 16 != only_group:
                break
            if depth == 0 and tag in _PIXELS:
                self.pixels = (position + header, -1 if length == UNDEFINED else length, tag)
                break
            self._count()
            here = position + header
            if end is not None and length != UNDEFINED and here + length > end:
                raise Broken(f"element {_name(tag)} is longer than the item that holds it")
            kept = out is not None and (wanted is None or tag in wanted)
            position = self._value((tag, vr, length), here, order, depth, out if kept else None)
        self.end = position
        return position

    def _header(self, at: int, position: int, order: _Order) -> tuple[int, bytes, int, int]:
        """(tag, VR, length, bytes of this header) of the element at an index of the window."""
        data = self.source.data
        group, element, short = order.tag_and_length(data, at)
        tag = group << 16 | element
        if group == 0xFFFE or order.implicit:
            return tag, NO_VR, short, 8
        vr = data[at + 4 : at + 6]
        if vr in _LONG:
            found = self._at(position, 12)
            return tag, vr, order.length(self.source.data, (found or 0) + 8), 12
        if _is_vr(vr):
            return tag, vr, order.short_length(data, at + 6), 8
        return tag, NO_VR, short, 8  # some writers switch to implicit VR on the way

    def _count(self) -> None:
        self.num_elements += 1
        if self.num_elements >= self.next_check:
            self.check()

    def check(self) -> None:
        """Raises Refused when the elements are too many or the time is over."""
        self.next_check = min(self.num_elements + _CHECK_EVERY, self.limits.elements + 1)
        if self.num_elements > self.limits.elements:
            raise Refused(f"it has more than {self.limits.elements} elements")
        if time.process_time() > self.deadline:
            raise Refused(f"reading its header took more than {self.limits.cpu_seconds:g} s of processor time")

    def _value(
        self, element: tuple[int, bytes, int], position: int, order: _Order, depth: int, out: list[Element] | None
    ) -> int:
        """Keeps or passes over one value; where the next element begins."""
        tag, vr, length = element
        if length == UNDEFINED:
            return self._undefined(tag, vr, position, order, depth, out)
        after = position + length
        if not self.source.has(after):
            raise Cut(f"it ends within element {_name(tag)}, which claims {length} bytes")
        if out is None:
            return after
        if vr == b"SQ" or (tag in self.sequences and (vr == NO_VR or (vr == b"UN" and not order.big))):
            self._defined_sequence((tag, vr, length), position, order, depth, out)
            return after
        self._check_value(tag, length)
        at = self._at(position, length) or 0
        value = self.source.data[at : at + length]
        self._check_multiplicity(tag, vr, value)
        out.append((tag, vr, value))
        return after

    def _check_value(self, tag: int, length: int) -> None:
        self.kept_bytes += length
        if length > self.limits.value_bytes:
            raise Refused(f"element {_name(tag)} holds {length} bytes, more than {self.limits.value_bytes}")
        if self.kept_bytes > self.limits.header_bytes:
            raise Refused(f"its header holds more than {self.limits.header_bytes} bytes")

    def _check_multiplicity(self, tag: int, vr: bytes, value: bytes) -> None:
        if vr in _MULTIVALUED:
            count = value.count(b"\\") + 1
        else:
            count = len(value) // _NUMBERS.get(vr, UNDEFINED)
        if count > self.limits.multiplicity:
            raise Refused(f"element {_name(tag)} has {count} values, more than {self.limits.multiplicity}")
        if count > 1:
            self.num_elements += count >> 1  # each value becomes an object, half as heavy as an element
            self._count()

    def _defined_sequence(
        self, element: tuple[int, bytes, int], position: int, order: _Order, depth: int, out: list[Element]
    ) -> None:
        """A sequence of stated length; one that is broken inside counts as absent, its neighbors are read."""
        tag, vr, length = element
        items: list[list[Element]] = []
        try:
            self._items(position, position + length, order.within(vr), depth + 1, items)
        except (Broken, Cut):
            return
        out.append((tag, b"SQ", items))

    def _undefined(
        self, tag: int, vr: bytes, position: int, order: _Order, depth: int, out: list[Element] | None
    ) -> int:
        if vr not in (b"SQ", b"UN", NO_VR):
            return self._fragments(position, order)
        if vr == b"UN" and order.big:
            out = None  # what it holds is little endian: not worth a second byte order in one answer
        items: list[list[Element]] | None = None if out is None else []
        after = self._items(position, None, order.within(vr), depth + 1, items)
        if out is not None:
            out.append((tag, b"SQ", items))
        return after

    def _items(self, position: int, end: int | None, order: _Order, depth: int, out: list[list[Element]] | None) -> int:
        """Items up to ``end`` or the delimiter; where the next element begins."""
        if depth > self.limits.nesting:
            raise Refused(f"its sequences are nested more than {self.limits.nesting} deep")
        num_items = 0
        while end is None or position < end:
            at = self._at(position, 8) or 0
            group, element, length = order.tag_and_length(self.source.data, at)
            tag = group << 16 | element
            if tag == _SEQUENCE_END:
                return position + 8
            if tag != _ITEM:
                raise Broken(f"expected an item of a sequence, found {_name(tag)}")
            num_items += 1
            self._count()
            if num_items > self.limits.sequence_items:
                raise Refused(f"a sequence has more than {self.limits.sequence_items} items")
            position += 8
            stop = None if length == UNDEFINED else position + length
            if stop is not None and end is not None and stop > end:
                raise Broken("an item is longer than its sequence")
            item: list[Element] | None = None if out is None else []
            if stop is None or out is not None:
                inside = order if order.implicit else self._item_order(position, stop, order)
                position = self._elements(position, stop, inside, depth, (self.inner, item))
            position = position if stop is None else stop
            if out is not None and item is not None:
                out.append(item)
        if end is not None and position > end:
            raise Broken("an item reaches beyond its sequence")
        return position

    def _item_order(self, position: int, stop: int | None, order: _Order) -> _Order:
        """Explicit as stated, unless the item's first element plainly has no VR."""
        if stop is not None and stop - position < 8:
            return order
        at = self._at(position, 8) or 0
        data = self.source.data
        if order.tag_and_length(data, at)[0] == 0xFFFE or _is_vr(data[at + 4 : at + 6]):
            return order
        return _Order(big=order.big, implicit=True)

    def _fragments(self, position: int, order: _Order) -> int:
        """Passes over an encapsulated value: fragments of stated length up to a delimiter."""
        num_items = 0
        while True:
            at = self._at(position, 8) or 0
            group, element, length = order.tag_and_length(self.source.data, at)
            if group << 16 | element == _SEQUENCE_END:
                return position + 8
            if group << 16 | element != _ITEM or length == UNDEFINED:
                raise Broken("expected a fragment of an encapsulated value")
            num_items += 1
            self._count()
            if num_items > self.limits.sequence_items:
                raise Refused(f"an encapsulated value has more than {self.limits.sequence_items} fragments")
            position += 8 + length
            if not self.source.has(position):
                raise Cut("it ends within an encapsulated value")


class _Order:
    """Byte order and explicit or implicit VR of a data set."""

    __slots__ = ("_long", "_short", "_tag", "big", "implicit")

    def __init__(self, *, big: bool, implicit: bool) -> None:
        self.big = big
        self.implicit = implicit
        sign = ">" if big else "<"
        self._tag = struct.Struct(sign + "HHL").unpack_from
        self._short = struct.Struct(sign + "H").unpack_from
        self._long = struct.Struct(sign + "L").unpack_from

    def tag_and_length(self, data: bytes, at: int) -> tuple[int, int, int]:
        group, element, length = self._tag(data, at)
        return group, element, length

    def short_length(self, data: bytes, at: int) -> int:
        return int(self._short(data, at)[0])

    def length(self, data: bytes, at: int) -> int:
        return int(self._long(data, at)[0])

    def within(self, vr: bytes) -> _Order:
        """Order inside a sequence: what stands in an element of VR UN is implicit little endian (PS3.5 6.2.2)."""
        return _Order(big=False, implicit=True) if vr == b"UN" else self


def _is_vr(two: bytes) -> bool:
    return two.isalpha() and two.isupper()


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
