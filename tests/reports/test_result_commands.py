"""``open``, ``sign``, ``export``, ``retract`` on a result folder: what they write, refuse, and leave in the store."""

from __future__ import annotations

import json
import os
import pwd
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from tomoscribe.cli.main import main
from tomoscribe.core import ReportStatus
from tomoscribe.core.errors import OutputError
from tomoscribe.reports import signing
from tomoscribe.reports import site as site_module
from tomoscribe.reports.audit import entries, snapshot
from tomoscribe.reports.export import open_folder, replace_report
from tomoscribe.reports.export.documents import FILES

ME = pwd.getpwuid(os.getuid()).pw_name
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def result(written: Path, tmp_path: Path) -> Path:
    """Unsigned results, to be changed."""
    return Path(shutil.copytree(written, tmp_path / "results"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Runs a command in this process, with an audit store of its own and no site file: exit code, stdout, stderr."""
    monkeypatch.setenv("TOMOSCRIBE_AUDIT", str(tmp_path / "audit"))
    monkeypatch.delenv("TOMOSCRIBE_SITE", raising=False)
    monkeypatch.setattr(site_module, "SYSTEM_SITE", tmp_path / "none.yaml")

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["tomoscribe", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), *capsys.readouterr()

    return call


def _audited(tmp_path: Path) -> list[tuple[str, str, int, str | None]]:
    found = [e for e in entries(snapshot(tmp_path / "audit")) if e]
    assert {(e["patient_id"], e["issuer"], e["user"]) for e in found} == {("PHANTOM-7", "PHANTOM HOSPITAL", ME)}
    return [(e["process"].split(" [")[0].split()[1], e["lifecycle"], e["outcome"], e["detail"]) for e in found]


def _status(result: Path) -> ReportStatus:
    return open_folder(result).reading.report.status


def test_open_sign_export_retract(run: Call, result: Path, tmp_path: Path) -> None:
    code, out, _ = run("open", result)
    assert code == 0
    assert "DRAFT" in out
    assert "unreviewed" in out
    assert run("sign", result, "--reject", "4:a vessel", "--accept", "all", "--told", "3:Dr. Who:by phone")[0] == 0
    report = open_folder(result).reading.report
    assert (report.status, report.communications[0].told) == (ReportStatus.FINAL, "Dr. Who")
    assert str(report.verified_by).endswith(f"({ME})") or report.verified_by == ME
    assert report.findings[3].review.reason == "a vessel"
    code, out, _ = run("export", result, "--out", tmp_path / "documents")
    assert code == 0
    assert {Path(line).name for line in out.split()} == {n for names in FILES.values() for n in names}
    assert run("sign", result, "--addendum", "Discussed with the surgeon.", "--reason", "call")[0] == 0
    assert _status(result) is ReportStatus.APPENDED
    pdf = tmp_path / "documents" / "pdf.dcm"
    code, out, _ = run("retract", result, "--why", "wrong-patient", "--reason", "other patient", "--also", pdf)
    assert code == 0
    assert "rejection.dcm" in out
    assert _status(result) is ReportStatus.ENTERED_IN_ERROR
    rejected = {
        str(item.ReferencedSOPInstanceUID)
        for series in pydicom.dcmread(result / "rejection.dcm")
        .CurrentRequestedProcedureEvidenceSequence[0]
        .ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    assert str(pydicom.dcmread(pdf).SOPInstanceUID) in rejected
    assert _audited(tmp_path) == [
        ("open", "access", 0, None),
        ("sign", "amend", 0, "4 accepted, 1 rejected, 1 told"),
        ("sign", "attest", 0, "final"),
        ("export", "extract", 0, "pdf, fhir, hl7, key-objects, text"),
        ("sign", "amend", 0, "1 sentences"),
        ("sign", "attest", 0, "appended"),
        ("retract", "deprecate", 0, "wrong-patient"),
    ]
    assert run("audit", "verify")[0] == 0


def test_open_gives_the_reading_as_json(run: Call, result: Path) -> None:
    code, out, _ = run("open", result, "--json")
    assert code == 0
    assert json.loads(out)["report"] == json.loads((result / "report.json").read_text(encoding="utf-8"))["report"]


@pytest.mark.parametrize("form", ["pdf", "fhir", "hl7"])
def test_an_unsigned_report_is_not_exported(run: Call, result: Path, tmp_path: Path, form: str) -> None:
    code, _, err = run("export", result, "--out", tmp_path / "out", "--form", "text", "--form", form)
    assert code == 10
    assert "tomoscribe sign RESULT" in err
    assert not (tmp_path / "out").exists()
    assert run("export", result, "--out", tmp_path / "out", "--form", "text")[0] == 0
    assert "DRAFT" in (tmp_path / "out" / "report.txt").read_text(encoding="utf-8").splitlines()[0]


def test_a_preliminary_release_leaves_as_partial_and_not_as_a_page(run: Call, result: Path, tmp_path: Path) -> None:
    assert run("sign", result, "--accept", "all", "--preliminary")[0] == 0
    assert run("export", result, "--out", tmp_path / "out", "--form", "pdf")[0] == 10
    assert run("export", result, "--out", tmp_path / "out", "--form", "fhir")[0] == 0
    bundle = json.loads((tmp_path / "out" / "fhir.json").read_text(encoding="utf-8"))
    assert bundle["entry"][0]["resource"]["status"] == "partial"


def test_signing_is_refused_and_nothing_changes(run: Call, result: Path) -> None:
    before = {p: p.read_bytes() for p in result.rglob("*") if p.is_file()}
    refusals = [
        (("--accept", "1"), 10, "accept, edit or reject each of them"),
        (("--accept", "99"), 2, "tomoscribe open RESULT"),
        (("--accept", "all", "--reject", "4"), 2, "N:REASON"),
        (("--accept", "all", "--told", "3"), 2, "N:WHO:HOW"),
        (("--addendum", "More."), 2, "needs a reason"),
        (("--addendum", "More.", "--reason", "late"), 10, "expected a report that is final"),
    ]
    for words, expected, remedy in refusals:
        code, _, err = run("sign", result, *words)
        assert (code, remedy in err) == (expected, True), err
    assert {p: p.read_bytes() for p in result.rglob("*") if p.is_file()} == before


def test_a_signed_report_is_not_signed_again(run: Call, result: Path) -> None:
    assert run("sign", result, "--accept", "all")[0] == 0
    signed = (result / "sr.dcm").read_bytes()
    code, _, err = run("sign", result, "--accept", "all")
    assert code == 10
    assert "final" in err
    assert (result / "sr.dcm").read_bytes() == signed
    code, _, _ = run("sign", result, "--reject", "4:a vessel", "--reason", "second look")
    assert (code, _status(result)) == (0, ReportStatus.AMENDED)


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("sign", ("sign", "RESULT", "--accept", "all")),
        ("export", ("export", "RESULT", "--out", "OUT", "--form", "text")),
        ("retract", ("retract", "RESULT", "--why", "quality", "--reason", "blurred")),
    ],
)
def test_an_account_without_the_role_is_refused(
    run: Call, result: Path, tmp_path: Path, role: str, words: tuple[str, ...]
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(f"roles: {{{role}: [somebody-else]}}")
    places = {"RESULT": str(result), "OUT": str(tmp_path / "out")}
    command = [places.get(w, w) for w in words]
    before = (result / "sr.dcm").read_bytes()
    code, _, err = run(*command, "--site", site)
    assert code == 2
    assert f"user '{ME}' does not have the role '{role}'" in err
    assert f"roles: {role} of the site file" in err
    assert (result / "sr.dcm").read_bytes() == before
    assert not (tmp_path / "out").exists()
    assert [(e[0], e[2]) for e in _audited(tmp_path)] == [(words[0], 4)]
    site.write_text(f"roles: {{{role}: [{ME}]}}")
    assert run(*command, "--site", site)[0] == 0


def test_results_that_somebody_else_signed_meanwhile_are_not_written_over(run: Call, result: Path) -> None:
    opened = open_folder(result)
    assert run("sign", result, "--accept", "all")[0] == 0
    signed = (result / "sr.dcm").read_bytes()
    withdrawn = signing.withdraw(opened.reading, signing.process_identity(), signing.now(), "late")
    with pytest.raises(OutputError, match=r"changed since they were opened.*open them again"):
        replace_report(opened, withdrawn, result)
    assert (result / "sr.dcm").read_bytes() == signed
    assert not list(result.glob(".tomoscribe-*"))


@pytest.mark.parametrize(
    ("keywords", "code", "words"),
    [
        (("NumericValue",), 3, "two different ones: 51.6 as text, 15.6 as a number"),
        (("NumericValue", "FloatingPointValue"), 8, "evidence lock objects"),
    ],
)
def test_a_result_whose_number_was_changed_is_not_signed(
    run: Call, result: Path, keywords: tuple[str, ...], code: int, words: str
) -> None:
    """Some other program wrote 51.6 mm where 15.6 mm were measured; what the sentence says does not agree any more."""
    sr = pydicom.dcmread(result / "sr.dcm")
    items = [e.value[0] for e in sr.iterall() if e.keyword == "MeasuredValueSequence"]
    (changed,) = [item for item in items if float(item.NumericValue) == 15.6]
    for keyword in keywords:
        setattr(changed, keyword, 51.6)
    sr.save_as(result / "sr.dcm")
    before = (result / "sr.dcm").read_bytes()
    found, _, err = run("sign", result, "--accept", "all")
    assert (found, words in err) == (code, True), err
    assert (result / "sr.dcm").read_bytes() == before


def test_retraction_is_refused(run: Call, result: Path, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.dcm"
    other = pydicom.dcmread(result / "seg.dcm")
    other.StudyInstanceUID = "1.2.3"
    other.save_as(stranger)
    code, _, err = run("retract", result, "--why", "quality", "--reason", "blurred", "--also", stranger)
    assert (code, "same study" in err) == (3, True)
    assert _status(result) is ReportStatus.DRAFT
    assert run("retract", result, "--why", "quality", "--reason", "blurred")[0] == 0
    assert run("retract", result, "--why", "quality", "--reason", "again")[0] == 10


@pytest.mark.parametrize(
    "command", [("open",), ("sign",), ("export", "--out", "x"), ("retract", "--why", "quality", "--reason", "r")]
)
def test_what_is_no_result_folder(run: Call, tmp_path: Path, command: tuple[str, ...]) -> None:
    code, _, err = run(command[0], tmp_path, *command[1:])
    assert code == 3
    assert "open a folder of results" in err


@pytest.mark.parametrize(
    "command", [("sign", "--accept", "all"), ("retract", "--why", "quality", "--reason", "blurred")]
)
def test_a_full_disk_leaves_the_results_as_they_were(
    run: Call, result: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """No file grows beyond 20 kB: the error of a full disk, where nothing can be mounted."""
    before = {p: p.read_bytes() for p in result.rglob("*") if p.is_file()}
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limit[1]))
    try:
        code, _, err = run(command[0], result, *command[1:])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert code == 5
    assert "cannot write results" in err
    assert {p: p.read_bytes() for p in result.rglob("*") if p.is_file()} == before
    assert _audited(tmp_path)[-1][2:] == (8, "not done: OutputError")
    assert run(command[0], result, *command[1:])[0] == 0


def test_as_a_program_of_its_own(result: Path, tmp_path: Path) -> None:
    """The entry point, once: one line on stderr, the error's exit code, no traceback."""
    words = [sys.executable, "-m", "tomoscribe.cli", "export", str(result), "--out", str(tmp_path / "out")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 10
    assert done.stderr.startswith("tomoscribe: a PDF report leaves only when signed")
    assert len(done.stderr.splitlines()) == 1
