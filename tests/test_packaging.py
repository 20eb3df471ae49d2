"""The package as users get it: nothing lost from the wheel, nothing heavy at import, contracts that bite."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (
    "core", "encoders", "phantoms", "findings", "fusion", "reports", "training", "validation", "plugin", "cli",
    "sample_data",
)  # fmt: skip
SHIPPED_SUFFIXES = {".py", ".yaml", ".j2", ".json", ".txt", ".safetensors", ".dcm"}


def _run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout


@pytest.mark.parametrize("module", ["tomoscribe.cli.main", "tomoscribe.plugin"])
def test_importing_loads_no_heavy_library(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{'torch', 'transformers', 'monai', 'napari'}} & set(sys.modules)))"
    assert _run(code).split() == []


def test_help_names_every_command() -> None:
    out = subprocess.run(
        [sys.executable, "-m", "tomoscribe.cli", "--help"], check=True, capture_output=True, text=True
    ).stdout
    assert "Not a medical device" in " ".join(out.split())
    commands = {line.split()[0] for line in out.split("Commands:")[1].splitlines() if line.strip()}
    assert commands >= {"read", "ask", "audit", "batch", "bundle", "view", "info", "train"}


@pytest.mark.slow
def test_wheel_holds_every_shipped_file(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), "."],
        check=True,
        cwd=ROOT,
    )
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *FOLDERS],
        check=True, capture_output=True, text=True, cwd=ROOT,
    ).stdout.splitlines()  # fmt: skip
    expected = {f"tomoscribe/{name}" for name in tracked if Path(name).suffix in SHIPPED_SUFFIXES}
    assert expected <= set(names), sorted(expected - set(names))[:5]
    assert not [name for name in names if not name.startswith("tomoscribe")]


def test_import_contracts_catch_a_planted_violation(tmp_path: Path) -> None:
    """A copy of the tree in which core imports torch and the cli must break two of the contracts."""
    for folder in FOLDERS:
        shutil.copytree(
            ROOT / folder,
            tmp_path / "tomoscribe" / folder,
            ignore=shutil.ignore_patterns("*.safetensors", "*.dcm", "__pycache__"),
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tomoscribe/core/planted.py").write_text("import torch\nimport tomoscribe.cli.main\n")
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "tomoscribe.core is not allowed to import tomoscribe.cli" in done.stdout
    assert "tomoscribe.core is not allowed to import torch" in done.stdout


def test_tree_stays_small() -> None:
    tracked = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    sizes = {name: (ROOT / name).stat().st_size for name in tracked.splitlines() if (ROOT / name).is_file()}
    assert sum(sizes.values()) <= 60e6
    assert sum(size for name, size in sizes.items() if name.endswith(".safetensors")) <= 28e6
    assert sum(size for name, size in sizes.items() if name.startswith("sample_data/")) <= 8e6
    assert max(sizes.values()) <= 16e6
