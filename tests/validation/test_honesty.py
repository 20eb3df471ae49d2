"""The parts of honesty by hand: chance, pairs, lengths, organs, subgroups, comparison, what is not tested."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tomoscribe.core import Finding, Presence, Provenance, terms
from tomoscribe.core.errors import ConfigError, InvalidValueError
from tomoscribe.validation.honesty import UNASSESSED, Settings, compare, examine, image_flags, image_scores
from tomoscribe.validation.honesty.lengths import stated_mm, true_mm
from tomoscribe.validation.honesty.organs import called_normal
from tomoscribe.validation.honesty.pairs import pair, truth_of
from tomoscribe.validation.records import Better, Case, Prediction, Strata, TrueNodule

SETTINGS = Settings(rounds=200)
ILL, WELL = "A 7 mm nodule in the right upper lobe.", "No nodule. The lungs are clear."


def case(n: int, *, ill: bool, sex: str = "F") -> Case:
    return Case(
        dataset="tiny",
        case_id=str(n),
        patient_key=f"p{n // 2}",
        labels={"nodule": ill, "pleural_effusion": False},
        report=ILL if ill else WELL,
        strata=Strata(sex=sex),
    )


def by_name(scores: tuple[object, ...], name: str, subgroup: str = "all") -> object:
    return next(s for s in scores if s.name == name and s.subgroup == subgroup)  # type: ignore[attr-defined]


def test_missed_and_invented_stand_first_and_are_counted_by_hand() -> None:
    # 40 cases of 20 patients; 10 ill ones, 3 of them missed; 2 of 30 healthy ones called ill
    cases = [case(n, ill=n < 10) for n in range(40)]
    said = [Prediction(case_id=str(n), text=ILL if (3 <= n < 10) or n in (20, 21) else WELL) for n in range(40)]
    report = examine(said, cases, settings=SETTINGS)
    assert [s.name for s in report.scores[:2]] == ["actionable/missed_per_100", "actionable/invented_per_100"]
    missed, invented = report.scores[:2]
    assert (missed.value, invented.value) == pytest.approx((7.5, 5.0))
    assert (missed.n, missed.num_patients, missed.better) == (40, 20, Better.LOWER)
    assert missed.low < 7.5 < missed.high
    # a writer who calls 10 of 40 at random misses 3/4 of 10; always normal misses all
    assert missed.chance == pytest.approx(100 * 10 * 0.75 / 40, rel=0.1)
    assert missed.always_normal == pytest.approx(25.0)
    # precision 7/9, recall 7/10: F1 14/19; the class that is neither called nor true counts in no mean
    assert by_name(report.scores, "findings/macro_f1").value == pytest.approx(14 / 19)  # type: ignore[attr-defined]
    assert by_name(report.scores, "findings/precision/nodule").value == pytest.approx(7 / 9)  # type: ignore[attr-defined]
    assert [g.case_id for g in report.gallery] == ["0", "2", "20"]


def test_the_worst_subgroup_stands_first() -> None:
    cases = [case(n, ill=n % 2 == 0, sex="M" if n < 20 else "F") for n in range(40)]
    said = [Prediction(case_id=str(n), text=WELL if n < 10 else (ILL if n % 2 == 0 else WELL)) for n in range(40)]
    groups = [s for s in examine(said, cases, settings=SETTINGS).scores if s.subgroup != "all"]
    missed = [(s.subgroup, s.value) for s in groups if s.name == "actionable/missed_per_100"]
    assert missed == [("sex=M", pytest.approx(25.0)), ("sex=F", pytest.approx(0.0))]
    assert next(s for s in groups if s.name == "findings/macro_f1").subgroup == "sex=M"


def test_a_failed_reading_counts_as_one_that_says_nothing() -> None:
    cases = [case(n, ill=True) for n in range(4)]
    said = [Prediction(case_id=str(n), text=ILL) for n in range(3)] + [Prediction(case_id="3", failed="out of memory")]
    report = examine(said, [*cases, case(9, ill=True)], settings=SETTINGS)
    assert report.scores[0].value == pytest.approx(25.0)
    assert "1 case(s) without a prediction are in no figure" in report.not_tested
    assert "1 failed prediction(s) count as reports that say nothing" in report.not_tested
    assert report.gallery[0].reason == "no result: out of memory"
    with pytest.raises(InvalidValueError, match="1 too many"):
        examine([said[0], said[0]], cases)
    with pytest.raises(InvalidValueError, match="found none"):
        examine([Prediction(case_id="other", text="")], cases)


def test_text_scores_stand_beside_chance_and_always_normal() -> None:
    cases = [case(n, ill=n % 4 == 0) for n in range(24)]
    blind = [Prediction(case_id=str(n), text=WELL) for n in range(24)]
    scores = examine(blind, cases, settings=SETTINGS).scores
    rouge = by_name(scores, "text/rouge_l")
    # three of four references are this very text: a score that looks well, and the blind writer has the same
    assert rouge.value > 0.75  # type: ignore[attr-defined]
    assert rouge.value == rouge.always_normal  # type: ignore[attr-defined]
    assert 0.5 < rouge.chance < rouge.value  # type: ignore[attr-defined]
    assert by_name(scores, "findings/macro_recall").value == 0.0  # type: ignore[attr-defined]


def test_truth_is_the_labels_or_else_the_report() -> None:
    assert truth_of(case(1, ill=True)) == {"nodule": True, "pleural_effusion": False}
    written = truth_of(Case(dataset="t", case_id="1", patient_key="p", report="Emphysema may be present. A mass."))
    assert written["nodule"] is True
    assert written["emphysema"] is False
    assert len(written) == 21
    assert truth_of(Case(dataset="t", case_id="1", patient_key="p")) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A nodule of 14 x 11 mm, mean diameter 12.5 mm.", (14.0, 11.0, 12.5)),
        ("Mass of 3.2 × 2,5 cm.", (32.0, 25.0)),
        ("Slice thickness 2.5 mm, kernel LUNG. A 7-mm nodule.", (7.0,)),
        ("Volume 850 mm3, 12.8 % below -950 HU, 4.9 ml.", ()),
        ("12 x 10 mm; size approximate because slices are 2.5 mm thick.", (12.0, 10.0)),
        ("Previously 9 mm. It was 8 mm on 2020-01-01.", ()),
        ("长径×短径 14 mm×10 mm，平均直径12 mm；层厚2.5 mm，大小为近似值。", (14.0, 10.0, 12.0)),
        ("左肺3.1厘米×2.2厘米肿块。", (31.0, 22.0)),
    ],
)
def test_lengths_in_text(text: str, expected: tuple[float, ...]) -> None:
    assert stated_mm(text) == expected


def test_true_lengths_are_those_of_relevant_lesions_or_of_the_reference() -> None:
    big = TrueNodule(center_mm=(0, 0, 0), diameter_mm=9, source="t", long_axis_mm=10, short_axis_mm=8)
    other = TrueNodule(center_mm=(0, 0, 0), diameter_mm=30, source="t", relevant=False)
    made = Case(dataset="t", case_id="1", patient_key="p", nodules=(big, other), report="A 44 mm mass.")
    assert true_mm(made) == (10, 8, 9, 9.0)
    assert true_mm(Case(dataset="t", case_id="1", patient_key="p", report="A 44 mm mass.")) == (44.0,)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "The liver is unremarkable. Not assessed: adrenal glands.", {"liver"}),
        ("en", "No pulmonary embolism. Pneumothorax is not seen.", {"pulmonary_embolism", "pneumothorax"}),
        ("en", "Liver, spleen and pancreas are normal.", {"liver", "spleen", "pancreas"}),
        ("en", "The liver is not assessed. The heart is enlarged; abnormal liver.", set()),
        ("en", "A 7 mm nodule in the left lung. No contrast medium was given to look for pulmonary embolism.", set()),
        ("en", "No lesions in the visualized bones.", {"bone_lesions"}),
        ("zh", "肝脏及肾上腺未见异常。", {"liver", "adrenals"}),
        ("zh", "未见气胸。未评估：肺栓塞、肝脏。", {"pneumothorax"}),
    ],
)
def test_organs_that_are_called_normal(language: str, text: str, expected: set[str]) -> None:
    assert called_normal(text, language) == expected


def test_a_finding_that_the_machine_itself_did_not_assess_is_not_absent() -> None:
    unassessed = Finding(
        tracking_uid="1.2",
        type=terms.EMPHYSEMA,
        site=terms.LUNG,
        presence=Presence.NOT_ASSESSED,
        provenance=Provenance(version="0", model="t"),
        note="a sharp kernel",
    )
    cases = [case(n, ill=False) for n in range(4)]
    said = [Prediction(case_id=str(n), text="No emphysema.", findings=(unassessed,)) for n in range(4)]
    flag = examine(said, cases, settings=SETTINGS).flag("calls_unassessed_normal")
    assert flag is not None
    assert flag.evidence == "4 of 4 reports call normal or absent what was not assessed: emphysema"
    ours = Settings(rounds=200, unassessed=UNASSESSED)
    kind = [Prediction(case_id=str(n), text="No pulmonary embolism.") for n in range(4)]
    assert examine(kind, cases, settings=ours).flag("calls_unassessed_normal") is not None


def test_two_models_are_compared_on_the_same_patients() -> None:
    cases = [case(n, ill=n % 2 == 0) for n in range(80)]
    good = [Prediction(case_id=str(n), text=ILL if n % 2 == 0 else WELL) for n in range(80)]
    bad = [Prediction(case_id=str(n), text=ILL if n % 4 == 0 else WELL) for n in range(80)]
    missed, invented, f1, rouge = compare(bad, good, cases, SETTINGS)
    assert missed.name == "difference/actionable/missed_per_100"
    assert missed.value == pytest.approx(25.0)
    assert missed.low > 0
    assert invented.value == 0.0
    assert f1.high < 0
    assert rouge.high < 0
    assert "p = 0.01" in missed.source  # the least that 200 resamplings can tell
    same = compare(good, good, cases, SETTINGS)
    assert [s.value for s in same] == [0.0] * 4
    with pytest.raises(InvalidValueError, match="same cases"):
        compare(good[:10], good, cases, SETTINGS)


def test_probabilities_are_scored_where_both_kinds_are_known() -> None:
    cases = [case(n, ill=n % 2 == 0) for n in range(20)]
    sure = [Prediction(case_id=str(n), probabilities={"nodule": 0.9 - 0.8 * (n % 2), "mood": 0.5}) for n in range(20)]
    scores = {s.name: s for s in examine(sure, cases, settings=SETTINGS).scores}
    assert scores["probability/auroc/nodule"].value == 1.0
    assert scores["probability/brier/nodule"].value == pytest.approx(0.01)
    assert scores["probability/brier/nodule"].chance == pytest.approx(0.25)
    assert scores["probability/calibration_error/nodule"].value == pytest.approx(0.1)
    assert not any(name.endswith(("mood", "pleural_effusion")) for name in scores)


@dataclass(frozen=True, kw_only=True)
class Row:
    reader: str = "decoder"
    finding: str = "all"
    condition: str
    value: float
    low: float
    high: float
    chance: float = 0.3
    patients: int = 60


def test_a_decoder_that_ignores_the_image_is_flagged() -> None:
    intact = Row(condition="intact", value=0.6, low=0.52, high=0.67)
    sees = [intact, Row(condition="swapped", value=0.3, low=0.2, high=0.4)]
    blind = [intact, Row(condition="zeroed", value=0.58, low=0.5, high=0.65)]
    assert image_flags(sees) == ()
    (flag,) = image_flags(blind)
    assert flag.evidence == "decoder: 0.600 (0.520 to 0.670) with its image, zeroed 0.580"
    assert [s.name for s in image_scores(sees)] == ["image/decoder/all/intact", "image/decoder/all/swapped"]


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="found mood"):
        Settings(actionable=("mood",))
    with pytest.raises(ConfigError, match="alpha"):
        Settings(alpha=0.7)


def test_the_pairs_keep_the_order_of_the_cases() -> None:
    cases = [case(n, ill=n == 1) for n in range(3)]
    said = [Prediction(case_id=str(n), text=ILL) for n in (2, 0, 1)]
    pairs = pair(said, cases)
    assert [p.case_id for p in pairs.predictions] == ["0", "1", "2"]
    assert pairs.classes == ("nodule", "pleural_effusion")
    assert np.array_equal(pairs.truth[:, 0], [False, True, False])


@pytest.mark.parametrize(("hits", "total", "share"), [(3, 10, 0.05), (0, 10, 0.3), (400, 3000, 0.12), (10, 10, 0.5)])
def test_the_binomial_tail_equals_scipys(hits: int, total: int, share: float) -> None:
    from scipy.stats import binom

    from tomoscribe.validation.honesty.copying import _tail

    assert _tail(hits, total, share) == pytest.approx(float(binom.sf(hits - 1, total, share)), rel=1e-9)
