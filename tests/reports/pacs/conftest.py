"""A real Orthanc for each session, on free ports of 127.0.0.1, with its own storage; and a small chest to send."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless

from tomoscribe.encoders.dicom import SyntheticIdentity, read_headers, scan, write_series
from tomoscribe.reports.export import write_results
from tomoscribe.reports.pacs.listener import Listener
from tomoscribe.reports.pacs.worker import Answer, Job, attempt, sr_of
from tomoscribe.reports.site import Dimse, Peer, Site, parse_site

USER, PASSWORD = "tester", "only-for-tests"
PLUGINS = ("/usr/lib/orthanc", "/usr/share/orthanc/plugins", "/usr/local/share/orthanc/plugins")
PASSWORD_VARIABLE = "TOMOSCRIBE_TEST_PASSWORD"

IDENTITY = SyntheticIdentity(
    patient_id="PHANTOM-7", patient_name="PHANTOM^CHEST=幻影^胸", study_date="2031-05-04", accession_number="ACC-1"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Orthanc:
    """One Orthanc process; its storage outlives a restart."""

    folder: Path
    aet: str = "ORTHANC"
    http_port: int = field(default_factory=free_port)
    dicom_port: int = field(default_factory=free_port)
    listener_port: int = field(default_factory=free_port)
    extra: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        plugin = next((p for d in PLUGINS for p in sorted(Path(d).glob("*OrthancDicomWeb.so*"))), None)
        if plugin is None:
            pytest.skip("Orthanc's DICOMweb plugin is not installed: apt-get install orthanc-dicomweb")
        config = {
            "Name": "tests", "StorageDirectory": str(self.folder / "db"), "IndexDirectory": str(self.folder / "db"),
            "Plugins": [str(plugin)], "HttpPort": self.http_port, "DicomPort": self.dicom_port, "DicomAet": self.aet,
            "RemoteAccessAllowed": False, "AuthenticationEnabled": True, "RegisteredUsers": {USER: PASSWORD},
            "DicomModalities": {"listener": {"AET": "TOMOSCRIBE", "Host": "127.0.0.1", "Port": self.listener_port,
                                             "AllowStorageCommitment": True}},
            "DicomAlwaysAllowGet": True, "DicomAlwaysAllowFind": True, "DicomAlwaysAllowMove": True,
            "UnknownSopClassAccepted": True, "StableAge": 1, "DicomScpTimeout": 10, "DicomScuTimeout": 10,
            "DicomThreadsCount": 2, "HttpThreadsCount": 8, "ConcurrentJobs": 2,
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}, **self.extra,
        }  # fmt: skip
        path = self.folder / "orthanc.json"
        path.write_text(json.dumps(config))
        with (self.folder / "orthanc.log").open("ab") as log:
            self.process = subprocess.Popen(["Orthanc", str(path)], stdout=log, stderr=log)
        self._wait()

    def _wait(self) -> None:
        for _ in range(200):
            assert self.process is not None
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "orthanc.log").read_text()[-2000:])
            with contextlib.suppress(OSError):
                self.get("/system")
                return
            time.sleep(0.05)
        raise RuntimeError("Orthanc did not start within 10 s")

    def stop(self, *, kill: bool = False) -> None:
        if self.process is not None:
            (self.process.kill if kill else self.process.terminate)()
            self.process.wait(20)
            self.process = None

    def _request(self, method: str, path: str, data: bytes | None = None) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}", data=data, method=method)
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def get(self, path: str) -> Any:
        return self._request("GET", path)

    def post(self, path: str, body: Any) -> Any:
        return self._request("POST", path, json.dumps(body).encode())

    def clear(self) -> None:
        for patient in self.get("/patients"):
            self._request("DELETE", f"/patients/{patient}")

    def sop_uids(self, study_uid: str | None = None) -> list[str]:
        """Of everything it holds, or of one study."""
        tags = [self.get(f"/instances/{i}/simplified-tags") for i in self.get("/instances")]
        return sorted(t["SOPInstanceUID"] for t in tags if study_uid in (None, t["StudyInstanceUID"]))


@pytest.fixture(scope="session")
def _orthanc_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    if shutil.which("Orthanc") is None:
        pytest.skip("Orthanc is not installed: apt-get install orthanc orthanc-dicomweb")
    server = Orthanc(folder=tmp_path_factory.mktemp("orthanc"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def orthanc(_orthanc_process: Orthanc, monkeypatch: pytest.MonkeyPatch) -> Orthanc:
    """Running and empty."""
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    if _orthanc_process.process is None or _orthanc_process.process.poll() is not None:
        _orthanc_process.start()
    _orthanc_process.clear()
    return _orthanc_process


def peers_of(orthanc: Orthanc, **change: Any) -> list[dict[str, Any]]:
    """The same Orthanc as two peers, ``dimse`` and ``web``; short pauses."""
    common = {"timeout_s": 10, "num_tries": 4, "backoff_s": 0.1, **change}
    return [
        {
            "name": "dimse",
            "dimse": {"ae_title": orthanc.aet, "host": "127.0.0.1", "port": orthanc.dicom_port},
            **common,
        },
        {
            "name": "web",
            "dicomweb": {
                "url": f"http://127.0.0.1:{orthanc.http_port}/dicom-web",
                "user": USER,
                "secret": {"variable": PASSWORD_VARIABLE},
            },
            **common,
        },
    ]


@pytest.fixture
def site(orthanc: Orthanc, tmp_path: Path) -> Site:
    return parse_site(site_data(orthanc, tmp_path), "test")


def site_data(orthanc: Orthanc, folder: Path) -> dict[str, Any]:
    return {
        "peers": peers_of(orthanc),
        "listen": {
            "folder": str(folder / "station"),
            "port": orthanc.listener_port,
            "callers": [{"ae_title": "ORTHANC"}, {"ae_title": "TOMOSCRIBE"}],
            "quiet_s": 1.0,
            "timeout_s": 10,
        },
        "keep": {"min_free_gb": 0.05},
        "read": {"text": "writer", "device": "cpu"},
        "destinations": ["dimse"],
    }


_WRITTEN: dict[str, Path] = {}


@dataclass
class CaseWorker:
    """Stands in for the networks only: writes the real objects of a known reading for what lies in the inbox."""

    case: Any
    cache: Path
    hold: threading.Event = field(default_factory=threading.Event)
    jobs: list[Job] = field(default_factory=list)
    answer: Answer | None = None

    def __post_init__(self) -> None:
        self.hold.set()

    def read(self, job: Job) -> Answer:
        self.jobs.append(job)
        self.hold.wait(20)
        if self.answer is not None:
            return self.answer
        return attempt(lambda: self._write(job))

    def _write(self, job: Job) -> Answer:
        """Writes results once for each number of slices and predecessor, and copies them the next time."""
        study = scan(job.folder)[0]
        headers = read_headers(study.series[0])
        before = sr_of(job.before)
        key = f"{len(headers)} {headers[0].PatientName} {before and before.SOPInstanceUID}"
        if key not in _WRITTEN:
            volume = _first_slices(self.case.volume, len(headers))
            maps = tuple(_first_slices(m, len(headers)) for m in self.case.reading.label_maps)
            uid, out = volume.series.series_uid, self.cache / str(len(_WRITTEN))
            reading = replace(self.case.reading, label_maps=maps)
            write_results(reading, {uid: volume}, {uid: headers}, out, predecessor=before)
            _WRITTEN[key] = out
        shutil.copytree(_WRITTEN[key], job.out, dirs_exist_ok=True)
        return Answer()

    def stop(self) -> None:
        self.hold.set()


def _first_slices(grid: Any, depth: int) -> Any:
    """The lowest slices of a volume or a label map."""
    geometry = replace(grid.geometry, shape=(depth, *grid.geometry.shape[1:]))
    cut: dict[str, Any] = {"array": grid.array[:depth].copy(), "geometry": geometry}
    if hasattr(grid, "series"):
        ref = grid.series
        uids, numbers = ref.instance_uids[:depth], ref.instance_numbers[:depth]
        cut["series"] = replace(ref, instance_uids=uids, instance_numbers=numbers)
    return replace(grid, **cut)


@dataclass
class Station:
    """A listener in a thread of this process."""

    site: Site
    worker: CaseWorker
    listener: Listener | None = None
    thread: threading.Thread | None = None
    error: BaseException | None = None

    def start(self) -> None:
        self.listener = Listener(self.site, self.worker)
        self.thread = threading.Thread(target=self._run, args=(self.listener,), daemon=True)
        self.thread.start()
        wait_until(lambda: self.listener is not None and (self.listener.is_ready.is_set() or self.error), 10)

    def _run(self, listener: Listener) -> None:
        try:
            listener.run()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            self.error = error

    def stop(self) -> None:
        if self.listener is not None and self.thread is not None:
            self.listener.stop()
            self.thread.join(20)
            assert not self.thread.is_alive()

    @property
    def folder(self) -> Path:
        return Path(self.site.listening().folder)

    @property
    def peer(self) -> Peer:
        """The station as a peer to push to."""
        port = self.site.listening().port
        return Peer(
            name="station", dimse=Dimse(ae_title="TOMOSCRIBE", host="127.0.0.1", port=port), timeout_s=10, num_tries=2,
            backoff_s=0.1,
        )  # fmt: skip

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        db = sqlite3.connect(self.folder / "state.sqlite", timeout=10)
        try:
            return db.execute(query).fetchall()
        finally:
            db.close()

    def states(self) -> list[str]:
        return [r[0] for r in self.rows("SELECT state FROM study")]

    def results(self) -> list[str]:
        """SOP Instance UIDs of all objects of all readings that are on the disk."""
        files = [f for job in self.worker.jobs for f in job.out.rglob("*.dcm")]
        return sorted({str(pydicom.dcmread(f, stop_before_pixels=True).SOPInstanceUID) for f in files})

    def all_sent(self) -> bool:
        """Whether nothing is read or waits to be sent, and something was sent."""
        waiting = self.rows("SELECT 1 FROM outgoing WHERE state != 'sent'")
        busy = self.rows("SELECT 1 FROM study WHERE state IN ('receiving', 'reading')")
        return bool(self.rows("SELECT 1 FROM outgoing")) and not waiting and not busy

    def sent(self) -> list[str]:
        return [r[0] for r in self.rows("SELECT sop_uid FROM outgoing WHERE state = 'sent'")]


@pytest.fixture(scope="session")
def results_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of known readings, each written once."""
    return tmp_path_factory.mktemp("written")


@pytest.fixture
def make_station(orthanc: Orthanc, tmp_path: Path, case: Any, results_cache: Path) -> Iterator[Callable[..., Station]]:
    """Starts listeners with parts of the site file changed; all are stopped at the end."""
    stations: list[Station] = []

    def make(worker: Any = None, **change: Any) -> Station:
        data = site_data(orthanc, tmp_path)
        for name, part in change.items():
            data[name] = {**data[name], **part} if isinstance(part, dict) else part
        station = Station(site=parse_site(data, "test"), worker=worker or CaseWorker(case, results_cache))
        station.start()
        stations.append(station)
        if station.error is not None:
            raise station.error
        return station

    yield make
    for station in stations:
        station.stop()


class DroppingProxy:
    """Passes TCP on to a port, and cuts each of the first connections after so many bytes from the client."""

    def __init__(self, target_port: int, cut_after: list[int]) -> None:
        self.cuts = list(cut_after)
        self.num_connections = 0
        self._target = target_port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self.num_connections += 1
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    client.close()
                    continue
                limit = self.cuts.pop(0) if self.cuts else None
                threading.Thread(target=self._pump, args=(client, server, limit), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, None), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket, limit: int | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                target.sendall(data)
                passed += len(data)
                if limit is not None and passed >= limit:
                    break
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self._server.close()


def quiet(stage: str, fraction: float) -> None:
    """Progress nobody watches."""


def wait_until(condition: Callable[[], Any], seconds: float = 120.0) -> Any:
    """The condition's first true value; fails after some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"still not so after {seconds} s")


@pytest.fixture(scope="session")
def study_folder(case: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One study of a chest: 40 slices of 62 x 80, half of them explicit little endian, half JPEG-LS."""
    plain, packed, folder = (tmp_path_factory.mktemp(n) for n in ("plain", "packed", "study"))
    write_series(case.volume, plain, identity=IDENTITY, transfer_syntax=ExplicitVRLittleEndian)
    write_series(case.volume, packed, identity=IDENTITY, transfer_syntax=JPEGLSLossless)
    for n in range(1, 41):
        name = f"{n:04d}.dcm"
        shutil.copy((plain if n % 2 else packed) / name, folder / name)
    return folder


@pytest.fixture
def tools() -> Any:
    """Helpers of this file, for test modules, which cannot import it."""
    return SimpleNamespace(
        quiet=quiet, wait_until=wait_until, DroppingProxy=DroppingProxy, CaseWorker=CaseWorker, free_port=free_port,
        site_data=site_data, Orthanc=Orthanc,
    )  # fmt: skip
