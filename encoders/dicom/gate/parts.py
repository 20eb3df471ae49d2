"""The headers of one series UID -> its parts, each judged: what the scan lists and ``load_volume`` reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tomoscribe.core import Geometry
from tomoscribe.encoders.dicom.gate.checks import judge, one_patient
from tomoscribe.encoders.dicom.gate.duplicates import without_repeats
from tomoscribe.encoders.dicom.gate.grid import geometry_of, sort_by_position
from tomoscribe.encoders.dicom.gate.refusal import Refusal, Slices
from tomoscribe.encoders.dicom.gate.regrid import Regrid, regrid_of
from tomoscribe.encoders.dicom.gate.remarks import remarks_of
from tomoscribe.encoders.dicom.gate.splitting import kind_of, split
from tomoscribe.encoders.dicom.gate.values import meaning_of
from tomoscribe.encoders.dicom.headers import SliceHeader


@dataclass(frozen=True, kw_only=True)
class Part:
    """Slices that are one volume, or that are refused together.

    Args:
        name: what sets it apart from the rest of its series; None for the only volume of a series.
        slices: in the order of their position along the normal.
        refusal: why it is no volume, else None.
        notes: what the user should know of an accepted part, in words.
        value_unit: one of ``VALUE_UNITS``, None when refused.
        geometry: the volume's grid, None when refused.
        regrid: how the slices come onto that grid, None where they stand on it.
    """

    name: str | None
    slices: tuple[SliceHeader, ...]
    refusal: Refusal | None
    notes: tuple[str, ...]
    value_unit: str | None
    geometry: Geometry | None
    regrid: Regrid | None


def parts_of(slices: Slices) -> tuple[Part, ...]:
    """The parts of a series: volumes first, then by size; one part without a name where nothing is to be separated.

    A series with one volume beside localizers, captures or reports keeps that volume without a name, with a note.
    """
    mixed = one_patient(slices)
    if mixed is not None:
        return (_refused(None, sort_by_position(slices), mixed),)
    pictures = [s for s in slices if kind_of(s) is not None]
    kept, num_repeats = without_repeats([s for s in slices if kind_of(s) is None])
    groups = [(name, sort_by_position(group)) for name, group in split([*kept, *pictures])]
    volumes = [g for g in groups if kind_of(g[1][0]) is None]
    if len(groups) == 1 or len(volumes) == 1:
        groups = [
            ((), group) if len(groups) == 1 or group is volumes[0][1] else (name, group) for name, group in groups
        ]
    names = _unique(", ".join(name) for name, _ in groups)
    parts = [judge_part(n or None, group, names) for n, (_, group) in zip(names, groups, strict=True)]
    if num_repeats:
        words = f"{num_repeats} repeated image{'s' * (num_repeats > 1)} with the same pixels at the same place left out"
        parts = [replace(p, notes=(*p.notes, words)) if p.refusal is None else p for p in parts]
    return tuple(sorted(parts, key=lambda p: p.refusal is not None))


def _unique(names: Iterable[str]) -> list[str]:
    out: list[str] = []
    for name in names:
        out.append(name if name not in out else f"{name} ({out.count(name) + 1})")
    return out


def judge_part(name: str | None, slices: Slices, names: Sequence[str] = ()) -> Part:
    """One part's slices, sorted and judged; ``names`` are those of all parts of its series."""
    ordered = sort_by_position(slices)
    refusal = judge(ordered)
    if refusal is not None:
        return _refused(name, ordered, refusal)
    regrid, meaning = regrid_of(ordered), meaning_of(ordered)
    others = [n for n in names if n != (name or "")]
    notes = ((_beside(name, others),) if others else ()) + ((meaning.note,) if meaning.note else ())
    return Part(
        name=name,
        slices=ordered,
        refusal=None,
        notes=(*notes, *remarks_of(ordered, is_whole=name is None)),
        value_unit=meaning.value_unit,
        geometry=regrid.geometry if regrid else geometry_of(ordered),
        regrid=regrid,
    )


def _refused(name: str | None, ordered: tuple[SliceHeader, ...], refusal: Refusal) -> Part:
    return Part(name=name, slices=ordered, refusal=refusal, notes=(), value_unit=None, geometry=None, regrid=None)


def _beside(name: str | None, others: list[str]) -> str:
    some = "; ".join(n or "the main volume" for n in others[:4]) + ("; ..." if len(others) > 4 else "")
    this = f"this volume is its part '{name}'" if name else "they are not part of this volume"
    return f"the series UID also holds {len(others)} other group{'s' * (len(others) > 1)} of objects ({some}); {this}"
