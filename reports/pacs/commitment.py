"""Storage Commitment Push Model (PS3.4 J): reports that destinations owe us, and reports that we owe callers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import build_context, build_role
from pynetdicom.sop_class import StorageCommitmentPushModel  # type: ignore[attr-defined]

from tomoscribe.encoders.dicom.headers import text
from tomoscribe.reports.pacs.association import entity
from tomoscribe.reports.pacs.intake import ANNOUNCED_PDU_BYTES, Intake, guard_handler
from tomoscribe.reports.pacs.state import Obligation, Received, State
from tomoscribe.reports.pacs.uids import is_uid
from tomoscribe.reports.site import Caller, Site

INSTANCE = "1.2.840.10008.1.20.1.1"
"""Storage Commitment Push Model SOP Instance."""
SUCCESS, NOT_AUTHORIZED, INVALID_ARGUMENT = 0x0000, 0x0124, 0x0115
NO_SUCH_OBJECT = 0x0112
MAX_OBJECTS = 100_000
MAX_REPORT_TRIES = 50
_REPORT_PAUSE_S = 30.0
_AGAIN_S = 3600.0
_log = logging.getLogger(__name__)


class Commitments:
    """Both roles of storage commitment.

    Args:
        is_here: whether the file of a received object is in its place.
    """

    def __init__(self, site: Site, state: State, is_here: Callable[[Received], bool]) -> None:
        self._site, self._state, self._is_here = site, state, is_here

    def take_report(self, event: Any) -> tuple[int, Dataset | None]:
        """Handler of ``EVT_N_EVENT_REPORT``: what a destination says of results that we sent."""
        calling = event.assoc.requestor.ae_title.strip()
        information = event.event_information
        transaction = text(information, "TransactionUID") or ""
        held, lost = _references(information, "ReferencedSOPSequence"), _references(information, "FailedSOPSequence")
        for peer in self._site.peers:
            if peer.dimse is None or peer.dimse.ae_title != calling or peer.name not in self._site.destinations:
                continue
            sops = {s for _, s in held}, {s for _, s in lost}
            again = time.time() + _AGAIN_S
            if self._state.commitment_report(peer.name, transaction, held=sops[0], lost=sops[1], again_at=again):
                if lost:
                    _log.error("destination '%s' lost %d results: they are sent again", peer.name, len(lost))
                return SUCCESS, None
        return INVALID_ARGUMENT, None

    def take_request(self, event: Any) -> tuple[int, Dataset | None]:
        """Handler of ``EVT_N_ACTION``: a caller asks us to commit; the report follows on an association of ours."""
        calling = event.assoc.requestor.ae_title.strip()
        caller = self._caller(calling)
        if not self._site.listening().accept_commitment or caller is None or caller.report_port is None:
            _log.warning("a request for storage commitment was refused: the site file does not allow it to this caller")
            return NOT_AUTHORIZED, None
        information = event.action_information
        transaction = text(information, "TransactionUID") or ""
        objects = _references(information, "ReferencedSOPSequence")
        if not is_uid(transaction) or not objects or len(objects) > MAX_OBJECTS:
            return INVALID_ARGUMENT, None
        obligation = Obligation(transaction_uid=transaction, caller=calling, objects=tuple(objects), num_tries=0)
        self._state.owe(obligation, time.time())
        return SUCCESS, None

    def report_due(self, now: float) -> bool:
        """Sends the reports that are due; what is reported as held is never deleted by us from then on."""
        for obligation in self._state.obligations(now):
            caller = self._caller(obligation.caller)
            held, lost = self._sorted(obligation)
            self._state.commit_to([s for _, s in held])
            if caller is not None and self._report(caller, obligation.transaction_uid, held, lost):
                self._state.settle(obligation.transaction_uid, None)
            elif caller is None or obligation.num_tries >= MAX_REPORT_TRIES:
                _log.error("a storage commitment report could not be delivered and is given up")
                self._state.settle(obligation.transaction_uid, None)
            else:
                self._state.settle(obligation.transaction_uid, now + _REPORT_PAUSE_S)
        return False

    def _intake(self) -> Intake:
        """No object has a place on an association for reports."""
        listen = self._site.listening()
        return Intake(folder=Path(listen.folder), max_object_bytes=0, timeout_s=listen.timeout_s)

    def _sorted(self, obligation: Obligation) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        held = [o for o in obligation.objects if any(self._is_here(r) for r in self._state.holds(*o))]
        return held, [o for o in obligation.objects if o not in set(held)]

    def _caller(self, ae_title: str) -> Caller | None:
        return next((c for c in self._site.listening().callers if c.ae_title == ae_title), None)

    def _report(
        self, caller: Caller, transaction: str, held: list[tuple[str, str]], lost: list[tuple[str, str]]
    ) -> bool:
        report = Dataset()
        report.TransactionUID = transaction
        report.ReferencedSOPSequence = [_item(*o) for o in held]
        if lost:
            report.FailedSOPSequence = [_item(*o, reason=NO_SUCH_OBJECT) for o in lost]
        assoc = entity(self._site.ae_title, self._site.listening().timeout_s).associate(
            str(caller.host),
            int(caller.report_port or 0),
            contexts=[build_context(StorageCommitmentPushModel)],
            ae_title=caller.ae_title,
            max_pdu=ANNOUNCED_PDU_BYTES,
            ext_neg=[build_role(StorageCommitmentPushModel, scp_role=True)],
            evt_handlers=[guard_handler(self._intake())],
        )
        if not assoc.is_established:
            return False
        try:
            kind = 2 if lost else 1
            status, _ = assoc.send_n_event_report(report, kind, StorageCommitmentPushModel, INSTANCE)
            return "Status" in status and int(status.Status) == SUCCESS
        except (ValueError, RuntimeError):
            return False
        finally:
            if assoc.is_established:
                assoc.release()


def _item(sop_class_uid: str, sop_uid: str, *, reason: int | None = None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class_uid, sop_uid
    if reason is not None:
        item.FailureReason = reason
    return item


def _references(information: Dataset, keyword: str) -> list[tuple[str, str]]:
    """(SOP class, SOP instance) of a sequence; items without valid UIDs are left out."""
    items = information.get(keyword) or []
    pairs = [(text(i, "ReferencedSOPClassUID") or "", text(i, "ReferencedSOPInstanceUID") or "") for i in items]
    return [p for p in pairs if is_uid(p[0]) and is_uid(p[1])]
