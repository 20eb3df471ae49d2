"""The words that identify somebody in the files of one study, gathered before anything is written.

They are looked for in all text that is kept, and once more in the finished output. They are never shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydicom.datadict import dictionary_has_tag, dictionary_keyword, dictionary_VR
from pydicom.dataset import Dataset

from tomoscribe.encoders.dicom.broken import BROKEN_ELEMENT
from tomoscribe.encoders.dicom.charset import CharacterSet, character_set, text_of
from tomoscribe.encoders.dicom.deidentify.profile import KEPT_UIDS
from tomoscribe.encoders.dicom.deidentify.words import is_technical

_NUMBERS = frozenset(
    (
        "PatientID", "OtherPatientIDs", "AccessionNumber", "AdmissionID", "ServiceEpisodeID", "StudyID",
        "PerformedProcedureStepID", "ScheduledProcedureStepID", "RequestedProcedureID", "DeviceSerialNumber",
        "PlacerOrderNumberImagingServiceRequest", "FillerOrderNumberImagingServiceRequest", "MedicalRecordLocator",
        "InsurancePlanIdentification", "PatientTelephoneNumbers", "ReferringPhysicianTelephoneNumbers",
        "ClinicalTrialSubjectID", "PersonTelephoneNumbers", "OrderCallbackPhoneNumber",
    )
)  # fmt: skip
_PLACES = frozenset(
    (
        "IssuerOfPatientID", "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "StationName",
        "PatientAddress", "RegionOfResidence", "CurrentPatientLocation", "RequestingService", "PerformedLocation",
        "PatientInstitutionResidence", "ReferringPhysicianAddress", "PersonAddress", "Occupation", "MilitaryRank",
        "BranchOfService", "PatientReligiousPreference", "ClinicalTrialSiteName", "ClinicalTrialSponsorName",
    )
)  # fmt: skip
_DATES = frozenset({"PatientBirthDate", "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"})
DUMMY_DATES = frozenset({"20000101", "19000101", "00010101"})
_SHORTEST_NUMBER = 4
_SHORTEST_PLACE = 4
_LONG_NUMBER = 8
_LONG_WORD = 4
_NOTHING = re.compile(r"(?!)")
_UID = re.compile(r"\d+(?:\.\d+){4,}")


@dataclass
class Identifiers:
    """Grows while the files of a study are surveyed.

    Args:
        words: parts of names and of places that are no technical words as well.
        names: all parts of names, lower case.
    """

    names: set[str] = field(default_factory=set, repr=False)
    words: set[str] = field(default_factory=set, repr=False)
    numbers: set[str] = field(default_factory=set, repr=False)
    uids: set[str] = field(default_factory=set, repr=False)
    _pattern: re.Pattern[str] | None = field(default=None, repr=False)

    def add(self, ds: Dataset, parent: CharacterSet | None = None) -> None:
        """Takes the identifying words of a data set and its items."""
        charset = character_set(ds, parent)
        for tag in list(ds.keys()):
            if tag.is_private or not dictionary_has_tag(tag):
                continue
            vr, name = dictionary_VR(tag), dictionary_keyword(tag)
            if vr == "SQ":
                for item in _items(ds, tag):
                    self.add(item, charset)
            elif vr in ("PN", "UI") or name in _NUMBERS or name in _PLACES or name in _DATES:
                self._take(vr, name, text_of(ds, name, charset) or "")
        self._pattern = None

    def mentioned_in(self, text: str) -> bool:
        """Whether the text names somebody: one of the words as a whole word, or one of the numbers."""
        if self._pattern is None:
            self._pattern = _compiled(self.words, self.numbers)
        return self._pattern.search(text) is not None

    def stand_in(self, data: bytes) -> bool:
        """Whether bytes of mixed content hold one of the identifiers that are too long to stand there by chance."""
        words = {w for w in self.words if _is_cjk(w) or len(w) >= _LONG_WORD}
        text = data.decode("utf-8", errors="replace")
        long_numbers = {n for n in self.numbers if len(n) >= _LONG_NUMBER}
        return _compiled(words, long_numbers).search(text) is not None or bool(self.uids_in(text))

    def uids_in(self, text: str) -> set[str]:
        """UIDs of the input that stand in the text."""
        return {m for m in _UID.findall(text) if m in self.uids}

    def _take(self, vr: str, name: str, text: str) -> None:
        if vr == "UI":
            if name not in KEPT_UIDS:
                self.uids.update(u for u in text.split("\\") if u and not u.startswith("1.2.840.10008."))
        elif vr == "PN":
            self._take_name(text)
        elif name in _DATES:
            digits = re.sub(r"\D", "", text)
            if len(digits) == 8 and _tells(digits):
                self.numbers |= {sep.join((digits[:4], digits[4:6], digits[6:])) for sep in ("", "-", ".", "/")}
        elif name in _NUMBERS:
            values = (v.strip() for v in text.split("\\"))
            self.numbers.update(v for v in values if len(v) >= _SHORTEST_NUMBER and _tells(v))
        else:
            places = re.split(r"[\\,;\r\n]", text)
            self.words.update(p.strip() for p in places if len(p.strip()) >= _SHORTEST_PLACE and not is_technical(p))
            self.words.update(w for w in re.findall(r"[^\W\d_]{5,}", text) if not is_technical(w))

    def _take_name(self, text: str) -> None:
        """Each part of each of the three groups; family and given name run together as well where not Latin."""
        for group in re.split(r"[=\\]", text):
            parts = [p for p in re.split(r"[\^\s,.]+", group) if p]
            self.names.update(p.lower() for p in parts)
            self.words.update(p for p in parts if len(p) >= 2 and not is_technical(p))
            if len(parts) > 1:
                self.words |= {"".join(parts), "".join(parts[:2]), "".join(parts[1::-1])}


def _compiled(words: set[str], numbers: set[str]) -> re.Pattern[str]:
    """Latin words between other characters than letters, short numbers between others than letters and digits; Chinese
    and long numbers anywhere."""
    latin = [rf"(?<![^\W\d_]){re.escape(w)}(?![^\W\d_])" for w in words if not _is_cjk(w)]
    short = [rf"(?<![^\W_]){re.escape(n)}(?![^\W_])" for n in numbers if len(n) < _LONG_NUMBER]
    anywhere = [re.escape(n) for n in numbers if len(n) >= _LONG_NUMBER] + [re.escape(w) for w in words if _is_cjk(w)]
    parts = sorted(latin) + sorted(short) + sorted(anywhere)
    return re.compile("|".join(parts), re.IGNORECASE) if parts else _NOTHING


def _tells(number: str) -> bool:
    """Whether a number can tell one patient from another: not 00000, not a word or dummy that stands for nobody."""
    return len(set(number)) > 1 and number not in DUMMY_DATES and not is_technical(number)


def _is_cjk(word: str) -> bool:
    return any("\u3040" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7af" for c in word)


def _items(ds: Dataset, tag: Any) -> Iterator[Dataset]:
    try:
        value = ds[tag].value
    except BROKEN_ELEMENT:
        return
    yield from (value if isinstance(value, list) or hasattr(value, "__iter__") else ())
