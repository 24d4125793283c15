-- Takes the entries in the order of the document, each with its own call.

create or replace function evident.append_batch(p_appends jsonb)
returns table (aggregate_id uuid, version bigint)
language plpgsql
security definer
as $function$
#variable_conflict use_column
declare
    v_entry record;
begin
    for v_entry in
        select n.*
        from evident._append_entries(p_appends) as n
        order by n.ordinality
    loop
        aggregate_id := v_entry.aggregate_id;
        version := v_entry.expected;
        if v_entry.event_count > 0 then
            version := evident.append_events(
                v_entry.aggregate_id, v_entry.events, v_entry.expected
            );
        end if;
        return next;
    end loop;
end;
$function$;
