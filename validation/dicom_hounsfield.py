"""How well the Hounsfield check tells good CT values from wrong ones: random crops of good scans, and spoilt ones.

``python -m tomoscribe.validation.dicom_hounsfield SCAN ... [--crops 500] [--seed 1] [--spoil 100]``. A scan is a folder
of DICOM or a NIfTI or NRRD file in Hounsfield units. A good crop that is refused is named; of spoilt ones it is counted
how many are refused, how many the check says nothing of, and how many pass as Hounsfield units.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tomoscribe.core import Verdict
from tomoscribe.encoders.dicom import load_volume, scan
from tomoscribe.encoders.dicom.hounsfield import HounsfieldState, State, hounsfield_state

SIZES = ((4, 512, 512), (2, 256, 256), (24, 192, 192), (48, 96, 96), (24, 64, 64), (16, 32, 32), (8, 16, 16))
"""(k, j, i) voxels of a crop; less where the scan ends."""
SPOILT = {
    "rescaled twice (-1024)": (1.0, -1024.0),
    "rescaled twice (-1000)": (1.0, -1000.0),
    "never rescaled (+1024)": (1.0, 1024.0),
    "never rescaled (+1000)": (1.0, 1000.0),
    "intercept +500": (1.0, 500.0),
    "intercept -500": (1.0, -500.0),
    "intercept +200": (1.0, 200.0),
    "intercept -200": (1.0, -200.0),
    "slope 1/2": (0.5, -512.0),
    "slope 2": (2.0, 1024.0),
}
"""Name, and HU -> wrong value as factor and offset."""


@dataclass(frozen=True, kw_only=True)
class Crop:
    """Part of a good scan, HU (k, j, i), and where it was cut out."""

    scan: str
    size: tuple[int, int, int]
    corner: tuple[int, int, int]
    array: NDArray[Any]

    def __str__(self) -> str:
        return f"{self.scan}, {' x '.join(map(str, self.array.shape))} at {self.corner}"


@dataclass(kw_only=True)
class Tally:
    """What was said of the crops: a count by way they were spoilt, size and answer; and the good ones refused."""

    counts: Counter[tuple[str, tuple[int, int, int], str]] = field(default_factory=Counter)
    false_refusals: list[str] = field(default_factory=list)

    def add(self, crop: Crop, way: str, found: HounsfieldState) -> None:
        """Counts one answer."""
        answer = "refused" if found.is_wrong else "cannot tell" if found.state is State.UNKNOWN else "HU"
        self.counts[way, crop.size, answer] += 1
        if way == "good" and found.is_wrong:
            self.false_refusals.append(f"{crop}: {found.state}: {found.evidence}")

    def lines(self) -> list[str]:
        """Markdown: one row for each way, in all and by size as refused / cannot tell / passed as HU."""
        sizes = list(dict.fromkeys(size for _, size, _ in self.counts))
        heads = ["crops", "refused", "cannot tell", "HU", *(" x ".join(map(str, s)) for s in sizes)]
        lines = [f"| values | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
        for way in dict.fromkeys(way for way, _, _ in self.counts):
            by_size = [[self.counts[way, s, a] for a in ("refused", "cannot tell", "HU")] for s in sizes]
            total = [sum(column) for column in zip(*by_size, strict=True)]
            cells = [sum(total), *total, *(" / ".join(map(str, row)) for row in by_size)]
            lines.append(f"| {way} | {' | '.join(map(str, cells))} |")
        return [*lines, "", f"{len(self.false_refusals)} good crops refused", *self.false_refusals]


def arrays_in(path: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    """Name and HU (k, j, i) of each CT volume at a path; of DICOM those that are accepted as they are."""
    if path.is_file():
        import SimpleITK as sitk

        yield path.name, sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        return
    for study in scan(path):
        for series in study.series:
            if series.modality == "CT" and series.verdict is Verdict.ACCEPTED and series.value_unit == "hu":
                yield f"{path.name} {series.number}", load_volume(study, series).array


def crops(name: str, array: NDArray[Any], count: int, rng: np.random.Generator) -> Iterator[Crop]:
    """Crops of each size in turn at random places."""
    for n in range(count):
        size = SIZES[n % len(SIZES)]
        inside = [min(wanted, there) for wanted, there in zip(size, array.shape, strict=True)]
        corner = [int(rng.integers(0, there - some + 1)) for there, some in zip(array.shape, inside, strict=True)]
        cut = array[tuple(slice(at, at + some) for at, some in zip(corner, inside, strict=True))]
        yield Crop(scan=name, size=size, corner=(corner[0], corner[1], corner[2]), array=cut)


def run(scans: Sequence[Path], num_crops: int, seed: int, num_spoilt: int) -> Tally:
    """Asks for the state of ``num_crops`` crops spread over the scans, and of the first ones of each spoilt."""
    rng, tally = np.random.default_rng(seed), Tally()
    volumes = [volume for path in scans for volume in arrays_in(path)]
    share = -(-num_crops // len(volumes))
    for name, array in volumes:
        for n, crop in enumerate(crops(name, array, share, rng)):
            tally.add(crop, "good", hounsfield_state(crop.array))
            if n >= num_spoilt // len(volumes):
                continue
            for way, (factor, offset) in SPOILT.items():
                tally.add(crop, way, hounsfield_state(crop.array * factor + offset))
    return tally


def main() -> None:
    """Prints the table; the exit code is 1 where a good crop was refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scans", type=Path, nargs="+")
    parser.add_argument("--crops", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--spoil", type=int, default=100)
    options = parser.parse_args()
    tally = run(options.scans, options.crops, options.seed, options.spoil)
    print("\n".join(tally.lines()))
    raise SystemExit(bool(tally.false_refusals))


if __name__ == "__main__":
    main()
