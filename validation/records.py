"""The rows that validation is made of: cases and their truth, what was left out, what was predicted, scores, flags.

Data-set adapters give ``Case`` and ``Excluded``; the machine under test gives one ``Prediction`` a case; metrics and
honesty checks give ``Score`` and ``Flag``; the report prints them. Report texts stay out of every ``repr``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tomoscribe.core import Finding, Point
from tomoscribe.core.errors import InvalidValueError

SPLITS = ("train", "validation", "test", "none")
"""``none``: the data set comes without splits; ``datasets.splits`` makes them."""
AGE_BANDS = (18, 40, 50, 60, 70, 80)
"""Lower ends of the age bands in years, each up to the next one."""


class Layout(StrEnum):
    """How a case's images lie on disk."""

    DICOM = "dicom"
    NIFTI = "nifti"
    METAIMAGE = "mhd"


class Better(StrEnum):
    """Which way a score improves."""

    HIGHER = "higher"
    LOWER = "lower"


class Severity(StrEnum):
    """How bad a flag is: ``critical`` means that the scores beside it must not be quoted."""

    CRITICAL = "critical"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, kw_only=True)
class Strata:
    """What a case is grouped by; None where the data set does not say.

    Args:
        dose_mgy: CTDIvol.
    """

    sex: str | None = None
    age_years: float | None = None
    manufacturer: str | None = None
    kernel: str | None = None
    slice_thickness_mm: float | None = None
    dose_mgy: float | None = None

    def groups(self) -> dict[str, str]:
        """Subgroup of each stratum, ``unknown`` where it is not known; numbers in bands."""
        return {
            "sex": self.sex or "unknown",
            "age": age_band(self.age_years),
            "manufacturer": self.manufacturer.upper() if self.manufacturer else "unknown",
            "kernel": self.kernel or "unknown",
            "slice thickness": _band(self.slice_thickness_mm, (1.5, 3.0), "mm"),
            "dose": _band(self.dose_mgy, (3.0, 10.0), "mGy"),
        }


@dataclass(frozen=True, kw_only=True)
class TrueNodule:
    """One reference lesion.

    Args:
        center_mm: LPS mm.
        diameter_mm: the reference's own diameter; ``source`` says which one that is.
        num_readers: how many readers drew it, None where the data set does not say.
        relevant: False for findings that count neither for nor against a detector.
        long_axis_mm, short_axis_mm, volume_mm3: where the reference has an outline.
    """

    center_mm: Point
    diameter_mm: float
    source: str
    num_readers: int | None = None
    relevant: bool = True
    long_axis_mm: float | None = None
    short_axis_mm: float | None = None
    volume_mm3: float | None = None
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class TruthMask:
    """A reference segmentation: the voxels of ``path`` that equal ``value`` (any above 0 when it is None)."""

    name: str
    path: Path
    value: int | None = None


@dataclass(frozen=True, kw_only=True)
class ImagePrint:
    """What an image is recognized by when it comes back under another name (``datasets.prints``).

    Args:
        sha256: of the voxels, whatever file they lie in.
        coarse: its coarse picture; nearly the same after the image was saved in another form.
    """

    sha256: str
    coarse: tuple[float, ...] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One study of one patient with what is known of it.

    Args:
        dataset: name of the data set, as in ``datasets.open_dataset``.
        case_id: the data set's own name of the case; never shown beside a site's patient.
        patient_key: hashed; two cases of one patient share it.
        split: one of ``SPLITS``.
        layout: how the images lie; ``datasets.load_case`` reads them.
        images: files or folders of the images, by role (``CT``, ``T1``, ...); empty where there is only text.
        channels: which channel of its file an image is, by role, where one file holds several.
        uids: study and series UIDs, where there are any; leaks are found by them.
        image_print: None until ``datasets.verify`` has read the images.
        labels: what is true, by class; a class that is not there is not known. CT-RATE's 18 and this project's own
            classes have the keys of ``labeler.KEYS``.
        report: the reference report, None where there is none.
        nodules: None where the data set has no nodule truth, empty where there is none to find.
        uncovered: organs that lie outside the images (words of ``honesty.organs``).
        notes: what the adapter saw and the user should know.
    """

    dataset: str
    case_id: str
    patient_key: str
    split: str = "none"
    layout: Layout = Layout.NIFTI
    images: Mapping[str, Path] = field(default_factory=dict)
    channels: Mapping[str, int] = field(default_factory=dict)
    uids: tuple[str, ...] = ()
    image_print: ImagePrint | None = field(default=None, repr=False)
    labels: Mapping[str, bool] = field(default_factory=dict)
    report: str | None = field(default=None, repr=False)
    language: str = "en"
    masks: tuple[TruthMask, ...] = ()
    nodules: tuple[TrueNodule, ...] | None = None
    strata: Strata = Strata()
    uncovered: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise InvalidValueError(f"expected a split of {SPLITS}, found {self.split!r}")
        if not (self.dataset and self.case_id and self.patient_key):
            raise InvalidValueError("a case needs its data set, its name and a patient key")


@dataclass(frozen=True, kw_only=True)
class Excluded:
    """Something that was found and not used.

    Args:
        what: the kind, in words that can be counted: ``report without images``, ``unreadable volume``, ...
        where: file or row, relative to the data set's folder; never a patient's name.
        why: what was expected and what was found.
    """

    what: str
    where: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the machine under test said of one case.

    Args:
        text: its report, None where it only scores.
        probabilities: by class of ``Case.labels``.
        findings: what it measured, where it measures.
        seconds: how long it took.
        failed: why there is no result; everything else is empty then.
    """

    case_id: str
    text: str | None = field(default=None, repr=False)
    language: str = "en"
    probabilities: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    seconds: float | None = None
    failed: str | None = None


@dataclass(frozen=True, kw_only=True)
class Score:
    """One figure with its interval.

    Args:
        name: e.g. ``findings/macro_f1``; unique together with ``subgroup``.
        low, high: 95 % interval over resampled patients, NaN where there is none.
        n: cases behind it.
        unit: ``1`` for shares and coefficients.
        subgroup: ``all`` or ``STRATUM=GROUP``, e.g. ``sex=F``.
        source: definition and where it comes from, in a few words.
        chance: what a writer of the same prevalence gets who does not look at the patient, None where it has no
            meaning.
        always_normal: what a writer gets who calls everything normal.
        num_patients: patients behind it, None where not known.
    """

    name: str
    value: float
    n: int
    better: Better
    source: str
    low: float = math.nan
    high: float = math.nan
    unit: str = "1"
    subgroup: str = "all"
    chance: float | None = None
    always_normal: float | None = None
    num_patients: int | None = None

    @property
    def is_beyond_chance(self) -> bool | None:
        """Whether the interval leaves out chance on the better side; None where there is nothing to compare."""
        if self.chance is None or math.isnan(self.low) or math.isnan(self.chance):
            return None
        return self.low > self.chance if self.better is Better.HIGHER else self.high < self.chance


@dataclass(frozen=True, kw_only=True)
class Flag:
    """Something that makes the scores doubtful.

    Args:
        name: short and stable, e.g. ``copied_from_training``.
        evidence: the numbers behind it, in words.
        cases: names of some cases that show it.
    """

    name: str
    severity: Severity
    evidence: str
    cases: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """A case chosen for the failure gallery, and why."""

    case_id: str
    reason: str
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class HonestyReport:
    """What ``honesty.examine`` found.

    Args:
        scores: missed and invented actionable findings per 100 reports first, then the rest, then subgroups with the
            worst group first.
        flags: critical ones first; empty when nothing is wrong.
        gallery: failures to look at, worst first.
        not_tested: checks that could not be made, and why.
    """

    scores: tuple[Score, ...]
    flags: tuple[Flag, ...]
    gallery: tuple[Gallery, ...] = ()
    not_tested: tuple[str, ...] = ()

    def flag(self, name: str) -> Flag | None:
        """The flag of that name, None when it was not raised."""
        return next((f for f in self.flags if f.name == name), None)


def age_band(years: float | None) -> str:
    """``18-39``, ``80+``, ``under 18`` or ``unknown``."""
    if years is None:
        return "unknown"
    if years < AGE_BANDS[0]:
        return f"under {AGE_BANDS[0]}"
    lower = max(a for a in AGE_BANDS if a <= years)
    upper = min((a for a in AGE_BANDS if a > years), default=None)
    return f"{lower}+" if upper is None else f"{lower}-{upper - 1}"


def _band(value: float | None, edges: tuple[float, float], unit: str) -> str:
    if value is None:
        return "unknown"
    low, high = edges
    if value < low:
        return f"under {low:g} {unit}"
    return f"{low:g} to {high:g} {unit}" if value <= high else f"over {high:g} {unit}"
