"""An application entity of ours, with its timeouts."""

from __future__ import annotations

from pynetdicom import AE

from tomoscribe.reports.pacs.intake import ANNOUNCED_PDU_BYTES


def entity(ae_title: str, timeout_s: float) -> AE:
    """An AE whose every wait ends."""
    ae = AE(ae_title=ae_title)
    ae.maximum_pdu_size = ANNOUNCED_PDU_BYTES
    ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = timeout_s
    return ae
