-- evident._switch_triggers: enable or disable the triggers of a projection.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store: no transaction has appended
-- events that are not decided yet, and readers go on.

create or replace function evident._switch_triggers(
    p_projection evident.projection,
    p_must_keep boolean
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_name text;
begin
    for v_name in
        select t.tgname
        from pg_trigger as t
        where
            t.tgrelid = 'evident.event_store'::regclass
            and t.tgname in (
                evident._projection_trigger(p_projection),
                evident._projection_trigger(p_projection) || '_batch'
            )
        order by t.tgname
    loop
        execute format(
            'alter table evident.event_store %s trigger %I',
            case when p_must_keep then 'enable' else 'disable' end, v_name
        );
    end loop;
end;
$function$;

comment on function evident._switch_triggers(evident.projection, boolean) is
'Enables or disables the triggers that keep a synchronous projection.';

revoke all on function evident._switch_triggers(evident.projection, boolean)
from public;
