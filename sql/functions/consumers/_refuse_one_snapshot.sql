-- evident._refuse_one_snapshot: refuse a transaction that keeps one snapshot.
--
-- What waits for a lock must then see what the one before it did. At REPEATABLE READ
-- it could fold up to an old checkpoint, or onto old rows, and nobody would notice.
--
-- Errors: PT400

create or replace function evident._refuse_one_snapshot()
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if current_setting('transaction_isolation')
        in ('repeatable read', 'serializable')
    then
        perform evident._refuse_argument(
            'transaction_isolation',
            current_setting('transaction_isolation')
            || ' has one snapshot for all statements',
            'call it at READ COMMITTED'
        );
    end if;
end;
$function$;

comment on function evident._refuse_one_snapshot() is
'Raises PT400 at REPEATABLE READ and SERIALIZABLE.';

revoke all on function evident._refuse_one_snapshot() from public;
