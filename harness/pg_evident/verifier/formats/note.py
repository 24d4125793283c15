"""Signed notes and checkpoints of C2SP, and the keys that one trusts."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .files import MISSING, FileError, read_file

ED25519 = b"\x01"
DASH = "\u2014 "
MAX_NOTE_BYTES = 1_000_000
# As many as other readers of such notes take.
MAX_SIGNATURES = 100
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")

TRUSTED = "trusted"
UNKNOWN_KEY = "unknown key"
BAD_SIGNATURE = "bad signature"


class NoteError(ValueError):
    """The text is not a key, a signed note or a checkpoint."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key under its name."""

    name: str
    key_id: bytes
    public: bytes


# Keys by name and key id.
Keys = Mapping[tuple[str, bytes], Key]


@dataclass(frozen=True, slots=True)
class Note:
    """A text with signatures: (key name, key id, signature)."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed claim: the log of this origin had this size and this root."""

    origin: str
    name: str
    log_id: str
    incarnation: int
    size: int
    root: bytes


def parse_key(line: str) -> Key:
    """Read `<name>+<8 hex>+<base64>`; NoteError when its parts do not agree."""
    parts = line.strip().split("+", 2)
    if len(parts) != 3 or not parts[0] or not re.fullmatch("[0-9a-f]{8}", parts[1]):
        raise NoteError(f"not a verifier key: {line.strip()[:80]}")
    name, key_id, encoded = parts
    material = from_base64(encoded)
    if len(material) != 33 or material[:1] != ED25519:
        raise NoteError(f"not an Ed25519 key: {name}")
    digest = sha256(name.encode() + b"\n" + material).digest()
    if digest[:4] != bytes.fromhex(key_id):
        raise NoteError(f"the id of the key {name} is not that of its bytes")
    return Key(name, digest[:4], material[1:])


def load_keys(given: Iterable[str]) -> dict[tuple[str, bytes], Key]:
    """Read verifier keys, each a key itself or a file of keys, one a line.

    Empty lines and lines that begin with # are left out.
    """
    keys = {}
    for each in given:
        for key in _keys(each):
            keys[key.name, key.key_id] = key
    return keys


def _keys(given: str) -> list[Key]:
    try:
        return [parse_key(given)]
    except NoteError as refusal:
        try:
            data = read_file(Path(given), MAX_NOTE_BYTES)
        except FileError as error:
            if str(error) == MISSING:
                raise refusal from None
            raise NoteError(f"{given}: {error}") from None
        try:
            lines = data.decode().splitlines()
        except UnicodeDecodeError:
            raise NoteError(f"{given}: not UTF-8") from None
    return [parse_key(x) for x in lines if x.strip() and not x.startswith("#")]


def parse_note(data: bytes) -> Note:
    """Read a signed note; NoteError when it is not one."""
    if len(data) > MAX_NOTE_BYTES:
        raise NoteError("too long for a signed note")
    try:
        content = data.decode()
    except UnicodeDecodeError as error:
        raise NoteError("not UTF-8") from error
    text, gap, tail = content.rpartition("\n\n")
    if not gap or not tail.endswith("\n") or _CONTROL.search(content):
        raise NoteError("not a signed note, or cut off")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteError(f"more than {MAX_SIGNATURES} signatures")
    signatures = []
    for line in lines:
        name, space, encoded = line.removeprefix(DASH).rpartition(" ")
        if not line.startswith(DASH) or not space or not name or "+" in name:
            raise NoteError("a signature line of another form")
        signature = from_base64(encoded)
        if len(signature) < 5:
            raise NoteError("a signature that is too short")
        signatures.append((name, signature[:4], signature[4:]))
    # The same one again says nothing new.
    return Note(text + "\n", tuple(dict.fromkeys(signatures)))


def check_signature(note: Note, keys: Keys) -> tuple[str, tuple[str, ...]]:
    """Say whether trusted keys signed a note, and which.

    `trusted` takes one good signature and no bad one of a trusted key; signatures of
    other keys are left out.
    """
    names = []
    for name, key_id, signature in note.signatures:
        key = keys.get((name, key_id))
        if key is None:
            continue
        try:
            public = Ed25519PublicKey.from_public_bytes(key.public)
            public.verify(signature, note.text.encode())
        except (InvalidSignature, ValueError):
            return BAD_SIGNATURE, (name,)
        names.append(name)
    return (TRUSTED, tuple(names)) if names else (UNKNOWN_KEY, ())


def signing_keys(note: Note, keys: Keys) -> tuple[Key, ...]:
    """Give the known keys that a note names, which have all signed a trusted one."""
    named = ((name, key_id) for name, key_id, _ in note.signatures)
    return tuple(keys[each] for each in named if each in keys)


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the three lines of a checkpoint; further lines are left out."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() != "" or "" in lines:
        raise NoteError("not the lines of a checkpoint")
    origin, size, root = lines[:3]
    parts = origin.rsplit("/", 2)
    try:
        name, log_id, incarnation = (
            parts[0],
            str(UUID(parts[1])),
            parse_number(parts[2]),
        )
    except (IndexError, ValueError) as error:
        raise NoteError(f"an origin of another form: {origin[:80]}") from error
    digest = from_base64(root)
    if len(digest) != 32:
        raise NoteError("a root of a wrong length")
    return Checkpoint(origin, name, log_id, incarnation, parse_number(size), digest)


def parse_number(text: str) -> int:
    """Read a decimal without sign, space or leading zero."""
    if not _NUMBER.fullmatch(text):
        raise NoteError(f"not a number: {text[:40]}")
    return int(text)


def from_base64(text: str) -> bytes:
    """Decode standard base64 in its one canonical form."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("not base64") from error
    if base64.b64encode(data).decode() != text:
        raise NoteError("not canonical base64")
    return data
