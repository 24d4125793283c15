-- evident.retry_failure: fold a parked key again, after the fold was repaired.
--
-- The key '' stands for an event whose keys could not be told; the next run tries
-- that one again.
--
-- Locks: the projection's, an advisory lock; rows of the read model. Not waited for
-- without end, since a runner leaves the projection alone meanwhile.
-- Errors: PT400, PT404, 55P03

create or replace function evident.retry_failure(p_name text, p_key text)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set enable_seqscan = off
set lock_timeout = '5s'
as $function$
declare
    v_projection evident.projection := evident._lock_projection(p_name);
    v_failure evident.projection_failure;
begin
    perform evident._require_projector(v_projection);
    v_failure := evident._require_failure(v_projection, p_key);

    if p_key = '' then
        delete from evident.projection_failure as f
        where f.projection = p_name and f.key = '';
        return 0;
    end if;
    return evident._fold_key(
        v_projection, v_failure.key, v_failure.position - 1
    );
end;
$function$;

comment on function evident.retry_failure(text, text) is
'Folds the events that wait for a parked key, in their order, and gives how many; the
key stays parked behind the first that fails, see projection_failure. With the key
'''' (keys could not be told) the next run tries again. For READ COMMITTED. Errors:
PT400 no such key can be, PT404 no such projection, or not parked; 55P03 others were
in the way, whom the hint names: call again.';

revoke all on function evident.retry_failure(text, text) from public;
grant execute on function evident.retry_failure(text, text) to evident_operator;
