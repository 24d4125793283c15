"""Write exports, checkpoints and proofs the slow way, straight from RFC 6962.

It shares no code with the verifier: what the two agree on, two readings of the format
agree on.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Event = dict[str, Any]

LOG_ID = "0a1b2c3d-0000-4000-8000-00000000ffff"
START = datetime(2026, 3, 1, 8, 0, 0, tzinfo=UTC)
Y2K = datetime(2000, 1, 1, tzinfo=UTC)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


# RFC 6962, section 2.1


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(leaves: list[bytes]) -> bytes:
    """2.1: the hash of a tree, over leaf hashes."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha(b"\x01" + mth(leaves[:k]) + mth(leaves[k:]))


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """2.1.1: the audit path of leaf m."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def consistency(m: int, leaves: list[bytes]) -> list[bytes]:
    """2.1.2: the proof that the tree of m leaves is a beginning of this one."""
    return _subproof(m, leaves, True)


def _subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    n = len(leaves)
    if m == n:
        return [] if whole else [mth(leaves)]
    k = split(n)
    if m <= k:
        return [*_subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*_subproof(m - k, leaves[k:], False), mth(leaves[:k])]


# docs/ledger-spec.md


def micros(value: str | int) -> int:
    if isinstance(value, int):
        return value
    delta = datetime.fromisoformat(value) - Y2K
    return (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds


def entry(event: Event, private: bytes = bytes(32)) -> bytes:
    out = b"evident.event.v1\n"
    out += event["id"].to_bytes(8, "big", signed=True)
    out += uuid.UUID(event["event_id"]).bytes
    out += uuid.UUID(event["aggregate_id"]).bytes
    out += event["version"].to_bytes(4, "big", signed=True)
    out += micros(event["occurred_at"]).to_bytes(8, "big", signed=True)
    for name in ("event_type", "recorded_by"):
        text = event[name].encode()
        out += len(text).to_bytes(4, "big", signed=True) + text
    for name in ("payload", "metadata"):
        out += sha(event[name].encode())
    return out + private


def leaf(data: bytes) -> bytes:
    return sha(b"\x00" + data)


@dataclass(frozen=True)
class Log:
    """A log with its signing key."""

    name: str = "example.com/shop"
    log_id: str = LOG_ID
    incarnation: int = 1
    seed: int = 1
    key_name: str = "example.com/shop"
    incarnations: tuple[tuple[str, int], ...] = (("installed", 0),)

    @property
    def origin(self) -> str:
        return f"{self.name}/{self.log_id}/{self.incarnation}"

    @property
    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(sha(b"%d" % self.seed))

    @property
    def _public(self) -> bytes:
        return self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def _key_id(self) -> bytes:
        return sha(self.key_name.encode() + b"\n\x01" + self._public)[:4]

    @property
    def vkey(self) -> str:
        material = b"\x01" + self._public
        return f"{self.key_name}+{self._key_id.hex()}+{b64(material)}"

    def sign(self, body: str) -> str:
        signature = b64(self._key_id + self._private.sign(body.encode()))
        return f"{body}\n\u2014 {self.key_name} {signature}\n"

    def checkpoint(self, leaves: list[bytes]) -> str:
        return self.sign(f"{self.origin}\n{len(leaves)}\n{b64(mth(leaves))}\n")

    def begin(self, reason: str, size: int) -> Log:
        """The next incarnation of this log."""
        incarnations = (*self.incarnations, (reason, size))
        return replace(
            self, incarnation=self.incarnation + 1, incarnations=incarnations
        )


def make_events(
    count: int, seed: int = 1, aggregates: int | None = None
) -> list[Event]:
    """Make a plausible history: some ids are left out, as after a rollback."""
    dice = random.Random(seed)
    names = [
        str(uuid.UUID(int=dice.getrandbits(128), version=4))
        for _ in range(aggregates or max(1, count // 6))
    ]
    versions: dict[str, int] = {}
    number, moment, events = 0, START, []
    for _ in range(count):
        number += dice.choice((1, 1, 1, 2, 5))
        moment += timedelta(microseconds=dice.randrange(1, 900_000))
        aggregate = dice.choice(names)
        versions[aggregate] = versions.get(aggregate, 0) + 1
        amount = f"{dice.randrange(1, 9999)}.{dice.randrange(100):02d}"
        events.append(
            {
                "id": number,
                "event_id": str(uuid.UUID(int=dice.getrandbits(128), version=4)),
                "aggregate_id": aggregate,
                "version": versions[aggregate],
                "occurred_at": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "event_type": dice.choice(("OrderCreated", "PaymentProcessed")),
                "recorded_by": "shop_app",
                "payload": f'{{"amount": {amount}, "name": "Zoë №{number}"}}',
                "metadata": '{"source": "web"}',
            }
        )
    return events


@dataclass
class Export:
    """What an export is made of, before it is written; tests change its parts."""

    log: Log
    events: list[Event]
    size: int
    entries: list[bytes] = field(default_factory=list)
    lines: list[Event] = field(default_factory=list)
    heads: list[dict[str, Any]] = field(default_factory=list)

    @property
    def leaves(self) -> list[bytes]:
        return [leaf(each) for each in self.entries]


def make_export(
    events: list[Event], log: Log | None = None, size: int | None = None, step: int = 50
) -> Export:
    """Seal the first events, `step` at a time; the rest stays unsealed."""
    size = len(events) if size is None else size
    export = Export(log or Log(), events, size)
    export.entries = [entry(each) for each in events[:size]]
    export.lines = [dict(each) for each in events]
    export.heads = make_heads(export, step)
    return export


def make_heads(export: Export, step: int) -> list[dict[str, Any]]:
    leaves, heads = export.leaves, []
    for size in [*range(step, export.size, step), export.size]:
        if size == 0:
            continue
        last = export.events[size - 1]
        # A false date in one event does not move the clock of the sealer.
        near = export.events[max(0, size - 50) : size]
        dates = sorted(micros(each["occurred_at"]) for each in near)
        sealed = Y2K + timedelta(microseconds=dates[len(dates) // 2], minutes=1)
        heads.append(
            {
                "number": len(heads) + 1,
                "tree_size": size,
                "root_hash": b64(mth(leaves[:size])),
                "last_event_id": last["id"],
                "sealed_at": sealed.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            }
        )
    return heads


def write_export(export: Export, folder: Path) -> Path:
    """Write all files of an export."""
    leaves = export.leaves
    write(folder, "checkpoint", export.log.checkpoint(leaves).encode())
    write_tiles(folder, leaves)
    write_entries(folder, export.entries)
    write_lines(folder / "events.ndjson", export.lines)
    write_lines(folder / "tree-heads.ndjson", export.heads)
    log = export.log
    begun = [
        {
            "incarnation": number,
            "name": log.name,
            "reason": reason,
            "begun_at": "2026-03-01T07:59:00.000000Z",
            "begun_by": "evident_operator",
            "tree_size": size,
        }
        for number, (reason, size) in enumerate(log.incarnations, 1)
    ]
    about = {
        "format": "evident.export.v1",
        "origin": log.origin,
        "log_id": log.log_id,
        "name": log.name,
        "incarnations": begun,
        "exported_at": "2026-03-02T00:00:00.000000Z",
        "tree_size": export.size,
    }
    write(folder, "log.json", json.dumps(about, ensure_ascii=False).encode())
    return folder


def write(folder: Path, name: str, data: bytes) -> None:
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def write_lines(file: Path, lines: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in lines)
    file.write_bytes(text.encode())


def read_lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_bytes().split(b"\n") if line]


def tile_name(index: int) -> str:
    """3-digit groups, all but the last with an x before them."""
    text = str(index)
    text = text.zfill(-(-len(text) // 3) * 3)
    groups = [text[at : at + 3] for at in range(0, len(text), 3)]
    return "/".join([f"x{each}" for each in groups[:-1]] + groups[-1:])


def write_tiles(folder: Path, leaves: list[bytes]) -> None:
    level, hashes = 0, leaves
    while hashes:
        for start in range(0, len(hashes), 256):
            part = hashes[start : start + 256]
            suffix = "" if len(part) == 256 else f".p/{len(part)}"
            name = f"tile/{level}/{tile_name(start // 256)}{suffix}"
            write(folder, name, b"".join(part))
        level += 1
        hashes = [mth(hashes[at : at + 256]) for at in range(0, len(hashes) - 255, 256)]


def write_entries(folder: Path, entries: list[bytes]) -> None:
    for start in range(0, len(entries), 256):
        part = entries[start : start + 256]
        suffix = "" if len(part) == 256 else f".p/{len(part)}"
        data = b"".join(len(each).to_bytes(2, "big") + each for each in part)
        write(folder, f"tile/entries/{tile_name(start // 256)}{suffix}", data)


def write_checkpoint(folder: Path, log: Log, leaves: list[bytes]) -> Path:
    """Keep a checkpoint outside, as `evident publish` does."""
    name = f"{log.incarnation:06d}-{len(leaves):012d}.checkpoint"
    write(folder, name, log.checkpoint(leaves).encode())
    write(folder, "checkpoint", log.checkpoint(leaves).encode())
    return folder / name


def write_proof(folder: Path, export: Export, index: int) -> Path:
    event, leaves = export.events[index], export.leaves
    lines = ["c2sp.org/tlog-proof@v1", f"index {index}"]
    lines += [b64(each) for each in path(index, leaves)]
    text = "\n".join(lines) + "\n\n" + export.log.checkpoint(leaves)
    name = f"{event['event_id']}.tlog-proof"
    write(folder, name, text.encode())
    write_lines(folder / f"{event['event_id']}.json", [event])
    return folder / name
