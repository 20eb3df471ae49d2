"""The index of earlier scans: the same answer sooner, nothing of a patient in it, and never in the way."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pydicom
import pytest

from tomoscribe.core import Study
from tomoscribe.core.serial import to_json
from tomoscribe.encoders.dicom import scan, write_series
from tomoscribe.encoders.dicom.index import cache_folder, code_digest, open_index
from tomoscribe.validation import hostile
from tomoscribe.validation.dicom_scan import generate


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache folder."""
    folder = tmp_path / "the cache"
    monkeypatch.setenv("TOMOSCRIBE_CACHE", str(folder))
    return folder


@pytest.fixture
def export(tmp_path, make_volume, identity) -> Path:
    """Three series in two folders, last changed an hour ago; one file is damaged and one is no DICOM."""
    root = tmp_path / "export"
    write_series(make_volume(name="a"), root / "first", identity=identity)
    for name in ("a", "b"):
        write_series(make_volume(name=name, modality="MR"), root / "second" / name, identity=identity)
    (root / "first" / "cut.dcm").write_bytes((root / "first" / "0001.dcm").read_bytes()[:300])
    (root / "notes.txt").write_text("no DICOM")
    age(root)
    return root


def age(root: Path) -> None:
    then = time.time() - 3600
    for path in root.rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


@pytest.fixture
def opened(monkeypatch):
    """Counts the files whose headers the survey reads."""
    counted: list[Path] = []
    from tomoscribe.encoders.dicom import survey

    honest = survey.read_guarded

    def count(paths, *args, **kwargs):
        counted.extend(paths)
        return honest(paths, *args, **kwargs)

    monkeypatch.setattr(survey, "read_guarded", count)
    return counted


def told(studies: tuple[Study, ...]) -> list:
    return [to_json(study) for study in studies]


def test_the_second_scan_reads_no_header_and_says_the_same(export, cache, opened):
    first = scan(export)
    assert len(opened) == 20
    opened.clear()
    assert told(scan(export)) == told(first)
    assert opened == []


def test_what_changed_is_read_again_and_nothing_else(export, cache, opened, edit):
    scan(export)
    opened.clear()
    victim = export / "second" / "b" / "0003.dcm"
    edit(victim, lambda ds: setattr(ds, "ImagePositionPatient", [0, 0, 0]))
    (study, *_) = [s for s in scan(export) if any(victim in one.files for one in s.series)]
    assert any(series.reason for series in study.series)
    assert set(opened) == set((export / "second" / "b").iterdir())


def test_new_and_removed_files_change_the_verdict(export, cache, opened):
    before = scan(export)
    gone = export / "first" / "0003.dcm"
    gone.rename(export.parent / "elsewhere")
    opened.clear()
    (refused,) = [s for study in scan(export) for s in study.series if s.reason]
    assert "gaps or uneven spacing" in refused.reason
    assert set(opened) == {p for p in (export / "first").iterdir() if p.name != "cut.dcm"}
    (export.parent / "elsewhere").rename(gone)
    assert told(scan(export)) == told(before)


def test_a_patient_s_name_that_is_corrected_is_read_anew(export, cache, edit):
    keys = {study.patient_key for study in scan(export)}
    for path in export.rglob("0*.dcm"):
        edit(path, lambda ds: setattr(ds, "PatientID", "CORRECTED"))
    assert {study.patient_key for study in scan(export)}.isdisjoint(keys)


def test_a_file_that_changed_just_now_is_not_remembered(export, cache, opened):
    path = export / "first" / "0001.dcm"
    os.utime(path)
    scan(export)
    opened.clear()
    scan(export)
    assert path in opened


def test_no_identifier_is_in_the_index(export, cache):
    secrets = {
        "SECRET-4711",
        "Nobody",
        "Known",
        "1960",
        "19600708",
        "2024",
        "generated",
        export.name,
        "first",
        "second",
    }
    for path in export.rglob("0*.dcm"):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        secrets |= {str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID), path.name}
    scan(export)
    (index,) = [p for p in cache.rglob("*") if p.is_file()]
    content = index.read_bytes()
    for secret in secrets:
        for encoding in ("utf-8", "utf-16-le"):
            assert secret.encode(encoding) not in content, secret
    with sqlite3.connect(index) as database:
        everything = " ".join(map(str, database.execute("SELECT * FROM series").fetchall()))
    assert "accepted" in everything
    assert os.name == "nt" or index.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["no database", "cut in half", "pages of noise"])
def test_a_damaged_index_is_begun_anew_with_a_note(export, cache, opened, caplog, damage):
    first = scan(export)
    (index,) = [p for p in cache.rglob("*") if p.is_file()]
    content = index.read_bytes()
    index.write_bytes({
        "no database": b"no database at all" * 1000,
        "cut in half": content[: len(content) // 2],
        "pages of noise": content[:4096] + os.urandom(len(content) - 4096),
    }[damage])  # fmt: skip
    for _ in range(2):
        assert told(scan(export)) == told(first)
    assert "the index of scanned files was damaged and is begun anew" in caplog.text
    opened.clear()
    assert told(scan(export)) == told(first)
    assert opened == []


def test_rows_that_lie_are_not_believed(export, cache):
    first = scan(export)
    (index,) = [p for p in cache.rglob("*") if p.is_file()]
    for lie in ("{", '{"copies": 0, "parts": [{"files": [99], "frames": []}]}', "[]", "null"):
        with sqlite3.connect(index) as database:
            database.execute("UPDATE series SET verdict = ?", (lie,))
            database.execute("UPDATE folder SET files = substr(files, 1, 35) WHERE length(files) > 200")
        assert told(scan(export)) == told(first)


def test_a_verdict_counts_only_for_the_code_that_gave_it(export, cache, opened, monkeypatch):
    scan(export)
    assert len(code_digest()) == 16
    monkeypatch.setattr("tomoscribe.encoders.dicom.index.code_digest", lambda: b"another gate")
    opened.clear()
    scan(export)
    assert len(opened) == 18


def test_no_place_for_an_index_costs_only_speed(export, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TOMOSCRIBE_CACHE", str(tmp_path / "file" / "cache"))
    assert told(scan(export)) == told(scan(export))


def test_a_locked_index_is_not_waited_for_long(export, cache, monkeypatch):
    monkeypatch.setattr("tomoscribe.encoders.dicom.index._WAIT_S", 0.1)
    first = scan(export)
    (index,) = [p for p in cache.rglob("*") if p.is_file()]
    with sqlite3.connect(index) as database:
        database.execute("BEGIN EXCLUSIVE")
        before = time.monotonic()
        assert told(scan(export)) == told(first)
        assert time.monotonic() - before < 5


def test_two_processes_share_one_index(tmp_path, cache):
    root = tmp_path / "many"
    generate(root, 400)
    code = (
        "import sys; from pathlib import Path; from tomoscribe.encoders.dicom import scan; "
        "print(len(scan(Path(sys.argv[1]))[0].series))"
    )
    command = [sys.executable, "-c", code, str(root)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=120)[0].strip() for process in running] == ["2"] * 3
    index = open_index()
    assert index.folder(str(root / "study0000" / "series0000"))
    index.close()


def test_zips_leave_nothing_in_the_index(export, cache, tmp_path):
    shutil.make_archive(str(tmp_path / "study"), "zip", export)
    scan(tmp_path / "study.zip")
    (index,) = [p for p in cache.rglob("*") if p.is_file()]
    with sqlite3.connect(index) as database:
        assert database.execute("SELECT count(*) FROM folder").fetchone() == (0,)


def test_refused_files_are_tried_again(export, cache, opened):
    bad = export / "first" / "bad.dcm"
    bad.write_bytes(hostile.file(hostile.nested(60, undefined=True)))
    age(export)
    first = scan(export)
    opened.clear()
    assert told(scan(export)) == told(first)
    assert opened == [bad]


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("TOMOSCRIBE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("TOMOSCRIBE_CACHE")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "tomoscribe"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert cache_folder() == Path.home() / ".cache" / "tomoscribe"


def test_logs_hold_no_path(export, cache, caplog):
    caplog.set_level(logging.DEBUG)
    scan(export)
    assert export.name not in caplog.text
