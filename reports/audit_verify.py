"""Whether the audit store is what was written: every entry, their order, their number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tomoscribe.reports.audit import GENESIS, Event, Head, Snapshot, entries, entry_hash, snapshot


def verify(folder: Path, seal: Head | None = None) -> list[str]:
    """What is wrong, in words, with the number of the entry or line; empty when nothing is.

    Args:
        seal: number and hash of an entry as ``tomoscribe audit seal`` gave them earlier.

    Raises:
        InputError: there is no store in that folder.
    """
    taken = snapshot(folder)
    problems = list(_problems(taken))
    last = None
    for number, entry in enumerate(entries(taken), start=1):
        last = entry or last
        if entry is not None and entry.get("event") == Event.ALERT.value[0]:
            problems.append(f"entry {entry['number']} is a security alert of {entry.get('at')}: {entry.get('detail')}")
        if seal is not None and number == seal.count and (entry is None or entry["hash"] != seal.hash):
            problems.append(f"entry {seal.count} is not the one that was sealed")
    return problems + _end(taken.head, last, seal)


def _problems(taken: Snapshot) -> Iterator[str]:
    """Line by line: each entry's own hash, its number, and the hash of the one before it."""
    number, previous = 0, GENESIS
    for line, entry in enumerate(entries(taken), start=1):
        if entry is None:
            yield f"line {line} is no entry: it was changed or torn"
            number += 1
            continue
        if entry["hash"] != entry_hash(entry):
            yield f"entry {entry['number']} (line {line}) was changed"
        if entry["number"] != number + 1:
            yield _gap(line, number, entry["number"])
        elif entry["previous"] != previous:
            yield f"entry {entry['number']} (line {line}) does not follow on the one before it"
        number, previous = entry["number"], entry["hash"]


def _gap(line: int, before: int, found: Any) -> str:
    if not isinstance(found, int) or found <= before:
        return f"line {line} holds entry {found} behind entry {before}: entries were reordered or inserted"
    missing = f"entry {before + 1}" if found == before + 2 else f"entries {before + 1} to {found - 1}"
    return f"{missing} missing before line {line}: removed or reordered"


def _end(head: Head | None, last: dict[str, Any] | None, seal: Head | None) -> list[str]:
    """What the head and the seal say of the end."""
    count = 0 if last is None else last["number"]
    problems = []
    if head is None and last is not None:
        problems.append("the head is missing: whether entries were cut off at the end cannot be said")
    if head is not None and head.count > count:
        problems.append(f"cut off at the end: the head counts {head.count} entries, the last one here is {count}")
    if head is not None and head.count < count - 1:
        problems.append(f"the head counts {head.count} entries, {count} are here")
    if head is not None and last is not None and head.count == count and head.hash != last["hash"]:
        problems.append(f"entry {count} is not the one that the head names")
    if seal is not None and seal.count > count:
        problems.append(f"cut off at the end: entry {seal.count} was sealed, the last one here is {count}")
    return problems
