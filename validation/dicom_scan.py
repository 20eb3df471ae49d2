"""How fast a folder of many DICOM files is scanned, beside pydicom's own walk and DCMTK's tools.

``python -m tomoscribe.validation.dicom_scan [--files 20000] [--folder DIR] [--runs 3]`` writes the files (headers of
some 100 elements, pixels as holes in the file, so that 20,000 of them take 160 MB), reads them once to warm the disk's
cache, and prints wall-clock and processor time of each contender, every one in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tomoscribe.core.uids import derive_uid
from tomoscribe.validation.hostile import CT, UNDEFINED, element, file_head, item, uid

SLICES = 200
SERIES_OF_A_STUDY = 5
_PIXEL_BYTES = 512 * 512 * 2
_OURS = """
import os, sys, time
from pathlib import Path
from tomoscribe.encoders.dicom import scan
from tomoscribe.encoders.dicom.guarded import header_guard
started = header_guard().start()
before = time.perf_counter()
studies = scan(Path(sys.argv[1]))
print(time.perf_counter() - before, sum(len(s.files) for study in studies for s in study.series), started)
"""
_PYDICOM = """
import os, sys, time
import pydicom
before, count = time.perf_counter(), 0
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        count += "SeriesInstanceUID" in pydicom.dcmread(os.path.join(folder, name), stop_before_pixels=True)
print(time.perf_counter() - before, count)
"""
_DCMTK = {
    "DCMTK dcmftest (file meta only)": "find {folder} -type f -print0 | xargs -0 -n 500 dcmftest",
    "DCMTK dcmdump of the series UID": "dcmdump +sd +r -q +P 0020,000e {folder}",
}
_WORDS = (
    (0x00080005, "CS", "ISO_IR 100"), (0x00080008, "CS", "ORIGINAL\\PRIMARY\\AXIAL"), (0x00080020, "DA", "20240506"),
    (0x00080021, "DA", "20240506"), (0x00080022, "DA", "20240506"), (0x00080023, "DA", "20240506"),
    (0x00080030, "TM", "101500"), (0x00080031, "TM", "101510"), (0x00080032, "TM", "101520"),
    (0x00080033, "TM", "101530"), (0x00080050, "SH", "A1234567"), (0x00080060, "CS", "CT"),
    (0x00080070, "LO", "GENERATED"), (0x00080080, "LO", "NOBODY'S HOSPITAL"), (0x00080090, "PN", "DOCTOR^NO"),
    (0x00081010, "SH", "STATION1"), (0x00081030, "LO", "CHEST"), (0x0008103E, "LO", "AXIAL 1.25"),
    (0x00081090, "LO", "SCANNER 64"),
)  # fmt: skip
_ACQUISITION = (
    (0x00180015, "CS", "CHEST"), (0x00180022, "CS", "HELICAL MODE"), (0x00180050, "DS", "1.25"),
    (0x00180060, "DS", "120"), (0x00180090, "DS", "500"), (0x00181020, "LO", "SW 1.0"), (0x00181030, "LO", "PROTOCOL"),
    (0x00181100, "DS", "360"), (0x00181110, "DS", "949.1"), (0x00181111, "DS", "541.0"), (0x00181120, "DS", "0"),
    (0x00181130, "DS", "150"), (0x00181140, "CS", "CW"), (0x00181150, "IS", "500"), (0x00181151, "IS", "300"),
    (0x00181152, "IS", "150"), (0x00181160, "SH", "BODY FILTER"), (0x00181170, "IS", "36000"),
    (0x00181190, "DS", "0.7"), (0x00181210, "SH", "STANDARD"), (0x00185100, "CS", "HFS"),
)  # fmt: skip
_DISPLAY = (
    (0x00281050, "DS", "40"), (0x00281051, "DS", "400"), (0x00281052, "DS", "-1024"), (0x00281053, "DS", "1"),
    (0x00281054, "LO", "HU"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Result:
    """One run of one contender; ``cpu_s`` is the processor time of all its processes, imports included."""

    name: str
    num_files: int
    wall_s: float
    cpu_s: float


def generate(folder: Path, num_files: int) -> None:
    """CT series of 200 slices each, five to a study, one study to a patient."""
    for number in range(0, num_files, SLICES):
        series = number // SLICES
        place = folder / f"study{series // SERIES_OF_A_STUDY:04d}" / f"series{series:04d}"
        place.mkdir(parents=True)
        for k in range(min(SLICES, num_files - number)):
            path = place / f"IM{k:05d}"
            content = _header(series, k)
            with path.open("wb") as out:
                out.write(content)
                out.truncate(len(content) + _PIXEL_BYTES)
            an_hour_ago = time.time() - 3600
            os.utime(path, (an_hour_ago, an_hour_ago))


def _header(series: int, k: int) -> bytes:
    study = series // SERIES_OF_A_STUDY
    instance = derive_uid("scan", str(series), str(k))
    uids = ((0x00080016, CT), (0x00080018, instance))
    patient = (
        (0x00100010, "PN", f"PATIENT^{study}"), (0x00100020, "LO", f"ID{study:06d}"), (0x00100030, "DA", "19600708"),
        (0x00100040, "CS", "F"), (0x00101010, "AS", "063Y"), (0x00101030, "DS", "70"),
    )  # fmt: skip
    image = (
        (0x0020000D, "UI", derive_uid("study", str(study))), (0x0020000E, "UI", derive_uid("series", str(series))),
        (0x00200010, "SH", "1"), (0x00200011, "IS", str(series % SERIES_OF_A_STUDY + 1)), (0x00200012, "IS", "1"),
        (0x00200013, "IS", str(k + 1)), (0x00200032, "DS", f"-180.0\\-180.0\\{k * 1.25 - 120:.2f}"),
        (0x00200037, "DS", "1\\0\\0\\0\\1\\0"), (0x00200052, "UI", derive_uid("frame", str(study))),
        (0x00201041, "DS", f"{k * 1.25 - 120:.2f}"),
    )  # fmt: skip
    code = item(_text(0x00080100, "SH", "CTCHEST") + _text(0x00080102, "SH", "99LOCAL") + _text(0x00080104, "LO", "CT"))
    elements = {
        **{tag: element(tag, "UI", uid(value)) for tag, value in uids},
        **{t: _text(t, vr, value) for t, vr, value in (*_WORDS, *patient, *_ACQUISITION, *image, *_DISPLAY)},
        0x00081032: element(0x00081032, "SQ", code + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0), UNDEFINED),
        0x00090010: _text(0x00090010, "LO", "MAKER 01"),
        0x00431010: element(0x00431010, "OB", bytes(512)),
        0x00430010: _text(0x00430010, "LO", "MAKER 02"),
        **{t: _text(t, "SH", f"PRIVATE{t & 0xFF}") for t in range(0x00091000, 0x00091014)},
        **dict(_pixel_description()),
    }
    in_order = b"".join(elements[tag] for tag in sorted(elements))
    return file_head() + in_order + element(0x7FE00010, "OW", b"", _PIXEL_BYTES)


def _pixel_description() -> Iterator[tuple[int, bytes]]:
    numbers = {
        0x00280002: 1, 0x00280010: 512, 0x00280011: 512, 0x00280100: 16, 0x00280101: 12, 0x00280102: 11, 0x00280103: 0,
    }  # fmt: skip
    for tag, value in numbers.items():
        yield tag, element(tag, "US", struct.pack("<H", value))
    yield 0x00280004, _text(0x00280004, "CS", "MONOCHROME2")
    yield 0x00280030, _text(0x00280030, "DS", "0.703125\\0.703125")


def _text(tag: int, vr: str, value: str) -> bytes:
    padding = "\0" if vr == "UI" else " "
    return element(tag, vr, (value + padding * (len(value) % 2)).encode())


def run(name: str, command: list[str], environment: dict[str, str], num_files: int) -> Result:
    """One contender in its own process; one that prints seconds and a count is believed, others are timed from here."""
    before, cpu_before = time.perf_counter(), _children_cpu_s()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - before
    if done.returncode > 1:
        raise SystemExit(f"{name} failed: {done.stderr[-500:]}")
    words = done.stdout.split()
    if command[0] == sys.executable:
        wall, num_files = float(words[0]), int(words[1])
    return Result(name=name, num_files=num_files, wall_s=wall, cpu_s=_children_cpu_s() - cpu_before)


def _children_cpu_s() -> float:
    times = os.times()
    return times.children_user + times.children_system


def compare(folder: Path, num_files: int, runs: int) -> Iterator[Result]:
    """Every contender, turn by turn; ours with an empty index and then with the one that this left."""
    for _ in range(runs):
        yield run("pydicom's own walk", [sys.executable, "-c", _PYDICOM, str(folder)], dict(os.environ), num_files)
        for name, line in _DCMTK.items():
            if shutil.which(line.split()[0] if "xargs" not in line else "dcmftest"):
                command = ["sh", "-c", line.format(folder=folder) + " >/dev/null 2>&1"]
                yield run(name, command, dict(os.environ), num_files)
        with tempfile.TemporaryDirectory() as cache:
            environment = {**os.environ, "TOMOSCRIBE_CACHE": cache}
            for name in ("first scan", "second scan"):
                yield run(name, [sys.executable, "-c", _OURS, str(folder)], environment, num_files)


def main() -> None:
    """The table, best of the runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the files are written, or already are")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tomoscribe-scan-") as temporary:
        folder = options.folder or Path(temporary) / "export"
        if not folder.exists():
            generate(folder, options.files)
        subprocess.run([sys.executable, "-c", _PYDICOM, str(folder)], check=True, capture_output=True)
        best: dict[str, Result] = {}
        for result in compare(folder, options.files, options.runs):
            print(f"{result.name}: {result.wall_s:.2f} s wall, {result.cpu_s:.2f} s processor", flush=True)
            if result.name not in best or result.wall_s < best[result.name].wall_s:
                best[result.name] = result
    print("\n".join(table(best)))


def table(best: dict[str, Result]) -> list[str]:
    """Markdown, slowest first."""
    lines = ["| | files | wall s | files/s | processor s |", "|---|---|---|---|---|"]
    for one in sorted(best.values(), key=lambda r: -r.wall_s):
        rate = one.num_files / one.wall_s
        lines.append(f"| {one.name} | {one.num_files} | {one.wall_s:.2f} | {rate:.0f} | {one.cpu_s:.2f} |")
    if "second scan" in best:
        ratio = best["first scan"].wall_s / best["second scan"].wall_s
        lines.append(f"\nsecond scan {ratio:.1f} times as fast as the first")
    return lines


if __name__ == "__main__":
    main()
