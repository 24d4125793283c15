-- evident.read_feed: all events in the order of their ids, none ever skipped.
--
-- The third of the watermark's three statements (see safe_position): the events
-- are read in a snapshot taken after the position is known. A consumer passes the
-- id of the last event that it has dealt with, and never misses one however late
-- it commits. Ids have gaps, left by appends that were refused or rolled back.
--
-- Runs with the caller's rights, row security included, and so raises by itself:
-- callers may not run internal functions.
--
-- Whoever asks behind an id that was never drawn has seen events that this store lost:
-- it was restored, or failed over, to an earlier state. New events get those ids again,
-- and would be stepped over; so that is said instead. Only looked at when the caller is
-- ahead of the safe position. A standby's own position is behind its primary's readers.
--
-- p_max_bytes ends a page by what its documents take as text. That makes text of each
-- of them, so it is only done when it is asked for; rows come one after the other, and
-- none is looked at behind the one that is too much.
--
-- The index on id is the only good plan at any size; a plan cached while the
-- table was small must not be another.
--
-- Errors: PT400, PT500

create or replace function evident.read_feed(
    p_after bigint default 0,
    p_limit bigint default 1000,
    p_event_types text[] default null,
    p_max_bytes bigint default null
)
returns setof evident.event_store
language plpgsql
volatile
parallel restricted
rows 1000
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $function$
declare
    v_until bigint;
    v_event evident.event_store;
    v_bytes bigint := 0;
    v_is_first boolean;
begin
    if p_after is null or p_after < 0 then
        raise exception using
            errcode = 'PT400',
            message = 'invalid argument p_after: null or below 0',
            detail = '{"argument": "p_after", "reason": "null or below 0"}',
            hint = 'pass the id of the last event dealt with, 0 at the start';
    end if;
    if p_limit is null or p_limit not between 1 and 10000 then
        raise exception using
            errcode = 'PT400',
            message = 'invalid argument p_limit: not between 1 and 10000',
            detail = '{"argument": "p_limit", "reason": "not between 1 and 10000"}',
            hint = 'read page after page';
    end if;
    if p_max_bytes < 1 then
        raise exception using
            errcode = 'PT400',
            message = 'invalid argument p_max_bytes: below 1',
            detail = '{"argument": "p_max_bytes", "reason": "below 1"}',
            hint = 'pass how many bytes a page may take, or null for any number';
    end if;

    v_until := evident.safe_position();
    if p_after > v_until
        and not pg_is_in_recovery()
        and p_after > coalesce(
            pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
        )
    then
        raise exception using
            errcode = 'PT400',
            message = 'invalid argument p_after: beyond the last id drawn',
            detail = '{"argument": "p_after", "reason": "beyond the last id drawn"}',
            hint = 'the store was set back to an earlier state, or is another one: find'
                ' the last event dealt with that it has, and go on behind it';
    end if;

    if p_max_bytes is null then
        return query
        select e.*
        from evident.event_store as e
        where
            e.id > p_after
            and e.id <= v_until
            and (p_event_types is null or e.event_type = any (p_event_types))
        order by e.id
        limit p_limit;
        return;
    end if;

    for v_event in
        select e.*
        from evident.event_store as e
        where
            e.id > p_after
            and e.id <= v_until
            and (p_event_types is null or e.event_type = any (p_event_types))
        order by e.id
        limit p_limit
    loop
        v_is_first := v_bytes = 0;
        v_bytes := v_bytes
            + octet_length(v_event.payload::text)
            + octet_length(v_event.metadata::text);
        exit when v_bytes > p_max_bytes and not v_is_first;
        return next v_event;
    end loop;
end;
$function$;

comment on function evident.read_feed(bigint, bigint, text[], bigint) is
'Up to p_limit (1 to 10000) events with an id above p_after in the order of their
ids, only of p_event_types unless that is null; at least one, then as many as fit
when their payloads and metadata may take p_max_bytes as text. Pass the id of the last
event dealt with to go on; no event is ever skipped. An empty answer means: nothing
new yet. Errors: PT400 invalid argument, an id that this store has not drawn, or a
transaction at REPEATABLE READ or SERIALIZABLE; PT500 as safe_position.';

revoke all on function evident.read_feed(bigint, bigint, text[], bigint) from public;
grant execute on function evident.read_feed(bigint, bigint, text[], bigint) to
evident_reader, evident_operator, evident_auditor;
