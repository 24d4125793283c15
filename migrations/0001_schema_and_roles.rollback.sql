-- Takes back 0001: the schema, and each role that nothing else in the cluster uses.

set local lock_timeout = '5s';
set local search_path = pg_catalog, pg_temp;

set local role evident_owner;

-- [begin generated rollback]
drop function evident.version();
drop function evident._close_types();
drop function evident._revoke_from_all(regclass, oid, regrole);
drop function evident._drop_default_privileges();
-- [end generated rollback]

drop schema evident;

set local role none;

do $do$
declare
    v_role text;
begin
    foreach v_role in array array[
        'evident_auditor', 'evident_monitor', 'evident_operator', 'evident_consumer',
        'evident_reader', 'evident_writer', 'evident_projector', 'evident_owner'
    ]
    loop
        if exists (
            select
            from pg_catalog.pg_shdepend as d
            where
                d.refclassid = 'pg_catalog.pg_authid'::regclass
                and d.refobjid = to_regrole(v_role)
        ) then
            raise notice 'role % stays: other objects of the cluster depend on it',
                v_role;
        else
            execute format('drop role %I', v_role);
        end if;
    end loop;
end;
$do$;
