"""The deterministic writer: sections, sentences, rounding, what is said when nothing or nobody may be assessed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tomoscribe.core import (
    Acquisition,
    Attribute,
    Change,
    Direction,
    EvidenceSlice,
    Finding,
    Laterality,
    Measurement,
    Presence,
    Provenance,
    Region,
    Review,
    ReviewState,
    SectionName,
    Series,
    StatementKind,
    Study,
    Verdict,
    terms,
)
from tomoscribe.reports.lock import EvidenceLock
from tomoscribe.reports.writer import CODES, write_report

PROVENANCE = Provenance(version="0", model="test")
REGION = Region(center_mm=(0, 0, 0), box_min_mm=(-1, -1, -1), box_max_mm=(1, 1, 1))
STUDY = Study(
    study_uid="1.2",
    patient_key="k",
    date="2024-05-06",
    description=None,
    age_years=61.0,
    sex=None,
    series=(
        Series(
            series_uid="1.2.3",
            modality="CT",
            number=3,
            description=None,
            files=(Path("a"),),
            verdict=Verdict.ACCEPTED,
            acquisition=Acquisition(slice_thickness_mm=1.25, kernel="B30f", kvp=120.0, contrast=True),
            shape=(300, 512, 512),
        ),
    ),
)


def _nodule(uid="n", side=Laterality.LEFT, long=14.3, **changes):
    values = {
        "tracking_uid": uid,
        "type": terms.NODULE,
        "site": terms.LUNG,
        "laterality": side,
        "presence": Presence.PRESENT,
        "actionable": True,
        "provenance": PROVENANCE,
        "region": REGION,
        "measurements": (
            Measurement(name=terms.LONG_AXIS, value=long, unit=terms.MM),
            Measurement(name=terms.SHORT_AXIS, value=11.2, unit=terms.MM),
            Measurement(name=terms.MEAN_DIAMETER, value=12.75, unit=terms.MM),
            Measurement(name=terms.VOLUME, value=853.0, unit=terms.MM3),
            Measurement(name=terms.MEAN_ATTENUATION, value=-25.4, unit=terms.HU),
        ),
        "attributes": (
            Attribute(name=terms.ATTENUATION_CLASS, value=terms.SOLID),
            Attribute(name=terms.LOBE, value=terms.NOT_DETERMINED),
        ),
        "evidence": (EvidenceSlice(series_uid="1.2.3", series_number=3, instance_uid="1.2.3.45", instance_number=45),),
    }
    return Finding(**(values | changes))


def _texts(report, name):
    section = report.section(name)
    return [s.text for s in section.statements] if section else []


def _write(findings, study=STUDY, **options):
    report = write_report(study, findings, provenance=PROVENANCE, **options)
    assert EvidenceLock(study).check(report) == ()
    return report


def test_a_nodule_is_told_with_all_it_was_measured_at():
    report = _write((_nodule(),))
    assert _texts(report, SectionName.FINDINGS) == [
        "Solid nodule in the left lung, lobe not determined: 14 x 11 mm, mean diameter 13 mm, volume 850 mm3, "
        "mean attenuation -25 HU (series 3, image 45)."
    ]
    assert _texts(report, SectionName.IMPRESSION) == ["Solid nodule in the left lung: 14 x 11 mm (series 3, image 45)."]
    assert "No guideline class is assigned" in _texts(report, SectionName.RECOMMENDATION)[0]


def test_sections_stand_in_their_order_and_header_facts_are_told():
    report = _write((_nodule(),))
    assert [s.name for s in report.sections] == [n for n in SectionName if n is not SectionName.ADDENDUM]
    assert _texts(report, SectionName.EXAMINATION) == ["CT of the chest, 2024-05-06."]
    assert _texts(report, SectionName.TECHNIQUE) == [
        "Series 3: CT, 300 images, slice thickness 1.25 mm, kernel B30f, tube voltage 120 kVp, CTDIvol unknown, "
        "intravenous contrast given."
    ]
    assert _texts(report, SectionName.COMPARISON) == ["None available."]


def test_a_nodule_is_told_in_chinese_with_all_it_was_measured_at():
    report = _write((_nodule(),), language="zh")
    assert report.language == "zh"
    assert _texts(report, SectionName.FINDINGS) == [
        "左肺实性结节，肺叶未确定：长径×短径 14 mm×11 mm，平均直径13 mm，体积850 mm³，平均CT值-25 HU（序列3，图像45）。"
    ]
    assert _texts(report, SectionName.IMPRESSION) == ["左肺实性结节：长径×短径 14 mm×11 mm（序列3，图像45）。"]
    assert _texts(report, SectionName.RECOMMENDATION) == [
        "未作指南分级；随访由放射科医师决定。",
        "Fleischner 2017：无法分级，缺少：是否为筛查检查、肿瘤病史、免疫状态、肺癌风险。",
        "Lung-RADS v2022：无法分级，缺少：是否为筛查检查。",
    ]
    assert _texts(report, SectionName.TECHNIQUE) == [
        "序列3：CT，300幅图像，层厚1.25 mm，重建卷积核B30f，管电压120 kVp，CTDIvol 不详，已使用静脉对比剂。"
    ]
    assert _texts(report, SectionName.NOT_ASSESSED)[0].startswith("未评估：肺栓塞、气胸、主动脉夹层、淋巴结")


@pytest.mark.parametrize(
    ("direction", "prior", "text"),
    [
        (Direction.INCREASED, 10.1, "与2023-01-05比较，左肺结节长径由10 mm增大至14 mm（+42%）。"),
        (Direction.DECREASED, 20.0, "与2023-01-05比较，左肺结节长径由20 mm缩小至14 mm（-29%）。"),
        (Direction.NEW, 0.0, "较2023-01-05新发：左肺结节。"),
        (Direction.STABLE, 14.0, "与2023-01-05比较，左肺结节长径在重复性范围内无变化：原14 mm，现14 mm。"),
        (Direction.NOT_COMPARABLE, 14.0, "左肺结节长径无法与2023-01-05比较，原因：重建卷积核不同。"),
    ],
)
def test_changes_in_chinese(direction, prior, text):
    reason = "the kernels differ" if direction is Direction.NOT_COMPARABLE else None
    change = Change(
        measurement=terms.LONG_AXIS, prior_value=prior, prior_date="2023-01-05", direction=direction, reason=reason
    )
    assert _texts(_write((_nodule(change=change),), language="zh"), SectionName.FINDINGS)[1] == text


def test_lobes_counts_suspicions_and_children_in_chinese():
    lobe = _nodule("l", Laterality.RIGHT, site=terms.RIGHT_UPPER_LOBE, attributes=())
    effusion = Finding(
        tracking_uid="e",
        type=terms.PLEURAL_EFFUSION,
        site=terms.PLEURA,
        laterality=Laterality.RIGHT,
        presence=Presence.UNCERTAIN,
        probability=0.416,
        provenance=PROVENANCE,
        note="seen by a network that was trained on generated patients only",
    )
    report = _write((_nodule(), lobe, effusion), language="zh")
    texts = _texts(report, SectionName.FINDINGS)
    assert texts[0] == "结节共2枚：右肺1枚，左肺1枚。"
    assert texts[2].startswith("右肺结节，位于右肺上叶：长径×短径 14 mm×11 mm")
    assert _texts(report, SectionName.REVIEW_LIST) == [
        "可疑右侧胸腔积液，供复核（概率42%）；由仅以合成病例训练的网络提示。"
    ]
    child = _write((_nodule(),), replace(STUDY, age_years=9.0), language="zh")
    assert _texts(child, SectionName.NOT_ASSESSED)[0] == "左肺结节：未评估（患者未满18岁，本版本仅用于成人）。"


def test_change_is_told_with_both_values_the_date_and_the_percentage():
    change = Change(
        measurement=terms.LONG_AXIS, prior_value=10.1, prior_date="2023-01-05", direction=Direction.INCREASED
    )
    report = _write((_nodule(change=change),))
    text = "Compared with 2023-01-05, the long axis of the left lung nodule increased from 10 mm to 14 mm (+42 %)."
    assert _texts(report, SectionName.FINDINGS)[1] == text
    assert _texts(report, SectionName.IMPRESSION)[1] == text


@pytest.mark.parametrize(
    ("direction", "prior", "text"),
    [
        (Direction.NEW, 0.0, "New since 2023-01-05: left lung nodule."),
        (
            Direction.STABLE,
            14.0,
            "Compared with 2023-01-05, the long axis of the left lung nodule is unchanged within repeatability: "
            "14 mm before, 14 mm now.",
        ),
        (
            Direction.NOT_COMPARABLE,
            14.0,
            "The long axis of the left lung nodule cannot be compared with 2023-01-05 because the kernels differ.",
        ),
    ],
)
def test_other_changes(direction, prior, text):
    change = Change(
        measurement=terms.LONG_AXIS,
        prior_value=prior,
        prior_date="2023-01-05",
        direction=direction,
        reason="the kernels differ" if direction is Direction.NOT_COMPARABLE else None,
    )
    assert _texts(_write((_nodule(change=change),)), SectionName.FINDINGS)[1] == text


def test_two_nodules_are_counted_per_side_and_the_larger_comes_first():
    small = _nodule("m", Laterality.RIGHT, measurements=(Measurement(name=terms.LONG_AXIS, value=8.0, unit=terms.MM),))
    texts = _texts(_write((small, _nodule())), SectionName.FINDINGS)
    assert texts[0] == "2 nodules in all: 1 in the right lung, 1 in the left lung."
    assert texts[1].startswith("Solid nodule in the left lung")
    assert texts[2].startswith("Solid nodule in the right lung, lobe not determined: long axis 8 mm")


def test_without_an_actionable_finding_the_impression_says_what_is_not_excluded():
    report = _write((_nodule(actionable=False),))
    last = _texts(report, SectionName.IMPRESSION)[-1]
    assert last.startswith("This reading does not exclude disease; not assessed: pulmonary embolism, pneumothorax")
    assert "normal" not in " ".join(s.text for s in report.statements).lower()


def test_no_finding_at_all_never_reads_as_normal():
    report = _write(())
    assert _texts(report, SectionName.EXAMINATION) == ["CT of the chest, 2024-05-06."]
    assert _texts(report, SectionName.FINDINGS) == []
    assert "aortic dissection" in _texts(report, SectionName.IMPRESSION)[0]
    assert "consolidation" in _texts(report, SectionName.NOT_ASSESSED)[1]


def test_suspicions_stand_on_the_review_list_only():
    effusion = Finding(
        tracking_uid="e",
        type=terms.PLEURAL_EFFUSION,
        site=terms.PLEURA,
        laterality=Laterality.RIGHT,
        presence=Presence.UNCERTAIN,
        probability=0.416,
        provenance=PROVENANCE,
        note="seen by a network that was trained on generated patients only",
    )
    report = _write((effusion,))
    assert _texts(report, SectionName.REVIEW_LIST) == [
        "Possible pleural effusion on the right, for review (probability 42 %); "
        "seen by a network that was trained on generated patients only."
    ]
    assert _texts(report, SectionName.FINDINGS) == []


def test_many_small_nodules_are_one_sentence():
    small = [
        _nodule(
            str(n),
            presence=Presence.UNCERTAIN,
            actionable=False,
            measurements=(Measurement(name=terms.LONG_AXIS, value=3.1 + 0.2 * n, unit=terms.MM),),
        )
        for n in range(7)
    ]
    report = _write(small)
    assert _texts(report, SectionName.REVIEW_LIST) == ["7 possible nodules for review, long axis 3 mm to 4 mm."]


def test_organs_and_findings_that_were_not_assessed_say_why():
    organ = Finding(
        tracking_uid="b",
        type=terms.ORGAN_MEASUREMENT,
        site=terms.BRAIN,
        presence=Presence.NOT_ASSESSED,
        provenance=PROVENANCE,
        note="the scan does not cover the whole brain",
    )
    lesions = replace(
        organ,
        tracking_uid="w",
        type=terms.WHITE_MATTER_LESIONS,
        site=terms.CEREBRAL_WHITE_MATTER,
        note="none was outlined, and how many the software misses in real patients is not documented",
    )
    texts = _texts(_write((organ, lesions)), SectionName.NOT_ASSESSED)
    assert texts[0] == "Volume of the brain: not assessed (the scan does not cover the whole brain)."
    assert texts[1].startswith("White matter lesions: not assessed (none was outlined")
    assert texts[2] == "Not assessed: infarct, hemorrhage, aneurysm, meninges."


def test_white_matter_lesions_of_one_side_name_it():
    lesions = Finding(
        tracking_uid="w",
        type=terms.WHITE_MATTER_LESIONS,
        site=terms.CEREBRAL_WHITE_MATTER,
        laterality=Laterality.LEFT,
        presence=Presence.PRESENT,
        provenance=PROVENANCE,
        region=REGION,
        measurements=(
            Measurement(name=terms.COUNT, value=3.0, unit=terms.ONE),
            Measurement(name=terms.VOLUME, value=0.347, unit=terms.ML),
        ),
    )
    texts = _texts(_write((lesions,)), SectionName.FINDINGS)
    assert texts == ["White matter lesions on the left: 3 lesions, total volume 0.35 ml."]


def test_a_child_is_refused_and_an_unknown_age_is_said():
    report = _write((_nodule(),), replace(STUDY, age_years=9.0))
    assert [f.presence for f in report.findings] == [Presence.NOT_ASSESSED]
    assert _texts(report, SectionName.FINDINGS) == []
    assert "younger than 18 years" in _texts(report, SectionName.NOT_ASSESSED)[-1]
    unknown = _write((_nodule(),), replace(STUDY, age_years=None))
    assert "age of the patient is not known" in _texts(unknown, SectionName.NOT_ASSESSED)[-1]


def test_a_rejected_finding_is_not_told():
    rejected = _nodule(review=Review(state=ReviewState.REJECTED, reviewer="Dr. A"))
    assert _texts(_write((rejected,)), SectionName.FINDINGS) == []


def test_a_prior_that_was_not_compared_is_said():
    older = replace(STUDY, study_uid="1.1", date="2023-01-05", series=())
    report = _write((_nodule(),), replace(STUDY, priors=(older,)))
    assert _texts(report, SectionName.COMPARISON) == [
        "A prior study exists (2023-01-05); no finding was compared with it."
    ]


def test_the_same_input_gives_the_same_report_and_a_seed_another_wording():
    findings = (_nodule(),)
    assert _write(findings) == _write(findings)
    others = {_texts(_write(findings, phrasing_seed=n), SectionName.FINDINGS)[0] for n in range(12)}
    assert len(others) > 6


def test_each_statement_names_the_findings_it_stands_on():
    report = _write((_nodule(),))
    for statement in report.statements:
        kinds = (StatementKind.FINDING, StatementKind.COMPARISON, StatementKind.REVIEW)
        linked = statement.kind in kinds or statement.text.startswith(("Fleischner", "Lung-RADS"))
        assert bool(statement.finding_uids) == linked


_NOTES = (None, "seen by a network that was trained on generated patients only", "kernel and contrast not known")
_KINDS = (
    (terms.NODULE, terms.LUNG, (Laterality.LEFT, None)),
    (terms.MASS, terms.LEFT_LOWER_LOBE, (Laterality.LEFT,)),
    (terms.EMPHYSEMA, terms.LUNG, (Laterality.BILATERAL, Laterality.RIGHT, None)),
    (terms.PLEURAL_EFFUSION, terms.PLEURA, (Laterality.BILATERAL, Laterality.LEFT, None)),
    (terms.CONSOLIDATION, terms.RIGHT_MIDDLE_LOBE, (Laterality.RIGHT,)),
    (terms.WHITE_MATTER_LESIONS, terms.CEREBRAL_WHITE_MATTER, (Laterality.BILATERAL, Laterality.LEFT)),
    (terms.VENTRICULAR_ENLARGEMENT, terms.VENTRICLES, (None,)),
    (terms.BRAIN_MASS, terms.BRAIN, (Laterality.LEFT, Laterality.MIDLINE, None)),
)


@pytest.mark.parametrize(("type_", "site", "sides"), _KINDS, ids=[k[0].value + k[1].value for k in _KINDS])
@pytest.mark.parametrize("presence", list(Presence))
def test_every_kind_of_finding_in_every_rating_is_told_without_an_objection(type_, site, sides, presence):
    for side in sides:
        for note in _NOTES[int(presence is Presence.NOT_ASSESSED) :]:
            finding = Finding(
                tracking_uid="f",
                type=type_,
                site=site,
                laterality=side,
                presence=presence,
                probability=0.5,
                actionable=presence is Presence.PRESENT,
                provenance=PROVENANCE,
                region=REGION,
                note=note,
            )
            for language in CODES:
                _write((finding,), language=language)
                _write((finding,), language=language, phrasing_seed=3)
