-- evident.append_batch: append to many aggregates, all or none.
--
-- Two batches never deadlock with each other, whatever the order of their
-- entries. An entry without events appends nothing and only checks a version;
-- no other batch with such an entry can invalidate the check before this
-- one commits. Only READ COMMITTED can promise that; elsewhere it is PT400.
--
-- Locks: the feed announcement; the aggregates of entries that accept any
-- version, or of all entries when one of them only checks.
-- Errors: PT400, PT403, PT404, PT409, PT422, PT500

create or replace function evident.append_batch(p_appends jsonb)
returns table (aggregate_id uuid, version bigint)
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_is_exact boolean;
    v_outcome record;
begin
    perform evident._check_entries(p_appends);
    perform evident._check_entry_events(p_appends);
    perform evident._check_event_ids(
        'p_appends', p_appends, '$[*].events[*].event_id'
    );
    perform evident._refuse_sequence();
    perform evident._announce_append();

    select coalesce(
        bool_and(n.event_count > 0 and coalesce(n.expected, -1) >= 0), false
    )
    into v_is_exact
    from evident._append_entries(p_appends) as n;

    with outcome as (
        select t.* from evident._append_at_versions(p_appends) as t where v_is_exact
        union all
        select t.* from evident._append_one_by_one(p_appends) as t where not v_is_exact
    )

    select
        array_agg(o.aggregate_id order by o.ordinality) as aggregate_ids,
        array_agg(o.version order by o.ordinality) as versions,
        jsonb_agg(
            jsonb_build_object(
                'aggregate_id', o.aggregate_id,
                'expected', o.expected,
                'actual', o.actual
            )
            order by o.ordinality
        ) filter (where o.version is null) as conflicts
    into v_outcome
    from outcome as o;

    if v_outcome.conflicts is not null then
        perform evident._refuse_versions(v_outcome.conflicts);
    end if;

    return query
    select
        u.aggregate_id,
        u.version
    from unnest(v_outcome.aggregate_ids, v_outcome.versions)
        as u (aggregate_id, version);
end;
$function$;

comment on function evident.append_batch(jsonb) is
'Appends to many aggregates, all or none, and gives each new version in the order of
the entries. p_appends: up to 10000 entries [{"aggregate_id", "expected_version"?,
"events"?}, ...] with up to 10000 events in all, each aggregate once; an entry
without events only checks its version, at READ COMMITTED. Each entry that is stored
already, by its event_ids, types and payloads, gives its first version again. Every
unmet expectation is reported in one PT409. Errors: PT400 invalid argument, PT403 the
store''s own aggregate, PT404 no such aggregate, PT409 version conflict, PT422 event_id
used for other content, PT500 the sequence of the ids is not as it was made.';

revoke all on function evident.append_batch(jsonb) from public;
grant execute on function evident.append_batch(jsonb) to evident_writer;
