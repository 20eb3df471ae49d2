"""Organs and diseases that a report calls normal or absent, English and Chinese.

An independent yardstick of the rule "absent needs a licence" (CLINICAL 2): it reads text alone and knows nothing of the
evidence lock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tomoscribe.validation.labeler import narrow
from tomoscribe.validation.labeler.context import CHINESE, ENGLISH, Context

ORGANS: Mapping[str, tuple[str, str]] = {
    "liver": (r"\b(liver|hepatic)\b", r"肝"),
    "spleen": (r"\bspleen\b|\bsplenic\b", r"脾"),
    "pancreas": (r"\bpancrea\w+", r"胰"),
    "kidneys": (r"\bkidneys?\b|\brenal\b", r"肾(?!上腺)"),
    "adrenals": (r"\badrenals?\b", r"肾上腺"),
    "gallbladder": (r"\bgall ?bladder\b", r"胆囊"),
    "heart": (r"\b(heart|cardiac)\b", r"心脏|心影"),
    "aorta": (r"\baort\w+", r"主动脉"),
    "lymph_nodes": (r"\blymph nodes?\b|\b(lymph)?adenopathy\b", r"淋巴结"),
    "bone_lesions": (r"\b(bones?|osseous|skelet\w+)\b", r"骨质|骨骼|骨性"),
    "thyroid": (r"\bthyroid\b", r"甲状腺"),
    "lungs": (r"\b(lungs?|pulmonary parenchyma)\b", r"双肺|肺野"),
    "pleura": (r"\bpleura\w*", r"胸膜|胸腔"),
    "brain": (r"\b(brain|cerebral|intracranial)\b", r"脑实质|颅内"),
    "ventricles": (r"\bventric\w+ system\b|\bventricles\b", r"脑室"),
    "meninges": (r"\b(meninges|meningeal)\b", r"脑膜"),
}
"""Words that name an organ; ``normal``, ``unremarkable`` or an absence in the same clause calls it normal."""
DISEASES: Mapping[str, tuple[str, str]] = {
    "pulmonary_embolism": (r"\bpulmonary embol\w+", r"肺栓塞"),
    "pneumothorax": (r"\bpneumothora\w+", r"气胸"),
    "aortic_dissection": (r"\bdissection\b", r"夹层"),
    "infarct": (r"\binfarct\w*|\bischa?emi\w+|\bstroke\b", r"梗死|缺血"),
    "hemorrhage": (r"\bha?emorrhag\w+|\bbleed\w*", r"出血"),
    "aneurysm": (r"\baneurysm\w*", r"动脉瘤"),
}
_NORMAL_EN = re.compile(
    r"\b(normal|unremarkable|clear|intact|no (?:\w+ ){0,2}(?:abnormalit\w+|lesions?|findings?|disease|enlarg\w+))\b",
    re.IGNORECASE,
)
_NORMAL_ZH = re.compile(r"正常|未见(?:明显)?(?:异常|病变|占位|破坏|肿大)|无(?:明显)?异常|清晰")
_ENDS = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])|[。!?\n]+")
_NOT_NORMAL = re.compile(
    r"\babnormal\b|\bnot (?:normal|clear|assessed|excluded)\b|\bnear normal\b|未评估|不能排除", re.IGNORECASE
)


def called_normal(text: str, language: str) -> frozenset[str]:
    """Names of ``ORGANS`` that a report calls normal and of ``DISEASES`` that it calls absent."""
    context = CHINESE if language == "zh" else ENGLISH
    found: set[str] = set()
    for sentence in _ENDS.split(narrow(text)):
        if not sentence or context.not_a_finding.search(sentence) or _is_scope(sentence):
            continue
        for clause in context.clauses(sentence):
            found |= _of_clause(clause, context)
    return frozenset(found)


def _is_scope(sentence: str) -> bool:
    """A sentence that says what was not assessed or not excluded."""
    return bool(re.match(r"\s*(?:not (?:assessed|excluded)|未评估|不能排除)", sentence, re.IGNORECASE))


def _of_clause(clause: str, context: Context) -> set[str]:
    if _NOT_NORMAL.search(clause):
        return set()
    is_english = context is ENGLISH
    normal = (_NORMAL_EN if is_english else _NORMAL_ZH).search(clause)
    organs = {n for n, p in ORGANS.items() if normal and re.search(p[not is_english], clause, re.IGNORECASE)}
    absent = set()
    for name, patterns in DISEASES.items():
        match = re.search(patterns[not is_english], clause, re.IGNORECASE)
        if match and (
            context.negated_before.search(clause[: match.start()])
            or context.negated_after.search(clause[match.end() :])
        ):
            absent.add(name)
    return organs | absent
