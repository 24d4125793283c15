"""Measure what the server's settings, and the choice of ids, do to appends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from pg_evident.bench.loads.append import EVIDENT, NEW, single_appends
from pg_evident.bench.loads.stores import changed_settings
from pg_evident.bench.stage.payloads import order
from pg_evident.bench.stage.schema import PAYLOAD, STORE
from pg_evident.bench.stage.server import Bench
from pg_evident.bench.terms import Candidate, Sample, Workload
from pg_evident.database import connect

_LARGE = 20_000  # bytes of payload

Settings = Mapping[str, str]


def settings_workloads(bench: Bench) -> Iterator[Workload]:
    """Give the workloads of `evident bench settings`; the defaults are the reference.

    New aggregates have random ids, so that their places in the index are all over it:
    right after a checkpoint most appends write a whole page to the log.
    """
    title = f"settings: new aggregates, {bench.events:,} events before"
    changes: list[tuple[str, Settings]] = [
        ("an answer before the log is on the disk", {"synchronous_commit": "off"}),
        ("a commit waits for company, at most 100 µs", {"commit_delay": "100"}),
    ]
    pages: list[tuple[str, Settings]] = [
        ("whole pages in the log are compressed", {"wal_compression": method})
        for method in _choices(bench, "wal_compression")
    ]
    workload = _workload(bench, title, PAYLOAD, [*changes, *pages])
    in_order = Candidate(
        "ids of aggregates in time order",
        "UUID version 7: new ones meet at the end of the index",
        _append(bench, "evident._uuid_v7()", PAYLOAD),
    )
    yield replace(workload, candidates=[*workload.candidates, in_order])
    by_method: list[tuple[str, Settings]] = [
        ("payloads are compressed by another method", {"default_toast_compression": it})
        for it in _choices(bench, "default_toast_compression")
    ]
    by_method += [
        (f"{gives}; {by_method[-1][0]}", {**change, **by_method[-1][1]})
        for gives, change in pages
        if by_method
    ]
    yield _workload(
        bench,
        f"settings: payloads of {_LARGE:,} bytes",
        order(_LARGE),
        [*pages, *by_method],
    )


def _workload(
    bench: Bench, title: str, payload: str, changes: list[tuple[str, Settings]]
) -> Workload:
    append = _append(bench, NEW, payload)
    candidates = [Candidate("as PostgreSQL comes", "durable", append)]
    for gives, change in changes:
        name = ", ".join(f"{setting} = {value}" for setting, value in change.items())
        candidates.append(Candidate(name, gives, _changed(bench, change, append)))
    return Workload(f"{title}, {bench.clients} connections", "events/s", candidates)


def _append(bench: Bench, aggregate: str, payload: str) -> Callable[[], Sample]:
    return single_appends(
        bench,
        EVIDENT.format(aggregate=aggregate, version="0"),
        STORE,
        clients=bench.clients,
        payload=payload,
    )


def _changed(
    bench: Bench, change: Settings, measure: Callable[[], Sample]
) -> Callable[[], Sample]:
    def run() -> Sample:
        with (
            connect(bench.server.uri, autocommit=True) as server,
            changed_settings(server, change),
        ):
            return measure()

    return run


def _choices(bench: Bench, setting: str) -> list[str]:
    """Return the methods that this build has besides the default one."""
    with connect(bench.server.uri, autocommit=True) as connection:
        row = connection.execute(
            "select s.enumvals, s.boot_val from pg_settings as s where s.name = %s",
            [setting],
        ).fetchone()
    values, default = row if row else ([], "")
    # `on` is another word for pglz.
    return [each for each in values if each not in (default, "on", "off")]
