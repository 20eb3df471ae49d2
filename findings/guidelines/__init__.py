"""Guidelines for pulmonary nodules: versioned, cited tables, and what they say of a study's findings."""

from tomoscribe.findings.guidelines.assess import Assessment, assess
from tomoscribe.findings.guidelines.tables import Guideline, guidelines

__all__ = ["Assessment", "Guideline", "assess", "guidelines"]
