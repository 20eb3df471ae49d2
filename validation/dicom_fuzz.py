"""Hostile DICOM by the thousand: mutated real files and data sets made of odd elements, each through the whole reader.

``python -m tomoscribe.validation.dicom_fuzz --cases 10000 [--seed 1] [--files DIR ...]`` prints what became of them. A
case fails when the reader raises anything but its own errors, takes longer than ten seconds, loses a good neighbor,
leaves a file, or lets the memory of a process grow beyond its bound. Failing cases are kept as files in ``--keep``.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import struct
import tempfile
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tomoscribe.core.errors import InputError
from tomoscribe.validation import hostile
from tomoscribe.validation.hostile import element, image, item, pixels

MAX_SECONDS = 10.0
MAX_GROWTH_BYTES = 700 * 2**20
"""Bound of one process over its start: what the limits let a header (and its objects) and a small image take."""
_LONG_VRS = (b"OB", b"OW", b"SQ", b"UN", b"UT", b"UC", b"OF", b"OD")
_SHORT_VRS = (b"UI", b"DS", b"IS", b"US", b"LO", b"PN", b"CS", b"FD", b"AT", b"ZZ", b"\0\0", b"sq")
_ODD_LENGTHS = (0, 1, 3, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
_DELIMITERS = (hostile.SEQUENCE_END, hostile.ITEM_END, item(b""), item(b"", hostile.UNDEFINED))

Mutation = Callable[[bytearray, random.Random], None]


@dataclass
class Outcome:
    """What became of the cases: a count by kind, the slowest, the largest growth, and the failures."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    growth_bytes: int = 0

    def lines(self) -> list[str]:
        """For the terminal and the log."""
        total = sum(self.counts.values())
        kinds = ", ".join(f"{kind} {n}" for kind, n in self.counts.most_common())
        return [
            f"{total} cases: {kinds}",
            f"slowest {self.slowest_s:.2f} s, growth of the largest process {self.growth_bytes / 2**20:.0f} MiB",
            f"{len(self.failures)} failures",
            *self.failures[:20],
        ]


def flip_bytes(data: bytearray, rng: random.Random) -> None:
    """One to twenty bytes anywhere, most of them in the header."""
    for _ in range(rng.randint(1, 20)):
        reach = len(data) if rng.random() < 0.2 else min(len(data), 4096)
        data[rng.randrange(reach)] = rng.randrange(256)


def truncate(data: bytearray, rng: random.Random) -> None:
    """Ends early, most often in the header."""
    reach = len(data) if rng.random() < 0.3 else min(len(data), 3000)
    del data[rng.randrange(reach) :]


def edit_length(data: bytearray, rng: random.Random) -> None:
    """Another length in the header of some element."""
    at = _some_element(data, rng)
    wide = bytes(data[at + 4 : at + 6]) in _LONG_VRS
    code, place = ("<L", at + 8) if wide else ("<H", at + 6)
    length = rng.choice(_ODD_LENGTHS) if rng.random() < 0.7 else rng.randrange(1 << 16)
    struct.pack_into(code, data, min(place, len(data) - 4), length & (0xFFFFFFFF if wide else 0xFFFF))


def swap_vr(data: bytearray, rng: random.Random) -> None:
    """Another VR for some element."""
    at = _some_element(data, rng)
    data[at + 4 : at + 6] = rng.choice(_LONG_VRS + _SHORT_VRS)


def nest_sequences(data: bytearray, rng: random.Random) -> None:
    """Sequences within sequences, up to 1,000 deep, in front of some element."""
    depth = rng.choice((1, 5, 31, 33, 200, 1000))
    data[(at := _some_element(data, rng)) : at] = hostile.nested(depth, undefined=rng.random() < 0.5)


def insert_odd(data: bytearray, rng: random.Random) -> None:
    """A stray delimiter, item or huge element in front of some element."""
    odd = (*_DELIMITERS, element(0x00091010, "OB", b"", 0xFFFFFFF0), element(0x00091011, "UT", b"\\" * 3000))
    data[(at := _some_element(data, rng)) : at] = rng.choice(odd)


def repeat_part(data: bytearray, rng: random.Random) -> None:
    """A part of the file once more, up to a thousand times."""
    at = _some_element(data, rng)
    part = bytes(data[at : at + rng.randint(8, 400)])
    data[at:at] = part * rng.choice((1, 3, 1000))


def change_value(data: bytearray, rng: random.Random) -> None:
    """Another number where a text of digits stands, or odd values of the pixel description."""
    at = _some_element(data, rng)
    length = min(8, max(0, len(data) - at - 8))
    values = (b"\\\\\\\\\\\\\\\\", b"99999999", b"-1e99999", b"NaN\\inf\\", b"\xff" * 8, b"../../..")
    data[at + 8 : at + 8 + length] = rng.choice(values)[:length]


def preamble_program(data: bytearray, rng: random.Random) -> None:
    """A program in front of the data set."""
    data[:4] = rng.choice((b"MZ\x90\0", b"\x7fELF", b"#!/b", b"PK\x03\x04"))


MUTATIONS: tuple[Mutation, ...] = (
    flip_bytes, truncate, edit_length, swap_vr, nest_sequences, insert_odd, repeat_part, change_value, preamble_program,
)  # fmt: skip


def _some_element(data: bytearray, rng: random.Random) -> int:
    """Where an element of the header begins, by the look of it; anywhere if none is found."""
    start = rng.randrange(132, max(133, min(len(data), 6000)))
    for at in range(start, min(len(data) - 8, start + 400)):
        if data[at + 4 : at + 6].isalpha() and data[at + 4 : at + 6].isupper() and data[at + 1] < 0x80:
            return at
    return min(start, max(0, len(data) - 12))


def made_up(rng: random.Random) -> bytes:
    """A file of our own: odd elements around an image, plain, deflated or encapsulated."""
    rows, columns = rng.choice(((4, 4), (0, 4), (65535, 65535), (4, 65535), (20000, 20000)))
    frames = rng.choice((None, 1, 3, 99999, 10**9))
    parts = [_odd_element(rng) for _ in range(rng.randint(0, 6))]
    value = bytes(rng.choice((0, 1, 32, 4096)))
    tail = pixels(value, rng.choice((None, *_ODD_LENGTHS)))
    if rng.random() < 0.3:
        fragments = b"".join(item(bytes(rng.randrange(64))) for _ in range(rng.choice((0, 1, 2, 5000))))
        tail = element(0x7FE00010, "OB", fragments + rng.choice((b"", hostile.SEQUENCE_END)), hostile.UNDEFINED)
    syntax = rng.choice((
        hostile.EXPLICIT, hostile.IMPLICIT, hostile.DEFLATED, "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.4.80",
        "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5", "9.9.9",
    ))  # fmt: skip
    return hostile.file(image(rows, columns, frames=frames) + b"".join(parts) + tail, syntax)


def _odd_element(rng: random.Random) -> bytes:
    tag = rng.choice((0x00091001, 0x00291010, 0x52009230, 0x00080005, 0x00200032, 0x00280030, 0x01F11026, 0xFFFCFFFC))
    vr = rng.choice(("SQ", "OB", "UN", "DS", "FD", "PN", "IS", "UI", "LO"))
    kind = rng.random()
    if kind < 0.3:
        return hostile.nested(rng.choice((2, 30, 40)), undefined=rng.random() < 0.5)
    if kind < 0.6:
        return element(tag, vr, rng.randbytes(rng.randrange(64)))
    return element(tag, vr, rng.randbytes(rng.randrange(64)), rng.choice(_ODD_LENGTHS) & 0xFFFF)


def mutated(source: bytes, rng: random.Random) -> bytes:
    """One to three mutations of a file; of a deflated one sometimes within what is deflated."""
    data = bytearray(source)
    at = source.find(hostile.DEFLATED.encode())
    inside = at > 0 and rng.random() < 0.5
    start = 0
    if inside:
        start = at + len(hostile.DEFLATED) + len(hostile.DEFLATED) % 2
        try:
            data = bytearray(zlib.decompress(source[start:], -zlib.MAX_WBITS))
        except zlib.error:
            inside, data = False, bytearray(source)
    for _ in range(rng.randint(1, 3)):
        if len(data) > 200:
            rng.choice(MUTATIONS)(data, rng)
    if inside:
        deflater = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
        return source[:start] + deflater.compress(bytes(data)) + deflater.flush()
    return bytes(data)


def run_cases(
    num_cases: int,
    seed: int,
    sources: Sequence[Path],
    series: Sequence[Path],
    *,
    keep: Path | None = None,
    tell: Callable[[int, Outcome], object] = lambda n, outcome: None,
) -> Outcome:
    """That many cases: a quarter made up, the others mutated from ``sources`` or from a slice of ``series``.

    Each lies in a folder with the other slices of ``series``, which must be found whatever the case is.
    """
    outcome, rng = Outcome(), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="tomoscribe-fuzz-") as temporary:
        folder = Path(temporary) / "case"
        folder.mkdir()
        neighbors = {Path(shutil.copy2(path, folder / f"n{n}.dcm")) for n, path in enumerate(series[1:])}
        names = {"a.dcm", *(path.name for path in neighbors)}
        base = _resident_bytes()
        for number in range(num_cases):
            source = _choose(rng, sources, series)
            content = mutated(source.read_bytes(), rng) if source else made_up(rng)
            problem = _one_case(content, folder, neighbors, outcome)
            outcome.growth_bytes = max(outcome.growth_bytes, _resident_bytes() - base)
            if outcome.growth_bytes > MAX_GROWTH_BYTES:
                problem = problem or f"the memory grew by {outcome.growth_bytes >> 20} MiB"
            if os.listdir(temporary) != ["case"] or set(os.listdir(folder)) != names:
                problem = problem or "a file was left beside the case"
            if problem:
                name = source.name if source else "made up"
                outcome.failures.append(f"case {number} (seed {seed}, {name}): {problem}")
                if keep:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{seed}-{number}.dcm").write_bytes(content)
            tell(number, outcome)
    return outcome


def _choose(rng: random.Random, sources: Sequence[Path], series: Sequence[Path]) -> Path | None:
    chance = rng.random()
    if chance < 0.25:
        return None
    usual = series[:1] if chance < 0.5 or not sources else sources
    return rng.choice(usual or sources)


def _one_case(content: bytes, folder: Path, neighbors: set[Path], outcome: Outcome) -> str | None:
    """Scans the folder, loads what can be loaded, reads whole headers; what went wrong, in words."""
    from tomoscribe.encoders.dicom import load_volume, read_headers, scan
    from tomoscribe.encoders.dicom.guarded import HeaderError
    from tomoscribe.encoders.dicom.pixels import read_object

    path = folder / "a.dcm"
    path.write_bytes(content)
    before, kind = time.monotonic(), "read"
    found: set[Path] = set()
    repeats = False
    try:
        for study in scan(folder):
            repeats |= "identical" in str(study.warnings)
            for series in study.series:
                found |= set(series.files)
                repeats |= "repeated" in str(series.notes)
                try:
                    load_volume(study, series)
                    read_headers(series)
                except InputError:
                    kind = "a series refused"
        read_object(path)
    except HeaderError as error:
        kind = f"the file {error.outcome.name.lower()}"
    except Exception:  # noqa: BLE001
        return traceback.format_exc(limit=-3)
    seconds = time.monotonic() - before
    outcome.counts[kind] += 1
    outcome.slowest_s = max(outcome.slowest_s, seconds)
    if not neighbors <= found and not repeats:
        return f"{len(neighbors - found)} good neighbors were lost"
    return f"it took {seconds:.1f} s" if seconds > MAX_SECONDS else None


def _resident_bytes() -> int:
    """Memory of the larger of this process and its children."""
    own = psutil.Process()
    sizes = [own.memory_info().rss]
    for child in own.children():
        try:
            sizes.append(child.memory_info().rss)
        except psutil.Error:
            continue
    return max(sizes)


def sources_in(folders: Sequence[Path], limit: int = 300, max_bytes: int = 2_000_000) -> list[Path]:
    """Small DICOM files below some folders, spread over them."""
    found = [p for folder in folders for p in sorted(folder.rglob("*")) if p.is_file() and not p.is_symlink()]
    usable = []
    for path in found:
        with path.open("rb") as file:
            if path.stat().st_size <= max_bytes and file.read(132)[128:] == b"DICM":
                usable.append(path)
    step = max(1, len(usable) // limit)
    return usable[::step]


def main() -> None:
    """Runs the cases and prints what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", type=Path, nargs="*", default=[])
    parser.add_argument("--series", type=Path, default=Path("sample_data/chest_ct"))
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()

    def tell(number: int, outcome: Outcome) -> None:
        if number % 500 == 499:
            print(f"{number + 1}: {outcome.lines()[1]}, {len(outcome.failures)} failures", flush=True)

    series = sorted(options.series.glob("*.dcm"))[:5]
    sources = sources_in(options.files)
    outcome = run_cases(options.cases, options.seed, sources, series, keep=options.keep, tell=tell)
    print("\n".join(outcome.lines()))
    raise SystemExit(bool(outcome.failures))


if __name__ == "__main__":
    main()
