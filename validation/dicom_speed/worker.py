"""One contender reads one folder, in a process of its own: ``python -m ... worker ADAPTER FOLDER WARM RESULT``.

A few slices are read first, because several libraries import most of themselves with the first file. The result is a
JSON file, because libraries write to standard output what they like.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from tomoscribe.validation.dicom_speed.memory import Watch, children, cpu_s, peak_bytes
from tomoscribe.validation.dicom_speed.priority import real_time
from tomoscribe.validation.peers import Contender, Grid, contender


def main() -> None:
    """Reads and writes down what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("adapter")
    parser.add_argument("folder", type=Path)
    parser.add_argument("warm", type=Path, help="a folder with a few slices, read before the clock starts")
    parser.add_argument("result", type=Path)
    parser.add_argument("--keep", type=Path, help="where the voxels are left for comparison (.npy)")
    parser.add_argument("--real-time", action="store_true", help="read before everything else on the machine")
    arguments = parser.parse_args()
    chosen = contender(arguments.adapter)
    started = prepare(chosen)
    with real_time() if arguments.real_time else nullcontext():
        row, grid = measure(chosen, arguments.folder, arguments.warm)
    row |= started
    if arguments.keep is not None:
        np.save(arguments.keep, grid.array)
        row["affine"] = grid.affine.tolist()
    arguments.result.write_text(json.dumps(row))


def prepare(chosen: Contender) -> dict[str, float | None]:
    """Seconds of the imports and of what is started once per session."""
    began = time.perf_counter()
    chosen.prepare()
    imported = time.perf_counter()
    if chosen.start is not None:
        chosen.start()
    start_s = None if chosen.start is None else time.perf_counter() - imported
    return {"import_s": imported - began, "start_s": start_s}


def measure(chosen: Contender, folder: Path, warm: Path) -> tuple[dict[str, Any], Grid]:
    """Seconds and bytes of one reading, and what was read."""
    chosen.read(warm)
    gc.collect()
    own, helpers = os.getpid(), children()
    watch = Watch.start([own, *helpers])
    cpu_before, before = cpu_s([own, *helpers]), time.perf_counter()
    read = chosen.read(folder)
    wall = time.perf_counter() - before
    later = [pid for pid in children() if pid not in helpers]
    cpu = cpu_s([own, *helpers, *later]) - cpu_before
    row = {
        "wall_s": wall,
        "cpu_s": cpu,
        "base_bytes": watch.resident_bytes[own],
        "peak_bytes": watch.grown_bytes(own),
        "helper_peak_bytes": sum(watch.grown_bytes(pid) for pid in helpers) + sum(peak_bytes(pid) for pid in later),
    }
    grid = chosen.grid(read)
    return row | {"shape": list(grid.array.shape), "dtype": str(grid.array.dtype)}, grid


if __name__ == "__main__":
    main()
