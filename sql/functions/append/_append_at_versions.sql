-- evident._append_at_versions: append entries that all name an exact version, with
-- one statement.
--
-- An event stays out when the version it follows does not exist, or when its
-- version or its event_id is taken. Rows go in by aggregate and version, so
-- that two calls that wait for each other's keys meet them in one order and
-- cannot deadlock. Entries that did not go in whole are explained afterwards:
-- a repeated append has its first version, anything else has none.
--
-- An entry whose base was not there is told the version of that same snapshot: its
-- base may have come while the insert waited for somebody else.
--
-- The base is compared with a subselect, not by exists, since that one cannot
-- become a join or a hash over the whole table, whatever the plan was made for.
--
-- evident.is_batch tells the triggers of synchronous projections to fold the
-- events together (_make_keep_batch).
--
-- The caller has checked the document, and announced the append.
-- Errors: PT422

create or replace function evident._append_at_versions(p_appends jsonb)
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
    v_ids bigint[];
    v_missed jsonb;
begin
    perform set_config('evident.is_batch', 'on', true);
    with entry as materialized (
        select
            n.aggregate_id,
            n.expected,
            n.events,
            n.expected <= 2147483647 - n.event_count
            and (
                n.expected = 0 or n.expected = (
                    select e.version
                    from evident.event_store as e
                    where
                        e.aggregate_id = n.aggregate_id
                        and e.version = n.expected
                )
            ) as has_base
        from evident._append_entries(p_appends) as n
    ),

    inserted as (
        insert into evident.event_store as e (
            aggregate_id, version, event_type, payload, metadata, event_id
        )
        select
            n.aggregate_id,
            (n.expected + v.ordinality)::integer,
            v.value ->> 'type',
            v.value -> 'payload',
            coalesce(nullif(v.value -> 'metadata', 'null'), '{}'),
            coalesce((v.value ->> 'event_id')::uuid, evident._uuid_v7())
        from entry as n
        cross join lateral
            jsonb_array_elements(n.events) with ordinality as v (value, ordinality)
        where n.has_base
        order by n.aggregate_id, v.ordinality
        on conflict do nothing
        returning e.id
    )

    select
        (select array_agg(i.id) from inserted as i),
        (
            select
                jsonb_object_agg(
                    n.aggregate_id,
                    (
                        select coalesce(max(e.version), 0)
                        from evident.event_store as e
                        where e.aggregate_id = n.aggregate_id
                    )
                )
            from entry as n
            where n.has_base is not true
        )
    into v_ids, v_missed;
    perform set_config('evident.is_batch', 'off', true);

    return query
    with own as (
        select
            e.aggregate_id,
            count(*) as event_count,
            min(e.version) as first_version
        from evident.event_store as e
        where e.id = any (v_ids)
        group by e.aggregate_id
    )

    select
        n.ordinality,
        n.aggregate_id,
        n.expected,
        case
            when o.event_count = n.event_count then n.expected + o.event_count
            else evident._replayed_version(
                n.aggregate_id, n.events, coalesce(v_ids, '{}')
            )
        end,
        coalesce(
            o.first_version - 1,
            (v_missed ->> n.aggregate_id::text)::integer,
            (
                select coalesce(max(e.version), 0)
                from evident.event_store as e
                where e.aggregate_id = n.aggregate_id
            )
        )
    from evident._append_entries(p_appends) as n
    left join own as o on n.aggregate_id = o.aggregate_id;
end;
$function$;

comment on function evident._append_at_versions(jsonb) is
'Appends entries that name exact versions. One row for each: version of the last
event, also of an earlier run of the same append; null when actual, the
aggregate''s version before, is not as expected.';

revoke all on function evident._append_at_versions(jsonb) from public;
