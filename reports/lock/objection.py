"""What the evidence lock says about a report."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tomoscribe.core import SectionName


class Fault(StrEnum):
    """Kinds of objection."""

    DOES_NOT_PARSE = "does_not_parse"
    WRONG_ENTITY = "wrong_entity"
    WRONG_PRESENCE = "wrong_presence"
    WRONG_SIDE = "wrong_side"
    WRONG_SITE = "wrong_site"
    WRONG_CLASS = "wrong_class"
    WRONG_NUMBER = "wrong_number"
    WRONG_UNIT = "wrong_unit"
    WRONG_COUNT = "wrong_count"
    WRONG_CHANGE = "wrong_change"
    WRONG_IMAGE = "wrong_image"
    UNMEASURED = "unmeasured"
    UNLICENSED_NEGATIVE = "unlicensed_negative"
    INCOMPLETE = "incomplete"
    OMITTED = "omitted"
    FACT_DIFFERS = "fact_differs"
    MISPLACED = "misplaced"
    TRANSLATION_DIFFERS = "translation_differs"


REMEDIES: dict[Fault, str] = {
    Fault.DOES_NOT_PARSE: "reword it with words the lock understands, or take the writer's sentence",
    Fault.WRONG_ENTITY: "name the finding that was measured, or link the sentence to the finding it speaks of",
    Fault.WRONG_PRESENCE: "state the finding as it was rated: present, for review, or not assessed",
    Fault.WRONG_SIDE: "name the measured side",
    Fault.WRONG_SITE: "name the measured site",
    Fault.WRONG_CLASS: "name the measured attenuation class",
    Fault.WRONG_NUMBER: "write the measured value",
    Fault.WRONG_UNIT: "write the unit of the measurement",
    Fault.WRONG_COUNT: "write the number that was counted",
    Fault.WRONG_CHANGE: "state the change as it was measured",
    Fault.WRONG_IMAGE: "cite an image of the finding's evidence",
    Fault.UNMEASURED: "leave out what was not measured",
    Fault.UNLICENSED_NEGATIVE: "say that it was not assessed: no negative is licensed for it",
    Fault.INCOMPLETE: "add what the sentence leaves out",
    Fault.OMITTED: "add a sentence on the finding, or have a named person reject the finding",
    Fault.FACT_DIFFERS: "take the sentence that the header facts give",
    Fault.MISPLACED: "move the sentence to the section for its kind",
    Fault.TRANSLATION_DIFFERS: "translate the report again",
}


@dataclass(frozen=True, kw_only=True)
class Objection:
    """One reason why a report may not leave.

    Args:
        section: where it stands, or where something is missing.
        index: place of the statement in its section, None where a sentence is missing.
        fault: the kind of objection.
        words: what is wrong, for a person.
        finding_uids: the findings concerned.
    """

    section: SectionName
    index: int | None
    fault: Fault
    words: str
    finding_uids: tuple[str, ...] = ()

    @property
    def remedy(self) -> str:
        """What can be done about it."""
        return REMEDIES[self.fault]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A fault found in one sentence, before its place in the report is known."""

    fault: Fault
    words: str
