"""Generated patients with their truth, and writers of reports on them: one honest, seven that cheat."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from tomoscribe.core import Finding, Laterality, Measurement, Presence, SectionName, Study, terms
from tomoscribe.core.uids import derive_uid
from tomoscribe.reports.writer import write_report
from tomoscribe.validation.lock_trial import patients
from tomoscribe.validation.records import Case, Prediction, Strata, TrueNodule

OTHERS = (
    ("emphysema", terms.EMPHYSEMA, terms.LUNG, 0.35),
    ("pleural_effusion", terms.PLEURAL_EFFUSION, terms.PLEURA, 0.3),
    ("consolidation", terms.CONSOLIDATION, terms.LUNG, 0.25),
)
UNCOVERED = frozenset({"liver", "adrenals"})
_OUT = (SectionName.TECHNIQUE, SectionName.RECOMMENDATION, SectionName.REVIEW_LIST)


@dataclass(frozen=True, kw_only=True)
class Patient:
    """A patient, what is there, and the case that validation sees."""

    study: Study
    findings: tuple[Finding, ...]
    case: Case

    def said(self, text: str) -> Prediction:
        return Prediction(case_id=self.case.case_id, text=text, language=self.case.language, findings=self.findings)


@cache
def made(first: int, count: int, language: str = "en") -> tuple[Patient, ...]:
    """Patients of consecutive seeds."""
    return tuple(patient(seed, language) for seed in range(first, first + count))


def patient(seed: int, language: str = "en") -> Patient:
    """A chest CT with up to four lesions, and emphysema, effusion and consolidation in some."""
    draw = random.Random(f"honesty {seed}")
    trial = patients.chest_case(seed, draw)
    organs = [f for f in trial.findings if f.type == terms.ORGAN_MEASUREMENT]
    lesions = [f for f in trial.findings if f.type in (terms.NODULE, terms.MASS) and f.presence is Presence.PRESENT]
    lesions = [replace(f, change=None) for f in lesions[: draw.choice((0, 0, 1, 1, 2, 3, 4))]]
    others = [_other(seed, key, draw) for key, *_, share in OTHERS if draw.random() < share]
    findings = (*organs, *lesions, *others)
    here = {key for key, type_, *_ in OTHERS for f in others if f.type == type_}
    labels = {"nodule": bool(lesions)} | {key: key in here for key, *_ in OTHERS}
    study = replace(trial.study, priors=(), age_years=float(draw.randint(20, 88)), sex=draw.choice(("M", "F")))
    case = Case(
        dataset="generated",
        case_id=f"case {seed}",
        patient_key=f"patient {seed}",
        uids=(study.study_uid,),
        labels=labels,
        report=text_of(study, findings, language, phrasing=seed),
        language=language,
        nodules=tuple(_nodule(f) for f in lesions),
        strata=Strata(sex=study.sex, age_years=study.age_years),
        uncovered=UNCOVERED,
    )
    return Patient(study=study, findings=findings, case=case)


def text_of(study: Study, findings: Sequence[Finding], language: str = "en", phrasing: int | None = None) -> str:
    """The deterministic writer's report."""
    report = write_report(
        study, findings, provenance=patients.PROVENANCE, language=language, phrasing_seed=phrasing
    )  # fmt: skip
    return "\n".join(" ".join(t.text for t in s.statements) for s in report.sections if s.statements)


def honest(people: Sequence[Patient]) -> list[Prediction]:
    """What was measured, and no more."""
    return [p.said(text_of(p.study, p.findings, p.case.language)) for p in people]


def always_normal(people: Sequence[Patient]) -> list[Prediction]:
    """The same normal report for everybody."""
    text = {
        "en": "The lungs are clear. No nodule. No effusion. No emphysema. No consolidation.",
        "zh": "双肺未见异常。",
    }
    return [p.said(text[p.case.language]) for p in people]


def copier(people: Sequence[Patient], training: Sequence[Patient]) -> list[Prediction]:
    """The training report that shares most words with the patient's own reference."""
    words = [set((t.case.report or "").lower().split()) for t in training]

    def nearest(report: str) -> str:
        mine = set(report.lower().split())
        best = max(range(len(words)), key=lambda n: len(mine & words[n]) / len(mine | words[n]))
        return training[best].case.report or ""

    return [p.said(nearest(p.case.report or "")) for p in people]


def inventor(people: Sequence[Patient]) -> list[Prediction]:
    """Finds the right lesions and makes up their size."""
    draw = random.Random(0)
    said = []
    for p in people:
        findings = [_resized(f, draw) if f.type in (terms.NODULE, terms.MASS) else f for f in p.findings]
        said.append(p.said(text_of(p.study, findings, p.case.language)))
    return said


def omitter(people: Sequence[Patient]) -> list[Prediction]:
    """Everything but the most important finding: the largest lesion, or else the consolidation or the effusion."""
    order = (terms.CONSOLIDATION, terms.PLEURAL_EFFUSION)
    said = []
    for p in people:
        lesions = [f for f in p.findings if f.type in (terms.NODULE, terms.MASS)]
        largest = max(lesions, key=lambda f: _mm(f, terms.LONG_AXIS), default=None)
        top = largest or next((f for t in order for f in p.findings if f.type == t), None)
        said.append(p.said(text_of(p.study, [f for f in p.findings if f is not top], p.case.language)))
    return said


def reassurer(people: Sequence[Patient]) -> list[Prediction]:
    """The honest report, with a kind word on organs that nobody looked at."""
    more = {"en": "The liver and both adrenal glands are unremarkable.", "zh": "肝脏及双侧肾上腺未见异常。"}
    return [replace(said, text=f"{said.text}\n{more[said.language]}") for said in honest(people)]


def shifted(cases: Sequence[Case]) -> list[Case]:
    """The cases with the labels (and the lesions and reports) of the next patient: a table that slipped by a row."""
    follow = [*cases[1:], cases[0]]
    return [replace(c, labels=n.labels, nodules=n.nodules, report=n.report) for c, n in zip(cases, follow, strict=True)]


def _other(seed: int, key: str, draw: random.Random) -> Finding:
    type_, site = next((t, s) for k, t, s, _ in OTHERS if k == key)
    measured = (Measurement(name=terms.VOLUME, value=draw.uniform(40, 900), unit=terms.ML),)
    if key == "emphysema":
        percent = Measurement(name=terms.LAA_950, value=draw.uniform(6, 38), unit=terms.PERCENT)
        measured = (percent, Measurement(name=terms.PERC15, value=draw.uniform(-990, -955), unit=terms.HU))
    return Finding(
        tracking_uid=derive_uid("honesty", str(seed), key),
        type=type_,
        site=site,
        laterality=Laterality.BILATERAL if key == "emphysema" else draw.choice(patients.SIDES),
        presence=Presence.PRESENT,
        provenance=patients.PROVENANCE,
        actionable=key != "emphysema",
        region=patients._region(),
        measurements=measured,
    )


def _nodule(finding: Finding) -> TrueNodule:
    center = finding.region.center_mm if finding.region else (0.0, 0.0, 0.0)
    return TrueNodule(
        center_mm=center,
        diameter_mm=_mm(finding, terms.MEAN_DIAMETER),
        source="planted",
        long_axis_mm=_mm(finding, terms.LONG_AXIS),
        short_axis_mm=_mm(finding, terms.SHORT_AXIS),
    )


def _mm(finding: Finding, name: object) -> float:
    found = next(m for m in finding.measurements if m.name == name)
    return found.value


def _resized(finding: Finding, draw: random.Random) -> Finding:
    """The same lesion with lengths from another one's distribution."""
    long = draw.uniform(32, 60) if draw.random() < 0.2 else draw.uniform(5.2, 29)
    short = long * draw.uniform(0.6, 0.97)
    new = {terms.LONG_AXIS: long, terms.SHORT_AXIS: short, terms.MEAN_DIAMETER: (long + short) / 2}
    measurements = tuple(
        replace(m, value=new[m.name]) if m.name in new else m
        for m in finding.measurements
        if m.name != terms.SOLID_DIAMETER
    )
    return replace(finding, measurements=measurements)
