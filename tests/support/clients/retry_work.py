"""Clients that lose the reply around COMMIT and ask again until they have one."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import make_conninfo

from support.clients.calls import Connection, Entry, Outcome, events_of, function_for
from support.clients.operations import Operation, close_quietly
from support.clients.store import LOGIN, Store
from support.clients.waiting import together
from support.servers.proxy import Proxy, proxy_to, random_cut

ATTEMPTS = 30


@dataclass
class Retries:
    """What all clients asked for, and how often their lines failed."""

    operations: list[Operation] = field(default_factory=list)
    cuts: int = 0
    resets: int = 0
    delays: int = 0


def run_retries(
    store: Store,
    socket_path: str,
    rng: random.Random,
    *,
    clients: int,
    requests: int,
    is_exact: bool = True,
) -> Retries:
    """Let clients send requests through proxies that cut and delay."""
    done = Retries()
    shared = [uuid.UUID(int=rng.getrandbits(128)) for _ in range(2)]

    def client(seed: int) -> tuple[list[Operation], int, Proxy]:
        own = random.Random(seed)
        with proxy_to(socket_path) as proxy:
            served = Client(store.db.name, proxy, own)
            return *served.run(requests, shared, is_exact), proxy

    seeds = [rng.getrandbits(32) for _ in range(clients)]
    actions = [lambda s=seed: client(s) for seed in seeds]
    for operations, cuts, proxy in together(actions, timeout=600):
        done.operations += operations
        done.cuts += cuts
        done.resets += proxy.resets
        done.delays += proxy.delays
    return done


class Client:
    """One application process with a bad line to its database."""

    def __init__(self, database: str, proxy: Proxy, rng: random.Random) -> None:
        self.conninfo = make_conninfo(
            host="127.0.0.1",
            port=proxy.port,
            dbname=database,
            user=LOGIN,
            sslmode="disable",
            gssencmode="disable",
            connect_timeout=10,
        )
        self.proxy = proxy
        self.rng = rng
        self.cuts = 0
        self.connection = self.connect()

    def connect(self) -> Connection:
        return psycopg.connect(self.conninfo, autocommit=True)

    def run(
        self, requests: int, shared: Sequence[uuid.UUID], is_exact: bool
    ) -> tuple[list[Operation], int]:
        own = [uuid.UUID(int=self.rng.getrandbits(128)) for _ in range(2)]
        versions = dict.fromkeys(own, 0)
        operations = []
        for number in range(requests):
            name = f"{own[0]}.{number}"
            entries = self.entries(name, versions, shared, is_exact)
            operation = self.until_acknowledged(Operation(name, entries))
            operations.append(operation)
            assert operation.outcome is not None
            if operation.is_acknowledged:
                answered = zip(entries, operation.outcome.versions, strict=True)
                versions |= {e.aggregate: v for e, v in answered if e.aggregate in own}
        close_quietly(self.connection)
        return operations, self.cuts

    def entries(
        self,
        name: str,
        versions: dict[uuid.UUID, int],
        shared: Sequence[uuid.UUID],
        is_exact: bool,
    ) -> tuple[Entry, ...]:
        """Make a request for one aggregate or two, every event with an event_id."""
        chosen = self.rng.sample([*versions, *shared], self.rng.choice([1, 1, 2]))
        return tuple(
            Entry(
                aggregate,
                versions.get(aggregate) if is_exact else None,
                events_of(name, self.rng.randint(1, 2), with_ids=True),
            )
            for aggregate in chosen
        )

    def until_acknowledged(self, operation: Operation) -> Operation:
        """Send the same request, first over cut lines, until an answer comes back."""
        operation.invoked = time.monotonic()
        send: Callable[[Operation], tuple[int, ...]]
        send = self.rng.choice([self.send_alone, self.send_in_transaction])
        for attempt in range(ATTEMPTS):
            is_cut = attempt < ATTEMPTS // 2 and self.rng.random() < 0.6
            try:
                operation.outcome = Outcome(versions=send(operation, is_cut))
                break
            except psycopg.Error as error:
                if error.sqlstate is not None:
                    operation.outcome = Outcome(sqlstate=error.sqlstate)
                    break
                self.cuts += 1
                close_quietly(self.connection)
                self.connection = self.connect()
        operation.returned = time.monotonic()
        return operation

    def send_alone(self, operation: Operation, is_cut: bool) -> tuple[int, ...]:
        """Call in a statement that commits itself, the line cut around it."""
        if is_cut:
            self.proxy.arm(random_cut(self.rng))
        return function_for(operation.entries)(self.connection, operation.entries)

    def send_in_transaction(
        self, operation: Operation, is_cut: bool
    ) -> tuple[int, ...]:
        """Call in a transaction, the line cut around its COMMIT."""
        with self.connection.transaction():
            function = function_for(operation.entries)
            versions = function(self.connection, operation.entries)
            if is_cut:
                self.proxy.arm(random_cut(self.rng))
        return versions
