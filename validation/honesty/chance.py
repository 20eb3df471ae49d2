"""Two writers who never look at the patient: one who writes as often as it is true, one who calls everything normal.

The first hands each patient the report (or the labels) of another one, drawn from the training reports where there are
any and else from the other test patients: prevalence, wording and length are those of real reports, only the patient is
wrong. The second writes the most usual report without a finding, or a fixed one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tomoscribe.validation.honesty.pairs import Pairs, Table, truth_of
from tomoscribe.validation.honesty.statuses import called
from tomoscribe.validation.labeler import Status
from tomoscribe.validation.records import Case

LABEL_DRAWS = 200
TEXT_DRAWS = 5
NORMAL = {
    "en": "The lungs are clear. No pulmonary nodule or mass is seen. There is no consolidation, emphysema or "
    "atelectasis. There is no pleural or pericardial effusion. The heart is not enlarged. No enlarged lymph nodes. "
    "No acute abnormality.",
    "zh": "双肺未见结节及肿块。未见实变、肺气肿及不张。双侧胸腔及心包未见积液。心影不大。未见肿大淋巴结。"
    "未见明显异常。",
}


def chance_labels(pairs: Pairs, training: Sequence[Case], seed: int) -> Iterator[Table]:
    """Labels of other patients: ``LABEL_DRAWS`` tables (cases, classes)."""
    rng = np.random.default_rng(seed)
    pool = [truth_of(c) for c in training] or None
    if pool is not None:
        rows = np.array([[row.get(k, False) for k in pairs.classes] for row in pool if row], bool)
        if len(rows):
            for _ in range(LABEL_DRAWS):
                yield rows[rng.integers(0, len(rows), len(pairs.cases))]
            return
    for _ in range(LABEL_DRAWS):
        yield pairs.truth[strangers(pairs.patients, rng)]


def chance_texts(pairs: Pairs, training: Sequence[Case], seed: int) -> Iterator[list[str | None]]:
    """Reports of other patients in each case's language: ``TEXT_DRAWS`` of them; None where there is none to give."""
    rng = np.random.default_rng(seed)
    for _ in range(TEXT_DRAWS):
        yield [_another(case, training or pairs.cases, rng) for case in pairs.cases]


def strangers(patients: Sequence[str], rng: np.random.Generator) -> NDArray[np.int64]:
    """A row of another patient for each row, at random; its own where there is one patient only."""
    names = np.asarray(patients)
    picks = rng.integers(0, len(names), len(names))
    for _ in range(100):
        same = names[picks] == names
        if not same.any() or len(set(patients)) < 2:
            break
        picks[same] = rng.integers(0, len(names), int(same.sum()))
    return picks


def normal_text(cases: Sequence[Case], language: str) -> str:
    """The most usual report without a present finding among the references; a fixed one where there is none."""
    reports = [c.report for c in cases if c.report and c.language == language]
    empty = Counter(r for r in reports if not called(r, language, Status.PRESENT))
    return empty.most_common(1)[0][0] if empty else NORMAL.get(language, NORMAL["en"])


def _another(case: Case, pool: Sequence[Case], rng: np.random.Generator) -> str | None:
    for _ in range(50):
        other = pool[int(rng.integers(0, len(pool)))]
        if other.report and other.language == case.language and other.patient_key != case.patient_key:
            return other.report
    return None
