-- evident._check_events: refuse an array of events that is malformed.
--
-- p_argument is the array as its caller knows it, such as p_events or
-- p_appends[3].events, so that the refusal points at the value.
--
-- One pass, which ends at the first bad event, as an into takes no second row. It ends
-- as well when the events before take far more room as text than in memory: only
-- numbers with exponents do, and then a request of 1 MB could keep the server
-- busy for minutes.
--
-- Generic plans, since those for known values hold copies of the whole document.
--
-- Errors: PT400, for the first bad event

create or replace function evident._check_events(p_events jsonb, p_argument text)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $function$
declare
    v_most_text constant bigint := evident._most_text(p_events);
    v_bad record;
    v_place text;
begin
    if jsonb_typeof(p_events) is distinct from 'array' or p_events = '[]' then
        perform evident._refuse_argument(
            p_argument, 'not a JSON array of events',
            'pass [{"type", "payload"}, ...]'
        );
    end if;
    if jsonb_array_length(p_events) > 10000 then
        perform evident._refuse_argument(
            p_argument, 'more than 10000 events', 'split the call'
        );
    end if;

    select
        w.ordinality,
        w.problem,
        w.payload_length,
        w.metadata_length
    into v_bad
    from (
        select
            m.*,
            sum(m.payload_length + m.metadata_length)
                over (rows unbounded preceding) as total
        from (
            select
                d.ordinality,
                evident._event_problem(d.event) as problem,
                evident._text_length(d.payload) as payload_length,
                evident._text_length(d.metadata) as metadata_length
            from (
                select
                    v.ordinality,
                    v.value as event,
                    v.value -> 'payload' as payload,
                    coalesce(v.value -> 'metadata', '{}') as metadata
                from jsonb_array_elements(p_events)
                    with ordinality as v (value, ordinality)
                offset 0
            ) as d
            offset 0
        ) as m
    ) as w
    where
        w.problem is not null
        or w.payload_length + w.metadata_length is null
        or w.total > v_most_text;
    if not found then
        return;
    end if;

    v_place := format('%s[%s]', p_argument, v_bad.ordinality - 1);
    if v_bad.problem is not null then
        perform evident._refuse_argument(
            v_place || v_bad.problem[1], v_bad.problem[2], v_bad.problem[3]
        );
    elsif v_bad.payload_length is null then
        perform evident._refuse_document(v_place || '.payload');
    elsif v_bad.metadata_length is null then
        perform evident._refuse_document(v_place || '.metadata');
    end if;
    perform evident._refuse_text(p_argument);
end;
$function$;

comment on function evident._check_events(jsonb, text) is
'Raises PT400 unless p_events is an array of 1 to 10000 well-formed events.';

revoke all on function evident._check_events(jsonb, text) from public;
