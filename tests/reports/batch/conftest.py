"""One small export and its undisturbed run, for all tests of whole runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reports.batch.cases import make_small, read_here
from tomoscribe.reports.batch import BatchResult


@pytest.fixture(scope="package")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("batch") / "export"
    make_small(folder)
    return folder


@pytest.fixture(scope="package")
def reference(export: Path, tmp_path_factory: pytest.TempPathFactory) -> BatchResult:
    """An undisturbed run in this process."""
    return read_here(export, tmp_path_factory.mktemp("reference") / "out")
