"""The deterministic writer (English)."""

from tomoscribe.reports.writer.report import write_report
from tomoscribe.reports.writer.sentences import (
    Phrasebook,
    finding_statements,
    impression_statements,
    review_statement,
    unassessed_statement,
)

__all__ = [
    "Phrasebook",
    "finding_statements",
    "impression_statements",
    "review_statement",
    "unassessed_statement",
    "write_report",
]
