-- evident.skip_failure: leave the event out at which a key is parked, on the record.
--
-- History is not edited: the event stays, and projection_skip says who left it out of
-- this projection, and why. Rebuilds, drift checks and time travel leave it out
-- too. The key's later events are folded at once.
--
-- Locks: the projection's, an advisory lock; rows of the read model. Not waited for
-- without end, since a runner leaves the projection alone meanwhile.
-- Errors: PT400, PT404, 55P03

create or replace function evident.skip_failure(
    p_name text,
    p_key text,
    p_actor text,
    p_reason text
)
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
    v_projection evident.projection;
    v_failure evident.projection_failure;
begin
    perform evident._check_decision(p_actor, p_reason);

    v_projection := evident._lock_projection(p_name);
    perform evident._require_projector(v_projection);
    v_failure := evident._require_failure(v_projection, p_key);

    insert into evident.projection_skip as s (
        projection, key, position, actor, reason, code, message
    )
    values (
        p_name, v_failure.key, v_failure.position, p_actor, p_reason, v_failure.code,
        v_failure.message
    );
    delete from evident.projection_failure as f
    where f.projection = p_name and f.key = v_failure.key;

    if p_key = '' then
        return 0;
    end if;
    return evident._fold_key(v_projection, v_failure.key, v_failure.position);
end;
$function$;

comment on function evident.skip_failure(text, text, text, text) is
'Leaves out, for this projection and key, the event that could not be folded, records
p_actor (1 to 200 characters) and p_reason (1 to 1000) in projection_skip, folds the
events behind it, and gives how many. For READ COMMITTED. Errors: PT400 invalid
argument, PT404 no such projection, or not parked; 55P03 others were
in the way, whom the hint names: call again.';

revoke all on function evident.skip_failure(text, text, text, text) from public;
grant execute on function evident.skip_failure(text, text, text, text)
to evident_operator;
