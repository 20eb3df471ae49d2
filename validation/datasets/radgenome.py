"""RadGenome-Chest CT: CT-RATE's volumes again, with a sentence and a mask for each region."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from tomoscribe.validation.datasets.adapter import Adapter, first_folder, grid_files, usable
from tomoscribe.validation.datasets.ct_rate import NAME, SPLITS, root_of
from tomoscribe.validation.datasets.opened import Collector, patient_key
from tomoscribe.validation.datasets.tables import read_table, value
from tomoscribe.validation.datasets.volumes import stem_of
from tomoscribe.validation.records import Case, TruthMask

WHOLE = "whole"
"""Name of the sentences that belong to no single region (the table leaves their region blank)."""


def looks_like(folder: Path) -> bool:
    """Its folder of tables."""
    return (root_of(folder) / "radgenome_files").is_dir()


def read(folder: Path, into: Collector) -> None:
    """One case a volume; its report holds a line for each region."""
    root = root_of(folder)
    for split, table, name in SPLITS:
        sentences = _sentences(
            root / "radgenome_files", (f"{split}_region_report.csv", f"{table}_region_report.csv"), into
        )
        images = {_plain(stem_of(p)): p for p in grid_files(first_folder(root, f"{split}_preprocessed", split))}
        masks = _masks(first_folder(root, f"{split}_region_mask"))
        for key, path in images.items():
            if usable(path, into):
                _add(key, path, name, sentences.get(key), masks.get(key, ()), into)
        for key in sorted(set(sentences) - set(images)):
            into.leave_out("report without images", key, "its volume is not in the folder")
        for key in sorted(set(masks) - set(images)):
            into.leave_out("masks without images", key, "its volume is not in the folder")


def _add(
    key: str,
    path: Path,
    split: str,
    sentences: dict[str, list[str]] | None,
    masks: tuple[TruthMask, ...],
    into: Collector,
) -> None:
    match = NAME.fullmatch(key)
    if match is None:
        into.leave_out("file of another name", path, "expected SPLIT_PATIENTSCAN_RECONSTRUCTION.nii.gz")
        return
    if not sentences:
        into.leave_out("images without report", key, "used without one")
    lines = [
        f"{region}: {' '.join(texts)}" if region != WHOLE else " ".join(texts)
        for region, texts in (sentences or {}).items()
    ]
    into.add(
        Case(
            dataset="radgenome",
            case_id=key,
            patient_key=patient_key("ct-rate", match["patient"]),
            split=split,
            images={"CT": path},
            report="\n".join(lines) or None,
            masks=masks,
        )
    )


def _plain(stem: str) -> str:
    """One spelling of a volume's name: ``train_1_a_1`` and ``train_1a_1`` are the same."""
    match = NAME.fullmatch(stem)
    return f"{match['patient']}{match['scan']}_{match['reconstruction']}" if match else stem


def _sentences(folder: Path, names: tuple[str, ...], into: Collector) -> dict[str, dict[str, list[str]]]:
    path = next((folder / n for n in names if (folder / n).is_file()), None)
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    if path is None:
        into.leave_out("missing table", folder / names[0], "expected it here; regions have no sentences")
        return {}
    table = read_table(path, into, ("Volumename", "Anatomy", "Sentence"))
    for line, row in enumerate(table.rows if table else (), start=2):
        sentence = value(row, "Sentence")
        if sentence is None:
            into.leave_out("empty sentence", f"{into.place(path)} row {line}", "expected a sentence")
            continue
        key = _plain(row["Volumename"].removesuffix(".gz").removesuffix(".nii"))
        found[key][value(row, "Anatomy") or WHOLE].append(sentence)
    return {key: dict(regions) for key, regions in found.items()}


def _masks(folder: Path | None) -> dict[str, tuple[TruthMask, ...]]:
    """Region masks: a folder for each volume (its name, with or without ``seg_``), a file for each region."""
    found: dict[str, list[TruthMask]] = defaultdict(list)
    for path in grid_files(folder):
        key = _plain(path.parent.name.removeprefix("seg_"))
        found[key].append(TruthMask(name=stem_of(path).replace("_", " "), path=path))
    return {key: tuple(masks) for key, masks in found.items()}


ADAPTER = Adapter(
    name="radgenome",
    title="RadGenome-Chest CT",
    looks_like=looks_like,
    read=read,
    source="public code that reads it: radgenome_files/SPLIT_region_report.csv (Volumename, Anatomy, Sentence), "
    "SPLIT_preprocessed, SPLIT_region_mask/seg_VOLUME/REGION.nii.gz; the spelling of volume names varies there "
    "(train_1a_1, train_1_a_1), both are read; not checked on the data set itself",
)
