"""The types that cross the folders' borders: geometry, volumes, studies, findings, reports. numpy and stdlib only."""

from tomoscribe.core.code import Code
from tomoscribe.core.finding import (
    Attribute,
    Change,
    Direction,
    EvidenceSlice,
    Finding,
    Laterality,
    Measurement,
    Point,
    Presence,
    PriorValues,
    Region,
    Review,
    ReviewState,
    reportable,
)
from tomoscribe.core.geometry import Geometry
from tomoscribe.core.provenance import Provenance, Timing
from tomoscribe.core.report import (
    Communication,
    Override,
    Reading,
    Report,
    ReportStatus,
    Section,
    SectionName,
    Source,
    Statement,
    StatementKind,
    StatusChange,
    Translation,
)
from tomoscribe.core.study import Acquisition, ClinicalContext, Series, SeriesRef, Study, Verdict
from tomoscribe.core.volume import Algorithm, LabelMap, Segment, Volume

__all__ = [
    "Acquisition", "Algorithm", "Attribute", "Change", "ClinicalContext", "Code", "Communication", "Direction",
    "EvidenceSlice", "Finding", "Geometry", "LabelMap", "Laterality", "Measurement", "Override", "Point", "Presence",
    "PriorValues", "Provenance", "Reading", "Region", "Report", "ReportStatus", "Review", "ReviewState", "Section",
    "SectionName", "Segment", "Series", "SeriesRef", "Source", "Statement", "StatementKind", "StatusChange", "Study",
    "Timing", "Translation", "Verdict", "Volume", "reportable",
]  # fmt: skip
