"""Weights are what the manifest says, or they are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tomoscribe.core.errors import WeightsError
from tomoscribe.encoders.kept import kept
from tomoscribe.encoders.weights import ManifestEntry, list_weights, load_weights, save_weights


def entry(file: str = "one.safetensors") -> ManifestEntry:
    return ManifestEntry(
        file=file, sha256="", licence="Apache-2.0", recipe="one.yaml", data=("phantoms 0-9",), date="2026-11-23"
    )


def test_tensors_and_config_come_back(tmp_path: Path) -> None:
    made = save_weights("one", {"w": torch.tensor([1.0, -0.5, 256.0])}, {"spacing_mm": 4.0}, entry(), tmp_path)
    weights = load_weights("one", tmp_path)
    assert weights.tensors["w"].tolist() == [1.0, -0.5, 256.0]
    assert weights.config == {"spacing_mm": 4.0}
    assert weights.sha256 == made.sha256 == list_weights(tmp_path)["one"].sha256


def test_saving_the_same_tensors_twice_gives_the_same_hash(tmp_path: Path) -> None:
    hashes = {save_weights("one", {"w": torch.arange(4.0)}, {"a": 1}, entry(), tmp_path).sha256 for _ in range(2)}
    assert len(hashes) == 1


def test_one_altered_byte_is_refused(tmp_path: Path) -> None:
    save_weights("one", {"w": torch.zeros(8)}, {}, entry(), tmp_path)
    path = tmp_path / "one.safetensors"
    blob = bytearray(path.read_bytes())
    blob[-1] ^= 1
    path.write_bytes(bytes(blob))
    with pytest.raises(WeightsError, match=r"weights 'one' were altered: expected sha256 \w{12}"):
        load_weights("one", tmp_path)


def test_missing_weights_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"'one' are not installed.*Reinstall"):
        load_weights("one", tmp_path)


def test_a_broken_manifest_is_a_weights_error(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"one": {"file": "x"}}')
    with pytest.raises(WeightsError, match="manifest"):
        load_weights("one", tmp_path)


def test_weights_are_loaded_once_until_the_file_is_another(tmp_path: Path) -> None:
    loads = []

    def load() -> str:
        loads.append(load_weights("one", tmp_path).sha256)
        return loads[-1]

    save_weights("one", {"w": torch.zeros(8)}, {}, entry(), tmp_path)
    assert {kept("one", "cpu", load, tmp_path) for _ in range(3)} == set(loads)
    assert len(loads) == 1
    kept("one", "cuda:0", load, tmp_path)
    assert len(loads) == 2
    made = save_weights("one", {"w": torch.ones(9)}, {}, entry(), tmp_path)
    assert kept("one", "cpu", load, tmp_path) == made.sha256
    with (tmp_path / "one.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(WeightsError, match="altered"):
        kept("one", "cpu", load, tmp_path)


def test_missing_weights_are_not_kept(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="not installed"):
        kept("one", "cpu", lambda: load_weights("one", tmp_path), tmp_path)
