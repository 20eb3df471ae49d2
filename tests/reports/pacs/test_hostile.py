"""Peers that send garbage, too much, too slowly or endlessly: a clear message, nothing kept, and service goes on."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from pynetdicom import build_context

from tomoscribe.core.errors import ConfigError, PeerError
from tomoscribe.reports.pacs import http_io
from tomoscribe.reports.pacs.errors import RefusedByPeerError
from tomoscribe.reports.pacs.peers import open_peer
from tomoscribe.reports.pacs.pull import pull_study
from tomoscribe.reports.pacs.push import push_files
from tomoscribe.reports.site import DicomWeb, Dimse, Peer, Site, Tls

STUDY, SERIES, SOP = "1.2.3", "1.2.3.4", "1.2.3.4.5"


@contextmanager
def _tcp_server(answer: bytes | None) -> Iterator[int]:
    """Answers every connection with the same bytes, or with nothing, and reads on."""
    server = socket.create_server(("127.0.0.1", 0))

    def talk(client: socket.socket) -> None:
        with client:
            if answer is not None:
                client.recv(65536)
                client.sendall(answer)
            while client.recv(65536):
                pass

    def accept() -> None:
        try:
            while True:
                threading.Thread(target=talk, args=(server.accept()[0],), daemon=True).start()
        except OSError:
            return

    threading.Thread(target=accept, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


def _dimse(port: int, timeout_s: float = 0.5) -> Peer:
    dimse = Dimse(ae_title="X", host="127.0.0.1", port=port)
    return Peer(name="bad", dimse=dimse, timeout_s=timeout_s, num_tries=2, backoff_s=0.01)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10,
        b"\x02\x00" + struct.pack(">L", 0xFFFFFFF0) + b"x" * 100,
        b"\x00" * 64,
    ],
    ids=["silent", "http", "huge PDU", "zeros"],
)
def test_a_dimse_peer_that_is_none(answer: bytes | None) -> None:
    with _tcp_server(answer) as port, pytest.raises(PeerError, match="peer 'bad' cannot be reached"):
        open_peer(Site(), _dimse(port)).echo()


class _Web(BaseHTTPRequestHandler):
    """What the test's table says for a path; counts requests."""

    def do_GET(self) -> None:
        server: Any = self.server
        server.count += 1
        status, kind, body = server.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        try:
            for piece in body:
                self.wfile.write(piece)
        except OSError:
            return

    def log_message(self, *arguments: Any) -> None:
        """Silent."""


@contextmanager
def _web(answer: Callable[[str], tuple[int, str, Any]]) -> Iterator[tuple[Peer, Any]]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    server.answer, server.count = answer, 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    web = DicomWeb(url=f"http://127.0.0.1:{server.server_port}/dw")
    yield Peer(name="bad", dicomweb=web, timeout_s=0.5, num_tries=2, backoff_s=0.01), server
    server.shutdown()
    server.server_close()


def _row(sop: str = SOP) -> str:
    values = {"00080018": sop, "0020000E": SERIES, "0020000D": STUDY}
    return "{" + ",".join(f'"{t}": {{"vr": "UI", "Value": ["{v}"]}}' for t, v in values.items()) + "}"


def _endless() -> Iterator[bytes]:
    while True:
        yield b"[" * 65536


@pytest.mark.parametrize(
    ("answer", "words", "num_requests"),
    [
        ((200, "application/json", [b"{]"]), "not JSON", 2),
        ((200, "application/json", [b'[1, "x", null]']), "no such study", 1),
        ((503, "text/plain", [b""]), "HTTP 503", 2),
        ((403, "text/plain", [b""]), "HTTP 403, this user may not", 1),
        ((404, "text/plain", [b""]), "HTTP 404", 1),
        ((200, "application/json", _endless()), "endless answer", 2),
    ],
)
def test_a_dicomweb_peer_that_answers_nonsense(
    answer: Any, words: str, num_requests: int, tmp_path: Path, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_io, "MAX_ANSWER_BYTES", 1 << 20)
    with _web(lambda path: answer) as (peer, server):
        with pytest.raises(Exception, match=words):
            pull_study(Site(), peer, STUDY, tmp_path / "out", tools.quiet)
        assert server.count == num_requests
    assert not list((tmp_path / "out").rglob("*.dcm")) if (tmp_path / "out").exists() else True


@pytest.mark.parametrize(
    "body",
    [
        [b"--b\r\nContent-Type: application/dicom\r\n\r\n" + b"x" * 1000],
        [b"--b\r\n\r\nno dicom\r\n--b--"],
        [b"no part at all"],
        [b"--b\r\n" + b"h" * 100_000],
        _endless(),
    ],
    ids=["cut off", "no DICOM", "no part", "endless header", "endless body"],
)
def test_a_dicomweb_peer_that_sends_no_object(body: Any, tmp_path: Path, tools: Any) -> None:
    def answer(path: str) -> tuple[int, str, Any]:
        if "/instances/" in path:
            return 200, 'multipart/related; type="application/dicom"; boundary=b', body
        return 200, "application/json", [f"[{_row()}]".encode()]

    site = Site(keep=replace(Site().keep, max_object_mb=1.0))
    with _web(answer) as (peer, _), pytest.raises(Exception, match=r"peer 'bad' sent|larger than"):
        pull_study(site, peer, STUDY, tmp_path / "out", tools.quiet)
    assert not list((tmp_path / "out").rglob("*"))


def test_uids_of_a_peer_never_name_a_path_outside(tmp_path: Path, tools: Any) -> None:
    rows = [_row(f"../../{n}") for n in range(3)] + [_row("/etc/passwd"), _row("..")]
    with _web(lambda path: (200, "application/json", [f"[{','.join(rows)}]".encode()])) as (peer, _):
        assert open_peer(Site(), peer).instances(STUDY) == []


def test_a_dicomweb_peer_that_is_slow_or_not_there(tools: Any) -> None:
    with _tcp_server(None) as port:
        slow = Peer(name="bad", dicomweb=DicomWeb(url=f"http://127.0.0.1:{port}"), timeout_s=0.3, num_tries=1)
        with pytest.raises(PeerError, match=r"no answer within 0\.3 s"):
            open_peer(Site(), slow).echo()
    gone = replace(slow, dicomweb=DicomWeb(url=f"http://127.0.0.1:{tools.free_port()}"))
    with pytest.raises(PeerError, match="no connection"):
        open_peer(Site(), gone).echo()


def _raw(port: int, data: bytes, wait_s: float = 3.0) -> bytes:
    """What a listener answers to some bytes before it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait_s) as client:
        client.sendall(data)
        answer = b""
        try:
            while piece := client.recv(4096):
                answer += piece
        except OSError:
            pass
        return answer


def test_garbage_and_oversized_messages_do_not_harm_the_listener(
    make_station: Any, study_folder: Path, tools: Any
) -> None:
    station = make_station(listen={"timeout_s": 2.0})
    port = station.site.listening().port
    before = psutil.Process().memory_info().rss
    _raw(port, b"GET / HTTP/1.1\r\n\r\n")
    _raw(port, b"\x01\x00" + struct.pack(">L", 0xFFFFFFFF) + b"\x00" * 2_000_000)
    _raw(port, b"\x01\x00" + struct.pack(">L", 200) + b"\xff" * 200)
    _raw(port, b"\x04\x00" + struct.pack(">L", 0) * 50)
    with socket.create_connection(("127.0.0.1", port)):
        assert open_peer(station.site, station.peer).echo() == "C-ECHO answered"
    _endless_message(station)
    assert psutil.Process().memory_info().rss - before < 100e6
    assert push_files(station.site, station.peer, study_folder, tools.quiet).num_sent == 40
    assert station.rows("SELECT COUNT(*) FROM object") == [(40,)]


def _endless_message(station: Any) -> None:
    """A command set that never ends, over an association that was let in."""
    from pynetdicom import AE
    from pynetdicom.pdu_primitives import P_DATA
    from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

    ae = AE(ae_title="TOMOSCRIBE")
    ae.add_requested_context(Verification)
    assoc = ae.associate("127.0.0.1", station.site.listening().port, ae_title="TOMOSCRIBE")
    assert assoc.is_established
    for _ in range(100):
        primitive = P_DATA()
        primitive.presentation_data_value_list = [[1, b"\x01" + b"\x00" * 100_000]]
        assoc.dul.send_pdu(primitive)
        if not assoc.is_established:
            break
    tools_wait(lambda: not assoc.is_established)


def tools_wait(condition: Callable[[], bool]) -> None:
    for _ in range(200):
        if condition():
            return
        threading.Event().wait(0.05)
    raise AssertionError("the association was not ended")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a self-signed certificate of 127.0.0.1, and those of a stranger."""
    import shutil
    import subprocess

    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    for name in ("station", "stranger"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(folder / f"{name}.key"),
             "-out", str(folder / f"{name}.pem")],
            check=True, capture_output=True,
        )  # fmt: skip
    return folder


def test_tls_both_ways_checked(make_station: Any, study_folder: Path, tools: Any, certificates: Path) -> None:
    own = {"certificate": str(certificates / "station.pem"), "key": str(certificates / "station.key")}
    station = make_station(listen={"tls": {**own, "ca": own["certificate"]}})
    dimse = station.peer.dimse

    def peer(tls: Tls | None) -> Peer:
        return replace(station.peer, dimse=replace(dimse, tls=tls), num_tries=1, timeout_s=3)

    good = Tls(ca=own["certificate"], certificate=own["certificate"], key=own["key"])
    silent = socket.create_connection(("127.0.0.1", station.site.listening().port))
    assert push_files(station.site, replace(peer(good), timeout_s=10), study_folder, tools.quiet).num_sent == 40
    silent.close()
    stranger = str(certificates / "stranger.pem")
    wrong = [
        None,
        Tls(ca=stranger, certificate=own["certificate"], key=own["key"]),
        Tls(ca=own["certificate"]),
        Tls(ca=own["certificate"], certificate=stranger, key=str(certificates / "stranger.key")),
    ]
    for tls in wrong:
        with pytest.raises(PeerError, match="cannot be reached"):
            open_peer(station.site, peer(tls)).echo()
    with pytest.raises(ConfigError, match="TLS file"):
        open_peer(station.site, peer(Tls(ca="/nowhere.pem")))


def test_a_busy_or_refusing_store(study_folder: Path, tools: Any) -> None:
    """A store that answers A700 twice and one that refuses a class: retried, and said."""
    from pynetdicom import AE, evt
    from pynetdicom.sop_class import CTImageStorage  # type: ignore[attr-defined]

    statuses = [0xA700, 0xA700]
    ae = AE(ae_title="X")
    ae.add_supported_context(CTImageStorage, ["1.2.840.10008.1.2"])
    handler = (evt.EVT_C_STORE, lambda event: statuses.pop() if statuses else 0x0000)
    server: Any = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[handler])
    peer = _dimse(server.server_address[1], timeout_s=5)
    peer = replace(peer, num_tries=4)
    assert push_files(Site(), peer, study_folder, tools.quiet).num_sent == 40
    statuses += [0xC123]
    with pytest.raises(RefusedByPeerError, match="refused 1 of 40 objects, first with: status C123"):
        push_files(Site(), peer, study_folder, tools.quiet)
    server.shutdown()


def test_another_object_than_the_one_asked_for_is_not_kept(study_folder: Path, tmp_path: Path, tools: Any) -> None:
    other = (study_folder / "0001.dcm").read_bytes()
    part = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + other + b"\r\n--b--\r\n"

    def answer(path: str) -> tuple[int, str, Any]:
        if "/instances/" in path:
            return 200, 'multipart/related; type="application/dicom"; boundary=b', [part]
        return 200, "application/json", [f"[{_row()}]".encode()]

    with _web(answer) as (peer, _), pytest.raises(PeerError, match="another object than the one asked for"):
        pull_study(Site(), peer, STUDY, tmp_path / "out", tools.quiet)
    assert not list((tmp_path / "out").rglob("*"))


def test_an_answer_is_kept_for_the_request_that_waits_for_it(make_station: Any) -> None:
    """The library's reactor asks without blocking; while a request waits, it gets nothing."""
    from tomoscribe.reports.pacs.association import entity
    from tomoscribe.reports.pacs.intake import Intake, guard_handler

    station = make_station()
    intake = Intake(folder=station.folder, max_object_bytes=0, timeout_s=5)
    assoc = entity("TOMOSCRIBE", 5).associate(
        "127.0.0.1",
        station.site.listening().port,
        ae_title="TOMOSCRIBE",
        contexts=[build_context("1.2.840.10008.1.1")],
        evt_handlers=[guard_handler(intake)],
    )
    assoc._reactor_checkpoint.clear()
    assoc.dimse.msg_queue.put((1, "answer"))
    assert assoc.dimse.get_msg(block=False) == (None, None)
    assert assoc.dimse.get_msg(block=True) == (1, "answer")
    assoc._reactor_checkpoint.set()
    assoc.release()
