-- evident._drop_default_privileges: nobody gets rights to what evident_owner makes
-- next, but by a grant.
--
-- Roles belong to the cluster, so somebody may have set default privileges for
-- evident_owner before this database had anything of it. Those would open the tables
-- and functions that a migration makes. What evident_owner owns is this package's
-- alone, so they go; EXECUTE on functions and USAGE on types for PUBLIC are built in,
-- and each function file takes the former away. Each migration begins with this.

create or replace function evident._drop_default_privileges()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_entry record;
begin
    for v_entry in
        select distinct
            case d.defaclobjtype
                when 'r' then 'tables'
                when 'S' then 'sequences'
                when 'f' then 'functions'
                when 'T' then 'types'
                when 'n' then 'schemas'
            end as kind,
            case
                when d.defaclnamespace = 0 then ''
                else format('in schema %s', d.defaclnamespace::regnamespace)
            end as place,
            case
                when a.grantee = 0 then 'public'
                else a.grantee::regrole::text
            end as grantee
        from pg_default_acl as d
        cross join aclexplode(d.defaclacl) as a
        where
            d.defaclrole = 'evident_owner'::regrole
            and d.defaclobjtype in ('r', 'S', 'f', 'T', 'n')
            and d.defaclnamespace in (0, 'evident'::regnamespace)
            and a.grantee <> d.defaclrole
            and not (a.grantee = 0 and d.defaclobjtype in ('f', 'T'))
    loop
        execute format(
            'alter default privileges for role evident_owner %s '
            'revoke all on %s from %s cascade',
            v_entry.place, v_entry.kind, v_entry.grantee
        );
    end loop;
end;
$function$;

comment on function evident._drop_default_privileges() is
'Removes default privileges on what evident_owner makes in this database.';

revoke all on function evident._drop_default_privileges() from public;
