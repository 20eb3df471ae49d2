"""What the trial makes of findings and truth: hits, misses, inventions, errors, and the rows counted from them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tomoscribe.core import Finding, Measurement, Presence, Provenance, Region, terms
from tomoscribe.core.errors import ConfigError, InputError
from tomoscribe.validation.findings_trial import measures
from tomoscribe.validation.findings_trial.headline import headline_table
from tomoscribe.validation.findings_trial.honest import honesty
from tomoscribe.validation.findings_trial.match import listed_without_truth, matched, scan_of
from tomoscribe.validation.findings_trial.reading import CaseResult
from tomoscribe.validation.findings_trial.shared import shared_sources
from tomoscribe.validation.findings_trial.sources import generated_sources
from tomoscribe.validation.findings_trial.truth import Lesion, Truth, chest_truth, truth_from_json
from tomoscribe.validation.report.model import Row, Table

PROVENANCE = Provenance(version="0", model="chest-ct")


def nodule(
    x: float,
    size_mm: float,
    *,
    presence: Presence = Presence.PRESENT,
    probability: float = 0.9,
    volume_mm3: float = 100.0,
) -> Finding:
    center = (x, 0.0, 0.0)
    return Finding(
        tracking_uid=f"1.{int(x * 10) + 1000}",
        type=terms.NODULE,
        site=terms.LUNG,
        presence=presence,
        provenance=PROVENANCE,
        probability=probability,
        actionable=size_mm >= 6,
        region=Region(center_mm=center, box_min_mm=center, box_max_mm=center),
        measurements=(
            Measurement(name=terms.LONG_AXIS, value=size_mm, unit=terms.MM),
            Measurement(name=terms.VOLUME, value=volume_mm3, unit=terms.MM3),
        ),
    )


def lesion(
    x: float, size_mm: float, *, relevant: bool = True, volume_mm3: float = 200.0, name: str = "nodule"
) -> Lesion:
    return Lesion(
        name=f"{name} at {x:g}",
        center_mm=(x, 0.0, 0.0),
        diameter_mm=size_mm,
        relevant=relevant,
        long_mm=size_mm,
        short_mm=size_mm,
        volume_mm3=volume_mm3,
        groups={"size": "small" if size_mm < 10 else "large"},
    )


TRUTH = Truth(
    lesions=(lesion(0, 8), lesion(50, 20), lesion(100, 5), lesion(150, 12, relevant=False)),
    mimics=(("scar", (200.0, 0.0, 0.0)),),
    labels={"nodule": True, "pleural_effusion": True, "consolidation": False},
)
FOUND = (
    nodule(1, 9, volume_mm3=250),  # the first
    nodule(49, 16, presence=Presence.UNCERTAIN, probability=0.4),  # the second, on the review list only
    nodule(150, 12),  # does not count
    nodule(201, 7),  # a scar
    nodule(300, 4, presence=Presence.UNCERTAIN, probability=0.3),
)


def result(name: str, findings: tuple[Finding, ...] = FOUND, truth: Truth = TRUTH, text: str = "") -> CaseResult:
    return CaseResult(name=name, group="set a", truth=truth, findings=findings, text=text)


def find(table: Table, name: str, subgroup: str = "set=set a") -> Row:
    return next(r for r in table.rows if r.key == (name, subgroup))


def test_hits_misses_and_inventions() -> None:
    found = matched(FOUND, TRUTH)
    assert [h.found is not None for h in found.hits] == [True, False, False, True]
    assert [h.listed is not None for h in found.hits] == [False, True, False, False]
    assert [mimic for _, mimic in found.invented] == ["scar"]
    assert found.missed_actionable == ("nodule at 50 of 20 mm (on the review list)", "pleural effusion")
    assert found.invented_actionable == ("nodule of 7 mm",)


def test_a_report_that_says_nothing_misses_everything() -> None:
    assert len(matched((), TRUTH).missed_actionable) == 3  # 8 mm, 20 mm, effusion; the one of 5 mm is not actionable


def test_unknown_labels_are_neither_missed_nor_invented() -> None:
    said = replace(FOUND[0], type=terms.BRAIN_MASS, tracking_uid="1.1")
    assert matched((said,), Truth()).invented_actionable == ()
    assert matched((said,), Truth(labels={"brain_mass": False})).invented_actionable == ("brain mass",)


def test_marks_carry_their_probability() -> None:
    scan = scan_of(FOUND, TRUTH, "a")
    assert scan is not None
    assert scan.hits.tolist() == [0.9, 0.4, -math.inf]
    assert sorted(scan.false) == [0.3, 0.9]
    assert scan_of(FOUND, Truth(), "a") is None


def test_review_list_entries_without_truth() -> None:
    assert listed_without_truth(FOUND, TRUTH) == 1
    effusion = replace(FOUND[1], type=terms.CONSOLIDATION, tracking_uid="1.2")
    assert listed_without_truth((*FOUND, effusion), TRUTH) == 2


def test_headline_by_hand() -> None:
    nothing = Truth(lesions=(), labels={"nodule": False})
    table = headline_table({"set a": [result("one"), result("two", (), nothing)]})
    missed, invented = (
        find(table, "actionable/missed per 100 reports"),
        find(table, "actionable/invented per 100 reports"),
    )
    assert table.is_headline
    assert missed.score.value == pytest.approx(100.0)  # 2 and 0
    assert invented.score.value == pytest.approx(50.0)  # 1 and 0
    assert (missed.score.always_normal, invented.score.always_normal) == (150.0, 0.0)
    assert missed.score.chance == 150.0  # the empty report to the first, which then misses 3
    assert invented.score.chance == 150.0  # three actionable nodules to the second
    assert missed.score.low == 0.0
    assert missed.score.high == 200.0
    assert missed.parts == {"one": (200.0, 1.0), "two": (0.0, 1.0)}


def test_a_study_that_cannot_be_read_misses_everything() -> None:
    failed = replace(result("one", ()), failed="refused")
    table = headline_table({"set a": [failed]})
    row = find(table, "actionable/missed per 100 reports")
    assert row.score.value == 300.0
    assert math.isnan(row.score.low)  # one patient gives no interval


def test_nodule_rows_by_hand() -> None:
    table = measures.nodule_table({"set a": [result("one"), result("two", FOUND[:1])]})
    assert find(table, "nodules/sensitivity of the report").score.value == pytest.approx(2 / 6)
    assert find(table, "nodules/sensitivity with the review list").score.value == pytest.approx(3 / 6)
    assert find(table, "nodules/false positives of the report").score.value == pytest.approx(0.5)
    # two hits at 0.9 together with the scar: 2 of 6 at 0.5 FP; 3 of 6 at 0.4 with 0.5 FP; 1 FP at the end
    assert find(table, "nodules/sensitivity at 1 FP a scan").score.value == pytest.approx(0.5)


def test_subgroups_come_worst_first() -> None:
    table = measures.subgroup_table([result("one")], "title", "set a")
    rows = [(r.score.subgroup, r.score.value) for r in table.rows]
    assert rows == [("size=large", 0.0), ("size=small", 0.5)]


def test_sizes_are_errors_of_what_was_stated() -> None:
    table = measures.size_table({"set a": [result("one")]})
    assert find(table, "size/long axis, absolute error").score.value == pytest.approx(1.0)
    assert find(table, "size/volume, absolute error").score.value == pytest.approx(25.0)


def test_volumes_and_what_was_refused() -> None:
    organ = Finding(
        tracking_uid="1.5",
        type=terms.ORGAN_MEASUREMENT,
        site=terms.BRAIN,
        presence=Presence.PRESENT,
        provenance=PROVENANCE,
        region=Region(center_mm=(0, 0, 0), box_min_mm=(0, 0, 0), box_max_mm=(0, 0, 0)),
        measurements=(Measurement(name=terms.VOLUME, value=1100.0, unit=terms.ML),),
    )
    refused = Finding(
        tracking_uid="1.6",
        type=terms.ORGAN_MEASUREMENT,
        site=terms.BRAIN,
        presence=Presence.NOT_ASSESSED,
        provenance=PROVENANCE,
        note="no skull",
    )
    truth = Truth(volumes_ml={"brain": 1000.0})
    table = measures.volume_table({"set a": [result("one", (organ,), truth), result("two", (refused,), truth)]})
    assert find(table, "volume/absolute error/brain").score.value == pytest.approx(10.0)
    assert find(table, "volume/share measured/brain").score.value == pytest.approx(0.5)


def test_reports_are_put_before_the_honesty_checks() -> None:
    """A writer that calls every chest normal: as good as one, and flagged as that where there are enough patients."""
    ill, well = Truth(labels={"nodule": True}, lesions=(lesion(0, 12),)), Truth(labels={"nodule": False}, lesions=())
    said = "FINDINGS\nThere is no nodule. The lungs are clear."
    results = [result(f"case {n}", (), (ill, well)[n % 2], said) for n in range(24)]
    found = honesty({"set a": results, "small set": results[:2]})
    missed = next(r.score for r in found.table.rows if r.score.name == "text/actionable/missed_per_100")
    assert (missed.value, missed.always_normal, missed.subgroup) == (50.0, 50.0, "set=set a")
    assert any("always" in f.name and f.evidence.startswith("set a: ") for f in found.flags)
    assert not any("small set" in r.score.subgroup for r in found.table.rows)


def test_seeds_are_held_out_and_a_missing_folder_is_an_error(tmp_path) -> None:
    assert [s.name for s in generated_sources(2, 1)] == ["chest 1850000", "brain 1850000", "chest 1850001"]
    with pytest.raises(ConfigError, match="held-out seeds from 1000000"):
        generated_sources(1, 1, first_seed=7)
    with pytest.raises(InputError, match="expected a folder of labelled scans"):
        shared_sources(tmp_path / "none")
    sources, excluded = shared_sources(tmp_path)
    assert sources == []
    assert {e.where for e in excluded} >= {"LIDC-IDRI-0001", "popi_00", "voxelmorph_t1"}


def test_truth_of_a_phantom_survives_json() -> None:
    import json
    from dataclasses import asdict

    from tomoscribe.phantoms.chest.case import chest_case

    truth = chest_truth(chest_case(1_850_900, spacing_mm=6.0).truth)
    assert truth_from_json(json.loads(json.dumps(asdict(truth)))) == truth
    assert np.isfinite(truth.volumes_ml["lung_right"])
