-- evident.pause_projection: leave a read model as it is for a while.
--
-- An invariant is paused by force only, with a reason: see _record_force.
-- That event comes after the lock, so that it waits for no append.
--
-- Locks: the projection's; SHARE ROW EXCLUSIVE on evident.event_store for a synchronous
-- projection: appends wait, readers do not. Asked for briefly, since appends queue
-- behind it. 55P03: try again.
-- Errors: PT400, PT404, 55P03

create or replace function evident.pause_projection(
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
set row_security = off
set lock_timeout = '900ms'
as $function$
declare
    v_projection evident.projection;
begin
    v_projection := evident._lock_projection(p_name);
    perform evident._require_force(v_projection, p_actor, p_reason, p_force);
    perform evident._pause(
        v_projection, coalesce(p_actor, session_user) || ': ' || p_reason
    );
    perform evident._record_force(
        v_projection, 'InvariantPaused', p_actor, p_reason
    );
end;
$function$;

comment on function evident.pause_projection(text, text, text, boolean) is
'Stops folding into a read model, which stays as it is; appends and other projections
go on. p_reason (1 to 1000 characters) is shown in projection_status with p_actor (1 to
200; null = the login). An invariant needs p_force and a reason, and an event
InvariantPaused in the store''s own stream tells it. For READ COMMITTED. Errors: PT400
invalid argument, PT404 no such projection; 55P03 when others were in the way: call
again.';

revoke all on function evident.pause_projection(text, text, text, boolean) from public;
grant execute on function evident.pause_projection(text, text, text, boolean)
to evident_operator;
