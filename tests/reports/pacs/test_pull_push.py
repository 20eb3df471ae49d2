"""Push to and pull from a real Orthanc, over DIMSE and DICOMweb: byte for byte, resumed, and with bad peers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from tomoscribe.core.errors import ConfigError, InputError, OutputError, PeerError
from tomoscribe.reports.pacs.errors import RefusedByPeerError
from tomoscribe.reports.pacs.peers import open_peer
from tomoscribe.reports.pacs.pull import pull_study
from tomoscribe.reports.pacs.push import push_files
from tomoscribe.reports.site import DicomWeb, Retrieve, Secret, Site


def quiet(stage: str, fraction: float) -> None:
    """Progress nobody watches."""


def _files(folder: Path) -> dict[str, pydicom.Dataset]:
    found = [pydicom.dcmread(f) for f in sorted(folder.rglob("*.dcm"))]
    return {ds.SOPInstanceUID: ds for ds in found}


def _with_dimse(site: Site, **change: Any) -> Site:
    peers = [p if p.dimse is None else replace(p, dimse=replace(p.dimse, **change)) for p in site.peers]
    return replace(site, peers=tuple(peers))


@pytest.mark.parametrize("peer", ["dimse", "web"])
def test_a_study_goes_and_comes_back_voxel_for_voxel(
    site: Site, orthanc: Any, study_folder: Path, tmp_path: Path, peer: str
) -> None:
    chosen = site.peer(peer)
    pushed = push_files(site, chosen, study_folder, quiet)
    assert (pushed.num_sent, pushed.num_held, pushed.num_broken) == (40, 0, 0)
    assert len(orthanc.sop_uids()) == 40
    again = push_files(site, chosen, study_folder, quiet)
    assert (again.num_sent, again.num_held) == (0, 40)
    sent = _files(study_folder)
    study = next(iter(sent.values())).StudyInstanceUID
    pulled = pull_study(site, chosen, study, tmp_path / "out", quiet)
    assert (pulled.num_fetched, pulled.num_present) == (40, 0)
    back = _files(tmp_path / "out")
    assert back.keys() == sent.keys()
    for uid, ds in sent.items():
        assert np.array_equal(back[uid].pixel_array, ds.pixel_array)
        assert back[uid].PatientName == "PHANTOM^CHEST=幻影^胸"
        assert back[uid].file_meta.TransferSyntaxUID == ds.file_meta.TransferSyntaxUID
    assert {f.parent.name for f in (tmp_path / "out").rglob("*.dcm")} == {ds.SeriesInstanceUID for ds in sent.values()}
    assert pull_study(site, chosen, study, tmp_path / "out", quiet).num_present == 40


def test_c_move_through_the_port_of_the_listener(site: Site, orthanc: Any, study_folder: Path, tmp_path: Path) -> None:
    site = _with_dimse(site, retrieve=Retrieve.MOVE)
    push_files(site, site.peer("web"), study_folder, quiet)
    sent = _files(study_folder)
    study = next(iter(sent.values())).StudyInstanceUID
    assert pull_study(site, site.peer("dimse"), study, tmp_path / "out", quiet).num_fetched == 40
    assert _files(tmp_path / "out").keys() == sent.keys()


def test_a_pull_goes_on_where_it_stopped_and_mends_what_is_damaged(
    site: Site, orthanc: Any, study_folder: Path, tmp_path: Path
) -> None:
    push_files(site, site.peer("web"), study_folder, quiet)
    study = next(iter(_files(study_folder).values())).StudyInstanceUID
    pull_study(site, site.peer("web"), study, tmp_path / "out", quiet)
    there = sorted((tmp_path / "out").rglob("*.dcm"))
    for path in there[:7]:
        path.unlink()
    there[10].write_bytes(b"half a file")
    (tmp_path / "out" / ".incoming-old").mkdir()
    pulled = pull_study(site, site.peer("dimse"), study, tmp_path / "out", quiet)
    assert (pulled.num_fetched, pulled.num_present) == (8, 32)
    assert len(_files(tmp_path / "out")) == 40
    assert not list((tmp_path / "out").glob(".incoming*"))


@pytest.mark.parametrize("peer", ["dimse", "web"])
def test_studies_are_listed_without_identifiers(site: Site, orthanc: Any, study_folder: Path, peer: str) -> None:
    push_files(site, site.peer(peer), study_folder, quiet)
    client = open_peer(site, site.peer(peer))
    (row,) = client.studies("20310501-20310531", "CT")
    assert (row.date, row.modalities) == ("20310504", "CT")
    assert "PHANTOM" not in str(row)
    assert client.studies("20320101", None) == []


@pytest.mark.parametrize("peer", ["dimse", "web"])
def test_what_cannot_be(site: Site, orthanc: Any, tmp_path: Path, peer: str) -> None:
    with pytest.raises(InputError, match="no such study"):
        pull_study(site, site.peer(peer), "1.2.3.4.5", tmp_path / "out", quiet)
    with pytest.raises(ConfigError, match="Study Instance UID"):
        pull_study(site, site.peer(peer), "../../etc", tmp_path / "out", quiet)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no DICOM object"):
        push_files(site, site.peer(peer), tmp_path / "empty", quiet)
    assert not (tmp_path / "out").exists()


def test_two_pulls_into_one_folder(site: Site, orthanc: Any, study_folder: Path, tmp_path: Path) -> None:
    from tomoscribe.reports.pacs.folders import only_run

    push_files(site, site.peer("web"), study_folder, quiet)
    study = next(iter(_files(study_folder).values())).StudyInstanceUID
    with only_run(tmp_path / "out", "pull"), pytest.raises(OutputError, match="another pull"):
        pull_study(site, site.peer("web"), study, tmp_path / "out", quiet)


def test_refusals_say_what_to_do(site: Site, orthanc: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRONG", "wrong")
    web = site.peer("web")
    assert isinstance(web.dicomweb, DicomWeb)
    wrong = replace(web, dicomweb=replace(web.dicomweb, secret=Secret(variable="WRONG")))
    with pytest.raises(RefusedByPeerError, match="HTTP 401, the user or secret is wrong"):
        open_peer(site, wrong).echo()
    with pytest.raises(ConfigError, match="NOT_SET"):
        open_peer(site, replace(web, dicomweb=replace(web.dicomweb, secret=Secret(variable="NOT_SET"))))
    gone = _with_dimse(site, port=1).peer("dimse")
    with pytest.raises(PeerError, match="cannot be reached"):
        open_peer(site, gone).echo()
    assert open_peer(site, web).echo() == "QIDO-RS answered"
    assert open_peer(site, site.peer("dimse")).echo() == "C-ECHO answered"
