"""Measure the offline verifier beside plain Python loops over the same export."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from struct import pack, unpack_from
from typing import Any
from uuid import UUID

from pg_evident.bench.measure.processors import metered
from pg_evident.bench.stage.server import TEMPLATE, Bench
from pg_evident.bench.terms import Candidate, Sample, Workload
from pg_evident.export import run as export
from pg_evident.ledger import keys, publish
from pg_evident.verifier.check import Request, verify_export
from pg_evident.verifier.formats.note import load_keys

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def offline_workload(bench: Bench) -> Iterator[Workload]:
    """Publish and export the template database, and give one workload over that.

    Its events must be sealed.
    """
    with tempfile.TemporaryDirectory(prefix="evident-bench-") as name:
        folder = Path(name)
        dsn = bench.server.uri_for(TEMPLATE)
        key = keys.make_key("example.com/bench", folder / "key")
        publisher = publish.Publisher(key, folder / "checkpoints", lambda _: None)
        publish.publish(dsn, publisher, new_directory=True)
        log = folder / "log"
        export.run(dsn, log, None, begin=lambda *_: None, advance=lambda _: None)
        request = Request(log, load_keys([key.vkey]))
        yield Workload(
            "evident verify: an export, one process",
            "events/s",
            [
                Candidate(
                    "plain loop: lines to leaf hashes",
                    "reads events.ndjson, builds and hashes each entry; compares"
                    " nothing",
                    _timed(bench, lambda: _hash_lines(log)),
                ),
                Candidate(
                    "plain loop: stored entries only",
                    "hashes the bytes in tile/entries; no event is looked at",
                    _timed(bench, lambda: _hash_entries(log)),
                ),
                Candidate(
                    "evident verify",
                    "lines, entries, tiles, roots, signature, versions of each"
                    " aggregate",
                    _timed(bench, lambda: _verify(request)),
                ),
            ],
        )


def _timed(bench: Bench, work: Callable[[], int]) -> Callable[[], Sample]:
    """Return a run of `work`, which gives how many events it dealt with."""

    def measure() -> Sample:
        with metered(bench.server) as usage:
            start = time.perf_counter()
            done = work()
            spent = time.perf_counter() - start
        return Sample(
            operations=done,
            seconds=spent,
            usage=usage,
            is_right=done >= bench.events,
        )

    return measure


def _verify(request: Request) -> int:
    report = verify_export(request)
    return report.checked if report.exit_code == 0 else 0


def _hash_lines(log: Path) -> int:
    done = 0
    with (log / "events.ndjson").open(encoding="utf-8") as lines:
        for line in lines:
            sha256(b"\x00" + _entry(json.loads(line))).digest()
            done += 1
    return done


def _entry(event: dict[str, Any]) -> bytes:
    """Build the leaf's bytes as docs/ledger-spec.md tells, in the plainest way."""
    moment = datetime.fromisoformat(event["occurred_at"]) - _EPOCH
    event_type = event["event_type"].encode()
    recorded_by = event["recorded_by"].encode()
    return b"".join(
        (
            b"evident.event.v1\n",
            pack(">q", event["id"]),
            UUID(event["event_id"]).bytes,
            UUID(event["aggregate_id"]).bytes,
            pack(">iq", event["version"], moment // _MICROSECOND),
            pack(">i", len(event_type)),
            event_type,
            pack(">i", len(recorded_by)),
            recorded_by,
            sha256(event["payload"].encode()).digest(),
            sha256(event["metadata"].encode()).digest(),
            bytes(32),
        )
    )


def _hash_entries(log: Path) -> int:
    done = 0
    for file in sorted((log / "tile" / "entries").rglob("*")):
        if file.is_dir():
            continue
        data = file.read_bytes()
        position = 0
        while position < len(data):
            (length,) = unpack_from(">H", data, position)
            position += 2
            sha256(b"\x00" + data[position : position + length]).digest()
            position += length
            done += 1
    return done
