"""What goes wrong around a run: full disks, changing studies, two runs, other runs' folders, links."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reports.batch.cases import NUM_STUDIES, SETTINGS, config, read_here
from tomoscribe.core import Reading, Study
from tomoscribe.core.errors import InputError, OutputError
from tomoscribe.reports.batch import BatchResult, Settings, run_batch
from tomoscribe.reports.batch.pools import Event, InProcessPool
from tomoscribe.reports.batch.records import Status, StudyTask
from tomoscribe.reports.batch.run import Standing
from tomoscribe.reports.batch.work import StudyWorker
from tomoscribe.validation.batch_trial.kill import canonical, differences, latest_records


@contextlib.contextmanager
def small_files_only(out: Path) -> Iterator[None]:
    """No file grows beyond 60 kB: the error of a full disk, where nothing can be mounted."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _can_mount(out: Path) -> bool:
    """Makes the folder a disk of 1 MB, where that is allowed."""
    out.mkdir()
    if shutil.which("mount") is None:
        return False
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(out)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def little_room(out: Path) -> Iterator[None]:
    """More room afterwards."""
    yield
    subprocess.run(["mount", "-t", "tmpfs", "-o", "remount,size=64m", "tmpfs", str(out)], check=True)


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """The output folder; unmounted afterwards if it was a disk."""
    place = tmp_path / "out"
    yield place
    if place.is_mount():
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_stops_the_run_loses_nothing_and_it_goes_on(
    reference: BatchResult, export: Path, out: Path
) -> None:
    with little_room(out) if _can_mount(out) else small_files_only(out):
        try:
            stopped = read_here(export, out).stopped or ""
        except OutputError as error:
            stopped = error.line()
        whole = {p.name for p in out.glob("2.25.*")}
        assert not list((out / ".batch" / "staging").iterdir())
    assert "cannot" in stopped
    assert len(whole) < NUM_STUDIES - 2
    assert all({"report.json", "report.html", "sr.dcm"} <= {p.name for p in (out / name).iterdir()} for name in whole)
    rest = read_here(export, out)
    assert rest.count(Status.DONE) == NUM_STUDIES - 2
    assert differences(reference.folder.root, out) == []


def test_another_runs_folder_is_left_as_it_is(reference: BatchResult, export: Path, tmp_path: Path) -> None:
    root = reference.folder.root
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*") if p.is_file() and p.name != "lock"}
    shutil.copytree(export / "study0", tmp_path / "export")
    with pytest.raises(OutputError, match="another run: it was made from another export"):
        read_here(tmp_path / "export", root)
    other = Settings(device="cpu", text="writer", language="zh")
    with pytest.raises(OutputError, match="made with language 'en', now 'zh' is asked for"):
        run_batch(export, root, other, lambda: InProcessPool(config(root)))
    assert {p: p.stat().st_mtime_ns for p in root.rglob("*") if p.is_file() and p.name != "lock"} == before


def test_a_second_run_on_the_folder_is_refused_and_the_first_goes_on(export: Path, tmp_path: Path) -> None:
    shutil.copytree(export / "study0", tmp_path / "export")
    refused = []

    def start_another(standing: Standing) -> None:
        with pytest.raises(OutputError, match=f"another run is writing into this folder .process {os.getpid()} on"):
            read_here(tmp_path / "export", tmp_path / "out")
        refused.append(standing)

    result = read_here(tmp_path / "export", tmp_path / "out", watch=start_another)
    assert (len(refused), result.count(Status.DONE)) == (1, 1)
    assert read_here(tmp_path / "export", tmp_path / "out").num_read_now == 0


class _Overwriting(InProcessPool):
    """Puts another image into the study while it is read, the first time."""

    def wait(self) -> list[Event]:
        if self._worker is None:
            self._worker = StudyWorker(self._config)
            reader = self._worker._reader
            read = reader.read

            def once(study: Study, **options: object) -> Reading:
                reading = read(study, **options)  # type: ignore[arg-type]
                last = study.series[0].files[-1]
                last.unlink()
                reader.read = read  # type: ignore[method-assign]
                return reading

            reader.read = once  # type: ignore[method-assign, assignment]
        return super().wait()


def test_results_of_images_that_are_there_no_more_never_appear(export: Path, tmp_path: Path) -> None:
    shutil.copytree(export / "study0", tmp_path / "export")
    num_slices = len(list((tmp_path / "export").rglob("*.dcm")))
    out = tmp_path / "out"
    result = run_batch(tmp_path / "export", out, SETTINGS, lambda: _Overwriting(config(out)))
    assert [r.status for r in result.records] == [Status.DONE]
    written = canonical(next(out.glob("2.25.*")) / "report.json")
    assert written["study"]["series"][0]["shape"][0] == num_slices - 1


class _Meddler(InProcessPool):
    """Changes a file of each study between the scan and the reading, the first ``times`` times."""

    def __init__(self, root: Path, times: int) -> None:
        super().__init__(config(root))
        self.times = times

    def submit(self, task: StudyTask) -> None:
        if self.times:
            self.times -= 1
            os.utime(task.files[0][0])
        super().submit(task)


@pytest.mark.parametrize(("times", "status"), [(1, Status.DONE), (9, Status.SET_ASIDE)])
def test_a_study_that_changes_is_read_again_or_set_aside(
    export: Path, tmp_path: Path, times: int, status: Status
) -> None:
    shutil.copytree(export / "study0", tmp_path / "export")
    out = tmp_path / "out"
    result = run_batch(tmp_path / "export", out, SETTINGS, lambda: _Meddler(out, times))
    assert [r.status for r in result.records] == [status]
    if status is Status.SET_ASIDE:
        assert "changed while it was read" in (result.records[0].error or "")
        assert read_here(tmp_path / "export", out).count(Status.DONE) == 1


def test_what_was_set_aside_is_read_again_on_request_only(reference: BatchResult, export: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(export / "study3", tmp_path / "export")
    first = read_here(tmp_path / "export", out)
    assert read_here(tmp_path / "export", out).num_read_now == 0
    again = read_here(tmp_path / "export", out, retry=True)
    assert (first.count(Status.SET_ASIDE), again.num_read_now, again.count(Status.SET_ASIDE)) == (1, 1, 1)


def test_results_of_changed_files_are_replaced(export: Path, tmp_path: Path) -> None:
    shutil.copytree(export / "study0", tmp_path / "export")
    out = tmp_path / "out"
    first = read_here(tmp_path / "export", out)
    report = next(out.glob("2.25.*")) / "report.json"
    before = canonical(report)
    last = sorted((tmp_path / "export").rglob("*.dcm"))[-1]
    last.unlink()
    second = read_here(tmp_path / "export", out)
    assert (first.count(Status.DONE), second.count(Status.DONE), second.num_read_now) == (1, 1, 1)
    assert canonical(report)["study"]["series"][0]["shape"][0] == before["study"]["series"][0]["shape"][0] - 1
    assert latest_records(out).keys() == {before["study"]["study_uid"]}


def test_links_in_an_export_are_not_followed_and_said(export: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(export / "study4", elsewhere)
    shutil.copytree(export / "study0", tmp_path / "export" / "study0")
    (tmp_path / "export" / "study0" / "more").symlink_to(elsewhere)
    (tmp_path / "export" / "study0" / "up").symlink_to(tmp_path)
    (tmp_path / "export" / "study0" / "gone").symlink_to(tmp_path / "nowhere")
    result = read_here(tmp_path / "export", tmp_path / "out")
    assert [r.status for r in result.records] == [Status.DONE]
    summary = result.records[0].summary
    assert summary is not None
    assert "3 links not followed" in summary.warnings
    assert read_here(tmp_path / "export", tmp_path / "out").num_read_now == 0


def test_an_export_of_nothing_but_links_is_refused_with_the_reason(export: Path, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "study0").symlink_to(export / "study0")
    with pytest.raises(InputError, match="looked at 0 files, 1 link not followed"):
        read_here(tmp_path / "export", tmp_path / "out")


def test_links_to_export_and_output_are_seen_through(export: Path, tmp_path: Path) -> None:
    shutil.copytree(export / "study0", tmp_path / "export")
    (tmp_path / "to_export").symlink_to(tmp_path / "export")
    (tmp_path / "out").mkdir()
    (tmp_path / "to_out").symlink_to(tmp_path / "out")
    first = read_here(tmp_path / "to_export", tmp_path / "to_out")
    assert first.count(Status.DONE) == 1
    assert read_here(tmp_path / "export", tmp_path / "out").num_read_now == 0
    (tmp_path / "inside").symlink_to(tmp_path / "export" / "study0")
    with pytest.raises(OutputError, match="in one another"):
        read_here(tmp_path / "export", tmp_path / "inside")
