-- evident._ask_projector: what a query gives that runs as evident_projector.
--
-- The twin of _as_projector for queries of one column of jsonb. It is stable, and so
-- has the snapshot of whoever asks: what a caller has read of the registration, and
-- what the query reads of rows and events, are of one moment.
--
-- Errors: those of the query; 42501

create or replace function evident._ask_projector(p_sql text)
returns setof jsonb
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
set datestyle = 'ISO, MDY'
set intervalstyle = postgres
set timezone = 'UTC'
set extra_float_digits = 1
set bytea_output = hex
set lc_monetary = 'C'
set lc_numeric = 'C'
set lc_time = 'C'
set default_text_search_config = 'pg_catalog.english'
set xmlbinary = base64
set xmloption = content
set array_nulls = on
set standard_conforming_strings = on
set backslash_quote = safe_encoding
set transform_null_equals = off
set "plpgsql.check_asserts" = on
set "plpgsql.extra_errors" = 'none'
set row_security = off
set max_parallel_workers_per_gather = 0
set jit = off
as $function$
declare
    v_abbreviations constant text := pg_catalog.current_setting(
        'timezone_abbreviations'
    );
begin
    if current_user operator(pg_catalog.<>) 'evident_projector'
        or pg_catalog.current_setting('search_path')
        operator(pg_catalog.<>) 'pg_catalog, pg_temp'
    then
        perform evident._refuse_settings();
    end if;
    if v_abbreviations operator(pg_catalog.<>) 'Default' then
        perform pg_catalog.set_config('timezone_abbreviations', 'Default', true);
        return query select a.answer from evident._ask_projector(p_sql) as a (answer);
        perform pg_catalog.set_config('timezone_abbreviations', v_abbreviations, true);
        return;
    end if;
    return query execute p_sql;
    if pg_catalog.current_setting('search_path')
        operator(pg_catalog.<>) 'pg_catalog, pg_temp'
    then
        perform evident._refuse_settings();
    end if;
end;
$function$;

comment on function evident._ask_projector(text) is
'What a query of one column of jsonb gives, run as evident_projector in the caller''s
snapshot. Errors: those of the query; 42501 when it changed search_path.';

revoke all on function evident._ask_projector(text) from public;
grant execute on function evident._ask_projector(text) to evident_owner;
