"""Measure Evident's append beside those of other event stores on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pg_evident.bench.loads.append import NEW, OWN, WAYS, single_appends
from pg_evident.bench.peers.calls import PEERS, call
from pg_evident.bench.peers.install import Installed, install
from pg_evident.bench.peers.stores import build_stores
from pg_evident.bench.stage.server import Bench
from pg_evident.bench.terms import Budget, Candidate, Sample, Say, Workload
from pg_evident.failure import Failure

OURS = dict(zip(("raw", "article", "evident"), WAYS, strict=True))
# The least rate of Evident beside each, one event per transaction.
_BUDGETS = {
    "raw": 0.8,
    "article": 1.0,
    "message-db": 4.0,
    "emmett": 1.6,
    "eventsourcing": 3.0,
}

# Where a call names its stream twice, it cannot be a random one.
_NEXT = "md5(:run::text || '/' || :client_id::text || '/' || :v::text)::uuid"
_ONE_CATEGORY = "'order-'"
_OWN_CATEGORY = "'order' || :client_id::text || '-'"


@dataclass(frozen=True)
class Chosen:
    """What shall be measured: names of OURS and PEERS, and the packages at hand."""

    names: Sequence[str]
    installed: Mapping[str, Installed]


def peer_workloads(bench: Bench) -> list[Workload]:
    """Return the workloads of `evident bench peers`; raw INSERT is the reference."""
    chosen = _choose(bench.options.only, bench.options.cache, bench.say)
    stores = {
        name: (PEERS[name].store, installed)
        for name, installed in chosen.installed.items()
    }
    if stores:
        bench.say(f"filling {', '.join(stores)} with {bench.events:,} events each")
    statements = build_stores(bench, stores)
    # What differs there is message-db's lock, which is one per category.
    several = [
        name for name in chosen.names if name in ("raw", "evident", "message-db")
    ]
    workloads = []
    for title, names, category, version in (
        ("new streams, one category", chosen.names, _ONE_CATEGORY, "0"),
        ("known versions, one category", chosen.names, _ONE_CATEGORY, ":v"),
        ("new streams, a category each", several, _OWN_CATEGORY, "0"),
    ):
        candidates = [
            _ours(bench, name, version)
            if name in OURS
            else _peer(bench, chosen, name, statements, category, version)
            for name in names
        ]
        title = f"peers: {title}, {bench.clients} connections"
        workloads.append(Workload(title, "events/s", candidates))
    workloads[0] = replace(workloads[0], candidates=_promised(workloads[0], chosen))
    return workloads


def _choose(only: str | None, cache: Path | None, say: Say) -> Chosen:
    """Read the names in `--only` and have their packages in the cache.

    Raises Failure for a name that does not exist, and for packages that cannot be had.
    """
    known = [*OURS, *PEERS]
    given = known if only is None else [name.strip() for name in only.split(",")]
    for name in given:
        if name not in known:
            raise Failure(
                f"there is no {name!r} to measure", f"one of {', '.join(known)}"
            )
    # The reference, and what this is about.
    names = [name for name in known if name in {"raw", "evident", *given}]
    installed, missing, reasons = {}, [], []
    for name in names:
        if name in PEERS:
            try:
                installed[name] = install(PEERS[name].package, cache, say)
            except Failure as failure:
                missing.append(name)
                reasons += [failure.message, failure.hint or ""]
    if missing:
        rest = ",".join(name for name in names if name not in missing)
        reasons.append(f"to go on without: evident bench peers --only {rest}")
        raise Failure(f"{', '.join(missing)}: could not be had", "\n".join(reasons))
    return Chosen(names, installed)


def _title(name: str, chosen: Chosen) -> str:
    """Return a candidate's name as the tables show it: a peer's with its version."""
    if name in OURS:
        return OURS[name].name
    return f"{PEERS[name].name} {chosen.installed[name].version}"


def _promised(workload: Workload, chosen: Chosen) -> list[Candidate]:
    """Give Evident its budgets, beside those that are measured."""
    budgets = [
        Budget(least, None if name == "raw" else _title(name, chosen))
        for name, least in _BUDGETS.items()
        if name in chosen.names
    ]
    return [
        replace(each, budgets=budgets) if each.name == OURS["evident"].name else each
        for each in workload.candidates
    ]


def _ours(bench: Bench, name: str, version: str) -> Candidate:
    way = OURS[name]
    aggregate = NEW if version == "0" else OWN
    command = way.command.format(aggregate=aggregate, version=version)
    measure = single_appends(bench, command, way.table, clients=bench.clients)
    return Candidate(way.name, way.gives, measure)


def _peer(
    bench: Bench,
    chosen: Chosen,
    name: str,
    statements: Mapping[str, str],
    category: str,
    version: str,
) -> Candidate:
    """Return a peer to measure; each error in the server's log counts as a failure."""
    peer, title = PEERS[name], _title(name, chosen)
    aggregate = OWN if version != "0" else _NEXT if name == "dcb" else NEW
    append = single_appends(
        bench,
        call(peer, statements, aggregate=aggregate, category=category, version=version),
        peer.tables[0],
        also=peer.tables[1:],
        clients=bench.clients,
        is_right=peer.is_right,
    )

    def measure() -> Sample:
        log = bench.server.log
        before = log.stat().st_size
        try:
            sample = append()
        except Failure as failure:
            raise Failure(f"{title}: {failure.message}", failure.hint) from failure
        with log.open("rb") as file:
            file.seek(before)
            errors = [line for line in file if b"ERROR:" in line]
        for line in errors[:1]:
            bench.say(f"{title}: {line.decode(errors='replace').strip()}")
        return replace(sample, failures=max(sample.failures, len(errors)))

    return Candidate(title, peer.gives, measure)
