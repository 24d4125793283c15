"""Keys are written once, for their owner's eyes, and their public line is checked."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from pg_evident.failure import Failure
from pg_evident.ledger import keys, notes
from pg_evident.verifier.formats import note
from support.clients.programs import MAIN, ROOT

pytestmark = pytest.mark.once


def keygen(*words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "keygen", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_verifier_key_is_printed_and_lies_beside_the_key(tmp_path: Path) -> None:
    path = tmp_path / "orders.key"
    code, line, err = keygen("--name", "example.com/orders", "--out", str(path))
    assert code == 0, err
    assert line == (tmp_path / "orders.key.vkey").read_text()
    name, key_id, encoded = line.strip().split("+", 2)
    assert name == "example.com/orders"
    assert len(bytes.fromhex(key_id)) == 4
    assert len(base64.b64decode(encoded)) == 33
    assert base64.b64decode(encoded)[:1] == b"\x01"
    assert path.stat().st_mode & 0o777 == 0o600
    assert keygen("--show", str(path)) == (0, line, "")
    assert keygen("--show", str(path), "--name", "example.com/orders")[1] == line


def test_a_key_is_written_for_its_owner_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keys.make_key("a", tmp_path / "key")
    finally:
        os.umask(before)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("there", ["key", "key.vkey"])
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious")
    code, out, err = keygen("--name", "a", "--out", str(tmp_path / "key"))
    assert (code, out) == (1, "")
    assert err == (
        f"error: {tmp_path / there} exists and is not overwritten\n"
        "hint: give another file\n"
    )
    assert [each.name for each in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "precious"


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a+b", "a\tb", "a\n", "\u00a0", "a\u2003b", "\x7f"]
)
def test_a_name_that_no_note_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Failure, match="cannot name a key"):
        keys.make_key(name, tmp_path / "key")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [[], ["--name", "a"], ["--out", "key"]])
def test_half_of_the_options_are_not_enough(tmp_path: Path, words: list[str]) -> None:
    code, out, err = keygen(*words)
    assert (code, out) == (2, "")
    assert "give --name and --out, or --show" in err


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    keys.make_key("a", path)
    path.chmod(mode)
    code, out, err = keygen("--show", str(path))
    assert (code, out) == (1, "")
    assert err == (
        f"error: others than its owner can reach the key {path}\n"
        f"hint: chmod 600 {path}\n"
    )


def test_an_encrypted_key_needs_its_pass_phrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    monkeypatch.setenv(keys.PASSPHRASE, "a secret")
    made = keys.make_key("a", path)
    assert b"ENCRYPTED" in path.read_bytes()
    assert keys.load_key(path).public == made.public
    for wrong in ("another", ""):
        monkeypatch.setenv(keys.PASSPHRASE, wrong)
        with pytest.raises(
            Failure, match=f"its pass phrase is not in {keys.PASSPHRASE}"
        ):
            keys.load_key(path)
    monkeypatch.delenv(keys.PASSPHRASE)
    with pytest.raises(Failure, match="pass phrase"):
        keys.load_key(path)


def test_a_pass_phrase_for_another_key_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = keys.make_key("a", tmp_path / "key")
    monkeypatch.setenv(keys.PASSPHRASE, "a secret")
    assert keys.load_key(tmp_path / "key").vkey == made.vkey


def test_the_line_beside_a_key_has_to_be_its_own(tmp_path: Path) -> None:
    path = tmp_path / "key"
    made = keys.make_key("a", path)
    keys.make_key("a", tmp_path / "other")
    shutil.copy(tmp_path / "other.vkey", tmp_path / "key.vkey")
    with pytest.raises(Failure, match="is not the verifier key of"):
        keys.load_key(path)
    (tmp_path / "key.vkey").unlink()
    with pytest.raises(Failure, match="which has the key's name") as missing:
        keys.load_key(path)
    assert missing.value.hint == (
        f"evident keygen --show {path} --name NAME > {path}.vkey"
    )
    assert keys.load_key(path, "a").vkey == made.vkey


def test_what_is_no_key_is_told(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(Failure, match="No such file"):
        keys.load_key(path)
    path.write_bytes(b"\xff nothing")
    path.chmod(0o600)
    with pytest.raises(Failure, match="is not a private key"):
        keys.load_key(path)
    path.write_bytes(
        generate_private_key(SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    with pytest.raises(Failure, match="is not an Ed25519 key"):
        keys.load_key(path)


def test_a_signed_note_is_read_by_the_verifier(tmp_path: Path) -> None:
    key = keys.make_key("schlüssel/\u00fc", tmp_path / "key")
    body = notes.checkpoint_body(
        "a/b/01a20fca-751a-757a-81d9-9efa24c38d7a/7", 12, bytes(32)
    )
    parsed = note.parse_note(notes.sign(body, key).encode())
    assert parsed.text == body
    trusted = note.load_keys([str(tmp_path / "key.vkey")])
    assert note.check_signature(parsed, trusted) == (note.TRUSTED, (key.name,))
    other = note.load_keys([keys.make_key("b", tmp_path / "b").vkey])
    assert note.check_signature(parsed, other) == (note.UNKNOWN_KEY, ())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_reads_the_key(tmp_path: Path) -> None:
    key = keys.make_key("a", tmp_path / "key")
    der = subprocess.run(
        ["openssl", "pkey", "-in", tmp_path / "key", "-pubout", "-outform", "DER"],
        check=True,
        capture_output=True,
    ).stdout
    assert der.endswith(key.public)
