"""Hand-written sentences against fixed findings: what the lock must let through and what it must refuse, and why."""

from __future__ import annotations

import pytest

from tomoscribe.core import SectionName, Source, Statement, StatementKind, terms
from tomoscribe.reports.lock.objection import Fault
from tomoscribe.reports.lock.sentences import check_clinician, check_linked, check_scope

from .evidence import ALL, EFFUSION, EMPHYSEMA, LESIONS, LUNG, NODULE, OTHER


def _faults(text, findings, kind=StatementKind.FINDING, section=SectionName.FINDINGS):
    statement = Statement(
        text=text, kind=kind, source=Source.DECODER, finding_uids=tuple(f.tracking_uid for f in findings)
    )
    return {p.fault for p in check_linked(statement, section, findings, ALL).problems}


TRUE_OF_NODULE = (
    "Solid nodule in the left lung, 14 x 11 mm.",
    "Solid nodule in the left lung, 14.3 x 11.2 mm, mean diameter 12.8 mm, 0.85 ml, -25 HU (series 3, image 45).",
    "A 14-mm solid nodule is seen in the left lung.",
    "A fourteen millimeter nodule lies in the left lung.",
    "Left-sided pulmonary nodule, long axis 1.4 cm.",
    "Left lung: nodule, 14 by 11 mm, volume 850 mm³, lobe not determined.",
    "Left lung nodule of 14 mm; its volume is 853 cubic millimeters.",
    "Nodule in the left lung, 14 mm in long axis, previously 10 mm on 2023-01-05, increased by 42 %.",
    "The left lung nodule has grown from 10 mm on 5 January 2023 to 14 mm.",
    "The left lung nodule, long axis 14 mm, is 4 mm larger.",
    "Solid nodule, left lung, mean diameter 13 mm, long axis 14 mm, mean attenuation minus 25 HU.",
)

FALSE_OF_NODULE = (
    ("Solid nodule in the left lung, 14 x 11 cm.", Fault.WRONG_NUMBER),
    ("Solid nodule in the left lung, 14 x 11 ml.", Fault.WRONG_UNIT),
    ("Solid nodule in the left lung, 11 x 14 mm.", Fault.WRONG_NUMBER),
    ("Solid nodule in the left lung, 14.0 x 11 mm.", Fault.WRONG_NUMBER),
    ("Solid nodule in the left lung, 15 x 11 mm.", Fault.WRONG_NUMBER),
    ("Solid nodule in the left lung, 14 x 11 x 12 mm.", Fault.DOES_NOT_PARSE),
    ("Solid nodule in the left lung, 14 x 11.", Fault.DOES_NOT_PARSE),
    ("A forty millimeter nodule lies in the left lung.", Fault.WRONG_NUMBER),
    ("Solid nodule in the left lung, 1.4 mm.", Fault.WRONG_NUMBER),
    ("Solid nodule in the left lung, 14 x 11 mm, 25 HU.", Fault.WRONG_NUMBER),
    ("Solid nodule in the left lung, 14 x 11 mm, mean diameter 14 mm.", Fault.WRONG_NUMBER),
    ("Solid nodule in the left lung, 14 x 11 mm, 850 ml.", Fault.WRONG_NUMBER),
    ("Solid nodule in the left lung, 14 x 11 mm, volume 14 mm3.", Fault.WRONG_NUMBER),
    ("Solid nodule in the right lung, 14 x 11 mm.", Fault.WRONG_SIDE),
    ("Right-sided solid nodule, 14 x 11 mm.", Fault.WRONG_SIDE),
    ("Solid nodule in both lungs, 14 x 11 mm.", Fault.WRONG_SIDE),
    ("Bilateral solid nodule, 14 x 11 mm.", Fault.WRONG_SIDE),
    ("Solid nodule in the left upper lobe, 14 x 11 mm.", Fault.WRONG_SITE),
    ("Solid nodule of the left pleura, 14 x 11 mm.", Fault.WRONG_SITE),
    ("Solid nodule in the left lingula, 14 x 11 mm.", Fault.DOES_NOT_PARSE),
    ("Part-solid nodule in the left lung, 14 x 11 mm.", Fault.WRONG_CLASS),
    ("Non-solid nodule in the left lung, 14 x 11 mm.", Fault.WRONG_CLASS),
    ("Nodule in the left lung, attenuation not determined, 14 x 11 mm.", Fault.WRONG_CLASS),
    ("Calcified nodule in the left lung, 14 x 11 mm.", Fault.DOES_NOT_PARSE),
    ("Solid mass in the left lung, 14 x 11 mm.", Fault.WRONG_ENTITY),
    ("Solid nodules in the left lung, 14 x 11 mm.", Fault.WRONG_COUNT),
    ("Two solid nodules in the left lung, 14 x 11 mm.", Fault.WRONG_COUNT),
    ("No solid nodule in the left lung.", Fault.UNLICENSED_NEGATIVE),
    ("The left lung nodule of 14 mm is no longer seen.", Fault.UNLICENSED_NEGATIVE),
    ("Left lung without nodule.", Fault.UNLICENSED_NEGATIVE),
    ("It is not true that there is no nodule in the left lung, 14 x 11 mm.", Fault.UNLICENSED_NEGATIVE),
    ("Possible nodule in the left lung, 14 x 11 mm.", Fault.WRONG_PRESENCE),
    ("The nodule in the left lung, 14 x 11 mm, was not assessed.", Fault.WRONG_PRESENCE),
    ("Nodule in the left lung, 14 x 11 mm (series 3, image 46).", Fault.WRONG_IMAGE),
    ("Nodule in the left lung, 14 x 11 mm (series 4, image 45).", Fault.WRONG_IMAGE),
    ("The left lung nodule has decreased from 10 mm on 2023-01-05 to 14 mm.", Fault.WRONG_CHANGE),
    ("The left lung nodule has increased from 14 mm on 2023-01-05 to 10 mm.", Fault.WRONG_NUMBER),
    ("The left lung nodule, 14 mm, is unchanged.", Fault.WRONG_CHANGE),
    ("The left lung nodule, 14 mm, has not increased.", Fault.UNLICENSED_NEGATIVE),
    ("The left lung nodule has increased from 10 mm on 2022-01-05 to 14 mm.", Fault.WRONG_CHANGE),
    ("The volume of the left lung nodule, long axis 14 mm, has increased.", Fault.WRONG_CHANGE),
    ("The left lung nodule, 14 mm, increased by 24 %.", Fault.WRONG_NUMBER),
    ("The left lung nodule, 14 mm, has doubled.", Fault.DOES_NOT_PARSE),
    ("Solid nodule in the left lung, 14 x 11 mm, with emphysema.", Fault.WRONG_ENTITY),
    ("Solid nodule in the left lung, 14 x 11 mm; the liver is normal.", Fault.UNLICENSED_NEGATIVE),
    ("Solid nodule in the left lung, 14 x 11 mm; the right lung is clear.", Fault.UNLICENSED_NEGATIVE),
    ("Solid nodule in the left lung.", Fault.INCOMPLETE),
    ("Solid nodule of the lung, 14 x 11 mm.", Fault.INCOMPLETE),
    ("Solid nodule in the left lung, more than 14 mm.", Fault.DOES_NOT_PARSE),
    ("Solid nodule in the left lung, 14 mm or 20 mm.", Fault.DOES_NOT_PARSE),
    ("Solid nodule in the left lung, 14 mm, solid component 6 mm.", Fault.UNMEASURED),
    ("Large solid nodule in the left lung, 14 x 11 mm.", Fault.UNMEASURED),
    ("Benign solid nodule in the left lung, 14 x 11 mm.", Fault.UNLICENSED_NEGATIVE),
    ("Solid nodule in the left lung, 14 x 11 mm, Lung-RADS 4A.", Fault.DOES_NOT_PARSE),
    ("Part-solid nodule in the right upper lobe, 9 x 7 mm.", Fault.WRONG_SIDE),
    ("Solid nodule in the left lung, 14 mm; another of 20 mm.", Fault.DOES_NOT_PARSE),
    ("Solid nodule in the left lung, 14 mm and 20 mm.", Fault.WRONG_NUMBER),
    ("Solid nodule in the left lung, 14 to 20 mm.", Fault.UNMEASURED),
    ("Solid nodule in the left lung, 14 mm ± 3 mm.", Fault.DOES_NOT_PARSE),
    ("Solid nodule in the left lung, 14 x 11 mm, below -950 HU.", Fault.DOES_NOT_PARSE),
    ("The left lung nodule, long axis 14 mm, is 14 mm larger.", Fault.WRONG_NUMBER),
    ("The left lung nodule, long axis 14 mm, shows a growth of 14 mm.", Fault.WRONG_NUMBER),
    ("The left lung nodule, long axis 14 mm, is 9 mm larger.", Fault.WRONG_NUMBER),
    ("Confirmed solid nodule in the left lung, 14 x 11 mm.", Fault.DOES_NOT_PARSE),
    ("Solid nodule in the left lung, 14 x 11 mm; follow-up should be obtained.", Fault.DOES_NOT_PARSE),
    ("Solid nodule in the left lung, 14 x 11 mm, and a second one.", Fault.DOES_NOT_PARSE),
    ("Multiple solid nodules in the left lung, 14 x 11 mm.", Fault.WRONG_COUNT),
    ("Solid nodule in the left lung, 14 x 11 mm, normal heart.", Fault.UNLICENSED_NEGATIVE),
    ("Solid nodule in the left lung, 14 x 11 mm, no effusion.", Fault.UNLICENSED_NEGATIVE),
    ("Solid nodule in the left lung, 14 x 11 mm, unchanged in the right lung.", Fault.WRONG_CHANGE),
)


@pytest.mark.parametrize("text", TRUE_OF_NODULE)
def test_true_sentences_on_the_nodule_pass(text):
    assert _faults(text, (NODULE,)) == set()


@pytest.mark.parametrize(("text", "fault"), FALSE_OF_NODULE)
def test_false_sentences_on_the_nodule_are_refused(text, fault):
    assert fault in _faults(text, (NODULE,))


OTHERS = (
    ("The largest nodule lies in the left lung, 14 mm.", (NODULE,), None),
    ("The largest nodule lies in the right lung, 9 mm.", (OTHER,), Fault.WRONG_NUMBER),
    ("Part-solid nodule in the right lung, up to 9 mm.", (OTHER,), None),
    ("Part-solid nodule in the right lung, 9 x 7 mm, HU.", (OTHER,), Fault.DOES_NOT_PARSE),
    ("Part-solid nodule in the right upper lobe, 9 x 7 mm, solid component 4 mm.", (OTHER,), None),
    ("Part-solid nodule in the right upper lobe, 9 x 4 mm, solid component 7 mm.", (OTHER,), Fault.WRONG_NUMBER),
    ("Part-solid nodule in the right lower lobe, 9 x 7 mm.", (OTHER,), Fault.WRONG_SITE),
    ("Part-solid nodule in the right lung, lobe not determined, 9 x 7 mm.", (OTHER,), Fault.WRONG_SITE),
    ("Nodule of the right lung, increased, 9 x 7 mm.", (OTHER,), Fault.UNMEASURED),
    ("Two nodules: one in the right lung, one in the left lung.", (NODULE, OTHER), None),
    ("Two nodules: one in the right lung, previously one in the left lung.", (NODULE, OTHER), Fault.DOES_NOT_PARSE),
    ("Two nodules in the left lung.", (NODULE, OTHER), Fault.WRONG_COUNT),
    ("Three nodules, the largest 14 mm in the left lung.", (NODULE, OTHER), Fault.WRONG_COUNT),
    ("Two nodules, the largest 14 mm in the right lung.", (NODULE, OTHER), Fault.WRONG_SIDE),
    ("Two nodules, the largest 9 mm in the right lung.", (NODULE, OTHER), Fault.WRONG_NUMBER),
    ("Two solid nodules, the largest 14 mm in the left lung.", (NODULE, OTHER), Fault.WRONG_CLASS),
    ("Two nodules, the largest solid, 14 mm, in the left lung.", (NODULE, OTHER), None),
    ("Two nodules, the largest part-solid, 14 mm, in the left lung.", (NODULE, OTHER), Fault.WRONG_CLASS),
    ("Solid nodule in the left lung, 14 x 11 mm; nodule in the right lung, 9 x 7 mm.", (NODULE, OTHER), None),
    ("Nodule in the left lung, 9 x 7 mm; nodule in the right lung, 14 x 11 mm.", (NODULE, OTHER), Fault.WRONG_SIDE),
    ("Emphysema of both lungs: LAA-950 7.2 %, Perc15 -930 HU.", (EMPHYSEMA,), None),
    ("Emphysema: 72 % of the lung below -950 HU.", (EMPHYSEMA,), Fault.WRONG_NUMBER),
    ("Emphysema: 7.2 HU below -950 HU.", (EMPHYSEMA,), Fault.WRONG_NUMBER),
    ("Emphysema of the left lung: LAA-950 7.2 %.", (EMPHYSEMA,), Fault.WRONG_SIDE),
    ("Emphysema: LAA-950 7.2 %, Perc15 -950 HU.", (EMPHYSEMA,), Fault.WRONG_NUMBER),
    ("Emphysema: LAA-950 7.2 %, Perc15 930 HU.", (EMPHYSEMA,), Fault.WRONG_NUMBER),
    ("There are twelve white matter lesions, 3.4 ml.", (LESIONS,), None),
    ("There are 21 white matter lesions, 3.4 ml.", (LESIONS,), Fault.WRONG_COUNT),
    ("There are 12 white matter lesions, 3.4 mm.", (LESIONS,), Fault.UNMEASURED),
    ("Right lung volume 2.85 liters.", (LUNG,), None),
    ("Right lung lesion volume 2850 ml.", (LUNG,), Fault.WRONG_ENTITY),
    ("Right lung volume up to 2850 ml.", (LUNG,), Fault.UNMEASURED),
    ("Right lung volume 2,850 ml.", (LUNG,), None),
    ("Left lung volume 2850 ml.", (LUNG,), Fault.WRONG_SIDE),
    ("Right lung volume 2850 mm3.", (LUNG,), Fault.WRONG_NUMBER),
    ("Brain volume on the right 2850 ml.", (LUNG,), Fault.WRONG_SITE),
)  # fmt: skip


@pytest.mark.parametrize(("text", "findings", "fault"), OTHERS)
def test_sentences_on_other_findings(text, findings, fault):
    faults = _faults(text, findings)
    assert faults == set() if fault is None else fault in faults


REVIEWS = (
    ("Possible pleural effusion on the left, for review (probability 42 %).", None),
    ("A left pleural effusion cannot be excluded (42 %).", None),
    ("Pleural effusion on the left.", Fault.WRONG_PRESENCE),
    ("Possible pleural effusion on the right.", Fault.WRONG_SIDE),
    ("Possible pleural effusion on the left, probability 24 %.", Fault.WRONG_NUMBER),
    ("Pleural effusion on the left was not assessed.", Fault.WRONG_PRESENCE),
    ("No pleural effusion on the left.", Fault.UNLICENSED_NEGATIVE),
    ("Possible pleural effusion on the left, 42 ml.", Fault.UNMEASURED),
)


@pytest.mark.parametrize(("text", "fault"), REVIEWS)
def test_sentences_on_a_suspicion(text, fault):
    faults = _faults(text, (EFFUSION,), StatementKind.REVIEW, SectionName.REVIEW_LIST)
    assert faults == set() if fault is None else fault in faults


SCOPE = (
    ("Not assessed: liver, adrenal glands.", None),
    ("The liver was not evaluated.", None),
    ("The liver was evaluated.", Fault.WRONG_PRESENCE),
    ("The liver was evaluated; the adrenal glands were not assessed.", Fault.WRONG_PRESENCE),
    ("The liver is normal.", Fault.UNLICENSED_NEGATIVE),
    ("Liver and adrenal glands are unremarkable.", Fault.UNLICENSED_NEGATIVE),
    ("Adrenal glands not assessed, liver normal.", Fault.UNLICENSED_NEGATIVE),
    ("No liver lesion.", Fault.UNLICENSED_NEGATIVE),
    ("Emphysema was not assessed.", Fault.WRONG_PRESENCE),
    ("Not assessed: spleen.", Fault.UNMEASURED),
    ("Not assessed: liver (12 mm).", Fault.UNMEASURED),
)


@pytest.mark.parametrize(("text", "fault"), SCOPE)
def test_sentences_on_what_was_not_assessed(text, fault):
    statement = Statement(text=text, kind=StatementKind.NOT_ASSESSED, source=Source.DECODER)
    allowed = frozenset({"liver", "adrenals", terms.EMPHYSEMA.meaning})
    faults = {p.fault for p in check_scope(statement, allowed, (NODULE, EMPHYSEMA)).problems}
    assert faults == set() if fault is None else fault in faults


CLINICIAN = (
    ("Spiculated nodule in the left lung, resection advised.", (), None),
    ("Nodule in the left lung, 14 mm.", (), None),
    ("Nodule in the left lung, 24 mm.", (), Fault.WRONG_NUMBER),
    ("No nodule in the left lung.", (), Fault.UNLICENSED_NEGATIVE),
    ("No consolidation.", (), None),
    ("Solid nodule in the right lung, 14 mm.", (NODULE,), Fault.WRONG_SIDE),
    ("Nodule in the left lung.", (NODULE,), None),
)


@pytest.mark.parametrize(("text", "findings", "fault"), CLINICIAN)
def test_a_clinician_passes_unless_contradicted(text, findings, fault):
    statement = Statement(
        text=text,
        kind=StatementKind.FINDING,
        source=Source.CLINICIAN,
        finding_uids=tuple(f.tracking_uid for f in findings),
    )
    faults = {p.fault for p in check_clinician(statement, findings, ALL).problems}
    assert faults == set() if fault is None else fault in faults
