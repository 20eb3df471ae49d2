"""Present lesions against earlier studies: a table over all dates, and a change where one can be stated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tomoscribe.core import Change, Direction, Finding, Measurement, Presence, PriorValues, Study, Volume, terms
from tomoscribe.core.errors import UnsupportedError
from tomoscribe.findings.change.align import Alignment, align
from tomoscribe.findings.change.counterpart import Match, PriorChest, counterpart
from tomoscribe.findings.change.growth import Repeatability, compared_by, direction, doubling_time, objection
from tomoscribe.findings.chest import grid
from tomoscribe.findings.chest.cubes import NoduleClassifier
from tomoscribe.findings.chest.emphysema import THIN_MM, thickness_mm
from tomoscribe.findings.chest.lungs import LEFT, RIGHT
from tomoscribe.findings.chest.nodule_findings import nodule_measurements, nodule_uid
from tomoscribe.findings.chest.nodules import Nodule, NoduleConfig
from tomoscribe.findings.guidelines.assess import days_between
from tomoscribe.findings.measured import Measured, Progress

LESIONS = (terms.NODULE, terms.MASS)
NOT_ALIGNED = "the two examinations could not be aligned"
NO_LUNGS = "no lungs were found in the earlier examination"
OUTSIDE = "the place lies outside the earlier examination"
UNCLEAR = "no counterpart could be matched with certainty"
TOO_SMALL = "it is too small to be told on the earlier slices"
REASONS = (NOT_ALIGNED, NO_LUNGS, OUTSIDE, UNCLEAR, TOO_SMALL)


@dataclass(frozen=True, kw_only=True, eq=False)
class Prior:
    """An earlier study of the same patient and its chest CT."""

    study: Study
    volume: Volume


@dataclass(frozen=True, kw_only=True, eq=False)
class _Settings:
    classifier: NoduleClassifier
    config: NoduleConfig = field(default_factory=NoduleConfig)
    limits: Repeatability = field(default_factory=Repeatability)


@dataclass(frozen=True, kw_only=True)
class _Then:
    """One lesion in one earlier study: its entry of the table, and the UID it was given there."""

    values: PriorValues
    uid: str | None = None


def compare(
    measured: Measured,
    volume: Volume,
    study: Study,
    priors: Iterable[Prior],
    *,
    classifier: NoduleClassifier,
    limits: Repeatability | None = None,
    progress: Progress | None = None,
) -> Measured:
    """The findings with the history of each present nodule and mass, and its change where that can be stated.

    Args:
        measured: of ``volume``, with the label map ``anatomy``.
        study: the present one; its date counts for doubling times.
        priors: newest first; taken one at a time, so that no more than one is in memory.
        classifier: tells lesions from vessels in the earlier study.
        limits: repeatability of the sizes.
        progress: called for each prior; cancelling is raising CancelledError in it.
    """
    lesions = [f for f in measured.findings if f.type in LESIONS and f.presence is Presence.PRESENT]
    if not lesions:
        return measured
    settings = _Settings(classifier=classifier, limits=limits or Repeatability())
    histories: dict[str, list[_Then]] = {f.tracking_uid: [] for f in lesions}
    for prior in priors:
        if progress:
            progress("comparing with an earlier examination", 0.0)
        for finding, then in zip(lesions, _in_prior(lesions, measured, volume, prior, settings), strict=True):
            histories[finding.tracking_uid].append(then)
    changed = {
        f.tracking_uid: _with_history(f, histories[f.tracking_uid], study, volume, settings.limits) for f in lesions
    }
    findings = tuple(changed.get(f.tracking_uid, f) for f in measured.findings)
    return replace(measured, findings=findings)


def _in_prior(
    lesions: Sequence[Finding], measured: Measured, volume: Volume, prior: Prior, settings: _Settings
) -> list[_Then]:
    """One entry for each lesion."""
    try:
        chest = PriorChest.of(prior.volume)
    except UnsupportedError:
        return [_without(prior, NO_LUNGS) for _ in lesions]
    alignment = _aligned(measured, volume, chest)
    if not alignment.is_trusted:
        return [_without(prior, NOT_ALIGNED) for _ in lesions]
    found = [_match(f, alignment, chest, settings) for f in lesions]
    taken = Counter(_key(n) for _, n in found if n is not None)
    return [
        _without(prior, UNCLEAR)
        if nodule is not None and taken[_key(nodule)] > 1
        else _entry(finding, match, nodule, volume, prior, settings.limits)
        for finding, (match, nodule) in zip(lesions, found, strict=True)
    ]


def _aligned(measured: Measured, volume: Volume, chest: PriorChest) -> Alignment:
    anatomy = next(m for m in measured.label_maps if m.name == "anatomy")
    numbers = [s.number for s in anatomy.segments if s.name in ("lung_right", "lung_left")]
    lungs, _ = grid.canonical(anatomy)
    turned, _ = grid.canonical(volume)
    now = np.isin(lungs.array, numbers)
    return align(turned, now, chest.turned, np.isin(chest.lungs.labels, (RIGHT, LEFT)))


def _match(
    finding: Finding, alignment: Alignment, chest: PriorChest, settings: _Settings
) -> tuple[Match, Nodule | None]:
    if finding.region is None:
        return Match.UNCLEAR, None
    place = alignment.to_prior(finding.region.center_mm)
    return counterpart(finding, place, chest, settings.classifier, settings.config)


def _key(nodule: Nodule) -> tuple[int, ...]:
    return (*nodule.outline.start, *nodule.outline.mask.shape)


def _without(prior: Prior, reason: str) -> _Then:
    study = prior.study
    return _Then(values=PriorValues(study_uid=study.study_uid, date=study.date, measurements=(), reason=reason))


def _entry(
    finding: Finding, match: Match, nodule: Nodule | None, volume: Volume, prior: Prior, limits: Repeatability
) -> _Then:
    if match is Match.OUTSIDE:
        return _without(prior, OUTSIDE)
    if match is Match.AERATED:
        long_axis = finding.measurement(terms.LONG_AXIS)
        is_small = long_axis is None or long_axis.value < 2.0 * thickness_mm(prior.volume)
        return _without(prior, TOO_SMALL) if is_small else _absent(prior)
    if nodule is None:
        return _without(prior, UNCLEAR)
    study = prior.study
    values = PriorValues(
        study_uid=study.study_uid,
        date=study.date,
        measurements=_sizes(nodule, thickness_mm(prior.volume) <= THIN_MM),
        reason=objection(volume, prior.volume, limits),
    )
    return _Then(values=values, uid=nodule_uid(prior.volume, nodule))


def _sizes(nodule: Nodule, is_thin: bool) -> tuple[Measurement, ...]:
    """Without caliper points: they belong to another frame of reference."""
    return tuple(replace(m, endpoints_mm=None) for m in nodule_measurements(nodule, is_thin))


def _absent(prior: Prior) -> _Then:
    return _Then(
        values=PriorValues(study_uid=prior.study.study_uid, date=prior.study.date, measurements=(), reason=None)
    )


def _with_history(
    finding: Finding, then: Sequence[_Then], study: Study, volume: Volume, limits: Repeatability
) -> Finding:
    """The finding with its table; its change is against the newest study that it can be compared with."""
    if not then:
        return finding
    history = tuple(t.values for t in then)
    chosen = next((t for t in then if t.values.reason is None), None)
    if chosen is None:
        change = _not_comparable(finding, history[0])
        return replace(finding, history=history, change=change)
    if not chosen.values.measurements:
        change = Change(
            measurement=terms.MEAN_DIAMETER,
            prior_value=0.0,
            prior_date=chosen.values.date,
            direction=Direction.NEW,
        )
        return replace(finding, history=history, change=change)
    change = _change(finding, chosen.values, volume, limits)
    grown = finding.measurements + _doubling(finding, chosen.values, change, study, limits)
    return replace(finding, history=history, change=change, prior_uid=chosen.uid, measurements=grown)


def _not_comparable(finding: Finding, values: PriorValues) -> Change:
    then = values.measurement(terms.MEAN_DIAMETER)
    return Change(
        measurement=terms.MEAN_DIAMETER,
        prior_value=0.0 if then is None else then.value,
        prior_date=values.date,
        direction=Direction.NOT_COMPARABLE,
        reason=values.reason,
    )


def _change(finding: Finding, values: PriorValues, volume: Volume, limits: Repeatability) -> Change:
    thickness = thickness_mm(volume)
    means = finding.measurement(terms.MEAN_DIAMETER), values.measurement(terms.MEAN_DIAMETER)
    name = compared_by(*means, thickness, limits)
    now, then = finding.measurement(name), values.measurement(name)
    if now is None or then is None:
        return _not_comparable(finding, replace(values, reason=UNCLEAR))
    return Change(
        measurement=name,
        prior_value=then.value,
        prior_date=values.date,
        direction=direction(name, now.value, then.value, thickness, limits),
    )


def _doubling(
    finding: Finding, values: PriorValues, change: Change, study: Study, limits: Repeatability
) -> tuple[Measurement, ...]:
    if change.measurement != terms.VOLUME or change.direction is not Direction.INCREASED:
        return ()
    now = finding.measurement(terms.VOLUME)
    days = days_between(values.date, study.date)
    if now is None or days is None:
        return ()
    time = doubling_time(now.value, change.prior_value, days, limits)
    return () if time is None else time.measurements()
