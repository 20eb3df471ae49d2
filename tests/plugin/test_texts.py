"""The table's rows and the report's text: every sentence a link, nothing unescaped."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape
from typing import Any

from tomoscribe.core import Section, SectionName, Source, Statement, StatementKind
from tomoscribe.core.serial import NOTICE
from tomoscribe.plugin.controls import banner_words
from tomoscribe.plugin.findings_table import rows_of
from tomoscribe.plugin.reporting.view import report_html
from tomoscribe.reports.export.text import plain_text


def test_rows_say_what_where_and_how_large(case: Any) -> None:
    rows = [r.cells for r in rows_of(case.reading.report.findings)]
    assert rows == [
        ("Solid nodule", "left", "14.2 × 13.0 mm", "0.91", "–", "–", "unreviewed"),
        ("? Pleural effusion", "right", "–", "0.40", "–", "–", "unreviewed"),
        ("Lung volume", "right", "2310 ml", "–", "–", "–", "unreviewed"),
        ("Lung volume", "left", "2310 ml", "–", "–", "–", "unreviewed"),
        ("Emphysema", "both", "–", "–", "–", "–", "not assessed"),
    ]


def test_details_hold_every_measurement_and_the_note(case: Any) -> None:
    rows = rows_of(case.reading.report.findings)
    assert "Mean diameter: 13.6 mm (mask)" in rows[0].details
    assert "Probability: 0.91" in rows[0].details
    assert "slices are thicker than 1.5 mm" in rows[-1].details


def test_every_sentence_is_a_link_in_reading_order(case: Any) -> None:
    report = case.reading.report
    links = re.findall(r'href="statement:(\d+)"[^>]*>([^<]*)</a>', report_html(report))
    assert [int(n) for n, _ in links] == list(range(len(report.statements)))
    assert [text for _, text in links] == [escape(s.text) for s in report.statements]


def test_review_list_and_not_assessed_have_their_sections(case: Any) -> None:
    html = report_html(case.reading.report)
    assert (
        html.index("IMPRESSION") < html.index("REVIEW LIST") < html.index("NOT ASSESSED") < html.index(escape(NOTICE))
    )


def test_who_worded_a_sentence_is_marked_and_a_refused_one_is_told(case: Any) -> None:
    told = Statement(
        text="A <b>bold</b> nodule.",
        kind=StatementKind.FINDING,
        source=Source.DECODER,
        finding_uids=(case.reading.report.findings[0].tracking_uid,),
    )
    replaced = replace(told, source=Source.WRITER, replaces="Two nodules.", objection="count is 1, not 2")
    section = Section(name=SectionName.FINDINGS, statements=(told, replaced))
    html = report_html(replace(case.reading.report, sections=(section,), warnings=("a & b",)))
    assert "A &lt;b&gt;bold&lt;/b&gt; nodule." in html
    assert re.findall(r"<sup[^>]*>(.)</sup>", html) == ["D", "W"]
    assert "count is 1, not 2" in html
    assert "a &amp; b" in html


def test_only_the_sentences_in_focus_are_highlighted(case: Any) -> None:
    html = report_html(case.reading.report, focus=[2])
    assert re.findall(r'href="statement:(\d+)" style="[^"]*background', html) == ["2"]


def test_plain_text_says_that_it_is_not_signed(case: Any) -> None:
    lines = plain_text(case.reading.report).splitlines()
    assert lines[0] == "DRAFT - NOT SIGNED"
    assert lines[-1] == NOTICE
    assert all(s.text in lines for s in case.reading.report.statements)


def test_the_banner_names_no_patient(case: Any) -> None:
    assert banner_words(case.study) == ("CT chest", "2031-05-04 · 61 years · female")
    unknown = replace(case.study, age_years=None, sex=None, date=None, description=None)
    assert banner_words(unknown) == ("No description", "date unknown · age unknown · sex unknown")
