"""A measured nodule as a Finding's parts: sizes with calipers, attributes, and its UID."""

from __future__ import annotations

from tomoscribe.core import Attribute, Measurement, Region, Volume, terms
from tomoscribe.core.uids import derive_uid
from tomoscribe.findings import measuring
from tomoscribe.findings.chest import attributes as seen
from tomoscribe.findings.chest.lungs import Lungs
from tomoscribe.findings.chest.nodules import Nodule


def nodule_uid(volume: Volume, nodule: Nodule) -> str:
    """The UID of a nodule of one series: by its place, so that reading the series again gives the same."""
    series = volume.series
    center = nodule_region(nodule, None).center_mm
    return derive_uid(series.study_uid, series.series_uid, "nodule", *(f"{v:.1f}" for v in center))


def nodule_region(nodule: Nodule, segment: str | None) -> Region:
    """Where it is, as a segment of the label map ``findings``."""
    label_map = "findings" if segment else None
    return measuring.region(nodule.outline.mask, nodule.outline.geometry, label_map=label_map, segment=segment)


def nodule_measurements(nodule: Nodule, is_thin: bool) -> tuple[Measurement, ...]:
    """Sizes with their caliper points; the solid part and 3D only where thin slices let them be told."""
    size, cut = nodule.axes, nodule.outline
    rows = [
        Measurement(name=terms.LONG_AXIS, value=size.long_mm, unit=terms.MM, endpoints_mm=size.long_ends_mm),
        Measurement(name=terms.SHORT_AXIS, value=size.short_mm, unit=terms.MM, endpoints_mm=size.short_ends_mm),
        Measurement(name=terms.MEAN_DIAMETER, value=size.mean_mm, unit=terms.MM),
    ]
    if is_thin and nodule.attenuation == terms.PART_SOLID:
        rows.append(Measurement(name=terms.SOLID_DIAMETER, value=nodule.solid_mm, unit=terms.MM))
    rows.append(Measurement(name=terms.VOLUME, value=cut.volume_mm3, unit=terms.MM3))
    rows.append(Measurement(name=terms.MEAN_ATTENUATION, value=cut.mean_hu, unit=terms.HU))
    axes = seen.axes_3d(cut) if is_thin else None
    if axes is not None:
        ends = axes.long_ends_mm
        rows.append(Measurement(name=terms.LONG_AXIS_3D, value=axes.long_mm, unit=terms.MM, endpoints_mm=ends))
        rows.append(Measurement(name=terms.SHORT_AXIS_3D, value=axes.short_mm, unit=terms.MM))
    return tuple(rows)


def nodule_attributes(nodule: Nodule, turned: Volume, lungs: Lungs, is_thin: bool) -> tuple[Attribute, ...]:
    """Attenuation class, lobe, and what else was seen; calcium and fat only where slices are thin (CLINICAL 8).

    Args:
        turned: CT in HU in the canonical orientation; lungs: of the same volume.
    """
    config = seen.AttributeConfig()
    cut = nodule.outline
    found = [
        Attribute(name=terms.ATTENUATION_CLASS, value=nodule.attenuation if is_thin else terms.NOT_DETERMINED),
        Attribute(name=terms.LOBE, value=terms.NOT_DETERMINED),
    ]
    if is_thin:
        hu = seen.hu_of(turned, cut)
        pattern = seen.calcification(hu, cut, enhanced=turned.acquisition.contrast is not False, config=config)
        if pattern is not None:
            found.append(Attribute(name=terms.CALCIFICATION, value=pattern))
        if nodule.attenuation == terms.SOLID and seen.contains_fat(hu, cut, config):
            found.append(Attribute(name=terms.FAT, value=terms.CONTAINED))
    if seen.touches_pleura(cut, lungs, config):
        found.append(Attribute(name=terms.PLEURAL_RELATION, value=terms.TOUCHING))
    if seen.touches_airway(cut, lungs, config):
        found.append(Attribute(name=terms.AIRWAY_RELATION, value=terms.TOUCHING))
    return tuple(found)
