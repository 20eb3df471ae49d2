"""Nothing that the sheet does not hold can be said, whatever the decoder would like to say."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tomoscribe.core import Change, Direction, Finding, Laterality, Presence, SectionName, terms
from tomoscribe.findings.sheet import FactRow, FactSheet
from tomoscribe.fusion.language import Language
from tomoscribe.fusion.licence import licensed_words, row_numerals
from tomoscribe.fusion.prompts import TaggedSentence, report_pieces
from tomoscribe.fusion.report_model import NOT_ASSESSED, ReportModel
from tomoscribe.training import report_cases

NUMERAL = re.compile(r"\d{4}-\d\d-\d\d|(?<![\w.-])-?\d+(?:\.\d+)?(?!\w)")
TERMS_WITH_DIGITS = ("LAA-950", "below -950 HU", "Perc15", "15th")
MakeFinding = Callable[..., Finding]


def numerals(text: str) -> set[str]:
    for term in TERMS_WITH_DIGITS:
        text = text.replace(term, "")
    return set(NUMERAL.findall(text))


def sides(text: str) -> set[str]:
    return {w for w in re.findall(r"[a-z]+", text.lower()) if w in ("right", "left", "both", "bilateral", "midline")}


def check(sheet: FactSheet, sentences: Sequence[TaggedSentence]) -> None:
    for sentence in sentences:
        allowed = sheet.allowed_numbers(sentence.tag)
        assert numerals(sentence.text) <= allowed, (sentence.text, sheet.row(sentence.tag).text)
        lobe = {w for site in sheet.allowed_sites(sentence.tag) for w in site.split()}
        assert sides(sentence.text) <= sheet.allowed_sides(sentence.tag) | lobe, sentence.text


def sheets(count: int, first: int) -> list[FactSheet]:
    drawn = [report_cases.random_findings(random.Random(first + n), 5) for n in range(count)]
    return [FactSheet.from_findings([_numbered(f, n) for n, f in enumerate(d)]) for d in drawn]


def _numbered(finding: Finding, number: int) -> Finding:
    return replace(finding, tracking_uid=f"2.25.{number}")


def test_the_numerals_of_a_row_by_role(nodule: MakeFinding) -> None:
    change = Change(
        measurement=terms.LONG_AXIS, prior_value=10.0, prior_date="2023-05-01", direction=Direction.INCREASED
    )
    row = FactRow(tag="f1", finding=nodule(change=change))
    assert row_numerals(row) == {
        "long": "14",
        "short": "11",
        "volume": "850 mm3",
        "series": "3",
        "image": "45",
        "date": "2023-05-01",
        "now": "14 mm",
        "prior": "10 mm",
        "percent": "+42",
    }
    assert row_numerals(replace(row, withheld=True)) == {}


def test_the_words_that_a_row_and_its_change_license(nodule: MakeFinding) -> None:
    change = Change(
        measurement=terms.LONG_AXIS, prior_value=10.0, prior_date="2023-05-01", direction=Direction.INCREASED
    )
    row = FactRow(tag="f1", finding=nodule(change=change))
    words, of_change = licensed_words(row), licensed_words(row, comparison=True)
    assert {"nodule", "left", "lung", "solid", "short", "volume"} <= words
    assert not words & {"right", "mass", "no", "two", "increased", "diameter", "part-solid"}
    assert {"nodule", "increased", "long", "axis"} <= of_change
    assert not of_change & {"decreased", "short", "volume", "new"}


def test_random_weights_at_high_temperature_say_nothing_that_is_not_on_their_row(random_model: ReportModel) -> None:
    drawn = sheets(12, first=500)
    for sheet, sentences in zip(
        drawn, random_model.write_many([(s, None) for s in drawn], temperature=2.0, seed=4, batch=24), strict=True
    ):
        check(sheet, sentences)


def test_every_due_row_has_its_sentence_once_and_in_order(random_model: ReportModel, nodule: MakeFinding) -> None:
    organ = replace(
        nodule(tracking_uid="2.25.8"), type=terms.ORGAN_MEASUREMENT, attributes=(), evidence=(), actionable=False
    )
    uncertain = nodule(tracking_uid="2.25.9", presence=Presence.UNCERTAIN)
    many = [nodule(tracking_uid=f"2.25.{n}", laterality=Laterality.RIGHT) for n in range(20, 27)]
    sheet = FactSheet.from_findings([nodule(), organ, uncertain, *many])
    sentences = random_model.write(sheet, temperature=1.0, seed=1)
    due = ["f1", *(f"f{n}" for n in range(4, 11))]
    assert [s.tag for s in sentences if s.section is SectionName.FINDINGS] == ["f1", "f2", *due[1:]]
    assert [s.tag for s in sentences if s.section is SectionName.IMPRESSION] == due
    assert len(report_pieces(sheet)) > 1


def test_the_same_seed_says_the_same(random_model: ReportModel, nodule: MakeFinding) -> None:
    sheet = FactSheet.from_findings([nodule()])
    first, again, other = (random_model.write(sheet, temperature=1.0, seed=s) for s in (1, 1, 2))
    assert first == again != other


def test_a_note_and_a_reason_are_copied_in_word_for_word(random_model: ReportModel, nodule: MakeFinding) -> None:
    sheet = FactSheet.from_findings([nodule(note="size approximate because slices are 2.5 mm thick")])
    findings, impression = random_model.write(sheet, temperature=1.0)
    assert findings.text.endswith("; size approximate because slices are 2.5 mm thick.")
    assert "approximate" not in impression.text


def test_a_withheld_row_gives_no_numeral(random_model: ReportModel, nodule: MakeFinding) -> None:
    sheet = FactSheet.from_findings([nodule()]).withheld(["f1"])
    for seed in range(5):
        (sentence,) = random_model.write(sheet, temperature=1.5, seed=seed)
        assert numerals(sentence.text) == set()
        assert "right" not in sentence.text.lower()


def test_an_answer_cites_rows_in_order_or_says_not_assessed(random_model: ReportModel, nodule: MakeFinding) -> None:
    sheet = FactSheet.from_findings([nodule(tracking_uid=f"2.25.{n}") for n in range(3)])
    answer = random_model.answer("Is there a nodule on the <left>?", sheet)
    assert list(answer.tags) == sorted(set(answer.tags))
    check(sheet, answer.sentences)
    assert random_model.answer("any nodule?", FactSheet(rows=())).text == NOT_ASSESSED


@pytest.mark.parametrize("word", ["right", "no", "normal", "two", "part-solid", "emphysema"])
def test_a_word_that_the_row_does_not_license_is_masked(language: Language, nodule: MakeFinding, word: str) -> None:
    from tomoscribe.fusion.licence import licence_for

    licence = licence_for(FactSheet.from_findings([nodule()]), "f1", language)
    spelled = [n for n, text in language.fact_tokens.items() if text == word]
    assert not any(licence.words[n] or licence.glued[n] for n in spelled)
    left = [n for n, text in language.fact_tokens.items() if text == "left"]
    assert left
    assert all(licence.words[n] for n in left)
