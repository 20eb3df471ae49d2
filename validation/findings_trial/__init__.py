"""What the default weights find and measure, against what is true: samples, held-out phantoms, labelled real scans."""

from tomoscribe.validation.findings_trial.run import Outcome, Settings, run_findings

__all__ = ["Outcome", "Settings", "run_findings"]
