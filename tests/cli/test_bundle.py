"""The offline bundle: its own wheel installs from the folder alone; a changed file is refused; paths on Windows."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from tomoscribe.cli.offline import Bundle, Target, checksums, make_bundle
from tomoscribe.cli.offline_scripts import INSTALL_PS1
from tomoscribe.core.errors import ConfigError, OutputError


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """tomoscribe's own wheel, without the gigabytes it depends on."""
    return make_bundle(tmp_path_factory.mktemp("bundle") / "offline", (), Target(), own_wheel_only=True)


def _install(bundle: Bundle, target: Path) -> subprocess.CompletedProcess[str]:
    """The script as a user calls it, but for the dependencies; pip may fetch nothing."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"PYTHON": sys.executable, "PIP_NO_DEPS": "1"}
    command = ["sh", str(bundle.folder / "install.sh"), str(target)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_it_installs_from_the_folder_alone(bundle: Bundle, tmp_path: Path) -> None:
    done = _install(bundle, tmp_path / "venv")
    assert done.returncode == 0, done.stderr
    python = str(tmp_path / "venv" / "bin" / "python")
    code = "import importlib.metadata as m; d = m.distribution('tomoscribe'); print(d.locate_file('tomoscribe/cli'))"
    found = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert str(tmp_path / "venv") in found.stdout, found.stderr
    assert Path(found.stdout.strip(), "main.py").is_file()


def test_a_changed_file_is_refused_before_anything_is_installed(bundle: Bundle, tmp_path: Path) -> None:
    readme = bundle.folder / "README.txt"
    before = readme.read_bytes()
    readme.write_bytes(before + b"x")
    done = _install(bundle, tmp_path / "venv")
    readme.write_bytes(before)
    assert done.returncode == 3
    assert "was changed or is missing" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_what_is_in_it(bundle: Bundle) -> None:
    names = {p.relative_to(bundle.folder).as_posix() for p in bundle.folder.rglob("*") if p.is_file()}
    assert {"install.sh", "install.ps1", "README.txt", "weights.json", "SHA256SUMS"} <= names
    assert bundle.num_wheels == 1
    for line in (bundle.folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ", 1)
        assert hashlib.sha256((bundle.folder / name).read_bytes()).hexdigest() == digest
        assert "\\" not in name
    assert checksums(bundle.folder) == (bundle.folder / "SHA256SUMS").read_text()
    weights = json.loads((bundle.folder / "weights.json").read_text())
    assert all(len(w["sha256"]) == 64 for w in weights)
    assert len(weights) >= 3
    assert "@" not in (bundle.folder / "README.txt").read_text()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(OutputError, match="new or an empty folder"):
        make_bundle(tmp_path, (), Target())


def test_paths_and_options_for_windows() -> None:
    windows = Target(platform="win_amd64", python="3.11")
    inside = windows.python_of(PureWindowsPath(r"C:\Program Files\tomoscribe"))
    assert inside == PureWindowsPath(r"C:\Program Files\tomoscribe\Scripts\python.exe")
    assert windows.pip_options() == ["--platform", "win_amd64", "--implementation", "cp", "--python-version", "3.11"]
    linux = Target(platform="manylinux_2_28_x86_64")
    assert linux.python_of(PurePosixPath("/opt/tomoscribe")) == PurePosixPath("/opt/tomoscribe/bin/python")
    assert Target().pip_options() == []


@pytest.mark.parametrize("wrong", [{"platform": "win-amd64; rm"}, {"python": "2.7"}])
def test_a_target_that_pip_does_not_know(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="expected --"):
        Target(**wrong)


def test_the_windows_script_quotes_its_paths_and_fetches_nothing(bundle: Bundle) -> None:
    text = (bundle.folder / "install.ps1").read_bytes()
    assert text.count(b"\r\n") == text.count(b"\n")
    assert r'Join-Path $Target "Scripts\python.exe"' in INSTALL_PS1
    assert "--no-index --find-links $wheels" in INSTALL_PS1
    assert "-LiteralPath" in INSTALL_PS1
    assert "http" not in INSTALL_PS1
