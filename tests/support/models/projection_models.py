"""Read models whose rows tell every event that made them, and the same fold here.

Each row carries a chain of hashes over the ids of its events: one that is missing, or
folded twice, or in another order, shows in all that follow. `Closed` removes the row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from support.clients.store import OWN, Connectable

Connection = psycopg.Connection[Any]
Rows = dict[str, tuple[int, int, str]]

SCHEMA = """
create schema races authorization evident_projector;
grant usage on schema races to evident_reader, evident_operator;
create function races.touched(p_event evident.event_store)
returns setof text
language sql
immutable
begin atomic
    select k.key
    from jsonb_array_elements_text(p_event.payload -> 'keys') as k (key);
end;
alter function races.touched(evident.event_store) owner to evident_projector;
"""
MODEL = """
create table races.{name} (
    key {key_type} primary key,
    n integer not null,
    last bigint not null,
    chain text not null
);
alter table races.{name} owner to evident_projector;
create function races.apply_{name}(
    p_row races.{name}, p_event evident.event_store
)
returns races.{name}
language plpgsql
immutable
as $fold$
begin
    if p_event.event_type = 'Closed' then
        return null;
    end if;
    if p_event.payload ? 'bad' then
        raise exception 'bad event' using errcode = 'data_exception';
    end if;
    p_row.n := coalesce(p_row.n, 0) + 1;
    p_row.last := p_event.id;
    p_row.chain := md5(concat(p_row.chain, ' ', p_event.id));
    return p_row;
end;
$fold$;
alter function races.apply_{name}(races.{name}, evident.event_store)
owner to evident_projector;
"""
REPAIR = """
do $do$
begin
    execute replace(
        pg_get_functiondef('races.apply_{name}'::regproc),
        'payload ? ''bad''', 'payload ? ''worse'''
    );
end
$do$
"""
READ = """
select id, aggregate_id::text, event_type, payload
from evident.event_store
order by id
"""


@dataclass(frozen=True)
class Model:
    """One read model of the tests: name, mode, across aggregates or not, types."""

    short: str
    mode: str
    is_across: bool = False
    types: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        return f"races.{self.short}"

    def make(self, observer: Connection) -> None:
        """Make table and fold, as superuser, for the store's owner."""
        observer.execute(
            MODEL.format(
                name=self.short, key_type="text" if self.is_across else "uuid"
            ).encode()
        )

    def register(self, connection: Connection) -> None:
        """Register the projection, as an operator does."""
        connection.execute(
            "select evident.create_projection("
            "%s, %s::regproc::regprocedure, %s, %s, %s)",
            [
                self.name,
                f"races.apply_{self.short}",
                list(self.types) if self.types else None,
                self.mode,
                "races.touched(evident.event_store)" if self.is_across else None,
            ],
        )

    def repair(self, observer: Connection) -> None:
        """Let the fold take bad events, too."""
        observer.execute(REPAIR.format(name=self.short).encode())

    def fold(
        self, log: Iterable[tuple[int, str, str, Any]], is_repaired: bool = True
    ) -> Rows:
        """Fold the log without the engine; a bad event ends its keys until repaired.

        The store's own events are for an asynchronous model that names their types.
        """
        rows: Rows = {}
        parked: set[str] = set()
        for position, aggregate, kind, payload in log:
            if self.types and kind not in self.types:
                continue
            if aggregate == str(OWN) and (self.mode == "sync" or not self.types):
                continue
            keys = set(payload.get("keys", []) if self.is_across else [aggregate])
            if "bad" in payload and kind != "Closed" and not is_repaired:
                parked |= keys
            for key in keys - parked:
                if kind == "Closed":
                    rows.pop(key, None)
                    continue
                n, _, chain = rows.get(key, (0, 0, ""))
                link = f"{chain} {position}".encode()
                digest = hashlib.md5(link, usedforsecurity=False).hexdigest()
                rows[key] = (n + 1, position, digest)
        return rows

    def stored(self, connection: Connection) -> Rows:
        query = sql.SQL("select key::text, n, last, chain from races.{}")
        found = connection.execute(query.format(sql.Identifier(self.short))).fetchall()
        return {row[0]: tuple(row[1:]) for row in found}


SYNC = Model("sync_one", "sync", types=("Opened", "Added", "Closed"))
SYNC_ACROSS = Model("sync_keys", "sync", is_across=True)
ASYNC = Model("async_one", "async", types=("Opened", "Added", "Closed"))
ASYNC_ACROSS = Model("async_keys", "async", is_across=True)
ALL = (SYNC, SYNC_ACROSS, ASYNC, ASYNC_ACROSS)


def make_models(observer: Connection, models: Sequence[Model]) -> None:
    """Make and register read models in a schema of their own."""
    observer.execute(SCHEMA.encode())
    for model in models:
        model.make(observer)
        model.register(observer)


def differences(db: Connectable, model: Model, is_repaired: bool = True) -> list[str]:
    """Name the rows that are not what the log folds to here, in one snapshot."""
    with db.connect() as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        expected = model.fold(connection.execute(READ).fetchall(), is_repaired)
        stored = model.stored(connection)
    return [
        f"{model.short}: {key}: {stored.get(key)} for {expected.get(key)}"
        for key in sorted(expected.keys() | stored.keys())
        if stored.get(key) != expected.get(key)
    ]
