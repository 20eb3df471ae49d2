"""Studies whose every text names somebody, in each character set; and the search for those names in any bytes."""

from __future__ import annotations

import contextlib
import html
import json
import re
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.charset import convert_encodings
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid
from pydicom.valuerep import PersonName

from tomoscribe.encoders.dicom.write import IMPLEMENTATION_UID

TEXT = ("LO", "SH", "ST", "LT", "UT", "UC")
SKIPPED = ("RescaleType", "SpecificCharacterSet")
NAME = "Qzwangly^Xqiaodong=王槐^晓淼=ㄨㄤ^ㄒㄧㄠ"
CHINESE_NAME = "Qzwangly^Xqiaodong=王槐^晓淼=王槐^晓淼"
LATIN_NAME = "Mqüllzer^Jqürgen"


@dataclass(frozen=True, kw_only=True)
class Label:
    """A character set as a study carries it.

    Args:
        declared: value of (0008,0005), None for an absent one.
        written: the character set that the bytes really are in.
    """

    declared: str | list[str] | None
    written: str | list[str]
    name: str = NAME


LABELS = {
    "latin": Label(declared="ISO_IR 100", written="ISO_IR 100", name=LATIN_NAME),
    "utf-8": Label(declared="ISO_IR 192", written="ISO_IR 192"),
    "gb18030": Label(declared="GB18030", written="GB18030"),
    "ir-58": Label(declared=["", "ISO 2022 IR 58"], written=["", "ISO 2022 IR 58"], name=CHINESE_NAME),
    "gbk-labelled-latin": Label(declared="ISO_IR 100", written="GBK", name=CHINESE_NAME),
    "utf-8-labelled-gbk": Label(declared="GBK", written="ISO_IR 192"),
    "utf-8-unlabelled": Label(declared=None, written="ISO_IR 192"),
    "gb18030-unlabelled": Label(declared=None, written="GB18030", name=CHINESE_NAME),
}  # fmt: skip


def identify(ds: Dataset, label: Label) -> Dataset:
    """Fills every text element that the dictionary knows, and the places beside it, with names and numbers."""
    ds.SpecificCharacterSet = label.written
    family = label.name.split("^")[0]
    for tag, (vr, _, _, retired, keyword) in sorted(DicomDictionary.items()):
        if keyword in SKIPPED or not keyword or tag >> 16 < 0x0008 or tag >> 16 >= 0x7000 or retired:
            continue
        if vr == "PN":
            ds.add_new(tag, vr, label.name)
        elif vr in TEXT:
            ds.add_new(tag, vr, f"{family} {tag:08X}"[:16] if vr == "SH" else f"QQTOKEN{tag:08X} of {family}")
    _numbers(ds)
    _nested(ds, label)
    _private_and_unknown(ds, label)
    return ds


def _numbers(ds: Dataset) -> None:
    ds.PatientID, ds.IssuerOfPatientID, ds.AccessionNumber, ds.StudyID = (
        "HZQ-90210-77",
        "QZISSUER",
        "ACCZ778899",
        "SZ12345",
    )
    ds.PatientBirthDate, ds.StudyDate, ds.StudyTime = "19410203", "20190817", "101112.131415"
    ds.AcquisitionDateTime = "20190817101112.5+0800"
    ds.DeviceSerialNumber, ds.StationName = "SNQZ5544332", "STQZCT01"
    ds.PatientSex, ds.PatientAge = "F", "078Y"
    ds.InstanceCreatorUID = generate_uid(entropy_srcs=["creator"])


def _nested(ds: Dataset, label: Label) -> None:
    inner, item = Dataset(), Dataset()
    inner.PersonName = inner.PhysiciansOfRecord = label.name
    inner.TextValue = f"seen by {label.name.split('=')[0].replace('^', ' ')}"
    inner.ReferencedSOPInstanceUID = generate_uid(entropy_srcs=["referenced"])
    item.RequestedProcedureDescription = "QQNESTED"
    item.PatientID, item.CodeValue, item.CodingSchemeDesignator = "HZQ-90210-77", "1", "99QZ"
    item.CodeMeaning = f"code of {label.name.split('^')[0]}"
    item.ReferencedImageSequence = Sequence([inner])
    for name in (
        "RequestAttributesSequence",
        "OtherPatientIDsSequence",
        "SourceImageSequence",
        "DerivationCodeSequence",
        "OriginalAttributesSequence",
        "ReferencedSeriesSequence",
        "AnatomicRegionSequence",
    ):
        setattr(ds, name, Sequence([item]))  # fmt: skip


def _private_and_unknown(ds: Dataset, label: Label) -> None:
    block = ds.private_block(0x0009, "QZPRIVATE", create=True)
    block.add_new(0x01, "LO", label.name)
    block.add_new(0x02, "UN", b"QZPRIVATEBYTES")
    ds.add_new(0x00089FF0, "UN", b"QZUNKNOWN")
    ds.add_new(0x00080FFE, "LO", "QZUNDEFINED")
    ds.add_new(0x50003000, "OW", b"QZCURVE.")
    ds.add_new(0x60000022, "LO", "QZOVERLAY")
    ds.add_new(0x60003000, "OW", b"QZPLANE.")
    ds.add_new(0xFFFCFFFC, "OB", b"QZTRAILING")


def escaped(ds: Dataset) -> Dataset:
    """Chinese text in GB 2312 behind the escape sequences of ISO 2022 IR 58 (PS3.5 K), which pydicom leaves out."""
    for element in ds:
        if element.VR == "SQ":
            for item in element.value:
                escaped(item)
        elif element.VR in ("PN", *TEXT) and not str(element.value).isascii():
            parts = re.split(r"([\^=])", str(element.value))
            data = b"".join(p.encode() if p.isascii() else b"\x1b$)A" + p.encode("gb2312") for p in parts)
            encodings = convert_encodings(["", "ISO 2022 IR 58"])
            element.value = PersonName(data, encodings) if element.VR == "PN" else data
    return ds


def label_study(folder: Path, label: Label, fill: Callable[[Dataset, Label], Dataset] = identify) -> None:
    """Gives every file of a folder the identifiers and the label, with names in preamble and file meta as well."""
    for file in sorted(folder.rglob("*.dcm")):
        ds = fill(pydicom.dcmread(file), label)
        ds.file_meta.SourceApplicationEntityTitle = "QZSOURCEAE"
        ds = escaped(ds) if "ISO 2022 IR 58" in label.written else ds
        ds.preamble = b"QZPREAMBLE".ljust(128, b"\0")
        ds.save_as(file, overwrite=True)
        file.write_bytes(_relabelled(file.read_bytes(), label))


def _relabelled(data: bytes, label: Label) -> bytes:
    """The file with the declared character set in place of the one it was written in (explicit VR little endian)."""
    if label.declared == label.written:
        return data
    written = _element(label.written)
    assert data.count(written) >= 1
    return data.replace(written, b"" if label.declared is None else _element(label.declared), 1)


def _element(terms: str | list[str]) -> bytes:
    value = (terms if isinstance(terms, str) else "\\".join(terms)).encode()
    value += b" " * (len(value) % 2)
    return b"\x08\x00\x05\x00CS" + len(value).to_bytes(2, "little") + value


def identifiers(label: Label) -> set[str]:
    """Every word, number and UID that must not be found again."""
    words = {w for w in re.split(r"[\^=]", label.name) if w}
    words |= {"HZQ-90210-77", "QZISSUER", "ACCZ778899", "SZ12345", "19410203", "20190817", "101112.13", "SNQZ5544332"}
    words |= {"STQZCT01", "QZPRIVATE", "QZUNKNOWN", "QZUNDEFINED", "QZCURVE", "QZOVERLAY", "QZPLANE", "QZTRAILING"}
    words |= {"QZSOURCEAE", "QZPREAMBLE", "QQNESTED", "QQTOKEN", "2019-08-17", "1941-02-03"}
    return words


CODING_SCHEMES = {b"1.3.6.1.4.1.5962.98.1"}
"""UIDs of coding schemes name a vocabulary, not a patient or an image; they are kept (0008,010C)."""


def uids_of(folder: Path) -> set[str]:
    """All UIDs of the input but registered ones, those of coding schemes and that of this software."""
    found = set()
    for file in folder.rglob("*.dcm"):
        found |= set(re.findall(rb"[12]\.\d+(?:\.\d+){1,}", file.read_bytes()))
    found -= CODING_SCHEMES
    return {u.decode() for u in found if len(u) > 20 and not u.startswith(b"1.2.840.10008.")} - {IMPLEMENTATION_UID}


def found_in(data: bytes, words: Iterable[str]) -> set[str]:
    """Which of the words stand in the bytes: as they are, inflated, and as escaped in JSON and HTML."""
    forms = [data, *_inflated(data)]
    text = data.decode("utf-8", errors="ignore")
    with contextlib.suppress(json.JSONDecodeError):
        forms.append(json.dumps(json.loads(text), ensure_ascii=False).encode())
    if "&" in text:
        forms.append(html.unescape(text).encode())
    lowered = [f.lower() for f in forms]
    return {w for w in words if any(code in form for code in _encoded(w) for form in lowered)}


def _encoded(word: str) -> set[bytes]:
    codes = set()
    for codec in ("utf-8", "gb18030", "gb2312", "latin_1", "utf-16-le", "utf-16-be"):
        try:
            codes.add(word.encode(codec).lower())
        except UnicodeError:
            continue
    return codes


def _inflated(data: bytes) -> list[bytes]:
    at = data.find(b"1.2.840.10008.1.2.1.99")
    if at < 0:
        return []
    start = 144 + int.from_bytes(data[140:144], "little")
    return [zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[start:])]
