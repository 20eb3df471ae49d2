"""Manners: cancel, closing and opening while something runs, results in and out, drafts after a crash."""

from __future__ import annotations

import gc
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tomoscribe.core import Reading, ReportStatus, Review, ReviewState
from tomoscribe.core.errors import InputError, TomoscribeError
from tomoscribe.encoders.dicom import SyntheticIdentity, load_volume, scan, write_series
from tomoscribe.plugin.editing import draft
from tomoscribe.plugin.editing.desk import Desk
from tomoscribe.plugin.editing.history import History
from tomoscribe.plugin.reporting import steps
from tomoscribe.reports import editing
from tomoscribe.reports.signing import Signer
from tomoscribe.reports.writer import write_report

IDENTITY = SyntheticIdentity(
    patient_id="DESK-1", patient_name="PHANTOM^DESK", study_date="2031-05-04", sex="F", age_years=61
)
SIGNER = Signer(login="reader1")
AT = "2031-05-05T10:00:00+08:00"
TIMEOUT_MS = 60_000


def silent(stage: str, fraction: float) -> None:
    """Progress that nobody looks at."""


@pytest.fixture(scope="module")
def folder(case: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("study")
    write_series(case.volume, place, identity=IDENTITY)
    return place


@pytest.fixture(scope="module")
def on_disk(case: Any, kit: Any, folder: Path) -> tuple[Reading, dict[str, Any]]:
    """The case's findings as a reading of the study on disk."""
    study = scan(folder)[0]
    volume = load_volume(study, study.readable[0])
    maps = kit.label_maps(volume)
    findings = kit.findings(volume)
    report = write_report(study, findings, provenance=case.reading.report.provenance)
    return Reading(study=study, report=report, label_maps=maps), {volume.series.series_uid: volume}


def accepted(reading: Reading) -> Reading:
    uids = [f.tracking_uid for f in reading.report.findings]
    return editing.review(reading, uids, Review(state=ReviewState.ACCEPTED, reviewer=SIGNER.name, at=AT))


def settle(desk: Desk, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: desk._job is None, timeout=TIMEOUT_MS)


def test_a_draft_leaves_as_results_and_a_signed_report_as_everything(on_disk: Any, tmp_path: Path) -> None:
    reading, volumes = on_disk
    written = steps.export(reading, volumes, tmp_path / "draft", silent)
    names = {p.name for p in written.files}
    assert {"report.json", "report.html", "seg.dcm", "sr.dcm", "report.txt"} <= names
    assert "report.pdf" not in names
    assert any(w.startswith("pdf: ") for w in written.held_back)
    signed = steps.release(accepted(reading), ReportStatus.FINAL, (SIGNER, AT))
    again = steps.export(signed, volumes, tmp_path / "draft", silent)
    assert "report.pdf" in {p.name for p in again.files}
    assert again.held_back == ()
    reopened, loaded = steps.reopen(reading.study, tmp_path / "draft", silent)
    assert reopened.report.status is ReportStatus.FINAL
    assert [s.text for s in reopened.report.statements] == [s.text for s in signed.report.statements]
    assert list(loaded) == list(volumes)
    np.testing.assert_array_equal(reopened.label_map("findings").array, reading.label_map("findings").array)


def test_what_changed_since_the_draft_is_shown_line_by_line(case: Any) -> None:
    number = next(n for n, s in enumerate(case.reading.report.statements) if s.finding_uids)
    said = editing.say(case.reading, number, "Other words.")
    lines = steps.changes(case.reading.report, said.report).splitlines()
    assert [line for line in lines if line[0] in "+-"] == [
        f"- {case.reading.report.statements[number].text}", "+ Other words.",
    ]  # fmt: skip


def test_history_goes_back_and_forth_and_forgets_what_is_too_large(case: Any) -> None:
    second, third = accepted(case.reading), editing.say(case.reading, 1, "Cough.")
    history = History(case.reading)
    history.push("accept", second)
    history.push("say", third)
    assert (history.undo_words, history.redo_words) == ("say", None)
    assert history.undo() is second
    assert history.undo() is case.reading
    assert history.undo() is None
    assert history.redo() is second
    history.push("say", third)
    assert history.redo_words is None


def test_a_draft_comes_back_after_a_crash(on_disk: Any, qtbot: Any) -> None:
    reading, volumes = on_disk
    desk = Desk()
    desk.begin(reading, volumes)
    settle(desk, qtbot)
    desk.apply("accept", lambda r, _: accepted(r))
    settle(desk, qtbot)
    desk.end()
    del desk
    found = draft.load(reading.study)
    assert found.reading.study.series[0].files == reading.study.series[0].files
    assert found.reading.report == accepted(reading).report
    assert found.first == reading.report
    (draft.folder_of(reading.study) / "findings.npz").write_bytes(b"torn")
    with pytest.raises(InputError, match="draft cannot be read"):
        draft.load(reading.study)
    draft.discard(reading.study)


def test_edits_wait_in_line_and_a_failed_one_changes_nothing(on_disk: Any, qtbot: Any) -> None:
    reading, volumes = on_disk
    desk, failed = Desk(), []
    desk.failed.connect(failed.append)
    desk.begin(reading, volumes)
    settle(desk, qtbot)

    def wrong(r: Reading, tell: Any) -> Reading:
        raise InputError("expected something else")

    desk.apply("one", lambda r, _: accepted(r))
    desk.apply("two", wrong)
    desk.apply("three", lambda r, _: editing.say(r, 1, "Cough."))
    qtbot.waitUntil(lambda: desk._job is None and not desk._waiting, timeout=TIMEOUT_MS)
    assert [str(e) for e in failed] == ["expected something else."]
    assert desk.history.undo_words == "three"
    assert desk.reading.report.findings[0].review.state is ReviewState.ACCEPTED
    draft.discard(reading.study)


def test_a_full_disk_is_told_and_the_edit_stands(on_disk: Any, qtbot: Any, monkeypatch: Any, tmp_path: Path) -> None:
    reading, volumes = on_disk
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("TOMOSCRIBE_STATE", str(tmp_path / "file"))
    desk, failed = Desk(), []
    desk.failed.connect(failed.append)
    desk.begin(reading, volumes)
    settle(desk, qtbot)
    desk.apply("accept", lambda r, _: accepted(r))
    qtbot.waitUntil(lambda: bool(failed), timeout=TIMEOUT_MS)
    assert "draft cannot be saved" in str(failed[0])
    assert desk.reading.report.findings[0].review.state is ReviewState.ACCEPTED


def test_cancelling_and_closing_while_an_edit_runs_leaves_no_thread(on_disk: Any, qtbot: Any) -> None:
    reading, volumes = on_disk
    go_on, started = threading.Event(), threading.Event()

    def slow(r: Reading, tell: Any) -> Reading:
        started.set()
        go_on.wait(30)
        tell("still here", 0.5)
        return accepted(r)

    for stop in ("cancel", "end"):
        desk = Desk()
        desk.begin(reading, volumes)
        settle(desk, qtbot)
        started.clear()
        go_on.clear()
        desk.apply("slow", slow)
        qtbot.waitUntil(started.is_set, timeout=TIMEOUT_MS)
        getattr(desk, stop)()
        go_on.set()
        qtbot.waitUntil(lambda: not working(), timeout=TIMEOUT_MS)
        qtbot.wait(20)
        assert desk.reading is (reading if stop == "cancel" else None)
        del desk
        gc.collect()
    assert draft.saved_at(reading.study) is None


def working() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "tomoscribe work"]


def test_results_of_another_study_are_not_shown(on_disk: Any, case: Any, tmp_path: Path) -> None:
    reading, volumes = on_disk
    steps.export(reading, volumes, tmp_path / "out", silent)
    with pytest.raises(InputError, match="another"):
        steps.reopen(case.study, tmp_path / "out", silent)


def test_a_lost_drive_stops_an_export_and_keeps_the_draft(on_disk: Any, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "usb")
    study = scan(tmp_path / "usb")[0]
    _, volumes = on_disk
    reading = Reading(study=study, report=on_disk[0].report, label_maps=on_disk[0].label_maps)
    draft.save(draft.Draft(reading=reading, first=reading.report, saved_at=AT))
    shutil.rmtree(tmp_path / "usb")
    with pytest.raises(TomoscribeError):
        steps.export(reading, volumes, tmp_path / "out", silent)
    assert not (tmp_path / "out").exists()
    assert draft.load(study).reading.report == reading.report
    draft.discard(study)
