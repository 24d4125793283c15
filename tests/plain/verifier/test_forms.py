"""Entries, tiles, notes, keys and moments: what is read and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_evident.verifier.formats import times
from pg_evident.verifier.formats.entry import (
    Entry,
    EntryError,
    decode,
    differing_fields,
    encode,
)
from pg_evident.verifier.formats.files import Folder
from pg_evident.verifier.formats.note import (
    NoteError,
    load_keys,
    parse_checkpoint,
    parse_key,
)
from pg_evident.verifier.formats.tiles import TileError, read_entries, tile_path, widths
from support.models import exports
from support.models.exports import Log

EVENT = exports.make_events(1)[0]
DATA = exports.entry(EVENT)


def test_an_entry_is_read_and_written_again() -> None:
    entry = decode(DATA)
    assert encode(entry) == DATA
    assert entry.id == EVENT["id"] and entry.version == 1
    assert entry.event_type.decode() == EVENT["event_type"]


@given(
    number=st.integers(-(2**63), 2**63 - 1),
    version=st.integers(-(2**31), 2**31 - 1),
    moment=st.integers(-(2**63), 2**63 - 1),
    name=st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)
def test_any_entry_is_that_of_the_other_reading(
    number: int, version: int, moment: int, name: str
) -> None:
    event = {**EVENT, "id": number, "version": version, "occurred_at": moment}
    event.update(event_type=name, recorded_by=name[::-1])
    data = exports.entry(event)
    assert encode(decode(data)) == data


def test_no_shorter_or_longer_entry_is_read() -> None:
    for size in range(len(DATA)):
        with pytest.raises(EntryError):
            decode(DATA[:size])
    with pytest.raises(EntryError):
        decode(DATA + b"\0")


@pytest.mark.parametrize("length", [-1, 2**31 - 1, 13, 11])
def test_a_length_that_does_not_fit_is_refused(length: int) -> None:
    data = bytearray(DATA)
    data[69:73] = length.to_bytes(4, "big", signed=True)
    with pytest.raises(EntryError):
        decode(bytes(data))


def test_all_fields_are_told_apart() -> None:
    entry = decode(DATA)
    assert differing_fields(DATA, DATA) == ()
    for name in Entry.__slots__:
        value = getattr(entry, name)
        other = value + 1 if isinstance(value, int) else value[:-1] + b"\x7f"
        changed = {each: getattr(entry, each) for each in Entry.__slots__}
        data = encode(Entry(**{**changed, name: other}))
        assert differing_fields(DATA, data) == (name,)


@pytest.mark.parametrize(
    ("index", "path"),
    [
        (0, "tile/0/000"),
        (67, "tile/0/067"),
        (999, "tile/0/999"),
        (1000, "tile/0/x001/000"),
        (1234067, "tile/0/x001/x234/067"),
        (1000000, "tile/0/x001/x000/000"),
    ],
)
def test_a_tile_has_the_path_of_tlog_tiles(index: int, path: str) -> None:
    assert tile_path(0, index) == path
    assert path.endswith(exports.tile_name(index))
    assert (
        tile_path("entries", index, 7) == path.replace("/0/", "/entries/", 1) + ".p/7"
    )


def test_a_tree_has_full_tiles_and_at_most_one_partial() -> None:
    assert list(widths(0, 0)) == []
    assert list(widths(255, 0)) == [(0, 255)] and list(widths(255, 1)) == []
    assert list(widths(256, 0)) == [(0, 256)] and list(widths(256, 1)) == [(0, 1)]
    assert list(widths(70_000, 1)) == [(0, 256), (1, 17)]
    assert list(widths(70_000, 2)) == [(0, 1)]


def test_every_cut_within_an_entry_is_noticed(tmp_path: Path) -> None:
    entries = [b"", b"x", b"y" * 300]
    exports.write_entries(tmp_path, entries)
    file = tmp_path / "tile/entries/000.p/3"
    data = file.read_bytes()
    folder = Folder(tmp_path)
    assert read_entries(folder, 0, 3) == entries
    for size in range(len(data)):
        file.write_bytes(data[:size])
        if size in (0, 2, 5):
            assert read_entries(folder, 0, 3) == entries[: (0, 2, 5).index(size)]
        else:
            with pytest.raises(TileError, match="cut off within entry"):
                read_entries(folder, 0, 3)


def test_a_key_is_read_from_its_line_and_from_a_file(tmp_path: Path) -> None:
    line = Log().vkey
    key = parse_key(line)
    assert key.name == "example.com/shop" and len(key.public) == 32
    (tmp_path / "keys").write_text(f"# ours\n\n{line}\n")
    assert load_keys([str(tmp_path / "keys")]) == load_keys([line])


def test_a_key_whose_id_is_of_other_bytes_is_refused() -> None:
    name, key_id, material = Log().vkey.split("+", 2)
    for bad in (
        f"other+{key_id}+{material}",
        f"{name}+00000000+{material}",
        f"{name}+{key_id.upper()}x+{material}",
        f"{name}+{key_id}+{material[:-4]}",
        f"{name}+{key_id}+{exports.b64(b'2' + bytes(32))}",
        f"+{key_id}+{material}",
    ):
        with pytest.raises(NoteError):
            parse_key(bad)
    with pytest.raises(NoteError):
        load_keys(["no such file"])


ROOT_TEXT = exports.b64(bytes(32))
ORIGIN = f"a/{exports.LOG_ID}/1"


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n1\n",
        f"{ORIGIN}\n01\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n-1\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n1\n{ROOT_TEXT}",
        f"{ORIGIN}\n1\n{ROOT_TEXT[:-4]}\n",
        f"{ORIGIN}\n1\n{ROOT_TEXT.replace('=', '')}\n",
        f"{ORIGIN}\n1\n{ROOT_TEXT[:-2]}B=\n",
        f"\n1\n{ROOT_TEXT}\n",
        f"{exports.LOG_ID}/1\n1\n{ROOT_TEXT}\n",
        f"a/{exports.LOG_ID}/one\n1\n{ROOT_TEXT}\n",
        f"a/{exports.LOG_ID}\n1\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n1\n{ROOT_TEXT}\n\n",
    ],
)
def test_a_checkpoint_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_checkpoint(text)


def test_further_lines_of_a_checkpoint_are_left_out() -> None:
    checkpoint = parse_checkpoint(f"{ORIGIN}\n7\n{ROOT_TEXT}\nmore\n")
    assert (checkpoint.name, checkpoint.incarnation, checkpoint.size) == ("a", 1, 7)


@given(st.datetimes())
def test_moments_are_those_of_the_other_reading(moment: object) -> None:
    text = f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z".zfill(27)
    assert times.parse_exact(text) == exports.micros(text)


def test_moments_are_shown_for_people() -> None:
    assert times.show(0) == "2000-01-01 00:00:00 UTC"
    assert times.show(2**63 - 1) == "infinity"
    assert times.show(-(2**63)) == "-infinity"
    assert times.show(-(10**17)).startswith("-100000000000000000 microseconds")
