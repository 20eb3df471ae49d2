"""Fuzzing: well-formed data sets come back as they were written, and nothing else does harm."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscribe.encoders.dicom.guard import Guard, Limits, Want, wire
from tomoscribe.encoders.dicom.guard.dataset import data_set
from tomoscribe.validation import hostile
from tomoscribe.validation.dicom_fuzz import run_cases, sources_in
from tomoscribe.validation.hostile import UNDEFINED, element, item

CASES = int(os.environ.get("TOMOSCRIBE_FUZZ_CASES", "300"))
"""10,000 take some minutes: see docs/log.md for the last such run."""
ROOT = Path(__file__).resolve().parents[2]

_VALUES = st.tuples(st.sampled_from(["OB", "UN", "LO", "US", "UT", "DS"]), st.binary(max_size=40)).map(
    lambda pair: (pair[0], pair[1] + b"\0" * (len(pair[1]) % 2))
)


def trees(depth: int):
    """Elements of private odd tags in order, sequences among them: [(tag, VR, bytes or list of items)]."""
    leaf = _VALUES
    if depth:
        items = st.lists(trees(depth - 1), max_size=3)
        leaf = st.one_of(_VALUES, items.map(lambda found: ("SQ", found)))
    tags = st.integers(0x00091001, 0x000910FF)
    return st.dictionaries(tags, leaf, max_size=4).map(lambda d: [(tag, *d[tag]) for tag in sorted(d)])


def encoded(tree, defined: list[bool]) -> bytes:
    """Bytes of a tree; each sequence and item of stated or of undefined length, as the next of ``defined`` says."""
    out = b""
    for tag, vr, value in tree:
        if vr != "SQ":
            out += element(tag, vr, value)
            continue
        items = b""
        for content in value:
            inside = encoded(content, defined)
            items += item(inside) if defined.pop() else item(inside + hostile.ITEM_END, UNDEFINED)
        stated = defined.pop()
        out += element(tag, "SQ", items) if stated else element(tag, "SQ", items + hostile.SEQUENCE_END, UNDEFINED)
    return out


def plain(elements) -> list:
    """The guard's tree in the form of ours."""
    return [(tag, vr.decode(), [plain(i) for i in value] if vr == b"SQ" else value) for tag, vr, value in elements]


@pytest.fixture(scope="module")
def guard():
    ours = Guard(Limits(), children=1)
    yield ours
    ours.close()


def answer(guard: Guard, folder: Path, content: bytes) -> bytes:
    path = folder / "a.dcm"
    path.write_bytes(content)
    (found,) = guard.read([path], Want())
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@settings(max_examples=150)
@given(tree=trees(3), choices=st.lists(st.booleans(), min_size=200, max_size=200), deflated=st.booleans())
def test_what_is_well_formed_is_read_as_it_was_written(guard, folder, tree, choices, deflated):
    syntax = hostile.DEFLATED if deflated else hostile.EXPLICIT
    start = element(0x00080016, "UI", hostile.uid(hostile.CT))
    found = answer(guard, folder, hostile.file(start + encoded(tree, list(choices)), syntax))
    assert found[0] == wire.HEADER, found
    facts, _, elements = wire.unpack_header(found)
    assert not facts.flags & wire.CUT
    assert plain(elements)[1:] == tree


@settings(max_examples=150)
@given(content=st.binary(max_size=400), syntax=st.sampled_from([hostile.EXPLICIT, hostile.IMPLICIT, hostile.DEFLATED]))
def test_any_bytes_get_an_answer_that_can_be_turned_into_a_data_set(guard, folder, content, syntax):
    found = answer(guard, folder, hostile.file_head(syntax) + content)
    assert found[0] in (wire.HEADER, wire.DAMAGED, wire.REFUSED)
    if found[0] == wire.HEADER:
        assert data_set(*wire.unpack_header(found)).file_meta.TransferSyntaxUID == syntax


@settings(max_examples=60)
@given(cut=st.integers(0, 400), tree=trees(2), choices=st.lists(st.booleans(), min_size=60, max_size=60))
def test_a_cut_never_invents_an_element(guard, folder, cut, tree, choices):
    """Whatever the cut, each element that is handed on is one of those written, nested ones included."""
    whole = hostile.file(hostile.image() + encoded(tree, list(choices)))
    found = answer(guard, folder, whole[: max(140, len(whole) - cut)])
    if found[0] != wire.HEADER:
        return
    facts, _, elements = wire.unpack_header(found)
    expected = plain(wire.unpack_header(answer(guard, folder, whole))[2])
    assert plain(elements) == expected[: len(elements)]
    assert facts.size == max(140, len(whole) - cut)


@pytest.mark.parametrize("words", [b"ISO_IR\x01\x0092 ", b"\\\\", b"\xff\xfe", b"rot13 ", b"../../etc/passwd"])
def test_a_character_set_that_is_none_is_read_as_the_default(guard, folder, words):
    """The first of these is what fuzzing found: Python's codec lookup raises ValueError for a null character."""
    name = element(0x00100010, "PN", b"Nobody")
    found = answer(guard, folder, hostile.file(element(0x00080005, "CS", words) + name))
    assert str(data_set(*wire.unpack_header(found)).PatientName) == "Nobody"


@given(counts=st.lists(st.integers(0, 3), min_size=1, max_size=4))
@settings(max_examples=20)
def test_answers_survive_the_way_between_the_processes(counts):
    tree = [(n, b"SQ", [[(7, b"US", struct.pack("<H", m))] for m in range(count)]) for n, count in enumerate(counts)]
    facts = wire.Facts(1, 2, 3, 4, -1, -1, 0, 5)
    assert wire.unpack_header(wire.pack_header(facts, [], tree)) == (facts, [], tree)
    for broken in (b"\0", wire.pack_header(facts, [], tree)[:-1], wire.pack_header(facts, [], tree) + b"x"):
        with pytest.raises(ValueError, match="damaged"):
            wire.unpack_header(broken)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_mutated_files_do_no_harm():
    sources = sources_in([ROOT / "sample_data" / "brain_mr"])
    series = sorted((ROOT / "sample_data" / "chest_ct").glob("*.dcm"))[:4]
    outcome = run_cases(CASES, 20261125, sources, series)
    print("\n".join(outcome.lines()))
    assert outcome.failures == []
    assert sum(outcome.counts.values()) == CASES
    assert (
        min(outcome.counts[kind] for kind in ("read", "a series refused", "the file damaged", "the file refused")) > 0
    )


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_mutated_real_files_do_no_harm(shared_data):
    series = sorted((ROOT / "sample_data" / "chest_ct").glob("*.dcm"))[:4]
    outcome = run_cases(CASES // 3, 1, sources_in([shared_data / "dicom_odd"]), series)
    assert outcome.failures == []
