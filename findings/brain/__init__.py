"""Brain MR: intracranial, brain and ventricular volumes, white-matter lesions on FLAIR."""

from tomoscribe.findings.brain.measure import measure_brain

__all__ = ["measure_brain"]
