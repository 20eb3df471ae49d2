"""The trial's part of a validation report: tables, cases, plots, pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tomoscribe.core import terms
from tomoscribe.validation.findings_trial import measures
from tomoscribe.validation.findings_trial.headline import headline_table, review_table
from tomoscribe.validation.findings_trial.honest import honesty
from tomoscribe.validation.findings_trial.match import Hit, matched, scan_of, size_mm
from tomoscribe.validation.findings_trial.reading import CaseResult
from tomoscribe.validation.findings_trial.run import Outcome, Settings
from tomoscribe.validation.findings_trial.sources import CHEST
from tomoscribe.validation.metrics.agreement import bland_altman
from tomoscribe.validation.metrics.detection import RATES, froc
from tomoscribe.validation.records import Excluded, Flag, Severity
from tomoscribe.validation.report.facts import Facts
from tomoscribe.validation.report.model import CaseLine, Failure, Plot, Series, ValidationReport

TITLE = "Findings"
_BAD_PERCENT = 10.0
_BAD_POINTS = 2.0
_LIMIT = 24


def findings_report(outcome: Outcome, facts: Facts, *, seconds: float, is_quick: bool) -> ValidationReport:
    """Everything of one trial."""
    results = outcome.results
    groups = {g: [r for r in results if r.group == g] for g in dict.fromkeys(r.group for r in results)}
    checked = honesty(groups)
    generated = groups.get(CHEST, [])
    tables = [
        headline_table(groups),
        measures.nodule_table(groups),
        measures.subgroup_table(generated, "Nodules by what they are like (generated chest CT)", CHEST),
        measures.size_table(groups),
        measures.volume_table(groups),
        measures.overlap_table(groups),
        checked.table,
        review_table(groups),
    ]
    return ValidationReport(
        title=TITLE,
        facts=facts,
        tables=tuple(t for t in tables if t.rows),
        flags=(*_flags(results), *checked.flags),
        not_tested=checked.not_tested,
        cases=tuple(line for r in results for line in case_lines(r)),
        excluded=(*outcome.excluded, *_failed(results)),
        plots=tuple(_plots(results)),
        failures=tuple(_failures(results)),
        seconds=seconds,
        is_quick=is_quick,
        extra={"studies": [_brief(r) for r in results]},
    )


def seeds_of(settings: Settings) -> dict[str, str]:
    """For the facts of the run."""
    first = settings.first_seed
    seeds = {"resampling": "0"}
    for name, count in (("generated chest CT", settings.chest), ("generated brain MR", settings.brain)):
        if count:
            seeds[name] = f"{first} to {first + count - 1}"
    return seeds


def case_lines(result: CaseResult) -> Iterator[CaseLine]:
    """Every quantity of one study, true and found."""
    if result.failed is not None:
        yield _line(result, "report", "wanted", f"none: {result.failed}", is_bad=True)
        return
    found = matched(result.findings, result.truth)
    for hit in found.hits:
        yield _lesion_line(result, hit)
    for finding, mimic in found.invented:
        size = size_mm(finding, terms.LONG_AXIS)
        words = f"{finding.type.meaning.lower()}, {size:.1f} mm" if size is not None else finding.type.meaning.lower()
        yield _line(result, "stated and not there", mimic.replace("_", " ") if mimic else "nothing", words, is_bad=True)
    if result.truth.lesions == () and not found.invented:
        yield _line(result, "nodules", "none reported", "none stated")
    yield from _study_lines(result)
    for name, true in result.truth.volumes_ml.items():
        yield _amount(result, f"{name.replace('_', ' ')}, ml", true, measures.measured_ml(result.findings, name))
    if result.truth.laa950_percent is not None:
        true, value = result.truth.laa950_percent, measures.measured_laa(result.findings)
        words = "not assessed" if value is None else f"{value:.1f}"
        error = "" if value is None else f"{value - true:+.1f} points"
        is_bad = value is not None and abs(value - true) > _BAD_POINTS
        yield _line(result, "LAA-950, %", f"{true:.1f}", words, error, is_bad=is_bad)
    for name, value in result.overlap.items():
        yield _line(result, name.replace("/", ", "), "", f"{value:.3f}")


def _study_lines(result: CaseResult) -> Iterator[CaseLine]:
    """Findings of the study as a whole that are there, and what became of them."""
    found = matched(result.findings, result.truth)
    for words in found.missed_actionable:
        if not any(words.startswith(h.lesion.name) for h in found.hits):
            name, _, rest = words.partition(" (")
            yield _line(result, name, "there", f"not stated ({rest}" if rest else "not stated", is_bad=True)
    for words in found.invented_actionable:
        if words.replace(" ", "_") in result.truth.labels:
            yield _line(result, words, "not there", "stated", is_bad=True)


def _lesion_line(result: CaseResult, hit: Hit) -> CaseLine:
    lesion = hit.lesion
    kind = ", ".join(v for k, v in lesion.groups.items() if k in ("attenuation", "place", "side", "readers"))
    true = f"{lesion.long_mm or lesion.diameter_mm:.1f} mm" + ("" if lesion.relevant else ", does not count")
    if hit.found is None:
        words = "on the review list" if hit.listed is not None else "not stated"
        return _line(result, f"{lesion.name} ({kind})" if kind else lesion.name, true, words, is_bad=lesion.relevant)
    size = size_mm(hit.found, terms.LONG_AXIS)
    percent = None if size is None or not lesion.long_mm else 100.0 * (size - lesion.long_mm) / lesion.long_mm
    return _line(
        result,
        f"{lesion.name} ({kind})" if kind else lesion.name,
        true,
        "stated" if size is None else f"stated, {size:.1f} mm",
        "" if percent is None else f"{percent:+.0f} %",
        is_bad=percent is not None and abs(percent) > 2 * _BAD_PERCENT,
    )


def _amount(result: CaseResult, what: str, true: float, value: float | None) -> CaseLine:
    if value is None:
        return _line(result, what, f"{true:.1f}", "not assessed")
    percent = 100.0 * (value - true) / true if true else None
    error = ("" if not value else "not there") if percent is None else f"{percent:+.1f} %"
    is_bad = value > 0 if percent is None else abs(percent) > _BAD_PERCENT
    return _line(result, what, f"{true:.1f}", f"{value:.1f}", error, is_bad=is_bad)


def _line(result: CaseResult, what: str, true: str, found: str, error: str = "", *, is_bad: bool = False) -> CaseLine:
    return CaseLine(group=result.group, case=result.name, what=what, true=true, found=found, error=error, is_bad=is_bad)


def _flags(results: Sequence[CaseResult]) -> Iterator[Flag]:
    """What must be known before a figure is quoted."""
    seen = [r for r in results if r.seen_by]
    if seen:
        nets = sorted({n for r in seen for n in r.seen_by})
        yield Flag(
            name="scored_on_training_data",
            severity=Severity.WARNING,
            evidence=f"{', '.join(nets)} was trained on these scans: their set shows the machinery, not what to expect",
            cases=tuple(r.name for r in seen),
        )
    new = [r for r in results if r.group.startswith("real, new")]
    if new and len(new) < 20:
        yield Flag(
            name="few_real_patients",
            severity=Severity.WARNING,
            evidence=f"{len(new)} real patients that are new to the weights: their figures are anecdotes",
            cases=tuple(r.name for r in new),
        )


def _failed(results: Sequence[CaseResult]) -> list[Excluded]:
    return [Excluded(what="study not read", where=r.name, why=r.failed) for r in results if r.failed is not None]


def _plots(results: Sequence[CaseResult]) -> Iterator[Plot]:
    curves = []
    for group in dict.fromkeys(r.group for r in results):
        known = [r for r in results if r.group == group and r.failed is None]
        scans = [s for r in known if (s := scan_of(r.findings, r.truth, r.name)) is not None]
        if any(len(s.hits) for s in scans):
            curve = froc(scans)
            num = sum(len(s.hits) for s in scans)
            name = f"{group} ({num} lesion{'s' if num > 1 else ''}, {len(scans)} scan{'s' if len(scans) > 1 else ''})"
            x, y = curve.false_per_scan.tolist(), curve.sensitivity.tolist()
            curves.append(Series(name=name, x=(*x, max(RATES)), y=(*y, y[-1])))
    if curves:
        yield Plot(
            title="FROC of nodules",
            kind="steps",
            x_label="false positives per scan",
            y_label="sensitivity",
            series=tuple(curves),
            note="Report and review list together; each curve ends where its list does.",
        )
    yield from _axis_agreement(results)
    yield from _volume_agreement(results)


def _axis_agreement(results: Sequence[CaseResult]) -> Iterator[Plot]:
    series, everything = [], []
    for group in dict.fromkeys(r.group for r in results):
        pairs = list(measures.size_pairs([r for r in results if r.group == group], terms.LONG_AXIS))
        everything += pairs
        if pairs:
            series.append(_percent_series(group, pairs))
    yield from _agreement_plot("Long axis of nodules", "mm", series, everything)


def _volume_agreement(results: Sequence[CaseResult]) -> Iterator[Plot]:
    series, everything = [], []
    for name in measures.ORGANS:
        pairs = [
            (true, value)
            for r in results
            if (true := r.truth.volumes_ml.get(name, 0.0)) > 0
            and (value := measures.measured_ml(r.findings, name)) is not None
        ]
        everything += pairs
        if pairs:
            series.append(_percent_series(name.replace("_", " "), pairs))
    yield from _agreement_plot("Volumes", "ml", series, everything, is_log_x=True)


def _percent_series(name: str, pairs: Sequence[tuple[float, float]]) -> Series:
    return Series(
        name=name,
        x=tuple((a + b) / 2 for a, b in pairs),
        y=tuple(200.0 * (b - a) / (a + b) if a + b else 0.0 for a, b in pairs),
    )


def _agreement_plot(
    title: str, unit: str, series: Sequence[Series], pairs: Sequence[tuple[float, float]], *, is_log_x: bool = False
) -> Iterator[Plot]:
    if len(pairs) < 2:
        return
    found = bland_altman([b for _, b in pairs], [a for a, _ in pairs], in_percent=True)
    yield Plot(
        title=f"{title}: agreement with the truth",
        kind="points",
        x_label=f"mean of true and measured, {unit}",
        y_label="measured minus true, %",
        series=tuple(series),
        marks=(
            (found.bias, f"bias {found.bias:+.1f} %"),
            (found.low, f"{found.low:+.1f} %"),
            (found.high, f"{found.high:+.1f} %"),
        ),
        note=f"Bland and Altman 1986, {found.num_pairs} pairs of all sets; dashed lines: limits of agreement.",
        is_log_x=is_log_x,
    )


def _failures(results: Sequence[CaseResult]) -> Iterator[Failure]:
    """Missed ones first, then invented, then measured wrong."""
    order = ("missed", "invented", "measured wrong")
    pictures = sorted((p for r in results for p in r.pictures), key=lambda p: order.index(p.kind))
    for picture in pictures[:_LIMIT]:
        yield Failure(case=picture.case, kind=picture.kind, caption=picture.caption, png=picture.png)


def _brief(result: CaseResult) -> dict[str, object]:
    """What a study took; kept beside the rows."""
    return {
        "name": result.name,
        "group": result.group,
        "seed": result.seed,
        "seen_by": list(result.seen_by),
        "seconds": {k: round(v, 2) for k, v in result.seconds.items()},
        "peak_memory_bytes": result.peak_memory_bytes,
        "warnings": list(result.warnings),
        "notes": list(result.truth.notes),
    }
