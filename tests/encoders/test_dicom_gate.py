"""The gate's table: every defect alone, and what is only unusual; and what the verdict's volume holds."""

from __future__ import annotations

import re

import pytest

from tests.gate_rows import ROWS
from tomoscribe.core.errors import RefusedSeriesError
from tomoscribe.encoders.dicom import load_volume, scan
from tomoscribe.encoders.dicom.verdicts import verdicts


def volumes(folder):
    (study,) = scan(folder)
    return [load_volume(study, series) for series in study.readable]


@pytest.mark.parametrize("name", list(ROWS))
def test_verdict(tmp_path, name):
    row = ROWS[name]
    row.make(tmp_path)
    found = verdicts(tmp_path)
    first = found[0]
    assert first.verdict == row.verdict, (first.reason, first.notes)
    assert tuple(f.part for f in found) == row.parts
    said = [w for w in (first.reason, *first.notes) if w]
    if row.says:
        assert any(re.search(row.says, words) for words in said), said
    else:
        assert said == []
    if row.unit:
        assert first.measured.value_unit == row.unit
    elif row.verdict != "refuse":
        assert first.measured.value_unit == ("hu" if first.modality == "CT" else "arbitrary")


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.verdict == "refuse"])
def test_what_is_refused_is_not_loaded(tmp_path, name):
    ROWS[name].make(tmp_path)
    (study,) = scan(tmp_path)
    with pytest.raises(RefusedSeriesError, match=ROWS[name].says) as caught:
        load_volume(study, study.series[0])
    assert caught.value.remedy
    assert caught.value.where
