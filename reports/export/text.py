"""The report as plain text, for another system's text field."""

from __future__ import annotations

from collections.abc import Callable

from tomoscribe.core import Report
from tomoscribe.core.serial import NOTICE


def plain_text(report: Report, words: Callable[[str], str] = str) -> str:
    """Status, warnings, sections, signature, notice; lines as long as the sentences are.

    Args:
        words: labels in the report's language.
    """
    status = words(report.status.value.replace("_", " ")).upper()
    lines = [status if report.verified_by else f"{status} - {words('NOT SIGNED')}"]
    lines += [f"{words('WARNING')}: {w}" for w in report.warnings]
    for section in report.sections:
        if section.statements:
            title = words(section.name.value.replace("_", " ").capitalize()).upper()
            lines += ["", title, *(s.text for s in section.statements)]
    steps = [step for step in report.history if step.by]
    if steps:
        lines.append("")
    for step in steps:
        reason = f" ({step.reason})" if step.reason else ""
        lines.append(f"{words(step.status.value.replace('_', ' ')).capitalize()}: {step.by}, {step.at}{reason}")
    return "\n".join([*lines, "", words(NOTICE)]) + "\n"
