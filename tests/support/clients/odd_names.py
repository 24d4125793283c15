"""Names that would end, escape or comment out SQL around them, were they not quoted.

Some would also drop the canary: a table of the engine's owner that nothing names.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql

from support.clients.calls import Connection

CANARY = "canary.kept"
# At most 40 bytes with the schema, quotes included: what is made is named after it.
LONGEST = 40

SHORT = [
    "plain",
    "two words",
    "UPPER",
    '"',
    "'",
    "''; --",
    "a.b",
    "%s",
    "%1$I",
    "%%",
    ";",
    "\\",
    "\\'",
    "$$",
    "$sql$",
    "$keep$",
    "$step$",
    "--",
    "/*",
    "*/",
    "{x}",
    "[/x]",
    "<b>",
    ":x",
    "?",
    "(",
    "\u202egnol",
    "\u0645\u0648\u062f",
    "e\u0301",
    "\n",
    "\t",
    "select",
    "new",
    "user",
]
# The names of everything that stands beside a column in the SQL that is made.
INNER = [
    *("key", "event", "position", "next_row", "is_first", "given", "excluded", "found"),
    *("v_row", "v_rows", "v_keys", "v_count", "v_message", "v_detail", "v_queue"),
    *("p_row", "p_event", "p_state", "p_start", "p_key", "old", "new", "sqlstate"),
    *("t", "f", "g", "e", "k", "r", "s", "l", "n", "v", "tg_op", "new_events"),
    *("aggregate_id", "version", "payload", "stored", "replayed", "projection"),
]
LONG = [
    "x" * 63,
    "\u0645" * 31,
    f"'; drop table {CANARY}; --",
    f'"; drop table {CANARY}; --',
    f"$step$; drop table {CANARY}; --",
    f"$keep$; end $keep$; drop table {CANARY}; --",
    f"$function$; drop table {CANARY}; --",
    f"x) returns int; drop table {CANARY}; --",
    f"\\'; drop table {CANARY}; --",
    f"%1$s; drop table {CANARY}; --",
    *INNER,
]


@dataclass(frozen=True)
class Model:
    """The names of a read model and of what belongs to it."""

    schema: str = "odd"
    table: str = "model"
    key: str = "id"
    column: str = "events"
    fold: str = "fold"
    keys: str = "keys"
    value_type: str = "total"

    @property
    def name(self) -> str:
        """Return the name as SQL has it, at least with the quotes that it needs."""
        return sql.Identifier(self.schema, self.table).as_string()

    def identifiers(self) -> dict[str, sql.Composable]:
        """Return each name in quotes, in the read model's schema but for columns."""
        inside = {
            place: sql.Identifier(self.schema, getattr(self, place))
            for place in ("table", "fold", "keys", "value_type")
        }
        alone = ("schema", "key", "column")
        return {**inside, **{p: sql.Identifier(getattr(self, p)) for p in alone}}

    def written(self, query: str) -> bytes:
        """Put the names into a query; a per cent sign in them is no parameter."""
        return sql.SQL(query).format(**self.identifiers()).as_bytes()


def odd_models() -> Iterator[Model]:
    """Give read models each of which has odd names in all places that may be odd."""
    names = [*SHORT, *LONG]
    for number, name in enumerate(names):
        # Columns must differ, and types from the table.
        column, value_type = (names[(number + shift) % len(names)] for shift in (1, 2))
        # Those of schema and table together are bounded: one of them, by turns.
        place = ("schema", "table")[number % 2]
        yield Model(
            **{place: SHORT[number % len(SHORT)]},
            key=name,
            column=column,
            fold=name,
            keys=name,
            value_type=value_type,
        )


SET_OUT = f"""
create schema canary authorization evident_owner;
set local role evident_owner;
create table {CANARY} (id integer primary key);
"""
MAKE = """
create schema {schema};
grant usage on schema {schema} to evident_reader, evident_operator;
alter schema {schema} owner to evident_projector;
set local role evident_projector;
create domain {value_type} as bigint;
create table {table} ({key} {type} primary key, {column} {value_type});
create function {fold}(p_state {table}, p_happened evident.event_store)
returns {table} language plpgsql immutable as {fold_body};
create function {keys}(p_happened evident.event_store)
returns text language sql immutable
as $$ select (p_happened).aggregate_id::text $$;
grant select on {table} to evident_reader;
"""
# A share of nothing fails: 22012.
FOLD = """
begin
    p_state.{column} := coalesce(p_state.{column}, 0)
        + 1 / coalesce((p_happened.payload ->> 'share')::integer, 1);
    return p_state;
end;
"""


def set_out_canary(owner: Connection) -> None:
    """Create the table that injected SQL would drop."""
    with owner.transaction():
        owner.execute(SET_OUT.encode())


def make(owner: Connection, model: Model, *, has_keys: bool) -> None:
    """Create the read model and its functions; the connection is a superuser's."""
    names = model.identifiers()
    body = sql.SQL(FOLD).format(**names).as_string()
    statement = sql.SQL(MAKE).format(
        **names,
        # Without keys of its own it is kept by aggregate, and those are UUIDs.
        type=sql.SQL("text" if has_keys else "uuid"),
        fold_body=sql.Literal(body),
    )
    with owner.transaction():
        owner.execute(statement)


def unmake(owner: Connection, model: Model, name: str) -> None:
    """Remove all of it, whatever state it was left in."""
    with contextlib.suppress(psycopg.Error):
        owner.execute("select evident.drop_projection(%s)", [name])
    statement = sql.SQL("drop schema if exists {schema} cascade")
    owner.execute(statement.format(**model.identifiers()))
