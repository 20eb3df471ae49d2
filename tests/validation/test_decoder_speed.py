"""Twins of the same size, and a timing that says what it timed."""

from __future__ import annotations

import pytest

from tomoscribe.core.errors import ConfigError
from tomoscribe.validation import decoder_speed
from tomoscribe.validation.decoder_speed import SIZES, active_parameters, dense_twin, parameters, run_trial, table


@pytest.mark.parametrize("size", SIZES)
def test_twins_have_the_size_they_are_called_by_and_the_same_total(size: int) -> None:
    sparse = SIZES[size]
    dense = dense_twin(sparse)
    assert parameters(sparse) == pytest.approx(size * 1e6, rel=0.05)
    assert parameters(dense) == pytest.approx(parameters(sparse), rel=0.005)
    assert sparse.num_experts_per_tok / sparse.n_routed_experts <= 0.1
    assert active_parameters(dense) == parameters(dense)
    assert active_parameters(sparse) < parameters(sparse) * 0.45


@pytest.mark.slow
def test_the_table_holds_every_task_with_its_ratio_to_the_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_speed, "BATCHES", (1,))
    monkeypatch.setattr(decoder_speed, "PROMPT", 8)
    monkeypatch.setattr(decoder_speed, "NEW", 2)
    said: list[str] = []
    timings = run_trial([13], 1, said.append)
    assert {(t.experts, t.task) for t in timings} == {
        (way, task) for way in ("dense", *decoder_speed.IMPLEMENTATIONS) for task in ("prefill", "decode")
    }
    by_key = {(t.experts, t.task): t for t in timings}
    for (_, task), timing in by_key.items():
        assert timing.ratio == pytest.approx(timing.seconds / by_key["dense", task].seconds, abs=0.02)
    assert len(said) == len(timings)
    assert table(timings).count("\n") == 3


def test_a_size_without_a_configuration_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected sizes of"):
        run_trial([14], 1, print)
