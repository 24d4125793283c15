-- evident._lock_projection: be the only one to run or change a projection.
--
-- Held to the end of the transaction by run_projection (which only tries), by
-- the last step of a rebuild, and by whatever changes the registration.
--
-- What is read after the wait must be as the one before left it. A transaction with one
-- snapshot could see an old checkpoint and fold up to there only.
--
-- Locks: an exclusive transaction-level advisory lock; key: 17752 in the
-- upper 16 bits, the projection's number below.
-- Errors: PT400 at REPEATABLE READ and SERIALIZABLE

create or replace function evident._lock_projection(p_number integer)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if current_setting('transaction_isolation')
        in ('repeatable read', 'serializable')
    then
        perform evident._refuse_argument(
            'transaction_isolation',
            current_setting('transaction_isolation')
            || ' cannot see what others have done to the projection',
            'do it at READ COMMITTED'
        );
    end if;
    perform pg_advisory_xact_lock((17752::bigint << 48) | p_number);
end;
$function$;

comment on function evident._lock_projection(integer) is
'Waits for and takes the projection''s runner lock until the transaction ends. Errors:
PT400 at REPEATABLE READ and SERIALIZABLE.';

revoke all on function evident._lock_projection(integer) from public;
