"""Nodules found and sized, volumes, emphysema and masks: rows in tables, and the same case by case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from tomoscribe.core import Code, Finding, Laterality, Presence, terms
from tomoscribe.validation.findings_trial.match import Hit, matched, scan_of, size_mm
from tomoscribe.validation.findings_trial.reading import CaseResult
from tomoscribe.validation.metrics.detection import Scan, cpm_interval, sensitivity_interval
from tomoscribe.validation.records import Better
from tomoscribe.validation.report.figures import Figure, means, ratio, row
from tomoscribe.validation.report.model import Part, Row, Table, by_figure

Groups = Mapping[str, Sequence[CaseResult]]
RATE = 1.0
NODULE_NOTE = (
    "A mark hits a lesion when it lies within its radius (LUNA16). FROC and CPM take every nodule of the report and of "
    "its review list with its probability; marks below the review list's threshold are never made, so the curves end "
    "where the list does, and CPM reads its last point there. The report itself is one operating point: its "
    "sensitivity and its false positives stand beside them. Nodules that fewer than 3 of 4 readers drew count neither "
    "way."
)
SIZE_NOTE = "Of lesions that the report states and whose reference has an outline. Errors are measured minus true."
VOLUME_NOTE = (
    "Mean absolute errors over the studies in which the quantity was measured; the share that was measured stands "
    "beside them, since what is refused cannot be wrong."
)
OVERLAP_NOTE = (
    "Masks of the report on the grid of the reference. Tower Dice: the network's own masks, for the one real brain "
    "that the report refuses."
)
ORGANS: dict[str, tuple[Code, Code, Laterality | None]] = {
    "lung_right": (terms.ORGAN_MEASUREMENT, terms.LUNG, Laterality.RIGHT),
    "lung_left": (terms.ORGAN_MEASUREMENT, terms.LUNG, Laterality.LEFT),
    "intracranial": (terms.ORGAN_MEASUREMENT, terms.INTRACRANIAL, None),
    "brain": (terms.ORGAN_MEASUREMENT, terms.BRAIN, None),
    "ventricles": (terms.ORGAN_MEASUREMENT, terms.VENTRICLES, None),
    "white_matter_lesions": (terms.WHITE_MATTER_LESIONS, terms.CEREBRAL_WHITE_MATTER, None),
}
"""Type, site and side of the finding that holds each volume."""


def nodule_table(groups: Groups) -> Table:
    """Found and invented nodules of each set."""
    rows: list[Row | None] = []
    for group, results in groups.items():
        known = [r for r in results if r.failed is None and r.truth.lesions is not None]
        subgroup = f"set={group}"
        scans = [s for r in known if (s := scan_of(r.findings, r.truth, r.name)) is not None]
        rows += _froc_rows(scans, subgroup)
        rows.append(ratio(_STATED, _sensitivity(known), subgroup))
        rows.append(ratio(_LISTED_TOO, _sensitivity(known, with_list=True), subgroup))
        false = {r.name: float(len(matched(r.findings, r.truth).invented)) for r in known}
        rows.append(ratio(_FALSE, means(false), subgroup))
    return Table(title="Lung nodules and masses", rows=by_figure(rows), note=NODULE_NOTE)


def subgroup_table(results: Sequence[CaseResult], title: str, group: str) -> Table:
    """Sensitivity by what a lesion and its study are like, the worst group of each kind first.

    Args:
        group: which set the results are of, for the rows' names.
    """
    rows: list[Row | None] = []
    parts: dict[str, dict[str, Part]] = {}
    for result in results:
        for hit in _relevant(result):
            for kind, value in {**result.truth.groups, **hit.lesion.groups}.items():
                hits, total = parts.setdefault(f"{kind}={value}", {}).get(result.name, (0.0, 0.0))
                parts[f"{kind}={value}"][result.name] = (hits + (hit.found is not None), total + 1.0)
    figure = Figure(
        name=f"nodules/sensitivity of the report/{group}", better=Better.HIGHER, source="stated of those that are there"
    )
    rows = [ratio(figure, cases, key) for key, cases in parts.items()]
    ordered = sorted(by_figure(rows), key=lambda r: (r.score.subgroup.partition("=")[0], r.score.value))
    return Table(title=title, rows=tuple(ordered), note="Worst group of each kind first.")


def size_table(groups: Groups) -> Table:
    """How far measured sizes are from true ones."""
    rows: list[Row | None] = []
    for group, results in groups.items():
        for figure, error in _SIZES:
            parts: dict[str, Part] = {}
            for result in results:
                errors = [e for hit in _relevant(result) if (e := error(hit)) is not None]
                if errors:
                    parts[result.name] = (sum(errors), float(len(errors)))
            rows.append(ratio(figure, parts, f"set={group}"))
    return Table(title="Sizes of found nodules", rows=by_figure(rows), note=SIZE_NOTE)


def volume_table(groups: Groups) -> Table:
    """Volumes of organs and lesions, and emphysema."""
    rows: list[Row | None] = []
    for group, results in groups.items():
        read = [r for r in results if r.failed is None]
        for name in ORGANS:
            known = [r for r in read if r.truth.volumes_ml.get(name, 0.0) > 0.0]
            rows += _volume_rows(known, name, f"set={group}")
        rows += _emphysema_rows([r for r in read if r.truth.laa950_percent is not None], f"set={group}")
    return Table(title="Volumes and emphysema", rows=by_figure(rows), note=VOLUME_NOTE)


def overlap_table(groups: Groups) -> Table:
    """Agreement of masks."""
    rows: list[Row | None] = []
    for group, results in groups.items():
        for name in sorted({name for r in results for name in r.overlap}):
            better = Better.LOWER if name.startswith("HD95") else Better.HIGHER
            unit = "mm" if name.startswith("HD95") else "1"
            figure = Figure(
                name=f"masks/{name}", better=better, source="metrics/overlap.py, mean over studies", unit=unit
            )
            parts = means({r.name: r.overlap[name] for r in results if name in r.overlap})
            rows.append(ratio(figure, parts, f"set={group}"))
    return Table(title="Masks", rows=by_figure(rows), note=OVERLAP_NOTE)


def measured_ml(findings: Sequence[Finding], name: str) -> float | None:
    """A volume of ``ORGANS`` in ml as the report has it, None where it was not measured."""
    kind, site, side = ORGANS[name]
    for finding in findings:
        is_it = finding.type == kind and finding.site == site and (side is None or finding.laterality is side)
        value = finding.measurement(terms.VOLUME) if is_it and finding.presence is not Presence.NOT_ASSESSED else None
        if value is not None:
            return value.value
    return None


def measured_laa(findings: Sequence[Finding]) -> float | None:
    """LAA-950 in percent, None where the acquisition forbids it."""
    for finding in findings:
        value = finding.measurement(terms.LAA_950) if finding.type == terms.EMPHYSEMA else None
        if value is not None and finding.presence is not Presence.NOT_ASSESSED:
            return value.value
    return None


def size_pairs(results: Sequence[CaseResult], name: Code) -> Iterator[tuple[float, float]]:
    """True and measured sizes of found lesions, by ``LONG_AXIS`` or ``VOLUME``."""
    for result in results:
        for hit in _relevant(result):
            true = hit.lesion.long_mm if name == terms.LONG_AXIS else hit.lesion.volume_mm3
            measured = None if hit.found is None else size_mm(hit.found, name)
            if true and measured:
                yield true, measured


_STATED = Figure(
    name="nodules/sensitivity of the report", better=Better.HIGHER, source="lesions that a sentence states as present"
)
_LISTED_TOO = Figure(
    name="nodules/sensitivity with the review list", better=Better.HIGHER, source="stated or on the review list"
)
_FALSE = Figure(
    name="nodules/false positives of the report",
    better=Better.LOWER,
    unit="per scan",
    source="stated nodules and masses of any size that hit nothing",
)


def _froc_rows(scans: Sequence[Scan], subgroup: str) -> list[Row]:
    if not any(len(s.hits) for s in scans):
        return []
    cpm = Figure(name="nodules/CPM", better=Better.HIGHER, source="mean sensitivity at 1/8 to 8 FP a scan (LUNA16)")
    one = Figure(name="nodules/sensitivity at 1 FP a scan", better=Better.HIGHER, source="FROC (LUNA16)")
    return [
        row(cpm, cpm_interval(scans), subgroup, {}),
        row(one, sensitivity_interval(scans, RATE), subgroup, {}),
    ]


def _sensitivity(results: Sequence[CaseResult], *, with_list: bool = False) -> dict[str, Part]:
    parts = {}
    for result in results:
        hits = _relevant(result)
        found = sum(h.found is not None or (with_list and h.listed is not None) for h in hits)
        parts[result.name] = (float(found), float(len(hits)))
    return parts


def _relevant(result: CaseResult) -> list[Hit]:
    return [h for h in matched(result.findings, result.truth).hits if h.lesion.relevant]


def _axis_error(hit: Hit) -> float | None:
    measured = None if hit.found is None else size_mm(hit.found, terms.LONG_AXIS)
    return None if measured is None or hit.lesion.long_mm is None else measured - hit.lesion.long_mm


def _volume_error(hit: Hit) -> float | None:
    measured = None if hit.found is None else size_mm(hit.found, terms.VOLUME)
    true = hit.lesion.volume_mm3
    return None if measured is None or not true else 100.0 * (measured - true) / true


def _magnitude(error: Callable[[Hit], float | None]) -> Callable[[Hit], float | None]:
    def of(hit: Hit) -> float | None:
        value = error(hit)
        return None if value is None else abs(value)

    return of


_SIZES: tuple[tuple[Figure, Callable[[Hit], float | None]], ...] = (
    (
        Figure(
            name="size/long axis, absolute error", better=Better.LOWER, unit="mm", source="mean of |measured - true|"
        ),
        _magnitude(_axis_error),
    ),
    (
        Figure(
            name="size/volume, absolute error", better=Better.LOWER, unit="%", source="mean of |measured - true| / true"
        ),
        _magnitude(_volume_error),
    ),
)


def _volume_rows(known: Sequence[CaseResult], name: str, subgroup: str) -> list[Row | None]:
    words = name.replace("_", " ")
    measured = {r.name: measured_ml(r.findings, name) for r in known}
    errors = {
        r.name: 100.0 * abs(value - r.truth.volumes_ml[name]) / r.truth.volumes_ml[name]
        for r in known
        if (value := measured[r.name]) is not None
    }
    error = Figure(
        name=f"volume/absolute error/{words}", better=Better.LOWER, unit="%", source="mean of |measured - true| / true"
    )
    share = Figure(
        name=f"volume/share measured/{words}", better=Better.HIGHER, source="studies in which it was measured"
    )
    return [
        ratio(error, means(errors), subgroup),
        ratio(share, means({case: float(value is not None) for case, value in measured.items()}), subgroup),
    ]


def _emphysema_rows(known: Sequence[CaseResult], subgroup: str) -> list[Row | None]:
    measured = {r.name: measured_laa(r.findings) for r in known}
    errors = {
        r.name: abs(value - (r.truth.laa950_percent or 0.0)) for r in known if (value := measured[r.name]) is not None
    }
    error = Figure(
        name="emphysema/LAA-950, absolute error", better=Better.LOWER, unit="points", source="mean of |measured - true|"
    )
    share = Figure(name="emphysema/share measured", better=Better.HIGHER, source="studies in which it was measured")
    return [
        ratio(error, means(errors), subgroup),
        ratio(share, means({case: float(value is not None) for case, value in measured.items()}), subgroup),
    ]
