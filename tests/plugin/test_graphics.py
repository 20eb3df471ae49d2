"""Triton is kept out of a process in which Mesa's LLVM lives, and only there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tomoscribe.plugin.graphics import keep_triton_away


@pytest.fixture
def mesa(tmp_path: Path) -> Path:
    maps = tmp_path / "maps"
    maps.write_text("7f00-7f01 r-xp 00000000 08:01 1  /usr/lib/x86_64-linux-gnu/libLLVM-15.so.1\n")
    return maps


def test_triton_is_kept_away_from_mesa(mesa: Path) -> None:
    modules: dict[str, Any] = {}
    assert keep_triton_away(mesa, modules)
    assert modules == {"triton": None}


def test_triton_that_is_already_there_stays(mesa: Path) -> None:
    modules: dict[str, Any] = {"triton": "loaded"}
    assert not keep_triton_away(mesa, modules)
    assert modules == {"triton": "loaded"}


def test_without_mesa_or_on_other_systems_nothing_is_done(tmp_path: Path) -> None:
    other = tmp_path / "maps"
    other.write_text("7f00-7f01 r-xp 00000000 08:01 1  /usr/lib/libGLX_nvidia.so.0\n")
    modules: dict[str, Any] = {}
    assert not keep_triton_away(other, modules)
    assert not keep_triton_away(tmp_path / "absent", modules)
    assert modules == {}
