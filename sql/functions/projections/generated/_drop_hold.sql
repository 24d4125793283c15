-- evident._drop_hold: let appends no longer look for parked keys, where none is left.
--
-- The trigger stays, disabled. Whoever frees the last key cannot do it: an operator may
-- leave his transaction open, and appends would wait for it. So the next run does.
--
-- The caller holds the projection's lock, so no key is parked meanwhile.
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store, asked for briefly; without
-- success the next run tries again

create or replace function evident._drop_hold(p_projection evident.projection)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms'
as $function$
begin
    if exists (
        select
        from pg_trigger as t
        where
            t.tgrelid = 'evident.event_store'::regclass
            and t.tgname = evident._name_of_trigger(p_projection, 'hold_event_%s')
            and t.tgenabled <> 'D'
            and not exists (
                select
                from evident.projection_failure as f
                where f.projection = p_projection.name
            )
    ) then
        perform evident._run_ddl(
            format(
                'alter table evident.event_store disable trigger %I',
                evident._name_of_trigger(p_projection, 'hold_event_%s')
            )
        );
    end if;
exception when lock_not_available then
    null;
end;
$function$;

comment on function evident._drop_hold(evident.projection) is
'Disables the trigger that refuses appends to parked keys when no key is parked.';

revoke all on function evident._drop_hold(evident.projection) from public;
