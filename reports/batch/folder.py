"""The output folder of a run: where things lie, and whose it is.

    DIR/STUDY_UID/           report.json, report.html, seg.dcm, sr.dcm, as ``tomoscribe read`` writes them
    DIR/manifest.parquet     one row per series
    DIR/worklist.html
    DIR/.batch/              run.json, journal.jsonl, lock, thumbnails/, staging/, unpacked/

A folder of results comes into being by one rename: it is complete or it is not there.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tomoscribe.core.errors import OutputError
from tomoscribe.reports.batch.journal import unwritable

SCHEMA = "tomoscribe.batch"
SCHEMA_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides the results of a run; a folder holds results of one setting only.

    Args:
        device: ``auto``, ``cpu`` or ``cuda:N``, as it was asked for.
        text: ``decoder`` or ``writer``.
        language, translation: as ``StudyReader`` takes them.
    """

    device: str = "auto"
    text: str = "decoder"
    language: str = "en"
    translation: str | None = None


@dataclass(frozen=True)
class RunFolder:
    """Paths below the output folder of a run."""

    root: Path

    @property
    def inner(self) -> Path:
        return self.root / ".batch"

    @property
    def journal(self) -> Path:
        return self.inner / "journal.jsonl"

    @property
    def lock(self) -> Path:
        return self.inner / "lock"

    @property
    def staging(self) -> Path:
        return self.inner / "staging"

    @property
    def unpacked(self) -> Path:
        return self.inner / "unpacked"

    @property
    def thumbnails(self) -> Path:
        return self.inner / "thumbnails"

    @property
    def manifest(self) -> Path:
        return self.root / "manifest.parquet"

    @property
    def worklist(self) -> Path:
        return self.root / "worklist.html"

    def results(self, name: str) -> Path:
        return self.root / name

    def make(self, export: Path) -> None:
        """Makes the inner folder.

        Raises:
            OutputError: the folder lies in the export or the other way round, holds other things, or is not writable.
        """
        root, source = self.root.resolve(), export.resolve()
        if root == source or source in root.parents or root in source.parents:
            raise OutputError(
                "the output folder and the export must not lie in one another",
                where=str(self.root),
                remedy="choose an output folder beside the export",
            )
        if self.root.is_file():
            raise OutputError("expected a folder, found a file", where=str(self.root), remedy="choose another folder")
        if not self.inner.is_dir() and self.root.is_dir() and any(self.root.iterdir()):
            raise OutputError(
                "the output folder holds files that no batch wrote",
                where=str(self.root),
                remedy="choose an empty or a new folder",
            )
        try:
            self.inner.mkdir(parents=True, exist_ok=True)
            self.inner.chmod(0o700)
        except OSError as error:
            raise unwritable(error) from error

    def claim(self, export: Path, settings: Settings) -> None:
        """Writes ``run.json`` the first time; afterwards the run must be of the same export, settings and software.

        Raises:
            OutputError: it is of another; the message says in what.
        """
        path = self.inner / "run.json"
        wanted = _identity(export, settings)
        if not path.is_file():
            write_atomically(path, (json.dumps(wanted, indent=1, sort_keys=True) + "\n").encode())
            return
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            found = {}
        differences = _differences(found, wanted)
        if differences:
            raise OutputError(
                f"the output folder is of another run: {'; '.join(differences)}",
                where=str(self.root),
                remedy="choose a new output folder, or repeat the run as it was",
            )

    def clear(self) -> None:
        """Removes what a killed run left half-done and makes the folders for the next."""
        for folder in (self.staging, self.unpacked):
            shutil.rmtree(folder, ignore_errors=True)
        try:
            for folder in (self.staging, self.unpacked, self.thumbnails):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(error) from error

    def publish(self, staged: Path, name: str, *, replace: bool) -> bool:
        """Moves complete results to their place with one rename; whoever comes second leaves the first one's there.

        Args:
            replace: results of earlier files make room first.

        Returns:
            Whether it was these results that went there.

        Raises:
            OSError: the disk refuses.
        """
        target = self.results(name)
        if replace and target.is_dir():
            target.rename(staged.with_name(staged.name + ".old"))
        try:
            staged.rename(target)
        except OSError:
            if target.is_dir():
                return False
            raise
        _sync_folder(self.root)
        return True


def write_atomically(path: Path, data: bytes) -> None:
    """A whole file or none: written beside its place, on disk, then renamed.

    Raises:
        OutputError: the disk refuses; the old file is still there.
    """
    handle, name = -1, ""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise unwritable(error) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """So that a rename survives a power cut; not every file system can, Windows not at all."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _identity(export: Path, settings: Settings) -> dict[str, Any]:
    """What makes two runs the same; the export's path only as a hash, because paths may hold names."""
    import tomoscribe.fusion
    from tomoscribe.encoders.weights import FOLDER, list_weights

    folders = (FOLDER, Path(tomoscribe.fusion.__file__).parent / "weights")
    weights = {name: entry.sha256 for folder in folders for name, entry in list_weights(folder).items()}
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "export_sha256": sha256(str(export.resolve()).encode()).hexdigest(),
        "version": version("tomoscribe"),
        "weights": weights,
        "settings": asdict(settings),
    }


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """In words, what differs."""
    if found.get("schema") != SCHEMA or found.get("schema_version") != SCHEMA_VERSION:
        return ["it was not written by this version of tomoscribe batch"]
    words = []
    if found["export_sha256"] != wanted["export_sha256"]:
        words.append("it was made from another export")
    if found["version"] != wanted["version"]:
        words.append(f"it was made by version {found['version']}, this is {wanted['version']}")
    if found["weights"] != wanted["weights"]:
        words.append("it was made with other weights")
    for name, value in wanted["settings"].items():
        before = found["settings"].get(name)
        if before != value:
            words.append(f"it was made with {name} '{before}', now '{value}' is asked for")
    return words
