"""The queries of an export.

Every text is made of stored values only: no setting of the session or of its role, such
as TimeZone, DateStyle or client_encoding, changes a byte.
"""

from __future__ import annotations


def _utc(column: str) -> str:
    """Write SQL for a time stamp in UTC with six digits."""
    return f"to_char({column} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


# Outside of the years 1 to 9999 there is no agreed text for a time stamp.
_OCCURRED = f"""
    case
        when
            e.occurred_at >= '0001-01-01 00:00:00+00'
            and e.occurred_at < '10000-01-01 00:00:00+00'
            then '"' || {_utc("e.occurred_at")} || '"'
        else
            ('x' || encode(timestamptz_send(e.occurred_at), 'hex'))::bit(64)::bigint
            ::text
    end
"""
LINE = f"""
    '{{"id": ' || e.id
    || ', "event_id": "' || e.event_id
    || '", "aggregate_id": "' || e.aggregate_id
    || '", "version": ' || e.version
    || ', "occurred_at": ' || {_OCCURRED}
    || ', "event_type": ' || to_json(e.event_type)
    || ', "recorded_by": ' || to_json(e.recorded_by)
    || ', "payload": ' || to_json(e.payload::text)
    || ', "metadata": ' || to_json(e.metadata::text)
    || e'}}\\n'
"""
EVENTS = """
    copy (
        select e.id, evident.leaf_entry(e), convert_to({line}, 'UTF8')
        from evident.event_store as e
        where e.id > {after} and e.id <= {until}
        order by e.id
    ) to stdout (format binary)
"""
LINE_OF = """
    select convert_to({line}, 'UTF8')
    from evident.event_store as e
    where e.event_id = %s
"""
# Where the row of a tile is missing, the tile is made of what is below it.
TILES = """
    select
        n.index,
        t.last_event_id,
        coalesce(t.hashes, evident.read_tile(%(level)s, n.index))
    from generate_series(%(first)s::bigint, %(end)s::bigint - 1) as n (index)
    left join evident.ledger_tile as t
        on t.level = %(level)s and n.index = t.index
    order by n.index
"""
TILE = "select evident.read_tile(%s, %s, %s)"
HEAD_END = """
    select h.last_event_id
    from evident.tree_head as h
    where h.tree_size = %s
    order by h.number
    limit 1
"""
COUNTED_END = """
    select coalesce(max(l.id), %(after)s)
    from (
        select e.id
        from evident.event_store as e
        where e.id > %(after)s
        order by e.id
        limit %(count)s
    ) as l
"""
SIZE = """
    select h.tree_size from evident.tree_head as h order by h.number desc limit 1
"""
HEAD = f"""
    '{{"number": ' || h.number
    || ', "tree_size": ' || h.tree_size
    || ', "root_hash": "' || encode(h.root_hash, 'base64')
    || '", "last_event_id": ' || h.last_event_id
    || ', "sealed_at": "' || {_utc("h.sealed_at")} || e'"}}\n'
"""
LAST_TILE = """
    select count(*)
    from evident.event_store as e
    where
        e.id > coalesce(
            (
                select t.last_event_id
                from evident.ledger_tile as t
                where t.level = 0 and t.index = (%(size)s::bigint - 1) / 256 - 1
            ),
            %(beginning)s
        )
        and e.id <= coalesce(
            (
                select h.last_event_id
                from evident.tree_head as h
                where h.tree_size = %(size)s
                order by h.number
                limit 1
            ),
            %(end)s
        )
"""
HEADS = """
    copy (
        select convert_to({line}, 'UTF8')
        from evident.tree_head as h
        where h.tree_size <= {size}
        order by h.number
    ) to stdout (format binary)
"""
IDENTITY = f"""
    select
        i.log_id::text, i.incarnation, i.name, i.reason, {_utc("i.begun_at")},
        i.begun_by, i.tree_size, {_utc("clock_timestamp()")}
    from evident.log_identity as i
    order by i.incarnation
"""
