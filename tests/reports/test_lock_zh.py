"""Hand-written Chinese sentences against fixed findings: what the lock lets through, what it refuses, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tomoscribe.core import Presence, SectionName, Source, Statement, StatementKind, terms
from tomoscribe.core.errors import ConfigError
from tomoscribe.reports.lock import EvidenceLock
from tomoscribe.reports.lock.claims import When
from tomoscribe.reports.lock.grammar import parse
from tomoscribe.reports.lock.lexer_zh import normalized
from tomoscribe.reports.lock.lexicon import Kind
from tomoscribe.reports.lock.lexicon_zh import TABLES_ZH
from tomoscribe.reports.lock.no_prior import says_no_prior
from tomoscribe.reports.lock.objection import Fault
from tomoscribe.reports.lock.sentences import check_clinician, check_linked, check_scope
from tomoscribe.reports.writer import write_report
from tomoscribe.validation.lock_trial.patients import random_case

from .evidence import ALL, EFFUSION, EMPHYSEMA, LESIONS, LUNG, NODULE, OTHER, PROVENANCE


def _faults(text, findings, kind=StatementKind.FINDING, section=SectionName.FINDINGS):
    statement = Statement(
        text=text, kind=kind, source=Source.DECODER, finding_uids=tuple(f.tracking_uid for f in findings)
    )
    return {p.fault for p in check_linked(statement, section, findings, ALL, "zh").problems}


TRUE_OF_NODULE = (
    "左肺实性结节，14 mm×11 mm。",
    "左肺实性结节，14.3×11.2 mm，平均直径12.8 mm，0.85 ml，-25 HU（序列3，图像45）。",
    "左肺见一枚实性结节，长径14毫米，短径11毫米。",
    "左侧肺结节，长径1.4 cm。",
    "左肺：结节，14×11mm，体积850 mm³，肺叶未确定。",
    "左肺结节，14 mm；其体积为853立方毫米。",
    "左肺结节，长径14 mm，2023-01-05为10 mm，增大42%。",
    "左肺结节由2023年1月5日的10 mm增大至14 mm。",
    "左肺结节，长径14 mm，较前增大4 mm。",
    "左肺实性结节，平均直径13 mm，长径14 mm，平均CT值负25 HU。",
    "左肺实性结节，长径１４ ｍｍ，短径１１ ｍｍ。",
    "左肺实性结节，１４㎜×１１㎜，平均CT值－25HU。",
    "左肺实性结节，长、短径分别为14 mm和11 mm，第45层。",
    "左肺单个实性结节，14*11 mm(第3序列,第45幅图像)。",
    "较2023/1/5，左肺结节长径增大至14 mm（+42%），原10 mm。",
)
FALSE_OF_NODULE = (
    ("左肺实性结节，14 cm×11 cm。", Fault.WRONG_NUMBER),
    ("左肺实性结节，14 ml×11 ml。", Fault.WRONG_UNIT),
    ("左肺实性结节，11 mm×14 mm。", Fault.WRONG_NUMBER),
    ("左肺实性结节，14.0 mm×11 mm。", Fault.WRONG_NUMBER),
    ("左肺实性结节，15 mm×11 mm。", Fault.WRONG_NUMBER),
    ("左肺实性结节，14×11×12 mm。", Fault.DOES_NOT_PARSE),
    ("左肺实性结节，14×11。", Fault.DOES_NOT_PARSE),
    ("左肺实性结节，长径十四毫米。", Fault.DOES_NOT_PARSE),
    ("左肺实性结节，1.4 mm。", Fault.WRONG_NUMBER),
    ("左肺实性结节，14 mm×11 mm，25 HU。", Fault.WRONG_NUMBER),
    ("左肺实性结节，14 mm×11 mm，平均直径14 mm。", Fault.WRONG_NUMBER),
    ("左肺实性结节，14 mm×11 mm，体积850 ml。", Fault.WRONG_NUMBER),
    ("左肺实性结节，14 mm×11 mm，体积14 mm³。", Fault.WRONG_NUMBER),
    ("左肺实性结节，短径14 mm，长径11 mm。", Fault.WRONG_NUMBER),
    ("左肺实性结节，长径14升。", Fault.WRONG_UNIT),
    ("右肺实性结节，14 mm×11 mm。", Fault.WRONG_SIDE),
    ("右侧肺实性结节，14 mm×11 mm。", Fault.WRONG_SIDE),
    ("双肺实性结节，14 mm×11 mm。", Fault.WRONG_SIDE),
    ("两侧肺实性结节，14 mm×11 mm。", Fault.WRONG_SIDE),
    ("左、右肺实性结节，14 mm×11 mm。", Fault.WRONG_SIDE),
    ("对侧肺实性结节，14 mm×11 mm。", Fault.DOES_NOT_PARSE),
    ("左肺上叶实性结节，14 mm×11 mm。", Fault.WRONG_SITE),
    ("左上肺实性结节，14 mm×11 mm。", Fault.DOES_NOT_PARSE),
    ("左肺舌段实性结节，14 mm×11 mm。", Fault.DOES_NOT_PARSE),
    ("左侧胸膜实性结节，14 mm×11 mm。", Fault.WRONG_SITE),
    ("左肺部分实性结节，14 mm×11 mm。", Fault.WRONG_CLASS),
    ("左肺非实性结节，14 mm×11 mm。", Fault.WRONG_CLASS),
    ("左肺亚实性结节，14 mm×11 mm。", Fault.DOES_NOT_PARSE),
    ("左肺结节，密度类型未确定，14 mm×11 mm。", Fault.WRONG_CLASS),
    ("左肺钙化结节，14 mm×11 mm。", Fault.DOES_NOT_PARSE),
    ("左肺实性肿块，14 mm×11 mm。", Fault.WRONG_ENTITY),
    ("左肺两枚实性结节，14 mm×11 mm。", Fault.WRONG_COUNT),
    ("左肺十二枚实性结节，14 mm×11 mm。", Fault.WRONG_COUNT),
    ("左肺多发实性结节，14 mm×11 mm。", Fault.UNMEASURED),
    ("左肺未见实性结节。", Fault.UNLICENSED_NEGATIVE),
    ("左肺无结节。", Fault.UNLICENSED_NEGATIVE),
    ("左肺没有结节。", Fault.UNLICENSED_NEGATIVE),
    ("左肺结节（14 mm）已消失。", Fault.UNLICENSED_NEGATIVE),
    ("左肺结节（14 mm）已吸收。", Fault.UNLICENSED_NEGATIVE),
    ("并非左肺无结节，14 mm×11 mm。", Fault.UNLICENSED_NEGATIVE),
    ("左肺可疑结节，14 mm×11 mm。", Fault.WRONG_PRESENCE),
    ("不能排除左肺结节，14 mm×11 mm。", Fault.WRONG_PRESENCE),
    ("左肺结节，14 mm×11 mm，考虑为炎性。", Fault.DOES_NOT_PARSE),
    ("左肺结节，14 mm×11 mm，未评估。", Fault.WRONG_PRESENCE),
    ("左肺结节，14 mm×11 mm（序列3，图像46）。", Fault.WRONG_IMAGE),
    ("左肺结节，14 mm×11 mm（第4序列，第45层）。", Fault.WRONG_IMAGE),
    ("左肺结节由2023-01-05的10 mm缩小至14 mm。", Fault.WRONG_CHANGE),
    ("左肺结节由2023-01-05的14 mm增大至10 mm。", Fault.WRONG_NUMBER),
    ("左肺结节，14 mm，大小同前。", Fault.WRONG_CHANGE),
    ("左肺结节，14 mm，未增大。", Fault.WRONG_CHANGE),
    ("左肺结节，14 mm，不稳定。", Fault.UNLICENSED_NEGATIVE),
    ("左肺结节由2022-01-05的10 mm增大至14 mm。", Fault.WRONG_CHANGE),
    ("左肺结节体积增大，长径14 mm。", Fault.WRONG_CHANGE),
    ("左肺结节，14 mm，增大24%。", Fault.WRONG_NUMBER),
    ("左肺结节，长径14 mm，较前增大14 mm。", Fault.WRONG_NUMBER),
    ("左肺结节，14 mm，增大一倍。", Fault.DOES_NOT_PARSE),
    ("左肺实性结节，14 mm×11 mm，伴肺气肿。", Fault.WRONG_ENTITY),
    ("左肺实性结节，14 mm×11 mm；肝脏正常。", Fault.UNLICENSED_NEGATIVE),
    ("左肺实性结节，14 mm×11 mm；余肺清晰。", Fault.UNLICENSED_NEGATIVE),
    ("左肺实性结节，14 mm×11 mm，未见胸腔积液。", Fault.UNLICENSED_NEGATIVE),
    ("左肺实性结节。", Fault.INCOMPLETE),
    ("肺内实性结节，14 mm×11 mm。", Fault.INCOMPLETE),
    ("左肺实性结节，大于14 mm。", Fault.DOES_NOT_PARSE),
    ("左肺实性结节，小于15 mm。", Fault.DOES_NOT_PARSE),
    ("左侧脑室旁结节，14 mm×11 mm。", Fault.DOES_NOT_PARSE),
    ("左肺实性结节，14 mm或20 mm。", Fault.DOES_NOT_PARSE),
    ("左肺实性结节，14 mm，实性成分6 mm。", Fault.UNMEASURED),
    ("左肺大的实性结节，14 mm×11 mm。", Fault.UNMEASURED),
    ("左肺良性实性结节，14 mm×11 mm。", Fault.UNLICENSED_NEGATIVE),
    ("左肺实性结节，14 mm×11 mm，Lung-RADS 4A类。", Fault.DOES_NOT_PARSE),
    ("左肺实性结节，14 mm×11 mm，建议随访。", Fault.DOES_NOT_PARSE),
    ("左肺实性结节，14 mm；另一枚20 mm。", Fault.DOES_NOT_PARSE),
    ("左肺实性结节，14 mm和20 mm。", Fault.WRONG_NUMBER),
    ("左肺实性结节，14至20 mm。", Fault.UNMEASURED),
    ("左肺实性结节，14 mm±3 mm。", Fault.DOES_NOT_PARSE),
    ("确诊左肺实性结节，14 mm×11 mm。", Fault.DOES_NOT_PARSE),
    ("左肺实性结节，14 mm×11 mm，低于-950 HU。", Fault.DOES_NOT_PARSE),
    ("Solid nodule in the left lung, 14 x 11 mm.", Fault.DOES_NOT_PARSE),
)


@pytest.mark.parametrize("text", TRUE_OF_NODULE)
def test_true_sentences_on_the_nodule_pass(text):
    assert _faults(text, (NODULE,)) == set()


@pytest.mark.parametrize(("text", "fault"), FALSE_OF_NODULE)
def test_false_sentences_on_the_nodule_are_refused(text, fault):
    assert fault in _faults(text, (NODULE,))


OTHERS = (
    ("最大结节位于左肺，14 mm。", (NODULE,), None),
    ("最大结节位于右肺，9 mm。", (OTHER,), Fault.WRONG_NUMBER),
    ("右肺上叶部分实性结节，9×7 mm，实性成分4 mm。", (OTHER,), None),
    ("右肺上叶部分实性结节，9×4 mm，实性成分7 mm。", (OTHER,), Fault.WRONG_NUMBER),
    ("右肺下叶部分实性结节，9×7 mm。", (OTHER,), Fault.WRONG_SITE),
    ("右肺部分实性结节，肺叶未确定，9×7 mm。", (OTHER,), Fault.WRONG_SITE),
    ("右肺部分实性结节，9×7 mm，肺叶归属及密度分类不详。", (OTHER,), Fault.WRONG_SITE),
    ("右肺结节，增大，9×7 mm。", (OTHER,), Fault.UNMEASURED),
    ("结节共两枚：右肺1枚，左肺1枚。", (NODULE, OTHER), None),
    ("两肺共见2枚结节，右肺一枚、左肺一枚。", (NODULE, OTHER), None),
    ("双肺2枚结节。", (NODULE, OTHER), None),
    ("左肺两枚结节。", (NODULE, OTHER), Fault.WRONG_COUNT),
    ("结节共两枚：右肺2枚，左肺0枚。", (NODULE, OTHER), Fault.WRONG_COUNT),
    ("结节共三枚，最大者14 mm，位于左肺。", (NODULE, OTHER), Fault.WRONG_COUNT),
    ("结节共两枚，最大者14 mm，位于右肺。", (NODULE, OTHER), Fault.WRONG_SIDE),
    ("结节共两枚，以右肺者为最大，14 mm。", (NODULE, OTHER), Fault.WRONG_SIDE),
    ("结节共两枚，最大者9 mm，位于右肺。", (NODULE, OTHER), Fault.WRONG_NUMBER),
    ("两枚实性结节，最大者14 mm，位于左肺。", (NODULE, OTHER), Fault.WRONG_CLASS),
    ("左肺实性结节，14×11 mm；右肺结节，9×7 mm。", (NODULE, OTHER), None),
    ("左肺结节，9×7 mm；右肺结节，14×11 mm。", (NODULE, OTHER), Fault.WRONG_SIDE),
    ("双肺肺气肿：LAA-950 7.2%，Perc15 -930 HU。", (EMPHYSEMA,), None),
    ("两肺肺气肿，百分之7.2的肺组织低于-950 HU。", (EMPHYSEMA,), None),
    ("肺气肿：72%的肺组织低于-950 HU。", (EMPHYSEMA,), Fault.WRONG_NUMBER),
    ("左肺肺气肿：LAA-950 7.2%。", (EMPHYSEMA,), Fault.WRONG_SIDE),
    ("肺气肿：LAA-950 7.2%，第15百分位数-950 HU。", (EMPHYSEMA,), Fault.WRONG_NUMBER),
    ("肺气肿：LAA-950 7.2%，第15百分位数930 HU。", (EMPHYSEMA,), Fault.WRONG_NUMBER),
    ("弥漫肺气肿：LAA-950 7.2%。", (EMPHYSEMA,), Fault.DOES_NOT_PARSE),
    ("脑白质病变十二个，3.4 ml。", (LESIONS,), None),
    ("脑白质病变21个，3.4 ml。", (LESIONS,), Fault.WRONG_COUNT),
    ("脑白质病变二十一个，3.4 ml。", (LESIONS,), Fault.WRONG_COUNT),
    ("脑白质病变12个，3.4 mm。", (LESIONS,), Fault.UNMEASURED),
    ("右肺体积2.85升。", (LUNG,), None),
    ("右肺体积2,850 ml。", (LUNG,), None),
    ("左肺体积2850 ml。", (LUNG,), Fault.WRONG_SIDE),
    ("右肺体积2850 mm³。", (LUNG,), Fault.WRONG_NUMBER),
    ("右侧脑体积2850 ml。", (LUNG,), Fault.WRONG_SITE),
    ("右肺结节体积2850 ml。", (LUNG,), Fault.WRONG_ENTITY),
)  # fmt: skip


@pytest.mark.parametrize(("text", "findings", "fault"), OTHERS)
def test_sentences_on_other_findings(text, findings, fault):
    faults = _faults(text, findings)
    assert faults == set() if fault is None else fault in faults


REVIEWS = (
    ("可疑左侧胸腔积液，供复核（概率42%）。", None),
    ("不能排除左侧胸水（42％）。", None),
    ("左侧胸腔积液待排，可能性百分之42。", None),
    ("左侧胸腔积液。", Fault.WRONG_PRESENCE),
    ("可疑右侧胸腔积液。", Fault.WRONG_SIDE),
    ("可疑左侧胸腔积液，概率24%。", Fault.WRONG_NUMBER),
    ("左侧胸腔积液未评估。", Fault.WRONG_PRESENCE),
    ("未见左侧胸腔积液。", Fault.UNLICENSED_NEGATIVE),
    ("已排除左侧胸腔积液。", Fault.UNLICENSED_NEGATIVE),
    ("可疑左侧胸腔积液，42 ml。", Fault.UNMEASURED),
    ("确定左侧胸腔积液，供复核。", Fault.DOES_NOT_PARSE),
)


@pytest.mark.parametrize(("text", "fault"), REVIEWS)
def test_sentences_on_a_suspicion(text, fault):
    faults = _faults(text, (EFFUSION,), StatementKind.REVIEW, SectionName.REVIEW_LIST)
    assert faults == set() if fault is None else fault in faults


SCOPE = (
    ("未评估：肝脏、肾上腺。", None),
    ("肝脏未作评估。", None),
    ("未对肝脏、肾上腺进行评估。", None),
    ("肝脏已评估。", Fault.DOES_NOT_PARSE),
    ("评估了肝脏；肾上腺未评估。", Fault.WRONG_PRESENCE),
    ("肝脏正常。", Fault.UNLICENSED_NEGATIVE),
    ("肝脏、肾上腺未见异常。", Fault.UNLICENSED_NEGATIVE),
    ("肾上腺未评估，肝脏正常。", Fault.UNLICENSED_NEGATIVE),
    ("未见肝内病变。", Fault.UNLICENSED_NEGATIVE),
    ("肺气肿未评估。", Fault.WRONG_PRESENCE),
    ("未评估：脾脏。", Fault.UNMEASURED),
    ("未评估：肝脏（12 mm）。", Fault.UNMEASURED),
)


@pytest.mark.parametrize(("text", "fault"), SCOPE)
def test_sentences_on_what_was_not_assessed(text, fault):
    statement = Statement(text=text, kind=StatementKind.NOT_ASSESSED, source=Source.DECODER)
    allowed = frozenset({"liver", "adrenals", terms.EMPHYSEMA.meaning})
    faults = {p.fault for p in check_scope(statement, allowed, (NODULE, EMPHYSEMA), "zh").problems}
    assert faults == set() if fault is None else fault in faults


CLINICIAN = (
    ("左肺结节边缘见毛刺，建议手术。", (), None),
    ("左肺结节，14 mm。", (), None),
    ("左肺结节，24 mm。", (), Fault.WRONG_NUMBER),
    ("左肺无结节。", (), Fault.UNLICENSED_NEGATIVE),
    ("未见实变。", (), None),
    ("右肺实性结节，14 mm。", (NODULE,), Fault.WRONG_SIDE),
)


@pytest.mark.parametrize(("text", "findings", "fault"), CLINICIAN)
def test_a_clinician_passes_unless_contradicted(text, findings, fault):
    statement = Statement(
        text=text,
        kind=StatementKind.FINDING,
        source=Source.CLINICIAN,
        finding_uids=tuple(f.tracking_uid for f in findings),
    )
    faults = {p.fault for p in check_clinician(statement, findings, ALL, "zh").problems}
    assert faults == set() if fault is None else fault in faults


def test_no_word_that_denies_doubts_or_compares_is_neutral():
    neutral = {p for p, kind, _ in TABLES_ZH.rows if kind is Kind.NEUTRAL and len(p) < 5}
    assert not [p for p in neutral if set(p) & set("未无不没非否疑似消除勿莫")]


def test_numbers_dates_and_images_are_read_however_they_are_written():
    (claims,) = parse("左肺结节，长径１４．３ｍｍ，２０２３年1月5日为10mm（第3序列第45层）", (), "zh")
    now, prior = claims.values
    assert (str(now.number), now.name, now.when) == ("14.3", terms.LONG_AXIS, When.NOW)
    assert (str(prior.number), prior.when, claims.dates) == ("10", When.PRIOR, ["2023-01-05"])
    assert {(r.what, int(r.number)) for r in claims.references} == {("series", 3), ("image", 45)}


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("两枚", "2枚"),
        ("十枚", "10枚"),
        ("十二个", "12个"),
        ("二十处", "20处"),
        ("三十五枚", "35枚"),
        ("一百零八个", "108个"),
    ],
)
def test_counting_numerals_are_digits(written, digits):
    assert normalized(written) == digits


def test_a_numeral_that_is_none_stays_and_fails():
    assert normalized("二三枚") == "二三枚"
    assert Fault.DOES_NOT_PARSE in _faults("二三枚结节。", (NODULE, OTHER))


@pytest.mark.parametrize("text", ["无既往检查可供对比。", "对比：无。", "未提供既往影像资料，无法对比。"])
def test_a_missing_prior_can_be_said_in_several_ways(text):
    assert says_no_prior(text, "zh")
    assert not says_no_prior(f"{text}未见异常。", "zh")


def test_a_report_in_an_unknown_language_is_refused():
    case = random_case(2)
    report = write_report(case.study, case.findings, provenance=PROVENANCE, language="zh")
    with pytest.raises(ConfigError, match="found 'fr'"):
        EvidenceLock(case.study).check(replace(report, language="fr"))
    assert EvidenceLock(case.study).check(replace(report, language="en"))


def test_a_note_is_quoted_in_chinese_and_only_its_own():
    thick = replace(EMPHYSEMA, presence=Presence.NOT_ASSESSED, note="a sharp kernel")
    kind, section = StatementKind.NOT_ASSESSED, SectionName.NOT_ASSESSED
    assert _faults("双肺肺气肿：未评估（锐利重建卷积核）。", (thick,), kind, section) == set()
    assert Fault.DOES_NOT_PARSE in _faults("双肺肺气肿：未评估（呼吸伪影）。", (thick,), kind, section)
