"""English: the tables of ``words`` and ``phrases``, and the wording of what has no variety."""

from __future__ import annotations

from tomoscribe.core import Laterality
from tomoscribe.reports.writer.language import Language
from tomoscribe.reports.writer.phrases import PHRASES
from tomoscribe.reports.writer.words import DENSITIES, ENTITIES, QUANTITIES, SITES

SIDES = {Laterality.LEFT: "left", Laterality.RIGHT: "right", Laterality.MIDLINE: "midline"}
EXAMS = {"ct_chest": "CT of the chest", "mr_brain": "MRI of the brain"}
TOPICS = {
    "pulmonary_embolism": "pulmonary embolism",
    "pneumothorax": "pneumothorax",
    "aortic_dissection": "aortic dissection",
    "lymph_nodes": "lymph nodes",
    "liver": "liver",
    "adrenals": "adrenal glands",
    "bone_lesions": "destructive bone lesions",
    "heart": "heart and coronary arteries",
    "infarct": "infarct",
    "hemorrhage": "hemorrhage",
    "aneurysm": "aneurysm",
    "meninges": "meninges",
    "further_nodules": "further pulmonary nodules",
    "emphysema": "emphysema",
    "effusion": "pleural effusion",
    "consolidation": "consolidation",
    "further_lesions": "further lesions of the brain",
    "white_matter": "white matter lesions",
    "brain_mass": "space-occupying lesion of the brain",
    "ventricles": "enlargement of the ventricles",
}
TEXTS: dict[str, str] = {
    # joints
    "part_joint": ", ",
    "head_joint": ": ",
    "note_joint": "; ",
    "image_joint": " ",
    "item_joint": ", ",
    "stop": ".",
    "in_brackets": " ({parts})",
    "percent": " ({number} %)",
    # places
    "side": "{side} ",
    "organ_both": " of both {site}s",
    "organ": " of the {side}{site}",
    "effusion_both": " on both sides",
    "effusion_none": "",
    "effusion_side": " on the {beside}",
    "brain_side": " on the {beside}",
    "both": " of both {site}s",
    "sided": " in the {side}{site}",
    "site": " in the {site}",
    "site_side": " in the {site} on the {beside}",
    "lung_subject": "{side}lung {entity}",
    "subject": "{side}{entity}",
    "quantity_of": "{quantity} of the {subject}",
    "nodules": "nodules",
    "masses": "masses",
    "nodules_and_masses": "nodules and masses",
    "undated_prior": "an undated prior study",
    # header facts
    "examination": "{exam}, {date}.",
    "examination_unknown": "Examination not known, {date}.",
    "date_unknown": "date unknown",
    "not_provided": "Not provided.",
    "technique_unknown": "Technique not known.",
    "no_prior": "None available.",
    "undated_study": "a study without a date",
    "not_compared": "A prior study exists ({dates}); no finding was compared with it.",
    "compared": "Compared with {dates}.",
    "age_unknown": "The age of the patient is not known; this version reads adults only.",
    "child": "Nothing in this study was assessed: {note}.",
    "series": "{name}: {parts}.",
    "series_name": "Series",
    "series_number": "Series {number}",
    "num_images": "{count} images",
    "value": "{what} {value}{unit}",
    "value_unknown": "{what} unknown",
    "slice_thickness": "slice thickness",
    "kernel": "kernel {kernel}",
    "kernel_unknown": "kernel unknown",
    "tube_voltage": "tube voltage",
    "ctdivol": "CTDIvol",
    "field_strength": "field strength",
    "repetition_time": "repetition time",
    "echo_time": "echo time",
    "inversion_time": "inversion time",
    "contrast_given": "intravenous contrast given",
    "contrast_not_given": "intravenous contrast not given",
    "contrast_unknown": "intravenous contrast not stated in the header",
    # scope, recommendation
    "not_assessed": "Not assessed: {items}.",
    "not_excluded": "Not excluded: {items}.",
    "nothing_actionable": "This reading does not exclude disease; not assessed: {items}.",
    "nothing_assessed": "No statement about disease is made.",
    "no_guideline": "No guideline class is assigned in this version; follow-up is for the radiologist to decide.",
    "no_recommendation": "No recommendation is made by this version.",
    "no_answer": "Not assessed.",
    "clinician_untranslated": "A sentence by a clinician stands in the signed text and is not translated.",
}


def _same(note: str) -> str:
    return note


ENGLISH = Language(
    code="en",
    phrases=PHRASES,
    texts=TEXTS,
    entities=ENTITIES,
    sites=SITES,
    densities=DENSITIES,
    quantities=QUANTITIES,
    sides=SIDES,
    beside=SIDES,
    topics=TOPICS,
    exams=EXAMS,
    units={},
    names_its_site=frozenset(),
    capitalizes=True,
    note=_same,
)
