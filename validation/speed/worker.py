"""One study read from files to results in a process of its own: ``python -m ... worker FOLDER RESULT``.

The result is a JSON file with the seconds of each stage and the peak memory. A process for each study is what a user
has who calls ``tomoscribe read``; imports and loading of networks are part of it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tomoscribe.validation.dicom_speed.memory import peak_bytes


class Clock:
    """Seconds of each stage, in the order in which they ran."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start


def measure(folder: Path) -> dict[str, object]:
    """Reads the study of a folder and writes its results into a folder that is thrown away."""
    clock = Clock()
    with clock.stage("imports"):
        import torch  # noqa: F401
        import transformers  # noqa: F401

        from tomoscribe.encoders.dicom import read_headers, scan
        from tomoscribe.reports.export import write_results
        from tomoscribe.reports.reader import StudyReader
    with clock.stage("scan"):
        study = scan(folder)[0]
    reader = StudyReader(device="cpu")
    reading = reader.read(study)
    clock.seconds |= dict(reading.report.provenance.timing.seconds)
    with clock.stage("export"), tempfile.TemporaryDirectory(prefix="tomoscribe-speed-") as out:
        volumes = reader.volumes(study)
        refs = [v.series for v in volumes.values()]
        headers = {s.series_uid: read_headers(s) for s in study.series if any(s.is_source_of(r) for r in refs)}
        write_results(reading, volumes, headers, Path(out) / "results")
    return {"seconds": clock.seconds, "peak_bytes": peak_bytes(os.getpid())}


def main() -> None:
    """Measures and writes down."""
    folder, result = (Path(word) for word in sys.argv[1:3])
    result.write_text(json.dumps(measure(folder)))


if __name__ == "__main__":
    main()
