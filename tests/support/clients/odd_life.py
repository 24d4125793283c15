"""The whole life of a projection, told as what went wrong in it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql

from support.checkers.projections import drift
from support.clients.calls import Connection
from support.clients.odd_names import CANARY, LONGEST, Model, make, unmake

# The mode, and whether it tells keys of its own.
KINDS = {
    "kept": ("sync", False),
    "kept by keys": ("sync", True),
    "run": ("async", False),
    "run by keys": ("async", True),
}
MADE = """
select p.oid::regprocedure::text
from pg_proc as p
where p.pronamespace = 'evident'::regnamespace
and position('_' || %(name)s in p.proname) > 0
union all
select c.oid::regclass::text
from pg_class as c
where c.relnamespace = 'evident'::regnamespace
and position('_' || %(name)s in c.relname) > 0
union all
select t.tgname::text
from pg_trigger as t
where t.tgrelid = 'evident.event_store'::regclass and position(%(name)s in t.tgname) > 0
"""


@dataclass
class Life:
    """One read model in one store; `user` is an operator who appends and reads."""

    owner: Connection
    user: Connection
    model: Model
    kind: str
    event_type: str = "Noted"
    name: str = ""

    def violations(self) -> list[str]:
        """Live it, and name each step that failed otherwise than documented."""
        try:
            make(self.owner, self.model, has_keys=self.has_keys)
            found = list(self.steps())
        except psycopg.Error as error:
            found = [f"{error.sqlstate}: {str(error).splitlines()[0]}"]
        row = self.owner.execute("select to_regclass(%s)", [CANARY]).fetchone()
        if row == (None,):
            found.insert(0, "the canary is gone")
        unmake(self.owner, self.model, self.name)
        return [f"{each} [{self.kind}: {self.model}]" for each in found]

    def steps(self) -> Iterator[str]:
        """Go through everything that can be done with a projection."""
        early, late = uuid.uuid4(), uuid.uuid4()
        self.append(early)
        if len(self.model.name.encode()) > LONGEST:
            if (code := self.refusal(self.create)) != "PT400":
                yield f"a name that is too long: {code}"
            return
        self.name = self.create()
        self.run()
        self.append(early)
        self.append(late)
        self.run()
        yield from self.wrong(early, 8)
        yield from self.wrong(late, 4)
        if self.create() != self.name:
            yield "registered twice"
        yield from self.repairs(late)
        yield from self.failures(early)
        yield from self.pauses(early)
        self.ask("select evident.drop_projection(%s)", self.name)
        for (left,) in self.owner.execute(MADE, {"name": self.name}).fetchall():
            yield f"left behind: {left}"

    def wrong(self, aggregate: uuid.UUID, events: int) -> Iterator[str]:
        """Name what the stored row, its replay or the drift check tell wrongly."""
        yield from drift(self.owner, self.name)
        query = self.model.written("select to_jsonb(t.*) from {table} as t")
        rows = {row[0][self.model.key]: row[0] for row in self.user.execute(query)}
        expected = {self.model.key: str(aggregate), self.model.column: events}
        if (stored := rows.get(str(aggregate))) != expected:
            yield f"stored {stored}, not {expected}"
        told = self.ask("select evident.project(%s, %s)", self.name, str(aggregate))
        if told != expected:
            yield f"projected {told}, not {expected}"
        query = (
            "select p.is_stale from evident.projection_status as p where p.name = %s"
        )
        if self.ask(query, self.name) is not False:
            yield "stale"

    def repairs(self, aggregate: uuid.UUID) -> Iterator[str]:
        """Take a row away behind the engine's back, and rebuild in two slices."""
        lost = self.model.written("delete from {table} as t where t.{key}::text = ")
        self.owner.execute(lost + f"'{aggregate}'".encode())
        if len(drift(self.owner, self.name)) != 1:
            yield "a lost row is no drift"
        for part in (0, 1):
            rebuild = "select evident.rebuild_projection(%s, %s, 2)"
            self.ask(rebuild, self.name, part)
        yield from self.wrong(aggregate, 4)
        self.ask("select evident.rebuild_projection(%s)", self.name)
        yield from self.wrong(aggregate, 4)

    def failures(self, aggregate: uuid.UUID) -> Iterator[str]:
        """Append an event that the fold fails on; skip it where it was parked."""
        if self.mode == "sync":
            if (code := self.refusal(lambda: self.one(aggregate, share=0))) != "22012":
                yield f"a fold that fails: {code}"
            return
        self.one(aggregate, share=0)
        self.run()
        retry = "select evident.retry_failure(%s, %s)"
        self.ask(retry, self.name, str(aggregate))
        skip = "select evident.skip_failure(%s, %s, %s, %s)"
        self.ask(skip, self.name, str(aggregate), self.event_type, self.model.table)
        yield from self.wrong(aggregate, 8)

    def pauses(self, aggregate: uuid.UUID) -> Iterator[str]:
        """Append while it is paused, and go on."""
        self.ask("select evident.pause_projection(%s)", self.name)
        self.append(aggregate)
        self.ask("select evident.resume_projection(%s)", self.name)
        self.run()
        self.append(aggregate)
        self.run()
        yield from self.wrong(aggregate, 16)

    @property
    def mode(self) -> str:
        return KINDS[self.kind][0]

    @property
    def has_keys(self) -> bool:
        return KINDS[self.kind][1]

    def ask(self, query: str, *values: object) -> object:
        row = self.user.execute(query, values).fetchone()
        return row[0] if row else None

    def run(self) -> None:
        self.ask("select evident.run_projection(%s, 1000)", self.name)

    def create(self) -> str:
        event = "evident.event_store"
        texts = {
            "fold": sql.SQL("{fold}({table}, " + event + ")"),
            "keys": sql.SQL("{keys}(" + event + ")"),
        }
        names = self.model.identifiers()
        fold, keys = (each.format(**names).as_string() for each in texts.values())
        types = [self.event_type, "Other"]
        words = [self.model.name, fold, types, self.mode]
        query = "select evident.create_projection(%s, %s, %s, %s, %s)"
        name = self.ask(query, *words, keys if self.has_keys else None)
        assert isinstance(name, str)
        return name

    def one(self, aggregate: uuid.UUID, **payload: object) -> None:
        query = "select evident.append_event(%s, %s, %s)"
        self.ask(query, aggregate, self.event_type, json.dumps(payload))

    def append(self, aggregate: uuid.UUID) -> None:
        """Append an event by itself, two in one call, and one in a batch."""
        self.one(aggregate)
        event = {"type": self.event_type, "payload": {}, "metadata": {"actor": "x"}}
        many = "select evident.append_events(%s, %s)"
        self.ask(many, aggregate, json.dumps([event, event]))
        entry = {"aggregate_id": str(aggregate), "events": [event]}
        self.ask("select evident.append_batch(%s)", json.dumps([entry]))

    def refusal(self, action: Callable[[], object]) -> str | None:
        try:
            action()
        except psycopg.Error as error:
            return error.sqlstate
        return None


def quoted(name: str) -> str:
    return sql.Identifier(name).as_string()
