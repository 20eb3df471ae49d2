"""De-identification of real files: the own reader says of the copies what it says of the originals."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from tests.encoders.identified import found_in, uids_of
from tomoscribe.core import Study
from tomoscribe.core.errors import TomoscribeError
from tomoscribe.encoders.dicom import load_volume, scan
from tomoscribe.encoders.dicom.deidentify import Option, SecretKey, deidentify

KEY = SecretKey(secret=b"a key that is only for tests")
GONE = ("Secondary Capture", "modality NM", "modality XA", "modality US")
"""Words of the reasons for which the reader refuses what de-identification leaves behind."""


def verdicts(studies: tuple[Study, ...]) -> list[tuple]:
    """What the gate says of each series, without UIDs; series of pictures with presumed text left out."""
    found = [
        (s.modality, len(s.files), s.verdict.value, s.shape or (), s.reason or "")
        for study in studies
        for s in study.series
        if not any(words in (s.reason or "") for words in GONE)
    ]
    return sorted(found)


def volumes(studies: tuple[Study, ...]) -> set[tuple]:
    """Hashes of voxels and grid of every series that can be read."""
    found = set()
    for study in studies:
        for series in study.readable:
            try:
                volume = load_volume(study, series)
            except TomoscribeError as error:
                found.add((series.modality, error.what))
                continue
            grid = np.round(volume.geometry.affine, 6).tobytes()
            found.add((hashlib.sha256(volume.array.tobytes()).hexdigest(), hashlib.sha256(grid).hexdigest()))
    return found


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("folder", ["dicom_odd/dcm_qa_ct", "dicom_odd/dcm_qa_decubitus", "dicom_odd/dcm_qa_enh",
                                    "dicom_odd/wg04", "dicom_odd/dcmqi", "chest_more/lungdx_A0001"])  # fmt: skip
def test_verdicts_voxels_and_grids_stay(shared_data: Path, tmp_path: Path, folder: str) -> None:
    source = shared_data / folder
    options = [Option.MODIFIED_DATES, Option.CLEAN_DESCRIPTORS, Option.SAFE_PRIVATE, Option.DEVICE_IDENTITY]
    report = deidentify(source, tmp_path / "out", key=KEY, options=options)
    assert not [r.reason for r in report.dropped if "cannot be cleaned" in (r.reason or "")]
    before, after = scan(source), scan(tmp_path / "out")
    assert verdicts(after) == verdicts(before)
    assert volumes(after) == volumes(before)
    words = uids_of(source)
    for file in (tmp_path / "out").rglob("*.dcm"):
        assert found_in(file.read_bytes(), words) == set()
