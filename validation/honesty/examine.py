"""The one entry: predictions, cases and training cases to scores that cannot flatter, and flags."""

from __future__ import annotations

from collections.abc import Sequence

from tomoscribe.validation.honesty.blind import chance_flags, normal_test
from tomoscribe.validation.honesty.copying import copying_test
from tomoscribe.validation.honesty.gallery import gallery
from tomoscribe.validation.honesty.hidden import leak_test
from tomoscribe.validation.honesty.measuring import measurement_test
from tomoscribe.validation.honesty.omitting import omission_test
from tomoscribe.validation.honesty.pairs import pair
from tomoscribe.validation.honesty.probabilities import probability_scores
from tomoscribe.validation.honesty.scoring import finding_scores, subgroup_scores
from tomoscribe.validation.honesty.settings import Settings
from tomoscribe.validation.honesty.shifting import shift_test
from tomoscribe.validation.honesty.unassessed import coverage_test
from tomoscribe.validation.honesty.wording import text_scores
from tomoscribe.validation.records import Case, Flag, HonestyReport, Prediction, Severity

_ORDER = (Severity.CRITICAL, Severity.WARNING, Severity.NOTE)


def examine(
    predictions: Sequence[Prediction],
    cases: Sequence[Case],
    training: Sequence[Case] = (),
    settings: Settings | None = None,
) -> HonestyReport:
    """Everything that honesty asks of predictions on cases.

    Args:
        predictions: one a case; a failed one counts as a report that says nothing.
        cases: in the data set's own order (labels that slipped by a row are found by it).
        training: what the machine under test has seen; without it copies and leaks are not tested.
        settings: what matters and how sure a flag has to be.

    Raises:
        InvalidValueError: no prediction belongs to a case, or two belong to one.
    """
    chosen = settings or Settings()
    pairs = pair(predictions, cases)
    says = any(p.text for p in pairs.predictions)
    findings = finding_scores(pairs, training, chosen) if says else ()
    measured, invented, no_lengths = measurement_test(pairs, chosen)
    omitted, omits, no_ranks = omission_test(pairs, chosen) if says else ((), (), "omissions: no report texts")
    covered, unassessed, no_organs = coverage_test(pairs, chosen)
    copies, no_copies = copying_test(pairs, training, chosen)
    shifted, no_shift = shift_test(pairs, chosen)
    normal, no_normal = normal_test(pairs, chosen) if says else ((), "no report texts")
    leaks, no_leaks = leak_test(pairs, training)
    flags: tuple[Flag, ...] = (
        *leaks,
        *omits,
        *unassessed,
        *invented,
        *copies,
        *shifted,
        *normal,
        *chance_flags(findings),
    )
    skipped = (no_lengths, no_ranks, no_organs, no_copies, no_shift, no_normal, no_leaks)
    return HonestyReport(
        scores=(
            *findings[:2],
            *omitted,
            *covered,
            *measured,
            *findings[2:],
            *probability_scores(predictions, cases, chosen),
            *(text_scores(pairs, training, chosen) if says else ()),
            *(subgroup_scores(pairs, chosen) if says else ()),
        ),
        flags=tuple(sorted(flags, key=lambda f: _ORDER.index(f.severity))),
        gallery=gallery(pairs, chosen) if says else (),
        not_tested=(*pairs.notes, *(words for words in skipped if words is not None)),
    )
