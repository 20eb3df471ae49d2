"""What the report model is taught to write stands on its sheet."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
import torch

from tomoscribe.core import Laterality, Presence, SectionName, terms
from tomoscribe.findings.sheet import FactSheet
from tomoscribe.fusion.licence import FACT_WORDS, licensed_words, row_numerals
from tomoscribe.fusion.prompts import report_pieces
from tomoscribe.fusion.tokenizer import ROLES, train_tokenizer, wrap
from tomoscribe.training import report_cases
from tomoscribe.training.report_data import IGNORE, NUMERAL_WEIGHT, TextBatches, collate, encode
from tomoscribe.training.report_module import weighted_loss
from tomoscribe.training.report_questions import Question, random_question
from tomoscribe.training.report_text import (
    Asked,
    MarkedPhrasebook,
    image_example,
    language_sample,
    question_example,
    report_example,
    slot_text,
)

ROLE_AND_NUMERAL = re.compile(r"<(\w+)> ([+-]?\d[\d.-]*\d|[+-]?\d)")


def _pieces(count: int) -> list[tuple[int, object]]:
    drawn = [report_cases.random_findings(random.Random(n), 4) for n in range(count)]
    return [(n, p) for n, f in enumerate(drawn) for p in report_pieces(FactSheet.from_findings(f))[:1]]


def test_every_numeral_of_a_training_sentence_is_that_of_its_role_on_the_row() -> None:
    checked = 0
    for seed, piece in _pieces(300):
        book = MarkedPhrasebook(seed)
        for slot in piece.slots:
            numerals = row_numerals(slot.row)
            text = slot_text(slot, book)
            for role, numeral in ROLE_AND_NUMERAL.findall(text):
                assert numerals[role].split()[0] == numeral, (text, slot.row.text)
                checked += 1
    assert checked > 1000


def test_every_fact_word_of_a_training_sentence_is_licensed_by_its_row() -> None:
    """Otherwise the lock would forbid what the decoder was taught."""
    for seed, piece in _pieces(300):
        book = MarkedPhrasebook(seed)
        for slot in piece.slots:
            text = ROLE_AND_NUMERAL.sub("", slot_text(slot, book)).lower()
            said = {w for w in re.findall(r"[a-z][a-z-]*[a-z]", text) if w in FACT_WORDS}
            assert said <= licensed_words(slot.row, comparison=slot.comparison), (text, slot.row.text)


def test_a_withheld_row_gives_away_nothing_but_type_and_side() -> None:
    asked = Asked(kind=terms.PLEURAL_EFFUSION, side=Laterality.LEFT, seen=True)
    example = image_example([asked])
    assert example.prompt == "<sheet> <f1> effusion left ? <findings>"
    assert example.target == "<f1> Left pleural effusion suspected on the image. <eos>"
    other = image_example([Asked(kind=terms.NODULE, side=Laterality.RIGHT, seen=False), asked])
    assert other.target == (
        "<f1> Nodule in the right lung not suspected on the image, not excluded. "
        "<f2> Left pleural effusion suspected on the image. <eos>"
    )


def test_an_answer_cites_exactly_the_rows_that_the_question_is_about() -> None:
    draw = random.Random(3)
    for seed in range(200):
        findings = report_cases.random_findings(draw, 3)
        example = question_example(findings, seed)
        cited = set(re.findall(r"<(f\d+)>", example.target))
        shown = set(re.findall(r"<(f\d+)>", example.prompt))
        assert cited <= shown
        assert bool(cited) != ("<none>" in example.target)


def test_a_question_on_one_side_is_answered_by_both_sided_findings_too() -> None:
    question = Question(text="", types=(terms.EMPHYSEMA,), sides=(Laterality.LEFT, Laterality.BILATERAL))
    draw = random.Random(0)
    assert question.matches(report_cases.emphysema(draw, "1"))
    assert question.matches(report_cases.suspicion(draw, "2", terms.EMPHYSEMA, Laterality.LEFT))
    assert not question.matches(report_cases.suspicion(draw, "3", terms.EMPHYSEMA, Laterality.RIGHT))
    assert not question.matches(report_cases.suspicion(draw, "4", terms.NODULE, Laterality.LEFT))


def test_questions_on_what_is_never_assessed_match_nothing() -> None:
    findings = report_cases.random_findings(random.Random(1), 3)
    questions = [random_question(random.Random(n), findings) for n in range(200)]
    never = [q for q in questions if not q.types]
    assert never
    assert not any(q.matches(f) for q in never for f in findings)


def test_the_impression_leaves_out_organs() -> None:
    for _, piece in _pieces(100):
        for slot in piece.slots:
            assert slot.row.finding.presence is Presence.PRESENT
            if slot.section is SectionName.IMPRESSION:
                assert slot.row.finding.type != terms.ORGAN_MEASUREMENT


@pytest.fixture(scope="module")
def tokenizer() -> object:
    return wrap(train_tokenizer(f"{e.prompt} {e.target}" for e in language_sample(300)))


def test_only_the_target_counts_and_numerals_count_little(tokenizer: object) -> None:
    draw = random.Random(5)
    example = report_example([report_cases.organ(draw, "1", terms.BRAIN, None, 1500.0)], 0)
    row = encode(tokenizer, example)
    batch = collate([row, row], pad=0)
    assert (batch.labels[:, : len(row.prompt)] == IGNORE).all()
    assert batch.labels[0, len(row.prompt) :].tolist() == row.target
    digits = [n for n, t in enumerate(tokenizer.convert_ids_to_tokens(row.target)) if t.strip("▁").isdigit()]
    assert digits
    assert all(row.weights[n] == NUMERAL_WEIGHT for n in digits)


def test_the_word_that_only_the_image_can_decide_counts_more(tokenizer: object) -> None:
    row = encode(tokenizer, image_example([Asked(kind=terms.BRAIN_MASS, side=None, seen=True)]), 6.0)
    words = tokenizer.convert_ids_to_tokens(row.target)
    assert [w for w, weight in zip(words, row.weights, strict=True) if weight == 6.0] == ["▁suspected"]


def test_the_weighted_loss_of_a_uniform_guess_is_the_log_of_the_vocabulary(tokenizer: object) -> None:
    row = encode(tokenizer, image_example([Asked(kind=terms.BRAIN_MASS, side=None, seen=False)]), 3.0)
    batch = collate([row], pad=0)
    loss, _ = weighted_loss(torch.zeros(1, len(row), 50_000), batch)
    assert float(loss) == pytest.approx(np.log(50_000), rel=1e-5)


def test_a_pool_of_texts_is_the_same_each_time_and_within_the_budget(tokenizer: object) -> None:
    batches = TextBatches(tokenizer, tokens_per_batch=1500, seed=4)
    first, again = batches.pool(2), batches.pool(2)
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(first, again, strict=True))
    assert sum(len(b.ids) for b in first) == 320
    assert all(b.ids.numel() <= 1500 for b in first if len(b.ids) > 1)


def test_every_role_is_taught() -> None:
    text = " ".join(e.target for e in language_sample(600))
    assert [role for role in ROLES if f"<{role}>" not in text] == []
