"""Pseudonyms, UIDs and shifted dates over random keys, patients, UIDs and dates."""

from __future__ import annotations

import datetime
import re

import pydicom
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage

from tomoscribe.encoders.dicom.deidentify import Option, SecretKey
from tomoscribe.encoders.dicom.deidentify.clean import Cleaner, Rules
from tomoscribe.encoders.dicom.deidentify.identifiers import Identifiers

keys = st.binary(min_size=16, max_size=40).map(lambda b: SecretKey(secret=b))
uids = st.lists(st.integers(0, 10**12), min_size=4, max_size=6).map(lambda p: ".".join(map(str, (1, 2, 840, *p))))
ids = st.one_of(st.none(), st.text(min_size=1, max_size=12))
days = st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))
times = st.one_of(st.just(""), st.from_regex(r"([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9](\.[0-9]{1,6})?", fullmatch=True))


@given(key=keys, several=st.lists(uids, min_size=2, max_size=30, unique=True))
def test_uids_are_mapped_one_to_one_to_valid_ones_that_hold_nothing_of_the_old(key, several):
    mapped = [key.uid(u) for u in several]
    assert len(set(mapped)) == len(several)
    assert mapped == [key.uid(u) for u in several]
    for old, new in zip(several, mapped, strict=True):
        assert pydicom.uid.UID(new).is_valid
        assert new.startswith("2.25.")
        assert old not in new


@given(one=keys, other=keys, uid=uids)
def test_another_key_gives_other_uids(one, other, uid):
    assert (one.uid(uid) == other.uid(uid)) == (one.secret == other.secret)


@given(key=keys, patient=ids, issuer=ids, study=uids, other_study=uids)
def test_a_patient_is_the_same_one_in_all_studies_and_only_with_an_id(key, patient, issuer, study, other_study):
    alias, again = key.alias(patient, issuer, study), key.alias(patient, issuer, other_study)
    assert (alias == again) == (bool(patient) or study == other_study)
    assert re.fullmatch(r"ANON-[A-Z2-7]{16}", alias.name)
    assert -3650 <= alias.shift_days <= -1


@given(key=keys, patient=ids, first=days, second=days, time=times)
def test_dates_of_one_patient_keep_their_distance_and_their_time(key, patient, first, second, time):
    alias = key.alias(patient, None, "1.2.3")
    moved = [alias.shifted(f"{day:%Y%m%d}{time}") for day in (first, second)]
    assert all(words is not None and words[8:] == time for words in moved)
    found = [datetime.datetime.strptime(words[:8], "%Y%m%d").date() for words in moved]
    assert found[1] - found[0] == second - first
    assert found[0] - first == datetime.timedelta(days=alias.shift_days)
    assert alias.shifted(f"{first:%Y.%m.%d}") == moved[0][:8]


@given(words=st.text(max_size=20))
def test_what_is_no_date_is_never_passed_on(words):
    alias = SecretKey(secret=b"a key that is only for tests").alias("P", None, "1.2.3")
    found = alias.shifted(words)
    assert found is None or re.match(r"\d{4}[.]?\d{2}[.]?\d{2}", words.strip())


@settings(max_examples=50, deadline=None)
@given(key=keys, several=st.lists(uids, min_size=3, max_size=8, unique=True), depth=st.integers(1, 4), day=days)
def test_references_in_nested_items_and_in_text_follow_and_nothing_of_the_old_is_left(key, several, depth, day):
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, several[0]
    ds.StudyInstanceUID, ds.SeriesInstanceUID = several[1], several[2]
    ds.PatientID, ds.StudyDate, ds.AcquisitionDateTime = "P-1", f"{day:%Y%m%d}", f"{day:%Y%m%d}101112.5"
    inner = ds
    for _ in range(depth):
        items = [Dataset() for _ in several]
        for item, uid in zip(items, several, strict=True):
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CTImageStorage, uid
        inner.ReferencedImageSequence = Sequence(items)
        inner = items[-1]
    identifiers = Identifiers()
    identifiers.add(ds)
    alias = key.alias("P-1", None, several[1])
    rules = Rules(key=key, alias=alias, options=frozenset({Option.MODIFIED_DATES}), identifiers=identifiers)
    out = Cleaner(rules=rules).clean(ds)
    new = [key.uid(u) for u in several]
    assert [out.SOPInstanceUID, out.StudyInstanceUID, out.SeriesInstanceUID] == new[:3]
    inner = out
    for _ in range(depth):
        assert [item.ReferencedSOPInstanceUID for item in inner.ReferencedImageSequence] == new
        assert {item.ReferencedSOPClassUID for item in inner.ReferencedImageSequence} == {CTImageStorage}
        inner = inner.ReferencedImageSequence[-1]
    assert out.StudyDate == alias.shifted(f"{day:%Y%m%d}")
    assert str(out.AcquisitionDateTime) == alias.shifted(f"{day:%Y%m%d}101112.5")
    words = str(out)
    assert not [u for u in several if re.search(rf"(?<![\d.]){re.escape(u)}(?![\d.])", words)]
