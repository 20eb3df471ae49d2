"""``report.html``: one file without any reference outside itself, for screen and paper.

Each sentence is linked to its findings, each finding to its key images and numbers. The page shows study date, age, sex
and a shortened Study UID, but neither name nor ID of the patient: identifiers stay in ``encoders/dicom`` and the DICOM
exports. A page that goes into a patient's record needs the banner of the system that files it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tomoscribe.core import (
    Change,
    Direction,
    Finding,
    Laterality,
    Measurement,
    Presence,
    PriorValues,
    Provenance,
    Reading,
    Report,
    ReviewState,
    Source,
    Statement,
    Volume,
    terms,
)
from tomoscribe.core.serial import NOTICE
from tomoscribe.reports.key_images import ORGANS, KeyImage, Mark, draw_all
from tomoscribe.reports.labels import Labels, labels_of
from tomoscribe.reports.writer.report import by_urgency

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
TEMPLATE = "report.html.j2"
CJK_FONTS = '"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Zen Hei"'
"""Fonts with Chinese characters on macOS, Windows and Linux, for CSS."""
_UNITS = {"d": "days", "mm3": "mm³", "mL": "ml", "[hnsf'U]": "HU", "1": ""}
_PRESENCE_WORDS = {
    Presence.PRESENT: "present",
    Presence.UNCERTAIN: "to be reviewed",
    Presence.ABSENT: "absent",
    Presence.NOT_ASSESSED: "not assessed",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a measurement table."""

    name: str
    value: str
    unit: str
    uncertainty: str
    method: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """A finding as the page shows it."""

    anchor: str
    number: int
    title: str
    presence: str
    finding: Finding
    probability: str
    rows: tuple[Row, ...]
    facts: tuple[tuple[str, str], ...]
    images: tuple[KeyImage, ...]
    caption: str
    note: str

    @property
    def place(self) -> Presence | None:
        """Among the present findings, among those to be reviewed, or, rejected ones too, in the table of the rest."""
        shown = (Presence.PRESENT, Presence.UNCERTAIN)
        is_shown = self.finding.presence in shown and self.finding.review.state is not ReviewState.REJECTED
        return self.finding.presence if is_shown else None


@dataclass(frozen=True, kw_only=True)
class Line:
    """A sentence as the page shows it."""

    statement: Statement
    links: tuple[tuple[str, str, str], ...]
    """Anchor, number and title of each finding behind it."""
    source: str


def render_html(
    reading: Reading, volumes: Mapping[str, Volume], pictures: Mapping[str, tuple[KeyImage, ...]] | None = None
) -> str:
    """The page.

    Args:
        reading: with the label maps that the regions of its findings name.
        volumes: by series UID; a finding whose volume is not among them has no key image.
        pictures: by tracking UID, what was drawn before, for a reading that was opened again; None to draw them.
    """
    drawn = draw_all(reading, volumes) if pictures is None else pictures
    return _template().render(_context(reading, drawn, labels_of(reading.report.language)))


@cache
def _template() -> Template:
    """Compiled once: that takes longer than to fill it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["svg_points"] = _svg_points
    environment.globals["caliper_ticks"] = _caliper_ticks
    environment.globals["label_place"] = _label_place
    return environment.get_template(TEMPLATE)


def _context(reading: Reading, pictures: Mapping[str, tuple[KeyImage, ...]], labels: Labels) -> dict[str, Any]:
    report, study = reading.report, reading.study
    cards = [_card(n, f, pictures, labels) for n, f in enumerate(report.findings, start=1)]
    by_uid = {c.finding.tracking_uid: c for c in cards}
    organs = [c for c in cards if c.finding.type == terms.ORGAN_MEASUREMENT and c.finding.measurements]
    rest = [c for f in by_urgency(report.findings) if (c := by_uid[f.tracking_uid]) not in organs]
    return {
        "report": report,
        "t": labels,
        "joint": labels.language.text("part_joint"),
        "cjk": CJK_FONTS,
        "notice": labels(NOTICE),
        "status": labels(report.status.value.replace("_", " ")),
        "facts": _study_facts(reading, labels),
        "sections": _sections(report, by_uid, labels),
        "signed_words": _signed_words(report, labels),
        "translation": _translation(report, by_uid, labels),
        "organs": organs,
        "organ_images": pictures.get(ORGANS, ()),
        "present": [c for c in rest if c.place is Presence.PRESENT],
        "review": [c for c in rest if c.place is Presence.UNCERTAIN],
        "other": [c for c in rest if c.place is None],
        "provenance": provenance_rows(report),
        "timing": _timing(report.provenance, labels),
        "title": study.description or labels("Radiology report"),
    }


def _sections(report: Report, cards: Mapping[str, Card], labels: Labels) -> list[tuple[str, str, list[Line]]]:
    """Name, heading and lines of each section that says something."""
    return [
        (s.name.value, labels(_title(s.name.value)), [_line(t, cards) for t in s.statements])
        for s in report.sections
        if s.statements
    ]


def _signed_words(report: Report, labels: Labels) -> str:
    words = labels("Signed text: {language}" if report.is_signed else "Text for signature: {language}")
    return words.format(language=labels.language_name(report.language))


def _translation(report: Report, cards: Mapping[str, Card], labels: Labels) -> dict[str, Any] | None:
    """The translation in its own language, with the words that it is none of the signed text."""
    second = report.in_translation()
    if second is None:
        return None
    own = labels_of(second.language)
    words = own("Translation: {language}. Not the signed text; where the two differ, the {signed} text holds.")
    return {
        "language": second.language,
        "words": words.format(language=own.language_name(second.language), signed=own.language_name(report.language)),
        "sections": _sections(second, cards, own),
        "warnings": second.warnings,
    }


def _study_facts(reading: Reading, labels: Labels) -> list[tuple[str, str]]:
    study = reading.study
    age = labels("unknown") if study.age_years is None else labels("{age} years").format(age=f"{study.age_years:.0f}")
    sex = {"M": "male", "F": "female", "O": "other", None: "unknown"}[study.sex]
    uid = study.study_uid
    return [
        (labels("Study date"), study.date or labels("unknown")),
        (labels("Examination"), study.description or labels("not named")),
        (labels("Age"), age),
        (labels("Sex"), labels(sex)),
        (labels("Study UID"), f"…{uid[-12:]}" if len(uid) > 16 else uid),
    ]


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _line(statement: Statement, cards: Mapping[str, Card]) -> Line:
    behind = [cards[u] for u in statement.finding_uids]
    source = "" if statement.source is Source.WRITER else statement.source.value
    return Line(statement=statement, links=tuple((c.anchor, str(c.number), c.title) for c in behind), source=source)


def _card(number: int, finding: Finding, pictures: Mapping[str, tuple[KeyImage, ...]], labels: Labels) -> Card:
    images = pictures.get(finding.tracking_uid, ())
    rejected = finding.review.state is ReviewState.REJECTED
    if finding.presence is Presence.UNCERTAIN:
        images = tuple(i for i in images if i.window == images[0].window)
    return Card(
        anchor=f"finding-{number}",
        number=number,
        title=title_of(finding, labels),
        presence=labels("rejected" if rejected else _PRESENCE_WORDS[finding.presence]),
        finding=finding,
        probability="" if finding.probability is None else f"{finding.probability:.2f}",
        rows=rows_of(finding, labels),
        facts=tuple(_facts(finding, labels)),
        images=images,
        caption=_evidence(finding, labels),
        note=_note(finding, labels),
    )


def _note(finding: Finding, labels: Labels) -> str:
    """The measuring's own note; for a rejected finding who rejected it and why, in that person's words."""
    if finding.review.state is ReviewState.REJECTED:
        return f"{finding.review.reason} ({finding.review.reviewer})"
    return labels.language.note(finding.note) if finding.note else ""


def title_of(finding: Finding, labels: Labels) -> str:
    """What people call the finding: its type, or the organ that was measured, and the side."""
    kind, site = labels.term(finding.type), labels.term(finding.site)
    if finding.type == terms.ORGAN_MEASUREMENT:
        words = site
        if finding.laterality in (Laterality.RIGHT, Laterality.LEFT):
            return labels.language.sided(finding.laterality, words)
    elif finding.site == terms.LUNG or _stems(finding.site.meaning) & _stems(finding.type.meaning):
        words = kind
    else:
        words = labels.language.text("part_joint").join((kind, labels.language.lowered(site)))
    if finding.laterality is None:
        return words
    side = labels("both sides" if finding.laterality is Laterality.BILATERAL else finding.laterality.value)
    return labels.language.text("part_joint").join((words, side))


def _stems(words: str) -> set[str]:
    """Beginnings of the longer words, to see that "Pleural effusion" need not be told to be of the pleura."""
    return {word[:5] for word in words.lower().split() if len(word) > 4}


_HISTORY_OF = (terms.LONG_AXIS, terms.SHORT_AXIS, terms.MEAN_DIAMETER, terms.VOLUME)
"""What the table over all dates holds."""


def rows_of(finding: Finding, labels: Labels) -> tuple[Row, ...]:
    """The lines of a finding in a measurement table."""
    return tuple(_row(m, labels) for m in finding.measurements)


def _row(measurement: Measurement, labels: Labels) -> Row:
    whole = measurement.name == terms.COUNT
    spread = measurement.uncertainty
    return Row(
        name=labels.term(measurement.name),
        value=_number(measurement.value, 0 if whole else 1),
        unit=labels(_UNITS.get(measurement.unit.value, measurement.unit.value)),
        uncertainty="" if spread is None else f"± {_number(spread, 1)}",
        method=labels(measurement.method),
    )


def _number(value: float, places: int) -> str:
    text = f"{value:.{places}f}"
    return "−" + text[1:] if text.startswith("-") else text


def _facts(finding: Finding, labels: Labels) -> list[tuple[str, str]]:
    facts = [(labels.term(a.name), labels.term(a.value)) for a in finding.attributes]
    if finding.change is not None:
        facts.append((labels("Change"), _change_words(finding.change, labels)))
    facts += [
        (labels("Examination of {date}").format(date=h.date or "?"), _earlier(h, labels)) for h in finding.history
    ]
    if finding.review.state is not ReviewState.UNREVIEWED:
        words = labels("{state} by {reviewer}")
        state = labels(finding.review.state.value)
        facts.append((labels("Review"), words.format(state=state, reviewer=finding.review.reviewer)))
    elif finding.presence is Presence.PRESENT:
        facts.append((labels("Review"), labels("not reviewed yet")))
    if finding.region is not None:
        x, y, z = (_number(v, 1) for v in finding.region.center_mm)
        facts.append((labels("Center (x, y, z; LPS)"), f"{x}, {y}, {z} mm"))
    facts.append((labels("Measured by"), finding.provenance.model))
    return facts


def _change_words(change: Change, labels: Labels) -> str:
    name = labels.language.lowered(labels.term(change.measurement))
    since = labels(" since {date}").format(date=change.prior_date) if change.prior_date else ""
    if change.direction is Direction.NOT_COMPARABLE:
        reason = labels.language.note(change.reason or "")
        return labels("{name} cannot be compared{since}: {reason}").format(name=name, since=since, reason=reason)
    direction, prior = labels(change.direction.value), _number(change.prior_value, 1)
    words = labels("{name} {direction}{since}, before {prior}")
    return words.format(name=name, direction=direction, since=since, prior=prior)


def _earlier(values: PriorValues, labels: Labels) -> str:
    """One date of the table: what the finding measured then, and why that cannot be compared, if it cannot."""
    joint = labels.language.text("part_joint")
    sizes = [_row(m, labels) for m in values.measurements if m.name in _HISTORY_OF]
    words = joint.join(f"{labels.language.lowered(r.name)} {r.value} {r.unit}" for r in sizes)
    if values.reason is not None:
        not_compared = labels("not compared: {reason}").format(reason=labels.language.note(values.reason))
        return f"{words}{labels.language.text('note_joint')}{not_compared}" if words else not_compared
    return words or labels("aerated lung at this place")


def _evidence(finding: Finding, labels: Labels) -> str:
    words = labels("series {series}, image {image}")
    return labels.language.text("note_joint").join(
        words.format(
            series="?" if e.series_number is None else e.series_number,
            image="?" if e.instance_number is None else e.instance_number,
        )
        for e in finding.evidence
    )


def provenance_rows(report: Report) -> list[Provenance]:
    """The report's, then each other one among the findings, once."""
    rows = [report.provenance]
    for finding in report.findings:
        if finding.provenance not in rows:
            rows.append(finding.provenance)
    return rows


def _timing(provenance: Provenance, labels: Labels) -> list[tuple[str, str]]:
    timing = provenance.timing
    rows = [(labels(name), f"{seconds:.1f} s") for name, seconds in timing.seconds]
    if timing.seconds:
        rows.append((labels("Total"), f"{sum(s for _, s in timing.seconds):.1f} s"))
    if timing.peak_memory_bytes is not None:
        rows.append((labels("Peak memory"), f"{timing.peak_memory_bytes / 1e9:.2f} GB"))
    return rows


def _svg_points(points: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)


def _caliper_ticks(points: tuple[tuple[float, float], ...], length_mm: float) -> list[str]:
    """Short strokes across both ends of a caliper, as SVG points."""
    (x0, y0), (x1, y1) = points
    long = max(((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5, 1e-6)
    dx, dy = -(y1 - y0) / long * length_mm / 2, (x1 - x0) / long * length_mm / 2
    return [_svg_points(((x - dx, y - dy), (x + dx, y + dy))) for x, y in points]


def _label_place(image: KeyImage, mark: Mark, em: float) -> tuple[float, float, str]:
    """Where the length beside a caliper stands: x, y in picture mm and the SVG text anchor; beyond the roomier end."""
    width, height = 4.6 * em, 1.3 * em
    (x0, y0), (x1, y1) = mark.points
    flat = abs(x1 - x0) >= abs(y1 - y0)
    if flat:
        right, left = max(mark.points), min(mark.points)
        if image.width_mm - right[0] >= width:
            return right[0] + 0.6 * em, _off_letter(image, right[1] + 0.35 * em, em), "start"
        return left[0] - 0.6 * em, _off_letter(image, left[1] + 0.35 * em, em), "end"
    top, bottom = min(mark.points, key=lambda p: p[1]), max(mark.points, key=lambda p: p[1])
    x = min(max(top[0], width / 2), image.width_mm - width / 2)
    return (x, top[1] - 0.6 * em, "middle") if top[1] >= 2 * height else (x, bottom[1] + 1.4 * em, "middle")


def _off_letter(image: KeyImage, y: float, em: float) -> float:
    """A height of text that leaves the letters halfway up the sides readable."""
    middle = image.height_mm / 2 + 0.35 * em
    if abs(y - middle) >= 1.3 * em:
        return y
    return middle + (1.3 * em if y >= middle else -1.3 * em)
