"""What the site file says holds: label maps where every destination takes them, roles, and what is written down."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import yaml

from tomoscribe.cli.main import main
from tomoscribe.reports.audit import entries, snapshot
from tomoscribe.reports.audit_verify import verify
from tomoscribe.reports.export.seg import read_seg
from tomoscribe.reports.pacs.peers import open_peer
from tomoscribe.reports.pacs.pull import pull_study
from tomoscribe.reports.pacs.push import push_files
from tomoscribe.reports.pacs.unsigned import LABELMAP_SEGMENTATION
from tomoscribe.reports.pacs.worker import Job, read_into
from tomoscribe.reports.site import parse_site

BINARY_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
ME = pwd.getpwuid(os.getuid()).pw_name


class KnownReading:
    """Stands in for the networks only."""

    def __init__(self, case: Any) -> None:
        self._case = case

    def read(self, study: Any) -> Any:
        return self._case.reading

    def volumes(self, study: Any) -> Any:
        return {self._case.volume.series.series_uid: self._case.volume}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOMOSCRIBE_AUDIT", str(tmp_path / "audit"))
    return tmp_path / "audit"


@pytest.mark.parametrize(
    ("takes", "expected"),
    [
        ({"dimse": True, "web": True}, LABELMAP_SEGMENTATION),
        ({"dimse": True, "web": False}, BINARY_SEGMENTATION),
        ({}, BINARY_SEGMENTATION),
    ],
)
def test_organs_are_a_label_map_where_every_destination_takes_it(
    orthanc: Any, study_folder: Path, tmp_path: Path, tools: Any, case: Any, takes: dict[str, bool], expected: str
) -> None:
    data = tools.site_data(orthanc, tmp_path)
    data["destinations"] = ["dimse", "web"]
    data["peers"] = [{**peer, "label_maps": takes.get(peer["name"], False)} for peer in data["peers"]]
    site = parse_site(data, "test")
    study_uid = case.reading.study.study_uid
    job = Job(study_uid=study_uid, folder=study_folder, out=tmp_path / "results")
    assert read_into(job, site, KnownReading(case)).problem is None  # type: ignore[arg-type]
    organs = tmp_path / "results" / "seg_anatomy.dcm"
    assert pydicom.dcmread(organs, stop_before_pixels=True).SOPClassUID == expected
    assert push_files(site, site.peer("dimse"), organs, tools.quiet).num_sent == 1
    pull_study(site, site.peer("web"), study_uid, tmp_path / "back", tools.quiet)
    (back,) = (tmp_path / "back").rglob("*.dcm")
    assert np.array_equal(read_seg(pydicom.dcmread(back)).array, case.reading.label_map("anatomy").array)


def test_config_check_asks_for_label_maps(
    orthanc: Any, tmp_path: Path, tools: Any, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    data = tools.site_data(orthanc, tmp_path)
    data["peers"][0]["label_maps"] = True
    site_file = tmp_path / "site.yaml"
    site_file.write_text(yaml.safe_dump(data))
    assert run("config", "check", "--site", site_file) == 0
    assert "ok    peer dimse, storage of Label Map Segmentation: offered" in capsys.readouterr().out
    strict = tools.Orthanc(folder=tmp_path / "strict", extra={"UnknownSopClassAccepted": False})
    strict.start()
    try:
        data["peers"][0]["dimse"]["port"] = strict.dicom_port
        site_file.write_text(yaml.safe_dump(data))
        code, out = run("config", "check", "--site", site_file), capsys.readouterr().out
    finally:
        strict.stop()
    assert code == 9
    assert "FAULT peer dimse, storage of Label Map Segmentation: not offered to us" in out


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    def call(*words: object) -> int:
        monkeypatch.setattr("sys.argv", ["tomoscribe", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0)

    return call


@pytest.mark.parametrize(
    ("words", "lifecycle"),
    [
        (("pull", "dimse", "--study", "1.2.3", "--out", "OUT"), "receive"),
        (("push", "dimse", "STUDY"), "transmit"),
        (("listen",), "receive"),
    ],
)
def test_who_may_not_operate_is_refused_and_noted(
    store: Path, orthanc: Any, study_folder: Path, tmp_path: Path, tools: Any, run: Callable[..., int],
    words: tuple[str, ...], lifecycle: str, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    data = {**tools.site_data(orthanc, tmp_path), "roles": {"operate": ["somebody-else"]}}
    site_file = tmp_path / "site.yaml"
    site_file.write_text(yaml.safe_dump(data))
    places = {"OUT": str(tmp_path / "out"), "STUDY": str(study_folder)}
    assert run(*(places.get(w, w) for w in words), "--site", site_file) == 2
    assert f"'{ME}' does not have the role 'operate'" in capsys.readouterr().err
    (entry,) = [e for e in entries(snapshot(store)) if e]
    assert (entry["lifecycle"], entry["outcome"], entry["user"]) == (lifecycle, 4, ME)
    assert orthanc.sop_uids() == []
    assert not (tmp_path / "out").exists()


def test_what_comes_and_goes_is_in_the_audit_store(
    store: Path, make_station: Any, orthanc: Any, study_folder: Path, tmp_path: Path, tools: Any
) -> None:
    station = make_station()
    push_files(station.site, station.peer, study_folder, tools.quiet)
    tools.wait_until(lambda: station.all_sent())
    (study_uid,) = {str(pydicom.dcmread(f).StudyInstanceUID) for f in study_folder.glob("*.dcm")}
    pull_study(station.site, station.site.peer("web"), study_uid, tmp_path / "out", tools.quiet)
    num_results = len(station.sent())
    found = [e for e in entries(snapshot(store)) if e]
    assert [(e["process"].split(" [")[0], e["lifecycle"], e["detail"]) for e in found] == [
        ("tomoscribe push", "transmit", "40 objects, peer station"),
        ("tomoscribe listen", "receive", "from caller TOMOSCRIBE"),
        ("tomoscribe listen", "transmit", f"{num_results} objects, peer dimse"),
        ("tomoscribe pull", "receive", f"{num_results} objects, peer web"),
    ]
    assert {(e["study_uid"], e["patient_id"], e["outcome"]) for e in found} == {(study_uid, "PHANTOM-7", 0)}
    assert verify(store) == []


def test_a_store_that_cannot_be_written_takes_nothing_in(
    make_station: Any, study_folder: Path, tools: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender keeps what is not acknowledged, and sends it again when the store is mended."""
    station = make_station()
    (tmp_path / "blocked").write_text("a file where the folder should be")
    monkeypatch.setenv("TOMOSCRIBE_AUDIT", str(tmp_path / "blocked"))
    outcomes: list[Any] = []
    client = open_peer(station.site, replace(station.peer, num_tries=1))
    client.send(sorted(study_folder.glob("*.dcm"))[:3], outcomes.append)
    assert [(o.outcome.value, o.detail) for o in outcomes] == [("busy", "status A700")] * 3
    assert station.states() == []
    monkeypatch.setenv("TOMOSCRIBE_AUDIT", str(tmp_path / "audit"))
    assert push_files(station.site, station.peer, study_folder, tools.quiet).num_sent == 40
