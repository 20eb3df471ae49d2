"""What a scan finds, says and keeps to itself."""

from __future__ import annotations

import logging
import os
import stat
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet

from tomoscribe.core import Verdict
from tomoscribe.core.errors import CancelledError, InputError, RefusedSeriesError, TomoscribeError
from tomoscribe.core.serial import to_json
from tomoscribe.core.uids import derive_uid
from tomoscribe.encoders.dicom import SyntheticIdentity, load_volume, read_headers, scan, scan_with_priors, write_series
from tomoscribe.encoders.dicom.acquisition import mr_sequence


def only_series(path: Path):
    (study,) = scan(path)
    (series,) = study.series
    return study, series


def test_facts_of_the_study(tmp_path, make_volume, identity):
    acquired = {"kernel": "B30f", "contrast": True, "body_part": "CHEST", "ctdivol_mgy": 5.5}
    write_series(make_volume(**acquired), tmp_path, identity=identity)
    study, series = only_series(tmp_path)
    assert (study.date, study.age_years, study.sex, study.description) == ("2024-05-06", 63.0, "F", "generated study")
    assert (series.modality, series.number, series.description, series.shape) == ("CT", 3, "generated", (6, 5, 7))
    found = series.acquisition
    assert (found.kernel, found.contrast, found.body_part, found.ctdivol_mgy) == ("B30f", True, "CHEST", 5.5)
    assert (found.kvp, found.slice_thickness_mm) == (120.0, 2.5)


def test_contrast_is_unknown_when_no_agent_is_named(series_folder):
    assert only_series(series_folder)[1].acquisition.contrast is None


@pytest.mark.parametrize(("age", "birth", "years"), [
    ("063Y", "", 63.0), ("006M", "", 0.5), ("", "19600507", 63.0), ("", "19600506", 64.0), ("", "", None),
    ("abc", "20300101", None),
])  # fmt: skip
def test_age(series_folder, edit, age, birth, years):
    for file in series_folder.iterdir():
        edit(file, lambda ds: (setattr(ds, "PatientAge", age or None), setattr(ds, "PatientBirthDate", birth)))
    assert only_series(series_folder)[0].age_years == years


def test_zip_gives_the_same_voxels_and_escapes_nowhere(tmp_path, series_folder):
    archive = tmp_path / "study.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for n, file in enumerate(sorted(series_folder.iterdir())):
            out.write(file, f"../../evil/{n}/same.dcm")
        out.writestr("readme.txt", "not DICOM")
        link = zipfile.ZipInfo("link.dcm")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        out.writestr(link, "/etc/passwd")
    study, series = only_series(archive)
    expected = load_volume(*only_series(series_folder))
    np.testing.assert_array_equal(load_volume(study, series).array, expected.array)
    (folder,) = {f.parent for f in series.files}
    assert sorted(f.name[7:] for f in folder.iterdir()) == ["same.dcm"] * 6
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path.parent / "evil").exists()


def test_zip_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch, series_folder):
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a.dcm", (series_folder / "0001.dcm").read_bytes() + bytes(1_000_000))
    monkeypatch.setattr("tomoscribe.encoders.dicom.zips.MAX_ZIP_BYTES", 500_000)
    with pytest.raises(InputError, match=r"would unpack to .* more than there is room for \(bomb.zip\)"):
        scan(archive)


def test_damaged_zip(tmp_path, series_folder):
    archive = tmp_path / "study.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.write(series_folder / "0001.dcm", "a.dcm")
    content = bytearray(archive.read_bytes())
    content[60:90] = bytes(30)
    archive.write_bytes(content)
    with pytest.raises(InputError, match="zip is damaged"):
        scan(archive)


def test_nothing_there_and_nothing_in_it(tmp_path):
    with pytest.raises(InputError, match=r"no such file or folder \(absent\)\. check the path"):
        scan(tmp_path / "absent")
    (tmp_path / "a.txt").write_text("no DICOM")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.dcm").write_text("not either")
    with pytest.raises(InputError, match=r"no DICOM images found: looked at 2 files"):
        scan(tmp_path)
    with pytest.raises(InputError, match=r"no DICOM images found: looked at 1 file \("):
        scan(tmp_path / "a.txt")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_folder(tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(InputError, match="cannot be read"):
        scan(tmp_path / "closed")


def test_single_file_is_a_series_of_one_slice(series_folder):
    _, series = only_series(series_folder / "0002.dcm")
    assert series.verdict is Verdict.REFUSED
    assert series.reason == "the series has only one slice; a volume needs at least two"


def test_a_bad_file_does_not_stop_its_neighbors(series_folder):
    good = (series_folder / "0001.dcm").read_bytes()
    (series_folder / "cut.dcm").write_bytes(good[:300])
    (series_folder / "garbage.dcm").write_bytes(bytes(128) + b"DICM" + bytes(range(256)) * 4)
    (series_folder / "empty.dcm").write_bytes(b"")
    study, series = only_series(series_folder)
    assert series.shape == (6, 5, 7)
    assert study.warnings == ("2 DICOM files are damaged and left out",)


def test_only_damaged_files(tmp_path, series_folder):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "cut.dcm").write_bytes((series_folder / "0001.dcm").read_bytes()[:300])
    with pytest.raises(InputError, match=r"none of the DICOM files found here can be used: 1 damaged, 0 without"):
        scan(tmp_path / "x")


@pytest.mark.parametrize("cut", [40, 400])
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5"])
def test_truncated_pixels_name_file_and_uid(tmp_path, make_volume, identity, syntax, cut):
    files = write_series(make_volume(shape=(3, 32, 32)), tmp_path, identity=identity, transfer_syntax=syntax)
    uid = pydicom.dcmread(files[1]).SOPInstanceUID
    files[1].write_bytes(files[1].read_bytes()[:-cut])
    study, series = only_series(tmp_path)
    assert series.verdict is Verdict.ACCEPTED
    with pytest.raises(RefusedSeriesError, match=rf"\(0002.dcm, SOP {uid}\)\. copy or export this image again"):
        load_volume(study, series)


def test_identical_copies_count_once(series_folder):
    (series_folder / "again.dcm").write_bytes((series_folder / "0002.dcm").read_bytes())
    study, series = only_series(series_folder)
    assert len(series.files) == 6
    assert study.warnings == ("1 DICOM file is identical with another one and left out",)


def test_dicomdir_is_passed_over_and_nothing_lost(tmp_path, series_folder):
    file_set = FileSet()
    for file in sorted(series_folder.iterdir()):
        ds = pydicom.dcmread(file)
        ds.SeriesNumber = 1
        file_set.add(ds)
    file_set.write(tmp_path / "medium")
    study, series = only_series(tmp_path / "medium")
    assert (tmp_path / "medium" / "DICOMDIR").is_file()
    assert series.shape == (6, 5, 7)
    assert study.warnings == ()


def test_file_without_preamble_is_found(series_folder):
    for file in series_folder.iterdir():
        ds = pydicom.dcmread(file)
        ds.decompress()
        bare = Dataset()
        bare.update({e.tag: e for e in ds})
        bare.save_as(file, overwrite=True, implicit_vr=True, little_endian=True)
        assert file.read_bytes()[128:132] != b"DICM"
    study, series = only_series(series_folder)
    assert load_volume(study, series).array[2, 4, 3] == -757


def test_links_are_not_followed(tmp_path, series_folder):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "folder").symlink_to(series_folder)
    (tmp_path / "root" / "file.dcm").symlink_to(series_folder / "0001.dcm")
    with pytest.raises(InputError, match="looked at 0 files"):
        scan(tmp_path / "root")


def test_cancelling_stops_the_scan(series_folder):
    def cancel(stage, fraction):
        raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        scan(series_folder, progress=cancel)


def studies_of(tmp_path, make_volume, *identities):
    for n, who in enumerate(identities):
        write_series(make_volume(name=str(n)), tmp_path / str(n), identity=who)
    return scan(tmp_path)


def person(patient_id="1", date="2024-01-01", **more):
    return SyntheticIdentity(patient_id=patient_id, patient_name="A", study_date=date, **more)


def test_priors_are_older_studies_of_the_same_patient(tmp_path, make_volume):
    dates = ("2022-01-01", "2024-01-01", "2023-01-01")
    studies = studies_of(tmp_path, make_volume, *(person(date=d) for d in dates), person("2", "2021-01-01"))
    assert [s.date for s in studies] == ["2024-01-01", "2023-01-01", "2022-01-01", "2021-01-01"]
    assert [[p.date for p in s.priors] for s in studies] == [["2023-01-01", "2022-01-01"], ["2022-01-01"], [], []]


def test_priors_from_a_folder_of_their_own(tmp_path, make_volume):
    for n, who in enumerate((person(), person(date="2022-05-01"), person(date="2023-05-01"))):
        write_series(make_volume(name=str(n)), tmp_path / ("now" if n == 0 else "before") / str(n), identity=who)
    (study,) = scan_with_priors(tmp_path / "now", tmp_path / "before")
    assert [p.date for p in study.priors] == ["2023-05-01", "2022-05-01"]


def test_a_prior_of_another_patient_is_blocked(tmp_path, make_volume):
    write_series(make_volume(), tmp_path / "now", identity=person())
    write_series(make_volume(name="b"), tmp_path / "before", identity=person("2", "2022-05-01"))
    with pytest.raises(InputError, match="not of the patient"):
        scan_with_priors(tmp_path / "now", tmp_path / "before")


def test_same_id_of_another_issuer_is_another_patient(tmp_path, make_volume):
    first, second = person(issuer_of_patient_id="A"), person(date="2023-01-01", issuer_of_patient_id="B")
    studies = studies_of(tmp_path, make_volume, first, second)
    assert studies[0].patient_key != studies[1].patient_key
    assert studies[0].priors == ()


def test_contradicting_birth_date_blocks_comparison(tmp_path, make_volume):
    first, second = person(birth_date="1950-01-01"), person(date="2023-01-01", birth_date="1951-01-01")
    newest = studies_of(tmp_path, make_volume, first, second)[0]
    assert newest.priors == ()
    assert "birth date or sex contradict" in newest.warnings[0]


def test_no_patient_id_means_no_prior(tmp_path, make_volume, edit):
    studies_of(tmp_path, make_volume, person(), person(date="2023-01-01"))
    for file in tmp_path.rglob("*.dcm"):
        edit(file, lambda ds: setattr(ds, "PatientID", ""))
    assert [s.priors for s in scan(tmp_path)] == [(), ()]


def test_site_key_changes_the_hash(series_folder, monkeypatch):
    plain = scan(series_folder)[0].patient_key
    monkeypatch.setenv("TOMOSCRIBE_PATIENT_KEY", "a site's secret")
    assert scan(series_folder)[0].patient_key != plain


def test_identifiers_stay_in_the_reader(series_folder, edit, caplog):
    caplog.set_level(logging.DEBUG)
    for n, file in enumerate(series_folder.iterdir()):
        edit(file, lambda ds: setattr(ds, "InstitutionName", "Nobody's hospital"))
        if n == 0:
            file.write_bytes(file.read_bytes()[:-40])
    study, series = only_series(series_folder)
    with pytest.raises(TomoscribeError) as caught:
        load_volume(study, series)
    said = caplog.text + str(caught.value) + str(to_json(study))
    for secret in ("SECRET-4711", "Nobody", "1960", series_folder.parent.name):
        assert secret not in said


def test_broken_private_element_does_not_stop_its_file(series_folder, caplog):
    for file in series_folder.iterdir():
        ds = pydicom.dcmread(file)
        block = ds.private_block(0x01F1, "ELSCINT1", create=True)
        block.add_new(0x26, "FD", 0.15)
        ds.save_as(file, overwrite=True)
        content = file.read_bytes()
        at = content.index(b"\xf1\x01\x26\x10FD")
        file.write_bytes(content[: at + 6] + b"\x04\x00" + b"0.15" + content[at + 16 :])
    study, series = only_series(series_folder)
    assert load_volume(study, series).array[2, 4, 3] == -757
    headers = read_headers(series)
    assert [e.tag for e in headers[0].group_dataset(0x01F1)] == [0x01F10010]
    assert "unreadable elements left out: (01F1,1026)" in caplog.text


@pytest.mark.parametrize(("expected", "facts"), [
    ("T1", {"SeriesDescription": "Ax T1 SE"}),
    ("T1", {"SeriesDescription": "t1_mprage_sag", "ScanningSequence": ["GR", "IR"]}),
    ("T1", {"SeriesDescription": "Sag T1 FLAIR"}),
    ("FLAIR", {"SeriesDescription": "Ax T2 FLAIR"}),
    ("FLAIR", {"SeriesDescription": "t2_tirm_tra_dark-fluid"}),
    ("T2", {"SeriesDescription": "t2_tse_tra"}),
    ("PD", {"SeriesDescription": "PD TSE"}),
    (None, {"SeriesDescription": "PD/T2 dual echo"}),
    (None, {"SeriesDescription": "T2* GRE"}),
    (None, {"SeriesDescription": "ep2d_diff_trace T2"}),
    (None, {"SeriesDescription": "brain"}),
    ("T1", {"ScanningSequence": "SE", "RepetitionTime": 500, "EchoTime": 12}),
    ("T2", {"ScanningSequence": "SE", "RepetitionTime": 4000, "EchoTime": 100}),
    ("PD", {"ScanningSequence": "SE", "RepetitionTime": 3000, "EchoTime": 15}),
    ("FLAIR", {"ScanningSequence": ["SE", "IR"], "RepetitionTime": 9000, "EchoTime": 120, "InversionTime": 2500}),
    (None, {"ScanningSequence": "EP", "RepetitionTime": 4000, "EchoTime": 100}),
    (None, {"SeriesDescription": "T1", "ScanningSequence": "SE", "RepetitionTime": 4000, "EchoTime": 100}),
    (None, {"SeriesDescription": "T2", "Modality": "CT"}),
])  # fmt: skip
def test_mr_sequence(expected, facts):
    ds = Dataset()
    ds.Modality = "MR"
    for name, value in facts.items():
        setattr(ds, name, value)
    assert mr_sequence(ds) == expected


def test_uids_of_the_slices_are_those_written(tmp_path, make_volume, identity):
    volume = make_volume()
    write_series(volume, tmp_path, identity=identity)
    loaded = load_volume(*only_series(tmp_path))
    expected = tuple(derive_uid(volume.series.series_uid, "instance", str(k)) for k in range(6))
    assert loaded.series.instance_uids == expected
    assert loaded.series.series_uid == volume.series.series_uid
