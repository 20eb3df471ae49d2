"""Rules in the manner of NegEx and ConText: words before or after a finding decide, within its clause.

Sources: Chapman et al. 2001 (NegEx); Harkema et al. 2009 (ConText). It is validated on sentences that its own author
wrote and froze before (``tests/validation/labeled_sentences.txt``), and on public report texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from tomoscribe.core.errors import InvalidValueError
from tomoscribe.validation.labeler.classes import CLASSES, FindingClass
from tomoscribe.validation.labeler.context import CHINESE, ENGLISH, Context


class Status(StrEnum):
    """What is said of a finding."""

    PRESENT = "present"
    UNCERTAIN = "uncertain"
    ABSENT = "absent"


_ORDER = (Status.PRESENT, Status.UNCERTAIN, Status.ABSENT)
_LANGUAGES = {"en": ENGLISH, "zh": CHINESE}
_ENDS = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])|[。!?\n]+")


_WIDE = dict(zip("\uff0c\uff1b\uff1a\uff1f\uff01\uff08\uff09\uff0e\u00d7", ",;:?!().x", strict=True))
_NARROW = str.maketrans(_WIDE)


def narrow(text: str) -> str:
    """Full-width punctuation as its ASCII sign, which is what all rules are written in."""
    return text.translate(_NARROW)


def label_report(text: str, language: str) -> dict[str, Status]:
    """Classes that are mentioned; present wins over uncertain, uncertain over absent.

    Raises:
        InvalidValueError: a language other than ``en`` or ``zh``.
    """
    return _strongest(label_sentence(part, language) for part in _ENDS.split(narrow(text)) if part.strip())


def label_sentence(sentence: str, language: str) -> dict[str, Status]:
    """Classes that one sentence mentions."""
    if language not in _LANGUAGES:
        raise InvalidValueError(f"expected a report in en or zh, found '{language}'")
    context = _LANGUAGES[language]
    sentence = narrow(sentence)
    if context.not_a_finding.search(sentence):
        return {}
    return _strongest(_label_clause(clause, context) for clause in context.clauses(sentence))


def _label_clause(clause: str, context: Context) -> dict[str, Status]:
    found: dict[str, Status] = {}
    for kind in CLASSES:
        pattern = kind.english if context is ENGLISH else kind.chinese
        matches = [m for m in pattern.finditer(clause) if kind.meant(m.group(), clause)]
        statuses = [_status(clause, m, kind, context) for m in matches]
        if statuses:
            found[kind.key] = min(statuses, key=_ORDER.index)
    return found


def _status(clause: str, match: re.Match[str], kind: FindingClass, context: Context) -> Status:
    normal = kind.normal_en if context is ENGLISH else kind.normal_zh
    if normal and re.search(normal, clause, re.IGNORECASE):
        return Status.ABSENT
    before, inside, after = clause[: match.start()], match.group(), clause[match.end() :]
    if context.uncertain_before.search(before + inside) or context.uncertain_after.search(after):
        return Status.UNCERTAIN
    if context.affirmed.search(clause):
        return Status.PRESENT
    negated = context.negated_before.search(before) or context.negated_inside.search(inside)
    if negated or context.negated_after.search(after):
        return Status.ABSENT
    return Status.PRESENT


def _strongest(parts: Iterable[dict[str, Status]]) -> dict[str, Status]:
    total: dict[str, Status] = {}
    for part in parts:
        for key, status in part.items():
            total[key] = min(status, total.get(key, Status.ABSENT), key=_ORDER.index)
    return total
