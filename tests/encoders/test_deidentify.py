"""De-identification: nothing that identifies is left, everything that is measured stays."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.encoders.identified import LABELS, found_in, identifiers, identify, label_study, uids_of
from tomoscribe.core.errors import ConfigError, InputError, OutputError
from tomoscribe.encoders.dicom import load_volume, scan, write_series
from tomoscribe.encoders.dicom.deidentify import REPORT_FILE, Option, SecretKey, deidentify, load_key

KEY = SecretKey(secret=b"a key that is only for tests")
CT = "1.2.840.10008.1.2.1"


@pytest.fixture
def study(tmp_path, make_volume, identity) -> Path:
    """Three uncompressed slices in tmp_path/in."""
    write_series(make_volume(shape=(3, 5, 7)), tmp_path / "in", identity=identity, transfer_syntax=CT)
    return tmp_path / "in"


def outputs(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.dcm"))


def first(folder: Path) -> Dataset:
    return pydicom.dcmread(outputs(folder)[0])


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("options", [(), tuple(Option)], ids=["basic", "all-options"])
def test_no_identifier_is_left_in_any_character_set(study, tmp_path, name, options):
    label = LABELS[name]
    label_study(study, label)
    words = identifiers(label) | uids_of(study)
    before = b"".join(f.read_bytes() for f in outputs(study))
    assert found_in(before, words) >= set(label.name.replace("=", "^").split("^"))
    report = deidentify(study, tmp_path / "out", key=KEY, options=options)
    assert len(report.written) == 3
    for file in (tmp_path / "out").rglob("*"):
        assert found_in(str(file).encode(), words) == set()
        if file.is_file():
            allowed = {"101112.13"} if Option.MODIFIED_DATES in options else set()
            assert found_in(file.read_bytes(), words) <= allowed, file.name
    assert found_in("\n".join(report.lines()).encode(), words) == set()


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.80",
                                    "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90"])  # fmt: skip
def test_the_own_reader_gives_the_same_verdict_voxels_and_grid(tmp_path, make_volume, identity, syntax):
    volume = make_volume("oblique", shape=(4, 32, 40))
    rewritten = syntax in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99")
    write_series(volume, tmp_path / "in", identity=identity, transfer_syntax=CT if rewritten else syntax)
    for file in outputs(tmp_path / "in") if rewritten else ():
        ds = pydicom.dcmread(file)
        ds.file_meta.TransferSyntaxUID = syntax
        ds.save_as(file, overwrite=True, implicit_vr=syntax == "1.2.840.10008.1.2", little_endian=True)
    deidentify(tmp_path / "in", tmp_path / "out", key=KEY)
    (before,), (after,) = scan(tmp_path / "in"), scan(tmp_path / "out")
    old, new = load_volume(before, before.series[0]), load_volume(after, after.series[0])
    np.testing.assert_array_equal(new.array, old.array)
    np.testing.assert_array_equal(new.geometry.affine, old.geometry.affine)
    assert (after.series[0].verdict, after.series[0].shape) == (before.series[0].verdict, before.series[0].shape)
    assert after.series[0].acquisition == before.series[0].acquisition
    assert first(tmp_path / "out").file_meta.TransferSyntaxUID == syntax


def test_the_object_says_what_was_done_to_it(study, tmp_path):
    deidentify(study, tmp_path / "out", key=KEY, options=[Option.MODIFIED_DATES, Option.DEVICE_IDENTITY])
    ds = first(tmp_path / "out")
    assert ds.PatientIdentityRemoved == "YES"
    assert [i.CodeValue for i in ds.DeidentificationMethodCodeSequence] == ["113100", "113107", "113109"]
    assert {i.CodingSchemeDesignator for i in ds.DeidentificationMethodCodeSequence} == {"DCM"}
    assert "PS3.15 2026c" in ds.DeidentificationMethod[1]
    assert ds.LongitudinalTemporalInformationModified == "MODIFIED"
    assert bytes(ds.preamble) == bytes(128)
    assert "SourceApplicationEntityTitle" not in ds.file_meta
    assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID


def test_same_input_and_key_give_the_same_bytes_and_another_key_others(study, tmp_path):
    for name, key in (("a", KEY), ("b", KEY), ("c", SecretKey(secret=b"another key only for tests"))):
        deidentify(study, tmp_path / name, key=key)
    a, b, c = ([f.relative_to(tmp_path / n) for f in outputs(tmp_path / n)] for n in "abc")
    assert a == b
    assert not set(a) & set(c)
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in a)


def test_dates_of_a_patient_move_by_the_same_number_of_days(tmp_path, make_volume, identity):
    from dataclasses import replace

    for name, date in (("a", "2024-02-28"), ("b", "2024-03-01")):
        write_series(make_volume(name=name), tmp_path / "in" / name, identity=replace(identity, study_date=date))
    deidentify(tmp_path / "in", tmp_path / "out", key=KEY, options=[Option.MODIFIED_DATES])
    new, old = scan(tmp_path / "out")
    assert old.patient_key == new.patient_key
    assert [p.date for p in new.priors] == [old.date]
    days = np.datetime64(new.date) - np.datetime64(old.date)
    assert days == np.timedelta64(2, "D")
    assert old.date < "2024-02-28"
    assert first(tmp_path / "out").StudyTime == "120000"


def test_dates_are_emptied_without_the_option_and_birth_dates_always(study, tmp_path):
    deidentify(study, tmp_path / "a", key=KEY)
    deidentify(study, tmp_path / "b", key=KEY, options=list(Option))
    assert [first(tmp_path / "a").get(k) for k in ("StudyDate", "PatientBirthDate", "PatientSex")] == ["", "", ""]
    assert "PatientAge" not in first(tmp_path / "a")
    assert (first(tmp_path / "b").PatientBirthDate, first(tmp_path / "b").PatientSex) == ("", "F")
    assert first(tmp_path / "b").PatientAge == "063Y"


def test_great_ages_are_capped(study, tmp_path, edit):
    for file in outputs(study):
        edit(file, lambda ds: setattr(ds, "PatientAge", "097Y"))
    deidentify(study, tmp_path / "out", key=KEY, options=[Option.PATIENT_CHARACTERISTICS])
    assert first(tmp_path / "out").PatientAge == "090Y"


@pytest.mark.parametrize(("words", "expected"), [
    ("CT Chest with contrast 1.5 mm", "CT Chest with contrast 1.5 mm"),
    ("Chest for Mrs Smithson 19600708", "Chest for"),
    ("t2_tse_tra, Dr. Known", "t2_tse_tra"),
    ("王小东 胸部 平扫", "胸部 平扫"),
    ("Nobody", ""),
    ("Dr. Sharp: CT chest", "CT chest"),
])  # fmt: skip
def test_descriptions_keep_their_technical_words_only(study, tmp_path, edit, words, expected):
    for file in outputs(study):
        edit(file, lambda ds: (setattr(ds, "SeriesDescription", words), setattr(ds, "OperatorsName", "Sharp^A")))
    deidentify(study, tmp_path / "out", key=KEY, options=[Option.CLEAN_DESCRIPTORS])
    assert first(tmp_path / "out").SeriesDescription == expected


def test_references_inside_sequences_follow_the_new_uids(study, tmp_path, edit):
    uids = [pydicom.dcmread(f).SOPInstanceUID for f in outputs(study)]
    for file in outputs(study):
        edit(file, lambda ds: _refer(ds, uids))
    deidentify(study, tmp_path / "out", key=KEY)
    new = {pydicom.dcmread(f).SOPInstanceUID for f in outputs(tmp_path / "out")}
    ds = first(tmp_path / "out")
    assert {i.ReferencedSOPInstanceUID for i in ds.SourceImageSequence[0].ReferencedImageSequence} == new
    assert ds.SourceImageSequence[0].ReferencedSOPClassUID == pydicom.uid.CTImageStorage
    assert ds.CodingSchemeIdentificationSequence[0].CodingSchemeUID == "2.16.840.1.113883.6.96"
    assert {str(KEY.uid(u)) for u in uids} == {str(u) for u in new}


def _refer(ds: Dataset, uids: list[str]) -> None:
    item = Dataset()
    item.ReferencedSOPClassUID = pydicom.uid.CTImageStorage
    item.ReferencedImageSequence = Sequence([_reference(u) for u in uids])
    ds.SourceImageSequence = Sequence([item])
    scheme = Dataset()
    scheme.CodingSchemeDesignator, scheme.CodingSchemeUID = "SCT", "2.16.840.1.113883.6.96"
    ds.CodingSchemeIdentificationSequence = Sequence([scheme])


def _reference(uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPInstanceUID = uid
    return item


@pytest.mark.parametrize(("change", "reason"), [
    ({"SOPClassUID": pydicom.uid.SecondaryCaptureImageStorage, "BurnedInAnnotation": "NO"}, "Secondary Capture"),
    ({"SOPClassUID": pydicom.uid.UltrasoundImageStorage, "BurnedInAnnotation": "NO"}, "ultrasound: text is presumed"),
    ({"BurnedInAnnotation": "YES"}, "says that text is burned into"),
    ({"ImageType": ["DERIVED", "SECONDARY", "DOSE_INFO"]}, "screen capture or dose sheet"),
    ({"SamplesPerPixel": 3}, "a colour picture"),
    ({"SOPClassUID": pydicom.uid.EncapsulatedPDFStorage}, "Encapsulated PDF Storage: nothing here knows"),
    ({"SOPClassUID": "1.2.3.4.5.6"}, "an unknown object: nothing here knows"),
])  # fmt: skip
def test_pictures_with_burned_in_text_stay_behind(study, tmp_path, edit, change, reason):
    edit(outputs(study)[1], lambda ds: [setattr(ds, k, v) for k, v in change.items()])
    report = deidentify(study, tmp_path / "out", key=KEY)
    (dropped,) = report.dropped
    assert (len(report.written), dropped.number) == (2, 2)
    assert reason in (dropped.reason or "")
    assert len(outputs(tmp_path / "out")) == 2


def test_ultrasound_keeps_only_its_declared_regions(study, tmp_path, edit):
    for file in outputs(study)[1:]:
        file.unlink()
    edit(outputs(study)[0], _make_ultrasound)
    deidentify(study, tmp_path / "out", key=KEY, options=[Option.CLEAN_PIXEL_DATA])
    ds = first(tmp_path / "out")
    expected = np.zeros((5, 7, 3), np.uint8)
    expected[1:4, 2:6] = 200
    np.testing.assert_array_equal(ds.pixel_array, expected)
    assert "113101" in [i.CodeValue for i in ds.DeidentificationMethodCodeSequence]
    report = json.loads((tmp_path / "out" / REPORT_FILE).read_text())
    assert "look at each picture" in report["files"][0]["warnings"][0]


def _make_ultrasound(ds: Dataset) -> None:
    ds.SOPClassUID, ds.Modality = pydicom.uid.UltrasoundImageStorage, "US"
    ds.set_pixel_data(np.full((5, 7, 3), 200, np.uint8), "RGB", 8)
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMaxX1 = 2, 5
    region.RegionLocationMinY0, region.RegionLocationMaxY1 = 1, 3
    ds.SequenceOfUltrasoundRegions = Sequence([region])


@pytest.mark.parametrize(("part", "description", "warned"), [
    ("HEAD", "", True), ("CHEST", "CT thorax", False), (None, "Neuro^Routine", True), (None, "头颅平扫", True),
    (None, None, True), ("ABDOMEN", "", False), (None, "CT abdomen", False),
])  # fmt: skip
def test_head_volumes_carry_a_warning(study, tmp_path, edit, part, description, warned):
    def change(ds: Dataset) -> None:
        del ds.SeriesDescription
        ds.StudyDescription, ds.BodyPartExamined = description or "", part or ""

    for file in outputs(study):
        edit(file, change)
    report = deidentify(study, tmp_path / "out", key=KEY)
    assert all(("113102" in " ".join(f.warnings)) == warned for f in report.written)
    assert (first(tmp_path / "out").get("RecognizableVisualFeatures") == "YES") == warned


def test_overlay_planes_in_the_high_bits_go_and_the_voxels_stay(study, tmp_path, edit):
    before = load_volume(*_only(study)).array

    def draw(ds: Dataset) -> None:
        pixels = np.frombuffer(ds.PixelData, "<u2") | 0x8000
        ds.PixelData = pixels.astype("<u2").tobytes()
        ds.add_new(0x60000010, "US", 5)
        ds.add_new(0x60000100, "US", 16)
        ds.add_new(0x60000102, "US", 15)

    for file in outputs(study):
        edit(file, draw)
    deidentify(study, tmp_path / "out", key=KEY)
    ds = first(tmp_path / "out")
    assert int(np.frombuffer(ds.PixelData, "<u2").max()) < 0x1000
    assert not [e for e in ds if e.tag.group == 0x6000]
    np.testing.assert_array_equal(load_volume(*_only(tmp_path / "out")).array, before)


def _only(folder: Path):
    (study,) = scan(folder)
    return study, study.series[0]


def test_bytes_behind_the_pixels_and_comments_in_the_codestream_go(tmp_path, make_volume, identity, edit):
    for name, syntax in (("raw", CT), ("ls", "1.2.840.10008.1.2.4.80"), ("j2k", "1.2.840.10008.1.2.4.90")):
        folder = tmp_path / name
        write_series(make_volume(shape=(3, 32, 40)), folder, identity=identity, transfer_syntax=syntax)
        before = load_volume(*_only(folder)).array
        for file in outputs(folder):
            edit(file, lambda ds: _hide_text(ds))
        assert b"QZHIDDEN" in outputs(folder)[0].read_bytes()
        deidentify(folder, tmp_path / f"{name}-out", key=KEY)
        assert all(b"QZHIDDEN" not in f.read_bytes() for f in outputs(tmp_path / f"{name}-out"))
        np.testing.assert_array_equal(load_volume(*_only(tmp_path / f"{name}-out")).array, before)


def _hide_text(ds: Dataset) -> None:
    from pydicom.encaps import encapsulate, generate_frames

    if not ds.file_meta.TransferSyntaxUID.is_compressed:
        ds.PixelData = ds.PixelData + b"QZHIDDEN"
        return
    (frame,) = generate_frames(ds.PixelData, number_of_frames=1)
    if frame[:2] == b"\xff\xd8":
        frame = frame[:2] + b"\xff\xfe\x00\x0aQZHIDDEN" + frame[2:]
    else:  # JPEG 2000: a comment may stand between the segments of the main header, which begins with SIZ
        end = 4 + int.from_bytes(frame[4:6], "big")
        frame = frame[:end] + b"\xff\x64\x00\x0c\x00\x01QZHIDDEN" + frame[end:]
    ds.PixelData = encapsulate([frame])


def test_safe_private_elements_stay_only_when_asked_for_and_only_with_their_type(study, tmp_path, edit):
    def add(ds: Dataset) -> None:
        block = ds.private_block(0x0019, "GEMS_ACQU_01", create=True)
        block.add_new(0x23, "DS", "7.5")
        block.add_new(0x24, "LO", "Nobody")
        block.add_new(0x25, "DS", "1")

    for file in outputs(study):
        edit(file, add)
    deidentify(study, tmp_path / "a", key=KEY)
    deidentify(study, tmp_path / "b", key=KEY, options=[Option.SAFE_PRIVATE])
    assert not [e for e in first(tmp_path / "a") if e.tag.is_private]
    kept = {e.tag: e.value for e in first(tmp_path / "b") if e.tag.is_private}
    assert kept == {0x00190010: "GEMS_ACQU_01", 0x00191023: 7.5}


def test_numbers_that_are_words_and_ids_in_numeric_elements_go(study, tmp_path):
    for file in outputs(study):
        data = file.read_bytes()
        at = data.index(b"\x20\x00\x11\x00IS\x02\x00") + 8
        file.write_bytes(data[: at - 2] + b"\x08\x00Nobody^K" + data[at + 2 :])
    deidentify(study, tmp_path / "out", key=KEY)
    assert first(tmp_path / "out").SeriesNumber is None


def test_a_file_that_cannot_be_cleaned_keeps_its_whole_study_back(study, tmp_path, make_volume, identity):
    other = tmp_path / "in" / "other"
    write_series(make_volume(name="other"), other, identity=identity, transfer_syntax=CT)
    victim = outputs(study)[1]
    victim.write_bytes(victim.read_bytes()[:-30])
    report = deidentify(study, tmp_path / "out", key=KEY)
    assert (len(report.written), len(report.dropped)) == (6, 3)
    assert {r.reason for r in report.dropped} == {
        "file 2 of the same study cannot be cleaned: the file ends before its pixels are complete"
    }
    assert len(outputs(tmp_path / "out")) == 6


def test_nothing_is_left_when_nothing_may_leave(study, tmp_path, edit):
    for file in outputs(study):
        edit(file, lambda ds: setattr(ds, "BurnedInAnnotation", "YES"))
    with pytest.raises(OutputError, match=r"no file may leave: dropped: 3 x the header says"):
        deidentify(study, tmp_path / "made" / "out", key=KEY)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in"]


@pytest.mark.parametrize("place", ["in", "in/below", "."])
def test_output_must_not_touch_the_input(study, tmp_path, place):
    before = {f: f.read_bytes() for f in outputs(study)}
    with pytest.raises(OutputError, match="neither inside the input nor around it"):
        deidentify(study, tmp_path / place, key=KEY)
    assert {f: f.read_bytes() for f in outputs(tmp_path)} == before


def test_a_linked_output_inside_the_input_is_seen_through(study, tmp_path):
    (tmp_path / "link").symlink_to(study)
    with pytest.raises(OutputError, match="neither inside the input"):
        deidentify(study, tmp_path / "link" / "out", key=KEY)


def test_nothing_is_overwritten(study, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="expected a new or empty output folder"):
        deidentify(study, tmp_path / "out", key=KEY)
    assert [f.read_text() for f in (tmp_path / "out").iterdir()] == ["mine"]


def test_a_crash_half_way_leaves_nothing(study, tmp_path, monkeypatch):
    def stop(stage: str, fraction: float) -> None:
        if fraction > 0.9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deidentify(study, tmp_path / "out", key=KEY, progress=stop)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in"]


def test_keys(tmp_path, monkeypatch):
    (tmp_path / "key").write_text("0123456789abcdef\n")
    monkeypatch.setenv("TOMOSCRIBE_DEIDENTIFICATION_KEY", "0123456789abcdef")
    assert load_key("env") == load_key(str(tmp_path / "key"))
    assert "0123456789" not in repr(load_key("env"))
    monkeypatch.setenv("TOMOSCRIBE_DEIDENTIFICATION_KEY", "short")
    with pytest.raises(ConfigError, match=r"at least 16 characters, found 5\. make one with"):
        load_key("env")
    monkeypatch.delenv("TOMOSCRIBE_DEIDENTIFICATION_KEY")
    with pytest.raises(InputError, match="variable TOMOSCRIBE_DEIDENTIFICATION_KEY, found none"):
        load_key("env")
    with pytest.raises(InputError, match=r"expected a file with the key, found none \(absent\)"):
        load_key(str(tmp_path / "absent"))


def test_two_patients_stay_two_and_one_patient_one(tmp_path, make_volume, identity):
    from dataclasses import replace

    others = (identity, replace(identity, study_date="2023-01-01"), replace(identity, patient_id="SECRET-4712"))
    for n, who in enumerate(others):
        write_series(make_volume(name=str(n)), tmp_path / "in" / str(n), identity=who, transfer_syntax=CT)
    deidentify(tmp_path / "in", tmp_path / "out", key=KEY)
    assert len([p for p in (tmp_path / "out").iterdir() if p.is_dir()]) == 2
    assert len({s.patient_key for s in scan(tmp_path / "out")}) == 2


def test_zips_in_the_folder_are_cleaned_as_well_and_what_stays_closed_is_said(study, tmp_path, make_volume, identity):
    write_series(make_volume(name="zipped"), tmp_path / "more", identity=identity, transfer_syntax=CT)
    with zipfile.ZipFile(study / "SECRET-4711.zip", "w") as archive:
        for file in outputs(tmp_path / "more"):
            archive.write(file, f"SECRET-4711/{file.name}")
    (study / "Nobody.zip").write_bytes((study / "SECRET-4711.zip").read_bytes()[:3000])
    (study / "link.dcm").symlink_to(outputs(tmp_path / "more")[0])
    report = deidentify(study, tmp_path / "out", key=KEY)
    assert len(report.written) == 9
    assert {"links, not followed: 1"} < set(report.passed_over)
    assert any("zip" in words for words in report.passed_over)
    assert not [w for w in ("SECRET", "Nobody") if w in (tmp_path / "out" / REPORT_FILE).read_text()]


def test_the_input_is_only_read(study, tmp_path):
    before = {f: (f.read_bytes(), f.stat().st_mtime_ns) for f in outputs(study)}
    deidentify(study, tmp_path / "out", key=KEY)
    assert {f: (f.read_bytes(), f.stat().st_mtime_ns) for f in outputs(study)} == before


def test_filling_every_element_leaves_most_of_them_filled(study):
    """The test data do what they claim: more than six hundred text elements hold a name."""
    ds = identify(pydicom.dcmread(outputs(study)[0]), LABELS["utf-8"])
    assert sum("Qzwangly" in str(e.value) for e in ds if e.VR != "SQ") > 600
