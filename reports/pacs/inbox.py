"""The listener's inbox: an object is in its place and in the state, both on the disk, before it is acknowledged."""

from __future__ import annotations

import hashlib
import logging
import shutil
import threading
import time
from pathlib import Path

from tomoscribe.core.errors import TomoscribeError
from tomoscribe.reports.pacs.auditing import Arrivals
from tomoscribe.reports.pacs.intake import Intake, StreamedFile
from tomoscribe.reports.pacs.landing import Header, move_into_place, read_header
from tomoscribe.reports.pacs.state import Received, State
from tomoscribe.reports.pacs.uids import digest_of, hashed_name
from tomoscribe.reports.site import Keep, Read

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
_INBOX, _OWN = "inbox", "own"
_log = logging.getLogger(__name__)


class Inbox:
    """Takes objects, keeps them by study, and says what of a study is to be read.

    Args:
        folder: of the listener; ``inbox/STUDY/OBJECT.dcm`` below it, both names hashed, ``own/`` for results of ours
            that come back.
        incoming: for files on their way, on the same disk.
    """

    def __init__(self, folder: Path, incoming: Path, state: State, keep: Keep, read: Read) -> None:
        self._folder, self._incoming, self._state = folder, incoming, state
        self._keep, self._read = keep, read
        self._placing, self._arrivals = threading.Lock(), Arrivals()
        self._num_bytes = state.num_bytes()

    def intake(self, timeout_s: float) -> Intake:
        """What a connection may write."""
        return Intake(folder=self._incoming, max_object_bytes=int(self._keep.max_object_mb * 1e6), timeout_s=timeout_s)

    def study_folder(self, study_uid: str) -> Path:
        """Where the objects of a study lie that may be read."""
        return self._folder / _INBOX / hashed_name(study_uid)

    def path_of(self, item: Received) -> Path:
        """Where an object lies."""
        place = _OWN if item.is_own else _INBOX
        return self._folder / place / hashed_name(item.study_uid) / f"{hashed_name(item.sop_uid)}.dcm"

    def take(self, file: StreamedFile, sop_class_uid: str, sop_uid: str, caller: str) -> int:
        """Keeps what a caller sent under that class and UID; the status to answer with."""
        try:
            return self._take(file, sop_class_uid, sop_uid, caller)
        except OSError as error:
            _log.error("an object was refused: %s", error.strerror)
        except TomoscribeError as error:
            _log.error("an object was refused: %s", error.what)
        return OUT_OF_RESOURCES

    def _take(self, file: StreamedFile, sop_class_uid: str, sop_uid: str, caller: str) -> int:
        file.finish()
        if file.problem is not None:
            _log.error("an object was refused: %s", file.problem)
            return OUT_OF_RESOURCES
        header = read_header(Path(file.name))
        if header is None:
            _log.warning("an object was refused: it is no DICOM object with valid UIDs")
            return CANNOT_UNDERSTAND
        if (header.sop_class_uid, header.sop_uid) != (sop_class_uid, sop_uid):
            _log.warning("an object was refused: it is another one than was announced")
            return DOES_NOT_MATCH
        self._arrivals.note(caller, header.study_uid, Path(file.name))
        with self._placing:
            return self._place(file, header)

    def _place(self, file: StreamedFile, header: Header) -> int:
        item = self._item(header, file.sha256, Path(file.name).stat())
        target = self.path_of(item)
        before = self._state.received(item.study_uid, item.sop_uid)
        if before is not None and before.sha256 == item.sha256 and target.is_file():
            return SUCCESS
        if not self._has_room(item.num_bytes):
            return OUT_OF_RESOURCES
        move_into_place(Path(file.name), target)
        self._note(item, before)
        return SUCCESS

    def _note(self, item: Received, before: Received | None) -> None:
        self._state.add_received(item, time.time(), reopens=self._reopens(item))
        self._num_bytes += item.num_bytes - (0 if before is None else before.num_bytes)
        if before is not None and before.is_own != item.is_own:
            self.path_of(before).unlink(missing_ok=True)

    def _item(self, header: Header, sha256: str, stat: object) -> Received:
        return Received(
            study_uid=header.study_uid,
            sop_uid=header.sop_uid,
            series_uid=header.series_uid,
            sop_class_uid=header.sop_class_uid,
            modality=header.modality,
            is_own=header.is_own or self._state.was_sent(header.sop_uid),
            sha256=sha256,
            num_bytes=int(getattr(stat, "st_size", 0)),
            mtime_ns=int(getattr(stat, "st_mtime_ns", 0)),
        )

    def _reopens(self, item: Received) -> bool:
        """Only images of the modalities that are read, and never what this software made."""
        return not item.is_own and item.modality in self._read.modalities

    def _has_room(self, num_bytes: int) -> bool:
        """Whether the object fits; it lies on the disk already, in the folder for incoming files."""
        if self._num_bytes + num_bytes > self._keep.max_gb * 1e9:
            _log.error("an object was refused: the inbox holds %.1f GB, its limit", self._num_bytes / 1e9)
            return False
        free = shutil.disk_usage(self._folder).free
        if free < self._keep.min_free_gb * 1e9:
            _log.error("an object was refused: only %.1f GB are free on the disk", free / 1e9)
            return False
        return True

    def digest(self, study_uid: str) -> str | None:
        """Of everything of a study that may be read; None where there is nothing."""
        images = [(o.sop_uid, o.sha256) for o in self._state.objects(study_uid) if self._reopens(o)]
        return digest_of(images) if images else None

    def remove_expired(self, now: float, results: Path) -> int:
        """Deletes studies past their days, files first; how many."""
        before = now - self._keep.days * 86400
        count = 0
        for study_uid in self._state.expired(before):
            name = hashed_name(study_uid)
            with self._placing:
                if study_uid not in self._state.expired(before):
                    continue
                freed = sum(o.num_bytes for o in self._state.objects(study_uid))
                for place in (self._folder / _INBOX / name, self._folder / _OWN / name, results / name):
                    shutil.rmtree(place, ignore_errors=True)
                count += self._state.forget(study_uid, before)
                self._num_bytes -= freed
        return count

    def reconcile(self) -> None:
        """After a start: notes objects that a killed run had put in their place and not noted yet."""
        known = {self.path_of(item): item for item in self._state.all_received()}
        found = [p for place in (_INBOX, _OWN) for p in (self._folder / place).glob("*/*.dcm")]
        for path in found:
            stat, item = path.stat(), known.get(path)
            if item is not None and (item.num_bytes, item.mtime_ns) == (stat.st_size, stat.st_mtime_ns):
                continue
            header = read_header(path)
            if header is None:
                _log.error("a file of the inbox is damaged and left out: %s", path.name)
                continue
            self._note(self._item(header, _sha256(path), stat), item)
        lost = set(known) - set(found)
        if lost:
            _log.error("%d objects are noted in the state, but their files are gone", len(lost))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
