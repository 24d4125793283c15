-- evident._lock_keys: queue for keys of a synchronous projection across aggregates.
--
-- Taken in the order of the lock numbers, so that two appends that touch the same
-- keys never wait for each other in a circle.
--
-- Locks: exclusive transaction-level advisory locks; key: 17754 in the upper 16
-- bits, a 48-bit hash of projection and key below.

create or replace function evident._lock_keys(p_number integer, p_keys text[])
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_lock bigint;
begin
    for v_lock in
        select distinct
            (17754::bigint << 48)
            | (
                hashtextextended(k.key collate "C", p_number)
                & ((1::bigint << 48) - 1)
            ) as lock
        from unnest(p_keys) as k (key)
        order by lock
    loop
        perform pg_advisory_xact_lock(v_lock);
    end loop;
end;
$function$;

comment on function evident._lock_keys(integer, text[]) is
'Waits for and takes the advisory locks of keys, in one order for all.';

revoke all on function evident._lock_keys(integer, text[]) from public;
grant execute on function evident._lock_keys(integer, text[]) to evident_projector;
