"""Promise 3, with everything else at work: one history of all kinds of transactions."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from psycopg import IsolationLevel

from pg_evident.server.cluster import Server
from report.evidence import Figures
from support.checkers.bounded import first_violations
from support.clients.store import LOGIN, Store
from support.clients.workload import Workload
from support.seeds import scaled
from support.servers.poolers import PGBOUNCER, PooledStore, pooler_for

LEVELS = [None, *list(IsolationLevel)[1:]]
EVENTS = scaled(500, 7_000)


@pytest.mark.promise(3)
@pytest.mark.parametrize("level", LEVELS, ids=lambda each: each.name if each else "mix")
def test_every_history_has_a_legal_order(
    store: Store, rng: random.Random, figures: Figures, level: IsolationLevel | None
) -> None:
    work = Workload(store, rng, level=level)
    with work.running():
        work.wait_for(EVENTS)
    print(work.outcomes(), work.others)
    found = work.violations()
    figures.add(histories=1, transactions=len(work.history), events=work.events)
    figures.add(anomalies=len(found))
    assert found == []
    assert work.outcomes()["PT409"] > 0


@pytest.mark.promise(18)
@pytest.mark.skipif(PGBOUNCER is None, reason="needs PgBouncer")
def test_a_history_through_a_pooler_is_as_without(
    store: Store, server: Server, rng: random.Random, figures: Figures
) -> None:
    with pooler_for(server, store.db.name, LOGIN, size=6) as uri:
        work = Workload(PooledStore(store.db, uri), rng)
        with work.running():
            work.wait_for(EVENTS)
        assert work.violations() == []
    figures.add(histories=1, transactions=len(work.history), events=work.events)


@pytest.mark.twin_of(3)
@pytest.mark.parametrize("name", ["check_then_insert", "article"])
def test_a_broken_append_is_caught(
    store: Store, rng: random.Random, twin: Callable[[str], None], name: str
) -> None:
    twin(name)
    # The read models of the workload would refuse what the twin stores.
    work = Workload(store, rng, models=[], readers=0, workers=0)

    def check() -> list[str]:
        with work.running():
            work.wait_for(50)
        return work.history_violations(store.log())

    assert first_violations(check)
