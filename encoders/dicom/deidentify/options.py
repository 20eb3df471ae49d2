"""The named options of the profile, and the codes (PS3.16 CID 7050) that record which of them were applied."""

from __future__ import annotations

from enum import StrEnum

from tomoscribe.core import Code


class Option(StrEnum):
    """An option of the Basic Application Level Confidentiality Profile (PS3.15 E.3) that may be chosen."""

    CLEAN_PIXEL_DATA = "clean-pixel-data"
    CLEAN_DESCRIPTORS = "clean-descriptors"
    MODIFIED_DATES = "modified-dates"
    PATIENT_CHARACTERISTICS = "patient-characteristics"
    DEVICE_IDENTITY = "device-identity"
    SAFE_PRIVATE = "safe-private"


BASIC = Code(value="113100", scheme="DCM", meaning="Basic Application Confidentiality Profile")
STRUCTURED_CONTENT = Code(value="113104", scheme="DCM", meaning="Clean Structured Content Option")
RECOGNIZABLE_FEATURES = Code(value="113102", scheme="DCM", meaning="Clean Recognizable Visual Features Option")
"""Never recorded: faces are not removed. The warning of head volumes names it as the option that was not applied."""
CODES = {
    Option.CLEAN_PIXEL_DATA: Code(value="113101", scheme="DCM", meaning="Clean Pixel Data Option"),
    Option.CLEAN_DESCRIPTORS: Code(value="113105", scheme="DCM", meaning="Clean Descriptors Option"),
    Option.MODIFIED_DATES: Code(
        value="113107", scheme="DCM", meaning="Retain Longitudinal Temporal Information Modified Dates Option"
    ),
    Option.PATIENT_CHARACTERISTICS: Code(value="113108", scheme="DCM", meaning="Retain Patient Characteristics Option"),
    Option.DEVICE_IDENTITY: Code(value="113109", scheme="DCM", meaning="Retain Device Identity Option"),
    Option.SAFE_PRIVATE: Code(value="113111", scheme="DCM", meaning="Retain Safe Private Option"),
}
