-- evident._check_entry_events: refuse a batch whose events are malformed.
--
-- One pass over all events finds out whether there is anything to refuse; only
-- then is each array looked at on its own.
--
-- Errors: PT400, for the first bad event

create or replace function evident._check_entry_events(p_appends jsonb)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_event_count bigint;
    v_bad_count bigint;
begin
    select
        count(*),
        count(*) filter (where evident._event_problem(v.value) is not null)
    into v_event_count, v_bad_count
    from evident._append_entries(p_appends) as n
    cross join lateral jsonb_array_elements(
        case when n.event_count > 0 then n.events else '[]' end
    ) as v (value);

    if v_bad_count > 0 then
        perform evident._check_events(
            n.events, format('p_appends[%s].events', n.ordinality - 1)
        )
        from evident._append_entries(p_appends) as n
        where n.event_count > 0
        order by n.ordinality;
    end if;
    if v_event_count > 10000 then
        perform evident._refuse_argument(
            'p_appends', 'more than 10000 events', 'split the batch'
        );
    end if;
end;
$function$;

comment on function evident._check_entry_events(jsonb) is
'Raises PT400 unless a batch has at most 10000 events, all well-formed.';

revoke all on function evident._check_entry_events(jsonb) from public;
