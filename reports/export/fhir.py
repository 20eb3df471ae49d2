"""FHIR R4: a Bundle of DiagnosticReport, Observations, ImagingStudy, Patient and the software as Device.

Checked against the R4B models of ``fhir.resources`` (R4B changed none of the six resources that are used here; 4.0.1
servers take them as they are). Identifiers are hashes of DICOM UIDs: the same report gives the same bytes.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections import defaultdict
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any
from xml.sax.saxutils import escape

from tomoscribe.core import (
    Attribute,
    Code,
    Finding,
    Measurement,
    Presence,
    Reading,
    ReportStatus,
    SectionName,
    reportable,
)
from tomoscribe.core.errors import MissingExtraError
from tomoscribe.core.serial import NOTICE
from tomoscribe.reports.export.patient_facts import PatientFacts, PersonNameGroups, iso_date
from tomoscribe.reports.export.results import Reference
from tomoscribe.reports.export.text import plain_text
from tomoscribe.reports.labels import labels_of

REPORT_STATUS: dict[ReportStatus, str] = {
    ReportStatus.DRAFT: "partial",
    ReportStatus.PRELIMINARY: "partial",
    ReportStatus.FINAL: "final",
    ReportStatus.AMENDED: "amended",
    ReportStatus.APPENDED: "appended",
    ReportStatus.ENTERED_IN_ERROR: "entered-in-error",
}
_OBSERVATION_STATUS = {"partial": "preliminary", "appended": "final"}
_SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "UCUM": "http://unitsofmeasure.org",
    "LN": "http://loinc.org",
    "99TOMOSCRIBE": "urn:tomoscribe:codes",
}
_CODES = "http://terminology.hl7.org/CodeSystem/"
_REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
_NAMESPACE = uuid.UUID("6f1c2a0e-6b55-5c1e-9d6b-6b8f0a7d4c11")
Json = dict[str, Any]


def build_bundle(reading: Reading, patient: PatientFacts, instances: Sequence[Reference], pdf: bytes | None) -> Json:
    """The Bundle (type collection).

    Args:
        reading: partial before signing, final after; whether it may leave is for the caller to say.
        patient: whose it is.
        instances: the images it rests on.
        pdf: the signed page, attached to the report; None without.

    Raises:
        MissingExtraError: the package that checks the resources is not installed.
    """
    if find_spec("fhir") is None:
        raise MissingExtraError("a FHIR bundle", "documents")
    maker = _Maker(reading, patient)
    observations = [maker.observation(f) for f in reportable(reading.report.findings)]
    study = maker.imaging_study(instances)
    report = maker.report(observations, study, pdf)
    resources = [report, maker.patient_resource(), study, maker.device(), *maker.practitioner(), *observations]
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{maker.id_of('Bundle', report['status'])}"},
        "entry": [{"fullUrl": f"urn:uuid:{r['id']}", "resource": r} for r in resources],
    }
    if maker.moment:
        bundle["timestamp"] = maker.moment
    return bundle


def bundle_text(bundle: Json) -> str:
    """The Bundle as JSON, after every resource in it has been checked against its model."""
    from fhir.resources.R4B.bundle import Bundle

    Bundle.model_validate(bundle)
    return json.dumps(bundle, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


class _Maker:
    """Resources of one reading that refer to each other."""

    def __init__(self, reading: Reading, patient: PatientFacts) -> None:
        self.reading, self.facts = reading, patient
        self.status = REPORT_STATUS[reading.report.status]
        steps = reading.report.history
        self.moment = steps[-1].at if steps else None
        self.signer = steps[-1].by if steps else None

    def id_of(self, *parts: str) -> str:
        return str(uuid.uuid5(_NAMESPACE, "\x1f".join((self.reading.study.study_uid, *parts))))

    def ref(self, kind: str, *parts: str) -> Json:
        return {"reference": f"urn:uuid:{self.id_of(kind, *parts)}", "type": kind}

    def patient_resource(self) -> Json:
        facts = self.facts
        resource: Json = {"resourceType": "Patient", "id": self.id_of("Patient")}
        if facts.patient_id:
            identifier: Json = {"type": _concept_of(f"{_CODES}v2-0203", "MR"), "value": facts.patient_id}
            if facts.issuer:
                identifier["assigner"] = {"display": facts.issuer}
            resource["identifier"] = [identifier]
        names = _human_names(facts.name)
        gender = {"M": "male", "F": "female", "O": "other"}.get(facts.sex, "unknown")
        return resource | _filled({"name": names, "gender": gender, "birthDate": iso_date(facts.birth_date)})

    def imaging_study(self, instances: Sequence[Reference]) -> Json:
        facts, study = self.facts, self.reading.study
        series: dict[str, list[Json]] = defaultdict(list)
        for named in instances:
            sop_class = {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{named.class_uid}"}
            series[named.series_uid].append({"uid": named.uid, "sopClass": sop_class})
        known = {s.series_uid: s for s in study.series}
        entries = [_series(uid, items, known.get(uid)) for uid, items in series.items()]
        identifiers = [{"system": "urn:dicom:uid", "value": f"urn:oid:{study.study_uid}"}]
        if facts.accession_number:
            accession: Json = {"type": _concept_of(f"{_CODES}v2-0203", "ACSN"), "value": facts.accession_number}
            identifiers.append(accession | _filled({"assigner": _filled({"display": facts.accession_issuer})}))
        resource: Json = {
            "resourceType": "ImagingStudy",
            "id": self.id_of("ImagingStudy"),
            "identifier": identifiers,
            "status": "available",
            "subject": self.ref("Patient"),
            "numberOfSeries": len(entries),
            "numberOfInstances": len(instances),
        }
        started, description = iso_date(facts.study_date), facts.description
        return resource | _filled({"started": started, "description": description, "series": entries})

    def device(self) -> Json:
        provenance = self.reading.report.provenance
        return {
            "resourceType": "Device",
            "id": self.id_of("Device"),
            "deviceName": [{"name": "tomoscribe", "type": "user-friendly-name"}],
            "version": [{"value": provenance.version}],
            "note": [{"text": f"{provenance.model}. {NOTICE}"}],
        }

    def practitioner(self) -> list[Json]:
        if self.signer is None:
            return []
        resource = {"resourceType": "Practitioner", "id": self.id_of("Practitioner"), "name": [{"text": self.signer}]}
        return [resource]

    def observation(self, finding: Finding) -> Json:
        """A finding: its type as code, presence as value, measurements and attributes as components."""
        resource: Json = {
            "resourceType": "Observation",
            "id": self.id_of("Observation", finding.tracking_uid),
            "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{finding.tracking_uid}"}],
            "status": _OBSERVATION_STATUS.get(self.status, self.status),
            "category": [_concept_of(f"{_CODES}observation-category", "imaging")],
            "code": _concept(finding.type),
            "subject": self.ref("Patient"),
            "derivedFrom": [self.ref("ImagingStudy")],
            "device": self.ref("Device"),
            "bodySite": _body_site(finding),
            "valueCodeableConcept": {"text": finding.presence.value},
        }
        if finding.presence is Presence.NOT_ASSESSED:
            del resource["valueCodeableConcept"]
            resource["dataAbsentReason"] = _concept_of(f"{_CODES}data-absent-reason", "not-performed")
        components = [_component(m) for m in finding.measurements] + [_attribute(a) for a in finding.attributes]
        note = [{"text": finding.note}] if finding.note else []
        day = iso_date(self.facts.study_date)
        return resource | _filled({"component": components, "note": note, "effectiveDateTime": day})

    def report(self, observations: Sequence[Json], study: Json, pdf: bytes | None) -> Json:
        report = self.reading.report
        impression = report.section(SectionName.IMPRESSION)
        text = plain_text(report, labels_of(report.language))
        forms = [{"contentType": "text/plain; charset=utf-8", "data": _base64(text.encode()), "title": "Report"}]
        if pdf is not None:
            forms.append({"contentType": "application/pdf", "data": _base64(pdf), "title": "Report, signed page"})
        identifier = {"system": "urn:tomoscribe:report", "value": self.id_of("DiagnosticReport")}
        resource: Json = {
            "resourceType": "DiagnosticReport",
            "id": self.id_of("DiagnosticReport"),
            "meta": {"versionId": str(len(report.history) + 1)},
            "language": report.language,
            "text": {"status": "generated", "div": _narrative(text)},
            "identifier": [identifier],
            "status": self.status,
            "category": [_concept_of(f"{_CODES}v2-0074", "RAD")],
            "code": _concept(Code(value="18748-4", scheme="LN", meaning="Diagnostic imaging study")),
            "subject": self.ref("Patient"),
            "imagingStudy": [{"reference": f"urn:uuid:{study['id']}", "type": "ImagingStudy"}],
            "presentedForm": forms,
        }
        interpreter = [self.ref("Practitioner")] if report.is_signed else []
        conclusion = "\n".join(s.text for s in impression.statements) if impression else ""
        results = [{"reference": f"urn:uuid:{o['id']}", "type": "Observation"} for o in observations]
        return resource | _filled(
            {
                "effectiveDateTime": iso_date(self.facts.study_date),
                "issued": self.moment,
                "resultsInterpreter": interpreter,
                "result": results,
                "conclusion": conclusion,
            }
        )


def _series(uid: str, instances: list[Json], series: Any) -> Json:
    modality = "OT" if series is None else series.modality
    entry: Json = {
        "uid": uid,
        "modality": {"system": _SYSTEMS["DCM"], "code": modality},
        "numberOfInstances": len(instances),
        "instance": instances,
    }
    if series is not None and series.number is not None:
        entry["number"] = series.number
    return entry | _filled({"description": None if series is None else series.description})


def _human_names(name: PersonNameGroups) -> list[Json]:
    """A HumanName for each component group, marked as alphabetic, ideographic or syllabic."""
    names = []
    for words, code in ((name.alphabetic, "ABC"), (name.ideographic, "IDE"), (name.phonetic, "SYL")):
        if not words:
            continue
        family, given, middle, prefix, suffix = (*words.split("^"), "", "", "", "", "")[:5]
        parts = {"family": family, "given": [g for g in (given, middle) if g]}
        titles = {"prefix": [prefix] if prefix else [], "suffix": [suffix] if suffix else []}
        representation: Json = {"extension": [{"url": _REPRESENTATION, "valueCode": code}]}
        names.append(representation | _filled({**parts, **titles}))
    return names


def _body_site(finding: Finding) -> Json:
    concept = _concept(finding.site)
    if finding.laterality is not None:
        concept["text"] = f"{finding.site.meaning}, {finding.laterality.value}"
    return concept


def _component(measurement: Measurement) -> Json:
    unit = measurement.unit
    quantity = {
        "value": round(measurement.value, 4),
        "unit": unit.meaning,
        "system": _SYSTEMS["UCUM"],
        "code": unit.value,
    }
    return {"code": _concept(measurement.name), "valueQuantity": quantity}


def _attribute(attribute: Attribute) -> Json:
    return {"code": _concept(attribute.name), "valueCodeableConcept": _concept(attribute.value)}


def _concept(code: Code) -> Json:
    coding = {"system": _SYSTEMS[code.scheme], "code": code.value, "display": code.meaning}
    return {"coding": [coding], "text": code.meaning}


def _concept_of(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def _narrative(text: str) -> str:
    lines = "<br/>".join(escape(line) for line in text.splitlines())
    return f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{lines}</p></div>'


def _filled(values: Json) -> Json:
    """The entries that say something."""
    return {k: v for k, v in values.items() if v}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
