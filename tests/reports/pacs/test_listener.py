"""The listener beside a real Orthanc: each study read once, results sent once, nothing acknowledged is lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest

from tomoscribe.core.errors import ConfigError, OutputError, PeerError
from tomoscribe.core.uids import derive_uid
from tomoscribe.reports.export import open_results
from tomoscribe.reports.pacs import reading
from tomoscribe.reports.pacs.errors import RefusedByPeerError
from tomoscribe.reports.pacs.peers import open_peer
from tomoscribe.reports.pacs.push import push_files
from tomoscribe.reports.pacs.worker import Answer

MakeStation = Callable[..., Any]


def _push(station: Any, folder: Path, tools: Any) -> int:
    """Sends to the station; it answers no queries, so everything is sent."""
    return int(push_files(station.site, station.peer, folder, tools.quiet).num_sent)


def _some(study_folder: Path, folder: Path, first: int, last: int) -> Path:
    folder.mkdir()
    for n in range(first, last + 1):
        shutil.copy(study_folder / f"{n:04d}.dcm", folder)
    return folder


def test_a_study_is_read_when_it_is_quiet_and_the_results_arrive_once(
    make_station: MakeStation, orthanc: Any, study_folder: Path, tools: Any, case: Any
) -> None:
    station = make_station()
    assert _push(station, study_folder, tools) == 40
    tools.wait_until(lambda: station.all_sent())
    assert sorted(orthanc.sop_uids()) == sorted(station.sent())
    (job,) = station.worker.jobs
    assert len(list(job.folder.glob("*.dcm"))) == 40
    assert station.states() == ["done"]
    back = open_results(job.out)
    assert [s.text for s in back.report.statements] == [s.text for s in case.reading.report.statements]
    for path in job.out.glob("*.dcm"):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        assert ds.PatientName == "PHANTOM^CHEST=幻影^胸"
        assert ds.AccessionNumber == "ACC-1"
    assert (station.folder.stat().st_mode & 0o777) == 0o700


def test_the_same_images_again_and_our_own_results_are_not_read(
    make_station: MakeStation, orthanc: Any, study_folder: Path, tools: Any, tmp_path: Path
) -> None:
    station = make_station()
    _push(station, study_folder, tools)
    tools.wait_until(lambda: station.all_sent())
    out = station.worker.jobs[0].out
    _push(station, study_folder, tools)
    _push(station, out, tools)
    changed = tmp_path / "changed"
    changed.mkdir()
    ds = pydicom.dcmread(out / "sr.dcm")
    ds.Manufacturer = ds.ManufacturerModelName = "a gateway that changes this"
    del ds.CodingSchemeIdentificationSequence
    ds.save_as(changed / "sr.dcm")
    _push(station, changed, tools)
    results = station.results()
    tools.wait_until(lambda: station.rows("SELECT COUNT(*) FROM object WHERE is_own = 1") == [(len(results),)])
    assert station.states() == ["done"]
    assert len(list(station.folder.glob("own/*/*.dcm"))) == len(results)
    assert len(station.worker.jobs) == 1
    assert orthanc.sop_uids() == results


def test_late_slices_are_read_with_the_others_and_the_results_have_new_uids(
    make_station: MakeStation, orthanc: Any, study_folder: Path, tools: Any, tmp_path: Path
) -> None:
    station = make_station()
    _push(station, _some(study_folder, tmp_path / "early", 1, 30), tools)
    tools.wait_until(lambda: station.all_sent())
    first = set(station.sent())
    _push(station, _some(study_folder, tmp_path / "late", 31, 40), tools)
    tools.wait_until(lambda: len(station.worker.jobs) == 2 and station.all_sent())
    assert len(station.worker.jobs) == 2
    assert len(list(station.worker.jobs[1].folder.glob("*.dcm"))) == 40
    assert first < set(station.sent())
    assert orthanc.sop_uids() == sorted(station.sent()) == station.results()
    old, new = (pydicom.dcmread(job.out / "sr.dcm") for job in station.worker.jobs)
    (study,) = new.PredecessorDocumentsSequence
    named = study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    assert named == old.SOPInstanceUID != new.SOPInstanceUID
    assert "PredecessorDocumentsSequence" not in old


def test_what_comes_while_a_study_is_read_makes_it_read_again_and_the_half_reading_is_not_sent(
    make_station: MakeStation, orthanc: Any, study_folder: Path, tools: Any, tmp_path: Path
) -> None:
    station = make_station()
    station.worker.hold.clear()
    _push(station, _some(study_folder, tmp_path / "early", 1, 30), tools)
    tools.wait_until(lambda: station.worker.jobs)
    _push(station, _some(study_folder, tmp_path / "late", 31, 40), tools)
    station.worker.hold.set()
    tools.wait_until(lambda: station.all_sent())
    assert len(station.worker.jobs) == 2
    assert orthanc.sop_uids() == station.results()


def test_an_image_sent_again_with_other_content_is_read_again(
    make_station: MakeStation, study_folder: Path, tools: Any, tmp_path: Path
) -> None:
    station = make_station()
    _push(station, study_folder, tools)
    tools.wait_until(lambda: station.states() == ["done"])
    corrected = _some(study_folder, tmp_path / "corrected", 1, 1)
    ds = pydicom.dcmread(corrected / "0001.dcm")
    ds.PatientName = "CORRECTED^NAME"
    ds.save_as(corrected / "0001.dcm")
    _push(station, corrected, tools)
    tools.wait_until(lambda: len(station.worker.jobs) == 2)
    assert station.rows("SELECT COUNT(*) FROM object") == [(40,)]


def test_the_destination_is_away_and_comes_back(
    make_station: MakeStation, orthanc: Any, study_folder: Path, tools: Any
) -> None:
    station = make_station()
    orthanc.stop()
    _push(station, study_folder, tools)
    tools.wait_until(lambda: station.states() == ["done"])
    tools.wait_until(lambda: station.rows("SELECT MAX(num_tries) FROM outgoing")[0][0] >= 2)
    assert station.sent() == []
    station.stop()
    orthanc.start()
    station.start()
    tools.wait_until(lambda: station.all_sent())
    assert sorted(orthanc.sop_uids()) == sorted(station.sent())
    assert len(station.worker.jobs) == 1


@pytest.mark.parametrize("cuts", [[3_000], [40_000, 9_000]])
def test_the_connection_is_cut_while_results_are_sent(
    make_station: MakeStation, orthanc: Any, study_folder: Path, tools: Any, cuts: list[int]
) -> None:
    proxy = tools.DroppingProxy(orthanc.dicom_port, cuts)
    peers = [
        {"name": "cut", "dimse": {"ae_title": "ORTHANC", "host": "127.0.0.1", "port": proxy.port}, "backoff_s": 0.1}
    ]
    station = make_station(peers=peers, destinations=["cut"])
    _push(station, study_folder, tools)
    tools.wait_until(lambda: station.all_sent())
    proxy.close()
    assert proxy.num_connections > len(cuts)
    assert orthanc.sop_uids() == sorted(station.sent()) == station.results()


def test_only_callers_of_the_site_file_get_in(make_station: MakeStation, tools: Any) -> None:
    station = make_station(listen={"callers": [{"ae_title": "CT1"}, {"ae_title": "CT2", "host": "192.0.2.7"}]})
    site, peer = station.site, station.peer
    assert open_peer(replace(site, ae_title="CT1"), peer).echo() == "C-ECHO answered"
    with pytest.raises(RefusedByPeerError, match="Calling AE title not recognised"):
        open_peer(replace(site, ae_title="STRANGER"), peer).echo()
    with pytest.raises(PeerError):
        open_peer(replace(site, ae_title="CT2"), peer).echo()
    assert peer.dimse is not None
    wrong = replace(peer, dimse=replace(peer.dimse, ae_title="OTHER"))
    with pytest.raises(RefusedByPeerError, match="Called AE title not recognised"):
        open_peer(replace(site, ae_title="CT1"), wrong).echo()


def test_a_full_inbox_refuses_and_the_sender_can_send_again(
    make_station: MakeStation, study_folder: Path, tools: Any
) -> None:
    station = make_station(keep={"max_gb": 0.0001})
    with pytest.raises(PeerError, match="no room or time for"):
        _push(station, study_folder, tools)
    kept = station.rows("SELECT COUNT(*), SUM(num_bytes) FROM object")[0]
    assert 5 < kept[0] < 40
    assert kept[1] <= 100_000
    assert len(list(station.folder.glob("inbox/*/*.dcm"))) == kept[0]
    station.stop()
    assert not list(station.folder.glob(".incoming-*/*"))
    station = make_station(keep={"max_gb": 1.0})
    assert _push(station, study_folder, tools) == 40
    assert station.rows("SELECT COUNT(*) FROM object") == [(40,)]


def test_too_large_an_object_is_refused_and_the_others_come_in(
    make_station: MakeStation, study_folder: Path, tools: Any, tmp_path: Path
) -> None:
    station = make_station(keep={"max_object_mb": 0.05})
    folder = _some(study_folder, tmp_path / "mixed", 1, 3)
    ds = pydicom.dcmread(folder / "0001.dcm")
    ds.ImageComments = "x" * 200_000
    ds.save_as(folder / "0001.dcm")
    with pytest.raises(PeerError):
        _push(station, folder, tools)
    assert station.rows("SELECT COUNT(*) FROM object") == [(2,)]


def test_a_study_that_cannot_be_read_is_set_aside_with_its_reason(
    make_station: MakeStation, study_folder: Path, tools: Any
) -> None:
    from tomoscribe.reports.pacs.status import status_lines

    station = make_station()
    station.worker.answer = Answer(problem="gaps or uneven spacing")
    _push(station, study_folder, tools)
    tools.wait_until(lambda: station.states() == ["failed"])
    assert "not read (1): gaps or uneven spacing" in status_lines(station.site)
    assert station.rows("SELECT COUNT(*) FROM outgoing") == [(0,)]


def test_what_is_dealt_with_is_deleted_after_its_days(
    make_station: MakeStation, orthanc: Any, study_folder: Path, tools: Any
) -> None:
    station = make_station(keep={"days": 0})
    _push(station, study_folder, tools)
    tools.wait_until(lambda: station.all_sent())
    station.stop()
    station.start()
    tools.wait_until(lambda: station.rows("SELECT COUNT(*) FROM object") == [(0,)])
    tools.wait_until(lambda: not list(station.folder.glob("*/*/*")))
    _push(station, study_folder, tools)
    tools.wait_until(lambda: len(station.worker.jobs) == 2)
    tools.wait_until(lambda: station.states() in ([], ["done"]))
    assert orthanc.sop_uids() == station.results() == sorted(station.sent())


def test_two_listeners_in_one_folder_or_on_one_port(make_station: MakeStation, tools: Any, tmp_path: Path) -> None:
    make_station()
    with pytest.raises(OutputError, match="another listener uses this folder"):
        make_station(listen={"port": tools.free_port()})
    with pytest.raises(ConfigError, match="cannot listen on"):
        make_station(listen={"folder": str(tmp_path / "other")})


def test_an_object_noted_nowhere_after_a_crash_is_found_at_the_next_start(
    make_station: MakeStation, study_folder: Path, tools: Any
) -> None:
    station = make_station(listen={"quiet_s": 600})
    _push(station, study_folder, tools)
    station.stop()
    db = sqlite3.connect(station.folder / "state.sqlite")
    db.execute("DELETE FROM object WHERE sop_uid IN (SELECT sop_uid FROM object LIMIT 3)")
    db.commit()
    db.close()
    (station.folder / ".incoming-dead").mkdir()
    (station.folder / ".incoming-dead" / "x.part").write_bytes(b"half")
    station.start()
    assert station.rows("SELECT COUNT(*) FROM object") == [(40,)]
    assert not (station.folder / ".incoming-dead").exists()


def test_uids_that_would_leave_the_folder(make_station: MakeStation, study_folder: Path, tools: Any) -> None:
    """Sent by hand: our own client would not."""
    from pynetdicom import AE, _config
    from pynetdicom.sop_class import CTImageStorage  # type: ignore[attr-defined]

    station = make_station()
    ds = pydicom.dcmread(study_folder / "0001.dcm")
    ae = AE(ae_title="TOMOSCRIBE")
    ae.add_requested_context(CTImageStorage, pydicom.uid.ExplicitVRLittleEndian)
    assoc = ae.associate("127.0.0.1", station.site.listening().port, ae_title="TOMOSCRIBE")
    statuses = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_config, "ENFORCE_UID_CONFORMANCE", False)
        for uid in ("../../../etc/x", "..", "1.2/3", derive_uid("fine")):
            ds.SOPInstanceUID = pydicom.uid.UID(uid, validation_mode=pydicom.config.IGNORE)
            statuses.append(assoc.send_c_store(ds).get("Status"))
    assoc.release()
    assert statuses[-1] == 0x0000
    assert all(s is None or s >= 0xA900 or s in (0x0106, 0x0117) for s in statuses[:-1])
    assert len(list(station.folder.rglob("*.dcm"))) == 1


def test_a_passing_trouble_is_tried_again_and_a_lasting_one_is_given_up(
    make_station: MakeStation, study_folder: Path, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_RETRY_S", 0.1)
    station = make_station(read={"num_tries": 3})
    station.worker.answer = Answer(problem="no memory left", is_passing=True)
    _push(station, study_folder, tools)
    tools.wait_until(lambda: station.states() == ["failed"])
    assert len(station.worker.jobs) == 3
    station.worker.answer = None
    station.stop()
    db = sqlite3.connect(station.folder / "state.sqlite")
    db.execute("UPDATE study SET state = 'reading', num_tries = 1, read_digest = NULL")
    db.commit()
    db.close()
    station.start()
    tools.wait_until(station.all_sent)
    assert len(station.worker.jobs) == 4


def test_a_listener_that_can_no_longer_read_ends_instead_of_taking_studies(
    make_station: MakeStation, study_folder: Path, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = make_station()
    monkeypatch.setattr(station.worker, "read", lambda job: 1 / 0)
    _push(station, study_folder, tools)
    tools.wait_until(lambda: station.error is not None)
    assert isinstance(station.error, ZeroDivisionError)
    with pytest.raises(PeerError):
        open_peer(station.site, station.peer).echo()


@pytest.mark.parametrize("character_set", ["GB18030", "GBK"])
def test_results_in_the_character_set_of_the_site(
    make_station: MakeStation, orthanc: Any, study_folder: Path, tools: Any, tmp_path: Path, character_set: str
) -> None:
    station = make_station(character_set=character_set)
    _push(station, study_folder, tools)
    tools.wait_until(station.all_sent)
    (job,) = station.worker.jobs
    there = {r[0]: station.folder / r[1] for r in station.rows("SELECT sop_uid, path FROM outgoing")}
    assert orthanc.sop_uids() == sorted(there)
    for path in there.values():
        ds = pydicom.dcmread(path)
        assert ds.SpecificCharacterSet == character_set
        assert ds.PatientName == "PHANTOM^CHEST=幻影^胸"
        if ds.Modality in ("SR", "SEG"):
            name = f"{ds.Modality.lower()}.dcm"
            if path.name == name:
                shutil.copy(path, tmp_path / name)
    ours, sent = open_results(job.out).report, open_results(tmp_path).report
    assert [s.text for s in sent.statements] == [s.text for s in ours.statements]
    assert sent.findings == ours.findings
