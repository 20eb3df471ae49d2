"""One finding to its sentences: findings, change, impression, review list, not assessed."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tomoscribe.core import (
    Code,
    Direction,
    Finding,
    Laterality,
    Presence,
    Source,
    Statement,
    StatementKind,
    terms,
)
from tomoscribe.findings import rounding
from tomoscribe.findings.sheet import key_slice
from tomoscribe.reports.writer.language import Language, language_of
from tomoscribe.reports.writer.words import DIRECTIONS, entity, place, side_word, subject

LESIONS_OF_LUNG = (terms.NODULE, terms.MASS)
DOUBLING_TIMES = (
    terms.VOLUME_DOUBLING_TIME,
    terms.VOLUME_DOUBLING_TIME_LOW,
    terms.VOLUME_DOUBLING_TIME_HIGH,
)
SEEN_PHRASES: dict[tuple[Code, Code], str] = {
    (terms.CALCIFICATION, terms.CALCIFIED_COMPLETELY): "calcified_completely",
    (terms.CALCIFICATION, terms.CALCIFIED_CENTRALLY): "calcified_centrally",
    (terms.CALCIFICATION, terms.CALCIFIED_RING): "calcified_ring",
    (terms.CALCIFICATION, terms.CALCIFIED_ECCENTRICALLY): "calcified_eccentrically",
    (terms.CALCIFICATION, terms.CALCIFIED_OTHERWISE): "calcified_otherwise",
    (terms.FAT, terms.CONTAINED): "fat_inside",
    (terms.PLEURAL_RELATION, terms.TOUCHING): "touches_pleura",
    (terms.AIRWAY_RELATION, terms.TOUCHING): "touches_airway",
}
"""What else was seen of a lesion, to its phrase."""


class Phrasebook:
    """Chooses among the phrases: the writer's own wording without a seed, a seeded variety with one.

    Args:
        seed: of the variety.
        language: ISO 639-1 code of the language of the phrases.
    """

    def __init__(self, seed: int | None = None, language: str = "en") -> None:
        self._random = None if seed is None else random.Random(seed)
        self.language: Language = language_of(language)

    def phrase(self, key: str, **slots: str) -> str:
        """The phrase of that key with its slots filled."""
        choices = self.language.phrases[key]
        chosen = choices[0] if self._random is None else self._random.choice(choices)
        return chosen.format(**slots)


def finding_statements(finding: Finding, book: Phrasebook, source: Source = Source.WRITER) -> tuple[Statement, ...]:
    """What FINDINGS says about a present finding: its sentence, then its change if it has a prior."""
    text = with_supplement(finding_text(finding, book), finding, book)
    sentences = [_statement(text, StatementKind.FINDING, (finding,), source)]
    if finding.change is not None:
        sentences.append(_statement(change_text(finding, book), StatementKind.COMPARISON, (finding,), source))
    return tuple(sentences)


def with_supplement(text: str, finding: Finding, book: Phrasebook) -> str:
    """The text of a finding in FINDINGS with the sentence on what else was seen and measured of it, if anything was.

    It is a sentence of its own so that a decoder's text, which knows none of it, can carry it too.
    """
    added = supplement(finding, book)
    return f"{text}{book.language.text('sentence_joint')}{added}" if added else text


def supplement(finding: Finding, book: Phrasebook) -> str:
    """Axes in three dimensions, calcification, fat, contact with pleura and airways, doubling time; may be empty."""
    parts = [book.phrase(key) for (name, value), key in SEEN_PHRASES.items() if finding.attribute(name) == value]
    axes = [finding.measurement(n) for n in (terms.LONG_AXIS_3D, terms.SHORT_AXIS_3D)]
    if axes[0] is not None and axes[1] is not None:
        long, short = rounding.prose(axes[0])[0], rounding.prose(axes[1])[0]
        parts.insert(0, book.phrase("axes_3d", long=long, short=short))
    times = [finding.measurement(n) for n in DOUBLING_TIMES]
    if all(t is not None for t in times):
        days, low, high = (rounding.prose(t)[0] for t in times if t is not None)
        parts.append(book.phrase("doubling", days=days, low=low, high=high))
    return _closed(_joined(parts, book), book) if parts else ""


def impression_statements(finding: Finding, book: Phrasebook, source: Source = Source.WRITER) -> tuple[Statement, ...]:
    """What IMPRESSION says about a present finding: its short sentence, then a change that is one."""
    sentences = [_statement(impression_text(finding, book), StatementKind.FINDING, (finding,), source)]
    moving = (Direction.INCREASED, Direction.DECREASED, Direction.NEW)
    if finding.change is not None and finding.change.direction in moving:
        sentences.append(_statement(change_text(finding, book), StatementKind.COMPARISON, (finding,), source))
    return tuple(sentences)


def review_statement(finding: Finding, book: Phrasebook, source: Source = Source.WRITER) -> Statement:
    """What REVIEW_LIST says about an uncertain finding."""
    parts = measured_parts(finding, book)
    if finding.probability is not None:
        number = rounding.prose_number(100 * finding.probability, "whole percent")
        parts.append(book.phrase("probability", probability=number))
    language = book.language
    detail = language.text("in_brackets", parts=_joined(parts, book)) if parts else ""
    text = book.phrase("review", entity=entity(finding, language), place=place(finding, language), detail=detail)
    text = _closed(text, book, _images(finding, book), finding.note)
    return _statement(text, StatementKind.REVIEW, (finding,), source)


def review_many_statement(findings: Sequence[Finding], book: Phrasebook) -> Statement:
    """One sentence for many uncertain nodules (CLINICAL 7); each has a long axis."""
    axes = [f.measurement(terms.LONG_AXIS) for f in findings]
    lengths = [m.value for m in axes if m is not None]
    text = book.phrase(
        "review_many",
        count=str(len(findings)),
        entity=book.language.entities[terms.NODULE],
        low=rounding.prose_number(min(lengths), "length"),
        high=rounding.prose_number(max(lengths), "length"),
    )
    return _statement(f"{text}{book.language.text('stop')}", StatementKind.REVIEW, tuple(findings), Source.WRITER)


def unassessed_statement(finding: Finding, book: Phrasebook, source: Source = Source.WRITER) -> Statement:
    """What NOT_ASSESSED says about a finding without an assessment, or one not present without a licensed negative."""
    key = "unassessed" if finding.presence is Presence.NOT_ASSESSED else "unexcluded"
    language = book.language
    note = language.note(finding.note) if finding.note else ""
    if finding.site == terms.THORACIC_VERTEBRAE:
        text = book.phrase("unassessed_organ", site=language.sites[finding.site], note=note)
    else:
        text = book.phrase(key, entity=entity(finding, language), place=place(finding, language), note=note)
    return _statement(_closed(text, book), StatementKind.NOT_ASSESSED, (finding,), source)


def count_statement(findings: Sequence[Finding], book: Phrasebook) -> Statement:
    """How many nodules and masses there are, per side; at least two."""
    sides = [f.laterality for f in findings]
    both = {f.type for f in findings}
    key = "nodules_and_masses" if len(both) > 1 else ("masses" if both == {terms.MASS} else "nodules")
    text = book.phrase(
        "nodule_counts",
        total=str(len(findings)),
        entities=book.language.text(key),
        right=str(sides.count(Laterality.RIGHT)),
        left=str(sides.count(Laterality.LEFT)),
    )
    return _statement(_closed(text, book), StatementKind.FINDING, tuple(findings), Source.WRITER)


def finding_text(finding: Finding, book: Phrasebook) -> str:
    """The full sentence on a present finding."""
    if finding.type == terms.ORGAN_MEASUREMENT:
        return _organ_text(finding, book)
    if finding.type in LESIONS_OF_LUNG:
        head = _joined([_lesion_head(finding, book), *_lobe_parts(finding, book)], book)
        text = _with_parts(head, measured_parts(finding, book), book)
    elif finding.type == terms.EMPHYSEMA and finding.measurement(terms.LAA_950):
        key = "emphysema" if finding.laterality is Laterality.BILATERAL else "emphysema_of"
        text = book.phrase(key, **_place_and_parts(finding, book))
    elif finding.type == terms.WHITE_MATTER_LESIONS:
        text = book.phrase("lesions", **_place_and_parts(finding, book))
    else:
        text = _plain_text(finding, book)
    return _closed(text, book, _images(finding, book), finding.note)


def impression_text(finding: Finding, book: Phrasebook) -> str:
    """The short sentence on a present finding: what, where, how large, on which image."""
    if finding.type not in LESIONS_OF_LUNG:
        return finding_text(finding, book)
    parts = _axis_parts(finding, book) + _parts(finding, book, (terms.SOLID_DIAMETER,))
    named = [_lesion_head(finding, book), *_lobe_parts(finding, book)[: int(finding.site in terms.LOBES)]]
    head = _joined(named, book)
    return _closed(_with_parts(head, parts, book), book, _images(finding, book))


def change_text(finding: Finding, book: Phrasebook) -> str:
    """How a finding changed against its prior; the finding has a change."""
    change, language = finding.change, book.language
    if change is None:
        return ""
    date = change.prior_date or language.text("undated_prior")
    about = subject(finding, language)
    if change.direction is Direction.NEW:
        return _closed(book.phrase("new", subject=about, date=date), book)
    quantity = language.quantities.get(change.measurement, change.measurement.meaning.lower())
    slots = {"date": date, "quantity": language.text("quantity_of", quantity=quantity, subject=about)}
    if change.direction is Direction.NOT_COMPARABLE:
        reason = language.note(change.reason) if change.reason else ""
        return _closed(book.phrase("not_comparable", reason=reason, **slots), book)
    now = finding.measurement(change.measurement)
    if now is not None:
        slots["now"] = _value(rounding.prose(now), language)
        slots["prior"] = _value(rounding.prose_of(change.prior_value, now.unit), language)
    if change.direction is Direction.STABLE:
        return _closed(book.phrase("stable" if now else "stable_only", **slots), book)
    direction = book.phrase(DIRECTIONS[change.direction])
    percent = _percent(finding, language)
    key = "changed" if now else "changed_only"
    return _closed(book.phrase(key, direction=direction, percent=percent, **slots), book)


def _percent(finding: Finding, language: Language) -> str:
    percent = rounding.change_percent(finding)
    if percent is None:
        return ""
    return language.text("percent", number=_signed(rounding.prose_number(float(percent), "whole percent")))


def _value(number_and_unit: tuple[str, str], language: Language) -> str:
    """A number with its unit word."""
    number, unit = number_and_unit
    return f"{number} {language.units.get(unit, unit)}".strip()


def measured_parts(finding: Finding, book: Phrasebook) -> list[str]:
    """The measurements of a finding as phrases."""
    if finding.type == terms.WHITE_MATTER_LESIONS:
        return _parts(finding, book, (terms.COUNT, terms.VOLUME))
    mean = _parts(finding, book, (terms.MEAN_DIAMETER,))
    rest = (terms.SOLID_DIAMETER, terms.VOLUME, terms.MEAN_ATTENUATION, terms.LAA_950, terms.PERC15, terms.COUNT)
    return _axis_parts(finding, book) + mean + _parts(finding, book, rest)


def _signed(number: str) -> str:
    return number if number.startswith("-") else f"+{number}"


def _statement(text: str, kind: StatementKind, findings: Sequence[Finding], source: Source) -> Statement:
    return Statement(text=text, kind=kind, source=source, finding_uids=tuple(f.tracking_uid for f in findings))


def _closed(text: str, book: Phrasebook, images: str = "", note: str | None = None) -> str:
    language = book.language
    whole = f"{text}{language.text('image_joint')}{images}" if images else text
    if note:
        whole = f"{whole}{language.text('note_joint')}{language.note(note.rstrip('.'))}"
    return language.started(f"{whole}{language.text('stop')}")


def _joined(parts: Sequence[str], book: Phrasebook) -> str:
    return book.language.text("part_joint").join(parts)


def _with_parts(head: str, parts: Sequence[str], book: Phrasebook) -> str:
    joint = book.language.text("head_joint")
    if parts and joint.strip() not in head:
        return f"{head}{joint}{_joined(parts, book)}"
    return _joined([head, *parts], book)


def _place_and_parts(finding: Finding, book: Phrasebook) -> dict[str, str]:
    return {"place": place(finding, book.language), "parts": _joined(measured_parts(finding, book), book)}


def _lesion_head(finding: Finding, book: Phrasebook) -> str:
    density = finding.attribute(terms.ATTENUATION_CLASS)
    language = book.language
    side = side_word(finding, language)
    words = language.densities.get(density) if density else None
    slots = {"entity": entity(finding, language), "side": side or ""}
    if side is None:
        return language.started(book.phrase("nodule_head_no_side", density=words or "", **slots).strip())
    if density is None:
        return language.started(book.phrase("nodule_head_plain", **slots))
    if words is None:
        return language.started(book.phrase("nodule_head_undetermined", **slots))
    return language.started(book.phrase("nodule_head", density=words, **slots))


def _lobe_parts(finding: Finding, book: Phrasebook) -> list[str]:
    lobe = finding.site if finding.site in terms.LOBES else finding.attribute(terms.LOBE)
    if lobe is None:
        return []
    if lobe == terms.NOT_DETERMINED:
        return [book.phrase("lobe_unknown")]
    return [book.phrase("lobe", lobe=book.language.sites[lobe])]


def _axis_parts(finding: Finding, book: Phrasebook) -> list[str]:
    long, short = finding.measurement(terms.LONG_AXIS), finding.measurement(terms.SHORT_AXIS)
    if long is not None and short is not None:
        return [book.phrase("axes", long=rounding.prose(long)[0], short=rounding.prose(short)[0])]
    return _parts(finding, book, (terms.LONG_AXIS, terms.SHORT_AXIS))


_PART_KEYS: dict[Code, str] = {
    terms.LONG_AXIS: "long",
    terms.SHORT_AXIS: "short",
    terms.MEAN_DIAMETER: "mean",
    terms.SOLID_DIAMETER: "core",
    terms.VOLUME: "volume",
    terms.MEAN_ATTENUATION: "attenuation",
    terms.LAA_950: "laa950",
    terms.PERC15: "perc15",
    terms.COUNT: "count",
}


def _parts(finding: Finding, book: Phrasebook, names: Sequence[Code]) -> list[str]:
    parts = []
    for name in names:
        measurement = finding.measurement(name)
        if measurement is None:
            continue
        number, unit = rounding.prose(measurement)
        key = _PART_KEYS[name]
        if name == terms.VOLUME:
            phrase = "total_volume" if finding.type == terms.WHITE_MATTER_LESIONS else "volume"
            parts.append(book.phrase(phrase, volume=_value((number, unit), book.language)))
        else:
            parts.append(book.phrase(key, **{key: number}))
    return parts


def _images(finding: Finding, book: Phrasebook) -> str:
    image = key_slice(finding)
    if image is None or image.instance_number is None:
        return ""
    if image.series_number is None:
        return book.phrase("image_only", image=str(image.instance_number))
    return book.phrase("images", series=str(image.series_number), image=str(image.instance_number))


_ORGAN_KEYS: dict[Code, str] = {
    terms.AIRWAYS: "organ_airways",
    terms.INTRACRANIAL: "organ_intracranial",
    terms.BRAIN: "organ_brain",
    terms.VENTRICLES: "organ_ventricles",
}


def _organ_text(finding: Finding, book: Phrasebook) -> str:
    volume, density = finding.measurement(terms.VOLUME), finding.measurement(terms.MEAN_ATTENUATION)
    if volume is None and density is not None:
        site = book.language.sites[finding.site]
        text = book.phrase("organ_attenuation", site=site, attenuation=rounding.prose(density)[0])
        return _closed(text, book, _images(finding, book), finding.note)
    if volume is None:
        return _closed(_plain_text(finding, book), book, note=finding.note)
    words = _value(rounding.prose(volume), book.language)
    side = side_word(finding, book.language)
    if finding.site == terms.LUNG and side:
        text = book.phrase("organ_side", side=side, volume=words)
    else:
        text = book.phrase(_ORGAN_KEYS.get(finding.site, "organ_lungs"), volume=words)
    return _closed(text, book, note=finding.note)


def _plain_text(finding: Finding, book: Phrasebook) -> str:
    language = book.language
    parts = measured_parts(finding, book)
    slots = {"entity": language.started(entity(finding, language)), "place": place(finding, language)}
    if not parts:
        return book.phrase("plain_bare", **slots)
    return book.phrase("plain", parts=_joined(parts, book), **slots)
