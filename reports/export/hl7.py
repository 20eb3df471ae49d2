"""HL7 v2.5.1 ORU^R01: the report as text, the findings as numbers and codes, for a system that takes files.

One message per report. Text is UTF-8 (MSH-18 ``UNICODE UTF-8``), segments end with a carriage return, what would be a
delimiter is escaped. Result status: P preliminary, F final, C corrected or appended, X withdrawn.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from tomoscribe.core import Code, Finding, Laterality, Reading, ReportStatus, SectionName, reportable
from tomoscribe.core.serial import NOTICE
from tomoscribe.reports.export.concepts import word_code
from tomoscribe.reports.export.patient_facts import PatientFacts, PersonNameGroups

RESULT_STATUS: dict[ReportStatus, str] = {
    ReportStatus.DRAFT: "P",
    ReportStatus.PRELIMINARY: "P",
    ReportStatus.FINAL: "F",
    ReportStatus.AMENDED: "C",
    ReportStatus.APPENDED: "C",
    ReportStatus.ENTERED_IN_ERROR: "X",
}
_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\r": "\\X0D\\", "\n": "\\X0A\\"}
_SERVICE = Code(value="18748-4", scheme="LN", meaning="Diagnostic imaging study")
_SECTIONS: dict[SectionName, Code] = {
    SectionName.CLINICAL_INFORMATION: Code(value="55752-0", scheme="LN", meaning="Clinical information"),
    SectionName.TECHNIQUE: Code(value="55111-9", scheme="LN", meaning="Current imaging procedure descriptions"),
    SectionName.COMPARISON: Code(value="18834-2", scheme="LN", meaning="Radiology comparison study"),
    SectionName.FINDINGS: Code(value="59776-5", scheme="LN", meaning="Procedure findings Narrative"),
    SectionName.IMPRESSION: Code(value="19005-8", scheme="LN", meaning="Radiology Imaging study [Impression]"),
    SectionName.RECOMMENDATION: Code(value="18783-1", scheme="LN", meaning="Radiology Study recommendation"),
    SectionName.ADDENDUM: Code(value="55107-7", scheme="LN", meaning="Addendum Document"),
}
"""LOINC of the parts of a report; the others go by our own codes."""


def build_message(reading: Reading, patient: PatientFacts) -> str:
    """The message; its control ID is a hash of its content, its time that of the last step of the report."""
    report = reading.report
    status = RESULT_STATUS[report.status]
    at = _timestamp(report.history[-1].at) if report.history else ""
    observations = _observations(reading, status)
    body = [_pid(patient), _obr(reading, patient, status, at), *observations]
    control = hashlib.sha256("\r".join(body).encode()).hexdigest()[:20].upper()
    header = [
        "MSH",
        "^~\\&",
        "TOMOSCRIBE",
        escape(patient.institution),
        "",
        "",
        at,
        "",
        "ORU^R01^ORU_R01",
        control,
        "P",
    ]
    header += ["2.5.1", "", "", "", "", "", "UNICODE UTF-8"]
    return "\r".join(["|".join(header), *body]) + "\r"


def escape(text: str) -> str:
    """The text with delimiters and line ends escaped (chapter 2.7)."""
    return "".join(_ESCAPES.get(c, c) for c in text)


def _segment(*fields: str) -> str:
    return "|".join(fields).rstrip("|")


def _pid(patient: PatientFacts) -> str:
    sex = {"M": "M", "F": "F", "O": "O"}.get(patient.sex, "U")
    identifier = f"{escape(patient.patient_id)}^^^{escape(patient.issuer)}^MR"
    return _segment("PID", "1", "", identifier, "", _names(patient.name), "", patient.birth_date, sex)


def _names(name: PersonNameGroups) -> str:
    """XPN for each component group: alphabetic A, ideographic I, phonetic P (table 0465)."""
    return "~".join("^".join((*parts, "", "L", code)) for parts, code in _groups(name))


def _provider(name: PersonNameGroups) -> str:
    """XCN for each component group, without an identifier."""
    return "~".join("^".join(("", *parts, *[""] * 3, "L", *[""] * 4, code)) for parts, code in _groups(name))


def _groups(name: PersonNameGroups) -> list[tuple[tuple[str, ...], str]]:
    """Family, given, middle, suffix, prefix of each group that is there, and its representation code."""
    found: list[tuple[tuple[str, ...], str]] = []
    for words, code in ((name.alphabetic, "A"), (name.ideographic, "I"), (name.phonetic, "P")):
        if words:
            family, given, middle, prefix, suffix = (escape(p) for p in (*words.split("^"), "", "", "", "", "")[:5])
            found.append(((family, given, middle, suffix, prefix), code))
    return found


def _obr(reading: Reading, patient: PatientFacts, status: str, at: str) -> str:
    report = reading.report
    modality = next((s.modality for s in reading.study.readable), "")
    section = {"CT": "CT", "MR": "NMR"}.get(modality, "RAD")
    fields = [""] * 33
    fields[0], fields[1] = "OBR", "1"
    accession = escape(patient.accession_number)
    fields[3] = accession or escape(reading.study.study_uid)
    fields[4] = _coded(_SERVICE)
    fields[7] = patient.study_date + patient.study_time.split(".")[0]
    fields[16] = _provider(patient.referring_physician)
    fields[18] = accession
    fields[22], fields[24], fields[25] = at, section, status
    fields[32] = f"&{escape(report.verified_by)}" if report.verified_by else ""
    return _segment(*fields)


def _observations(reading: Reading, status: str) -> list[str]:
    """OBX segments: report text by section, study UID, then each finding with its measurements."""
    report = reading.report
    rows: list[tuple[str, Code, str, str, str]] = []
    for section in report.sections:
        code = _SECTIONS.get(section.name) or word_code(section.name.value)
        rows += [("TX", code, str(n), escape(s.text), "") for n, s in enumerate(section.statements, start=1)]
    rows += [("TX", word_code("warning"), str(n), escape(w), "") for n, w in enumerate(report.warnings, start=1)]
    rows.append(("TX", word_code("notice"), "1", escape(NOTICE), ""))
    rows.append(
        ("ST", Code(value="110180", scheme="DCM", meaning="Study Instance UID"), "", reading.study.study_uid, "")
    )
    for number, finding in enumerate(reportable(report.findings), start=1):
        rows += _finding_rows(finding, f"F{number}")
    shown = "W" if status == "X" else status
    return [
        _segment("OBX", str(n), kind, _coded(code), sub, value, unit, "", "", "", "", shown)
        for n, (kind, code, sub, value, unit) in enumerate(rows, start=1)
    ]


def _finding_rows(finding: Finding, sub: str) -> list[tuple[str, Code, str, str, str]]:
    found = Code(value="121071", scheme="DCM", meaning="Finding")
    site = Code(value="363698007", scheme="SCT", meaning="Finding Site")
    side = Code(value="272741003", scheme="SCT", meaning="Laterality")
    rows = [("CWE", found, sub, _coded(finding.type), ""), ("CWE", site, sub, _coded(finding.site), "")]
    if finding.laterality in (Laterality.LEFT, Laterality.RIGHT, Laterality.BILATERAL):
        rows.append(("ST", side, sub, finding.laterality.value, ""))
    rows += [("CWE", a.name, sub, _coded(a.value), "") for a in finding.attributes]
    return rows + [
        ("NM", m.name, sub, f"{m.value:.4f}".rstrip("0").rstrip("."), _coded(m.unit)) for m in finding.measurements
    ]


def _coded(code: Code) -> str:
    return "^".join(escape(part) for part in (code.value, code.meaning, code.scheme))


def _timestamp(at: str) -> str:
    return datetime.fromisoformat(at).strftime("%Y%m%d%H%M%S%z")
