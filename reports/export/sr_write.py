"""DICOM SR (TID 1500 Measurement Report) of a reading: one measurement group for each finding.

UNVERIFIED until the report is signed, then VERIFIED by the one who signed; a changed report is a new document that
names the one it replaces. A finding whose mask stands in the SEG becomes a volumetric ROI group (TID 1411) that
references the segment; any other (an organ, a head's region, not assessed) a plain group (TID 1501). TID 1500, 1411,
1501, 1419 and 300 are extensible: what they have no row for (probability, centre and box, calipers, evidence image,
review, change) follows as further content items, in DCM or SNOMED codes where these have a word, else in the private
scheme. The sentences of the report follow in a container of their own, with its history and the header facts that its
technique rests on. Coordinates are stored as 32-bit floats. Timing is not carried.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tomoscribe.core import (
    Code,
    Communication,
    EvidenceSlice,
    Finding,
    Measurement,
    Override,
    Presence,
    PriorValues,
    Reading,
    ReviewState,
    Section,
    Statement,
    StatusChange,
    Study,
    Translation,
    terms,
)
from tomoscribe.core.provenance import Provenance
from tomoscribe.core.serial import to_json
from tomoscribe.core.uids import derive_uid
from tomoscribe.reports.export import concepts as c
from tomoscribe.reports.export import sr_items as item_of
from tomoscribe.reports.export.identity import copy_identity
from tomoscribe.reports.export.objects import MANUFACTURER, MODEL_NAME
from tomoscribe.reports.signing import signature

SERIES_NUMBER = 9002
DESCRIPTION = "tomoscribe findings SR, not a medical device"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the SR may refer to.

    Args:
        seg: the Segmentation; None where nothing was outlined.
        seg_map: name of the label map that it holds.
        headers: of every image of the series that were read, by SOP Instance UID.
        version: of the software.
        illustrations: by tracking UID, the marked key images of a finding.
        predecessors: the SRs that this one replaces, the last one first; none for a first draft.
    """

    seg: Any
    seg_map: str | None
    headers: dict[str, Any]
    version: str
    illustrations: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    predecessors: tuple[Any, ...] = ()


def build_sr(reading: Reading, evidence: Evidence) -> Any:
    """A Comprehensive 3D SR: preliminary, partial and unverified until the report is signed."""
    from highdicom.sr import Comprehensive3DSR

    report = reading.report
    source = next(iter(evidence.headers.values()))
    pictures = [p for several in evidence.illustrations.values() for p in several]
    masks = [] if evidence.seg is None else [evidence.seg]
    parts = (_digest(reading), *(str(o.SOPInstanceUID) for o in (*masks, *pictures)))
    study = reading.study.study_uid
    document = Comprehensive3DSR(
        evidence=[*masks, *evidence.headers.values(), *pictures],
        content=_document(reading, evidence),
        series_instance_uid=derive_uid(study, "sr-series", *parts),
        series_number=SERIES_NUMBER,
        sop_instance_uid=derive_uid(study, "sr", *parts),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=report.is_signed,
        is_final=report.is_signed,
        is_verified=report.is_signed,
        institution_name=source.get("InstitutionName") or None,
        verifying_observer_name=f"{report.verified_by}^" if report.is_signed else None,
        verifying_organization=str(source.get("InstitutionName") or "not stated"),
        previous_versions=list(evidence.predecessors) or None,
        series_description=DESCRIPTION,
        manufacturer_model_name=MODEL_NAME,
        software_versions=evidence.version,
        specific_character_set="ISO_IR 192",
    )
    signed = signature(report)
    if signed is not None:
        document.VerifyingObserverSequence[0].VerificationDateTime = dicom_time(signed.at)
    copy_identity(document, source)
    document.CodingSchemeIdentificationSequence = [c.coding_scheme_item()]
    return document


def dicom_time(at: str) -> str:
    """DT of an ISO 8601 time."""
    from datetime import datetime

    return datetime.fromisoformat(at).strftime("%Y%m%d%H%M%S%z")


def _digest(reading: Reading) -> str:
    """SHA-256 over study facts and report, without timing."""

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: clean(v) for k, v in value.items() if k != "timing"}
        return [clean(v) for v in value] if isinstance(value, list) else value

    content = [_study_facts(reading.study), clean(to_json(reading.report))]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _study_facts(study: Study) -> str:
    """Canonical JSON of the study as the report's technique sentences need it; no patient key, no priors' either."""

    def without_key(one: Study) -> Study:
        return replace(one, patient_key="", priors=tuple(without_key(p) for p in one.priors))

    return json.dumps(to_json(without_key(study)), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _document(reading: Reading, evidence: Evidence) -> Any:
    from highdicom import sr
    from pydicom.sr.codedict import codes

    observer = sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=derive_uid("device", MODEL_NAME, evidence.version),
            name=f"tomoscribe {evidence.version}",
            manufacturer_name=MANUFACTURER,
            model_name=MODEL_NAME,
        ),
    )
    modality = next(iter(evidence.headers.values())).Modality
    procedure = codes.LN.CTUnspecifiedBodyRegion if modality == "CT" else codes.LN.MRIUnspecifiedBodyRegion
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=procedure,
        imaging_measurements=[_group(f, evidence) for f in reading.report.findings] or [_no_finding(evidence)],
        title=codes.DCM.ImagingMeasurementReport,
        language_of_content_item_and_descendants=sr.LanguageOfContentItemAndDescendants(
            _language(reading.report.language)
        ),
    )
    report[0].ContentSequence.append(_report_text(reading))
    return report[0]


def _language(tag: str) -> Any:
    from highdicom.sr import CodedConcept

    return CodedConcept(
        value=tag, scheme_designator="RFC5646", meaning={"en": "English", "zh": "Chinese"}.get(tag, tag)
    )


def _no_finding(evidence: Evidence) -> Any:
    """TID 1500 needs a group: the one of a report without any finding says so."""
    from highdicom import sr

    source = next(iter(evidence.headers.values())) if evidence.seg is None else evidence.seg
    uid = derive_uid(str(source.SOPInstanceUID), "no-finding")
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=uid, identifier="no finding"),
        qualitative_evaluations=[_evaluation(c.PRESENCE, c.PRESENCES[Presence.NOT_ASSESSED])],
    )


def _group(finding: Finding, evidence: Evidence) -> Any:
    from highdicom import sr

    number = _segment_number(finding, evidence)
    organ = finding.type == terms.ORGAN_MEASUREMENT
    common = {
        "tracking_identifier": sr.TrackingIdentifier(uid=finding.tracking_uid, identifier=c.identifier_of(finding)),
        "finding_type": c.to_dicom(finding.type),
        "finding_category": c.to_dicom(terms.ANATOMICAL_STRUCTURE if organ else terms.ABNORMAL_STRUCTURE),
        "finding_sites": [_site(finding)],
        "algorithm_id": _algorithm(finding.provenance),
        "measurements": [_measurement(m) for m in finding.measurements],
        "qualitative_evaluations": _evaluations(finding),
    }
    if number is None:
        group = sr.MeasurementsAndQualitativeEvaluations(**common)
    else:
        segment = sr.ReferencedSegment(
            sop_class_uid=str(evidence.seg.SOPClassUID),
            sop_instance_uid=str(evidence.seg.SOPInstanceUID),
            segment_number=number,
            source_series=sr.SourceSeriesForSegmentation(_source_series(evidence)),
        )
        group = sr.VolumetricROIMeasurementsAndQualitativeEvaluations(**common, referenced_segment=segment)
    content = group[0].ContentSequence
    for item, measurement in zip(_numbers(content), finding.measurements, strict=True):
        _annotate(item, measurement, _frame(finding, evidence))
    content.extend(_more(finding, evidence))
    return group


def _segment_number(finding: Finding, evidence: Evidence) -> int | None:
    region = finding.region
    if region is None or evidence.seg is None or region.label_map != evidence.seg_map:
        return None
    return next((int(s.SegmentNumber) for s in evidence.seg.SegmentSequence if s.SegmentLabel == region.segment), None)


def _source_series(evidence: Evidence) -> str:
    return str(evidence.seg.ReferencedSeriesSequence[0].SeriesInstanceUID)


def _site(finding: Finding) -> Any:
    from highdicom.sr import FindingSite

    side = None if finding.laterality is None else c.to_dicom(c.LATERALITIES[finding.laterality])
    return FindingSite(anatomic_location=c.to_dicom(finding.site), laterality=side)


def _algorithm(provenance: Provenance) -> Any:
    from highdicom.sr import AlgorithmIdentification

    values = {
        "weights_sha256": provenance.weights_sha256,
        "config_sha256": provenance.config_sha256,
        "device": provenance.device,
        "seed": provenance.seed,
    }
    parameters = [f"{k}={v}" for k, v in values.items() if v is not None]
    return AlgorithmIdentification(name=provenance.model, version=provenance.version, parameters=parameters)


def _measurement(measurement: Measurement) -> Any:
    from highdicom.sr import Measurement as SrMeasurement

    return SrMeasurement(
        name=c.to_dicom(measurement.name),
        value=float(measurement.value),
        unit=c.to_dicom(measurement.unit),
        method=c.to_dicom(c.word_code(measurement.method)),
    )


def _annotate(item: Any, measurement: Measurement, frame_uid: str) -> None:
    """Uncertainty and caliper of a measurement, below its NUM item."""
    extra = []
    if measurement.uncertainty is not None:
        extra.append(item_of.num(c.UNCERTAINTY, measurement.uncertainty, measurement.unit, "HAS PROPERTIES"))
    if measurement.endpoints_mm is not None:
        extra.append(item_of.points(c.CALIPER, measurement.endpoints_mm, frame_uid, "INFERRED FROM"))
    item.ContentSequence.extend(extra)


def _numbers(content: Any) -> list[Any]:
    return [item for item in content if item.ValueType == "NUM"]


def _evaluations(finding: Finding) -> list[Any]:
    pairs = [(c.PRESENCE, c.PRESENCES[finding.presence]), (c.ACTIONABLE, c.YES if finding.actionable else c.NO)]
    return [_evaluation(*p) for p in pairs] + [_evaluation(a.name, a.value) for a in finding.attributes]


def _evaluation(name: Code, value: Code) -> Any:
    from highdicom.sr import QualitativeEvaluation

    return QualitativeEvaluation(name=c.to_dicom(name), value=c.to_dicom(value))


def _more(finding: Finding, evidence: Evidence) -> list[Any]:
    """What the templates have no row for."""
    items = []
    if finding.probability is not None:
        items.append(item_of.num(c.PROBABILITY, finding.probability, terms.ONE, "CONTAINS"))
    if finding.note is not None:
        items.append(item_of.text(c.COMMENT, finding.note, "CONTAINS"))
    if finding.region is not None:
        frame = _frame(finding, evidence)
        items.append(item_of.points(c.CENTER, [finding.region.center_mm], frame, "CONTAINS"))
        items.append(item_of.points(c.BOX, [finding.region.box_min_mm, finding.region.box_max_mm], frame, "CONTAINS"))
        if finding.region.label_map is not None:
            name = f"{finding.region.label_map}/{finding.region.segment or ''}"
            items.append(item_of.text(c.MASK_NAME, name, "CONTAINS"))
    if finding.prior_uid is not None:
        items.append(item_of.uid(c.PRIOR_UID, finding.prior_uid, "CONTAINS"))
    items += [_image(e, evidence) for e in finding.evidence if e.instance_uid in evidence.headers]
    items += [_illustration(p) for p in evidence.illustrations.get(finding.tracking_uid, ())]
    return items + _change(finding) + [_earlier(v) for v in finding.history] + _review(finding)


def _frame(finding: Finding, evidence: Evidence) -> str:
    named = None if finding.region is None else finding.region.frame_of_reference_uid
    source = next(iter(evidence.headers.values())) if evidence.seg is None else evidence.seg
    return named or str(source.get("FrameOfReferenceUID", ""))


def _change(finding: Finding) -> list[Any]:
    change = finding.change
    if change is None:
        return []
    item = item_of.code(c.CHANGE, c.word_code(change.direction.value), "CONTAINS")
    measured = finding.measurement(change.measurement)
    unit = terms.ONE if measured is None else measured.unit
    content = [
        item_of.code(c.CHANGED, change.measurement, "HAS PROPERTIES"),
        item_of.num(c.PRIOR_VALUE, change.prior_value, unit, "HAS PROPERTIES"),
    ]
    content += [
        item_of.text(name, words, "HAS PROPERTIES")
        for name, words in ((c.PRIOR_DATE, change.prior_date), (c.REASON, change.reason))
        if words
    ]
    return [item_of.with_children(item, content)]


def _earlier(values: PriorValues) -> Any:
    """What the finding measured in one earlier study, on that study's grid."""
    state = c.COMPARABLE if values.reason is None else c.NOT_COMPARABLE
    content = [item_of.uid(c.EARLIER_STUDY, values.study_uid, "HAS PROPERTIES")]
    content += [
        item_of.text(name, words, "HAS PROPERTIES")
        for name, words in ((c.PRIOR_DATE, values.date), (c.REASON, values.reason))
        if words
    ]
    content += [item_of.num(m.name, m.value, m.unit, "HAS PROPERTIES") for m in values.measurements]
    return item_of.with_children(item_of.code(c.EARLIER, state, "CONTAINS"), content)


def _review(finding: Finding) -> list[Any]:
    review = finding.review
    if review.state is ReviewState.UNREVIEWED:
        return []
    pairs = ((c.REVIEWER, review.reviewer), (c.REVIEWED_AT, review.at), (c.REASON, review.reason))
    children = [item_of.text(name, words, "HAS PROPERTIES") for name, words in pairs if words]
    return [item_of.with_children(item_of.code(c.REVIEW, c.word_code(review.state.value), "CONTAINS"), children)]


def _report_text(reading: Reading) -> Any:
    """The sentences, by section, each with the findings it stands on."""
    report = reading.report
    root = [item_of.code(c.REPORT_STATUS, c.word_code(report.status.value), "CONTAINS")]
    root += [item_of.text(c.VERIFIED_BY, report.verified_by, "CONTAINS")] if report.verified_by else []
    root += [item_of.text(c.WARNING, w, "CONTAINS") for w in report.warnings]
    root += [_status_change(step) for step in report.history]
    root += [_communication(told) for told in report.communications]
    root += list(_algorithm(report.provenance))
    root.append(item_of.text(c.STUDY_FACTS, _study_facts(reading.study), "CONTAINS"))
    root += [_section(s) for s in report.sections]
    if report.translation is not None:
        root.append(_translation(report.translation))
    return item_of.container(c.REPORT_TEXT, root)


def _section(section: Section) -> Any:
    return item_of.container(c.word_code(section.name.value), [_sentence(s) for s in section.statements])


def _translation(translation: Translation) -> Any:
    from highdicom.sr import LanguageOfContentItemAndDescendants

    items = [*LanguageOfContentItemAndDescendants(_language(translation.language))]
    items += [item_of.text(c.WARNING, w, "CONTAINS") for w in translation.warnings]
    return item_of.container(c.TRANSLATION, [*items, *(_section(s) for s in translation.sections)])


def _status_change(step: StatusChange) -> Any:
    item = item_of.code(c.HISTORY, c.word_code(step.status.value), "CONTAINS")
    pairs = ((c.BY, step.by), (c.AT, step.at), (c.REASON, step.reason))
    return item_of.with_children(item, [item_of.text(n, words, "HAS PROPERTIES") for n, words in pairs if words])


def _communication(told: Communication) -> Any:
    item = item_of.text(c.COMMUNICATION, f"{told.told} told by {told.by}", "CONTAINS")
    pairs = ((c.TOLD, told.told), (c.BY, told.by), (c.AT, told.at), (c.HOW, told.how))
    children = [item_of.text(name, words, "HAS PROPERTIES") for name, words in pairs]
    return item_of.with_children(item, [item_of.uid(c.TRACKING_UID, told.finding_uid, "HAS PROPERTIES"), *children])


def _sentence(statement: Statement) -> Any:
    children = [
        item_of.code(c.KIND, c.word_code(statement.kind.value), "HAS PROPERTIES"),
        item_of.code(c.SOURCE, c.word_code(statement.source.value), "HAS PROPERTIES"),
    ]
    children += [item_of.uid(c.TRACKING_UID, uid, "HAS PROPERTIES") for uid in statement.finding_uids]
    pairs = ((c.REPLACES, statement.replaces), (c.OBJECTION, statement.objection))
    children += [item_of.text(name, words, "HAS PROPERTIES") for name, words in pairs if words]
    if statement.override is not None:
        children.append(_override(statement.override))
    return item_of.with_children(item_of.text(c.SENTENCE, statement.text, "CONTAINS"), children)


def _override(override: Override) -> Any:
    item = item_of.text(c.OVERRIDE, f"by {override.by}", "HAS PROPERTIES")
    pairs = ((c.BY, override.by), (c.AT, override.at), (c.REASON, override.reason))
    return item_of.with_children(item, [item_of.text(name, words, "HAS PROPERTIES") for name, words in pairs])


def _illustration(picture: Any) -> Any:
    from highdicom.sr import ImageContentItem

    return ImageContentItem(
        name=c.to_dicom(c.ILLUSTRATION),
        referenced_sop_class_uid=str(picture.SOPClassUID),
        referenced_sop_instance_uid=str(picture.SOPInstanceUID),
        relationship_type="CONTAINS",
    )


def _image(slice_: EvidenceSlice, evidence: Evidence) -> Any:
    from highdicom.sr import ImageContentItem

    header = evidence.headers[slice_.instance_uid]
    item = ImageContentItem(
        name=c.to_dicom(c.SOURCE_IMAGE),
        referenced_sop_class_uid=str(header.SOPClassUID),
        referenced_sop_instance_uid=slice_.instance_uid,
        relationship_type="CONTAINS",
    )
    pairs = ((c.SERIES_NUMBER, slice_.series_number), (c.INSTANCE_NUMBER, slice_.instance_number))
    return item_of.with_children(item, [item_of.text(n, str(v), "HAS ACQ CONTEXT") for n, v in pairs if v is not None])
