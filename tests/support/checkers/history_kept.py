"""Run statements that ought to be refused, and check that nothing has changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import psycopg

from support.clients.calls import Connection

DOCUMENTED = frozenset({"42501", "PT403"})

ALLOWED = "00000"

DIGEST = """
select
    count(*) as rows,
    md5(string_agg(e::text, e'\\n' order by e.id)) as digest,
    pg_sequence_last_value('evident.event_store_id_seq') as last_id,
    (select md5(string_agg(t::text, e'\\n' order by t::text))
    from evident.ledger_tile as t) as tiles,
    (select md5(string_agg(h::text, e'\\n' order by h::text))
    from evident.tree_head as h) as heads,
    (select md5(string_agg(i::text, e'\\n' order by i::text))
    from evident.log_identity as i) as identities,
    (select md5(string_agg(p::text, e'\\n' order by p::text))
    from evident.ledger_publication as p) as publications,
    (
        select array_agg(
            t.tgrelid::regclass || ' ' || t.tgname || ' ' || t.tgenabled::text
            order by t.tgrelid::regclass::text, t.tgname
        )
        from pg_trigger as t
        where t.tgrelid = any (array[
            'evident.event_store', 'evident.ledger_tile', 'evident.tree_head',
            'evident.log_identity', 'evident.ledger_publication'
        ]::regclass[])
    ) as triggers,
    (
        select array_agg(
            row(
                c.relname, c.relnamespace, c.relowner, c.relpersistence, c.relacl,
                c.relhastriggers, c.relhasrules, c.relhassubclass, c.relrowsecurity
            )::text
            order by c.relname
        )
        from pg_class as c
        where c.oid = any (array[
            'evident.event_store', 'evident.ledger_tile', 'evident.tree_head',
            'evident.log_identity', 'evident.ledger_publication'
        ]::regclass[])
    ) as relations
from evident.event_store as e
"""


def history_kept_violations(
    observer: Connection,
    attacker: Connection,
    statements: Sequence[str],
    documented: frozenset[str] = DOCUMENTED,
) -> list[str]:
    """Name each statement that was not refused as documented, or changed a row."""
    return list(_violations(observer, attacker, statements, documented))


def _violations(
    observer: Connection,
    attacker: Connection,
    statements: Sequence[str],
    documented: frozenset[str],
) -> Iterable[str]:
    before = observer.execute(DIGEST).fetchone()
    for statement in statements:
        short = " ".join(statement.split())
        if (code := attempt(attacker, statement)) not in documented:
            yield f"{code}: {short}"
        after = observer.execute(DIGEST).fetchone()
        if after != before:
            yield f"changed history: {short}"
            before = after


def attempt(attacker: Connection, statement: str) -> str:
    """Run a statement and commit it when it may; give its SQLSTATE."""
    try:
        if "from stdin" in statement:
            with attacker.cursor().copy(statement) as copy:
                copy.write(b"")
        else:
            # Several statements are one transaction; it commits if they may.
            attacker.execute(statement)
    except psycopg.Error as error:
        return error.sqlstate or "connection lost"
    finally:
        attacker.execute("rollback")
    return ALLOWED
