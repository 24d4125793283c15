-- A trap before each statement: it counts how often it was reached in a session that
-- says trust_trap.at, and does there what trust_trap.how says. At 0 it tells where it
-- is.
--
-- The counter is an unlogged sequence, which neither is rolled back nor gives the
-- transaction an id, which would send appends another way.

create schema trust_trap;
grant usage on schema trust_trap to public;

create unlogged sequence trust_trap.hits;

create function trust_trap.reached(p_statement integer)
returns boolean
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_at constant text := current_setting('trust_trap.at', true);
begin
    if v_at = '0' then
        raise warning using message = p_statement::text, errcode = 'TRAP0';
        return true;
    end if;
    if coalesce(v_at, '') = '' or nextval('trust_trap.hits') <> v_at::bigint then
        return true;
    end if;
    case current_setting('trust_trap.how')
        when 'kill' then
            perform pg_terminate_backend(pg_backend_pid());
        when 'cancel' then
            perform pg_cancel_backend(pg_backend_pid());
        when 'wait' then
            perform pg_sleep(60);
        else
            raise exception using
                errcode = current_setting('trust_trap.how'),
                message = 'trapped';
    end case;
    return true;
end;
$function$;
