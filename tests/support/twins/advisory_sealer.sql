-- Sealers exclude each other by a lock that any login may take.

create or replace function evident._lock_sealer(p_must_wait boolean)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $function$
begin
    if not p_must_wait then
        return pg_try_advisory_xact_lock(17755::bigint << 48);
    end if;
    perform pg_advisory_xact_lock(17755::bigint << 48);
    return true;
end;
$function$;
