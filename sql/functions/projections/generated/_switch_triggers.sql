-- evident._switch_triggers: let appends keep a synchronous projection, or no longer.
--
-- The triggers name the read model's columns, so they are made anew each time they are
-- to act; that enables them. While keys are parked one more refuses their events.
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
    -- Whoever pauses reads the last id drawn after this, also where no trigger is.
    lock table evident.event_store in share row exclusive mode;

    if p_must_keep then
        if p_projection.keys is null then
            perform evident._make_keep(p_projection);
        end if;
        perform evident._make_keep_batch(p_projection);
        if exists (
            select
            from evident.projection_failure as f
            where f.projection = p_projection.name
        ) then
            perform evident._make_hold(p_projection);
            return;
        end if;
    end if;

    for v_name in
        select t.tgname
        from pg_trigger as t
        where
            t.tgrelid = 'evident.event_store'::regclass
            and t.tgenabled <> 'D'
            and (
                t.tgname = evident._name_of_trigger(p_projection, 'hold_event_%s')
                or (
                    not p_must_keep
                    and t.tgname in (
                        evident._name_of_trigger(p_projection, 'keep_event_%s'),
                        evident._name_of_trigger(p_projection, 'keep_batch_%s')
                    )
                )
            )
        order by t.tgname collate "C"
    loop
        perform evident._run_ddl(
            format('alter table evident.event_store disable trigger %I', v_name)
        );
    end loop;
end;
$function$;

comment on function evident._switch_triggers(evident.projection, boolean) is
'Makes, or disables, the triggers that keep a synchronous projection.';

revoke all on function evident._switch_triggers(evident.projection, boolean)
from public;
