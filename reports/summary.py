"""A reading in a few plain lines, for a terminal."""

from __future__ import annotations

from tomoscribe.core import Presence, Reading, SectionName
from tomoscribe.reports.labels import labels_of


def summary_lines(reading: Reading) -> list[str]:
    """Impression, number of findings, warnings, time and memory."""
    report = reading.report
    label = labels_of(report.language)
    lines = [f"{label('WARNING')}: {w}" for w in report.warnings]
    impression = report.section(SectionName.IMPRESSION)
    if impression is not None:
        lines += [label("Impression").upper(), *(f"  {s.text}" for s in impression.statements)]
    present = sum(f.presence is Presence.PRESENT for f in report.findings)
    uncertain = sum(f.presence is Presence.UNCERTAIN for f in report.findings)
    counted = label("{present} findings present, {uncertain} on the review list. Draft; not a medical device.")
    lines.append(counted.format(present=present, uncertain=uncertain))
    timing = report.provenance.timing
    if timing.seconds:
        total = sum(s for _, s in timing.seconds)
        stages = ", ".join(f"{name} {s:.1f}" for name, s in timing.seconds)
        peak = f"; peak memory {timing.peak_memory_bytes / 1e9:.2f} GB" if timing.peak_memory_bytes else ""
        lines.append(f"{total:.1f} s ({stages}){peak}")
    return lines
