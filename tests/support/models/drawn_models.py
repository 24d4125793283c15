"""Read models of drawn keys and modes, and their fold in plain Python.

The fold here shares nothing with the engine: which texts are one key, and what a value
becomes as text, stands in drawn_values.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql

from support.clients.calls import Connection
from support.clients.store import OWN
from support.models.drawn_values import SPELLINGS, TEXTS
from support.models.projection_models import READ

Row = tuple[int, Decimal, int, str]
Logged = tuple[int, str, str, dict[str, Any]]

SCHEMA = """
create schema drawn authorization evident_projector;
grant usage on schema drawn to public;
"""
# Events name keys for each type; {name} is one.
KEYS = """
create function drawn.keys_{name}(p_event evident.event_store)
returns setof text
language sql
immutable
begin atomic
    select k.key
    from jsonb_array_elements_text(p_event.payload -> 'keys' -> '{name}') as k (key);
end;
alter function drawn.keys_{name}(evident.event_store) owner to evident_projector;
"""
MODEL = """
create table drawn.{name} (
    key {key_type} primary key,
    n integer not null,
    total numeric not null,
    last bigint not null,
    chain text not null
);
alter table drawn.{name} owner to evident_projector;
create function drawn.apply_{name}(
    p_row drawn.{name}, p_event evident.event_store
)
returns drawn.{name}
language plpgsql
immutable
as $fold$
declare
    v_given constant jsonb := p_event.payload -> 'given';
begin
    if p_event.payload ->> 'bad' = '{name}' then
        raise exception 'bad event' using errcode = 'data_exception';
    end if;
    if p_event.event_type like 'Closed%' then
        return null;
    end if;
    p_row.n := coalesce(p_row.n, 0) + 1;
    p_row.total := coalesce(p_row.total, 0) + (p_event.payload ->> 'amount')::numeric;
    p_row.last := p_event.id;
    p_row.chain := md5(
        concat_ws(
            ' ',
            p_row.chain,
            p_event.id,
            (v_given ->> 'at')::timestamptz::text,
            (v_given ->> 'on')::date::text,
            (v_given ->> 'span')::interval::text,
            ((v_given ->> 'float')::float8 * 3)::text,
            (v_given ->> 'bytes')::bytea::text,
            (v_given ->> 'list')::text[]::text,
            (v_given ->> 'money')::money::text,
            to_tsvector(v_given ->> 'words')::text,
            (v_given ->> 'name')::regclass::text,
            case when v_given ? 'literal' then 'a\\b' end,
            case
                when v_given ? 'none'
                    then case when (v_given ->> 'nothing' = null) is null
                        then 'unknown' else 'known' end
            end
        )
    );
    return p_row;
end;
$fold$;
alter function drawn.apply_{name}(drawn.{name}, evident.event_store)
owner to evident_projector;
"""
REPAIR = """
do $do$
begin
    execute replace(
        pg_get_functiondef('drawn.apply_{name}'::regproc),
        'payload ->> ''bad''', 'payload ->> ''worse'''
    );
end
$do$
"""
DROP = """
select evident.drop_projection('drawn.{name}');
drop function drawn.apply_{name};
drop table drawn.{name};
"""
# What each spelling of a key is; each text of a payload is looked up as it was drawn.
_VALUES = {
    kind: {text: value for value, texts in known.items() for text in texts}
    for kind, known in SPELLINGS.items()
}
# Where a test spells more keys than are listed.
_PARSE: dict[str, Callable[[str], str]] = {
    "integer": lambda text: str(int(text)),
    "text": str,
}
_WRITTEN = {json.dumps(given, sort_keys=True): text for given, text in TEXTS}


@dataclass(frozen=True)
class Model:
    """One drawn read model; `kind` is the type of its keys, or `aggregate`."""

    short: str
    kind: str
    mode: str
    types: tuple[str, ...] | None

    @property
    def name(self) -> str:
        return f"drawn.{self.short}"

    def make(self, observer: Connection, connection: Connection) -> None:
        """Make table and fold as superuser, and register them as an operator."""
        is_by_aggregate = self.kind == "aggregate"
        key_type = "uuid" if is_by_aggregate else self.kind
        observer.execute(MODEL.format(name=self.short, key_type=key_type).encode())
        keys = f"drawn.keys_{self.kind}(evident.event_store)"
        connection.execute(
            "select evident.create_projection("
            "%s, %s::regproc::regprocedure, %s, %s, %s)",
            [
                self.name,
                f"drawn.apply_{self.short}",
                list(self.types) if self.types else None,
                self.mode,
                None if is_by_aggregate else keys,
            ],
        )

    def repair(self, observer: Connection) -> None:
        """Let the fold take bad events, too."""
        observer.execute(REPAIR.format(name=self.short).encode())

    def drop(self, observer: Connection) -> None:
        observer.execute(DROP.format(name=self.short).encode())

    def keys(self, aggregate: str, payload: dict[str, Any]) -> set[str]:
        """Tell the keys of an event, as values: each once, whatever its texts."""
        if self.kind == "aggregate":
            return {aggregate}
        given = payload.get("keys", {}).get(self.kind, [])
        return {self.value(each) for each in given if each not in (None, "")}

    def value(self, text: str) -> str:
        """Give the one text of the value that a text stands for."""
        known = _VALUES[self.kind].get(text)
        return _PARSE[self.kind](text) if known is None else known

    def fold(self, log: Iterable[Logged], is_repaired: bool) -> dict[str, Row]:
        """Fold the log; bad events are left out, or folded by a repaired fold."""
        rows: dict[str, Row] = {}
        for position, aggregate, kind, payload in log:
            if aggregate == str(OWN) or (self.types and kind not in self.types):
                continue
            if payload.get("bad") == self.short and not is_repaired:
                continue
            for key in self.keys(aggregate, payload):
                if kind.startswith("Closed"):
                    rows.pop(key, None)
                    continue
                n, total, _, chain = rows.get(key, (0, Decimal(0), 0, ""))
                # Of no row yet there is no chain, and so no blank after it.
                parts = [chain] * (n > 0) + [str(position)]
                text = _WRITTEN[json.dumps(payload["given"], sort_keys=True)]
                link = " ".join(parts + [text] * bool(text)).encode()
                digest = hashlib.md5(link, usedforsecurity=False).hexdigest()
                amount = total + Decimal(payload["amount"])
                rows[key] = (n + 1, amount, position, digest)
        return rows

    def stored(self, connection: Connection) -> dict[str, Row]:
        query = sql.SQL("select key::text, n, total, last, chain from drawn.{}")
        found = connection.execute(query.format(sql.Identifier(self.short)))
        values = _VALUES.get(self.kind, {})
        return {values.get(row[0], row[0]): row[1:] for row in found.fetchall()}


def make_schema(observer: Connection, kinds: Iterable[str]) -> None:
    """Make the schema of drawn read models, and what tells their keys."""
    observer.execute(SCHEMA.encode())
    for each in kinds:
        observer.execute(KEYS.format(name=each).encode())


def differences(
    observer: Connection, model: Model, is_repaired: bool = True
) -> list[str]:
    """Name the rows that are not what the log folds to here, and their number."""
    with observer.transaction():
        observer.execute("set transaction isolation level repeatable read")
        with observer.cursor(name="log") as log:
            expected = model.fold(log.execute(READ), is_repaired)
        stored = model.stored(observer)
    return [
        f"{model.name} ({model.kind}, {model.mode}): {key!r}: {stored.get(key)} for"
        f" {expected.get(key)}"
        for key in sorted(expected.keys() | stored.keys())
        if stored.get(key) != expected.get(key)
    ]


def refusal_of(error: psycopg.Error) -> str:
    """Give the code of a refusal; raise on what the server did not send."""
    if error.sqlstate is None:
        raise error
    return error.sqlstate
