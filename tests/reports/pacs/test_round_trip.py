"""The whole way with the real commands, the shipped weights and a real Orthanc, with cuts, restarts and kills on it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
import yaml

from tomoscribe.core.errors import PeerError
from tomoscribe.core.serial import reading_from_json
from tomoscribe.encoders.dicom import SyntheticIdentity, scan, write_series
from tomoscribe.phantoms.chest.case import chest_case
from tomoscribe.reports.export import open_results
from tomoscribe.reports.export.results import sr_references
from tomoscribe.reports.pacs.peers import Outcome, Sent, open_peer
from tomoscribe.reports.site import Dimse, Peer, load_site

Run = Callable[..., subprocess.CompletedProcess[str]]
IDENTITY = SyntheticIdentity(
    patient_id="PHANTOM-9", patient_name="PHANTOM^ROUND=幻影", study_date="2031-06-01", sex="F", age_years=61
)


def _command(site_file: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "tomoscribe.cli", *words, "--site", str(site_file)]


@pytest.fixture
def run() -> Run:
    """Runs a command of ours to its end."""

    def call(site_file: Path, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(_command(site_file, *words), capture_output=True, text=True, timeout=300, check=False)

    return call


@pytest.fixture
def listening(tools: Any) -> Iterator[Callable[[Path], subprocess.Popen[bytes]]]:
    """Starts ``tomoscribe listen`` as a process of its own."""
    started: list[subprocess.Popen[bytes]] = []

    def start(site_file: Path) -> subprocess.Popen[bytes]:
        log = site_file.with_suffix(".log").open("ab")
        process = subprocess.Popen(_command(site_file, "listen"), stdout=log, stderr=log)
        started.append(process)
        port = load_site(site_file).listening().port

        def answers() -> bool:
            assert process.poll() is None, site_file.with_suffix(".log").read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        tools.wait_until(answers)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(20)


def _site_file(orthanc: Any, folder: Path, tools: Any, **change: Any) -> Path:
    data = tools.site_data(orthanc, folder)
    for name, part in change.items():
        data[name] = {**data[name], **part} if isinstance(part, dict) else data[name] + part
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def _study(folder: Path) -> tuple[Path, str, int, str]:
    """What makes the round trip: a small chest, or the folder that TOMOSCRIBE_ROUND_TRIP names, in the decoder's words.

    Its folder, Study Instance UID, number of images, and who words the report.
    """
    named = os.environ.get("TOMOSCRIBE_ROUND_TRIP")
    if named is None:
        volume = chest_case(1_000_001, spacing_mm=4.0).volumes["CT"]
        write_series(volume, folder / "study", identity=IDENTITY)
        return folder / "study", volume.series.study_uid, 65, "writer"
    (study,) = scan(Path(named))
    return Path(named), study.study_uid, sum(len(s.files) for s in study.series), "decoder"


def _uids(folder: Path) -> set[str]:
    return {str(pydicom.dcmread(f, stop_before_pixels=True).SOPInstanceUID) for f in folder.rglob("*.dcm")}


def _opened(pulled: Path, folder: Path) -> Any:
    """The report in the SEG and SR among pulled objects, which bear names of the PACS; whose objects they are."""
    found: dict[str, list[tuple[Path, pydicom.Dataset]]] = {}
    names: set[str] = set()
    for path in pulled.rglob("*.dcm"):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        names.add(str(ds.PatientName))
        found.setdefault(ds.Modality, []).append((path, ds))
    (name,) = names
    assert name.startswith("PHANTOM^")
    ((sr_path, sr),) = found["SR"]
    assert sr.VerificationFlag == "UNVERIFIED"
    (seg_path,) = [path for path, ds in found["SEG"] if ds.SOPInstanceUID in {r.uid for r in sr_references(sr)}]
    folder.mkdir()
    shutil.copy(sr_path, folder / "sr.dcm")
    shutil.copy(seg_path, folder / "seg.dcm")
    return open_results(folder).report


@pytest.mark.slow
def test_study_to_listener_to_pacs_and_back_with_a_cut_and_a_restart(
    orthanc: Any, tmp_path: Path, tools: Any, run: Run, listening: Callable[[Path], Any]
) -> None:
    study, study_uid, num_images, text = _study(tmp_path)
    proxy = tools.DroppingProxy(orthanc.dicom_port, [60_000])
    cut = {"name": "cut", "dimse": {"ae_title": "ORTHANC", "host": "127.0.0.1", "port": proxy.port}, "backoff_s": 0.3}
    site_file = _site_file(orthanc, tmp_path, tools, peers=[cut], read={"text": text})
    words = site_file.read_text().replace("destinations:\n- dimse", "destinations:\n- cut")
    site_file.write_text(words)
    assert "- cut" in words

    pushed = run(site_file, "push", "web", str(study))
    assert pushed.returncode == 0, pushed.stderr
    assert f"{num_images} objects sent" in pushed.stdout
    process = listening(site_file)
    orthanc.post("/modalities/listener/store", {"Resources": orthanc.get("/studies"), "Synchronous": True})
    orthanc.stop(kill=True)
    results = tmp_path / "station" / "results"
    tools.wait_until(lambda: list(results.glob("*/[!.]*/report.json")), 600)
    orthanc.start()
    num_results = len(list(results.rglob("*.dcm")))
    tools.wait_until(lambda: len(orthanc.sop_uids(study_uid)) == num_images + num_results, 120)
    assert proxy.num_connections >= 2
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0

    pulled = run(site_file, "pull", "dimse", "--study", study_uid, "--out", str(tmp_path / "back"))
    assert pulled.returncode == 0, pulled.stderr
    assert f"{num_images + num_results} objects fetched" in pulled.stdout
    back = _opened(tmp_path / "back", tmp_path / "opened")
    (written,) = results.glob("*/[!.]*/report.json")
    there = reading_from_json(written.read_text(encoding="utf-8")).report
    assert [s.text for s in back.statements] == [s.text for s in there.statements]
    assert len(back.statements) > 10
    assert {f.tracking_uid for f in back.findings} == {f.tracking_uid for f in there.findings}
    for finding in there.findings:
        same = back.finding(finding.tracking_uid)
        assert (same.type, same.site, same.laterality, same.presence) == (
            finding.type, finding.site, finding.laterality, finding.presence,
        )  # fmt: skip
        assert [(m.name, m.unit) for m in same.measurements] == [(m.name, m.unit) for m in finding.measurements]
        assert [m.value for m in same.measurements] == pytest.approx([m.value for m in finding.measurements])
    alone = [*_command(site_file, "read", str(study), "--out", str(tmp_path / "alone"))[:-2], "--text", text]
    subprocess.run([*alone, "--device", "cpu"], check=True, capture_output=True, timeout=600)
    by_itself, held = _uids(tmp_path / "alone"), set(orthanc.sop_uids(study_uid))
    print(f"UIDs of the results in the PACS equal those of 'read': {len(by_itself & held)} of {len(by_itself)}")
    assert by_itself == held - _uids(study)
    log = site_file.with_suffix(".log").read_text()
    assert "PHANTOM" not in log
    assert study_uid not in log


def _send_for_ever(client: Any, files: list[Path], told: Callable[[Sent], None]) -> None:
    while True:
        client.send(files, told)


@pytest.mark.slow
def test_nothing_that_was_acknowledged_is_lost_by_a_kill(
    orthanc: Any, tmp_path: Path, tools: Any, study_folder: Path, listening: Callable[[Path], Any]
) -> None:
    site_file = _site_file(orthanc, tmp_path, tools, listen={"quiet_s": 600.0})
    site = load_site(site_file)
    station = Dimse(ae_title="TOMOSCRIBE", host="127.0.0.1", port=site.listening().port)
    client = open_peer(site, Peer(name="station", dimse=station, timeout_s=5))
    files = sorted(study_folder.glob("*.dcm"))
    acknowledged: set[str] = set()
    for kill_after in (3, 17, 31):
        process = listening(site_file)
        enough = threading.Event()

        def told(sent: Sent, enough: threading.Event = enough, kill_after: int = kill_after) -> None:
            if sent.outcome is Outcome.STORED:
                acknowledged.add(sent.sop_uid)
            if len(acknowledged) >= kill_after:
                enough.set()

        killer = threading.Thread(
            target=lambda process=process, enough=enough: (enough.wait(20), os.kill(process.pid, signal.SIGKILL))
        )
        killer.start()
        with pytest.raises(PeerError):
            _send_for_ever(client, files, told)
        killer.join()
        process.wait(20)
    process = listening(site_file)
    kept = {pydicom.dcmread(f).SOPInstanceUID for f in (tmp_path / "station" / "inbox").rglob("*.dcm")}
    assert acknowledged <= kept
    client.send(files, lambda sent: acknowledged.add(sent.sop_uid))
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert len(acknowledged) == 40
    assert len(list((tmp_path / "station").rglob("*.dcm"))) == 40
    assert not list((tmp_path / "station").glob(".incoming*"))
