-- evident._check_entry_events: refuse a batch whose events are malformed.
--
-- One pass over all events finds the first entry with something to refuse; see
-- _check_events. Only that entry is looked at on its own.
--
-- Generic plans, since those for known values hold copies of the whole document.
--
-- Errors: PT400, for the first bad event

create or replace function evident._check_entry_events(p_appends jsonb)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $function$
declare
    v_most_text constant bigint := evident._most_text(p_appends);
    v_entry integer;
    v_place text;
begin
    perform evident._refuse_argument(
        'p_appends', 'more than 10000 events', 'split the batch'
    )
    from evident._append_entries(p_appends) as n
    having sum(n.event_count) > 10000;

    select w.ordinality - 1 into v_entry
    from (
        select
            m.*,
            sum(m.length) over (rows unbounded preceding) as total
        from (
            select
                d.ordinality,
                case
                    when evident._event_problem(d.event) is null
                        then
                            evident._text_length(d.payload)
                            + evident._text_length(d.metadata)
                end as length
            from (
                select
                    n.ordinality,
                    v.value as event,
                    v.value -> 'payload' as payload,
                    coalesce(v.value -> 'metadata', '{}') as metadata
                from evident._append_entries(p_appends) as n
                cross join lateral jsonb_array_elements(
                    case when n.event_count > 0 then n.events else '[]' end
                ) as v (value)
                offset 0
            ) as d
            offset 0
        ) as m
    ) as w
    where w.length is null or w.total > v_most_text;
    if not found then
        return;
    end if;

    v_place := format('p_appends[%s].events', v_entry);
    perform evident._check_events(p_appends -> v_entry -> 'events', v_place);
    perform evident._refuse_text('p_appends');
end;
$function$;

comment on function evident._check_entry_events(jsonb) is
'Raises PT400 unless a batch has at most 10000 events, all well-formed.';

revoke all on function evident._check_entry_events(jsonb) from public;
