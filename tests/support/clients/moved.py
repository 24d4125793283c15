"""A workload that goes on in another place, with the past that it finds there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from support.checkers.lost import set_back
from support.clients.calls import Connection
from support.clients.consumer_workers import CONSUMER, Claim, Confirmation, Delivered
from support.clients.feed_readers import Reader
from support.clients.store import Store
from support.clients.workload import Workload
from support.models.history import Transaction

CONFIRMED = """
select p.partition, e.id, e.aggregate_id, e.version
from evident.event_store as e
inner join evident.consumer as c on c.name = %s
inner join evident.consumer_partition as p
on
    p.consumer = c.name
    and p.partition = evident._partition_of(e.aggregate_id, c.partitions)
where e.id <= p.position
order by p.partition, e.id
"""
LONG_AGO = float("-inf")


def go_on_at(
    work: Workload,
    store: Store,
    history: Sequence[Transaction] | None = None,
    readers: Sequence[Reader] | None = None,
) -> list[str]:
    """Send everybody to a store; name what is confirmed there, and nobody ever got.

    The consumer's workers begin with what is confirmed there: it must not come again.
    """
    work.store = store
    for client in work.clients:
        client.store = store
    if history is not None:
        set_back(work, history)
    if readers is not None:
        work.readers = list(readers)
    with store.db.connect(autocommit=True) as observer:
        inherited = list(_confirmed(observer))
    given = {e.id for w in work.workers for c in w.claims for e in c.events}
    for worker in work.workers:
        worker.store, worker.claims = store, []
    work.workers[0].claims = inherited
    return [
        f"event {event.id} is confirmed, and nobody got it"
        for claim in inherited
        for event in claim.events
        if event.id not in given
    ]


def _confirmed(observer: Connection) -> Iterator[Claim]:
    rows = observer.execute(CONFIRMED, [CONSUMER]).fetchall()
    for partition in sorted({row[0] for row in rows}):
        events = [Delivered(*row[1:]) for row in rows if row[0] == partition]
        done = Confirmation(events[-1].id, LONG_AGO, LONG_AGO, "ok")
        yield Claim(partition, 0, events, LONG_AGO, [done])
