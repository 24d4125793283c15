-- The part of hijack.sql that lives in one session.

create temp table event_store (like evident.event_store);

create trigger hijacked
before insert or update or delete or truncate on pg_temp.event_store
for each statement execute function hijack.act_on_insert();

do $do$
declare
    v_name text;
begin
    foreach v_name in array array[
        'pg_locks', 'pg_database', 'pg_stat_activity', 'pg_class', 'pg_trigger',
        'pg_proc', 'pg_roles', 'pg_rewrite', 'pg_inherits', 'pg_namespace',
        'pg_auth_members', 'pg_prepared_xacts', 'pg_index'
    ]
    loop
        execute format(
            'create temp view %I as select t.* from pg_catalog.%I as t '
            'where hijack.hit()',
            v_name, v_name
        );
    end loop;

    foreach v_name in array array[
        'uuid', 'jsonb', 'text', 'int4', 'int8', 'regclass', 'bool', 'record'
    ]
    loop
        execute format(
            'create domain pg_temp.%I as pg_catalog.text check (hijack.hit())', v_name
        );
    end loop;
end;
$do$;

set search_path = hijack, pg_temp, pg_catalog, public;
