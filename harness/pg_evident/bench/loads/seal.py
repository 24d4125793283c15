"""Measure seal beside plain hashing, and appends while a sealer is at work."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from pg_evident.bench.loads.append import EVIDENT, NEW
from pg_evident.bench.loads.sealing import (
    SEAL,
    hashing,
    is_sealed_well,
    number,
    over_all,
    seal_all,
)
from pg_evident.bench.measure.pgbench import Outcome, pgbench
from pg_evident.bench.measure.processors import metered
from pg_evident.bench.measure.together import parts
from pg_evident.bench.stage.schema import (
    EVENT_TYPE,
    PAYLOAD,
    STORE,
    count,
    has_dense_versions,
)
from pg_evident.bench.stage.server import TEMPLATE, Bench, checkpoint, fresh_database
from pg_evident.bench.terms import Budget, Candidate, Sample, Usage, Workload
from pg_evident.database import connect

_PAUSE = 1.0  # seconds between two seals beside appends
_WARM_UP = 100  # transactions per client
_ALONE, _BESIDE = "append_event alone", f"append_event, seal every {_PAUSE:.0f} s"
# What slows the machine down more and more slows both by the same.
_TURNS = (_ALONE, _BESIDE, _BESIDE, _ALONE)

_SCRIPT = EVIDENT.format(aggregate=NEW, version="0")


@dataclass
class _Side:
    """One of the two databases of a round, and what its turns gave."""

    database: str
    outcomes: list[Outcome] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)
    seals: int = 0
    is_right: bool = False


def seal_workloads(bench: Bench) -> Iterator[Workload]:
    """Give the workloads of `evident bench seal`, each with its own reference.

    For the second one the events in the template database are sealed.
    """
    yield Workload(
        f"seal: {bench.events:,} events, 1 connection",
        "events/s",
        [
            hashing(bench),
            Candidate(
                "seal, 100,000 a call",
                "tiles, tree heads, the guards' state; appends go on",
                over_all(bench, seal_all),
                [Budget(0.6)],
            ),
        ],
    )
    with connect(bench.server.uri_for(TEMPLATE), autocommit=True) as connection:
        seal_all(connection)
    part = parts(lambda: _round(bench))
    yield Workload(
        f"seal: appends beside the sealer, new aggregates, {bench.clients} connections",
        "events/s",
        [
            Candidate(_ALONE, "not sealed yet", part(_ALONE)),
            Candidate(_BESIDE, "sealed as they come", part(_BESIDE), [Budget(0.95)]),
        ],
    )


def _round(bench: Bench) -> dict[str, Sample]:
    """Return a sample of both, each of two turns."""
    with (
        fresh_database(bench, "bench_alone") as alone,
        fresh_database(bench, "bench_beside") as beside,
    ):
        sides = {_ALONE: _Side(alone), _BESIDE: _Side(beside)}
        for side in sides.values():
            _append(bench, side.database, transactions=_WARM_UP)
        for name in _TURNS:
            side = sides[name]
            checkpoint(bench)
            with metered(bench.server) as usage, contextlib.ExitStack() as stack:
                if name == _BESIDE:
                    stack.enter_context(_sealer(bench, side))
                side.outcomes.append(_append(bench, side.database))
            side.usages.append(usage)
        for name, side in sides.items():
            side.is_right = _is_right(bench, side, is_sealed=name == _BESIDE)
    return {name: _sample(side) for name, side in sides.items()}


def _append(bench: Bench, database: str, transactions: int | None = None) -> Outcome:
    return pgbench(
        bench,
        database,
        _SCRIPT,
        clients=bench.clients,
        variables={"event_type": EVENT_TYPE, "payload": PAYLOAD},
        transactions=transactions,
    )


def _is_right(bench: Bench, side: _Side, *, is_sealed: bool) -> bool:
    written = sum(each.transactions for each in side.outcomes)
    with (
        connect(bench.server.uri_for(side.database), autocommit=True) as connection,
        connect(bench.server.uri_for(TEMPLATE), autocommit=True) as template,
    ):
        expected = count(template, STORE) + written + bench.clients * _WARM_UP
        # The sealer may have written an event about the guards.
        is_whole = 0 <= count(connection, STORE) - expected <= int(is_sealed)
        is_dense = has_dense_versions(connection, STORE)
        return is_whole and is_dense and (not is_sealed or is_sealed_well(connection))


def _sample(side: _Side) -> Sample:
    return Sample(
        operations=sum(each.transactions for each in side.outcomes),
        seconds=sum(each.transactions / each.rate for each in side.outcomes),
        usage=Usage(
            server_seconds=sum(each.server_seconds for each in side.usages),
            others=sum(each.others for each in side.usages) / len(side.usages),
        ),
        failures=sum(each.aborted for each in side.outcomes),
        is_right=side.is_right,
        extra={"seals": side.seals} if side.seals else {},
    )


@contextlib.contextmanager
def _sealer(bench: Bench, side: _Side) -> Iterator[None]:
    """Seal every second until the block ends, counting the calls."""
    stop = threading.Event()

    def work() -> None:
        with connect(bench.server.uri_for(side.database), autocommit=True) as sealer:
            while not stop.wait(_PAUSE):
                number(sealer, SEAL)
                side.seals += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
