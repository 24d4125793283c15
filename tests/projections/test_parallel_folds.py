"""Wrappers of folds claim what the fold does: right in forced parallel plans.

Folds of every declared kind, with and without an EXCEPTION block, which cannot start in
a parallel worker, in sessions where each plan that may be parallel is.
"""

from __future__ import annotations

import itertools
from typing import Any

import psycopg
import pytest

from support.checkers.projections import drift
from support.clients.feed_work import append_some
from support.clients.store import Store

pytestmark = pytest.mark.promise(8)

Observer = psycopg.Connection[Any]

FOLD = """
create table parallel.{name} (key text primary key, n bigint);
create function parallel.keys_{name}(p_event evident.event_store) returns setof text
language {language} {volatility} parallel {safety} as $keys$ {keys} $keys$;
create function parallel.fold_{name}(
    p_row parallel.{name}, p_event evident.event_store
)
returns parallel.{name}
language {language} {volatility} parallel {safety} as $fold$ {fold} $fold$;
select evident.create_projection(
    'parallel.{name}', 'parallel.fold_{name}(parallel.{name}, evident.event_store)',
    null, '{mode}', 'parallel.keys_{name}(evident.event_store)'
);
"""
BODIES = {
    "sql": (
        "select right(p_event.aggregate_id::text, 1)",
        "select row(p_row.key, coalesce(p_row.n, 0) + p_event.version)",
    ),
    "plpgsql": (
        """begin
            begin perform 'x'::numeric;
            exception when invalid_text_representation then null; end;
            return next right(p_event.aggregate_id::text, 1);
        end""",
        """begin
            begin perform (p_event.event_type)::numeric;
            exception when invalid_text_representation then null; end;
            p_row.n := coalesce(p_row.n, 0) + p_event.version;
            return p_row;
        end""",
    ),
}
KINDS = list(
    itertools.product(
        ("sql", "plpgsql"),
        ("immutable", "stable"),
        ("safe", "restricted", "unsafe"),
        ("sync", "async"),
    )
)
CALLS = [
    "select evident.run_projection(%s, 100000)",
    "select count(*) from evident.verify_projection(%s)",
    "select count(*) from evident.verify_projection(%s, '3')",
    "select evident.rebuild_projection(%s, 1, 2)",
    "select evident.project(%s, '3')",
]


def force(connection: psycopg.Connection[Any], major: int) -> None:
    """Have each plan that may be parallel be so."""
    name = "debug_parallel_query" if major >= 16 else "force_parallel_mode"
    for setting in (
        f"{name} = on",
        "parallel_setup_cost = 0",
        "parallel_tuple_cost = 0",
        "min_parallel_table_scan_size = 0",
        "min_parallel_index_scan_size = 0",
        "max_parallel_workers_per_gather = 2",
    ):
        connection.execute(f"set {setting}".encode())


def test_folds_of_every_kind_work_where_all_plans_are_parallel(
    store: Store, observer: Observer, major: int
) -> None:
    observer.execute("create schema parallel authorization evident_projector")
    observer.execute("set role evident_projector")
    names = []
    for number, (language, volatility, safety, mode) in enumerate(KINDS):
        keys, fold = BODIES[language]
        observer.execute(
            FOLD.format(
                name=f"k{number}",
                language=language,
                volatility=volatility,
                safety=safety,
                mode=mode,
                keys=keys,
                fold=fold,
            ).encode()
        )
        names.append(f"parallel.k{number}")
    observer.execute("reset role")
    with store.connect() as connection:
        force(connection, major)
        connection.execute(
            "select evident.append_events(gen_random_uuid(),"
            ' \'[{"type": "A", "payload": {}}, {"type": "B", "payload": {}}]\')'
        )
        append_some(store, 30)
        observer.execute("analyze evident.event_store")
        for name in names:
            for call in CALLS:
                connection.execute(call.encode(), [name])
            observer.execute(f"update {name} set n = -1".encode())
            assert connection.execute(
                "select evident.rebuild_projection(%s)", [name]
            ).fetchone() != (0,)
        connection.execute(
            "select evident.append_event(gen_random_uuid(), 'A', '{}', 0)"
        )
        for name in names:
            connection.execute(CALLS[0].encode(), [name])
    assert drift(observer) == []


def test_wrappers_declare_what_the_fold_declares(
    store: Store, observer: Observer
) -> None:
    test_attributes = """
    select
        count(*) filter (
            where (w.provolatile, w.proparallel) is distinct from
                (f.provolatile, f.proparallel)
        ),
        count(*) > 0
    from evident.projection as p
    inner join pg_proc as f on f.oid = p.apply::regprocedure::oid
    inner join pg_proc as w
        on
            w.pronamespace = 'evident'::regnamespace
            and w.proname in (
                'step_' || p.name, 'folding_' || p.name, 'refolding_' || p.name
            )
    """
    assert observer.execute(test_attributes).fetchone() == (0, True)
