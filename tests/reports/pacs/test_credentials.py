"""Secrets from the environment and from a keyring, as password and as bearer token: they arrive, and nowhere else."""

from __future__ import annotations

import base64
import logging
import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import keyring
import keyring.backends.fail
import keyring.backends.null
import pytest
import yaml
from keyrings.alt.file import PlaintextKeyring

from tomoscribe.core.errors import ConfigError, PeerError
from tomoscribe.reports.pacs.peers import open_peer
from tomoscribe.reports.site import DicomWeb, Peer, Secret, Site, Tls

TOKEN, SERVICE = "kept-secret-7c1f", "tomoscribe-test"


@dataclass
class Guarded:
    """A DICOMweb server that answers only who shows one Authorization header; what was shown to it."""

    expected: str
    location: str | None = None
    shown: list[str | None] = field(default_factory=list)
    port: int = 0

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.shown.append(handler.headers.get("Authorization"))
        if self.location is not None:
            handler.send_response(302)
            handler.send_header("Location", self.location)
        else:
            handler.send_response(200 if self.shown[-1] == self.expected else 401)
        handler.send_header("Content-Type", "application/dicom+json")
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"[]")


@contextmanager
def _serving(guarded: Guarded, tls: ssl.SSLContext | None = None) -> Iterator[Guarded]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            guarded.answer(self)

        def log_message(self, *arguments: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    guarded.port = server.server_port
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield guarded
    finally:
        server.shutdown()
        server.server_close()


def _peer(guarded: Guarded, secret: Secret | None, user: str | None = None) -> Peer:
    web = DicomWeb(url=f"http://127.0.0.1:{guarded.port}/dw", user=user, secret=secret)
    return Peer(name="guarded", dicomweb=web, timeout_s=5, num_tries=1)


@pytest.fixture
def in_keyring(tmp_path: Path) -> Iterator[Callable[[str, str], None]]:
    """A keyring in a file of the test's own; the function puts a secret into it."""
    before, ring = keyring.get_keyring(), PlaintextKeyring()
    ring.file_path = str(tmp_path / "keyring.cfg")
    keyring.set_keyring(ring)
    yield lambda user, value: keyring.set_password(SERVICE, user, value)
    keyring.set_keyring(before)


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("user", "expected"), [(None, f"Bearer {TOKEN}"), ("reader", _basic("reader", TOKEN))], ids=["token", "password"]
)
@pytest.mark.parametrize("place", ["keyring", "variable"])
def test_the_secret_arrives(
    in_keyring: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch, place: str, user: str | None, expected: str
) -> None:
    in_keyring(user or "token", TOKEN)
    monkeypatch.setenv("TEST_SECRET", TOKEN)
    secret = Secret(keyring=SERVICE) if place == "keyring" else Secret(variable="TEST_SECRET")
    with _serving(Guarded(expected)) as guarded:
        assert open_peer(Site(), _peer(guarded, secret, user)).echo() == "QIDO-RS answered"
    assert guarded.shown == [expected]


def test_a_wrong_or_missing_secret_is_said_and_not_shown(
    in_keyring: Callable[[str, str], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    in_keyring("token", "wrong-" + TOKEN)
    with _serving(Guarded(f"Bearer {TOKEN}")) as guarded:
        for secret, words in ((Secret(keyring=SERVICE), "the user or secret is wrong"), (None, "HTTP 401")):
            with pytest.raises(PeerError, match=words) as error:
                open_peer(Site(), _peer(guarded, secret)).echo()
            assert TOKEN not in str(error.value)
    assert TOKEN not in caplog.text
    with pytest.raises(ConfigError, match=f"keyring set {SERVICE} nobody"):
        open_peer(Site(), _peer(guarded, Secret(keyring=SERVICE), "nobody"))


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        (keyring.backends.null.Keyring, "found none"),
        (keyring.backends.fail.Keyring, "cannot be read.*or use 'variable'"),
    ],
    ids=["null", "fail"],
)
def test_a_machine_without_a_keyring(in_keyring: Any, backend: Any, words: str) -> None:
    keyring.set_keyring(backend())
    with pytest.raises(ConfigError, match=words):
        open_peer(Site(), _peer(Guarded(""), Secret(keyring=SERVICE)))


def test_a_redirect_does_not_carry_the_secret_to_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SECRET", TOKEN)
    with _serving(Guarded("")) as thief:
        location = f"http://127.0.0.1:{thief.port}/dw/studies"
        with _serving(Guarded("", location)) as guarded, pytest.raises(PeerError):
            open_peer(Site(), _peer(guarded, Secret(variable="TEST_SECRET"))).echo()
    assert guarded.shown == [f"Bearer {TOKEN}"]
    assert not [shown for shown in thief.shown if shown and TOKEN in shown]


def test_https_is_checked_against_the_named_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    for name in ("own", "stranger"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(tmp_path / f"{name}.key"),
             "-out", str(tmp_path / f"{name}.pem")],
            check=True, capture_output=True,
        )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem", tmp_path / "own.key")
    monkeypatch.setenv("TEST_SECRET", TOKEN)
    secret = Secret(variable="TEST_SECRET")
    with _serving(Guarded(f"Bearer {TOKEN}"), context) as guarded:
        peer = _peer(guarded, secret)
        web = replace(DicomWeb(url=f"https://127.0.0.1:{guarded.port}/dw", secret=secret), tls=Tls())
        for tls, is_good in (
            (Tls(ca=str(tmp_path / "own.pem")), True),
            (Tls(ca=str(tmp_path / "stranger.pem")), False),
            (Tls(), False),
            (Tls(verify=False), True),
        ):
            client = open_peer(Site(), replace(peer, dicomweb=replace(web, tls=tls)))
            if is_good:
                assert client.echo() == "QIDO-RS answered"
            else:
                with pytest.raises(PeerError, match="cannot be reached"):
                    client.echo()
    assert guarded.shown == [f"Bearer {TOKEN}"] * 2


def test_a_real_pacs_takes_the_password_of_the_keyring(orthanc: Any, tmp_path: Path, tools: Any) -> None:
    """As a user does it: ``keyring set``, the site file names the service, ``config check`` in a process of its own."""
    data = tools.site_data(orthanc, tmp_path)
    web = data["peers"][1]
    web["dicomweb"]["secret"] = {"keyring": SERVICE}
    site_file = tmp_path / "site.yaml"
    site_file.write_text(yaml.safe_dump({"peers": [web]}))
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    environment = {**os.environ, **home, "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring"}

    def call(*words: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *words], input=typed, env=environment, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip

    check = ("tomoscribe.cli", "config", "check", "--site", str(site_file))
    missing = call(*check)
    assert missing.returncode == 9
    assert f"keyring set {SERVICE} {web['dicomweb']['user']}" in missing.stdout
    typed = call("keyring", "set", SERVICE, web["dicomweb"]["user"], typed="only-for-tests\n")
    assert typed.returncode == 0, typed.stderr
    good = call(*check)
    assert (good.returncode, "ok    peer web: QIDO-RS answered" in good.stdout) == (0, True), good.stdout
