"""How other event stores are called, and what their calls guarantee.

What is said of each was read in the source of the tested version, and tried there with
two connections. All are sent as one prepared statement, Emmett's too, whose own client
writes literals and a transaction around them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pg_evident.bench.loads.append import Connection
from pg_evident.bench.peers.install import Package
from pg_evident.bench.peers.stores import DCB, EMMETT, EVENTSOURCING, MESSAGE_DB, Store

_EVENTSOURCING = Package("eventsourcing", tested="9.5.6")

# Stands for the statement that the peer's own client sends.
STATEMENT = "<statement>"
# pgbench's name for the one column of the tagged append's answer.
_POSITION = "dcb_conditional_append_tt"


@dataclass(frozen=True)
class Peer:
    """Another event store: its call, the table of its events, then its others.

    `command` has {id}, {stream}, {version} and {after}, the last position that this
    client read. Where it has STATEMENT, `statement` names the one to put there, and
    `arguments` what stands for its placeholders.
    """

    name: str
    package: Package
    store: Store
    command: str
    tables: tuple[str, ...]
    gives: str
    is_right: Callable[[Connection], bool]
    statement: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)


def _dense(table: str, stream: str, position: str, first: int) -> Callable[..., bool]:
    """Return a check that every stream has positions without a gap."""
    query = (
        f"select from {table} group by {stream} having min({position}) <> {first}"
        f" or max({position}) - {first} + 1 <> count(*)"
        f" or count(distinct {position}) <> count(*) limit 1"
    )
    return lambda connection: connection.execute(query).fetchone() is None


def _is_tagged(connection: Connection) -> bool:
    """Say whether every event has its one tag; such events have no versions."""
    query = (
        "select from dcb_events_tt_main as e full join dcb_events_tt_tag as t"
        " on t.main_id = e.id and t.tag = e.tags[1]"
        " where e.id is null or t.main_id is null limit 1"
    )
    return connection.execute(query).fetchone() is None


PEERS = {
    "message-db": Peer(
        "message-db",
        Package("@eventide/message-db", tested="1.3.1", is_npm=True),
        MESSAGE_DB,
        "select message_store.write_message(gen_random_uuid()::varchar,"
        " ({stream})::varchar, :event_type::varchar, :payload::jsonb, null::jsonb,"
        " {version}::bigint - 1);",
        ("message_store.messages",),
        "exact version or P0001, no gaps; one writer at a time per category, until its"
        " commit: readers of a category skip nothing, readers of several skip late"
        " commits",
        _dense("message_store.messages", "stream_name", "position", 0),
    ),
    "emmett": Peer(
        "Emmett",
        Package("@event-driven-io/emmett-postgresql", tested="0.42.0", is_npm=True),
        EMMETT,
        # The partition is emt:default, as in its client; pgbench would take a bare
        # colon for the begin of a variable.
        "select * from emt_append_to_stream(array[gen_random_uuid()::text]::text[],"
        " array[:payload]::jsonb[], array['{{}}']::jsonb[], array['1']::text[],"
        " array[:event_type]::text[], array['E']::text[], ({stream})::text,"
        " 'order'::text, {version}::bigint, U&'emt\\003adefault'::text);",
        # Where the partitions of the events and of the streams' heads keep them.
        ("emt_messages_emt_default_active", "emt_streams_emt_default_active"),
        "exact version or a row that says false (new streams: 23505), no gaps; one row"
        " per stream holds its version; readers skip nothing and wait for the server's"
        " oldest writing transaction",
        _dense("emt_messages", "stream_id", "stream_position", 1),
    ),
    "eventsourcing": Peer(
        "eventsourcing",
        _EVENTSOURCING,
        EVENTSOURCING,
        f"{STATEMENT};",
        ("stored_events",),
        "unique versions or 23505, gaps possible; NOTIFY, whose lock makes commits"
        " queue; readers skip late commits",
        _dense("stored_events", "originator_id", "originator_version", 1),
        statement="insert",
        arguments={
            "%s": "array[row({id}, {version}::bigint + 1, :event_type, :payload)]"
            "::stored_event_uuid[]"
        },
    ),
    "dcb": Peer(
        "eventsourcing DCB",
        _EVENTSOURCING,
        DCB,
        # A refusal is no row, which \\gset takes for an error; the position that comes
        # back is what the same client's next append builds on.
        f"\\if :v = 0\n\\set {_POSITION} 0\n\\endif\n{STATEMENT} \\gset",
        ("dcb_events_tt_main", "dcb_events_tt_tag"),
        "no event with this tag since the last one read, else no row; conditions may"
        " span tags and types; one such writer at a time, by a table lock, and NOTIFY:"
        " readers skip nothing that was written with a condition",
        _is_tagged,
        statement="append",
        arguments={
            "%(query_items)s": "array[row(array[]::text[], array[{stream}])]"
            "::dcb_query_item_tt[]",
            "%(after)s": "{after}::bigint",
            "%(events)s": "array[row(:event_type, :payload, array[{stream}])]"
            "::dcb_event_tt[]",
        },
    ),
}


def call(
    peer: Peer,
    statements: Mapping[str, str],
    *,
    aggregate: str,
    category: str,
    version: str,
) -> str:
    """Return the pgbench command that appends one event.

    All but `peer` are SQL expressions; `category` is what a stream's name begins with.
    """
    text = statements.get(peer.statement, "").strip()
    for placeholder, expression in peer.arguments.items():
        text = text.replace(placeholder, expression)
    return peer.command.replace(STATEMENT, text).format(
        id=aggregate,
        stream=f"{category} || {aggregate}",
        version=version,
        after="null" if version == "0" else f":{_POSITION}",
    )
