"""Who may do what, and that it is written down: roles of the site files, refusals and failures included."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tomoscribe import sample_data
from tomoscribe.cli.main import main
from tomoscribe.core.errors import ConfigError, OutputError
from tomoscribe.reports import site as site_module
from tomoscribe.reports.acts import Act, Desk, Subject, subjects_in
from tomoscribe.reports.audit import PatientRef, entries, snapshot
from tomoscribe.reports.audit_verify import verify
from tomoscribe.reports.site import Role, parse_site, sites_in_force

ME = pwd.getpwuid(os.getuid()).pw_name
SUBJECT = Subject(study_uid="1.2.3", patient=PatientRef(patient_id="P1", issuer="HOSPITAL"))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An audit store of the test's own; no site file."""
    monkeypatch.setenv("TOMOSCRIBE_AUDIT", str(tmp_path / "audit"))
    monkeypatch.delenv("TOMOSCRIBE_SITE", raising=False)
    monkeypatch.setattr(site_module, "SYSTEM_SITE", tmp_path / "etc" / "site.yaml")
    return tmp_path / "audit"


def _site(path: Path, **roles: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"roles": roles}))
    return path


def _lines(store: Path) -> list[tuple[Any, ...]]:
    return [(e["lifecycle"], e["outcome"], e["study_uid"], e["detail"]) for e in entries(snapshot(store)) if e]


def test_without_a_site_file_the_account_is_enough(store: Path) -> None:
    with Desk.here("test").doing(Act.SIGN, SUBJECT, "final") as signer:
        assert signer.login == ME
    assert _lines(store) == [("attest", 0, "1.2.3", "final")]


@pytest.mark.parametrize("act", [a for a in Act if a.role is not None])
def test_a_role_is_asked_and_a_refusal_is_written_down(store: Path, tmp_path: Path, act: Act) -> None:
    assert act.role is not None
    others = _site(tmp_path / "others.yaml", **{act.role.value: ["somebody-else"]})
    with pytest.raises(ConfigError, match=f"'{ME}' does not have the role '{act.role}'.*roles: {act.role}"):
        Desk.here("test", others).allow(act, SUBJECT)
    assert _lines(store) == [(act.event.value[3], 4, "1.2.3", f"refused to {act.words}: no role '{act.role}'")]
    mine = _site(tmp_path / "mine.yaml", **{act.role.value: [ME]})
    Desk.here("test", mine).note(act, SUBJECT)
    assert [line[1] for line in _lines(store)] == [4, 0]
    assert verify(store) == []


def test_who_may_do_what_where_nobody_is_named() -> None:
    site = parse_site({"roles": {"sign": ["ann"]}}, "")
    assert [site.roles.allows("ann", role) for role in Role] == [True] * 4
    assert {role for role in Role if site.roles.allows("bob", role)} == {Role.OPERATE, Role.EXPORT}
    assert not parse_site({"roles": {"sign": ["ann"], "retract": ["bob"]}}, "").roles.allows("ann", Role.RETRACT)
    assert not parse_site({}, "").roles.allows("ann", Role.SIGN)


def test_naming_another_site_file_does_not_escape_the_machines_own(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = _site(tmp_path / "mine.yaml", sign=[ME])
    Desk.here("test", mine).allow(Act.SIGN)
    _site(site_module.SYSTEM_SITE, sign=["somebody-else"])
    assert len(sites_in_force(mine)) == 2
    for named in (mine, None):
        with pytest.raises(ConfigError, match="role 'sign'"):
            Desk.here("test", named).allow(Act.SIGN)
    monkeypatch.setenv("TOMOSCRIBE_SITE", str(site_module.SYSTEM_SITE))
    assert len(sites_in_force(None)) == 1
    site_module.SYSTEM_SITE.write_text("nonsense: 1")
    with pytest.raises(ConfigError, match="nonsense"):
        Desk.here("test", mine)


def test_a_failure_is_written_behind_what_was_begun(store: Path) -> None:
    desk = Desk.here("test")
    with pytest.raises(OutputError), desk.doing(Act.EXPORT, SUBJECT, "pdf"):
        raise OutputError("the disk is full")
    assert _lines(store) == [("extract", 0, "1.2.3", "pdf"), ("extract", 8, "1.2.3", "not done: OutputError")]


def test_what_cannot_be_recorded_is_not_done(store: Path) -> None:
    store.write_text("a file where the folder should be")
    done = []
    with pytest.raises(OutputError, match="audit store"), Desk.here("test").doing(Act.SIGN, SUBJECT):
        done.append("signed")
    assert done == []


def test_the_subjects_of_a_folder_are_its_studies_and_patients() -> None:
    chest = sample_data.path("chest_ct")
    (subject,) = subjects_in(chest)
    assert subject.patient == PatientRef(patient_id="TOMOSCRIBE-SAMPLE-CHEST")
    assert subject.study_uid
    assert len(subjects_in(chest.parent)) == len({s.study_uid for s in subjects_in(chest.parent)}) > 1


def test_deidentifying_is_an_export_of_its_own_kind(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, key = tmp_path / "study", tmp_path / "key"
    source.mkdir()
    for file in sorted(sample_data.path("brain_mr").rglob("*.dcm"))[:2]:
        shutil.copy(file, source)
    key.write_text("a secret of more than thirty-two letters")
    words = ["tomoscribe", "deidentify", str(source), "--out", str(tmp_path / "out"), "--key", str(key)]
    site = _site(tmp_path / "site.yaml", export=["somebody-else"])
    for arguments, code in (([*words, "--site", str(site)], 2), (words, 0)):
        monkeypatch.setattr("sys.argv", arguments)
        with pytest.raises(SystemExit) as end:
            main()
        assert (end.value.code or 0) == code, capsys.readouterr()
    ((study_uid, patient_id),) = {(e["study_uid"], e["patient_id"]) for e in entries(snapshot(store)) if e}
    assert patient_id == "TOMOSCRIBE-SAMPLE-BRAIN"
    refused = f"refused to {Act.DEIDENTIFY.words}: no role 'export'"
    assert _lines(store) == [("deidentify", 4, study_uid, refused), ("deidentify", 0, study_uid, None)]
