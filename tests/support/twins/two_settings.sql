-- Folds pin DateStyle and TimeZone, and no other setting.

create or replace function evident._fold_settings()
returns table (name text, value text, alike text)
language sql
immutable
begin atomic
    select
        s.name,
        s.value,
        s.alike
    from (
        values
        ('datestyle', 'ISO, MDY', 'ISO, MDY'),
        ('timezone', 'UTC', 'Etc/UTC')
    ) as s (name, value, alike);
end;

do $$
declare
    v_function text;
begin
    foreach v_function in array '{_as_projector(text),_ask_projector(text)}'::text[]
    loop
        execute format('alter function evident.%s reset all', v_function);
        execute format(
            'alter function evident.%s set search_path = pg_catalog, pg_temp',
            v_function
        );
        execute format('alter function evident.%s set timezone = utc', v_function);
    end loop;
end $$;
