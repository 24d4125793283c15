-- evident._append_stream: append checked events to one aggregate, all or none.
--
-- The first event claims its version; the unique key decides that race. Once the
-- claim stands nobody can append behind it, since whoever expects the version
-- before it collides and whoever expects the claimed version cannot see it. So
-- the other events follow without a race, and only an event_id that is stored
-- elsewhere can keep one of them out.
--
-- When any version will do, a lost race is run again; each lost race is somebody
-- else's success. A thousand of them are enough. An id that is taken looks like a
-- lost race too: the sequence was set back, which is asked each time.
--
-- Gives the version of the last event; or no version, and the actual version
-- that did not meet the expectation, so that a batch can report all of them. An
-- expectation that is met is a conflict only where no versions are left.
--
-- Locks: the aggregate, when p_expected_version is null or -1. The caller has
-- announced the append.
-- Errors: PT422, PT500, 40001

create or replace function evident._append_stream(
    p_aggregate_id uuid,
    p_events jsonb,
    p_expected_version bigint,
    out version bigint,
    out actual integer
)
returns record
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_length constant integer := jsonb_array_length(p_events);
    v_base integer;
begin
    for v_attempt in 1..1000 loop
        v_base := evident._base_version(p_aggregate_id, p_expected_version);

        if v_base is not null
            and v_base <= 2147483647 - v_length
            and evident._insert_stream(p_aggregate_id, v_base, p_events, 1, 1) = 1
        then
            if v_length = 1 or evident._insert_stream(
                p_aggregate_id, v_base, p_events, 2, v_length
            ) = v_length - 1 then
                version := v_base + v_length;
            else
                -- Raises, as some but not all are stored.
                version := evident._replayed_version(
                    p_aggregate_id,
                    p_events,
                    array(
                        select e.id
                        from evident.event_store as e
                        where
                            e.aggregate_id = p_aggregate_id
                            and e.version > v_base
                    )
                );
            end if;
            return;
        end if;

        version := evident._replayed_version(p_aggregate_id, p_events, '{}');
        if version is not null then
            return;
        end if;

        -- Met after all, by what was committed meanwhile, or any version will do.
        select coalesce(max(e.version), 0) into actual
        from evident.event_store as e
        where e.aggregate_id = p_aggregate_id;
        if actual > 2147483647 - v_length
            or (
                actual <> p_expected_version
                and (p_expected_version >= 0 or actual = 0)
            )
        then
            return;
        end if;
        perform evident._refuse_sequence();
    end loop;

    raise exception using
        errcode = 'serialization_failure',
        message = format(
            'aggregate %s is not appended to: others were first a thousand times',
            p_aggregate_id
        ),
        detail = jsonb_build_object('aggregate_id', p_aggregate_id)::text,
        hint = 'call again';
end;
$function$;

comment on function evident._append_stream(uuid, jsonb, bigint) is
'Appends checked events to one aggregate. version: of the last event, also of an
earlier run of the same append; null when actual does not meet p_expected_version, or
leaves no room.';

revoke all on function evident._append_stream(uuid, jsonb, bigint) from public;
