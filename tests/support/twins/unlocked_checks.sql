-- Checks the entries without events last, as it should, but locks nothing.

create or replace function evident._append_one_by_one(p_appends jsonb)
returns table (
    ordinality bigint,
    aggregate_id uuid,
    expected bigint,
    version bigint,
    actual integer
)
language plpgsql
as $function$
#variable_conflict use_variable
declare
    v_entry record;
begin
    for v_entry in
        select n.*
        from evident._append_entries(p_appends) as n
        order by n.event_count = 0, n.aggregate_id
    loop
        ordinality := v_entry.ordinality;
        aggregate_id := v_entry.aggregate_id;
        expected := v_entry.expected;
        if v_entry.event_count > 0 then
            select
                s.version,
                s.actual
            into version, actual
            from evident._append_stream(
                v_entry.aggregate_id, v_entry.events, v_entry.expected
            ) as s;
        else
            actual := evident.aggregate_version(v_entry.aggregate_id);
            version := case
                when actual = expected or (expected = -1 and actual > 0)
                    then actual
            end;
        end if;
        return next;
    end loop;
end;
$function$;
