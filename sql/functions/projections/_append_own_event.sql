-- evident._append_own_event: append an event of the store's own.
--
-- Its stream is the aggregate of the nil UUID, a constant. Every append function
-- refuses that aggregate, so what stands there the store itself wrote, and nothing
-- that a writer does can keep the store from writing: no aggregate lock is taken, and
-- the version is the exact next one. Another own event may be first; then once more.
--
-- Locks: the feed announcement of an append (_draw_id).
-- Errors: PT400 at REPEATABLE READ and SERIALIZABLE; PT500

create or replace function evident._append_own_event(
    p_event_type text,
    p_payload jsonb
)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_own constant uuid := '00000000-0000-0000-0000-000000000000'::uuid;
    v_version bigint;
begin
    perform evident._refuse_one_snapshot();
    if evident._text_length(p_payload) is null then
        raise exception using
            errcode = 'PT500',
            message = format(
                'event %s of the store''s own is not stored', p_event_type
            ),
            detail = jsonb_build_object(
                'reason', 'the payload is longer than 1048576 bytes'
            )::text,
            hint = 'evident.guard_status() shows what it would tell';
    end if;
    perform evident._refuse_sequence();
    for v_attempt in 1 .. 100 loop
        insert into evident.event_store as e (
            id, aggregate_id, version, event_type, payload
        )
        overriding system value
        select
            currval('evident.event_store_id_seq'::regclass),
            v_own,
            coalesce(
                (
                    select s.version
                    from evident.event_store as s
                    where s.aggregate_id = v_own
                    order by s.version desc
                    limit 1
                ),
                0
            ) + 1,
            p_event_type,
            p_payload
        where evident._draw_id()
        on conflict do nothing
        returning e.version into v_version;

        if found then
            return v_version;
        end if;
    end loop;
    raise exception using
        errcode = 'PT500',
        message = format('event %s of the store''s own is not stored', p_event_type),
        detail = jsonb_build_object(
            'reason', 'a hundred attempts stored no row'
        )::text,
        hint = 'evident.guard_status() shows what of event_store and its sequence is '
            'not as the package made it';
end;
$function$;

comment on function evident._append_own_event(text, jsonb) is
'Appends an event to the store''s own stream, which is the nil UUID''s and closed to
everybody else, and gives its version.';

revoke all on function evident._append_own_event(text, jsonb) from public;
