"""Which received study is read when, and what becomes of it."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from tomoscribe.core.errors import TomoscribeError
from tomoscribe.reports.pacs.inbox import Inbox
from tomoscribe.reports.pacs.state import Outgoing, SendState, State, StudyState
from tomoscribe.reports.pacs.uids import hashed_name
from tomoscribe.reports.pacs.unsigned import in_character_set, unsigned_results
from tomoscribe.reports.pacs.worker import Answer, Job, Worker
from tomoscribe.reports.site import Site

_RETRY_S = 30.0
_SENT = "sent"
_log = logging.getLogger(__name__)


class Readings:
    """Reads one study after the other.

    Args:
        results: folder of the listener for ``STUDY/CONTENT``, both hashed: another content has another folder.
    """

    def __init__(self, site: Site, inbox: Inbox, state: State, worker: Worker, results: Path) -> None:
        self._site, self._inbox, self._state = site, inbox, state
        self._worker, self._results = worker, results

    def read_next(self, now: float) -> bool:
        """Reads the study that has been quiet longest; False where none waits."""
        study_uid = self._state.next_study(now, self._site.listening().quiet_s)
        if study_uid is None:
            return False
        name = hashed_name(study_uid)[:12]
        tries = self._state.start_reading(study_uid)
        digest = self._inbox.digest(study_uid)
        if digest is None:
            self._finish(study_uid, StudyState.IGNORED, None, "it holds nothing that is read")
        elif digest == self._state.read_digest(study_uid):
            self._finish(study_uid, StudyState.DONE, digest, None)
        elif tries > self._site.read.num_tries:
            _log.error("study %s: given up after %d tries", name, tries - 1)
            self._finish(study_uid, StudyState.FAILED, digest, "reading it did not end")
        else:
            self._read(study_uid, digest, tries)
        return True

    def _read(self, study_uid: str, digest: str, tries: int) -> None:
        name = hashed_name(study_uid)[:12]
        place, last = self._results / hashed_name(study_uid), self._state.read_digest(study_uid)
        out = place / digest[:32]
        place.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        job = Job(
            study_uid=study_uid,
            folder=self._inbox.study_folder(study_uid),
            out=out,
            before=None if last is None else place / last[:32],
        )
        answer = self._worker.read(job)
        seconds = time.monotonic() - start
        if self._inbox.digest(study_uid) != digest:
            _log.info("study %s: something came while it was read; it is read again", name)
            self._state.read_later(study_uid, 0.0)
        elif answer.problem is None:
            self._send(study_uid, digest, out, seconds)
        else:
            self._failed(study_uid, digest, answer, tries)

    def _send(self, study_uid: str, digest: str, out: Path, seconds: float) -> None:
        """Notes the reading and its results to send in one step."""
        name = hashed_name(study_uid)[:12]
        try:
            outgoing = self._outgoing(out)
        except TomoscribeError as error:
            self._failed(study_uid, digest, Answer(problem=error.what), 0)
            return
        if self._finish(study_uid, StudyState.DONE, digest, None, outgoing):
            _log.info("study %s: read in %.1f s, %d results to send", name, seconds, len(outgoing))

    def _failed(self, study_uid: str, digest: str, answer: Answer, tries: int) -> None:
        name = hashed_name(study_uid)[:12]
        if answer.is_passing and tries < self._site.read.num_tries:
            _log.warning("study %s: %s; tried again in %.0f s", name, answer.problem, _RETRY_S)
            self._state.read_later(study_uid, time.time() + _RETRY_S)
        elif answer.is_unwanted:
            _log.info("study %s: %s", name, answer.problem)
            self._finish(study_uid, StudyState.IGNORED, digest, answer.problem)
        else:
            _log.error("study %s: not read: %s", name, answer.problem)
            self._finish(study_uid, StudyState.FAILED, digest, answer.problem)

    def _outgoing(self, out: Path) -> list[Outgoing]:
        found = unsigned_results(out)
        sent = [
            (in_character_set(path, self._site.character_set, out / _SENT), header)
            for path, header in found
            if path.parent.name != _SENT
        ]
        return [
            Outgoing(
                destination=destination,
                sop_uid=header.sop_uid,
                study_uid=header.study_uid,
                series_uid=header.series_uid,
                sop_class_uid=header.sop_class_uid,
                path=str(path.relative_to(self._results.parent)),
                state=SendState.WAITING,
                since=time.time(),
                num_tries=0,
            )
            for destination in self._site.destinations
            for path, header in sent
        ]

    def _finish(
        self,
        study_uid: str,
        state: StudyState,
        digest: str | None,
        reason: str | None,
        outgoing: list[Outgoing] | None = None,
    ) -> bool:
        return self._state.finish_reading(study_uid, state, digest=digest, reason=reason, outgoing=outgoing or [])
