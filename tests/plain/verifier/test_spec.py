"""The worked example of docs/ledger-spec.md holds, in both readings of the format."""

from __future__ import annotations

import json
import re

from pg_evident.places import ROOT
from pg_evident.verifier.formats.entry import FIELDS, decode, encode
from pg_evident.verifier.formats.events import read_rows
from pg_evident.verifier.formats.merkle import leaf_hash, node_hash
from pg_evident.verifier.formats.note import (
    TRUSTED,
    check_signature,
    load_keys,
    parse_checkpoint,
    parse_note,
)
from support.models import exports

SPEC = ROOT / "docs/ledger-spec.md"


def block(head: str) -> str:
    """The one fenced block of the specification with this head."""
    (found,) = re.findall(
        rf"^```{head}\n(.*?)^```$", SPEC.read_text(encoding="utf-8"), re.M | re.S
    )
    return str(found)


def octets(head: str) -> bytes:
    return bytes.fromhex("".join(line.split()[0] for line in block(head).splitlines()))


def test_the_entry_of_the_example_is_that_of_its_line() -> None:
    line = block("json")
    (row,) = read_rows([line.encode()])
    entry = octets("hex entry")
    assert row.entry == exports.entry(json.loads(line)) == encode(decode(entry))
    assert row.entry == entry
    assert f"{len(entry)} bytes" in SPEC.read_text(encoding="utf-8")


def test_the_example_names_the_fields_of_an_entry_in_order() -> None:
    named = [line.split()[1] for line in block("hex entry").splitlines()]
    assert named == ["evident.event.v1", *FIELDS]


def test_leaf_root_and_signature_of_the_example_hold() -> None:
    leaf, second, root = octets("hex leaf"), octets("hex second"), octets("hex root")
    assert leaf == leaf_hash(octets("hex entry")) == exports.leaf(octets("hex entry"))
    assert root == node_hash(leaf, second) == exports.mth([leaf, second])
    note = parse_note(block("text checkpoint").encode())
    keys = load_keys([block("text key").strip()])
    assert check_signature(note, keys) == (TRUSTED, ("example.com/shop",))
    checkpoint = parse_checkpoint(note.text)
    assert (checkpoint.size, checkpoint.root) == (2, root)
    assert exports.Log().checkpoint([leaf, second]).encode() == (
        block("text checkpoint").encode()
    )
