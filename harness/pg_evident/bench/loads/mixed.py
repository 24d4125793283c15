"""Measure reads and appends at once, while projections and a consumer follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pg_evident.bench.loads.append import Connection
from pg_evident.bench.loads.followers import (
    CONSUMER,
    Follower,
    consume,
    drain,
    folds,
    following,
    head,
)
from pg_evident.bench.loads.mixtures import Mixture, mixtures
from pg_evident.bench.loads.purchases import purchases_workload
from pg_evident.bench.measure.footprint import footprinted
from pg_evident.bench.measure.pgbench import Outcome, pgbench
from pg_evident.bench.measure.processors import metered
from pg_evident.bench.measure.tables import count_after, last_id
from pg_evident.bench.stage.read_model import (
    CREATED,
    HAND,
    MODEL,
    PAID,
    build_read_model,
    register,
)
from pg_evident.bench.stage.schema import (
    PAYLOAD,
    STORE,
    TWIN,
    aggregates,
    has_dense_versions,
)
from pg_evident.bench.stage.server import TEMPLATE, Bench, checkpoint, fresh_database
from pg_evident.bench.terms import Candidate, Sample, Workload
from pg_evident.database import connect

_WARM_UP = 100  # transactions per client
_PULSE = "bench.pulse"

# The second read model, kept in the background.
_SCHEMA = """
set role evident_projector;

create table bench.pulse (
    aggregate_id uuid primary key,
    events integer not null,
    last_at timestamptz not null
);

create function bench.apply_pulse(p_row bench.pulse, p_event evident.event_store)
returns bench.pulse
language plpgsql
immutable
parallel safe
as $function$
begin
    p_row.events := coalesce(p_row.events, 0) + 1;
    p_row.last_at := p_event.occurred_at;
    return p_row;
end;
$function$;

select evident.create_projection(
    'bench.pulse',
    'bench.apply_pulse(bench.pulse, evident.event_store)',
    array['OrderCreated', 'PaymentProcessed'],
    'async'
);

reset role;
"""


def mixed_workloads(bench: Bench) -> Iterator[Workload]:
    """Give the workloads of `evident bench mixed`; bare tables are the reference."""
    _prepare(bench)
    yield Workload(
        f"mixed: 7 reads to 3 appends, {bench.clients} connections",
        "transactions/s",
        [
            Candidate(each.name, each.gives, _measure(bench, each))
            for each in mixtures()
        ],
    )
    yield purchases_workload(bench)


def _prepare(bench: Bench) -> None:
    """Let projections and consumer be up to date in the template database."""
    with connect(bench.server.uri_for(TEMPLATE), autocommit=True) as connection:
        build_read_model(connection)
        register(connection, "sync")
        connection.execute(_SCHEMA)
        for name in (MODEL, _PULSE):
            connection.execute("select evident.rebuild_projection(%s)", (name,))
        connection.execute(f"insert into {HAND} select t.* from {MODEL} as t".encode())
        connection.execute("select evident.create_consumer(%s)", (CONSUMER,))
        drain(connection, consume)
        connection.execute("vacuum (analyze)")


def _measure(bench: Bench, mixture: Mixture) -> Callable[[], Sample]:
    tables = {TWIN: (TWIN, HAND), STORE: (STORE, MODEL, _PULSE)}[mixture.table]

    def run(database: str, number: int, transactions: int | None = None) -> Outcome:
        return pgbench(
            bench,
            database,
            mixture.scripts,
            clients=bench.clients,
            variables={
                "v": 0,
                "run": number,
                "events": bench.events,
                "aggregates": aggregates(bench.events),
                "created": CREATED,
                "paid": PAID,
                "payload": PAYLOAD,
            },
            transactions=transactions,
        )

    def measure() -> Sample:
        with (
            fresh_database(bench) as database,
            connect(bench.server.uri_for(database), autocommit=True) as connection,
        ):
            followers = []
            if mixture.is_followed:
                followers = [
                    Follower("consumer", consume, head(connection)),
                    Follower("projection", folds(_PULSE), head(connection)),
                ]
            elif mixture.table == STORE:
                for name in (MODEL, _PULSE):
                    connection.execute("select evident.drop_projection(%s)", (name,))
            start = last_id(connection, mixture.table)
            with following(bench, database, followers) as wait:
                run(database, 0, _WARM_UP)
                wait()
                checkpoint(bench)
                for each in followers:
                    each.most = 0
                with (
                    footprinted(bench, database, *tables) as growth,
                    metered(bench.server) as usage,
                ):
                    outcome = run(database, 1)
                rest = wait()
            is_right = has_dense_versions(connection, mixture.table)
            if followers:
                appended = count_after(connection, mixture.table, start)
                is_right = is_right and followers[0].seen == appended
                is_right = is_right and _is_kept(connection)
        return Sample(
            operations=outcome.transactions,
            seconds=outcome.transactions / outcome.rate,
            usage=usage,
            failures=outcome.aborted,
            is_right=is_right,
            footprint=growth.per(outcome.transactions),
            latencies=outcome.latencies,
            extra=_lags(followers, rest),
        )

    return measure


def _lags(followers: Sequence[Follower], rest: float) -> dict[str, float]:
    if not followers:
        return {}
    figures = {k: v for each in followers for k, v in each.figures().items()}
    return {**figures, "seconds until all had followed": rest}


def _is_kept(connection: Connection) -> bool:
    """Say whether both read models are what the events fold to."""
    query = "select count(*) from evident.verify_projection(%s)"
    found = [connection.execute(query, (name,)).fetchone() for name in (MODEL, _PULSE)]
    return all(row is not None and row[0] == 0 for row in found)
