"""What went to or came from which peer, for the audit store."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from tomoscribe.encoders.dicom.broken import BROKEN_FILE
from tomoscribe.encoders.dicom.headers import read_some
from tomoscribe.reports.audit import PATIENT_KEYWORDS, AuditLog, Event, PatientRef, patient_in

AGAIN_S = 600.0


def record_transfer(program: str, event: Event, path: Path, study_uid: str, peer_name: str, num_objects: int) -> None:
    """One entry for the objects of one study.

    Args:
        path: an object of the study, for the patient.

    Raises:
        OutputError: the store cannot be written; then nothing must be transferred.
    """
    detail = f"{num_objects} objects, peer {peer_name}"
    AuditLog.from_environment(program).record(event, study_uid=study_uid, patient=_patient(path), detail=detail)


class Arrivals:
    """Entries for what callers bring to the listener: one for each study and caller in AGAIN_S, not one an object."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], float] = {}
        self._noting = threading.Lock()

    def note(self, caller: str, study_uid: str, path: Path) -> None:
        """Before the first object is acknowledged.

        Raises:
            OutputError: the store cannot be written; then nothing must be taken.
        """
        now = time.monotonic()
        with self._noting:
            if now - self._last.get((caller, study_uid), -AGAIN_S) < AGAIN_S:
                return
            log = AuditLog.from_environment("tomoscribe listen")
            log.record(Event.IMPORTED, study_uid=study_uid, patient=_patient(path), detail=f"from caller {caller}")
            self._last = {k: at for k, at in self._last.items() if now - at < AGAIN_S}
            self._last[(caller, study_uid)] = now


def _patient(path: Path) -> PatientRef:
    try:
        return patient_in(read_some(path, PATIENT_KEYWORDS))
    except BROKEN_FILE:
        return PatientRef(patient_id=None)
