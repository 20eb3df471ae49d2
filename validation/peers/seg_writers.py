"""Time and bytes of a SEG of 20 organs in 400 slices of 512 x 512: ours, highdicom used plainly, dcmqi, an NRRD.

``python -m tomoscribe.validation.peers.seg_writers [--slices N] [--repeats N]``: prints a Markdown table. Processor
seconds of building and saving in one run, the writers in turn, the least of the repeats; dcmqi (an own process) reads
the source images from disk, which the others have as headers in memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tomoscribe.core import Acquisition, Algorithm, Geometry, LabelMap, Segment, SeriesRef, Volume, terms

ORGANS = 20
ROWS = 512


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is written: a label map, the headers of its source images, the folder with their files."""

    label_map: LabelMap
    headers: list[Any]
    images: Path


def main() -> None:
    """Runs the trial."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--slices", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tomoscribe-seg-") as work:
        task = make_task(options.slices, Path(work) / "images")
        print("\n".join(table(task, Path(work), options.repeats)))


def runs(task: Task, work: Path, repeats: int) -> dict[str, list[tuple[float, float, int]]]:
    """Processor seconds, wall seconds and bytes of each writer, turn by turn; all write in each turn."""
    writers = {
        "ours, BINARY": lambda p: _ours(task, p, "BINARY"),
        "highdicom, BINARY": lambda p: _highdicom(task, p, "BINARY"),
        "ours, LABELMAP": lambda p: _ours(task, p, "LABELMAP"),
        "highdicom, LABELMAP": lambda p: _highdicom(task, p, "LABELMAP"),
        "SimpleITK, NRRD (compressed, no DICOM)": lambda p: _nrrd(task, p),
    }
    if shutil.which("itkimage2segimage"):
        writers["dcmqi, BINARY"] = lambda p: _dcmqi(task, p)
    done: dict[str, list[tuple[float, float, int]]] = {name: [] for name in writers}
    for _ in range(repeats):
        for name, write in writers.items():
            done[name].append(_measured(write, work / "out"))
    return done


def table(task: Task, work: Path, repeats: int) -> list[str]:
    """The lines of the table."""
    best = {name: min(measured) for name, measured in runs(task, work, repeats).items()}
    lines = ["| writer | processor, s | wall, s | bytes | beside highdicom of its kind |", "|---|---|---|---|---|"]
    for name, (cpu_s, wall_s, size) in best.items():
        peer = "highdicom, LABELMAP" if "LABELMAP" in name else "highdicom, BINARY"
        ratio = f"{cpu_s / best[peer][0]:.2f} x time, {size / best[peer][2]:.3f} x bytes"
        lines.append(f"| {name} | {cpu_s:.2f} | {wall_s:.2f} | {size:,} | {ratio} |")
    return lines


def make_task(num_slices: int, folder: Path) -> Task:
    """Ellipsoids that overlap nowhere, drawn one over the other, in a generated series."""
    import pydicom

    from tomoscribe.encoders.dicom import SyntheticIdentity, write_series

    shape = (num_slices, ROWS, ROWS)
    geometry = Geometry.from_parts(
        spacing_mm=(1.0, 0.7, 0.7), origin_mm=(0.0, 0.0, 0.0), shape=shape, frame_of_reference_uid="1.2.3.4"
    )
    array = np.zeros(shape, np.uint8)
    random = np.random.default_rng(0)
    for number in range(1, ORGANS + 1):
        center, radius = random.uniform(0.3, 0.7, 3) * shape, random.uniform(0.06, 0.18, 3) * shape
        low = np.maximum((center - radius).astype(int), 0)
        high = np.minimum((center + radius).astype(int) + 1, shape)
        k, j, i = np.ogrid[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        inside = sum(((n - c) / r) ** 2 for n, c, r in zip((k, j, i), center, radius, strict=True)) <= 1
        array[low[0] : high[0], low[1] : high[1], low[2] : high[2]][inside] = number
    series = SeriesRef(
        study_uid="1.2.3.1",
        series_uid="1.2.3.2",
        series_number=1,
        description="generated",
        instance_uids=tuple(f"1.2.3.5.{k + 1}" for k in range(num_slices)),
        instance_numbers=tuple(range(1, num_slices + 1)),
    )
    volume = Volume(
        array=np.zeros(shape, np.int16), geometry=geometry, modality="CT", value_unit="hu", series=series,
        acquisition=Acquisition(slice_thickness_mm=1.0),
    )  # fmt: skip
    identity = SyntheticIdentity(
        patient_id="SEG-TRIAL", patient_name="TRIAL^SEG", study_date="2031-05-04", birth_date="1970-01-02", sex="F",
        age_years=61, study_description="trial", accession_number="1", issuer_of_patient_id="TRIAL",
    )  # fmt: skip
    files = write_series(volume, folder, identity=identity, transfer_syntax=pydicom.uid.ExplicitVRLittleEndian)
    segments = tuple(
        Segment(number=n, name=f"organ_{n}", category=terms.ANATOMICAL_STRUCTURE, type=terms.LUNG)
        for n in range(1, ORGANS + 1)
    )
    label_map = LabelMap(
        name="anatomy", array=array, geometry=geometry, segments=segments,
        algorithm=Algorithm(name="trial", version="1"), series_uid=series.series_uid,
    )  # fmt: skip
    headers = [pydicom.dcmread(f, stop_before_pixels=True) for f in files]
    return Task(label_map=label_map, headers=headers, images=folder)


def _measured(write: Callable[[Path], None], path: Path) -> tuple[float, float, int]:
    """Processor and wall seconds, children included, and the size of what was written."""
    path.unlink(missing_ok=True)
    children, cpu, wall = _children_s(), time.process_time(), time.perf_counter()
    write(path)
    used = time.process_time() - cpu + _children_s() - children
    return used, time.perf_counter() - wall, path.stat().st_size


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _ours(task: Task, path: Path, kind: str) -> None:
    from tomoscribe.reports.export.seg import SegKind, build_seg
    from tomoscribe.reports.export.source_grid import source_grid

    seg = build_seg(task.label_map, source_grid(task.headers), {}, "0", SegKind(kind))
    seg.save_as(path, enforce_file_format=True)


def _highdicom(task: Task, path: Path, kind: str) -> None:
    import highdicom
    from pydicom.sr.codedict import codes

    descriptions = [
        highdicom.seg.SegmentDescription(
            segment_number=n, segment_label=f"organ_{n}", segmented_property_category=codes.SCT.AnatomicalStructure,
            segmented_property_type=codes.SCT.Lung, algorithm_type="MANUAL",
        )
        for n in range(1, ORGANS + 1)
    ]  # fmt: skip
    highdicom.seg.Segmentation(
        source_images=task.headers, pixel_array=task.label_map.array, segmentation_type=kind,
        segment_descriptions=descriptions, series_instance_uid=highdicom.UID(), series_number=1,
        sop_instance_uid=highdicom.UID(), instance_number=1, manufacturer="trial", manufacturer_model_name="trial",
        software_versions="1", device_serial_number="1",
    ).save_as(path)  # fmt: skip


def _image(task: Task) -> Any:
    import SimpleITK

    image = SimpleITK.GetImageFromArray(task.label_map.array)
    spacing = task.label_map.geometry.spacing_mm
    image.SetSpacing(tuple(float(s) for s in reversed(spacing)))
    image.SetOrigin(tuple(float(v) for v in task.label_map.geometry.origin_mm))
    return image


def _nrrd(task: Task, path: Path) -> None:
    import SimpleITK

    target = path.with_suffix(".nrrd")
    SimpleITK.WriteImage(_image(task), str(target), useCompression=True)
    target.rename(path)


def _dcmqi(task: Task, path: Path) -> None:
    """Times include writing the label image that dcmqi takes."""
    labels, facts = path.with_suffix(".nrrd"), path.with_suffix(".json")
    _nrrd(task, labels.with_suffix(".tmp"))
    labels.with_suffix(".tmp").rename(labels)

    def code(value: str, meaning: str) -> dict[str, str]:
        return {"CodeValue": value, "CodingSchemeDesignator": "SCT", "CodeMeaning": meaning}

    segments = [
        {
            "labelID": n, "SegmentDescription": f"organ_{n}", "SegmentLabel": f"organ_{n}",
            "SegmentAlgorithmType": "MANUAL",
            "SegmentedPropertyCategoryCodeSequence": code("91723000", "Anatomical Structure"),
            "SegmentedPropertyTypeCodeSequence": code("39607008", "Lung"),
        }
        for n in range(1, ORGANS + 1)
    ]  # fmt: skip
    facts.write_text(json.dumps({"SeriesDescription": "trial", "SeriesNumber": "1", "InstanceNumber": "1",
                                 "ContentCreatorName": "trial", "segmentAttributes": [segments]}))  # fmt: skip
    subprocess.run(
        ["itkimage2segimage", "--inputImageList", str(labels), "--inputDICOMDirectory", str(task.images),
         "--inputMetadata", str(facts), "--outputDICOM", str(path), "--skip"],
        check=True, capture_output=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
