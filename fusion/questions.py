"""Which rows of a sheet a question is about, by the words of the question: data first.

The first decoder does not choose rows reliably, so the choice is locked as its words are: a row is cited when
the question names its type or organ, on its side; a question that names nothing known is not answered.
"""

from __future__ import annotations

import re

from tomoscribe.core import Code, Finding, Laterality, ReviewState, terms
from tomoscribe.findings.sheet import FactRow, FactSheet

_ELSEWHERE = r"adrenal|thyroid|breast|liver|hepatic|kidney|renal|bone|rib|hilar|mediastin\w*|lymph|cardiac|heart"
_BRAIN = r"brain|cerebral|intracranial|white matter|hyperintens\w*|\bms\b"
_TOPICS: tuple[tuple[str, tuple[Code, ...]], ...] = (
    (r"nodul\w*|mass(es)?\b|tumou?rs?\b|lung lesions?|pulmonary lesions?|cancer", (terms.NODULE, terms.MASS)),
    (r"emphysem\w*|copd|laa|low attenuation|destroyed", (terms.EMPHYSEMA,)),
    (r"effusions?|pleural fluid|\bfluid\b", (terms.PLEURAL_EFFUSION,)),
    (r"consolidat\w*|pneumonia|infiltrat\w*|opacit\w*|opacification", (terms.CONSOLIDATION,)),
)
_BRAIN_TOPICS: tuple[tuple[str, tuple[Code, ...]], ...] = (
    (r"white matter|hyperintens\w*|\bms\b|(?<!lung )(?<!pulmonary )\blesions?\b", (terms.WHITE_MATTER_LESIONS,)),
    (
        r"hydroceph\w*|(enlarg|dilat)\w*( \w+)? ventric\w*|ventric\w*( \w+)? (enlarg|dilat)\w*",
        (terms.VENTRICULAR_ENLARGEMENT,),
    ),
    (r"(brain|cerebral|intracranial) (mass|tumou?r)\w*|space[- ]occupying", (terms.BRAIN_MASS,)),
)
_ORGANS: tuple[tuple[str, Code], ...] = (
    (r"\blungs?\b", terms.LUNG),
    (r"airways?|trachea|bronch\w*", terms.AIRWAYS),
    (r"\bbrain\b", terms.BRAIN),
    (r"skull|intracranial", terms.INTRACRANIAL),
    (r"ventric\w*", terms.VENTRICLES),
)
_MEASURE = re.compile(r"volumes?|\bml\b|how (big|large)|size|capacity|measure\w*")


def rows_for(question: str, sheet: FactSheet) -> tuple[FactRow, ...]:
    """The rows that a question is about, in the order of the sheet; none for a question that names nothing known."""
    words = " ".join(question.lower().split())
    types, organs = _types(words), _organs(words)
    return tuple(row for row in sheet.rows if _matches(row.finding, types, organs) and _on_side(row.finding, words))


def _types(words: str) -> frozenset[Code]:
    if re.search(rf"\b({_ELSEWHERE})\b", words):
        return frozenset()
    topics = list(_BRAIN_TOPICS)
    if not re.search(_BRAIN, words):
        topics += _TOPICS
    return frozenset(code for pattern, codes in topics if re.search(pattern, words) for code in codes)


def _organs(words: str) -> frozenset[Code]:
    """Organs whose measure is asked for; a question on a finding inside the organ is none of them."""
    if _types(words) or not _MEASURE.search(words):
        return frozenset()
    return frozenset(site for pattern, site in _ORGANS if re.search(pattern, words))


def _matches(finding: Finding, types: frozenset[Code], organs: frozenset[Code]) -> bool:
    if finding.review.state is ReviewState.REJECTED:
        return False
    if finding.type == terms.ORGAN_MEASUREMENT:
        return finding.site in organs
    return finding.type in types


def _on_side(finding: Finding, words: str) -> bool:
    asked = {side for side in (Laterality.RIGHT, Laterality.LEFT) if re.search(rf"\b{side.value}\b", words)}
    if len(asked) != 1 or finding.laterality is None:
        return True
    if finding.type == terms.ORGAN_MEASUREMENT:
        return finding.laterality in asked
    return finding.laterality in {*asked, Laterality.BILATERAL}
