"""Change against earlier studies: lesions matched by alignment, each measured on its own grid."""

from tomoscribe.findings.change.compare import Prior, compare
from tomoscribe.findings.change.growth import Repeatability

__all__ = ["Prior", "Repeatability", "compare"]
