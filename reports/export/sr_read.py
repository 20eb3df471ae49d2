"""The reading behind an SR and a SEG that this software wrote.

Comes back: findings (type, site, side, presence, probability, region, measurements with method, uncertainty and
calipers, attributes, evidence, change, review, provenance), every sentence, the report's history, and what the headers
said of series and priors. Does not: the patient key, file paths, timing. Coordinates are 32-bit floats (below 0.0001 mm
within a patient).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tomoscribe.core import (
    Attribute,
    Change,
    Code,
    Communication,
    Direction,
    EvidenceSlice,
    Finding,
    Measurement,
    Override,
    Point,
    PriorValues,
    Provenance,
    Region,
    Report,
    ReportStatus,
    Review,
    ReviewState,
    Section,
    SectionName,
    Source,
    Statement,
    StatementKind,
    StatusChange,
    Study,
    Translation,
)
from tomoscribe.core.errors import InputError
from tomoscribe.core.serial import from_json
from tomoscribe.reports.export import concepts as c

_FINDING = Code(value="121071", scheme="DCM", meaning="Finding")
_SITE = Code(value="363698007", scheme="SCT", meaning="Finding Site")
_LATERALITY = Code(value="272741003", scheme="SCT", meaning="Laterality")
_CATEGORY = Code(value="276214006", scheme="SCT", meaning="Finding category")
_METHOD = Code(value="370129005", scheme="SCT", meaning="Measurement Method")
_MEASUREMENTS = Code(value="126010", scheme="DCM", meaning="Imaging Measurements")
_LANGUAGE = Code(value="121049", scheme="DCM", meaning="Language of Content Item and Descendants")
_ALGORITHM = Code(value="111001", scheme="DCM", meaning="Algorithm Name")
_VERSION = Code(value="111003", scheme="DCM", meaning="Algorithm Version")
_PARAMETERS = Code(value="111002", scheme="DCM", meaning="Algorithm Parameters")
_NOT_ATTRIBUTES = (_FINDING, _SITE, _CATEGORY, _METHOD, c.PRESENCE, c.ACTIONABLE, c.CHANGE, c.EARLIER, c.REVIEW)


class _Node:
    """A content item and its children, by concept name."""

    def __init__(self, item: Any) -> None:
        self.item = item
        self.kind = str(item.ValueType)
        names = item.get("ConceptNameCodeSequence")
        self.name = c.from_dicom(names[0]) if names else None
        self.children = [_Node(child) for child in item.get("ContentSequence", [])]

    def all(self, name: Code, kind: str | None = None) -> list[_Node]:
        return [n for n in self.children if n.name == name and (kind is None or n.kind == kind)]

    def first(self, name: Code) -> _Node | None:
        return next(iter(self.all(name)), None)

    def need(self, name: Code) -> _Node:
        node = self.first(name)
        if node is None:
            raise InputError(
                f"expected '{name.meaning}' in the structured report, found none",
                remedy="open results that tomoscribe wrote",
            )
        return node

    def text_of(self, name: Code) -> str | None:
        node = self.first(name)
        return None if node is None else node.text

    @property
    def text(self) -> str:
        return str(self.item.TextValue)

    @property
    def code(self) -> Code:
        return c.from_dicom(self.item.ConceptCodeSequence[0])

    @property
    def uid(self) -> str:
        return str(self.item.UID)

    @property
    def number(self) -> float:
        """The exact value; a text value beside it must say the same, since receivers show that one."""
        value = self.item.MeasuredValueSequence[0]
        shown = float(value.NumericValue)
        exact = float(value.get("FloatingPointValue", shown))
        if not math.isclose(exact, shown, rel_tol=1e-6, abs_tol=1e-9):
            raise InputError(
                f"expected a measured value, found two different ones: {shown:g} as text, {exact:g} as a number",
                remedy="the structured report was changed after it was written: read the study again",
            )
        return exact

    @property
    def unit(self) -> Code:
        return c.from_dicom(self.item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0])

    @property
    def points(self) -> tuple[Point, ...]:
        """The shortest decimal numbers that the 32-bit floats stand for."""
        data = [float(str(np.float32(v))) for v in self.item.GraphicData]
        return tuple((data[n], data[n + 1], data[n + 2]) for n in range(0, len(data), 3))


def read_study(sr: Any) -> Study:
    """The study with its series and priors, without the patient key; from the header alone for an SR of 0.1.0."""
    facts = _Node(sr).need(c.REPORT_TEXT).text_of(c.STUDY_FACTS)
    if facts is not None:
        return from_json(Study, json.loads(facts))
    date = str(sr.get("StudyDate") or "")
    return Study(
        study_uid=str(sr.StudyInstanceUID),
        patient_key="",
        date=f"{date[:4]}-{date[4:6]}-{date[6:8]}" if len(date) == 8 else None,
        description=str(sr.get("StudyDescription") or "") or None,
        age_years=_age(str(sr.get("PatientAge") or "")),
        sex=str(sr.get("PatientSex") or "") or None,
        series=(),
    )


def read_report(sr: Any) -> Report:
    """The report of an SR that ``build_sr`` wrote.

    Raises:
        InputError: an SR of another origin.
    """
    root = _Node(sr)
    text = root.need(c.REPORT_TEXT)
    series = _series_of_instances(sr)
    groups = [n for n in root.need(_MEASUREMENTS).children if n.first(_FINDING) is not None]
    return Report(
        sections=_sections(text),
        findings=tuple(_finding(n, series) for n in groups),
        status=ReportStatus(text.need(c.REPORT_STATUS).code.value),
        language=root.need(_LANGUAGE).code.value,
        provenance=_provenance(text),
        verified_by=text.text_of(c.VERIFIED_BY),
        warnings=tuple(n.text for n in text.all(c.WARNING)),
        history=tuple(_status_change(n) for n in text.all(c.HISTORY)),
        communications=tuple(_communication(n) for n in text.all(c.COMMUNICATION)),
        translation=_translation(text.first(c.TRANSLATION)),
    )


def illustrations(sr: Any) -> dict[str, tuple[str, ...]]:
    """SOP Instance UIDs of the marked key images, by the tracking UID of their finding."""
    found = {}
    for group in _Node(sr).need(_MEASUREMENTS).children:
        pictures = group.all(c.ILLUSTRATION, "IMAGE")
        if pictures:
            uids = (str(n.item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID) for n in pictures)
            found[group.need(c.TRACKING_UID).uid] = tuple(uids)
    return found


def _age(text: str) -> float | None:
    parts = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}
    if len(text) != 4 or not text[:3].isdigit() or text[3] not in parts:
        return None
    return int(text[:3]) / parts[text[3]]


def _series_of_instances(sr: Any) -> dict[str, str]:
    found = {}
    for name in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
        for study in sr.get(name, []):
            for series in study.ReferencedSeriesSequence:
                for item in series.ReferencedSOPSequence:
                    found[str(item.ReferencedSOPInstanceUID)] = str(series.SeriesInstanceUID)
    return found


def _finding(group: _Node, series: dict[str, str]) -> Finding:
    site = group.need(_SITE)
    side = site.first(_LATERALITY)
    probability = group.first(c.PROBABILITY)
    prior = group.first(c.PRIOR_UID)
    return Finding(
        tracking_uid=group.need(c.TRACKING_UID).uid,
        type=group.need(_FINDING).code,
        site=site.code,
        presence=c.key_of(c.PRESENCES, group.need(c.PRESENCE).code),
        provenance=_provenance(group),
        laterality=None if side is None else c.key_of(c.LATERALITIES, side.code),
        probability=None if probability is None else probability.number,
        actionable=group.need(c.ACTIONABLE).code == c.YES,
        region=_region(group),
        measurements=tuple(_measurement(n) for n in group.children if n.kind == "NUM" and n.name != c.PROBABILITY),
        attributes=_attributes(group),
        evidence=tuple(_evidence(n, series) for n in group.all(c.SOURCE_IMAGE, "IMAGE")),
        change=_change(group),
        prior_uid=None if prior is None else prior.uid,
        history=tuple(_earlier(n) for n in group.all(c.EARLIER)),
        review=_review(group),
        note=group.text_of(c.COMMENT),
    )


def _attributes(group: _Node) -> tuple[Attribute, ...]:
    return tuple(
        Attribute(name=n.name, value=n.code)
        for n in group.children
        if n.kind == "CODE" and n.name is not None and n.name not in _NOT_ATTRIBUTES
    )


def _provenance(node: _Node) -> Provenance:
    values = dict(n.text.split("=", 1) for n in node.all(_PARAMETERS) if "=" in n.text)
    return Provenance(
        version=node.need(_VERSION).text,
        model=node.need(_ALGORITHM).text,
        weights_sha256=values.get("weights_sha256"),
        config_sha256=values.get("config_sha256"),
        device=values.get("device", "cpu"),
        seed=int(values.get("seed", "0")),
    )


def _measurement(node: _Node) -> Measurement:
    uncertainty = node.first(c.UNCERTAINTY)
    caliper = node.first(c.CALIPER)
    ends = None if caliper is None else (caliper.points[0], caliper.points[1])
    if node.name is None:
        raise InputError("expected a name of each measurement in the structured report")
    return Measurement(
        name=node.name,
        value=node.number,
        unit=node.unit,
        method=node.need(_METHOD).code.value,
        endpoints_mm=ends,
        uncertainty=None if uncertainty is None else uncertainty.number,
    )


def _region(group: _Node) -> Region | None:
    center = group.first(c.CENTER)
    if center is None:
        return None
    box = group.need(c.BOX).points
    names = group.text_of(c.MASK_NAME)
    label_map, _, segment = (names or "").partition("/")
    return Region(
        center_mm=center.points[0],
        box_min_mm=box[0],
        box_max_mm=box[1],
        frame_of_reference_uid=str(center.item.ReferencedFrameOfReferenceUID),
        label_map=label_map or None,
        segment=segment or None,
    )


def _evidence(node: _Node, series: dict[str, str]) -> EvidenceSlice:
    uid = str(node.item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
    numbers = [node.text_of(name) for name in (c.SERIES_NUMBER, c.INSTANCE_NUMBER)]
    series_number, instance_number = (None if n is None else int(n) for n in numbers)
    return EvidenceSlice(
        series_uid=series[uid], series_number=series_number, instance_uid=uid, instance_number=instance_number
    )


def _change(group: _Node) -> Change | None:
    node = group.first(c.CHANGE)
    if node is None:
        return None
    return Change(
        measurement=node.need(c.CHANGED).code,
        prior_value=node.need(c.PRIOR_VALUE).number,
        prior_date=node.text_of(c.PRIOR_DATE),
        direction=Direction(node.code.value),
        reason=node.text_of(c.REASON),
    )


def _earlier(node: _Node) -> PriorValues:
    return PriorValues(
        study_uid=node.need(c.EARLIER_STUDY).uid,
        date=node.text_of(c.PRIOR_DATE),
        measurements=tuple(
            Measurement(name=n.name, value=n.number, unit=n.unit) for n in node.children if n.kind == "NUM" and n.name
        ),
        reason=node.text_of(c.REASON),
    )


def _review(group: _Node) -> Review:
    node = group.first(c.REVIEW)
    if node is None:
        return Review()
    return Review(
        state=ReviewState(node.code.value),
        reviewer=node.text_of(c.REVIEWER),
        at=node.text_of(c.REVIEWED_AT),
        reason=node.text_of(c.REASON),
    )


def _status_change(node: _Node) -> StatusChange:
    return StatusChange(
        status=ReportStatus(node.code.value),
        by=node.need(c.BY).text,
        at=node.need(c.AT).text,
        reason=node.text_of(c.REASON),
    )


def _communication(node: _Node) -> Communication:
    return Communication(
        finding_uid=node.need(c.TRACKING_UID).uid,
        told=node.need(c.TOLD).text,
        by=node.need(c.BY).text,
        at=node.need(c.AT).text,
        how=node.need(c.HOW).text,
    )


def _sections(text: _Node) -> tuple[Section, ...]:
    return tuple(_section(n) for n in text.children if n.kind == "CONTAINER" and n.name != c.TRANSLATION)


def _translation(node: _Node | None) -> Translation | None:
    if node is None:
        return None
    return Translation(
        language=node.need(_LANGUAGE).code.value,
        sections=_sections(node),
        warnings=tuple(n.text for n in node.all(c.WARNING)),
    )


def _section(node: _Node) -> Section:
    if node.name is None:
        raise InputError("expected a name of each section in the structured report")
    return Section(name=SectionName(node.name.value), statements=_statements(node.all(c.SENTENCE)))


def _override(node: _Node | None) -> Override | None:
    if node is None:
        return None
    return Override(by=node.need(c.BY).text, at=node.need(c.AT).text, reason=node.need(c.REASON).text)


def _statements(nodes: Sequence[_Node]) -> tuple[Statement, ...]:
    return tuple(
        Statement(
            text=n.text,
            kind=StatementKind(n.need(c.KIND).code.value),
            source=Source(n.need(c.SOURCE).code.value),
            finding_uids=tuple(u.uid for u in n.all(c.TRACKING_UID)),
            replaces=n.text_of(c.REPLACES),
            objection=n.text_of(c.OBJECTION),
            override=_override(n.first(c.OVERRIDE)),
        )
        for n in nodes
    )
