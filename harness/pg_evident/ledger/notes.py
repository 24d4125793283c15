"""Sign notes (https://c2sp.org/signed-note); who checks them is the verifier."""

from __future__ import annotations

import base64

from pg_evident.ledger.keys import SigningKey


def sign(body: str, key: SigningKey) -> str:
    """Return the body, which ends with a line end, with one signature under it."""
    signature = base64.b64encode(key.id + key.private.sign(body.encode())).decode()
    return f"{body}\n\u2014 {key.name} {signature}\n"


def checkpoint_body(origin: str, tree_size: int, root_hash: bytes) -> str:
    """Return the text of a checkpoint (https://c2sp.org/tlog-checkpoint)."""
    return f"{origin}\n{tree_size}\n{base64.b64encode(root_hash).decode()}\n"
