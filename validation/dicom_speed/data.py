"""The series of the trial: one scan as it is, its copies in other transfer syntaxes, and a long generated one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tomoscribe.core import Acquisition, Geometry, SeriesRef, Volume
from tomoscribe.core.errors import InputError
from tomoscribe.core.uids import derive_uid
from tomoscribe.encoders.dicom import SyntheticIdentity, scan, write_series
from tomoscribe.validation.peers.recode import recode, syntax_of

EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
COPIES = {"uncompressed": None, "JPEG 2000": "1.2.840.10008.1.2.4.90", "RLE": "1.2.840.10008.1.2.5"}
LONG_SHAPE = (600, 512, 512)
QUICK_SHAPE = (12, 64, 96)
WARM_SLICES = 5


@dataclass(frozen=True, kw_only=True)
class TrialSeries:
    """A series in one transfer syntax.

    Args:
        folder: holds the series and nothing else.
        warm: holds a few neighboring slices of it.
    """

    name: str
    folder: Path
    warm: Path
    shape: tuple[int, int, int]
    is_compressed: bool

    @property
    def volume_bytes(self) -> int:
        """The volume as int16."""
        return 2 * int(np.prod(self.shape))


def scan_and_copies(source: Path, work: Path) -> list[TrialSeries]:
    """The one CT or MR series below ``source`` as it is, and its lossless copies; errors are those of ``as_it_is``."""
    plain = as_it_is(source, work)
    rows = [plain]
    for n, (words, uid) in enumerate(COPIES.items()):
        folder = work / f"copy-{n}"
        recode(plain.folder.iterdir(), folder, uid)
        rows.append(_series(f"{source.name}, {words}", folder, plain.shape, uid is not None))
    return rows


def as_it_is(source: Path, work: Path) -> TrialSeries:
    """The one CT or MR series below ``source``, its files copied as they are.

    Raises:
        InputError: not exactly one readable series.
    """
    readable = [s for study in scan(source) for s in study.readable]
    if len(readable) != 1 or readable[0].shape is None:
        raise InputError(
            f"expected a folder with one series that can be read, found {len(readable)}",
            where=source.name,
            remedy="name the folder of one series with --scan",
        )
    plain = work / "as-it-is"
    plain.mkdir(parents=True)
    for n, path in enumerate(readable[0].files):
        shutil.copyfile(path, plain / f"{n:05d}.dcm")
    syntax, is_compressed = syntax_of(plain / "00000.dcm")
    return _series(f"{source.name}, as it is ({syntax})", plain, readable[0].shape, is_compressed)


def _series(name: str, folder: Path, shape: tuple[int, int, int], is_compressed: bool) -> TrialSeries:
    """With a folder of its first slices beside it; file names are in the order of the slices."""
    warm = folder.with_name(f"{folder.name}-warm")
    warm.mkdir()
    for path in sorted(folder.iterdir())[:WARM_SLICES]:
        shutil.copyfile(path, warm / path.name)
    return TrialSeries(name=name, folder=folder, warm=warm, shape=shape, is_compressed=is_compressed)


def generated(work: Path, shape: tuple[int, int, int] = LONG_SHAPE) -> TrialSeries:
    """A generated uncompressed CT: a graded cylinder in air with noise, the same noise in every slice but shifted."""
    depth, height, width = shape
    j, i = np.indices((height, width))
    inside = (j - height / 2) ** 2 + (i - width / 2) ** 2 < (0.45 * width) ** 2
    noise = np.random.default_rng(0).normal(0, 20, (height, width))
    array = np.empty(shape, np.int16)
    for k in range(depth):
        array[k] = np.where(inside, 40 + 100 * k / depth, -1000) + np.roll(noise, 17 * k)
    np.clip(array, -1024, 3071, out=array)
    geometry = Geometry.from_parts(
        spacing_mm=(1.0, 0.7, 0.7),
        origin_mm=(-180.0, -180.0, -300.0),
        shape=shape,
        frame_of_reference_uid=derive_uid("speed", "frame"),
    )
    volume = Volume(
        array=array,
        geometry=geometry,
        modality="CT",
        value_unit="hu",
        series=SeriesRef(
            study_uid=derive_uid("speed", "study"),
            series_uid=derive_uid("speed", "series"),
            series_number=1,
            description="generated",
            instance_uids=(),
            instance_numbers=(),
        ),
        acquisition=Acquisition(kvp=120.0, kernel="B30f"),
    )
    folder = work / "generated"
    identity = SyntheticIdentity(patient_id="SPEED-1", patient_name="PHANTOM^SPEED", study_date="2024-05-06")
    write_series(volume, folder, identity=identity, transfer_syntax=EXPLICIT_LITTLE)
    return _series(f"generated, {depth} slices, uncompressed", folder, shape, False)
