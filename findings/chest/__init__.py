"""Chest CT: lungs and airways, emphysema, nodules, each measured in mm on the native grid."""

from tomoscribe.findings.chest.blobs import Candidate, CandidateConfig, candidates
from tomoscribe.findings.chest.cubes import NoduleClassifier, patches
from tomoscribe.findings.chest.lungs import Lungs, segment_lungs
from tomoscribe.findings.chest.measure import measure_chest
from tomoscribe.findings.chest.nodules import NoduleConfig

__all__ = [
    "Candidate",
    "CandidateConfig",
    "Lungs",
    "NoduleClassifier",
    "NoduleConfig",
    "candidates",
    "measure_chest",
    "patches",
    "segment_lungs",
]
