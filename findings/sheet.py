"""The fact sheet: findings in a compact typed form, the only source of numerals, sides and sites for the decoder.

One row per finding in report order, tagged ``f1``, ``f2``, ...; uncertain, absent and not assessed ones have a row too:

    <f1> nodule present left lung lobe ? solid long 14 mm short 11 mm mean 13 mm volume 850 mm3 series 3 image 45
    <f2> emphysema not_assessed both lung
    <f3> effusion left ?                                    (withheld: the image has to say)

Numbers stand as prose spells them (``findings.rounding``), so a sentence can copy them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tomoscribe.core import Code, EvidenceSlice, Finding, Laterality, Presence, terms
from tomoscribe.core.errors import InvalidValueError
from tomoscribe.findings import rounding

ENTITY_WORDS: dict[Code, str] = {
    terms.NODULE: "nodule",
    terms.MASS: "mass",
    terms.EMPHYSEMA: "emphysema",
    terms.PLEURAL_EFFUSION: "effusion",
    terms.CONSOLIDATION: "consolidation",
    terms.WHITE_MATTER_LESIONS: "lesions",
    terms.VENTRICULAR_ENLARGEMENT: "enlargement",
    terms.BRAIN_MASS: "brainmass",
    terms.ORGAN_MEASUREMENT: "organ",
}
SITE_WORDS: dict[Code, str] = {
    terms.LUNG: "lung",
    terms.RIGHT_UPPER_LOBE: "right upper lobe",
    terms.RIGHT_MIDDLE_LOBE: "right middle lobe",
    terms.RIGHT_LOWER_LOBE: "right lower lobe",
    terms.LEFT_UPPER_LOBE: "left upper lobe",
    terms.LEFT_LOWER_LOBE: "left lower lobe",
    terms.PLEURA: "pleura",
    terms.AIRWAYS: "airways",
    terms.THORACIC_VERTEBRAE: "vertebrae",
    terms.INTRACRANIAL: "intracranial",
    terms.BRAIN: "brain",
    terms.CEREBRAL_WHITE_MATTER: "white matter",
    terms.VENTRICLES: "ventricles",
}
MEASUREMENT_WORDS: dict[Code, str] = {
    terms.LONG_AXIS: "long",
    terms.SHORT_AXIS: "short",
    terms.MEAN_DIAMETER: "mean",
    terms.SOLID_DIAMETER: "core",
    terms.COUNT: "count",
    terms.VOLUME: "volume",
    terms.MEAN_ATTENUATION: "attenuation",
    terms.LAA_950: "laa950",
    terms.PERC15: "perc15",
    terms.LONG_AXIS_3D: "long3d",
    terms.SHORT_AXIS_3D: "short3d",
    terms.VOLUME_DOUBLING_TIME: "doubling",
    terms.VOLUME_DOUBLING_TIME_LOW: "doublinglow",
    terms.VOLUME_DOUBLING_TIME_HIGH: "doublinghigh",
}
"""Word of each measurement on the sheet, in the order in which a row lists them."""
SEEN_WORDS: dict[tuple[Code, Code], str] = {
    (terms.CALCIFICATION, terms.CALCIFIED_COMPLETELY): "calcified completely",
    (terms.CALCIFICATION, terms.CALCIFIED_CENTRALLY): "calcified centrally",
    (terms.CALCIFICATION, terms.CALCIFIED_RING): "calcified ring",
    (terms.CALCIFICATION, terms.CALCIFIED_ECCENTRICALLY): "calcified eccentrically",
    (terms.CALCIFICATION, terms.CALCIFIED_OTHERWISE): "calcified",
    (terms.FAT, terms.CONTAINED): "fat",
    (terms.PLEURAL_RELATION, terms.TOUCHING): "touches pleura",
    (terms.AIRWAY_RELATION, terms.TOUCHING): "touches airway",
}
"""Words of what else was seen of a lesion: attribute and value."""
CLASS_WORDS: dict[Code, str] = {
    terms.SOLID: "solid",
    terms.PART_SOLID: "part-solid",
    terms.GROUND_GLASS: "ground-glass",
    terms.NOT_DETERMINED: "density ?",
}
SIDE_WORDS: dict[Laterality, str] = {
    Laterality.RIGHT: "right",
    Laterality.LEFT: "left",
    Laterality.BILATERAL: "both",
    Laterality.MIDLINE: "midline",
}
_SIDE_SPELLINGS: dict[Laterality, frozenset[str]] = {
    Laterality.RIGHT: frozenset({"right"}),
    Laterality.LEFT: frozenset({"left"}),
    Laterality.BILATERAL: frozenset({"both", "bilateral"}),
    Laterality.MIDLINE: frozenset({"midline"}),
}


def stated_measurements(finding: Finding) -> tuple[tuple[str, str, str], ...]:
    """(word, number, unit word) of each measurement of a finding, in the order of a row."""
    rows = []
    for name, word in MEASUREMENT_WORDS.items():
        measurement = finding.measurement(name)
        if measurement is not None:
            rows.append((word, *rounding.prose(measurement)))
    return tuple(rows)


def key_slice(finding: Finding) -> EvidenceSlice | None:
    """The first evidence slice, the one a sentence cites."""
    return finding.evidence[0] if finding.evidence else None


_DECODER_MEASUREMENTS = frozenset(
    (
        terms.LONG_AXIS,
        terms.SHORT_AXIS,
        terms.MEAN_DIAMETER,
        terms.SOLID_DIAMETER,
        terms.COUNT,
        terms.VOLUME,
        terms.MEAN_ATTENUATION,
        terms.LAA_950,
        terms.PERC15,
    )
)
_DECODER_ATTRIBUTES = (terms.ATTENUATION_CLASS, terms.LOBE)


def for_decoder(finding: Finding) -> Finding:
    """The finding with those measurements and attributes alone whose words the decoder was trained on.

    What is left out is told by the writer's own sentence beside the decoder's (``writer.supplement``).
    """
    return replace(
        finding,
        measurements=tuple(m for m in finding.measurements if m.name in _DECODER_MEASUREMENTS),
        attributes=tuple(a for a in finding.attributes if a.name in _DECODER_ATTRIBUTES),
    )


def decoder_findings(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings that the decoder can word, as it knows them; the writer words the rest."""
    return tuple(for_decoder(f) for f in findings if f.site != terms.THORACIC_VERTEBRAE)


@dataclass(frozen=True, kw_only=True)
class FactRow:
    """One finding on the sheet.

    Args:
        tag: ``f1``, ``f2``, ... in report order.
        withheld: everything but entity and side is hidden.
    """

    tag: str
    finding: Finding
    withheld: bool = False

    @property
    def text(self) -> str:
        """The row as the decoder reads it."""
        finding = self.finding
        entity = ENTITY_WORDS.get(finding.type, finding.type.meaning.lower())
        side = SIDE_WORDS[finding.laterality] if finding.laterality else ""
        if self.withheld:
            return " ".join(w for w in (f"<{self.tag}>", entity, side, "?") if w)
        words = [f"<{self.tag}>", entity, finding.presence.value, side, _site_word(finding)]
        words += [*_attribute_words(finding), *_number_words(finding), *_change_words(finding)]
        return " ".join(w for w in words if w)

    def numbers(self) -> frozenset[str]:
        """All accepted spellings of every number of this row; none when withheld."""
        if self.withheld:
            return frozenset()
        finding = self.finding
        found: set[str] = set()
        for measurement in finding.measurements:
            found |= rounding.spellings(measurement.value, measurement.unit)
        for image in finding.evidence:
            found |= {str(n) for n in (image.series_number, image.instance_number) if n is not None}
        if finding.probability is not None:
            found.add(rounding.prose_number(100 * finding.probability, "whole percent"))
        return frozenset(found | _change_numbers(finding))


def _site_word(finding: Finding) -> str:
    word = SITE_WORDS.get(finding.site, finding.site.meaning.lower())
    side = SIDE_WORDS.get(finding.laterality, "") if finding.laterality else ""
    return word.removeprefix(f"{side} ") if side else word


def _attribute_words(finding: Finding) -> list[str]:
    words = []
    lobe = finding.attribute(terms.LOBE)
    if lobe is not None and finding.site not in terms.LOBES:
        words.append("lobe ?" if lobe == terms.NOT_DETERMINED else f"lobe {SITE_WORDS[lobe]}")
    density = finding.attribute(terms.ATTENUATION_CLASS)
    if density is not None:
        words.append(CLASS_WORDS.get(density, density.meaning.lower()))
    words += [word for (name, value), word in SEEN_WORDS.items() if finding.attribute(name) == value]
    return words


def _number_words(finding: Finding) -> list[str]:
    words = [" ".join(w for w in row if w) for row in stated_measurements(finding)]
    if finding.presence is Presence.UNCERTAIN and finding.probability is not None:
        words.append(f"probability {rounding.prose_number(100 * finding.probability, 'whole percent')} %")
    image = key_slice(finding)
    if image is not None and image.series_number is not None:
        words.append(f"series {image.series_number}")
    if image is not None and image.instance_number is not None:
        words.append(f"image {image.instance_number}")
    return words


def _change_words(finding: Finding) -> list[str]:
    change = finding.change
    if change is None:
        return []
    words = ["change", change.direction.value]
    now = finding.measurement(change.measurement)
    if now is not None and change.prior_value:
        words += ["prior", MEASUREMENT_WORDS.get(change.measurement, "value")]
        words += rounding.prose_of(change.prior_value, now.unit)
        percent = rounding.change_percent(finding)
        if percent is not None:
            words.append(f"{rounding.prose_number(float(percent), 'whole percent')} %")
    return [*words, change.prior_date or "date ?"]


def _change_numbers(finding: Finding) -> set[str]:
    change = finding.change
    if change is None:
        return set()
    found: set[str] = set()
    now = finding.measurement(change.measurement)
    if now is not None:
        found |= rounding.spellings(change.prior_value, now.unit)
    percent = rounding.change_percent(finding)
    if percent is not None:
        number = rounding.prose_number(float(percent), "whole percent")
        found |= {number, number.lstrip("-")}
    if change.prior_date:
        found |= {change.prior_date, *change.prior_date.split("-")}
    return found


@dataclass(frozen=True, kw_only=True)
class FactSheet:
    """All findings of a study as rows; nothing else may supply a numeral, side or site to a sentence."""

    rows: tuple[FactRow, ...]

    @classmethod
    def from_findings(cls, findings: Sequence[Finding]) -> FactSheet:
        """Rows in the order of the findings, tags from ``f1``."""
        return cls(rows=tuple(FactRow(tag=f"f{n}", finding=f) for n, f in enumerate(findings, start=1)))

    def to_text(self) -> str:
        """The sheet, one row per line."""
        return "\n".join(row.text for row in self.rows)

    def row(self, tag: str) -> FactRow:
        """The row of a tag.

        Raises:
            InvalidValueError: the sheet has no such tag.
        """
        for row in self.rows:
            if row.tag == tag:
                return row
        raise InvalidValueError(f"expected a tag of the fact sheet, found {tag!r}")

    def tag_of(self, tracking_uid: str) -> str:
        """The tag of a finding.

        Raises:
            InvalidValueError: the sheet does not hold that finding.
        """
        for row in self.rows:
            if row.finding.tracking_uid == tracking_uid:
                return row.tag
        raise InvalidValueError("the fact sheet does not hold this finding", where=tracking_uid)

    def withheld(self, tags: Iterable[str]) -> FactSheet:
        """The same sheet with these rows hidden down to entity and side."""
        hidden = {self.row(tag).tag for tag in tags}
        return replace(self, rows=tuple(replace(r, withheld=r.withheld or r.tag in hidden) for r in self.rows))

    def allowed_numbers(self, tag: str) -> frozenset[str]:
        """Every numeral that a sentence on this row may hold."""
        return self.row(tag).numbers()

    def allowed_sides(self, tag: str) -> frozenset[str]:
        """Every side word that a sentence on this row may hold; a withheld row still names its side."""
        side = self.row(tag).finding.laterality
        return _SIDE_SPELLINGS[side] if side else frozenset()

    def allowed_sites(self, tag: str) -> frozenset[str]:
        """Every site phrase that a sentence on this row may hold; none when withheld."""
        row = self.row(tag)
        if row.withheld:
            return frozenset()
        sites = {SITE_WORDS.get(row.finding.site, row.finding.site.meaning.lower())}
        lobe = row.finding.attribute(terms.LOBE)
        if lobe is not None:
            sites.add("lobe not determined" if lobe == terms.NOT_DETERMINED else SITE_WORDS[lobe])
        return frozenset(sites)
