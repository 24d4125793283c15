"""What `make coverage` counts: every session, what raises, and no replaced function."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from conftest import create_database
from pg_evident.database import connect
from pg_evident.server.cluster import Server
from pg_evident.server.temporary import ephemeral
from pg_evident.workshop import profile
from report.coverage import merged

AVAILABLE = "select from pg_available_extensions as e where e.name = 'plpgsql_check'"
FUNCTION = """
create or replace function evident.half(p_number integer)
returns integer language plpgsql as $$
begin
    if p_number % 2 = 1 then
        raise exception 'odd';
    end if;
    if p_number < 0 then
        return 0;
    end if;
    return p_number / 2;
end;
$$;
"""


def test_what_ran_is_told_from_what_did_not(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(server.uri) as connection:
        if connection.execute(AVAILABLE).fetchone() is None:
            pytest.skip("this server has no plpgsql_check; the system's PostgreSQL has")
    monkeypatch.setenv("EVIDENT_COVERAGE", str(tmp_path))
    with ephemeral(server.major, profile.settings()) as counting:
        create_database(counting, "original", "template0")
        with connect(counting.uri_for("original"), autocommit=True) as connection:
            connection.execute("create schema evident")
            connection.execute(FUNCTION)
        for name, numbers in {"one": [4], "other": [1, 2], "third": []}.items():
            create_database(counting, name, "original")
            for number in numbers:
                call(counting, name, number)
            profile.harvest(counting, name)
        create_database(counting, "replaced", "original")
        with connect(counting.uri_for("replaced"), autocommit=True) as connection:
            connection.execute(FUNCTION.replace("< 0", "> 0").encode())
        call(counting, "replaced", 2)
        profile.harvest(counting, "replaced")

    (function,) = merged(tmp_path)
    assert function.name == "evident.half(integer)"
    ran = {kind: count for _, kind, count in function.statements.values()}
    assert ran["RAISE"] == 1
    # It ran only where a test had replaced the function.
    assert [text for _, _, text, _ in function.never()] == ["return 0;"]


def call(server: Server, database: str, number: int) -> None:
    """Call the function in a session of its own, which may end with its error."""
    with connect(server.uri_for(database), autocommit=True) as connection:
        try:
            connection.execute("select evident.half(%s)", [number])
        except psycopg.errors.RaiseException:
            assert number % 2 == 1
