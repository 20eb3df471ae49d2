"""The trial from settings to report."""

from __future__ import annotations

import time

from tomoscribe.validation.findings_trial.document import findings_report, seeds_of
from tomoscribe.validation.findings_trial.run import Settings, Tell, run_findings
from tomoscribe.validation.report.facts import facts
from tomoscribe.validation.report.model import ValidationReport


def validate_findings(settings: Settings, tell: Tell | None = None, *, is_quick: bool = False) -> ValidationReport:
    """Reads every study and scores it; errors are those of ``run_findings``."""
    known = facts(seeds_of(settings))
    start = time.perf_counter()
    outcome = run_findings(settings, tell)
    return findings_report(outcome, known, seconds=time.perf_counter() - start, is_quick=is_quick)
