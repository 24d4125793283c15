"""Verification keeps up with a plain loop over the same file."""

from __future__ import annotations

import hashlib
import json
import struct
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from support.checkers.judging import is_clean, judge
from support.models import exports

EVENTS = 15_000
Y2K = datetime(2000, 1, 1, tzinfo=UTC)


def plain(file: Path) -> None:
    """Read each event, build its entry and hash it, and nothing else."""
    with file.open("rb") as stream:
        for line in stream:
            event = json.loads(line)
            since = datetime.fromisoformat(event["occurred_at"]) - Y2K
            entry = struct.pack(
                ">17sq16s16siq",
                b"evident.event.v1\n",
                event["id"],
                uuid.UUID(event["event_id"]).bytes,
                uuid.UUID(event["aggregate_id"]).bytes,
                event["version"],
                (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds,
            )
            for name in ("event_type", "recorded_by"):
                text = event[name].encode()
                entry += struct.pack(">i", len(text)) + text
            for name in ("payload", "metadata"):
                entry += hashlib.sha256(event[name].encode()).digest()
            hashlib.sha256(b"\0" + entry + bytes(32)).digest()


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def test_verification_has_at_least_half_the_speed_of_a_plain_loop(
    tmp_path: Path,
) -> None:
    export = exports.make_export(exports.make_events(EVENTS), step=EVENTS)
    folder = exports.write_export(export, tmp_path)
    assert is_clean(judge(folder))
    loop = min(seconds(lambda: plain(folder / "events.ndjson")) for _ in range(4))
    whole = min(seconds(lambda: judge(folder)) for _ in range(4))
    assert loop / whole >= 0.5, f"{loop / whole:.2f} of the speed of a plain loop"
