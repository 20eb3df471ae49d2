"""The report as a PDF that a radiologist would sign: A4, black on white, everything that the signature stands for.

Patient and study, report by section with the impression set off, key images, measurements to 0.1 mm, who signed when,
who was told, what made it. Each page names patient and study and says that this is no medical device. The same report
gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from tomoscribe.core import Finding, Reading, Report, SectionName, reportable, terms
from tomoscribe.core.serial import NOTICE, to_json
from tomoscribe.reports.export import document_font as fonts
from tomoscribe.reports.export.html import provenance_rows, rows_of, title_of
from tomoscribe.reports.export.patient_facts import PatientFacts, iso_date
from tomoscribe.reports.key_images import KeyImage
from tomoscribe.reports.labels import Labels
from tomoscribe.reports.writer.report import by_urgency

MARGIN_MM = 16.0
WIDTH_MM = 210.0 - 2 * MARGIN_MM
PICTURE_MM = 48.0
_INK, _HEAD, _SOFT, _LINE, _SHADE = "#101820", "#0b4a7a", "#55606b", "#b8c2cb", "#f0f3f6"
_SIGNS = "–−±·×"


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a PDF is made of.

    Args:
        reading: whose report is printed.
        patient: whose it is.
        pictures: by tracking UID, key images with their marks drawn in.
        words: labels in the report's language.
    """

    reading: Reading
    patient: PatientFacts
    pictures: Mapping[str, tuple[KeyImage, ...]]
    words: Labels


def render_pdf(page: Page) -> bytes:
    """The PDF, its font embedded.

    Raises:
        MissingExtraError: the packages of the extra ``documents`` are not installed.
    """
    font, characters = _register_font(page)
    from reportlab.lib.units import mm
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

    builder = _Builder(page, font, characters)
    out = io.BytesIO()
    document = BaseDocTemplate(
        out,
        leftMargin=MARGIN_MM * mm,
        rightMargin=MARGIN_MM * mm,
        topMargin=21 * mm,
        bottomMargin=20 * mm,
        title=page.words("Radiology report"),
        author="tomoscribe",
        subject=page.patient.study_uid,
        invariant=1,
        lang=page.reading.report.language,
        initialFontName=font,
    )
    frame = Frame(document.leftMargin, document.bottomMargin, document.width, document.height, 0, 0, 0, 0)
    document.addPageTemplates([PageTemplate(frames=[frame])])
    edges = _Edges(head=builder.head(), foot=builder.text(page.words(NOTICE)), font=font, words=page.words)
    document.build(builder.story(), canvasmaker=_canvas_of(edges))
    return out.getvalue()


def _register_font(page: Page) -> tuple[str, frozenset[int]]:
    """Makes the font of every character that the page may need; its name in the PDF library, and its characters."""
    known = fonts.known_characters()
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    report = json.dumps(to_json(page.reading.report), ensure_ascii=False)
    latin = {*range(0x20, 0x7F), *range(0xA0, 0x100)}
    labels = "".join((*page.words.words.values(), *page.words.terms.values()))
    characters = known & (latin | {ord(c) for c in {*report, *repr(page.patient), *labels, *_SIGNS}})
    text = "".join(chr(c) for c in sorted(characters))
    name = f"NotoSansSC-Regular-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    if name not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(name, fonts.subset_truetype(text, name)))
    return name, frozenset(characters)


class _Builder:
    """Makes the flowables."""

    def __init__(self, page: Page, font: str, characters: frozenset[int]) -> None:
        self.page = page
        self._font = font
        self._known = characters
        self._styles = _styles(page.reading.report.language, font)

    def text(self, words: str) -> str:
        """The words as the font can write them."""
        return fonts.spelled(words, self._known)

    def head(self) -> str:
        """The line that names patient and study on every page."""
        patient = self.page.patient
        parts = [patient.name.readable, patient.patient_id, iso_date(patient.study_date), patient.accession_number]
        return self.text("  ·  ".join(p for p in parts if p))

    def story(self) -> list[Any]:
        return [
            self._title(), _gap(1.5), self._patient(), *self._warnings(), *self._sections(), *self._signature(),
            *self._key_images(), *self._measurements(), *self._provenance(),
        ]  # fmt: skip

    def paragraph(self, words: str, style: str = "body") -> Any:
        from reportlab.platypus import Paragraph

        return Paragraph(escape(self.text(words)), self._styles[style])

    def _title(self) -> Any:
        report, words = self.page.reading.report, self.page.words
        title = self.paragraph(words("Radiology report"), "title")
        status = self.paragraph(words(report.status.value.replace("_", " ")).upper(), "status")
        place = self.paragraph(self.page.patient.institution or " ", "small")
        rows = [[title, status], [place, _gap(0)]]
        return self._table(rows, _widths(0.68, 0.32), [("VALIGN", _ALL, "BOTTOM"), *_NO_PADDING, *_LOWER])

    def _patient(self) -> Any:
        patient, words = self.page.patient, self.page.words
        sex = {"M": "male", "F": "female", "O": "other"}.get(patient.sex, "unknown")
        referring = patient.referring_physician.readable
        identifier = f"{patient.patient_id} ({patient.issuer})" if patient.issuer else patient.patient_id
        cells = [
            ("Patient", patient.name.readable), ("Patient ID", identifier),
            ("Birth date", iso_date(patient.birth_date)), ("Sex", words(sex)),
            ("Study date", iso_date(patient.study_date)), ("Accession number", patient.accession_number),
            ("Study", patient.description), ("Referring physician", referring),
        ]  # fmt: skip
        rows = []
        for left, right in zip(cells[::2], cells[1::2], strict=True):
            row: list[Any] = []
            for name, value in (left, right):
                row += [self.paragraph(words(name), "small"), self.paragraph(value or "–", "cell")]
            rows.append(row)
        uid = [self.paragraph(words("Study UID"), "small"), self.paragraph(patient.study_uid, "cell"), _gap(0), _gap(0)]
        return self._table([*rows, uid], _widths(0.15, 0.38, 0.18, 0.29), [*_BOXED, ("SPAN", ((1, 4), (3, 4)))])

    def _warnings(self) -> list[Any]:
        return [self.paragraph(f"! {w}", "warning") for w in self.page.reading.report.warnings]

    def _sections(self) -> list[Any]:
        parts: list[Any] = []
        for section in self.page.reading.report.sections:
            if not section.statements:
                continue
            heading = self._heading(section.name.value.replace("_", " ").capitalize())
            style = "strong" if section.name is SectionName.IMPRESSION else "body"
            sentences = [self.paragraph(s.text, style) for s in section.statements]
            parts += [_together([heading, sentences[0]]), *sentences[1:]]
        return parts

    def _heading(self, words: str) -> Any:
        return self.paragraph(self.page.words(words), "heading")

    def _signature(self) -> list[Any]:
        report, words = self.page.reading.report, self.page.words
        rows = []
        for step in report.history:
            name = words(step.status.value.replace("_", " ")).capitalize()
            reason = f"; {step.reason}" if step.reason else ""
            rows.append(
                [self.paragraph(name, "cell"), self.paragraph(f"{step.by}, {_moment(step.at)}{reason}", "cell")]
            )
        for told in report.communications:
            finding = title_of(report.finding(told.finding_uid), words)
            line = f"{finding}: {told.told}, {_moment(told.at)}, {told.how} ({told.by})"
            name = words("Critical finding told")
            rows.append([self.paragraph(name, "cell"), self.paragraph(line, "cell")])
        if not rows:
            return []
        return [_together([self._heading("Signature"), self._table(rows, _widths(0.22, 0.78), _BOXED)])]

    def _key_images(self) -> list[Any]:
        numbers = _numbers(self.page.reading.report)
        parts: list[Any] = []
        for uid, number in numbers.items():
            pictures = self.page.pictures.get(uid, ())
            if not pictures:
                continue
            title = f"{number}  {title_of(self.page.reading.report.finding(uid), self.page.words)}"
            row = [self._picture(p) for p in pictures[:3]]
            heading = [self._heading("Key images")] if not parts else []
            parts.append(_together([*heading, self.paragraph(title, "caption"), self._row_of(row)]))
        return parts

    def _row_of(self, pictures: Sequence[Sequence[Any]]) -> Any:
        cells = [*pictures, *(_gap(0) for _ in range(3 - len(pictures)))]
        return self._table([cells], _widths(1 / 3, 1 / 3, 1 / 3), _PICTURES)

    def _table(
        self,
        rows: Sequence[Sequence[Any]],
        widths: Sequence[float],
        style: Sequence[tuple[Any, ...]],
        repeated: int = 0,
    ) -> Any:
        """A table; each command of its style is a name, a box of two cells, and the values."""
        from reportlab.platypus import Table

        table = Table([list(row) for row in rows], colWidths=list(widths), repeatRows=repeated)
        table.setStyle([("FONTNAME", *_ALL, self._font), *((name, *box, *values) for name, box, *values in style)])
        return table

    def _picture(self, picture: KeyImage) -> list[Any]:
        from PIL import Image as Pixels
        from reportlab.lib.units import mm
        from reportlab.platypus import Image

        height = round(picture.pixels.shape[1] * picture.height_mm / picture.width_mm)
        shown = Pixels.fromarray(picture.pixels[:height])
        buffer = io.BytesIO()
        shown.save(buffer, "PNG")
        scale = PICTURE_MM * mm / max(shown.size)
        image = Image(buffer, shown.width * scale, shown.height * scale)
        return [image, _gap(0.8), self.paragraph(self._where(picture), "tiny")]

    def _where(self, picture: KeyImage) -> str:
        words = self.page.words
        series = "?" if picture.series_number is None else picture.series_number
        if picture.instance_number is None:
            place = words("series {series}, reformatted").format(series=series)
        else:
            place = words("series {series}, image {image}").format(series=series, image=picture.instance_number)
        plane = words("{plane} plane").format(plane=words(picture.plane))
        window = words("{window} window").format(window=words(picture.window.name))
        level = f"{picture.window.level:.0f}".replace("-", "−")
        where = words.language.text("part_joint").join((plane, place, window))
        return f"{where} " + f"W {picture.window.width:.0f} L {level}".replace(" ", "\u00a0")

    def _measurements(self) -> list[Any]:
        words, report = self.page.words, self.page.reading.report
        numbers = _numbers(report)
        has_spread = any(m.uncertainty is not None for uid in numbers for m in report.finding(uid).measurements)
        columns = [c for c in _COLUMNS if c.name != "1 SD" or has_spread]
        rows, lines = [[self.paragraph(words(c.name), "small") for c in columns]], []
        for uid, number in numbers.items():
            for n, cells in enumerate(self._lines(number, report.finding(uid))):
                rows.append([self.paragraph(cells[c.name], c.style) for c in columns])
                if n == 0:
                    lines.append(len(rows) - 1)
        if len(rows) == 1:
            return []
        rules: list[tuple[Any, ...]] = [("LINEABOVE", ((0, n), (-1, n)), 0.4, _LINE) for n in lines]
        ends = [n - 1 for n in lines[1:]] + [len(rows) - 1]
        rules += [("NOSPLIT", ((0, n), (-1, end))) for n, end in zip(lines, ends, strict=True)]
        total = sum(c.share for c in columns)
        table = self._table(rows, _widths(*(c.share / total for c in columns)), [*_RULED, *rules], repeated=1)
        return [_room(60), self._heading("Measurements"), table]

    def _lines(self, number: int, finding: Finding) -> list[dict[str, str]]:
        """The cells of a finding's lines in the table, by column; name and image stand in the first one only."""
        words, lines = self.page.words, []
        for n, row in enumerate(rows_of(finding, words)):
            name = f"{number}  {title_of(finding, words)}" if n == 0 else ""
            where = self._evidence(finding) if n == 0 else ""
            lines.append(
                {
                    "Finding": name, "Measurement": row.name, "Value": row.value, "Unit": row.unit,
                    "1 SD": row.uncertainty, "From": words(row.method), "Best seen on": where,
                }
            )  # fmt: skip
        return lines

    def _evidence(self, finding: Finding) -> str:
        words = self.page.words("series {series}, image {image}")
        return "; ".join(
            words.format(series=e.series_number or "?", image=e.instance_number or "?") for e in finding.evidence[:1]
        )

    def _provenance(self) -> list[Any]:
        words, rows = self.page.words, []
        for one in provenance_rows(self.page.reading.report):
            weights = (one.weights_sha256 or "–")[:16]
            line = f"{one.version}; {words('Weights SHA-256')} {weights}; {words('Configuration SHA-256')} " \
                   f"{(one.config_sha256 or '–')[:16]}; {one.device}; {words('Seed')} {one.seed}"  # fmt: skip
            rows.append([self.paragraph(one.model, "small"), self.paragraph(line, "small")])
        return [_together([self._heading("Provenance"), self._table(rows, _widths(0.24, 0.76), _BOXED)])]


def _numbers(report: Report) -> dict[str, int]:
    """Tracking UIDs of the reported findings, by urgency, organs last; the number that table and pictures share."""
    ordered = sorted(by_urgency(reportable(report.findings)), key=lambda f: f.type == terms.ORGAN_MEASUREMENT)
    return {f.tracking_uid: n for n, f in enumerate(ordered, start=1)}


def _moment(at: str) -> str:
    """``2031-05-05 10:00 +08:00`` of an ISO 8601 time."""
    from datetime import datetime

    moment = datetime.fromisoformat(at)
    return f"{moment:%Y-%m-%d %H:%M} {moment.isoformat()[-6:]}"


@dataclass(frozen=True, kw_only=True)
class _Column:
    """Of the table of measurements: its English name, its share of the width, the style of its cells."""

    name: str
    share: float
    style: str = "cell"


_COLUMNS = (
    _Column(name="Finding", share=0.24),
    _Column(name="Measurement", share=0.24),
    _Column(name="Value", share=0.1, style="number"),
    _Column(name="Unit", share=0.07),
    _Column(name="1 SD", share=0.09, style="number"),
    _Column(name="From", share=0.09),
    _Column(name="Best seen on", share=0.2),
)
_ALL = ((0, 0), (-1, -1))
_TOP = ("VALIGN", _ALL, "TOP")


def _padding(left: float, right: float, top: float, bottom: float) -> list[tuple[Any, ...]]:
    values = {"LEFT": left, "RIGHT": right, "TOP": top, "BOTTOM": bottom}
    return [(f"{side}PADDING", _ALL, value) for side, value in values.items()]


_NO_PADDING = _padding(0, 0, 0, 0)
_LOWER = [("TOPPADDING", ((0, 1), (-1, 1)), 3)]
_BOXED: list[tuple[Any, ...]] = [("BOX", _ALL, 0.6, _LINE), _TOP, *_padding(6, 6, 1.5, 1.5)]
_RULED: list[tuple[Any, ...]] = [("LINEBELOW", ((0, -1), (-1, -1)), 0.6, _LINE), _TOP, *_padding(2, 4, 1, 1)]
_PICTURES: list[tuple[Any, ...]] = [_TOP, *_padding(0, 4, 0, 3)]


def _widths(*shares: float) -> list[float]:
    from reportlab.lib.units import mm

    return [share * WIDTH_MM * mm for share in shares]


def _styles(language: str, font: str) -> dict[str, Any]:
    from reportlab.lib.styles import ParagraphStyle

    wrap = {"wordWrap": "CJK"} if language.startswith("zh") else {}

    def style(name: str, size: float, leading: float, **more: Any) -> Any:
        values = {"textColor": _INK, "bulletFontName": font, **wrap, **more}
        return ParagraphStyle(name, fontName=font, fontSize=size, leading=leading, **values)

    return {
        "title": style("title", 17, 21),
        "status": style("status", 11, 14, alignment=2),
        "heading": style("heading", 9, 11.5, textColor=_HEAD, spaceBefore=8, spaceAfter=2),
        "body": style("body", 9.5, 12.8, spaceAfter=3),
        "strong": style("strong", 10.5, 15.5, backColor=_SHADE, leftIndent=4, rightIndent=4),
        "warning": style("warning", 9, 12, spaceBefore=3, leftIndent=4),
        "cell": style("cell", 8.5, 11),
        "number": style("number", 8.5, 11, alignment=2),
        "small": style("small", 7.5, 10, textColor=_SOFT),
        "caption": style("caption", 9, 12, spaceBefore=3, spaceAfter=2),
        "tiny": style("tiny", 6.5, 8.5, textColor=_SOFT),
    }


def _room(height_mm: float) -> Any:
    """A new page, unless so much is left of this one."""
    from reportlab.lib.units import mm
    from reportlab.platypus import CondPageBreak

    return CondPageBreak(height_mm * mm)


def _gap(height_mm: float) -> Any:
    from reportlab.lib.units import mm
    from reportlab.platypus import Spacer

    return Spacer(1, height_mm * mm)


def _together(parts: Sequence[Any]) -> Any:
    from reportlab.platypus import KeepTogether

    return KeepTogether(list(parts))


@dataclass(frozen=True, kw_only=True)
class _Edges:
    """What stands above and below on each page."""

    head: str
    foot: str
    font: str
    words: Labels


def _canvas_of(edges: _Edges) -> Any:
    """A canvas class that writes head and foot on each page, when it is known how many there are."""
    from reportlab.lib.colors import HexColor
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.pdfgen.canvas import Canvas

    class Numbered(Canvas):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._pages: list[dict[str, Any]] = []

        def showPage(self) -> None:
            self._pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, state in enumerate(self._pages, start=1):
                self.__dict__.update(state)
                self._edges(number)
                super().showPage()
            super().save()

        def _edges(self, number: int) -> None:
            left, right, top = MARGIN_MM * mm, A4[0] - MARGIN_MM * mm, A4[1] - 13 * mm
            self.setFont(edges.font, 8)
            self.setFillColor(HexColor(_INK))
            self.drawString(left, top, edges.head)
            count = edges.words("Page {page} of {pages}").format(page=number, pages=len(self._pages))
            self.drawRightString(right, top, count)
            self.setStrokeColor(HexColor(_LINE))
            self.line(left, top - 2 * mm, right, top - 2 * mm)
            self.line(left, 15 * mm, right, 15 * mm)
            self.setFont(edges.font, 7.5)
            self.drawString(left, 11 * mm, edges.foot)

    return Numbered
