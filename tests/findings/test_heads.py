"""Heads of the tower become uncertain findings, or nothing."""

from __future__ import annotations

import numpy as np
import pytest

from tomoscribe.core import Acquisition, Geometry, Laterality, Presence, SeriesRef, Volume, terms
from tomoscribe.core.errors import InvalidValueError
from tomoscribe.encoders.towers import HeadCalibration, Tower
from tomoscribe.encoders.types import HeadOutput, SoftMasks, TowerOutput
from tomoscribe.findings.heads import head_findings

GEOMETRY = Geometry.from_parts(
    spacing_mm=(10, 10, 10), origin_mm=(-50, -50, 0), shape=(10, 10, 10), frame_of_reference_uid="1.9"
)


def volume(modality: str, name: str) -> Volume:
    ref = SeriesRef(
        study_uid="1.2",
        series_uid=f"1.2.{len(name)}",
        series_number=4,
        description=None,
        instance_uids=tuple(f"1.2.3.{k}" for k in range(10)),
        instance_numbers=tuple(range(1, 11)),
    )
    return Volume(
        array=np.zeros(GEOMETRY.shape, np.float32),
        geometry=GEOMETRY,
        modality=modality,
        value_unit="hu" if modality == "CT" else "arbitrary",
        series=ref,
        acquisition=Acquisition(),
    )


def head(name: str, side: str | None, probability: float, source: str) -> HeadOutput:
    return HeadOutput(
        name=name,
        laterality=side,
        logit=0.0,
        probability=probability,
        center_mm=(20.0, 0.0, 32.0),
        box_min_mm=(0.0, -20.0, 16.0),
        box_max_mm=(40.0, 20.0, 48.0),
        source=source,
    )


def output(heads: tuple[HeadOutput, ...], names: tuple[str, ...], organ_share: float = 1.0) -> TowerOutput:
    import torch

    masks = SoftMasks(
        names=names,
        probabilities=np.full((len(names), *GEOMETRY.shape), organ_share / len(names), np.float32),
        geometry=GEOMETRY,
    )
    return TowerOutput(
        tower="unet-ct",
        scales=(),
        pooled=torch.zeros(1),
        masks={h.source: masks for h in heads},
        heads=heads,
        weights_sha256="ab",
    )


@pytest.fixture(scope="module")
def tower() -> Tower:
    plain = Tower.untrained("unet-ct")
    calibration = {"PLEURAL_EFFUSION": HeadCalibration(threshold=0.6), "WHITE_MATTER_LESIONS": HeadCalibration()}
    return Tower(name=plain.name, network=plain.network, processor=plain.processor, calibration=calibration)


LUNGS = ("lung_right", "lung_left")


def test_a_head_above_its_threshold_is_uncertain_with_side_region_and_slice(tower: Tower) -> None:
    heads = (head("PLEURAL_EFFUSION", "left", 0.7, "CT"), head("PLEURAL_EFFUSION", "right", 0.59, "CT"))
    (found,) = head_findings(output(heads, LUNGS), tower, {"CT": volume("CT", "a")})
    assert found.presence is Presence.UNCERTAIN
    assert (found.type, found.site, found.laterality) == (terms.PLEURAL_EFFUSION, terms.PLEURA, Laterality.LEFT)
    assert found.probability == 0.7
    assert found.provenance.model == "head:PLEURAL_EFFUSION"
    assert found.region is not None
    assert found.region.center_mm == (20.0, 0.0, 32.0)
    assert found.region.frame_of_reference_uid == "1.9"
    # z = 32 mm lies nearest to slice 3, instance number 4
    assert found.evidence[0].instance_number == 4


def test_the_most_probable_comes_first_and_uids_do_not_change(tower: Tower) -> None:
    heads = (head("NODULE", "left", 0.7, "CT"), head("NODULE", "right", 0.9, "CT"))
    volumes = {"CT": volume("CT", "a")}
    first, second = (head_findings(output(heads, LUNGS), tower, volumes) for _ in range(2))
    assert [f.probability for f in first] == [0.9, 0.7]
    assert [f.tracking_uid for f in first] == [f.tracking_uid for f in second]
    assert len({f.tracking_uid for f in first}) == 2


def test_without_the_organ_in_view_the_heads_are_silent(tower: Tower) -> None:
    heads = (head("NODULE", "left", 0.9, "CT"),)
    # 1000 voxels of 1 ml, a share of 0.4: 400 ml of lung
    assert head_findings(output(heads, LUNGS, organ_share=0.4), tower, {"CT": volume("CT", "a")}) == ()


def test_white_matter_lesions_are_seen_on_flair_only(tower: Tower) -> None:
    heads = (head("WHITE_MATTER_LESIONS", None, 0.95, "T1"), head("WHITE_MATTER_LESIONS", None, 0.8, "FLAIR"))
    volumes = {"T1": volume("MR", "a"), "FLAIR": volume("MR", "bb")}
    (found,) = head_findings(output(heads, ("brain",)), tower, volumes)
    assert found.probability == 0.8
    assert found.evidence[0].series_uid == "1.2.2"


def test_a_volume_that_was_not_given_is_an_error(tower: Tower) -> None:
    with pytest.raises(InvalidValueError, match="volume 'CT'"):
        head_findings(output((head("NODULE", None, 0.9, "CT"),), LUNGS), tower, {})
