"""The header guard: what it lets through is what pydicom reads, what breaks a limit is refused, and neighbors go on."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pydicom
import pytest
from pydicom.dataset import Dataset

from tomoscribe.core.errors import ConfigError
from tomoscribe.encoders.dicom import load_volume, scan
from tomoscribe.encoders.dicom.guard import Guard, Limits, Want, wire
from tomoscribe.encoders.dicom.guard.dataset import SEQUENCE_TAGS, data_set
from tomoscribe.encoders.dicom.guard.preamble import executable_kind, without_program
from tomoscribe.encoders.dicom.guard.process import BOOTSTRAP
from tomoscribe.encoders.dicom.guarded import HeaderError, read_header
from tomoscribe.encoders.dicom.pixels import pixel_value, read_whole
from tomoscribe.validation import hostile
from tomoscribe.validation.hostile import element, image, item, nested, pixels

TEST_FILES = Path(pydicom.__file__).parent / "data" / "test_files"
ALL = Want()


@pytest.fixture
def guard():
    """A guard of the test's own, with limits as given."""
    made: list[Guard] = []

    def make(children: int = 1, **limits) -> Guard:
        made.append(Guard(Limits(**limits), sequences=SEQUENCE_TAGS, children=children))
        return made[-1]

    yield make
    for one in made:
        one.close()


def answer(guard: Guard, path: Path, want: Want = ALL) -> tuple[int, str]:
    """Status and reason of one file."""
    (found,) = guard.read([path], want)
    return found[0], "" if found[0] == wire.HEADER else found[1:].decode()


def written(path: Path, *args, **kwargs) -> Path:
    path.write_bytes(hostile.file(*args, **kwargs))
    return path


def values(ds: Dataset) -> dict:
    """Every element's VR and value as text, nested; broken ones by the name of their error."""
    out: dict = {}
    for tag in list(ds.keys()):
        try:
            found = ds[tag]
        except Exception as error:  # noqa: BLE001
            out[tag] = type(error).__name__
            continue
        out[tag] = [values(i) for i in found.value] if found.VR == "SQ" else (found.VR, str(found.value))
    return out


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_agrees_with_pydicom_on_every_intact_file_of_its_own_tests(guard):
    broken = {"DICOMDIR-nooffset", "rtplan_truncated.dcm"}
    files = sorted(f for f in TEST_FILES.rglob("*") if f.is_file() and f.name not in broken)
    compared = 0
    for path, found in zip(files, guard().read(files, ALL), strict=True):
        try:
            expected = pydicom.dcmread(path, stop_before_pixels=True)
        except pydicom.errors.InvalidDicomError:
            continue
        expected.pop(0x7FE00010, None)
        assert found[0] == wire.HEADER, (path.name, found[1:])
        ours = data_set(*wire.unpack_header(found))
        assert values(ours) == values(expected), path.name
        assert values(ours.file_meta) == values(expected.file_meta), path.name
        compared += 1
    assert compared > 150


MANY = b"".join(element(0x00091000 + n % 200, "SH", b"ab") for n in range(1_000_000))
HOSTILE = {
    "a million elements": (MANY + image(), "more than 500000 elements"),
    "sequences nested 1,000 deep": (nested(1000, undefined=True) + image(), "nested more than 32 deep"),
    "a sequence of 200,000 items": (
        element(0x00091001, "SQ", item(b"") * 200_000 + hostile.SEQUENCE_END, hostile.UNDEFINED),
        "more than 100000 items",
    ),
    "a value of 20 MiB": (element(0x00091001, "OB", bytes(20 << 20)) + image(), "holds 20971520 bytes"),
    "three values of 15 MiB": (
        b"".join(element(0x00091001 + n, "OB", bytes(15 << 20)) for n in range(3)),
        "holds more than 33554432 bytes",
    ),
    "a text of 300,000 values": (element(0x00091001, "UC", b"\\" * 300_000) + image(), "300001 values"),
    "65535 x 65535 x 9 voxels": (image(65535, 65535, frames=9) + pixels(b"ab"), "9 frames of 65535 x 65535"),
    "pixels of 450 MB in 1 kB": (image(15000, 15000) + pixels(b"ab"), "would fill 429 MiB from a file of 0.00 MiB"),
    "an item outside its item": (
        element(0x00091001, "SQ", item(item(b"", 500), 8) + hostile.SEQUENCE_END, hostile.UNDEFINED),
        "",
    ),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_what_breaks_a_limit_is_refused_with_the_limit(guard, tmp_path, name):
    content, reason = HOSTILE[name]
    path = written(tmp_path / "a.dcm", content)
    status, found = answer(guard(wall_seconds=120.0), path)
    if reason:
        assert (status, reason in found) == (wire.REFUSED, True), found


@pytest.mark.parametrize(("vr", "value"), [("UL", b"\0\0\1\0"), ("IS", b"99999 "), ("FD", b"\x10\0"), ("NS", b"\4\0")])
def test_a_pixel_description_of_another_vr_is_not_read_in_two_ways(guard, tmp_path, vr, value):
    content = image().replace(element(0x00280010, "US", b"\4\0"), element(0x00280010, vr, value))
    path = written(tmp_path / "a.dcm", content + pixels(bytes(32)))
    assert answer(guard(), path) == (wire.DAMAGED, "its pixel description is broken")
    with pytest.raises(HeaderError, match="pixel description is broken"):
        read_whole(path)


def test_nested_sequences_that_nobody_asked_for_cost_nothing(guard, tmp_path):
    path = written(tmp_path / "a.dcm", nested(1000, undefined=False) + image() + pixels(bytes(32)))
    assert answer(guard(), path, Want(tags=frozenset({0x00280010}))) == (wire.HEADER, "")
    assert "nested more than 32 deep" in answer(guard(), path)[1]


@pytest.mark.parametrize("length", [0x7FFFFFFF, 0xFFFFFFF0, 5000])
def test_a_length_beyond_the_file_is_not_believed(guard, tmp_path, length):
    path = written(tmp_path / "a.dcm", image() + element(0x00291010, "OB", b"abcd", length))
    (found,) = guard().read([path], ALL)
    facts, _, elements = wire.unpack_header(found)
    assert facts.flags & wire.CUT
    assert len(elements) == 13


def test_slow_reading_is_refused_by_the_child_itself(guard, tmp_path):
    path = written(tmp_path / "a.dcm", MANY[: len(MANY) // 3] + image())
    status, reason = answer(guard(cpu_seconds=0.001), path)
    assert (status, reason) == (wire.REFUSED, "reading its header took more than 0.001 s of processor time")


def test_a_child_that_hangs_is_killed_and_its_files_are_read_by_another(guard, tmp_path):
    files = [written(tmp_path / f"{n}.dcm", image() + pixels(bytes(32))) for n in range(5)]
    ours = guard(wall_seconds=2.0)
    ours.start()
    (child,) = ours._all
    os.kill(child.process.pid, signal.SIGSTOP)
    before = time.monotonic()
    assert [a[0] for a in ours.read(files, ALL)] == [wire.HEADER] * 5
    assert time.monotonic() - before > 2
    assert child.process.poll() == -signal.SIGKILL


def test_a_file_that_always_crashes_the_child_is_refused_alone(guard, tmp_path):
    files = [written(tmp_path / f"{n}.dcm", image() + pixels(bytes(32))) for n in range(5)]
    written(files[2], image() + element(0x00291010, "OB", bytes(15 << 20)))
    ours = guard(child_bytes=24 << 20)
    found = list(ours.read(files, ALL))
    assert [a[0] for a in found] == [wire.HEADER, wire.HEADER, wire.REFUSED, wire.HEADER, wire.HEADER]
    assert b"memory" in found[2] or b"crashed the guard" in found[2]


def test_a_killed_child_is_replaced(guard, tmp_path):
    path = written(tmp_path / "a.dcm", image() + pixels(bytes(32)))
    ours = guard()
    for _ in range(3):
        assert answer(ours, path)[0] == wire.HEADER
        (child,) = ours._all
        child.process.kill()
        child.process.wait()


def test_no_process_is_left_behind(guard, tmp_path):
    files = [written(tmp_path / f"{n}.dcm", image()) for n in range(300)]
    ours = guard(children=3)
    before = set(psutil.Process().children())
    assert len(list(ours.read(files, ALL))) == 300
    assert 1 <= len(set(psutil.Process().children()) - before) <= 3
    ours.close()
    assert set(psutil.Process().children()) <= before


def test_threads_share_one_guard(guard, tmp_path):
    files = [written(tmp_path / f"{n}.dcm", image(rows=n + 1)) for n in range(200)]
    ours, found = guard(children=2), {}

    def read(name: int) -> None:
        answers = [wire.unpack_header(a) for a in ours.read(files, Want(tags=frozenset({0x00280010})))]
        found[name] = [struct.unpack("<H", elements[0][2])[0] for _, _, elements in answers]

    threads = [threading.Thread(target=read, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(found.values()) == [list(range(1, 201))] * 4


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a POSIX file system")
def test_pipes_devices_sockets_and_links_are_never_opened_for_long(guard, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    good = written(tmp_path / "good.dcm", image())
    (tmp_path / "link").symlink_to(good)
    (tmp_path / "empty").write_bytes(b"")
    names = ["pipe", "/dev/zero", "socket", "link", "gone", "empty", "good.dcm"]
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        paths = [tmp_path / n for n in names]
        statuses = [a[0] for a in guard().read(paths, ALL)]
    assert statuses == [*[wire.UNREADABLE] * 5, wire.NOT_DICOM, wire.HEADER]


def test_names_with_odd_bytes(guard, tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n'\\\xe4.dcm"))
    written(path, image())
    assert answer(guard(), path) == (wire.HEADER, "")


def test_a_broken_sequence_is_left_out_and_its_neighbors_are_read(guard, tmp_path):
    broken = element(0x00291001, "SQ", b"not an item.")
    path = written(tmp_path / "a.dcm", image() + broken + element(0x00321000, "DA", b""))
    (found,) = guard().read([path], ALL)
    assert [tag for tag, _, _ in wire.unpack_header(found)[2]][-2:] == [0x00280103, 0x00321000]


@pytest.mark.parametrize(("start", "kind"), [
    (b"MZ\x90\0", "Windows program"), (b"\x7fELF\x02", "Linux program"), (b"\xcf\xfa\xed\xfe", "macOS program"),
    (b"#!/bin/sh\n", "script"), (b"II*\0\x08\0\0\0", None), (b"", None),
])  # fmt: skip
def test_programs_in_the_preamble(tmp_path, start, kind):
    content = hostile.file(image() + pixels(bytes(32)), preamble=start)
    (tmp_path / "a.dcm").write_bytes(content)
    assert read_header(tmp_path / "a.dcm", ("Rows",)).program == kind == executable_kind(content)
    cleared = without_program(content)
    assert cleared[128:] == content[128:]
    assert cleared[:128] == (bytes(128) if kind else content[:128])


def test_the_child_imports_neither_pydicom_nor_numpy_nor_torch():
    code = BOOTSTRAP.rsplit("main()", 1)[0] + "print(*(m for m in sys.modules))"
    folder = Path(sys.modules[Guard.__module__].__file__).parent
    said = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    loaded = set(said.stdout.split())
    assert "tomoscribe.encoders.dicom.guard.walk" in loaded
    assert not {m.split(".")[0] for m in loaded} & {"pydicom", "numpy", "torch", "dataclasses", "json"}


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of Linux")
def test_the_child_can_neither_write_a_file_nor_use_much_memory(guard):
    ours = guard(child_bytes=128 << 20)
    ours.start()
    (child,) = ours._all
    limits = psutil.Process(child.process.pid).rlimit
    assert limits(psutil.RLIMIT_AS)[0] == 128 << 20
    assert limits(psutil.RLIMIT_FSIZE)[0] == limits(psutil.RLIMIT_NPROC)[0] == 0
    assert ours.missing_limits == ()


def test_a_platform_without_limits_is_said_and_read_all_the_same(guard, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("tomoscribe.encoders.dicom.guard.process.BOOTSTRAP", BOOTSTRAP.replace(
        "import sys, types", "import sys, types\nsys.modules['resource'] = None"))  # fmt: skip
    ours = guard()
    assert answer(ours, written(tmp_path / "a.dcm", image())) == (wire.HEADER, "")
    assert "cannot limit the memory, files, processes of the header guard's process" in caplog.text


def test_limits_are_above_zero():
    with pytest.raises(ConfigError, match="expected a limit above 0 for elements, found 0"):
        Limits(elements=0)


BOMB = """
import pydicom, sys
from pathlib import Path
from tomoscribe.encoders.dicom import scan
from tomoscribe.encoders.dicom.guarded import header_guard, read_header
from tomoscribe.encoders.dicom.pixels import read_whole
guard = header_guard()
guard.start()
def memory(what):
    total = 0
    for process in ("self", *(child.process.pid for child in guard._all)):
        total += int(Path(f"/proc/{process}/status").read_text().split(what)[1].split()[0])
        Path(f"/proc/{process}/clear_refs").write_text("5")
    return total
good, bomb = Path(sys.argv[1]), Path(sys.argv[2])
read_whole(good)
before = memory("VmRSS:")
for action in (lambda: read_header(bomb, None), lambda: read_whole(bomb), lambda: scan(bomb.parent)):
    try:
        action()
    except Exception as error:
        print(error)
print((memory("VmHWM:") - before) / 1024)
pydicom.dcmread(bomb).PixelData
print((memory("VmHWM:") - before) / 1024)
"""


def _bomb(kind: str) -> bytes:
    """200 MB of zeros, as pixels or as a private element, deflated by hand to about 204 kB."""
    zeros = bytes(200_000_000)
    if kind == "pixels that the header describes":
        return image(10_000, 10_000) + pixels(zeros)
    if kind == "pixels beyond the header":
        return image() + pixels(zeros)
    return image() + element(0x00291010, "OB", zeros) + pixels(bytes(32))


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory of Linux")
@pytest.mark.parametrize("kind", ["pixels that the header describes", "pixels beyond the header", "a private element"])
def test_a_deflated_bomb_is_refused_within_50_mb(tmp_path, kind):
    good, bomb = tmp_path / "good.dcm", tmp_path / "bombs" / "bomb.dcm"
    bomb.parent.mkdir()
    written(good, image() + pixels(bytes(32)), hostile.DEFLATED)
    written(bomb, _bomb(kind), hostile.DEFLATED)
    assert bomb.stat().st_size < 210_000
    run = subprocess.run([sys.executable, "-c", BOMB, str(good), str(bomb)], capture_output=True, text=True, check=True)
    *said, growth_mb, by_pydicom_mb = run.stdout.strip().split("\n")
    print(f"{kind}: {growth_mb} MB over the baseline; pydicom {by_pydicom_mb} MB")
    assert float(growth_mb) < 50 < 150 < float(by_pydicom_mb)
    assert len(said) == 3
    assert all("refused" in line or "none of the DICOM files" in line for line in said), said


def test_deflated_data_sets_within_the_limits_are_read(series_folder):
    (study,) = scan(series_folder)
    expected = load_volume(study, study.series[0]).array
    for path in series_folder.iterdir():
        ds = pydicom.dcmread(path)
        ds.decompress()
        ds.file_meta.TransferSyntaxUID = hostile.DEFLATED
        ds.save_as(path, overwrite=True)
    (study,) = scan(series_folder)
    np.testing.assert_array_equal(load_volume(study, study.series[0]).array, expected)


def test_pixels_shorter_than_described_are_refused(tmp_path):
    for syntax in (hostile.EXPLICIT, hostile.DEFLATED):
        path = written(tmp_path / "a.dcm", image(64, 64) + pixels(bytes(100), 8192), syntax)
        with pytest.raises(HeaderError, match="ends before its pixels are complete"):
            read_whole(path)


def test_a_file_that_changes_between_header_and_pixels_is_refused(tmp_path):
    path = written(tmp_path / "a.dcm", image() + pixels(bytes(32)))
    header = read_header(path, None)
    written(path, image() + pixels(bytes(34)))
    with pytest.raises(HeaderError, match="changed while it was read"):
        pixel_value(header)


def test_more_compressed_bytes_than_pixels_could_need_are_refused(tmp_path):
    fragments = item(b"") + item(bytes(3 << 20)) + hostile.SEQUENCE_END
    content = image() + element(0x7FE00010, "OB", fragments, hostile.UNDEFINED)
    path = written(tmp_path / "a.dcm", content, "1.2.840.10008.1.2.4.80")
    with pytest.raises(HeaderError, match="larger than the header describes"):
        read_whole(path)
