"""What went to or came from which peer, for the audit store."""

from __future__ import annotations

from pathlib import Path

from tomoscribe.encoders.dicom.broken import BROKEN_FILE
from tomoscribe.encoders.dicom.headers import read_some, text
from tomoscribe.reports.audit import AuditLog, Event, PatientRef


def record_transfer(
    program: str, event: Event, path: Path | None, study_uid: str, peer_name: str, num_objects: int
) -> None:
    """One entry for the objects of one study.

    Args:
        path: an object of the study, for the patient; None where there is none yet.

    Raises:
        OutputError: the store cannot be written; then nothing must be transferred.
    """
    detail = f"{num_objects} objects, peer {peer_name}"
    patient = None if path is None else _patient(path)
    AuditLog.from_environment(program).record(event, study_uid=study_uid, patient=patient, detail=detail)


def _patient(path: Path) -> PatientRef:
    try:
        ds = read_some(path, ("PatientID", "IssuerOfPatientID"))
    except BROKEN_FILE:
        return PatientRef(patient_id=None)
    return PatientRef(patient_id=text(ds, "PatientID"), issuer=text(ds, "IssuerOfPatientID"))
