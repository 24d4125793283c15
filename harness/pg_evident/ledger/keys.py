"""Keys that sign checkpoints: an Ed25519 key in a file of its own, its name beside it.

`FILE` has the private key (PEM, PKCS #8), `FILE.vkey` the verifier key line of
https://c2sp.org/signed-note: name, key id and public key. That line is for everybody.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pg_evident.failure import Failure

PASSPHRASE = "EVIDENT_KEY_PASSPHRASE"
ED25519 = b"\x01"
OPEN_TO_OTHERS = 0o077


@dataclass(frozen=True)
class SigningKey:
    """A private key and the name under which it signs."""

    name: str
    private: Ed25519PrivateKey

    @property
    def public(self) -> bytes:
        """Return the public key, 32 bytes."""
        return self.private.public_key().public_bytes_raw()

    @property
    def id(self) -> bytes:
        """Return the key id, 4 bytes."""
        text = self.name.encode() + b"\n" + ED25519 + self.public
        return hashlib.sha256(text).digest()[:4]

    @property
    def vkey(self) -> str:
        """Return the verifier key line, without a line end."""
        public = base64.b64encode(ED25519 + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{public}"


def make_key(name: str, path: Path) -> SigningKey:
    """Make a key, write `path` and `path`.vkey and return it.

    Encrypted where EVIDENT_KEY_PASSPHRASE is set. Raises Failure for a name that no
    key can have, and where one of the files exists.
    """
    _check_name(name)
    beside = vkey_path(path)
    for each in (path, beside):
        if each.exists():
            raise Failure(f"{each} exists and is not overwritten", "give another file")
    key = SigningKey(name, Ed25519PrivateKey.generate())
    passphrase = _passphrase()
    pem = key.private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption(),
    )
    _write_new(path, pem, mode=0o600)
    _write_new(beside, f"{key.vkey}\n".encode(), mode=0o666)
    return key


def load_key(path: Path, name: str | None = None) -> SigningKey:
    """Read a key that only its owner can reach; its name is given or in `path`.vkey.

    Raises Failure for a file that others can reach, that is no Ed25519 key, or whose
    pass phrase is not in EVIDENT_KEY_PASSPHRASE, and when the .vkey file is another
    key's.
    """
    private = _read_private(path)
    if name is not None:
        _check_name(name)
        return SigningKey(name, private)
    beside = vkey_path(path)
    try:
        line = beside.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise Failure(
            f"there is no {beside}, which has the key's name",
            f"evident keygen --show {path} --name NAME > {beside}",
        ) from None
    key = SigningKey(line.partition("+")[0], private)
    if key.vkey != line:
        raise Failure(
            f"{beside} is not the verifier key of {path}", "find the right one"
        )
    return key


def vkey_path(path: Path) -> Path:
    """Return where the verifier key of a key file is."""
    return path.with_name(f"{path.name}.vkey")


def _check_name(name: str) -> None:
    if not name or "+" in name or " " in name or not name.isprintable():
        raise Failure(
            f"{name!r} cannot name a key",
            "give a name such as example.com/orders, without spaces or +",
        )


def _read_private(path: Path) -> Ed25519PrivateKey:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & OPEN_TO_OTHERS:
                raise Failure(
                    f"others than its owner can reach the key {path}",
                    f"chmod 600 {path}",
                )
            pem = file.read()
    except OSError as error:
        raise Failure(f"cannot read the key {path}: {error.strerror}") from None
    try:
        key = _parse(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise Failure(
            f"{path} is not a private key, or its pass phrase is not in {PASSPHRASE}"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Failure(f"{path} is not an Ed25519 key", "evident keygen makes one")
    return key


def _parse(pem: bytes) -> object:
    """Read a PEM; a pass phrase is used for a key that is encrypted only."""
    try:
        return serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        # So it is encrypted.
        password = _passphrase()
        if not password:
            raise ValueError("no pass phrase") from None
        return serialization.load_pem_private_key(pem, password=password)


def _passphrase() -> bytes:
    return os.environ.get(PASSPHRASE, "").encode()


def _write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file that is not there yet, wholly or not at all."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        raise Failure(f"cannot make {path}: {error.strerror}") from None
    try:
        with open(file, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
