-- evident._as_projector: run SQL as evident_projector, and give the count of its rows.
--
-- Whatever belongs to a read model runs here, or in _ask_projector: folds, functions
-- that tell keys, casts and operators of its types, its triggers, and what is made for
-- it. None of it is the store's, so none of it may run with the rights of its owner.
--
-- The function belongs to evident_projector, so a fold could alter it: take
-- `security definer` away, or set another path. It cannot write another body, for which
-- it would need to create in this schema. So the body looks first, in names that no
-- path bends, and does not go back to its caller under another path than it came with:
-- a plain "set" outlives the function that it stands in.
--
-- The settings are those of _fold_settings. The one that is dear to set is set for a
-- second call where it has to be.
--
-- A fold that was declared parallel safe, and is not, would fail in a parallel plan.
--
-- Errors: those of the SQL; 42501

create or replace function evident._as_projector(p_sql text)
returns bigint
language plpgsql
volatile
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
    v_count bigint;
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
        v_count := evident._as_projector(p_sql);
        perform pg_catalog.set_config('timezone_abbreviations', v_abbreviations, true);
        return v_count;
    end if;
    execute p_sql;
    get diagnostics v_count = row_count;
    if pg_catalog.current_setting('search_path')
        operator(pg_catalog.<>) 'pg_catalog, pg_temp'
    then
        perform evident._refuse_settings();
    end if;
    return v_count;
end;
$function$;

comment on function evident._as_projector(text) is
'Runs SQL as evident_projector and gives how many rows its last statement had. Errors:
those of the SQL; 42501 when it changed search_path.';

revoke all on function evident._as_projector(text) from public;
grant execute on function evident._as_projector(text) to evident_owner;
