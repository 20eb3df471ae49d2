"""A real Orthanc for each session, on free ports of 127.0.0.1, with its own storage; and a small chest to send."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless

from tomoscribe.encoders.dicom import SyntheticIdentity, write_series
from tomoscribe.reports.site import Site, parse_site

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
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
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
            "quiet_s": 0.6,
            "timeout_s": 10,
        },
        "keep": {"min_free_gb": 0.05},
        "read": {"text": "writer", "device": "cpu"},
        "destinations": ["dimse"],
    }


def quiet(stage: str, fraction: float) -> None:
    """Progress nobody watches."""


def wait_until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
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
