"""The audit store: what it holds, who may read it, writers at once, and every way to tamper with it."""

from __future__ import annotations

import json
import os
import pwd
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from tomoscribe import sample_data
from tomoscribe.cli.main import main
from tomoscribe.core.errors import InputError, OutputError
from tomoscribe.encoders.dicom import scan
from tomoscribe.reports.audit import (
    AuditLog,
    Event,
    Head,
    Outcome,
    PatientRef,
    default_folder,
    entries,
    patient_of,
    read_head,
    snapshot,
)
from tomoscribe.reports.audit_verify import verify

Tamper = Callable[[list[bytes]], list[bytes]]
NUM_ENTRIES = 8
WRITE = (
    "import sys; from pathlib import Path; from tomoscribe.reports.audit import AuditLog, Event\n"
    "log = AuditLog(Path(sys.argv[1]), 'writer')\n"
    "for n in range(25): log.record(Event.READ, study_uid=f'w{sys.argv[2]}.{n}')"
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Eight entries."""
    log = AuditLog(tmp_path / "audit", "tomoscribe test")
    for n in range(NUM_ENTRIES):
        log.record(Event.READ, study_uid=f"1.2.{n}", patient=PatientRef(patient_id=f"P{n}", issuer="HOSPITAL"))
    return tmp_path / "audit"


def _rewrite(store: Path, tamper: Tamper) -> None:
    path = store / "audit.jsonl"
    path.write_bytes(b"".join(tamper(path.read_bytes().splitlines(keepends=True))))


def test_an_entry_says_who_did_what_to_which_study_of_which_patient(store: Path) -> None:
    AuditLog(store, "tomoscribe test").record(
        Event.EXPORTED,
        study_uid="1.2.3",
        patient=PatientRef(patient_id="P3"),
        outcome=Outcome.SERIOUS_FAILURE,
        detail="seg.dcm",
    )
    last = list(entries(snapshot(store)))[-1]
    assert last is not None
    assert (last["number"], last["event"], last["meaning"], last["action"]) == (9, "110106", "Export", "R")
    assert (last["study_uid"], last["patient_id"], last["outcome"], last["detail"]) == ("1.2.3", "P3", 8, "seg.dcm")
    assert last["user"] == pwd.getpwuid(os.getuid()).pw_name
    assert verify(store) == []


def test_only_its_account_may_read_it(store: Path) -> None:
    assert stat.S_IMODE(store.stat().st_mode) == 0o700
    for name in ("audit.jsonl", "head.json", "lock"):
        assert stat.S_IMODE((store / name).stat().st_mode) == 0o600


TAMPERINGS: dict[str, tuple[Tamper, str]] = {
    "another patient": (lambda ls: [*ls[:2], ls[2].replace(b"P2", b"P7"), *ls[3:]], r"entry 3 \(line 3\) was changed"),
    "a line emptied": (lambda ls: [*ls[:4], b"\n", *ls[5:]], "line 5 is no entry"),
    "one removed": (lambda ls: [*ls[:3], *ls[4:]], "entry 4 missing before line 4"),
    "three removed": (lambda ls: [*ls[:2], *ls[5:]], "entries 3 to 5 missing before line 3"),
    "the first removed": (lambda ls: ls[1:], "entry 1 missing before line 1"),
    "two exchanged": (lambda ls: [*ls[:3], ls[4], ls[3], *ls[5:]], "line 5 holds entry 4 behind entry 5: entries were"),
    "one doubled": (lambda ls: [*ls[:4], *ls[3:]], "line 5 holds entry 4 behind entry 4"),
    "the last cut off": (lambda ls: ls[:-1], "cut off at the end: the head counts 8 entries, the last one here is 7"),
    "half of the last": (lambda ls: [*ls[:-1], ls[-1][:50]], "line 8 is no entry"),
    "all cut off": (lambda ls: [], "cut off at the end: the head counts 8 entries, the last one here is 0"),
}  # fmt: skip


@pytest.mark.parametrize("how", TAMPERINGS)
def test_tampering_is_found_and_the_place_is_named(store: Path, how: str) -> None:
    tamper, message = TAMPERINGS[how]
    assert verify(store) == []
    _rewrite(store, tamper)
    assert any(re.search(message, problem) for problem in verify(store)), verify(store)


def test_the_head_removed(store: Path) -> None:
    (store / "head.json").unlink()
    assert verify(store) == ["the head is missing: whether entries were cut off at the end cannot be said"]


def test_a_seal_kept_elsewhere_finds_a_chain_made_anew(store: Path, tmp_path: Path) -> None:
    seal = read_head(store)
    assert seal is not None
    assert verify(store, seal) == []
    forged = AuditLog(tmp_path / "forged", "tomoscribe test")
    for n in range(NUM_ENTRIES):
        forged.record(Event.READ, study_uid=f"1.2.{n}", patient=PatientRef(patient_id="P0"))
    assert verify(tmp_path / "forged") == []
    assert verify(tmp_path / "forged", seal) == ["entry 8 is not the one that was sealed"]
    longer = Head(count=12, hash="0" * 64)
    assert verify(store, longer) == ["cut off at the end: entry 12 was sealed, the last one here is 8"]


def test_with_a_key_nobody_else_makes_an_entry(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOMOSCRIBE_AUDIT_KEY", "the site's own")
    log = AuditLog(tmp_path / "keyed", "tomoscribe test")
    for n in range(2):
        log.record(Event.READ, study_uid=f"1.2.{n}")
    assert verify(tmp_path / "keyed") == []
    monkeypatch.setenv("TOMOSCRIBE_AUDIT_KEY", "a guess")
    assert verify(tmp_path / "keyed") == ["entry 1 (line 1) was changed", "entry 2 (line 2) was changed"]


def test_a_writer_killed_between_entry_and_head_does_no_harm(store: Path) -> None:
    before = (store / "head.json").read_bytes()
    AuditLog(store).record(Event.READ, study_uid="9.9")
    (store / "head.json").write_bytes(before)
    assert verify(store) == []
    with (store / "audit.jsonl").open("ab") as file:
        file.write(b'{"number": 10, "torn')
    AuditLog(store).record(Event.READ, study_uid="9.10")
    assert verify(store) == []
    assert [e and e["study_uid"] for e in entries(snapshot(store))][-2:] == ["9.9", "9.10"]


def test_work_goes_on_after_tampering_with_an_alert_in_the_store(store: Path) -> None:
    _rewrite(store, TAMPERINGS["the last cut off"][0])
    AuditLog(store).record(Event.READ, study_uid="9.9")
    problems = verify(store)
    assert any(p.startswith("entry 9 is a security alert") for p in problems)
    assert any("entry 8 missing before line 8" in p for p in problems)


def test_writers_at_once_make_one_chain(store: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, str(store), str(n)]) for n in range(4)]
    assert [w.wait() for w in writers] == [0] * 4
    assert verify(store) == []
    written = [e["study_uid"] for e in entries(snapshot(store)) if e is not None]
    assert len(written) == NUM_ENTRIES + 100
    for n in range(4):
        assert [u for u in written if u.startswith(f"w{n}.")] == [f"w{n}.{k}" for k in range(25)]


def test_a_store_that_cannot_be_written_stops_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="audit store cannot be written"):
        AuditLog(tmp_path / "file" / "audit").record(Event.READ)


def test_it_is_off_only_when_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOMOSCRIBE_AUDIT", "off")
    assert AuditLog.from_environment("test").folder is None
    AuditLog.from_environment("test").record(Event.READ)
    monkeypatch.setenv("TOMOSCRIBE_AUDIT", str(tmp_path))
    assert AuditLog.from_environment("test").folder == tmp_path
    monkeypatch.delenv("TOMOSCRIBE_AUDIT")
    assert AuditLog.from_environment("test").folder is not None


def test_where_it_is_by_default() -> None:
    windows = default_folder({"LOCALAPPDATA": r"C:\Users\reader\AppData\Local"}, "win32")
    assert windows == PureWindowsPath(r"C:\Users\reader\AppData\Local\tomoscribe\audit")
    assert default_folder({"XDG_STATE_HOME": "/state"}, "linux") == PurePosixPath("/state/tomoscribe/audit")
    assert default_folder({}, "linux").parts[-4:] == (".local", "state", "tomoscribe", "audit")


def test_the_patient_is_the_headers() -> None:
    study = scan(sample_data.path("chest_ct"))[0]
    assert patient_of(study.series) == PatientRef(patient_id="TOMOSCRIBE-SAMPLE-CHEST")
    assert patient_of(()) == PatientRef(patient_id=None)


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["tomoscribe", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_the_commands(store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TOMOSCRIBE_AUDIT", str(store))
    assert _run(monkeypatch, "audit", "verify") == 0
    assert "8 entries, none changed" in capsys.readouterr().out
    assert _run(monkeypatch, "audit", "seal") == 0
    seal = capsys.readouterr().out.strip()
    assert _run(monkeypatch, "audit", "show", "--patient", "P3") == 0
    shown = capsys.readouterr().out
    assert "1.2.3" in shown
    assert "1.2.4" not in shown
    assert json.loads((store / "audit.jsonl").read_text().splitlines()[-1])["meaning"] == "Audit Log Used"
    assert _run(monkeypatch, "audit", "verify", "--seal", seal) == 0
    assert _run(monkeypatch, "audit", "verify", "--seal", "twelve") == 2
    _rewrite(store, TAMPERINGS["one removed"][0])
    assert _run(monkeypatch, "audit", "verify") == 11
    assert "entry 4 missing before line 4" in capsys.readouterr().out


def test_no_store_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no audit store"):
        verify(tmp_path / "nowhere")
