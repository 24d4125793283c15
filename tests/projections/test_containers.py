"""Promise 24: a read model's schema, and what is made in it, is trusted by no name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from conftest import Database
from support.models.folds import (
    APPEND,
    FOLD_OF_TEAM,
    REGISTER,
    SCHEMA,
    TABLE_OF_TEAM,
    TAKE,
    TEAM,
    TRIGGERS_OF_TEAM,
    fold,
    make,
    ran_for_team,
)

Observer = psycopg.Connection[Any]

RUNS = [
    "select evident.run_projection('reach.counted')",
    "select evident.rebuild_projection('reach.counted')",
    "select * from evident.verify_projection('reach.counted')",
    "select evident.project('reach.counted', '01900000-0000-7000-8000-000000000001')",
]


@pytest.fixture
def team(db: Database, observer: Observer) -> Iterator[Observer]:
    """Give a login without rights, and drop it at the end."""
    observer.execute(f"create role {TEAM} login")
    # Only to let its own statements name the type: reading is refused all the same.
    observer.execute(
        f"grant usage on schema evident to {TEAM};"
        f" grant usage on type evident.event_store to {TEAM}"
    )
    with db.connect(user=TEAM, autocommit=True) as connection:
        yield connection
    observer.execute(f"drop owned by {TEAM} cascade")
    observer.execute(f"drop role {TEAM}")


def refused(connection: Observer, sql: str) -> tuple[str, str]:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(sql.encode())
    return str(caught.value.sqlstate), str(caught.value.diag.message_primary)


@pytest.mark.promise(24)
@pytest.mark.promise(14)
@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize(
    "remake",
    [FOLD_OF_TEAM, TABLE_OF_TEAM, TRIGGERS_OF_TEAM],
    ids=["fold", "view", "triggers"],
)
def test_who_takes_the_schema_has_nothing_run(
    db: Database, observer: Observer, team: Observer, mode: str, remake: str
) -> None:
    make(observer, mode)
    assert fold(observer, mode) is None
    observer.execute(TAKE)
    team.execute(remake)
    with db.connect(autocommit=True) as connection:
        if mode == "sync":
            code, _ = refused(connection, APPEND)
            assert code in ("42883", "42809", "42501")
        else:
            connection.execute(APPEND)
        for sql in RUNS:
            code, message = refused(connection, sql) if "run_" not in sql else ("", "")
            assert not code or (code == "PT400" and TEAM in message), (sql, message)
        if mode == "async":
            code, message = refused(connection, RUNS[0])
            assert (code, TEAM in message) == ("PT400", True)
    assert not ran_for_team(observer)
    state = observer.execute(
        "select g.state from evident.guard_status() as g"
        " where g.kind = 'schema' and g.name = 'reach' and not g.is_intact"
    ).fetchone()
    assert state is not None
    assert TEAM in state[0]


@pytest.mark.promise(24)
def test_a_fold_is_not_dropped_unnoticed(observer: Observer) -> None:
    make(observer, "sync")
    assert refused(observer, "drop function reach.apply")[0] == "2BP01"
    observer.execute("alter function reach.apply rename to applied")
    assert fold(observer, "sync") is None
    observer.execute("alter table reach.counted add column more text")
    assert fold(observer, "sync") is None
    observer.execute("alter table reach.counted drop column more")
    assert fold(observer, "sync") is None


@pytest.mark.promise(24)
def test_a_schema_of_somebody_else_is_not_registered(
    observer: Observer, team: Observer
) -> None:
    observer.execute(SCHEMA)
    observer.execute(f"alter schema reach owner to {TEAM}")
    code, message = _registered(observer)
    assert (code, TEAM in message) == ("PT400", True)
    observer.execute("alter schema reach owner to evident_projector")
    observer.execute(f"grant create on schema reach to {TEAM}")
    code, message = _registered(observer)
    assert (code, TEAM in message) == ("PT400", True)
    observer.execute(f"revoke create on schema reach from {TEAM}")
    assert _registered(observer)[0] == ""


def _registered(connection: Observer) -> tuple[str, str]:
    try:
        connection.execute(REGISTER, ["async"])
    except psycopg.Error as error:
        return str(error.sqlstate), str(error.diag.message_primary)
    return "", ""


@pytest.mark.twin_of(24)
def test_a_look_at_the_table_s_owner_alone_is_caught(
    observer: Observer, team: Observer
) -> None:
    observer.execute(
        "create or replace function evident._projection_intruder("
        "p_relations oid[], p_routines oid[])"
        " returns table (rank integer, reason text, hint text)"
        " language sql stable as $$ select 1, 'belongs to another', 'give it back'"
        " from pg_class as c where c.oid = any (p_relations)"
        " and c.relowner <> to_regrole('evident_projector') $$"
    )
    observer.execute(SCHEMA)
    observer.execute(f"alter schema reach owner to {TEAM}")
    assert _registered(observer)[0] == ""


@pytest.mark.twin_of(24)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_fold_that_is_bound_by_its_name_is_caught(
    db: Database, observer: Observer, team: Observer, mode: str
) -> None:
    make(observer, mode)
    observer.execute(
        'create or replace function evident."step_reach.counted"('
        " p_row reach.counted, p_event evident.event_store) returns reach.counted"
        " language plpgsql stable as"
        " 'begin return reach.apply(p_row, p_event); end'"
    )
    if mode == "async":
        observer.execute(
            "create or replace function evident._require_projector("
            " p_projection evident.projection) returns void language plpgsql as"
            " 'begin end'"
        )
    observer.execute(TAKE)
    observer.execute("grant usage on schema reach to evident_projector")
    team.execute(FOLD_OF_TEAM)
    team.execute("grant usage on schema reach to public")
    with db.connect(autocommit=True) as connection:
        fold(connection, mode)
    assert ran_for_team(observer)
