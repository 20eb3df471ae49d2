"""Who a patient is: ID and issuer in whatever character set; and what contradicts itself is not compared."""

from __future__ import annotations

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.encoders.identified import LABELS, label_study
from tomoscribe.encoders.dicom import SyntheticIdentity, scan, write_series
from tomoscribe.encoders.dicom.charset import judge_bytes

EXPLICIT = "1.2.840.10008.1.2.1"
LATIN = ("Müller^Jürgen", "Süß^Groß", "Conceição^João", "Åström^Öjvind", "Ñuñez^José")
CHINESE = ("Wang^XiaoDong=王^小东=王^小东", "Li^Na=李^娜", "Ouyang^Yi=欧阳^懿=欧阳^懿", "Zhang^Wei=张^伟")
DECLARED = [(), ("ISO_IR 100",), ("GB18030",), ("GBK",), ("ISO_IR 192",), ("ISO_IR 6",), ("", "ISO 2022 IR 58")]


@pytest.mark.parametrize("declared", DECLARED)
@pytest.mark.parametrize("codec", ["utf-8", "gb18030", "gbk"])
@pytest.mark.parametrize("name", CHINESE)
def test_chinese_names_are_read_under_any_label(declared, codec, name):
    charset = judge_bytes(declared, [name.encode(codec)])
    assert charset.decode(name.encode(codec)) == name


@pytest.mark.parametrize("name", LATIN)
@pytest.mark.parametrize(("declared", "codec", "lying"), [
    ((), "latin_1", False), (("ISO_IR 100",), "latin_1", False), (("ISO_IR 100",), "utf-8", True), ((), "utf-8", True),
])  # fmt: skip
def test_european_names_are_not_taken_for_chinese(name, declared, codec, lying):
    charset = judge_bytes(declared, [name.encode(codec)])
    assert charset.decode(name.encode(codec)) == name
    assert charset.lying is lying


@pytest.mark.parametrize(("data", "expected"), [
    (b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=", "Zhang^XiaoDong=张^小东="),
    (b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
     "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    (b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
     "Hong^Gildong=洪^吉洞=홍^길동"),
])  # fmt: skip
@pytest.mark.parametrize("declared", [("", "ISO 2022 IR 58"), ()])
def test_names_of_the_standard_s_annexes_with_escape_sequences(data, expected, declared):
    """PS3.5 annexes H, I and K; the same bytes are followed when the label is absent, and that is said."""
    charset = judge_bytes(declared, [data])
    assert charset.decode(data) == expected
    assert charset.lying is (declared == ())


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\\\0\x1b"), min_size=1, max_size=20))
def test_what_is_labelled_rightly_as_utf_8_is_never_read_otherwise_unless_it_is_common_chinese_in_gb18030(words):
    data = words.encode()
    charset = judge_bytes(("ISO_IR 192",), [data] if not data.isascii() else [])
    assert charset.codec.lower().replace("_", "-").replace("utf8", "utf-8") in ("utf-8", "gb18030")
    if charset.lying:
        assert sum("\u4e00" <= c <= "\u9fff" for c in data.decode("gb18030")) >= 2


def test_one_patient_has_one_key_in_every_character_set(tmp_path, make_volume, identity):
    def fill(ds, label):
        ds.SpecificCharacterSet = label.written
        ds.PatientID, ds.IssuerOfPatientID, ds.PatientName = "王小东病案77", "东方医院", label.name
        ds.StudyDescription, ds.SeriesDescription = "胸部增强", "胸部平扫"
        return ds

    keys = {}
    for name in set(LABELS) - {"latin"}:
        write_series(make_volume(shape=(2, 3, 4)), tmp_path / name, identity=identity, transfer_syntax=EXPLICIT)
        label_study(tmp_path / name, LABELS[name], fill)
        (study,) = scan(tmp_path / name)
        keys[name] = study.patient_key
        assert (study.description, study.series[0].description) == ("胸部增强", "胸部平扫"), name
        lies = "labelled" in name
        assert any("read as what it is" in w for w in study.warnings) is lies, name
    assert len(set(keys.values())) == 1, keys


def test_a_name_is_no_key_and_an_accession_number_neither(tmp_path, make_volume):
    common = {"patient_name": "SAME^NAME", "accession_number": "ACC-1", "study_date": "2024-01-01"}
    for patient in ("1", "2"):
        who = SyntheticIdentity(patient_id=patient, **common)
        write_series(make_volume(name=patient), tmp_path / patient, identity=who)
    studies = scan(tmp_path)
    assert len({s.patient_key for s in studies}) == 2
    assert [s.priors for s in studies] == [(), ()]


@pytest.mark.parametrize(("field", "value", "words"), [
    ("PatientBirthDate", "19510101", "birth date or sex"),
    ("PatientSex", "M", "birth date or sex"),
    ("PatientID", "other", "different patient IDs"),
])  # fmt: skip
def test_a_study_that_contradicts_itself_is_compared_with_nothing(tmp_path, make_volume, edit, field, value, words):
    for name, date in (("a", "2024-01-01"), ("b", "2023-01-01")):
        who = SyntheticIdentity(patient_id="1", patient_name="A", study_date=date, birth_date="1950-01-01", sex="F")
        write_series(make_volume(name=name), tmp_path / name, identity=who)
    ct, mr = make_volume(name="a"), make_volume(name="a", modality="MR")
    assert ct.series.study_uid == mr.series.study_uid
    write_series(mr, tmp_path / "mr", identity=who)
    for file in (tmp_path / "mr").iterdir():
        edit(file, lambda ds: (setattr(ds, field, value), setattr(ds, "StudyDate", "20240101")))
    newest = scan(tmp_path)[0]
    assert newest.priors == ()
    assert words in " ".join(newest.warnings)


def test_birth_date_and_sex_come_from_any_series_that_has_them(tmp_path, make_volume, edit):
    who = SyntheticIdentity(patient_id="1", patient_name="A", study_date="2024-01-01", birth_date="1950-01-01", sex="F")
    for modality in ("CT", "MR"):
        write_series(make_volume(name="a", modality=modality), tmp_path / modality, identity=who)
    for file in (tmp_path / "CT").iterdir():
        edit(file, lambda ds: (setattr(ds, "PatientSex", ""), setattr(ds, "PatientBirthDate", "")))
    (study,) = scan(tmp_path)
    assert (study.sex, study.age_years) == ("F", 74.0)
    assert pydicom.dcmread(next((tmp_path / "CT").iterdir())).PatientSex == ""
