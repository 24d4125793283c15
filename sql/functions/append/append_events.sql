-- evident.append_events: append many events to one aggregate, all or none.
--
-- Sequential scans are off, since a plan made and kept while the table was small
-- would be one until the next analyze.
--
-- Locks: as append_event.
-- Errors: PT400, PT403, PT404, PT409, PT422, PT500

create or replace function evident.append_events(
    p_aggregate_id uuid,
    p_events jsonb,
    p_expected_version bigint default null
)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
begin
    perform evident._check_aggregate(p_aggregate_id, p_expected_version);
    perform evident._check_events(p_events, 'p_events');
    perform evident._check_event_ids('p_events', p_events, '$[*].event_id');
    perform evident._refuse_sequence();
    perform evident._announce_append();
    return evident._append_stream_or_refuse(
        p_aggregate_id, p_events, p_expected_version
    );
end;
$function$;

comment on function evident.append_events(uuid, jsonb, bigint) is
'Appends 1 to 10000 events to one aggregate, all or none, and gives the version of
the last. p_events: [{"type", "payload", "metadata"?, "event_id"?}, ...].
p_expected_version: n = the aggregate is at exactly n, 0 = it does not exist,
-1 = it exists, null = any. Repeating the call with the same event_ids, types
and payloads gives the first version again. Errors: PT400 invalid argument,
PT403 the store''s own aggregate, PT404 no such aggregate, PT409 version conflict,
PT422 event_id used for other content, PT500 the sequence of the ids is not as it was
made.';

revoke all on function evident.append_events(uuid, jsonb, bigint) from public;
grant execute on function evident.append_events(uuid, jsonb, bigint)
to evident_writer;
