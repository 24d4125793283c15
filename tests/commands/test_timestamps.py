"""The commands of docs/timestamps.md stamp a checkpoint, and refuse a changed one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pg_evident.ledger import checkpoints, keys, notes
from pg_evident.ledger.checkpoints import Signed
from pg_evident.places import ROOT
from pg_evident.verifier.formats import note

TEXT = (ROOT / "docs/timestamps.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)

pytestmark = [
    pytest.mark.skipif(
        shutil.which("openssl") is None, reason="openssl is not installed"
    ),
    pytest.mark.once,
]


def commands(start: str) -> str:
    """Give the one block of the page that begins so."""
    (found,) = [each for each in BLOCKS if each.startswith(start)]
    return str(found)


CHOOSE = commands("CHECKPOINT=")
QUERY = commands("openssl ts -query")
REPLY = commands("openssl ts -reply -config")
VERIFY = commands("openssl ts -verify")
SHOW = commands("openssl ts -reply -in")
AUTHORITY = commands("cat > authority.cnf")


def sh(folder: Path, *blocks: str) -> subprocess.CompletedProcess[str]:
    """Run blocks of the page as one script in a folder."""
    return subprocess.run(
        ["sh", "-euc", "".join(blocks)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with two checkpoints and an authority to try it with."""
    key = keys.make_key("tests.example/log", tmp_path / "key")
    directory = tmp_path / "checkpoints"
    with checkpoints.locked(directory):
        for size in (7, 1234):
            body = notes.checkpoint_body(
                "evident/01a20fca-751a-757a-81d9-9efa24c38d7a/1", size, bytes(32)
            )
            signed = Signed(note.parse_checkpoint(body), notes.sign(body, key))
            checkpoints.store(directory, signed)
    made = sh(tmp_path, AUTHORITY)
    assert made.returncode == 0, made.stdout
    return tmp_path


def test_all_commands_of_the_page_are_run() -> None:
    assert len(BLOCKS) == 6


def test_a_stamped_checkpoint_is_verified_and_shows_the_time(folder: Path) -> None:
    done = sh(folder, CHOOSE, QUERY, REPLY, VERIFY, SHOW)
    assert done.returncode == 0, done.stdout
    assert "Verification: OK\n" in done.stdout
    assert re.search(r"^Time stamp: .* \d{4} GMT$", done.stdout, re.MULTILINE)
    assert (folder / "checkpoints/000001-000000001234.checkpoint.tsr").exists()


def test_the_stamp_beside_a_checkpoint_is_no_checkpoint(folder: Path) -> None:
    assert sh(folder, CHOOSE, QUERY, REPLY).returncode == 0
    directory = folder / "checkpoints"
    assert checkpoints.places(directory) == [(1, 7), (1, 1234)]
    trusted = note.load_keys([str(folder / "key.vkey")])
    last = checkpoints.newest(directory, trusted)
    assert last is not None
    assert last.head.size == 1234


@pytest.mark.parametrize("name", ["000001-000000001234.checkpoint", "authority.pem"])
def test_a_stamp_of_something_else_is_refused(folder: Path, name: str) -> None:
    assert sh(folder, CHOOSE, QUERY, REPLY).returncode == 0
    if name == "authority.pem":
        # Another authority's certificate.
        assert sh(folder, AUTHORITY).returncode == 0
    else:
        path = folder / "checkpoints" / name
        path.write_text(path.read_text().replace("1234", "1235"))
    done = sh(folder, CHOOSE, VERIFY)
    assert done.returncode != 0
    assert "Verification: FAILED" in done.stdout


def test_a_reply_that_was_changed_is_refused(folder: Path) -> None:
    assert sh(folder, CHOOSE, QUERY, REPLY).returncode == 0
    path = folder / "checkpoints/000001-000000001234.checkpoint.tsr"
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    assert sh(folder, CHOOSE, VERIFY).returncode != 0
