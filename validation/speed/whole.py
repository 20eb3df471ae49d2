"""The trial from settings to report."""

from __future__ import annotations

import time

from tomoscribe.validation.report.facts import facts
from tomoscribe.validation.report.model import ValidationReport
from tomoscribe.validation.speed.document import speed_report
from tomoscribe.validation.speed.trial import Settings, Tell, run_speed


def validate_speed(settings: Settings, tell: Tell, *, is_quick: bool = False) -> ValidationReport:
    """Times everything; errors are those of ``run_speed``."""
    known = facts({"resampling": "0"})
    start = time.perf_counter()
    measured = run_speed(settings, tell)
    return speed_report(measured, known, seconds=time.perf_counter() - start, is_quick=is_quick)
