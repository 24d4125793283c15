-- evident._refuse_consumer: raise PT404 for a consumer that does not exist.
--
-- Errors: PT404, always.

create or replace function evident._refuse_consumer(p_consumer text)
returns void
language plpgsql
volatile
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception using
        errcode = 'PT404',
        message = format('consumer %s does not exist', evident._short(p_consumer)),
        detail = jsonb_build_object('name', evident._short(p_consumer))::text,
        hint = 'check the name, or create it with create_consumer';
end;
$function$;

comment on function evident._refuse_consumer(text) is
'Raises PT404 with the detail {"name"}.';

revoke all on function evident._refuse_consumer(text) from public;
