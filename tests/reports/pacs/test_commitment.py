"""Storage commitment with a real Orthanc in both roles, and the checks of a site file."""

from __future__ import annotations

import urllib.error
from pathlib import Path
from typing import Any

import pydicom
import pytest
import yaml

from tomoscribe.cli.main import main
from tomoscribe.reports.pacs.push import push_files
from tomoscribe.reports.pacs.state import Commitment, State


def _peers(orthanc: Any) -> list[dict[str, Any]]:
    dimse = {"ae_title": "ORTHANC", "host": "127.0.0.1", "port": orthanc.dicom_port, "storage_commitment": True}
    return [{"name": "dimse", "dimse": dimse, "timeout_s": 10, "backoff_s": 0.1}]


def test_the_destination_commits_to_our_results(
    make_station: Any, orthanc: Any, study_folder: Path, tools: Any
) -> None:
    station = make_station(peers=_peers(orthanc))
    push_files(station.site, station.peer, study_folder, tools.quiet)
    query = "SELECT DISTINCT state, commitment FROM outgoing"
    tools.wait_until(lambda: station.rows(query) == [("sent", "committed")])
    assert orthanc.sop_uids() == station.results()


def test_a_destination_that_lost_a_result_gets_it_again(
    make_station: Any, orthanc: Any, study_folder: Path, tools: Any
) -> None:
    """The report names the second as failed: it waits to be sent again, an hour later."""
    station = make_station(peers=_peers(orthanc))
    push_files(station.site, station.peer, study_folder, tools.quiet)
    query = "SELECT DISTINCT commitment FROM outgoing"
    tools.wait_until(lambda: station.rows(query) == [("committed",)])
    station.stop()
    state = State(station.folder / "state.sqlite")
    uids = sorted(orthanc.sop_uids())
    state.set_commitment("dimse", uids, Commitment.ASKED, "1.2.3", 0.0)
    assert state.commitment_report("dimse", "1.2.3", held={uids[0]}, lost={uids[1], "9.9"}, again_at=5.0)
    assert not state.commitment_report("dimse", "1.2.4", held={uids[0]}, lost=set(), again_at=5.0)
    assert [o.sop_uid for o in state.due("dimse", 6.0, 10)] == [uids[1]]
    assert state.due("dimse", 4.0, 10) == []
    state.close()


def test_we_commit_to_what_we_hold_and_keep_it(make_station: Any, orthanc: Any, study_folder: Path, tools: Any) -> None:
    caller = {"ae_title": "ORTHANC", "host": "127.0.0.1", "report_port": orthanc.dicom_port}
    station = make_station(
        listen={"accept_commitment": True, "callers": [caller, {"ae_title": "TOMOSCRIBE"}]}, keep={"days": 0}
    )
    push_files(station.site, station.peer, study_folder, tools.quiet)
    tools.wait_until(lambda: station.all_sent())
    ds = pydicom.dcmread(study_folder / "0001.dcm", stop_before_pixels=True)
    asked = [[ds.SOPClassUID, ds.SOPInstanceUID], [ds.SOPClassUID, "1.2.3.4"]]
    answer = orthanc.post("/modalities/listener/storage-commitment", {"DicomInstances": asked})
    report = tools.wait_until(lambda: (r := orthanc.get(answer["Path"])) and r["Status"] != "Pending" and r)
    assert report["Status"] == "Failure"
    assert [s["SOPInstanceUID"] for s in report["Success"]] == [ds.SOPInstanceUID]
    assert [(f["SOPInstanceUID"], f["FailureReason"]) for f in report["Failures"]] == [("1.2.3.4", 0x112)]
    station.stop()
    station.start()
    tools.wait_until(lambda: station.states() == ["done"])
    assert station.rows("SELECT COUNT(*) FROM object") == [(40,)]


def test_commitment_is_refused_where_the_site_file_does_not_allow_it(
    make_station: Any, orthanc: Any, study_folder: Path, tools: Any
) -> None:
    station = make_station()
    push_files(station.site, station.peer, study_folder, tools.quiet)
    ds = pydicom.dcmread(study_folder / "0001.dcm", stop_before_pixels=True)
    asked = {"DicomInstances": [[ds.SOPClassUID, ds.SOPInstanceUID]]}
    with pytest.raises(urllib.error.HTTPError):
        orthanc.post("/modalities/listener/storage-commitment", asked)
    assert station.rows("SELECT COUNT(*) FROM obligation") == [(0,)]


def _check(site_file: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["tomoscribe", "config", "check", "--site", str(site_file)])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_config_check_talks_to_each_peer(
    orthanc: Any, tmp_path: Path, tools: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tools.site_data(orthanc, tmp_path)
    site_file = tmp_path / "site.yaml"
    site_file.write_text(yaml.safe_dump(data))
    assert _check(site_file, monkeypatch) == 0
    lines = capsys.readouterr().out
    for words in (
        "ok    peer dimse: C-ECHO answered", "ok    peer dimse, C-GET: offered", "ok    peer web: QIDO-RS answered",
        "ok    peer dimse, storage of Segmentation: offered", "station: can be written", "GB free of",
        "free for the listener", "note  peer web: the secret travels unencrypted",
    ):  # fmt: skip
        assert words in lines, lines
    orthanc.stop()
    data["listen"]["folder"] = str(site_file)
    data["keep"]["min_free_gb"] = 900_000
    site_file.write_text(yaml.safe_dump(data))
    assert _check(site_file, monkeypatch) == 9
    out, err = capsys.readouterr()
    assert out.count("FAULT") == 4
    assert "FAULT peer dimse: peer 'dimse' cannot be reached" in out
    assert "FAULT disk" in out
    assert "checks found a fault" in err
