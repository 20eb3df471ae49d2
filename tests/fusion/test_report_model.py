"""The shipped weights: they load, stay inside the lock, and say what is on the sheet."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tomoscribe.core import Finding, Laterality, Presence, terms
from tomoscribe.core.errors import WeightsError
from tomoscribe.encoders.weights import list_weights
from tomoscribe.findings.sheet import FactSheet
from tomoscribe.fusion.report_model import NAME, NOT_ASSESSED, ReportModel
from tomoscribe.fusion.tokenizer import FOLDER
from tomoscribe.training import report_cases
from tomoscribe.training.report_text import language_sample

MakeFinding = Callable[..., Finding]
NUMERAL = re.compile(r"\d{4}-\d\d-\d\d|(?<![\w.-])-?\d+(?:\.\d+)?(?!\w)")


@pytest.fixture(scope="module")
def model() -> ReportModel:
    return ReportModel.load()


def test_the_file_is_small_and_the_one_of_the_manifest(model: ReportModel) -> None:
    entry = list_weights(FOLDER)[NAME]
    assert model.weights_sha256 == entry.sha256
    assert (FOLDER / entry.file).stat().st_size <= 8_000_000
    assert entry.recipe.startswith("report_")


def test_altered_weights_are_refused(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "weights")
    path = tmp_path / "weights" / list_weights(FOLDER)[NAME].file
    blob = bytearray(path.read_bytes())
    blob[-1] ^= 1
    path.write_bytes(bytes(blob))
    with pytest.raises(WeightsError, match="altered"):
        ReportModel.load(folder=tmp_path / "weights")


def test_every_spoken_word_of_the_shipped_model_is_whole(model: ReportModel) -> None:
    words = {w.strip(".,;:()[]%+") for e in language_sample(3000) for w in e.target.split()}
    spoken = {model.language.text(n) for n in model.language.spoken}
    assert [w for w in spoken if w.isalpha() and len(w) > 1 and w not in words] == []


@pytest.mark.slow
def test_at_temperature_1_no_numeral_is_written_that_its_row_does_not_allow(model: ReportModel) -> None:
    drawn = [report_cases.random_findings(random.Random(70_000 + n), 4) for n in range(50)]
    sheets = [
        FactSheet.from_findings([replace(f, tracking_uid=f"2.25.{n}") for n, f in enumerate(findings)])
        for findings in drawn
    ]
    written = 0
    for sheet, sentences in zip(
        sheets, model.write_many([(s, None) for s in sheets], temperature=1.0, seed=8, batch=128), strict=True
    ):
        for sentence in sentences:
            text = re.sub(r"LAA-950|below -950 HU|Perc15|15th", "", sentence.text)
            numerals = set(NUMERAL.findall(text))
            assert numerals <= sheet.allowed_numbers(sentence.tag), (sentence.text, sheet.row(sentence.tag).text)
            written += len(numerals)
    assert written > 300


def test_questions_are_answered_from_the_sheet_or_not_at_all(model: ReportModel, nodule: MakeFinding) -> None:
    organ = report_cases.organ(random.Random(0), "1", terms.LUNG, Laterality.LEFT, 3000.0)
    effusion = report_cases.suspicion(random.Random(0), "2", terms.PLEURAL_EFFUSION, Laterality.RIGHT)
    assert effusion.presence is Presence.UNCERTAIN
    sheet = FactSheet.from_findings([organ, nodule(), effusion])
    assert model.answer("How large is the nodule?", sheet).tags == ("f2",)
    assert model.answer("What is the volume of the left lung?", sheet).tags == ("f1",)
    assert model.answer("Is there a pleural effusion?", sheet).tags == ("f3",)
    for question in ("Is there a pulmonary embolism?", "Any pneumothorax?", "Do you see emphysema?"):
        assert model.answer(question, sheet).text == NOT_ASSESSED, question
