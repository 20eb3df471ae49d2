"""English words of the coded terms, and how a finding's words are put together in any language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomoscribe.core import Code, Direction, Finding, Laterality, terms

if TYPE_CHECKING:
    from tomoscribe.reports.writer.language import Language

ENTITIES: dict[Code, str] = {
    terms.NODULE: "nodule",
    terms.MASS: "mass",
    terms.EMPHYSEMA: "emphysema",
    terms.PLEURAL_EFFUSION: "pleural effusion",
    terms.CONSOLIDATION: "consolidation",
    terms.WHITE_MATTER_LESIONS: "white matter lesions",
    terms.VENTRICULAR_ENLARGEMENT: "enlargement of the ventricles",
    terms.BRAIN_MASS: "space-occupying lesion of the brain",
    terms.ORGAN_MEASUREMENT: "volume",
}
SITES: dict[Code, str] = {
    terms.LUNG: "lung",
    terms.RIGHT_UPPER_LOBE: "right upper lobe",
    terms.RIGHT_MIDDLE_LOBE: "right middle lobe",
    terms.RIGHT_LOWER_LOBE: "right lower lobe",
    terms.LEFT_UPPER_LOBE: "left upper lobe",
    terms.LEFT_LOWER_LOBE: "left lower lobe",
    terms.PLEURA: "pleura",
    terms.AIRWAYS: "airways",
    terms.THORACIC_VERTEBRAE: "trabecular bone of the thoracic vertebrae",
    terms.INTRACRANIAL: "intracranial space",
    terms.BRAIN: "brain",
    terms.CEREBRAL_WHITE_MATTER: "cerebral white matter",
    terms.VENTRICLES: "ventricles",
}
DENSITIES: dict[Code, str] = {
    terms.SOLID: "solid",
    terms.PART_SOLID: "part-solid",
    terms.GROUND_GLASS: "ground-glass",
}
QUANTITIES: dict[Code, str] = {
    terms.LONG_AXIS: "long axis",
    terms.SHORT_AXIS: "short axis",
    terms.MEAN_DIAMETER: "mean diameter",
    terms.SOLID_DIAMETER: "solid component",
    terms.VOLUME: "volume",
    terms.MEAN_ATTENUATION: "mean attenuation",
    terms.LAA_950: "low attenuation area",
    terms.PERC15: "15th percentile",
    terms.COUNT: "number of lesions",
    terms.LONG_AXIS_3D: "long axis in three dimensions",
    terms.SHORT_AXIS_3D: "short axis in three dimensions",
    terms.VOLUME_DOUBLING_TIME: "volume doubling time",
    terms.VOLUME_DOUBLING_TIME_LOW: "lower limit of the doubling time",
    terms.VOLUME_DOUBLING_TIME_HIGH: "upper limit of the doubling time",
}
DIRECTIONS: dict[Direction, str] = {Direction.INCREASED: "increased", Direction.DECREASED: "decreased"}
"""Key of the phrase for a direction."""
_SIDED_SITES = (terms.LUNG, terms.PLEURA, *terms.LOBES)
_IN_THE_BRAIN = (terms.VENTRICLES, terms.CEREBRAL_WHITE_MATTER, terms.BRAIN)


def entity(finding: Finding, language: Language) -> str:
    """The noun for a finding's type."""
    return language.entities.get(finding.type, finding.type.meaning.lower())


def side_word(finding: Finding, language: Language) -> str | None:
    """``left``, ``right``, ``midline`` before an organ; None for both sides or no side."""
    return language.sides.get(finding.laterality) if finding.laterality else None


def place(finding: Finding, language: Language) -> str:
    """Where it is, as a phrase that a template takes in (English: with a leading blank); empty if that says nothing."""
    site = language.sites.get(finding.site, finding.site.meaning.lower())
    side = side_word(finding, language)
    both = finding.laterality is Laterality.BILATERAL
    beside = language.beside.get(finding.laterality, "") if finding.laterality else ""
    slots = {"site": site, "side": _side(side, language), "beside": beside}
    if finding.type == terms.ORGAN_MEASUREMENT:
        return language.text("organ_both" if both else "organ", **slots)
    if finding.type == terms.PLEURAL_EFFUSION:
        return language.text("effusion_both" if both else "effusion_side" if side else "effusion_none", **slots)
    if finding.site in _IN_THE_BRAIN:
        return language.text("brain_side", **slots) if side else ""
    if both:
        return language.text("both", **slots)
    if side is None:
        return "" if finding.type in language.names_its_site else language.text("site", **slots)
    if finding.site in _SIDED_SITES:
        return language.text("sided", **(slots | {"site": site.removeprefix(slots["side"])}))
    return language.text("site_side", **slots)


def subject(finding: Finding, language: Language) -> str:
    """Which finding a sentence on its change speaks of: ``left lung nodule``."""
    side = side_word(finding, language)
    beside = _side(language.beside[finding.laterality] if side and finding.laterality else None, language)
    slots = {"side": _side(side, language), "beside": beside, "entity": entity(finding, language)}
    lung = finding.type in (terms.NODULE, terms.MASS) and side is not None
    return language.text("lung_subject" if lung else "subject", **slots)


def capitalized(text: str) -> str:
    """First letter in upper case, the rest untouched."""
    return text[:1].upper() + text[1:]


def _side(side: str | None, language: Language) -> str:
    """A side as it stands before a noun, empty for both or none."""
    return language.text("side", side=side) if side else ""
