"""Fixtures shared by all tests."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tomoscribe.core import Reading, Study
    from tomoscribe.reports.reader import StudyReader

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def audit_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The audit store of this test run, so that no test writes into the user's own."""
    folder = tmp_path_factory.mktemp("audit")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOMOSCRIBE_AUDIT", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder of the tests' own: nothing is read from or left in that of the user."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOMOSCRIBE_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real scans beside the checkout; the test is skipped when it is absent."""
    folder = Path(os.environ.get("TOMOSCRIBE_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip("no shared real scans beside the checkout (set TOMOSCRIBE_SHARED)")
    return folder


@dataclass(frozen=True)
class SampleReading:
    """A sample study read once per test session with the shipped weights, and what is true of it."""

    study: Study
    reading: Reading
    reader: StudyReader
    truth: dict[str, Any]


def _read_sample(name: str) -> SampleReading:
    from tomoscribe import sample_data
    from tomoscribe.encoders.dicom import scan
    from tomoscribe.reports.reader import StudyReader

    folder = sample_data.path(name)
    study = scan(folder)[0]
    reader = StudyReader(device="cpu")
    truth = json.loads((folder / "truth.json").read_text())["truth"]
    return SampleReading(study=study, reading=reader.read(study), reader=reader, truth=truth)


@pytest.fixture(scope="session")
def chest_sample() -> SampleReading:
    """The sample chest CT, read."""
    return _read_sample("chest_ct")


@pytest.fixture(scope="session")
def brain_sample() -> SampleReading:
    """The sample brain MR, read."""
    return _read_sample("brain_mr")
