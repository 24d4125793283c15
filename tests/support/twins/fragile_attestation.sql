-- A seal that is undone when its own event cannot be stored.

create or replace function evident._attest()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform evident._attest_incarnations();
    perform evident._record_guard_changes();
end;
$function$;
