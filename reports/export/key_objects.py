"""Key Object Selection: which images show the reported findings; and the rejection note that takes results back.

The note is that of IHE's Imaging Object Change Management: a Key Object Selection whose title tells a PACS to stop
showing what it lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from tomoscribe.core.uids import derive_uid
from tomoscribe.reports.export.identity import copy_identity
from tomoscribe.reports.export.objects import MANUFACTURER, MODEL_NAME

SERIES_NUMBER = 9006
REJECTION_SERIES_NUMBER = 9007


class Rejection(StrEnum):
    """Why results are taken back."""

    QUALITY = "quality"
    PATIENT_SAFETY = "patient-safety"
    WRONG_WORKLIST = "wrong-worklist"
    WRONG_PATIENT = "wrong-patient"


_TITLES: dict[Rejection, tuple[str, str]] = {
    Rejection.QUALITY: ("113001", "Rejected for Quality Reasons"),
    Rejection.PATIENT_SAFETY: ("113037", "Rejected for Patient Safety Reasons"),
    Rejection.WRONG_PATIENT: ("113037", "Rejected for Patient Safety Reasons"),
    Rejection.WRONG_WORKLIST: ("113038", "Incorrect Modality Worklist Entry"),
}
"""CID 7011. A result of the wrong patient is a matter of safety: a PACS must not show it even on request, which the
quality code would allow."""


def build_key_objects(objects: Sequence[Any], words: str, version: str) -> Any:
    """A Key Object Selection "Of Interest".

    Args:
        objects: the images, of one study; patient and study are copied from the first.
        words: shown beside them.
        version: of the software.
    """
    return _selection(objects, ("113000", "Of Interest"), words, SERIES_NUMBER, version)


def build_rejection_note(objects: Sequence[Any], why: Rejection, words: str, version: str) -> Any:
    """The rejection note for these objects of one study.

    Args:
        objects: everything that is taken back.
        why: gives the note its title.
        words: who took it back, when, and the reason.
    """
    return _selection(objects, _TITLES[why], words, REJECTION_SERIES_NUMBER, version)


def _selection(objects: Sequence[Any], title: tuple[str, str], words: str, series_number: int, version: str) -> Any:
    from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
    from highdicom.sr import CodedConcept, DeviceObserverIdentifyingAttributes, ObserverContext
    from pydicom.sr.codedict import codes

    first = objects[0]
    study = str(first.StudyInstanceUID)
    parts = (title[0], words, *(str(o.SOPInstanceUID) for o in objects))
    content = KeyObjectSelection(
        document_title=CodedConcept(value=title[0], scheme_designator="DCM", meaning=title[1]),
        referenced_objects=list(objects),
        observer_device_context=ObserverContext(
            observer_type=codes.DCM.Device,
            observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
                uid=derive_uid("device", MODEL_NAME, version), name=f"tomoscribe {version}"
            ),
        ),
        description=words,
    )
    document = KeyObjectSelectionDocument(
        evidence=list(objects),
        content=content,
        series_instance_uid=derive_uid(study, "key-objects-series", *parts),
        series_number=series_number,
        sop_instance_uid=derive_uid(study, "key-objects", *parts),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL_NAME,
        software_versions=version,
        series_description=f"tomoscribe {title[1].lower()}"[:64],
        specific_character_set="ISO_IR 192",
    )
    copy_identity(document, first)
    return document
