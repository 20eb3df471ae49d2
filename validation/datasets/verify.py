"""Reads every image of an opened data set once: what cannot be read or is no Hounsfield units is left out, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tomoscribe.core import Volume
from tomoscribe.core.errors import TomoscribeError
from tomoscribe.encoders.dicom.hounsfield import hounsfield_state
from tomoscribe.validation.datasets.opened import Opened
from tomoscribe.validation.datasets.prints import print_of
from tomoscribe.validation.datasets.volumes import load_case, read_mask
from tomoscribe.validation.records import Case, Excluded

Progress = Callable[[str, float], None]
UNREADABLE, NOT_HU, BAD_MASK = "unreadable volume", "volume not in Hounsfield units", "mask that does not fit its image"


def verify(opened: Opened, *, progress: Progress | None = None) -> Opened:
    """The data set without the cases whose images fail, each of the others with its image print.

    A CT volume whose tissues stand where they do after a second or a missing rescaling is left out with the numbers
    that were seen; it is not repaired. A case whose masks lie on another grid keeps its images and loses its masks.

    Args:
        progress: called with words and the fraction done; may raise CancelledError.
    """
    kept: list[Case] = []
    excluded = list(opened.excluded)
    for n, case in enumerate(opened.cases):
        if progress is not None:
            progress(f"reading {opened.name} {n + 1} of {len(opened.cases)}", n / len(opened.cases))
        if not case.images:
            kept.append(case)
            continue
        checked, problems = _checked(case)
        excluded += problems
        kept += [checked] if checked is not None else []
    return replace(opened, cases=tuple(kept), excluded=tuple(excluded))


def _checked(case: Case) -> tuple[Case | None, list[Excluded]]:
    try:
        volumes = load_case(case)
    except TomoscribeError as error:
        return None, [Excluded(what=UNREADABLE, where=case.case_id, why=error.what)]
    first = next(iter(volumes.values()))
    for role, volume in volumes.items():
        state = hounsfield_state(volume.array) if volume.value_unit == "hu" else None
        if state is not None and state.is_wrong:
            why = f"{role}: {state.state.value} ({state.evidence})"
            return None, [Excluded(what=NOT_HU, where=case.case_id, why=why)]
    problem = _mask_problem(case, first)
    found = replace(case, image_print=print_of(first), masks=() if problem else case.masks)
    return found, [problem] if problem else []


def _mask_problem(case: Case, volume: Volume) -> Excluded | None:
    """The first mask that cannot be laid on the image; each file is read once."""
    for mask in {m.path: m for m in case.masks}.values():
        try:
            read_mask(mask, volume.geometry)
        except TomoscribeError as error:
            return Excluded(what=BAD_MASK, where=f"{case.case_id} {mask.name}", why=error.what)
    return None
