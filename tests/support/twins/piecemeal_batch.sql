-- Appends what fits and leaves out the rest, without a word.

create or replace function evident._refuse_versions(p_conflicts jsonb)
returns void
language sql
as $function$
    select;
$function$;
