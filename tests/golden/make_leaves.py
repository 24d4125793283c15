"""Compute leaves.txt from events.ndjson, with nothing but the format's description.

    python tests/golden/make_leaves.py

No code of the project is used here, and no database: two wrongs shall not agree.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).resolve().parent
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def entry(line: bytes) -> bytes:
    """Build the bytes of one leaf."""
    event = json.loads(line)
    moment = event["occurred_at"]
    if isinstance(moment, str):
        moment = (datetime.fromisoformat(moment) - EPOCH) // timedelta(microseconds=1)
    texts = [event[key].encode() for key in ("event_type", "recorded_by")]
    documents = [event[key].encode() for key in ("payload", "metadata")]
    return b"".join(
        [
            b"evident.event.v1\n",
            event["id"].to_bytes(8, "big", signed=True),
            uuid.UUID(event["event_id"]).bytes,
            uuid.UUID(event["aggregate_id"]).bytes,
            event["version"].to_bytes(4, "big", signed=True),
            moment.to_bytes(8, "big", signed=True),
            *(len(each).to_bytes(4, "big") + each for each in texts),
            *(sha256(each).digest() for each in documents),
            bytes(32),
        ]
    )


def leaf(data: bytes) -> bytes:
    """Hash the bytes of one leaf."""
    return sha256(b"\x00" + data).digest()


def root(leaves: list[bytes]) -> bytes:
    """Hash leaves into the root, as RFC 6962 writes it."""
    if len(leaves) == 1:
        return leaves[0]
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    halves = root(leaves[:middle]) + root(leaves[middle:])
    return sha256(b"\x01" + halves).digest()


def leaves_text(events: bytes) -> str:
    """Write a line for each leaf, its hash and its bytes, and the root as the last."""
    entries = [entry(line) for line in events.split(b"\n")[:-1]]
    lines = [f"{leaf(each).hex()} {each.hex()}" for each in entries]
    return "\n".join([*lines, f"root {root([leaf(each) for each in entries]).hex()}\n"])


if __name__ == "__main__":
    text = leaves_text((HERE / "events.ndjson").read_bytes())
    (HERE / "leaves.txt").write_text(text)
