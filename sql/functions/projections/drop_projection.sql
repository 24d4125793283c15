-- evident.drop_projection: forget a projection and what was made for it.
--
-- The read model stays as it is, and so do the fold and the events. Works also when
-- the read model is gone, which would otherwise stop appends for good.
--
-- An invariant is dropped by force only, as it is paused.
--
-- Locks: the registration's, the projection's and that of making; ACCESS EXCLUSIVE on
-- evident.event_store where there are triggers to drop; asked for briefly, since all
-- wait behind it. 55P03: try again.
-- Errors: PT400, PT404, 55P03

create or replace function evident.drop_projection(
    p_name text,
    p_actor text default null,
    p_reason text default null,
    p_force boolean default false
)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '900ms'
set quote_all_identifiers = off
set client_min_messages = warning
as $function$
declare
    v_projection evident.projection;
    v_form text;
    v_made record;
begin
    perform evident._lock_registration();
    perform evident._lock_registration(p_name);
    v_projection := evident._lock_projection(p_name);
    perform evident._require_force(v_projection, p_actor, p_reason, p_force);
    perform evident._lock_making();

    -- Before the event store, as everyone who reads it does.
    perform evident._run_ddl(
        format('drop view if exists evident.%I', 'events_of_' || p_name)
    );
    foreach v_form in array array['keep_event_%s', 'keep_batch_%s', 'hold_event_%s']
    loop
        continue when v_projection.mode <> 'sync';
        perform evident._run_ddl(
            format(
                'drop trigger if exists %I on evident.event_store',
                evident._name_of_trigger(v_projection, v_form)
            )
        );
    end loop;
    for v_made in
        select m.name
        from evident._projection_made(p_name) as m
    loop
        perform evident._run_ddl(format('drop routine evident.%I', v_made.name));
    end loop;

    delete from evident.projection as p
    where p.name = p_name;
    perform evident._record_baseline(p_name);
    perform evident._record_force(
        v_projection, 'InvariantDropped', p_actor, p_reason
    );
end;
$function$;

comment on function evident.drop_projection(text, text, text, boolean) is
'Forgets a projection with its failures and skips, and drops what create_projection
made for it. The read model and its rows stay. An invariant needs p_force and
p_reason, and an event InvariantDropped tells it, as in pause_projection. For READ
COMMITTED. Errors: PT400 invalid argument, PT404 no such projection; 55P03 when others
were in the way: call again.';

revoke all on function evident.drop_projection(text, text, text, boolean) from public;
grant execute on function evident.drop_projection(text, text, text, boolean) to
evident_projector, evident_operator;
