-- Reports the first unmet expectation of a batch only.

create or replace function evident._refuse_versions(p_conflicts jsonb)
returns void
language plpgsql
as $function$
begin
    raise exception 'conflict'
    using
        errcode = 'PT409',
        detail = jsonb_build_object(
            'conflicts', jsonb_build_array(p_conflicts -> 0)
        )::text;
end;
$function$;
