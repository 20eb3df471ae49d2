"""English words of the coded terms, as report sentences use them."""

from __future__ import annotations

from tomoscribe.core import Code, Direction, Finding, Laterality, terms

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
}
DIRECTIONS: dict[Direction, str] = {Direction.INCREASED: "increased", Direction.DECREASED: "decreased"}
_SIDED_SITES = (terms.LUNG, terms.PLEURA, *terms.LOBES)


def entity(finding: Finding) -> str:
    """The noun for a finding's type."""
    return ENTITIES.get(finding.type, finding.type.meaning.lower())


def side_word(finding: Finding) -> str | None:
    """``left``, ``right``, ``midline``; None for both sides or no side."""
    side = finding.laterality
    return side.value if side in (Laterality.LEFT, Laterality.RIGHT, Laterality.MIDLINE) else None


def place(finding: Finding) -> str:
    """Where it is, as a phrase with a leading blank: `` in the left lung``; empty if that says nothing."""
    site = SITES.get(finding.site, finding.site.meaning.lower())
    if finding.type == terms.ORGAN_MEASUREMENT:
        both = finding.laterality is Laterality.BILATERAL
        return f" of both {site}s" if both else f" of the {subject_side(finding)}{site}"
    if finding.type == terms.PLEURAL_EFFUSION:
        beside = {Laterality.BILATERAL: " on both sides", None: ""}
        return beside.get(finding.laterality, f" on the {side_word(finding)}")
    if finding.site in (terms.VENTRICLES, terms.CEREBRAL_WHITE_MATTER, terms.BRAIN):
        side = side_word(finding)
        return f" on the {side}" if side else ""
    if finding.laterality is Laterality.BILATERAL:
        return f" of both {site}s"
    side = side_word(finding)
    if side and finding.site in _SIDED_SITES:
        return f" in the {side} {site.removeprefix(side + ' ')}"
    return f" in the {site}" if side is None else f" in the {site} on the {side}"


def subject_side(finding: Finding) -> str:
    """``left `` or ``right `` with a blank behind, empty for both or none."""
    side = side_word(finding)
    return f"{side} " if side else ""


def subject(finding: Finding) -> str:
    """Which finding a sentence on its change speaks of: ``left lung nodule``."""
    side = side_word(finding)
    if finding.type in (terms.NODULE, terms.MASS) and side:
        return f"{side} lung {entity(finding)}"
    return f"{subject_side(finding)}{entity(finding)}"


def capitalized(text: str) -> str:
    """First letter in upper case, the rest untouched."""
    return text[:1].upper() + text[1:]
