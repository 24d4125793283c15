-- evident.resume_projection: go on with a paused projection.
--
-- What was appended meanwhile is folded by run_projection; a synchronous projection
-- is handed over to the appends after that.
--
-- Locks: the projection's, an advisory lock.
-- Errors: PT400, PT404

create or replace function evident.resume_projection(p_name text)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
as $function$
begin
    perform evident._require_projector(evident._lock_projection(p_name));

    update evident.projection as p
    set
        state = case p.mode when 'sync' then 'catching_up' else 'running' end,
        reason = null
    where p.name = p_name and p.state = 'paused';
end;
$function$;

comment on function evident.resume_projection(text) is
'Goes on with a paused projection: run_projection folds what was appended meanwhile.
Does nothing to one that is not paused. For READ COMMITTED. Errors: PT400 it is
not safe any more, PT404 no such projection.';

revoke all on function evident.resume_projection(text) from public;
grant execute on function evident.resume_projection(text) to evident_operator;
