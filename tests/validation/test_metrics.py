"""Figures of merit against reference implementations and worked examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tomoscribe.core import Geometry
from tomoscribe.core.errors import GeometryError, InvalidValueError
from tomoscribe.validation.metrics import agreement, classification, detection, intervals, overlap, reports, text
from tomoscribe.validation.metrics.classification import Counts
from tomoscribe.validation.metrics.detection import Mark, Target, froc, match

# detection ----------------------------------------------------------------------------------------------------------


def scans() -> list[detection.Scan]:
    """Three scans, four targets, marks as LUNA16's rules sort them."""
    first = match(
        [
            Target(center_mm=(0, 0, 0), diameter_mm=10),
            Target(center_mm=(50, 0, 0), diameter_mm=6),
            Target(center_mm=(0, 50, 0), diameter_mm=8, relevant=False),
        ],
        [
            Mark(center_mm=(1, 1, 1), score=0.9),
            Mark(center_mm=(4, 0, 0), score=0.4),  # the same nodule again: ignored
            Mark(center_mm=(5, 0, 0), score=0.95),  # exactly at the radius: no hit
            Mark(center_mm=(0, 52, 0), score=0.99),  # irrelevant finding: ignored
        ],
        patient="a",
    )
    second = match([Target(center_mm=(0, 0, 0), diameter_mm=20)], [Mark(center_mm=(0, 9, 0), score=0.3)], patient="b")
    third = match(
        [Target(center_mm=(0, 0, 0), diameter_mm=5)],
        [Mark(center_mm=(0, 0, 1), score=0.7), Mark(center_mm=(30, 0, 0), score=0.5)],
        patient="c",
    )
    return [first, second, third]


def test_marks_are_matched_as_luna16_does() -> None:
    first, second, third = scans()
    assert first.hits.tolist() == [0.9, -math.inf]
    assert first.false.tolist() == [0.95]
    assert second.hits.tolist() == [0.3]
    assert second.false.tolist() == []
    assert third.false.tolist() == [0.5]


def test_the_curve_and_cpm_by_hand() -> None:
    curve = froc(scans())
    # thresholds 0.95 (FP), 0.9, 0.7, 0.5 (FP), 0.3 over 3 scans and 4 targets
    assert curve.false_per_scan == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 2 / 3, 2 / 3])
    assert curve.sensitivity == pytest.approx([0, 0, 0.25, 0.5, 0.5, 0.75])
    assert curve.at(0.5) == pytest.approx(0.5)
    assert curve.at(8.0) == pytest.approx(0.75)
    assert curve.at(0.125) == pytest.approx(0.0)
    assert curve.cpm == pytest.approx((0 + 0 + 0.5 + 0.75 * 4) / 7)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_the_curve_equals_other_implementations(seed: int) -> None:
    from sklearn.metrics import roc_curve

    monai = pytest.importorskip("monai.metrics")
    rng = np.random.default_rng(seed)
    chosen = [
        detection.Scan(
            patient=str(n),
            hits=np.where(rng.random(3) < 0.8, rng.integers(1, 40, 3) / 40, -np.inf),
            false=rng.integers(1, 40, int(rng.integers(1, 30))) / 40,
        )
        for n in range(4)
    ]
    curve = froc(chosen)
    hits = np.concatenate([s.hits for s in chosen])
    hits = hits[np.isfinite(hits)]
    false = np.concatenate([s.false for s in chosen])
    # MONAI leaves out the lowest threshold
    fps, sensitivity = monai.compute_froc_curve_data(false, hits, 12, 4)
    assert curve.false_per_scan[:-1] == pytest.approx(fps[::-1], abs=1e-9)
    assert curve.sensitivity[:-1] == pytest.approx(sensitivity[::-1], abs=1e-9)
    if len(hits):
        # as the challenge does it: from the ROC of the candidates
        labels = np.concatenate([np.ones(len(hits)), np.zeros(len(false))])
        fpr, tpr, _ = roc_curve(labels, np.concatenate([hits, false]))
        read = np.interp(detection.RATES, fpr * len(false) / 4, tpr * len(hits) / 12)
        assert curve.cpm == pytest.approx(read.mean(), abs=1e-6)


def test_an_interval_of_one_patient_has_no_width() -> None:
    repeated = [detection.Scan(patient="a", hits=s.hits, false=s.false) for s in scans()]
    interval = detection.cpm_interval(repeated, rounds=50)
    assert interval.low == interval.high == interval.value
    assert detection.sensitivity_interval(scans(), 4.0, rounds=200).value == pytest.approx(0.75)


def test_a_curve_without_targets_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="at least one relevant target"):
        froc([match([], [Mark(center_mm=(0, 0, 0), score=1.0)], patient="a")])
    with pytest.raises(InvalidValueError, match="diameters above 0"):
        match([Target(center_mm=(0, 0, 0), diameter_mm=0)], [], patient="a")


# overlap ------------------------------------------------------------------------------------------------------------

GRID = Geometry.from_parts(spacing_mm=(3.0, 1.0, 0.5), origin_mm=(0, 0, 0), shape=(20, 40, 60))


def box(k: slice, j: slice, i: slice) -> NDArray[np.bool_]:
    mask = np.zeros(GRID.shape, bool)
    mask[k, j, i] = True
    return mask


def test_a_shifted_box_has_the_distances_of_its_shift() -> None:
    first = box(slice(5, 15), slice(10, 30), slice(10, 50))
    second = box(slice(5, 15), slice(10, 30), slice(14, 54))  # 4 voxels of 0.5 mm
    assert overlap.dice(first, second) == pytest.approx(2 * 36 / 80)
    assert overlap.hausdorff95_mm(first, second, GRID) == pytest.approx(2.0, abs=1e-6)
    assert overlap.surface_dice(first, second, GRID, tolerance_mm=2.0) == pytest.approx(1.0)
    assert overlap.surface_dice(first, second, GRID, tolerance_mm=0.4) < 0.95
    assert overlap.volume_error_percent(second, first) == 0.0


def test_distances_use_the_spacing_of_their_own_axis() -> None:
    first = box(slice(5, 15), slice(10, 30), slice(10, 50))
    second = box(slice(6, 16), slice(10, 30), slice(10, 50))  # one slice of 3 mm
    assert overlap.hausdorff95_mm(first, second, GRID) == pytest.approx(3.0, abs=1e-6)
    assert overlap.surface_dice(first, first, GRID, tolerance_mm=0.1) == pytest.approx(1.0)
    assert overlap.mean_surface_distance_mm(first, first, GRID) == pytest.approx(0.0)


def test_empty_masks_have_no_overlap_rather_than_a_perfect_one() -> None:
    nothing, some = np.zeros(GRID.shape, bool), box(slice(2, 4), slice(2, 4), slice(2, 4))
    assert math.isnan(overlap.dice(nothing, nothing))
    assert math.isnan(overlap.surface_dice(nothing, nothing, GRID, tolerance_mm=1.0))
    assert math.isinf(overlap.hausdorff95_mm(nothing, some, GRID))
    assert overlap.surface_dice(nothing, some, GRID, tolerance_mm=1.0) == 0.0
    assert math.isnan(overlap.volume_error_percent(some, nothing))
    with pytest.raises(GeometryError, match="boolean masks of one shape"):
        overlap.dice(some, some[1:])


# agreement ----------------------------------------------------------------------------------------------------------


def test_bland_altman_by_hand() -> None:
    found = agreement.bland_altman([10.0, 12.0, 9.0, 11.0], [9.0, 10.0, 10.0, 9.0])
    # differences 1, 2, -1, 2: mean 1, standard deviation sqrt(2)
    assert found.bias == pytest.approx(1.0)
    assert (found.low, found.high) == pytest.approx((1 - 1.96 * math.sqrt(2), 1 + 1.96 * math.sqrt(2)))
    # t(0.975, 3) = 3.1824
    assert found.bias_high - found.bias == pytest.approx(3.182446 * math.sqrt(2) / 2, abs=1e-5)
    assert found.median_absolute == pytest.approx(1.5)
    percent = agreement.bland_altman([11.0, 11.0], [9.0, 9.0], in_percent=True)
    assert percent.bias == pytest.approx(20.0)
    with pytest.raises(InvalidValueError, match="at least two values"):
        agreement.bland_altman([1.0], [1.0])


# classification -----------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=40))
def test_decisions_are_scored_as_scikit_learn_does(pairs: list[tuple[bool, bool]]) -> None:
    import warnings

    from sklearn import metrics

    found, truth = (np.array(column) for column in zip(*pairs, strict=True))
    counts = Counts.of(found, truth)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert counts.mcc == pytest.approx(metrics.matthews_corrcoef(truth, found), abs=1e-9)
        assert counts.kappa == pytest.approx(metrics.cohen_kappa_score(truth, found), abs=1e-9, nan_ok=True)
        nan = float("nan")
        assert counts.f1 == pytest.approx(metrics.f1_score(truth, found, zero_division=nan), abs=1e-9, nan_ok=True)
        assert counts.precision == pytest.approx(
            metrics.precision_score(truth, found, zero_division=nan), abs=1e-9, nan_ok=True
        )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=4, max_size=40))
def test_probabilities_are_scored_as_scikit_learn_does(pairs: list[tuple[int, bool]]) -> None:
    from sklearn import metrics

    p, truth = np.array([a / 6 for a, _ in pairs]), np.array([b for _, b in pairs])
    if truth.any() and not truth.all():
        assert classification.auroc(p, truth) == pytest.approx(metrics.roc_auc_score(truth, p), abs=1e-9)
        assert classification.auprc(p, truth) == pytest.approx(metrics.average_precision_score(truth, p), abs=1e-9)
        assert classification.brier(p, truth) == pytest.approx(metrics.brier_score_loss(truth, p), abs=1e-9)


def test_probabilities_by_hand() -> None:
    p, truth = [0.9, 0.8, 0.3, 0.2], [1, 0, 1, 0]
    assert classification.auroc(p, truth) == pytest.approx(0.75)
    # average precision: 1/2 x 1 + 1/2 x 2/3
    assert classification.auprc(p, truth) == pytest.approx(5 / 6)
    assert classification.brier(p, truth) == pytest.approx((0.01 + 0.64 + 0.49 + 0.04) / 4)
    curve = classification.calibration([0.05, 0.15, 0.15, 0.95], [0, 0, 1, 1])
    assert curve.observed.tolist() == [0.0, 0.5, 1.0]
    assert curve.error == pytest.approx((0.05 + 2 * 0.35 + 0.05) / 4)
    assert math.isnan(classification.auroc([0.1, 0.2], [1, 1]))
    with pytest.raises(InvalidValueError, match="probabilities of 0 to 1"):
        classification.brier([1.2], [1])


# reports ------------------------------------------------------------------------------------------------------------


def test_crg_by_hand_and_at_its_ends() -> None:
    truth = np.array([[1, 0, 0, 0], [1, 0, 0, 0]], bool)
    # T = 8, A = 2: w = 6 / 4 = 1.5, best 3
    assert reports.crg(truth, truth) == pytest.approx(1.0)
    assert reports.crg(np.zeros_like(truth), truth) == pytest.approx(1 / 3)
    half = np.array([[1, 1, 0, 0], [0, 0, 0, 0]], bool)
    # s = 1.5 - 1.5 - 1 = -1: 3 / (6 + 1)
    assert reports.crg(half, truth) == pytest.approx(3 / 7)
    with pytest.raises(InvalidValueError, match="some true and some untrue"):
        reports.crg(truth, np.zeros_like(truth))


def test_always_normal_and_everything_score_low_where_a_good_writer_scores_high() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((200, 5)) < (0.5, 0.3, 0.2, 0.1, 0.05)
    names = ("a", "b", "c", "d", "e")
    normal = reports.score_findings(np.zeros_like(truth), truth, names)
    everything = reports.score_findings(np.ones_like(truth), truth, names)
    good = reports.score_findings(truth ^ (rng.random(truth.shape) < 0.05), truth, names)
    assert normal.macro_f1 == 0.0
    assert normal.crg == pytest.approx(1 / 3)
    assert normal.missed_per_100 == pytest.approx(100 * truth.sum() / 200)
    assert normal.invented_per_100 == 0.0
    assert everything.missed_per_100 == 0.0
    assert good.crg > 0.7 > everything.crg
    assert good.macro_f1 > everything.macro_f1


# text ---------------------------------------------------------------------------------------------------------------

WRITTEN = ["A solid nodule of 8 mm is seen in the left upper lobe.", "No pleural effusion is seen here today."]
REFERENCES = ["There is a solid nodule of 9 mm in the left lower lobe.", "No effusion is seen in the pleural space."]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_bleu_equals_another_implementation(order: int) -> None:
    from nltk.translate.bleu_score import corpus_bleu

    expected = corpus_bleu(
        [[text.words(r)] for r in REFERENCES], [text.words(w) for w in WRITTEN], weights=(1 / order,) * order
    )
    assert text.bleu(WRITTEN, REFERENCES, order=order) == pytest.approx(expected, abs=1e-6)


_WORDS = st.lists(
    st.sampled_from(["a", "nodule", "of", "8", "mm", "is", "in", "the", "left", "."]), min_size=1, max_size=14
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(_WORDS, _WORDS), min_size=1, max_size=4), st.integers(1, 4))
def test_bleu_and_rouge_l_equal_their_libraries(pairs: list[tuple[list[str], list[str]]], order: int) -> None:
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu.metrics import BLEU

    class Split:
        def tokenize(self, words: str) -> list[str]:
            return words.split()

    written, references = ([" ".join(w) for w in column] for column in zip(*pairs, strict=True))
    library = BLEU(max_ngram_order=order, tokenize="none", smooth_method="none", force=True)
    expected = library.corpus_score(written, [references]).score / 100
    assert text.bleu(written, references, order=order) == pytest.approx(expected, abs=1e-6)
    rouge = RougeScorer(["rougeL"], tokenizer=Split())
    each = [rouge.score(r, w)["rougeL"].fmeasure for w, r in zip(written, references, strict=True)]
    assert text.rouge_l(written, references) == pytest.approx(np.mean(each), abs=1e-9)


def test_rouge_l_of_the_papers_example() -> None:
    # Lin 2004, section 3.1: longest common subsequences of 3 and 2 of 4 words
    reference = ["police killed the gunman"]
    assert text.rouge_l(["police kill the gunman"], reference) == pytest.approx(0.75, abs=1e-6)
    assert text.rouge_l(["the gunman kill police"], reference) == pytest.approx(0.5, abs=1e-6)


def test_chinese_is_split_into_characters_and_numbers_stay_whole() -> None:
    assert text.words("右肺上叶见8.5mm结节。") == ["右", "肺", "上", "叶", "见", "8.5", "mm", "结", "节", "。"]
    assert text.bleu(["右肺结节"], ["右肺结节"], order=4) == pytest.approx(1.0)


# intervals ----------------------------------------------------------------------------------------------------------


def test_intervals_of_a_mean_cover_it_and_widen_with_clustering() -> None:
    rng = np.random.default_rng(1)
    effect = rng.normal(0, 1, 40)
    patients = [str(n) for n in range(40) for _ in range(5)]
    values = np.repeat(effect, 5) + rng.normal(0, 0.1, 200)
    clustered = intervals.estimate(lambda rows: float(values[rows].mean()), patients)
    as_if_alone = intervals.estimate(lambda rows: float(values[rows].mean()), [str(n) for n in range(200)])
    # five copies of each patient: the honest interval is about sqrt(5) times as wide
    assert (clustered.high - clustered.low) / (as_if_alone.high - as_if_alone.low) == pytest.approx(5**0.5, rel=0.2)
    assert clustered.high - clustered.low == pytest.approx(2 * 1.96 * effect.std(ddof=1) / 40**0.5, rel=0.2)
    assert clustered.num_patients == 40


def test_a_real_difference_is_beyond_noise_and_none_is_not() -> None:
    rng = np.random.default_rng(2)
    patients = [str(n) for n in range(60)]
    base = rng.normal(0, 1, 60)
    better, same = base + 0.3 + rng.normal(0, 0.2, 60), base + rng.normal(0, 0.2, 60)

    def mean(values: NDArray[np.float64]) -> intervals.Statistic:
        return lambda rows: float(values[rows].mean())

    gain = intervals.difference(mean(better), mean(base), patients)
    assert gain.beyond_noise
    assert gain.p_value < 0.01
    assert not intervals.difference(mean(same), mean(base), patients).beyond_noise
    assert intervals.paired_permutation(better, base, patients) < 0.001
    assert intervals.paired_permutation(same, base, patients) > 0.05
    # 3 patients with gaps of one sign: 2 of 8 sign patterns are as extreme
    exact = intervals.paired_permutation([1.0, 1.0, 1.0], [0.0, 0.0, 0.0], ["a", "b", "c"], rounds=40_000)
    assert exact == pytest.approx(0.25, abs=0.01)
