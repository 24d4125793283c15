-- evident._lock_number: take an advisory lock that carries a projection's number.
--
-- Gives the projection as it is under the lock. One that was dropped and made anew
-- meanwhile has another number, and so another lock.
--
-- Locks: a transaction-level advisory lock; key: p_space in the upper 16 bits, the
-- number below.
-- Errors: PT400 at REPEATABLE READ and SERIALIZABLE, PT404

create or replace function evident._lock_number(
    p_name text,
    p_space bigint,
    p_is_shared boolean default false
)
returns evident.projection
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_projection evident.projection := evident._require_projection(p_name);
    v_number integer := 0;
begin
    perform evident._refuse_one_snapshot();
    -- Ends: another turn only when it was dropped and made anew while this waited.
    while v_number <> v_projection.number loop
        v_number := v_projection.number;
        if p_is_shared then
            perform pg_advisory_xact_lock_shared((p_space << 48) | v_number);
        else
            perform pg_advisory_xact_lock((p_space << 48) | v_number);
        end if;
        v_projection := evident._require_projection(p_name);
    end loop;
    return v_projection;
end;
$function$;

comment on function evident._lock_number(text, bigint, boolean) is
'Waits for and takes a lock of a projection until the transaction ends, and gives the
projection. Errors: PT400 at REPEATABLE READ and SERIALIZABLE, PT404 no such
projection.';

revoke all on function evident._lock_number(text, bigint, boolean) from public;
