"""The text of a data set as characters, whatever its Specific Character Set (0008,0005) says, or does not say.

The label is believed unless the bytes contradict it: strict decoding fails, or another encoding gives common Chinese
where the label gives rare characters. Nothing is guessed for pure ASCII, where every label reads the same.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.charset import CODES_TO_ENCODINGS, python_encoding
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.valuerep import PersonName

TEXT_VRS = frozenset({"AE", "AS", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
CODED_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""Value representations whose bytes depend on the Specific Character Set (PS3.5 6.1.2.3)."""
_CHARACTER_SET = Tag(0x0008, 0x0005)
_ESCAPE = b"\x1b"
_MULTI_BYTE = ("utf-8", "gb18030")
_ENOUGH = 0.5
"""Share of common characters above which text is taken to be Chinese as meant."""
_TERM_OF = {"utf-8": "ISO_IR 192", "gb18030": "GB18030"}


@dataclass(frozen=True, kw_only=True)
class CharacterSet:
    """How the text of one data set is read.

    Args:
        declared: the values of (0008,0005); empty when it is absent or empty.
        codec: Python's name of the encoding; ``iso2022`` where escape sequences switch it.
        lying: whether the bytes are in another encoding than the declared one.
    """

    declared: tuple[str, ...]
    codec: str
    lying: bool

    def decode(self, value: bytes) -> str:
        """Characters of a value, without padding; undecodable bytes become U+FFFD."""
        text = _escaped(value) if _ESCAPE in value else value.decode(self._plain_codec, errors="replace")
        return unicodedata.normalize("NFC", text.strip("\0 "))

    @property
    def _plain_codec(self) -> str:
        return "latin_1" if self.codec == "iso2022" else self.codec

    @property
    def writes_chinese(self) -> bool:
        """Whether Chinese can be written under the label, without escape sequences."""
        return not self.lying and codecs.lookup(_codec(self.declared)).name in ("utf-8", "gb18030", "gbk")

    @property
    def found(self) -> str:
        """The defined term of what the bytes are, for messages."""
        return _TERM_OF.get(self.codec, "\\".join(self.declared) or "ISO_IR 6")


def character_set(ds: Dataset, parent: CharacterSet | None = None) -> CharacterSet:
    """The encoding of the text in ``ds``, judged by its label and by the bytes of all its top-level text.

    Args:
        parent: of the data set around an item; counts where the item has no label of its own.
    """
    declared = _declared(ds)
    if not declared and parent is not None:
        return parent
    return judge_bytes(declared, (value for value in _raw_text(ds) if not value.isascii() or _ESCAPE in value))


def judge_bytes(declared: tuple[str, ...], values: Iterable[bytes]) -> CharacterSet:
    """The encoding of these non-ASCII values of one data set."""
    samples = list(values)
    labelled = _codec(declared)
    if any(_ESCAPE in v for v in samples):
        return CharacterSet(declared=declared, codec="iso2022", lying=not any("2022" in term for term in declared))
    if not samples:
        return CharacterSet(declared=declared, codec=labelled, lying=False)
    best = _best(labelled, samples, is_absent=not declared)
    unescaped = best == "gb18030" and "ISO 2022 IR 58" in declared  # Chinese as labelled, its escapes forgotten
    lying = codecs.lookup(best) != codecs.lookup(labelled) and not unescaped
    return CharacterSet(declared=declared, codec=best, lying=lying)


def text_of(ds: Dataset, keyword: str, charset: CharacterSet | None = None) -> str | None:
    """The element's characters; several values are joined by a backslash; None where absent, empty or broken."""
    element = raw_element(ds, keyword)
    if element is None or element.value is None:
        return None
    value = element.value
    if isinstance(value, bytes):
        return (charset or character_set(ds)).decode(value) or None
    if isinstance(value, str | PersonName):
        return unicodedata.normalize("NFC", str(value).strip("\0 ")) or None
    words = "\\".join(str(v) for v in value) if isinstance(value, Sequence) else str(value)
    return unicodedata.normalize("NFC", words.strip("\0 ")) or None


def raw_element(ds: Dataset, keyword: str | int) -> Any:
    """The element as it was read, its bytes not yet converted; None where it is absent."""
    tag = Tag(keyword)
    return ds.get_item(tag) if tag in ds else None


def _declared(ds: Dataset) -> tuple[str, ...]:
    element = raw_element(ds, _CHARACTER_SET)
    value = None if element is None else element.value
    if isinstance(value, bytes):
        value = value.decode("ascii", errors="replace").split("\\")
    words = [value] if isinstance(value, str) else list(value or ())
    terms = tuple(str(w).strip("\0 ").upper() for w in words)
    return terms if any(terms) else ()


def _codec(declared: tuple[str, ...]) -> str:
    """Python's encoding of the first value; Latin-1 for absent and unknown ones, as pydicom reads them."""
    first = declared[0] if declared else ""
    name = python_encoding.get(first) or python_encoding.get(first.replace("ISO_IR_", "ISO_IR ").replace("-", "_"))
    return name or "latin_1"


def _raw_text(ds: Dataset) -> Iterator[bytes]:
    """Bytes of text elements that were not converted yet."""
    for tag in list(ds.keys()):
        element = ds.get_item(tag)
        if isinstance(element, RawDataElement) and isinstance(element.value, bytes) and _is_text(element):
            yield element.value


def _is_text(element: RawDataElement) -> bool:
    if element.VR is not None and element.VR != "UN":
        return element.VR in CODED_VRS
    from pydicom.datadict import dictionary_has_tag, dictionary_VR

    return dictionary_has_tag(element.tag) and dictionary_VR(element.tag) in CODED_VRS


def _best(labelled: str, samples: list[bytes], *, is_absent: bool) -> str:
    """The label's encoding, unless it fails or another one gives clearly more common characters."""
    joined = [_strict(v, labelled) for v in samples]
    fits = None not in joined
    scores = {name: _chinese(samples, name) for name in _MULTI_BYTE}
    name, share = max(scores.items(), key=lambda item: item[1])
    if fits and _is_multi_byte(labelled):
        own = _chinese(samples, labelled)
        return name if own < _ENOUGH <= share else labelled
    if _all_decode(samples, "utf-8"):
        return "utf-8"
    return name if share >= _ENOUGH or (is_absent and share > 0) or not fits else labelled


def _is_multi_byte(codec: str) -> bool:
    return codecs.lookup(codec).name in ("utf-8", "gb18030", "gbk", "gb2312", "euc_kr", "shift_jis")


def _all_decode(samples: list[bytes], codec: str) -> bool:
    return all(_strict(v, codec) is not None for v in samples)


def _strict(value: bytes, codec: str) -> str | None:
    try:
        return value.decode(codec)
    except (UnicodeError, LookupError):
        return None


def _chinese(samples: list[bytes], codec: str) -> float:
    """Share of non-ASCII characters that are common Chinese (GB 2312, level 1); 0 where decoding fails."""
    texts = [_strict(v, codec) for v in samples]
    others = [c for t in texts if t is not None for c in t if not c.isascii()]
    if None in texts or len(others) < 2:
        return 0.0
    return sum(_is_common(c) for c in others) / len(others)


def _is_common(character: str) -> bool:
    try:
        row = character.encode("gb2312")[0]
    except UnicodeError:
        return False
    return 0xB0 <= row <= 0xD7


def _escaped(value: bytes) -> str:
    """Text with ISO 2022 escape sequences (PS3.5 6.1.2.5), each followed whether it was declared or not."""
    return "".join(_fragment(f) for f in re.findall(rb"^[^\x1b]+|\x1b[^\x1b]*", value))


def _fragment(fragment: bytes) -> str:
    code = next((c for c in sorted(CODES_TO_ENCODINGS, key=len, reverse=True) if fragment.startswith(c)), None)
    if code is None:
        return fragment.lstrip(_ESCAPE).decode("latin_1")
    codec = CODES_TO_ENCODINGS[code]
    is_stateful = codec.startswith("iso2022")
    return (fragment if is_stateful else fragment[len(code) :]).decode(codec, errors="replace")
