"""One data set -> its de-identified copy: every element by its action, items of sequences by the same rules."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydicom.datadict import dictionary_has_tag, dictionary_keyword, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID

from tomoscribe.encoders.dicom.broken import BROKEN_ELEMENT
from tomoscribe.encoders.dicom.charset import TEXT_VRS, CharacterSet, character_set, text_of
from tomoscribe.encoders.dicom.deidentify.identifiers import Identifiers
from tomoscribe.encoders.dicom.deidentify.key import PatientAlias, SecretKey
from tomoscribe.encoders.dicom.deidentify.options import Option
from tomoscribe.encoders.dicom.deidentify.profile import Action, action_of
from tomoscribe.encoders.dicom.deidentify.safe_private import safe_private_vr
from tomoscribe.encoders.dicom.deidentify.words import is_all_technical, is_technical, technical_words

PIXEL_GROUP = 0x7FE0
_CHARACTER_SET = 0x00080005
_DUMMY_TEXT = "REMOVED"
_DUMMIES = {"DA": "20000101", "DT": "20000101000000", "TM": "000000", "AS": "000Y"}
_UNDIVIDED = frozenset({"LT", "ST", "UT", "UR"})
"""Text in which a backslash is a character, not a separator of values."""
_NUMERIC_TEXT = re.compile(r"[-+0-9.eE\\ \0]*")
_OLDEST_YEARS = 89
_CODE_STRING = re.compile(r"[A-Z0-9_ ]{0,16}")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """All that the cleaning of one study's files depends on."""

    key: SecretKey
    alias: PatientAlias
    options: frozenset[Option]
    identifiers: Identifiers


@dataclass(kw_only=True)
class Cleaner:
    """Cleans the data sets of one file and counts what was done, in words that name no value."""

    rules: Rules
    counts: Counter[str] = field(default_factory=Counter)

    def clean(self, ds: Dataset, parent: CharacterSet | None = None) -> Dataset:
        """The copy without what identifies; pixel data is left out."""
        charset = character_set(ds, parent)
        out = Dataset()
        for tag in list(ds.keys()):
            element = self._element(ds, tag, charset)
            if element is not None:
                out.add(element)
        if parent is None:
            out.SpecificCharacterSet = "ISO_IR 192"
        return out

    def _element(self, ds: Dataset, tag: BaseTag, charset: CharacterSet) -> DataElement | None:
        if tag.group == PIXEL_GROUP or tag.element == 0 or tag == _CHARACTER_SET:
            return None
        if tag.is_private:
            return self._private(ds, tag)
        if 0x5000 <= tag.group <= 0x501F or 0x6000 <= tag.group <= 0x60FF:
            return self._gone("overlays and curves removed")
        if not dictionary_has_tag(tag):
            return self._gone("unknown elements removed")
        try:
            return self._standard(ds, tag, charset)
        except BROKEN_ELEMENT:
            return self._gone("unreadable elements removed")

    def _standard(self, ds: Dataset, tag: BaseTag, charset: CharacterSet) -> DataElement | None:
        listed = dictionary_VR(tag)
        text = text_of(ds, tag, charset) if listed in TEXT_VRS else None
        vr = listed if listed in TEXT_VRS else str(ds[tag].VR)
        action = action_of(tag, vr, self.rules.options)
        if vr == "UN":
            return self._gone("elements of unknown type removed")
        if vr in TEXT_VRS:
            return self._text(tag, vr, action, text or "")
        return _BY_ACTION[action](self, ds, tag, charset)

    def _text(self, tag: BaseTag, vr: str, action: Action, text: str) -> DataElement | None:
        name = dictionary_keyword(tag)
        if name in ("PatientID", "PatientName"):
            alias = self.rules.alias.name
            return DataElement(tag, vr, alias if vr == "LO" else alias.replace("-", "^"))
        if name == "TextValue" and not is_all_technical(
            text, self.rules.identifiers.names
        ):  # names of masks and image numbers may stay
            return self._dummy_element(tag, vr)
        if action is Action.REMOVE:
            return self._gone("elements removed")
        if action is Action.DUMMY:
            return self._dummy_element(tag, vr)
        if action is Action.EMPTY or not text:
            return self._emptied(tag, vr, text)
        if action is Action.WORDS:
            text = technical_words(text, self.rules.identifiers.names)
            self.counts["descriptions cleaned"] += 1
        if action is Action.SHIFT:  # TimezoneOffsetFromUTC is the one text that a date option keeps
            text = text if re.fullmatch(r"[+-]\d{4}", text) else ""
        return self._kept_text(tag, vr, text)

    def _kept_text(self, tag: BaseTag, vr: str, text: str) -> DataElement:
        values = [text] if vr in _UNDIVIDED else text.split("\\")
        if vr == "AS":
            values = [_capped_age(v) for v in values]
        if not all(self._is_harmless(v, vr) for v in values):
            self.counts["elements emptied because they named somebody"] += 1
            return DataElement(tag, vr, "")
        values = [self._with_new_uids(v) for v in values]
        return DataElement(tag, vr, values[0] if len(values) == 1 else values)

    def _is_harmless(self, value: str, vr: str) -> bool:
        if vr == "CS":
            return is_technical(value) or (
                _CODE_STRING.fullmatch(value) is not None and not self.rules.identifiers.mentioned_in(value)
            )
        return not self.rules.identifiers.mentioned_in(value)

    def _with_new_uids(self, value: str) -> str:
        for uid in sorted(self.rules.identifiers.uids_in(value), key=len, reverse=True):
            value = value.replace(uid, self.rules.key.uid(uid))
        return value

    def _keep(self, ds: Dataset, tag: BaseTag, charset: CharacterSet) -> DataElement | None:
        element = ds[tag]
        if element.VR in ("DS", "IS"):
            words = text_of(ds, tag, charset) or ""
            known = len(words) >= 6 and words in self.rules.identifiers.numbers
            if known or not _NUMERIC_TEXT.fullmatch(words):
                return self._emptied(tag, element.VR, words)
        if element.VR == "UI" and self.rules.identifiers.uids & set(_uids(element)):
            return DataElement(tag, "UI", [self._mapped(u) for u in _uids(element)])
        return DataElement(tag, element.VR, element.value)

    def _remove(self, ds: Dataset, tag: BaseTag, charset: CharacterSet) -> DataElement | None:
        return self._gone("elements removed")

    def _empty(self, ds: Dataset, tag: BaseTag, charset: CharacterSet) -> DataElement:
        return self._emptied(tag, str(ds[tag].VR), ds[tag].value)

    def _emptied(self, tag: BaseTag, vr: str, value: Any) -> DataElement:
        if value not in (None, "", b"") and not (isinstance(value, Sequence) and not value):
            self.counts["elements emptied"] += 1
        return DataElement(tag, vr, Sequence() if vr == "SQ" else None if vr in ("DS", "IS") else "")

    def _dummy(self, ds: Dataset, tag: BaseTag, charset: CharacterSet) -> DataElement | None:
        return self._dummy_element(tag, str(ds[tag].VR))

    def _dummy_element(self, tag: BaseTag, vr: str) -> DataElement | None:
        if vr not in TEXT_VRS and vr not in _DUMMIES:
            return self._gone("elements removed")
        self.counts["elements replaced by a dummy"] += 1
        return DataElement(tag, vr, _DUMMIES.get(vr, _DUMMY_TEXT))

    def _uid(self, ds: Dataset, tag: BaseTag, charset: CharacterSet) -> DataElement:
        values = [self._mapped(u) for u in _uids(ds[tag])]
        return DataElement(tag, "UI", values[0] if len(values) == 1 else values)

    def _mapped(self, uid: str) -> str:
        """Registered UIDs stay: they mean the same everywhere."""
        if not uid or UID(uid).name != uid:
            return uid
        self.counts["UIDs replaced"] += 1
        return self.rules.key.uid(uid)

    def _shift(self, ds: Dataset, tag: BaseTag, charset: CharacterSet) -> DataElement:
        element = ds[tag]
        words = [str(v) for v in element.value] if isinstance(element.value, MultiValue) else [str(element.value or "")]
        if element.VR == "TM":
            shifted = [w if re.fullmatch(r"[0-9:. ]*", w) else None for w in words]
        else:
            shifted = [self.rules.alias.shifted(w) if w else "" for w in words]
        values = [w for w in shifted if w is not None]
        if len(values) < len(words):
            return self._emptied(tag, element.VR, "unreadable date")
        self.counts["dates and times kept, dates shifted"] += 1
        return DataElement(tag, element.VR, values[0] if len(values) == 1 else values)

    def _items(self, ds: Dataset, tag: BaseTag, charset: CharacterSet) -> DataElement | None:
        element = ds[tag]
        if element.VR != "SQ":
            return self._gone("elements removed")
        return DataElement(tag, "SQ", Sequence([self.clean(item, charset) for item in element.value]))

    def _private(self, ds: Dataset, tag: BaseTag) -> DataElement | None:
        if Option.SAFE_PRIVATE in self.rules.options:
            vr = safe_private_vr(ds, tag)
            if vr is not None:
                return ds[tag] if tag.is_private_creator else DataElement(tag, vr, ds[tag].value)
        return self._gone("private elements removed")

    def _gone(self, why: str) -> DataElement | None:
        self.counts[why] += 1
        return None


def _uids(element: DataElement) -> list[str]:
    value = element.value
    return [str(v) for v in value] if isinstance(value, MultiValue | list) else [str(value or "")]


def _capped_age(age: str) -> str:
    """Ages above 89 years are told as 90: there are too few of them to hide among."""
    match = re.fullmatch(r"(\d{3})Y", age.strip())
    if match:
        return "090Y" if int(match[1]) > _OLDEST_YEARS else age.strip()
    return age.strip() if re.fullmatch(r"\d{3}[DWM]", age.strip()) else ""


_Handler = Callable[[Cleaner, Dataset, BaseTag, CharacterSet], "DataElement | None"]
_BY_ACTION: dict[Action, _Handler] = {
    Action.KEEP: Cleaner._keep,
    Action.TEXT: Cleaner._keep,
    Action.WORDS: Cleaner._remove,
    Action.REMOVE: Cleaner._remove,
    Action.EMPTY: Cleaner._empty,
    Action.DUMMY: Cleaner._dummy,
    Action.UID: Cleaner._uid,
    Action.SHIFT: Cleaner._shift,
    Action.ITEMS: Cleaner._items,
}
