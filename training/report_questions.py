"""Questions in many wordings, and which rows of a sheet each of them is about."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tomoscribe.core import Code, Finding, Laterality, terms

_LESIONS = (terms.NODULE, terms.MASS)
_NAMES: dict[str, tuple[tuple[Code, ...], tuple[str, ...]]] = {
    "nodule": (_LESIONS, ("nodule", "nodules", "pulmonary nodule", "lung nodules", "lung lesion", "mass", "tumor")),
    "emphysema": ((terms.EMPHYSEMA,), ("emphysema", "copd changes", "destroyed lung", "emphysematous change")),
    "effusion": ((terms.PLEURAL_EFFUSION,), ("pleural effusion", "effusion", "pleural fluid", "fluid")),
    "consolidation": ((terms.CONSOLIDATION,), ("consolidation", "pneumonia", "infiltrate", "airspace opacity")),
    "lesions": (
        (terms.WHITE_MATTER_LESIONS,),
        ("white matter lesions", "white matter lesion", "white matter disease", "ms lesions", "hyperintensities"),
    ),
    "enlargement": (
        (terms.VENTRICULAR_ENLARGEMENT,),
        ("hydrocephalus", "ventricular enlargement", "enlarged ventricles", "dilated ventricles"),
    ),
    "brainmass": ((terms.BRAIN_MASS,), ("brain tumor", "brain mass", "space-occupying lesion", "intracranial mass")),
}
_PRESENCE = (
    "is there {a} {name}{side}?",
    "any {name}{side}?",
    "do you see {a} {name}{side}?",
    "{name}{side}?",
    "does the patient have {a} {name}{side}?",
    "is {a} {name} present{side}?",
    "show me the {name}{side}",
    "what about {name}{side}?",
    "tell me about the {name}{side}",
    "where is the {name}{side}?",
)
_SIZE = (
    "how large is the {name}{side}?",
    "how big is the {name}{side}?",
    "what is the size of the {name}{side}?",
    "size of the {name}{side}",
    "what are the dimensions of the {name}{side}?",
    "how many mm is the {name}{side}?",
    "what is the diameter of the {name}{side}?",
    "measure the {name}{side}",
)
_COUNT = ("how many {name} are there{side}?", "number of {name}{side}", "count the {name}{side}")
_DEGREE = (
    "how severe is the {name}?",
    "how much {name} is there?",
    "what is the emphysema index?",
    "what is the laa-950?",
    "how much of the lung is destroyed?",
    "what percentage of the lung is {name}?",
)
_VOLUME = (
    "what is the volume of the {name}?",
    "{name} volume",
    "how large is the {name}?",
    "how big is the {name}?",
    "what is the {name} volume?",
    "volume of the {name}?",
    "how many ml is the {name}?",
    "what is the size of the {name}?",
)
_ORGANS: tuple[tuple[str, Code, tuple[Laterality | None, ...]], ...] = (
    ("right lung", terms.LUNG, (Laterality.RIGHT,)),
    ("left lung", terms.LUNG, (Laterality.LEFT,)),
    ("lungs", terms.LUNG, tuple(Laterality)),
    ("lung", terms.LUNG, tuple(Laterality)),
    ("total lung", terms.LUNG, (Laterality.BILATERAL,)),
    ("airways", terms.AIRWAYS, (None,)),
    ("airway", terms.AIRWAYS, (None,)),
    ("trachea and bronchi", terms.AIRWAYS, (None,)),
    ("brain", terms.BRAIN, (None,)),
    ("skull", terms.INTRACRANIAL, (None,)),
    ("intracranial space", terms.INTRACRANIAL, (None,)),
    ("ventricles", terms.VENTRICLES, (None,)),
    ("ventricular system", terms.VENTRICLES, (None,)),
)
_TOPICS = """
pulmonary embolism, pulmonary emboli, clot in the pulmonary arteries, pneumothorax, aortic dissection, enlarged
lymph nodes, lymphadenopathy, liver metastases, adrenal mass, bone metastases, rib fracture, infarct, stroke,
hemorrhage, haemorrhage, aneurysm, subdural hematoma, bleeding, pericarditis, heart failure, coronary calcium,
coronary artery disease, pulmonary hypertension, cardiomegaly, fibrosis, bronchiectasis, tuberculosis, cirrhosis,
kidney stones, gallstones, appendicitis, hernia, thrombus, atrophy, meningitis, fracture, abscess, cyst, thyroid
nodule, breast cancer, sinusitis, covid
"""
NOT_ASSESSED = tuple(" ".join(topic.split()) for topic in _TOPICS.split(","))
"""Things that no part of this version assesses."""
_SIDE_WORDS = {
    Laterality.RIGHT: (" on the right", " in the right lung", " right"),
    Laterality.LEFT: (" on the left", " in the left lung", " left"),
}


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question and the rows it is about.

    Args:
        types: finding types asked for; empty = nothing that is ever assessed.
        sites: None = any site.
        sides: None = any side; a finding of both sides answers a question on either.
    """

    text: str
    types: tuple[Code, ...]
    site: Code | None = None
    sides: tuple[Laterality | None, ...] | None = None

    def matches(self, finding: Finding) -> bool:
        """Whether a finding answers this question."""
        if finding.type not in self.types or (self.site is not None and finding.site != self.site):
            return False
        return self.sides is None or finding.laterality in self.sides


def random_question(draw: random.Random, findings: Sequence[Finding]) -> Question:
    """A question, two times out of three one that a finding of these answers."""
    roll = draw.random()
    if roll < 0.15:
        return _unassessed(draw)
    target = draw.choice(findings) if roll < 0.72 else None
    if target is not None and target.type == terms.ORGAN_MEASUREMENT:
        return _organ(draw, [o for o in _ORGANS if o[1] == target.site and target.laterality in o[2]])
    if target is None and draw.random() < 0.25:
        return _organ(draw, _ORGANS)
    names = [n for n, (types, _) in _NAMES.items() if target is None or target.type in types]
    return _disease(draw, draw.choice(names), target)


def _disease(draw: random.Random, key: str, target: Finding | None) -> Question:
    types, names = _NAMES[key]
    frames = [*_PRESENCE]
    if key in ("nodule", "lesions", "brainmass", "effusion"):
        frames += _SIZE
    if key in ("nodule", "lesions"):
        frames += _COUNT
    if key == "emphysema":
        frames += _DEGREE
    side = draw.choice((Laterality.RIGHT, Laterality.LEFT)) if draw.random() < 0.35 else None
    if target is not None and side is not None and target.laterality in _SIDE_WORDS and draw.random() < 0.5:
        side = target.laterality
    if key in ("lesions", "enlargement", "brainmass"):
        side = None
    frame = draw.choice(frames)
    if "{side}" not in frame:
        side = None
    name = draw.choice(names)
    text = frame.format(name=name, side=draw.choice(_SIDE_WORDS[side]) if side else "", a=_article(name, draw))
    sides = (side, Laterality.BILATERAL) if side else None
    return Question(text=" ".join(text.split()), types=types, sides=sides)


def _organ(draw: random.Random, organs: Sequence[tuple[str, Code, tuple[Laterality | None, ...]]]) -> Question:
    name, site, sides = draw.choice(organs)
    return Question(
        text=draw.choice(_VOLUME).format(name=name), types=(terms.ORGAN_MEASUREMENT,), site=site, sides=sides
    )


def _unassessed(draw: random.Random) -> Question:
    name = draw.choice(NOT_ASSESSED)
    text = draw.choice(_PRESENCE).format(name=name, side="", a=_article(name, draw))
    return Question(text=" ".join(text.split()), types=())


def _article(name: str, draw: random.Random) -> str:
    if name.endswith("s") or draw.random() < 0.3:
        return draw.choice(("any", ""))
    return "an" if name[0] in "aeiou" else "a"
