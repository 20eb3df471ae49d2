"""The gate: headers of one series UID -> the volumes they may become, each accepted, resampled or refused."""

from tomoscribe.encoders.dicom.gate.checks import judge
from tomoscribe.encoders.dicom.gate.grid import geometry_of, sort_by_position
from tomoscribe.encoders.dicom.gate.parts import Part, judge_part, parts_of
from tomoscribe.encoders.dicom.gate.refusal import Refusal

__all__ = ["Part", "Refusal", "geometry_of", "judge", "judge_part", "parts_of", "sort_by_position"]
