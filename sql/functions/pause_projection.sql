-- evident.pause_projection: leave a read model as it is for a while.
--
-- Locks: the projection's; SHARE ROW EXCLUSIVE on evident.event_store for a synchronous
-- projection: appends wait, readers do not. Asked for briefly, since appends queue
-- behind it. 55P03: try again.
-- Errors: PT400, PT404, 55P03

create or replace function evident.pause_projection(p_name text)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set lock_timeout = '900ms'
as $function$
begin
    perform evident._pause(evident._lock_projection(p_name), null);
end;
$function$;

comment on function evident.pause_projection(text) is
'Stops folding into a read model, which stays as it is; appends and other projections
go on. For READ COMMITTED. Errors: PT404 no such projection; 55P03 when others were in
the way: call again.';

revoke all on function evident.pause_projection(text) from public;
grant execute on function evident.pause_projection(text) to evident_operator;
