"""The parts of a batch that hold after a kill: journal, lock, output folder; and how an export becomes studies."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tomoscribe import sample_data
from tomoscribe.core.errors import InputError, OutputError, RefusedSeriesError
from tomoscribe.reports.batch.folder import RunFolder, Settings, write_atomically
from tomoscribe.reports.batch.journal import Journal, read_journal
from tomoscribe.reports.batch.records import folder_name, reason_of
from tomoscribe.reports.batch.run_lock import RunLock
from tomoscribe.reports.batch.sources import has_changed, scan_export, task_of
from tomoscribe.validation.batch_trial.export import write_study, zipped

HOLD = (
    "import sys, time; from pathlib import Path; from tomoscribe.reports.batch.run_lock import RunLock\n"
    "with RunLock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
)


@pytest.mark.parametrize("cut", range(1, 40, 6))
def test_a_torn_last_line_never_counts_and_the_next_one_does(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    journal.append("study", {"n": 1})
    journal.append("study", {"n": 2, "words": "a longer line than the first one"})
    journal.close()
    path.write_bytes(path.read_bytes()[:-cut])
    assert list(read_journal(path)) == [("study", {"n": 1})]
    journal = Journal(path)
    journal.append("study", {"n": 3})
    journal.close()
    assert [content["n"] for _, content in read_journal(path)] == [1, 3]


def test_a_line_that_a_disk_fault_changed_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    for n in range(3):
        journal.append("study", {"n": n})
    journal.close()
    path.write_bytes(path.read_bytes().replace(b'"n":1', b'"n":7'))
    assert [content["n"] for _, content in read_journal(path)] == [0, 2]


def test_a_second_run_is_refused_with_the_process_that_holds_the_first(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with RunLock(path), pytest.raises(OutputError, match=f"process {os.getpid()} on"), RunLock(path):
        pass
    with RunLock(path):
        assert f'"pid": {os.getpid()}' in path.read_text()


def test_a_killed_run_leaves_the_lock_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(OutputError, match=f"process {process.pid} on"), RunLock(path):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with RunLock(path):
        pass


def test_the_record_of_another_machine_counts_while_its_heart_beats(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text('{"pid": 7, "host": "night-reader", "boot": "x"}')
    with pytest.raises(OutputError, match="process 7 on night-reader"), RunLock(path):
        pass
    old = path.stat().st_mtime - 300
    os.utime(path, (old, old))
    with RunLock(path):
        pass


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"export": "other"}, "made from another export"),
        ({"settings": Settings(text="writer")}, "made with text 'decoder', now 'writer' is asked for"),
        ({"settings": Settings(device="cuda:0")}, "made with device 'auto', now 'cuda:0'"),
    ],
)
def test_a_folder_of_another_run_is_refused_with_the_difference(tmp_path: Path, change: dict, message: str) -> None:
    folder = RunFolder(tmp_path / "out")
    folder.make(tmp_path / "export")
    folder.claim(tmp_path / "export", Settings())
    folder.claim(tmp_path / "export", Settings())
    with pytest.raises(OutputError, match=message):
        folder.claim(tmp_path / change.get("export", "export"), change.get("settings", Settings()))


def test_another_version_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "out")
    folder.make(tmp_path / "export")
    folder.claim(tmp_path / "export", Settings())
    run = folder.inner / "run.json"
    run.write_text(run.read_text().replace('"version": "', '"version": "9.'))
    with pytest.raises(OutputError, match=r"made by version 9\."):
        folder.claim(tmp_path / "export", Settings())


def test_a_folder_that_no_batch_wrote_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "letter.txt").write_text("mine")
    with pytest.raises(OutputError, match="no batch wrote"):
        RunFolder(out).make(tmp_path / "export")
    assert [p.name for p in out.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(("export", "out"), [("a", "a"), ("a", "a/out"), ("a/export", "a")])
def test_export_and_output_must_lie_apart(tmp_path: Path, export: str, out: str) -> None:
    (tmp_path / export).mkdir(parents=True)
    with pytest.raises(OutputError, match="in one another"):
        RunFolder(tmp_path / out).make(tmp_path / export)


def test_results_that_come_second_leave_the_first_ones(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text(name)
    assert folder.publish(tmp_path / "one", "1.2.3", replace=False)
    assert not folder.publish(tmp_path / "two", "1.2.3", replace=False)
    assert (tmp_path / "1.2.3" / "report.json").read_text() == "one"
    assert folder.publish(tmp_path / "three", "1.2.3", replace=True)
    assert (tmp_path / "1.2.3" / "report.json").read_text() == "three"


def test_a_file_is_whole_or_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "table"
    write_atomically(path, b"old")
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomically(tmp_path / "nowhere" / "table", b"new")
    write_atomically(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["table"]
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("uid", ["../../etc", "1.2/3", ".", "1..2", "1.2.", "", "9" * 65, "CON"])
def test_a_study_uid_that_is_none_gives_a_harmless_folder(uid: str) -> None:
    assert folder_name(uid).startswith("study-")
    assert set(folder_name(uid)) <= set("study-0123456789abcdef")


def test_reasons_name_uids_but_no_files() -> None:
    assert "Miller" not in reason_of(RefusedSeriesError("the file ends early", where="Miller_Anna_001.dcm"))
    assert "1.2.840" in reason_of(RefusedSeriesError("the file ends early", where="1.2.840"))


@pytest.fixture(scope="module")
def mixed_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies of one patient, one of them in a zip; half of a third in a zip; a cut-off zip; a letter."""
    export = tmp_path_factory.mktemp("mixed") / "export"
    write_study(export / "loose", 0, seed=1_800_000)
    write_study(export / "later", 1, seed=1_800_001)
    zipped(export / "later")
    write_study(export / "split", 2, seed=1_800_002)
    with zipfile.ZipFile(export / "half.zip", "w") as archive:
        for file in sorted((export / "split").rglob("*.dcm"))[::2]:
            archive.write(file, file.name)
            file.unlink()
    write_study(export / "cut", 3, seed=1_800_003)
    cut = zipped(export / "cut")
    cut.write_bytes(cut.read_bytes()[:5000])
    (export / "letter.zip.txt").write_text("PK is how a zip begins")
    return export


def test_an_export_of_folders_and_zips(mixed_export: Path, tmp_path: Path) -> None:
    found = scan_export(mixed_export, tmp_path / "unpacked")
    assert [(a.name, a.number) for a in found.archives] == [("cut.zip", 1)]
    assert "damaged" in found.archives[0].reason
    by_date = {t.study.date: t.study for t in found.tasks}
    assert sorted(by_date) == ["2026-01-01", "2026-02-02", "2026-03-03"]
    assert [p.date for p in by_date["2026-02-02"].priors] == ["2026-01-01"]
    whole = by_date["2026-03-03"].series[0]
    assert whole.verdict == "accepted"
    assert whole.shape is not None
    assert len(whole.files) == whole.shape[0] > 30
    again = scan_export(mixed_export, tmp_path / "again")
    assert [t.fingerprint for t in again.tasks] == [t.fingerprint for t in found.tasks]


def test_a_damaged_file_warns_its_own_study_only(mixed_export: Path, tmp_path: Path) -> None:
    export = tmp_path / "export"
    shutil.copytree(mixed_export / "loose", export / "a")
    write_study(export / "b", 5, seed=1_800_005)
    file = sorted((export / "b").rglob("*.dcm"))[0]
    (file.parent / "extra.dcm").write_bytes(file.read_bytes()[:300])
    warnings = {t.study.date: t.study.warnings for t in scan_export(export, tmp_path / "unpacked").tasks}
    assert warnings["2026-01-01"] == ()
    assert any("damaged" in w for w in warnings["2026-06-06"])


def test_a_dicomdir_stands_for_its_folder(mixed_export: Path, tmp_path: Path) -> None:
    shutil.copytree(mixed_export / "loose", tmp_path / "export")
    (tmp_path / "export" / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    found = scan_export(tmp_path / "export" / "DICOMDIR", tmp_path / "unpacked")
    assert [t.study.date for t in found.tasks] == ["2026-01-01"]


def test_an_export_with_nothing_in_it(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no DICOM images"):
        scan_export(tmp_path / "empty", tmp_path / "unpacked")
    with pytest.raises(InputError, match="no such file"):
        scan_export(tmp_path / "nowhere", tmp_path / "unpacked")


@pytest.mark.parametrize("change", ["longer", "gone", "late slice", "other study"])
def test_a_change_of_the_study_is_seen_and_another_study_beside_it_is_none(tmp_path: Path, change: str) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    files = sorted(sample_data.path("chest_ct").rglob("*.dcm"))[60:66]
    for file in files[:5]:
        shutil.copy(file, folder)
    task = task_of(scan_export(folder, tmp_path / "unpacked").tasks[0].study)
    assert not has_changed(task)
    if change == "longer":
        (folder / files[2].name).write_bytes(files[2].read_bytes() + b"\0\0")
    elif change == "gone":
        (folder / files[2].name).unlink()
    elif change == "late slice":
        shutil.copy(files[5], folder)
    else:
        write_study(folder / "another", 0, seed=1_800_000)
    assert has_changed(task) == (change != "other study")
