"""What a scan makes of folders, zips and DICOMDIRs that are not what they seem."""

from __future__ import annotations

import io
import os
import stat
import struct
import threading
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet
from pydicom.sequence import Sequence

from tomoscribe.core.errors import CancelledError, InputError
from tomoscribe.encoders.dicom import load_volume, scan
from tomoscribe.encoders.dicom.files import find_dicom, inventory
from tomoscribe.validation import hostile
from tomoscribe.validation.hostile import image, nested, pixels


def only_study(path: Path):
    (study,) = scan(path)
    return study


def zipped(path: Path, members: dict[str, bytes], **options) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as out:
        for name, content in members.items():
            out.writestr(name, content)
    return path


@pytest.fixture
def members(series_folder) -> dict[str, bytes]:
    """The six files of a good series by name."""
    return {file.name: file.read_bytes() for file in sorted(series_folder.iterdir())}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a POSIX file system")
def test_links_pipes_and_devices_are_counted_and_hard_links_are_files(tmp_path, series_folder):
    os.mkfifo(series_folder / "pipe.dcm")
    (series_folder / "link.dcm").symlink_to(series_folder / "0001.dcm")
    (series_folder / "up").symlink_to(tmp_path)
    os.link(series_folder / "0002.dcm", series_folder / "hard.dcm")
    study = only_study(series_folder)
    assert study.series[0].shape == (6, 5, 7)
    assert study.warnings == (
        "1 DICOM file is identical with another one and left out",
        "2 links not followed",
        "1 pipes, devices or sockets passed over",
    )


def test_a_pipe_or_a_link_as_the_path_itself(tmp_path, series_folder):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"neither a file nor a folder \(pipe\)"):
        scan(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(series_folder)
    assert only_study(tmp_path / "link").series[0].shape == (6, 5, 7)


@pytest.mark.parametrize("content", [
    hostile.file(nested(60, undefined=True) + image() + pixels(bytes(32))),
    hostile.file(image(instance="1.2.3.9") + pixels(bytes(200_000_000)), hostile.DEFLATED),
], ids=["nested 60 deep", "deflated bomb"])  # fmt: skip
def test_a_hostile_file_is_refused_with_its_reason_and_its_neighbors_are_read(series_folder, content):
    (series_folder / "0000.dcm").write_bytes(content)
    told: list[tuple[str, str]] = []
    (study,) = scan(series_folder, problem=lambda path, why: told.append((path.name, why)))
    assert study.series[0].shape == (6, 5, 7)
    (warning,) = study.warnings
    assert warning.startswith("1 DICOM file is refused: ")
    assert told == [("0000.dcm", warning.removeprefix("1 DICOM file is refused: "))]


def test_only_hostile_files_say_why(tmp_path):
    (tmp_path / "a.dcm").write_bytes(hostile.file(nested(60, undefined=True)))
    with pytest.raises(InputError, match=r"1 refused \(1 because its sequences are nested more than 32 deep\)"):
        scan(tmp_path)


def test_programs_are_reported_on_read_and_cleared_in_copies(tmp_path, series_folder, members):
    victim = series_folder / "0003.dcm"
    victim.write_bytes(b"MZ" + victim.read_bytes()[2:])
    (warning,) = only_study(series_folder).warnings
    assert warning.startswith("1 DICOM file is also a Windows program by its preamble")
    archive = zipped(tmp_path / "a.zip", {**members, "0003.dcm": victim.read_bytes()})
    study = only_study(archive)
    assert study.warnings == ("1 DICOM file is in a zip with an executable preamble, which was cleared",)
    assert all(file.read_bytes()[:128] == bytes(128) for file in study.series[0].files)


def test_files_that_change_and_vanish_during_the_scan(series_folder, tmp_path):
    extra = [tmp_path / "ct" / f"z{n}.dcm" for n in range(3)]
    for n, file in enumerate(extra):
        file.write_bytes(hostile.file(image(instance=f"1.2.3.{n}") + pixels(bytes(32))))

    def vanish(stage: str, fraction: float) -> None:
        if stage == "reading headers":
            for file in extra:
                file.unlink(missing_ok=True)

    (study,) = scan(series_folder, progress=vanish)
    assert study.series[0].shape == (6, 5, 7)


ESCAPES = [
    "../../out.dcm",
    "/tmp/out.dcm",
    "C:\\Windows\\out.dcm",
    "..\\..\\out.dcm",
    "a/../../out.dcm",
    "out.dcm:stream",
]


def test_no_name_in_a_zip_leads_out_of_the_folder(tmp_path, members):
    contents = list(members.values())
    archive = zipped(tmp_path / "a.zip", dict(zip(ESCAPES, contents, strict=True)))
    before = set(tmp_path.rglob("*"))
    study = only_study(archive)
    assert study.series[0].shape == (6, 5, 7)
    (folder,) = {file.parent for file in study.series[0].files}
    assert {file.resolve().parent for file in folder.iterdir()} == {folder.resolve()}
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicated_names_in_a_zip_are_all_read(tmp_path, members):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for content in members.values():
            out.writestr("IM0001", content)
    assert only_study(archive).series[0].shape == (6, 5, 7)


def test_zips_within_folders_and_zips_are_opened_twice_deep(tmp_path, members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as deep:
        deep.writestr("again.zip", zipped(tmp_path / "x.zip", members).read_bytes())
    folder = tmp_path / "export"
    folder.mkdir()
    names = list(members)
    zipped(folder / "a.zip", {n: members[n] for n in names[:3]})
    zipped(folder / "b.zip", {"inner.zip": zipped(tmp_path / "y.zip", {n: members[n] for n in names[3:]}).read_bytes()})
    (folder / "c.zip").write_bytes(buffer.getvalue())
    (folder / "d.zip").write_bytes(buffer.getvalue()[:-40])
    zipped(folder / "e.zip", {"deep.zip": buffer.getvalue()})
    study = only_study(folder)
    assert study.series[0].shape == (6, 5, 7)
    assert study.warnings == (
        "6 DICOM files are identical with another one and left out",
        "1 zip not opened: the zip is damaged or uses a compression that is not supported",
        "1 zip not opened: a zip within 2 other zips",
    )


def test_links_and_damaged_members_of_a_zip(tmp_path, members):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for name, content in members.items():
            out.writestr(name, content)
        for name, kind in (("link.dcm", stat.S_IFLNK), ("pipe.dcm", stat.S_IFIFO)):
            info = zipfile.ZipInfo(name)
            info.external_attr = (kind | 0o777) << 16
            out.writestr(info, "/etc/passwd")
        out.writestr("bad.dcm", members["0001.dcm"])
    content = bytearray(archive.read_bytes())
    content[content.index(b"bad.dcm") + 200] ^= 0xFF
    archive.write_bytes(content)
    study = only_study(archive)
    assert study.series[0].shape == (6, 5, 7)
    assert study.warnings == ("2 links not followed", "1 files in a zip are damaged and left out")


def test_zips_that_are_refused(tmp_path, members, monkeypatch):
    name, content = next(iter(members.items()))
    encrypted = bytearray(zipped(tmp_path / "a.zip", {name: content}).read_bytes())
    encrypted[6] |= 1
    encrypted[encrypted.rindex(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "encrypted.zip").write_bytes(encrypted)
    with pytest.raises(InputError, match="the zip is encrypted"):
        scan(tmp_path / "encrypted.zip")
    with zipfile.ZipFile(tmp_path / "lzma.zip", "w", zipfile.ZIP_LZMA) as out:
        out.writestr(name, content)
    with pytest.raises(InputError, match="compression that is not supported"):
        scan(tmp_path / "lzma.zip")
    bomb = zipped(tmp_path / "bomb.zip", {name: content + bytes(4_000_000)}, compresslevel=9)
    monkeypatch.setattr("tomoscribe.encoders.dicom.zips.RATIO_FLOOR_BYTES", 1_000_000)
    with pytest.raises(InputError, match=r"would unpack to 0\.0 GiB in 1 files"):
        scan(bomb)
    monkeypatch.setattr("tomoscribe.encoders.dicom.zips.MAX_ZIP_FILES", 5)
    with pytest.raises(InputError, match=r"would unpack to .*6 files, more than there is room for"):
        scan(zipped(tmp_path / "many.zip", members))


def test_a_table_of_contents_that_lies_about_its_length(tmp_path, members, monkeypatch):
    """1,000 entries, of which the end record admits one: they are counted before the library reads them."""
    monkeypatch.setattr("tomoscribe.encoders.dicom.zips.MAX_ZIP_FILES", 500)
    archive = zipped(tmp_path / "a.zip", {f"{n}.dcm": b"x" for n in range(1000)})
    content = bytearray(archive.read_bytes())
    at = content.rindex(b"PK\x05\x06")
    content[at + 8 : at + 12] = struct.pack("<HH", 1, 1)
    archive.write_bytes(content)
    with pytest.raises(InputError, match="501 files"):
        scan(archive)


def test_a_member_that_is_longer_than_it_claims(tmp_path, members, monkeypatch):
    name, content = next(iter(members.items()))
    archive = zipped(tmp_path / "a.zip", {name: content + bytes(3_000_000)})
    data = bytearray(archive.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.rindex(magic) + offset
        data[at : at + 4] = struct.pack("<L", 1000)
    archive.write_bytes(data)
    with pytest.raises(InputError, match="zip is damaged"):
        scan(archive)


@pytest.fixture
def medium(tmp_path, series_folder) -> Path:
    """A medium with a DICOMDIR that names its six files."""
    file_set = FileSet()
    for file in sorted(series_folder.iterdir()):
        ds = pydicom.dcmread(file)
        ds.SeriesNumber = 1
        file_set.add(ds)
    file_set.write(tmp_path / "medium")
    return tmp_path / "medium"


def with_reference(medium: Path, *parts: str) -> None:
    ds = pydicom.dcmread(medium / "DICOMDIR")
    record = Dataset()
    record.DirectoryRecordType = "IMAGE"
    record.ReferencedFileID = list(parts)
    ds.DirectoryRecordSequence = Sequence([*ds.DirectoryRecordSequence, record])
    ds.save_as(medium / "DICOMDIR", overwrite=True)


def test_a_dicomdir_that_names_absent_files_and_omits_others(medium, series_folder):
    images = sorted(f for f in medium.rglob("*") if f.is_file() and f.name != "DICOMDIR")
    extra = pydicom.dcmread(images[0])
    extra.SOPInstanceUID = extra.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    extra.ImagePositionPatient = [*extra.ImagePositionPatient[:2], extra.ImagePositionPatient[2] + 6 * 2.5]
    extra.save_as(medium / "forgotten")
    with_reference(medium, "GONE", "IM1")
    study = only_study(medium)
    assert study.series[0].shape == (7, 5, 7)
    assert study.warnings == (
        "the DICOMDIR names 1 of 7 files that are not there",
        "the DICOMDIR does not name 1 of the files here; they were read as well",
    )


@pytest.mark.parametrize(
    "parts", [("..", "ct", "0001.dcm"), ("", "etc", "passwd"), ("C:", "X"), ("a/../../ct", "0001.dcm")]
)
def test_references_of_a_dicomdir_lead_nowhere(medium, parts):
    with_reference(medium, *parts)
    study = only_study(medium)
    assert study.series[0].shape == (6, 5, 7)
    assert study.warnings == ("the DICOMDIR names 1 files outside its folder; they were not looked at",)
    assert all(file.is_relative_to(medium) for file in study.series[0].files)


def test_a_damaged_dicomdir_changes_nothing(medium):
    content = (medium / "DICOMDIR").read_bytes()
    (medium / "DICOMDIR").write_bytes(content[: len(content) // 2])
    study = only_study(medium)
    assert study.series[0].shape == (6, 5, 7)
    assert study.warnings in (
        ("1 DICOM file is damaged and left out",),
        ("the DICOMDIR is damaged; the files were found without it",),
    )


def test_lower_case_and_versions_of_a_burned_medium_match(medium):
    for file in sorted((f for f in medium.rglob("*") if f.is_file()), key=lambda f: -len(f.parts)):
        if file.name != "DICOMDIR":
            file.rename(file.with_name(file.name.lower() + ";1"))
    assert only_study(medium).warnings == ()


def test_cancelling_ends_a_scan_of_many_files_soon(tmp_path):
    for n in range(600):
        (tmp_path / f"{n}.dcm").write_bytes(hostile.file(image(instance=f"1.2.{n}") + pixels(bytes(32))))
    seen: list[float] = []

    def cancel(stage: str, fraction: float) -> None:
        seen.append(fraction)
        if stage == "reading headers" and fraction > 0.2:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        scan(tmp_path, progress=cancel)
    assert max(seen) < 0.5
    assert not [t for t in threading.enumerate() if t.name.startswith("dicom-guard_")]


def test_a_thousand_folders_deep(tmp_path):
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(600):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    (tmp_path / "a.dcm").write_bytes(hostile.file(image()))
    assert len(inventory(tmp_path).entries) == 1


def test_find_dicom_goes_by_content(series_folder):
    (series_folder / "notes.dcm").write_text("no DICOM")
    (series_folder / "noname").write_bytes((series_folder / "0001.dcm").read_bytes())
    found = find_dicom(series_folder)
    assert sorted(f.name for f in found.candidates) == [*(f"000{n}.dcm" for n in range(1, 7)), "noname"]
    assert found.num_looked_at == 8


def test_voxels_from_a_nested_zip(tmp_path, members, series_folder):
    expected = load_volume(study := only_study(series_folder), study.series[0]).array
    outer = zipped(tmp_path / "o.zip", {"i.zip": zipped(tmp_path / "i.zip", members).read_bytes()})
    np.testing.assert_array_equal(load_volume(study := only_study(outer), study.series[0]).array, expected)
