-- evident._check_events: refuse an array of events that is malformed.
--
-- p_argument is the array as its caller knows it, such as p_events or
-- p_appends[3].events, so that the refusal points at the value.
--
-- Errors: PT400, for the first bad event

create or replace function evident._check_events(p_events jsonb, p_argument text)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
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

    perform evident._refuse_argument(
        format('%s[%s]%s', p_argument, v.ordinality - 1, p.problem[1]),
        p.problem[2],
        p.problem[3]
    )
    from jsonb_array_elements(p_events) with ordinality as v (value, ordinality)
    cross join lateral (
        select evident._event_problem(v.value) as problem
    ) as p
    where p.problem is not null
    order by v.ordinality
    limit 1;
end;
$function$;

comment on function evident._check_events(jsonb, text) is
'Raises PT400 unless p_events is an array of 1 to 10000 well-formed events.';

revoke all on function evident._check_events(jsonb, text) from public;
