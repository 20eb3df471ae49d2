"""The PDF report as a DICOM object (Encapsulated PDF Storage)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from tomoscribe.core import Report
from tomoscribe.core.uids import derive_uid
from tomoscribe.reports.export.objects import Place, coded, new_object, reference
from tomoscribe.reports.export.sr_write import dicom_time
from tomoscribe.reports.signing import signature

ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
SERIES_NUMBER = 9005
DESCRIPTION = "tomoscribe report PDF, not a medical device"


def build_encapsulated_pdf(pdf: bytes, report: Report, sources: Sequence[Any], version: str) -> Any:
    """The object; dated and timed by the signature, so that the same signed report gives the same object.

    Args:
        pdf: of a signed report.
        sources: what the page was made from, the structured report first; patient and study are copied from it.
        version: of the software.
    """
    first = sources[0]
    study, digest = str(first.StudyInstanceUID), hashlib.sha256(pdf).hexdigest()
    made = new_object(
        Place(
            sop_class_uid=ENCAPSULATED_PDF,
            sop_instance_uid=derive_uid(study, "pdf", str(first.SOPInstanceUID), digest),
            series_uid=derive_uid(study, "pdf-series", str(first.SOPInstanceUID)),
            series_number=SERIES_NUMBER,
            description=DESCRIPTION,
            modality="DOC",
            number=1,
        ),
        first,
        version,
    )
    signed = signature(report)
    moment = "" if signed is None else dicom_time(signed.at)
    made.ConversionType = "WSD"
    made.ContentDate, made.ContentTime, made.AcquisitionDateTime = moment[:8], moment[8:14], ""
    made.BurnedInAnnotation = "YES"
    made.VerificationFlag = "VERIFIED" if report.is_signed else "UNVERIFIED"
    made.DocumentTitle = "Radiology report"
    made.ConceptNameCodeSequence = [coded("18748-4", "LN", "Diagnostic imaging study")]
    made.SourceInstanceSequence = [reference(source) for source in sources]
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocumentLength = len(pdf)
    made.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    made.Laterality = ""
    return made
