-- evident._append_one_by_one: append entries one after the other.
--
-- For batches in which some entry accepts any version or only checks. Entries
-- are taken in the order of their aggregates, each to its end before the
-- next, locks included, so that two batches never deadlock.
--
-- Entries without events are checked last, in a snapshot newer than all locks and
-- claims. A batch that has one locks all its aggregates: of two batches that
-- each check what the other one appends, the second finds the first one's events.
-- It would not in a snapshot as old as its transaction, so REPEATABLE READ and
-- SERIALIZABLE are refused; the latter finds out by itself only where all others
-- are SERIALIZABLE too.
--
-- The caller has checked the document, and announced the append.
-- Errors: PT400, PT422

create or replace function evident._append_one_by_one(p_appends jsonb)
returns table (
    ordinality bigint,
    aggregate_id uuid,
    expected bigint,
    version bigint,
    actual integer
)
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_entry record;
    v_has_checks constant boolean := exists (
        select
        from evident._append_entries(p_appends) as n
        where n.event_count = 0
    );
begin
    if v_has_checks
        and current_setting('transaction_isolation')
        in ('repeatable read', 'serializable')
    then
        perform evident._refuse_argument(
            'transaction_isolation',
            current_setting('transaction_isolation')
            || ' cannot see whether a checked version still holds',
            'check versions at READ COMMITTED'
        );
    end if;

    for v_entry in
        select n.*
        from evident._append_entries(p_appends) as n
        order by n.aggregate_id
    loop
        if v_has_checks then
            perform evident._lock_aggregate(v_entry.aggregate_id);
        end if;
        continue when v_entry.event_count = 0;

        ordinality := v_entry.ordinality;
        aggregate_id := v_entry.aggregate_id;
        expected := v_entry.expected;
        select
            s.version,
            s.actual
        into version, actual
        from evident._append_stream(
            v_entry.aggregate_id, v_entry.events, v_entry.expected
        ) as s;
        return next;
    end loop;

    return query
    select
        n.ordinality,
        n.aggregate_id,
        n.expected,
        case
            when s.actual = n.expected or (n.expected = -1 and s.actual > 0)
                then s.actual::bigint
        end,
        s.actual
    from evident._append_entries(p_appends) as n
    cross join lateral (
        select coalesce(max(e.version), 0) as actual
        from evident.event_store as e
        where e.aggregate_id = n.aggregate_id
    ) as s
    where n.event_count = 0;
end;
$function$;

comment on function evident._append_one_by_one(jsonb) is
'Appends or checks entries one after the other. One row for each: version after
it; null when actual, the aggregate''s version before, is not as expected.';

revoke all on function evident._append_one_by_one(jsonb) from public;
