"""What ``tomoscribe bundle`` puts together: wheels, checksums, and scripts that install them without a network."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from urllib.parse import unquote, urlparse

from tomoscribe.cli.offline_scripts import INSTALL_PS1, INSTALL_SH, README
from tomoscribe.core.errors import ConfigError, OutputError, TomoscribeError

NAME = "tomoscribe"


@dataclass(frozen=True, kw_only=True)
class Target:
    """The machine that the bundle is for.

    Args:
        platform: pip's tag, e.g. ``win_amd64`` or ``manylinux_2_28_x86_64``; None for a machine like this one.
        python: ``3.11``, None for this one's.
    """

    platform: str | None = None
    python: str | None = None

    def __post_init__(self) -> None:
        if self.platform is not None and not re.fullmatch(r"[a-z0-9_]+", self.platform):
            raise ConfigError(f"expected --platform as pip names it, e.g. win_amd64, found '{self.platform}'")
        if self.python is not None and not re.fullmatch(r"3\.\d+", self.python):
            raise ConfigError(f"expected --python-version as 3.11, found '{self.python}'")

    @property
    def is_windows(self) -> bool:
        return (self.platform or sys.platform).startswith("win")

    def pip_options(self) -> list[str]:
        """For ``pip download``."""
        options = []
        if self.platform is not None:
            options += ["--platform", self.platform, "--implementation", "cp"]
        if self.python is not None:
            options += ["--python-version", self.python]
        return options

    def python_of(self, environment: PurePath) -> PurePath:
        """The interpreter of a virtual environment on that machine."""
        if self.is_windows:
            return PureWindowsPath(environment) / "Scripts" / "python.exe"
        return PurePosixPath(environment) / "bin" / "python"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """What was put together."""

    folder: Path
    num_wheels: int
    num_bytes: int


def make_bundle(folder: Path, extras: Sequence[str], target: Target, *, own_wheel_only: bool = False) -> Bundle:
    """Downloads every wheel, builds tomoscribe's own, and writes the scripts and checksums beside them.

    Args:
        folder: new or empty.
        own_wheel_only: leaves the dependencies out; for a machine that has them.

    Raises:
        OutputError: the folder holds something, or cannot be written.
        TomoscribeError: a package has no wheel for the target, or cannot be fetched.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError("expected a new or an empty folder", where=str(folder), remedy="choose another one")
    wheels = folder / "wheels"
    try:
        wheels.mkdir(parents=True, exist_ok=True)
        own = own_wheel(wheels)
        if not own_wheel_only:
            _download(wheels, own, extras, target)
        _write_texts(folder, extras, target)
    except OSError as error:
        raise OutputError(f"the bundle cannot be written: {error.strerror or error}", where=str(folder)) from error
    files = [p for p in folder.rglob("*") if p.is_file()]
    return Bundle(
        folder=folder,
        num_wheels=sum(p.suffix == ".whl" for p in files),
        num_bytes=sum(p.stat().st_size for p in files),
    )


def own_wheel(wheels: Path) -> Path:
    """tomoscribe's wheel: built from the checkout it runs from, or put together from its installed files."""
    source = _checkout()
    if source is None:
        return _repacked(wheels)
    _pip("wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(wheels), str(source))
    return next(wheels.glob(f"{NAME}-*.whl"))


def _checkout() -> Path | None:
    """The folder of an editable installation, or the one these sources lie in; None where they are installed."""
    here = Path(__file__).resolve().parent.parent
    if (here / "pyproject.toml").is_file():
        return here
    try:
        found = json.loads(metadata.distribution(NAME).read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return None
    if not found.get("dir_info", {}).get("editable"):
        return None
    return Path(unquote(urlparse(found["url"]).path))


def _repacked(wheels: Path) -> Path:
    """A wheel from the files of the installed distribution, byte for byte, with a record of its own."""
    distribution = metadata.distribution(NAME)
    path = wheels / f"{NAME}-{distribution.version}-py3-none-any.whl"
    information = f"{NAME}-{distribution.version}.dist-info/"
    skipped = {information + n for n in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")}
    rows: list[tuple[str, str, str]] = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(distribution.files or [], key=str):
            name = PurePosixPath(file).as_posix()
            if name in skipped or name.startswith("../") or name.endswith(".pyc"):
                continue
            data = Path(str(distribution.locate_file(file))).read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            archive.writestr(name, data)
            rows.append((name, f"sha256={digest}", str(len(data))))
        record = io.StringIO()
        csv.writer(record, lineterminator="\n").writerows([*rows, (information + "RECORD", "", "")])
        archive.writestr(information + "RECORD", record.getvalue())
    return path


def _download(wheels: Path, own: Path, extras: Sequence[str], target: Target) -> None:
    wanted = f"{NAME}[{','.join(extras)}] @ {own.resolve().as_uri()}" if extras else str(own)
    source = _checkout()
    pins = source / "constraints.txt" if source is not None else None
    constraints = ["-c", str(pins)] if pins is not None and pins.is_file() else []
    _pip("download", "-q", "--only-binary=:all:", "-d", str(wheels), *target.pip_options(), *constraints, wanted)


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise TomoscribeError(
            f"pip could not {arguments[0]} what the bundle needs: {lines[-1] if lines else 'no reason given'}",
            remedy="run it on a machine that reaches a package index and has pip, setuptools and wheel",
        )


def _write_texts(folder: Path, extras: Sequence[str], target: Target) -> None:
    version = metadata.version(NAME)
    python = target.python or f"{sys.version_info.major}.{sys.version_info.minor}"
    values = {
        "@WANTED@": f"{NAME}[{','.join(extras)}]=={version}" if extras else f"{NAME}=={version}",
        "@PYTHON@": python,
        "@PLATFORM@": target.platform or sys.platform,
        "@VERSION@": version,
    }
    scripts = {"install.sh": INSTALL_SH, "install.ps1": INSTALL_PS1, "README.txt": README}
    for name, text in scripts.items():
        for mark, value in values.items():
            text = text.replace(mark, value)
        ending = "\r\n" if name.endswith((".ps1", ".txt")) else "\n"
        (folder / name).write_text(text, encoding="utf-8", newline=ending)
    (folder / "install.sh").chmod(0o755)
    (folder / "weights.json").write_text(json.dumps(_weights(), indent=1) + "\n", encoding="utf-8")
    (folder / "SHA256SUMS").write_text(checksums(folder), encoding="utf-8", newline="\n")


def checksums(folder: Path) -> str:
    """Lines as ``sha256sum`` writes them, for every file of the folder but the list itself."""
    lines = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "SHA256SUMS"):
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.relative_to(folder).as_posix()}\n")
    return "".join(lines)


def _weights() -> list[dict[str, str]]:
    """The weights inside tomoscribe's wheel."""
    import tomoscribe.fusion
    from tomoscribe.encoders.weights import FOLDER, list_weights

    folders = (FOLDER, Path(tomoscribe.fusion.__file__).parent / "weights")
    return [
        {"name": name, "file": entry.file, "sha256": entry.sha256, "licence": entry.licence}
        for folder in folders
        for name, entry in list_weights(folder).items()
    ]
