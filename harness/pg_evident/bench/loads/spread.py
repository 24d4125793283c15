"""Measure appends whose aggregates are chosen as users choose them: some far oftener.

All belong to one category; nothing here is shared by a category.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from pg_evident.bench.loads.append import EVIDENT, Connection, single_appends
from pg_evident.bench.stage.schema import STORE, TWIN, has_dense_versions
from pg_evident.bench.stage.server import TEMPLATE, Bench
from pg_evident.bench.terms import Candidate, Sample, Workload
from pg_evident.database import connect

_AGGREGATES = 10_000
# The first takes about one append in nine, and the first ten one in three.
_EVENLY = f"\\set number random(1, {_AGGREGATES})\n"
_ZIPF = f"\\set number random_zipfian(1, {_AGGREGATES}, 1.01)\n"
_CHOSEN = "md5('spread/' || :number::text)::uuid"

# Reload and decide again, as a client does, but next to the data: what is measured
# is the store. Conflicts are counted by a sequence, which no rollback takes back; in
# the warm-up (run 0) they are not.
_SCHEMA = """
create sequence bench.conflicts;

create function bench.decide(
    p_run integer, p_aggregate_id uuid, p_event_type text, p_payload jsonb
)
returns bigint
language plpgsql
as $function$
declare
    v_version integer;
begin
    loop
        v_version := evident.aggregate_version(p_aggregate_id);
        begin
            return evident.append_event(
                p_aggregate_id, p_event_type, p_payload, v_version
            );
        exception when sqlstate 'PT409' then
            perform nextval('bench.conflicts') where p_run = 1;
        end;
    end loop;
end;
$function$;

create function bench.decide_by_hand(
    p_run integer, p_aggregate_id uuid, p_event_type text, p_payload jsonb
)
returns bigint
language plpgsql
as $function$
declare
    v_version integer;
begin
    loop
        select coalesce(max(e.version), 0) into v_version
        from bench.event_store as e
        where e.aggregate_id = p_aggregate_id;
        begin
            insert into bench.event_store (
                aggregate_id, version, event_type, payload
            )
            values (p_aggregate_id, v_version + 1, p_event_type, p_payload);
            return v_version + 1;
        exception when unique_violation then
            perform nextval('bench.conflicts') where p_run = 1;
        end;
    end loop;
end;
$function$;

grant usage on sequence bench.conflicts to bench_writer;
"""
_DECIDE = "select bench.{function}(:run, {aggregate}, :event_type, :payload);"
_CONFLICTS = """
    select case when s.is_called then s.last_value else 0 end
    from bench.conflicts as s
"""


def spread_workloads(bench: Bench) -> Iterator[Workload]:
    """Give appends over 10,000 aggregates: any version, and reload and decide again."""
    with connect(bench.server.uri_for(TEMPLATE), autocommit=True) as connection:
        connection.execute(_SCHEMA)
    command = EVIDENT.format(aggregate=_CHOSEN, version="null")
    yield Workload(
        f"contention: {_AGGREGATES:,} aggregates, version null,"
        f" {bench.clients} connections",
        "events/s",
        [
            Candidate(
                name,
                "the next version, whoever asks",
                single_appends(bench, chosen + command, STORE, clients=bench.clients),
            )
            for name, chosen in (("evenly", _EVENLY), ("by Zipf's law", _ZIPF))
        ],
    )
    yield Workload(
        f"contention: {_AGGREGATES:,} aggregates by Zipf's law, reload and decide"
        f" again, {bench.clients} connections",
        "events/s",
        [
            Candidate(
                name,
                gives,
                _deciding(
                    bench,
                    _ZIPF + _DECIDE.format(function=function, aggregate=_CHOSEN),
                    table,
                ),
            )
            for name, gives, function, table in (
                (
                    "raw INSERT",
                    "the key stops the second; readers skip late commits",
                    "decide_by_hand",
                    TWIN,
                ),
                (
                    "evident.append_event",
                    "exact version or PT409, readers skip nothing",
                    "decide",
                    STORE,
                ),
            )
        ],
    )


def _deciding(bench: Bench, command: str, table: str) -> Callable[[], Sample]:
    """Return a run that also counts the conflicts, each of which was tried again."""
    found = 0

    def look(connection: Connection) -> bool:
        nonlocal found
        row = connection.execute(_CONFLICTS).fetchone()
        found = int(row[0]) if row else 0
        return has_dense_versions(connection, table)

    run = single_appends(bench, command, table, clients=bench.clients, is_right=look)

    def measure() -> Sample:
        sample = run()
        share = found / sample.operations
        return replace(sample, extra={"conflicts per 1,000": 1000 * share})

    return measure
