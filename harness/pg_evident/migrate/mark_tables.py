"""Make the tables in which yoyo keeps its marks, so that nobody else's are taken."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from pg_evident.access import ownership
from pg_evident.access.pinning import pinned
from pg_evident.migrate.marks import SCHEMA, has_table, marks_schema

# As yoyo 9 makes them; made here, with the rights of the owner alone.
_TABLES = {
    "yoyo_lock": "locked integer default 1 primary key, ctime timestamp,"
    " pid integer not null",
    "_yoyo_migration": "migration_hash varchar(64) primary key,"
    " migration_id varchar(255), applied_at_utc timestamp",
    "_yoyo_log": "id varchar(36) primary key, migration_hash varchar(64),"
    " migration_id varchar(255), operation varchar(10), username varchar(255),"
    " hostname varchar(255), comment varchar(255), created_at_utc timestamp",
    "_yoyo_version": "version integer not null primary key, installed_at_utc timestamp",
}
_YOYO_VERSION = 2


def prepare_schema(dsn: str) -> str:
    """Return the schema of yoyo's tables, with all of them there and found to be ours.

    What is missing in schema evident_yoyo is made. Raises Failure where anything in
    the way is another's.
    """
    with ownership.connect(dsn, installed=False, autocommit=True) as connection:
        place = marks_schema(connection)
        if place not in (None, SCHEMA):
            return place
        try:
            _make_tables(connection, makes_schema=place is None)
        except (
            psycopg.errors.UniqueViolation,
            psycopg.errors.DuplicateSchema,
            psycopg.errors.DuplicateTable,
        ):
            # Another run made them just now, or somebody else did: look again.
            _make_tables(connection, makes_schema=False)
    return SCHEMA


def _make_tables(connection: psycopg.Connection[Any], *, makes_schema: bool) -> None:
    """Make what yoyo needs, take away what default privileges gave, and check."""
    schema = sql.Identifier(SCHEMA)
    with pinned(connection):
        if makes_schema:
            connection.execute(sql.SQL("create schema {}").format(schema))
            _take_away(connection, "schema", schema, "pg_namespace", SCHEMA)
        else:
            ownership.check_marks(connection, SCHEMA)
        for name, columns in _TABLES.items():
            if has_table(connection, SCHEMA, name):
                continue
            table = sql.Identifier(SCHEMA, name)
            connection.execute(
                sql.SQL("create table {} ({})").format(table, sql.SQL(columns))
            )
            _take_away(connection, "table", table, "pg_class", f"{SCHEMA}.{name}")
            if name == "_yoyo_version":
                connection.execute(
                    sql.SQL(
                        "insert into {} select {}, now() at time zone 'UTC'"
                    ).format(table, _YOYO_VERSION)
                )
        ownership.check_marks(connection, SCHEMA)


def _take_away(
    connection: psycopg.Connection[Any],
    kind: str,
    name: sql.Composable,
    catalog: str,
    text: str,
) -> None:
    """Revoke all rights to an object that others than its owner have."""
    column, cast = {
        "pg_namespace": ("nsp", "regnamespace"),
        "pg_class": ("rel", "regclass"),
    }[catalog]
    rows = connection.execute(
        sql.SQL(
            "select distinct case when a.grantee = 0 then 'public'"
            " else a.grantee::regrole::text end"
            " from {} as o cross join aclexplode(o.{}) as a"
            " where o.oid = {}::{} and a.grantee <> o.{}"
        ).format(
            sql.SQL(catalog),
            sql.SQL(column + "acl"),
            sql.Literal(text),
            sql.SQL(cast),
            sql.SQL(column + "owner"),
        )
    ).fetchall()
    for (grantee,) in rows:
        # The server has quoted it where that is needed.
        connection.execute(
            sql.SQL("revoke all on {} {} from {} cascade").format(
                sql.SQL(kind), name, sql.SQL(grantee)
            )
        )
