"""Run statements that ought to be refused, and check that nothing has changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import psycopg

from support.calls import Connection

DOCUMENTED = frozenset({"42501", "PT403"})

ALLOWED = "00000"

DIGEST = """
select
    count(*) as rows,
    md5(string_agg(e::text, e'\\n' order by e.id)) as digest,
    pg_sequence_last_value('evident.event_store_id_seq') as last_id,
    (
        select array_agg(t.tgname || ' ' || t.tgenabled::text order by t.tgname)
        from pg_trigger as t
        where t.tgrelid = 'evident.event_store'::regclass
    ) as triggers,
    (
        select row(
            c.relname, c.relnamespace, c.relowner, c.relpersistence, c.relacl,
            c.relhastriggers, c.relhasrules, c.relhassubclass, c.relrowsecurity
        )::text
        from pg_class as c
        where c.oid = 'evident.event_store'::regclass
    ) as relation
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
