-- The schema, its eight roles and evident.version().
--
-- Locks: none that others would notice. Rollback loses no events, but it loses who
-- was granted the eight roles.
--
-- Runs as a superuser, or as a role with CREATEROLE and CREATE on the database.
-- Roles belong to the whole cluster: those that exist already, because another
-- database has the package too, are used, unless they may log in or do more than
-- their grants say; who is a member of them is told, and a superuser refuses a member
-- of the owners whom no superuser made one.

set local lock_timeout = '5s';
-- Before anything is looked up: the database may have a search_path of another's.
set local search_path = pg_catalog, pg_temp;

do $do$
begin
    if current_setting('server_version_num')::integer < 150000 then
        raise exception using
            errcode = 'feature_not_supported',
            message = format(
                'evident needs PostgreSQL 15 or later, this is %s',
                current_setting('server_version')
            ),
            hint = 'upgrade the server first';
    end if;
    if current_setting('server_encoding') <> 'UTF8' then
        raise exception using
            errcode = 'feature_not_supported',
            message = format(
                'evident needs a database with encoding UTF8, this one has %s',
                current_setting('server_encoding')
            ),
            hint = 'create database ... encoding ''UTF8'' template template0';
    end if;
    if to_regnamespace('evident') is not null then
        raise exception using
            errcode = 'duplicate_schema',
            message = 'schema evident exists already',
            detail = format(
                'it belongs to %s',
                (
                    select n.nspowner::regrole
                    from pg_namespace as n
                    where n.nspname = 'evident'
                )
            ),
            hint = 'if that is evident_owner, select evident.version() tells how far '
                'it is and later migrations bring it on; otherwise it is another''s: '
                'rename or drop it';
    end if;
end;
$do$;

do $do$
declare
    v_role record;
    v_can text;
    v_members text;
begin
    for v_role in
        select
            r.name, r.purpose, s.oid,
            nullif(
                concat_ws(
                    ', ',
                    case when s.rolcanlogin then 'login' end,
                    case when s.rolsuper then 'superuser' end,
                    case when s.rolcreaterole then 'createrole' end,
                    case when s.rolcreatedb then 'createdb' end,
                    case when s.rolreplication then 'replication' end,
                    case when s.rolbypassrls then 'bypassrls' end
                ),
                ''
            ) as attributes
        from (values
            (1, 'evident_owner', 'owns every object of evident; nobody logs in as it'),
            (2, 'evident_projector', 'owns read models, their schemas and folds, which '
            'run as it; nobody logs in as it'),
            (3, 'evident_writer', 'may append events'),
            (4, 'evident_reader', 'may read events, the feed and the read models'),
            (5, 'evident_consumer', 'may claim, confirm, release and park events'),
            (6, 'evident_operator', 'runs projections, seals and watches the store'),
            (7, 'evident_monitor', 'may read health and status, but no event'),
            (8, 'evident_auditor', 'may read the ledger and export it')
        ) as r (place, name, purpose)
        left join pg_roles as s on s.rolname = r.name
        order by r.place
    loop
        if v_role.oid is null then
            execute format('create role %I nologin', v_role.name);
            execute format('comment on role %I is %L', v_role.name, v_role.purpose);
            continue;
        end if;
        if v_role.attributes is not null then
            raise exception using
                errcode = 'invalid_role_specification',
                message = format(
                    'role %s exists already, with %s', v_role.name, v_role.attributes
                ),
                hint = format(
                    'nobody logs in as it, and it has no power of its own: alter role '
                    '%s nologin nosuperuser nocreaterole nocreatedb noreplication '
                    'nobypassrls; or drop it, and it is made anew',
                    v_role.name
                );
        end if;
        select string_agg(m.member::regrole::text, ', ' order by g.rolname)
        into v_members
        from pg_auth_members as m
        join pg_roles as g on g.oid = m.member
        where
            m.roleid = v_role.oid
            and g.rolname in (
                'evident_owner', 'evident_projector', 'evident_writer',
                'evident_reader', 'evident_consumer', 'evident_operator',
                'evident_monitor', 'evident_auditor'
            );
        if v_members is not null then
            raise exception using
                errcode = 'invalid_role_specification',
                message = format(
                    'role %s exists already, with members that have only rights of '
                    'their own: %s', v_role.name, v_members
                ),
                hint = format('revoke %s from %s', v_role.name, v_members);
        end if;
        -- Whoever may become the owners runs what he likes as a superuser who calls
        -- it. From 16 on the creator of a role gets ADMIN alone in the name of the
        -- bootstrap superuser: that is no superuser's word.
        select string_agg(f.name, ', ')
        into v_members
        from (
            select m.member::regrole::text as name
            from pg_auth_members as m
            join pg_roles as g on g.oid = m.member
            where
                m.roleid = v_role.oid
                and not g.rolsuper
                and g.rolname <> current_user
            group by m.member
            having not bool_or(
                exists (
                    select from pg_roles as s where s.oid = m.grantor and s.rolsuper
                )
                and (
                    coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
                    or coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true)
                )
            )
        ) as f;
        if
            v_members is not null
            and v_role.name in ('evident_owner', 'evident_projector')
            and (select s.rolsuper from pg_roles as s where s.rolname = current_user)
        then
            raise exception using
                errcode = 'invalid_role_specification',
                message = format(
                    'role %s exists already, with members that no superuser made '
                    'such: %s', v_role.name, v_members
                ),
                detail = 'they may become the owner, and so replace what a superuser '
                    'calls',
                hint = format(
                    'revoke %1$s from %2$s cascade; where that is meant, grant %1$s '
                    'to %2$s anew as a superuser',
                    v_role.name, v_members
                );
        end if;
        select string_agg(distinct m.member::regrole::text, ', ')
        into v_members
        from pg_auth_members as m
        join pg_roles as g on g.oid = m.member
        where
            m.roleid = v_role.oid
            and not g.rolsuper
            and g.rolname <> current_user;
        if v_members is not null then
            raise warning using
                message = format(
                    'role %s exists already, with members: %s', v_role.name, v_members
                ),
                detail = 'roles belong to the whole cluster, so in this database too '
                    'they get or may take what it may',
                hint = format(
                    'where that is not meant: revoke %s from %s cascade',
                    v_role.name, v_members
                );
        end if;
    end loop;

    -- Whoever migrates must be able to become the owner, and the one of read models.
    -- From 16 on the creator of a role is its administrator but not, of itself,
    -- allowed to set it.
    if (select s.rolsuper from pg_roles as s where s.rolname = current_user) then
        return;
    end if;
    v_can := case
        when current_setting('server_version_num')::integer >= 160000 then 'SET'
        else 'MEMBER'
    end;
    for v_role in
        select
            string_agg(r.name, ', ' order by r.name) as names,
            bool_and(
                pg_has_role(current_user, r.name, 'MEMBER WITH ADMIN OPTION')
                or v_can = 'MEMBER' and s.rolcreaterole
            ) as may_grant,
            (
                select string_agg(distinct m.member::regrole::text, ', ')
                from pg_auth_members as m
                where m.admin_option and m.roleid = min(r.name)::regrole
            ) as administrators
        from (values ('evident_owner'), ('evident_projector')) as r (name)
        join pg_roles as s on s.rolname = current_user
        where not pg_has_role(current_user, r.name, v_can)
        having count(*) > 0
    loop
        if not v_role.may_grant then
            raise exception using
                errcode = 'insufficient_privilege',
                message = format(
                    '%s exist already in this cluster, and %I may not become them',
                    v_role.names, current_user
                ),
                hint = format(
                    'grant %s to %I%s; a superuser%s can',
                    v_role.names, current_user,
                    case v_can when 'SET' then ' with inherit false, set true' end,
                    ' or ' || v_role.administrators
                );
        end if;
        execute format(
            'grant %s to %I%s',
            v_role.names, current_user,
            case v_can when 'SET' then ' with inherit false, set true' end
        );
    end loop;

    -- So that evident.version() and the status views answer whoever installs.
    if
        not pg_has_role(current_user, 'evident_monitor', 'USAGE')
        and (
            pg_has_role(current_user, 'evident_monitor', 'MEMBER WITH ADMIN OPTION')
            or v_can = 'MEMBER'
            and (
                select s.rolcreaterole
                from pg_roles as s
                where s.rolname = current_user
            )
        )
    then
        execute format('grant evident_monitor to %I', current_user);
    end if;
end;
$do$;

create schema evident authorization evident_owner;

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;

comment on schema evident is
'Evident: an append-only event store with optimistic concurrency, a feed, '
'projections and a ledger.';

-- [begin sql/functions/core/_drop_default_privileges.sql]
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
-- [end sql/functions/core/_drop_default_privileges.sql]
-- [begin sql/functions/core/_revoke_from_all.sql]
-- evident._revoke_from_all: leave an object to its owner alone.
--
-- For what was just made: default privileges may have given rights to it to anybody.
-- Grants follow. p_catalog is pg_class, pg_proc, pg_namespace or pg_type; p_kept keeps
-- what it has. Called as the owner, who alone can revoke.

create or replace function evident._revoke_from_all(
    p_catalog regclass,
    p_object oid,
    p_kept regrole default null
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_right record;
begin
    for v_right in
        select distinct
            o.kind,
            o.name,
            case
                when a.grantee = 0 then 'public'
                else a.grantee::regrole::text
            end as grantee
        from (
            select
                'pg_class'::regclass as catalog, c.oid, c.relowner as owner,
                c.relacl as acl, c.oid::regclass::text as name,
                case c.relkind when 'S' then 'sequence' else 'table' end as kind
            from pg_class as c
            union all
            select
                'pg_proc'::regclass, p.oid, p.proowner,
                coalesce(p.proacl, acldefault('f', p.proowner)),
                p.oid::regprocedure::text, 'routine'
            from pg_proc as p
            union all
            select
                'pg_namespace'::regclass, n.oid, n.nspowner, n.nspacl,
                n.oid::regnamespace::text, 'schema'
            from pg_namespace as n
            union all
            select
                'pg_type'::regclass, t.oid, t.typowner,
                coalesce(t.typacl, acldefault('T', t.typowner)),
                t.oid::regtype::text, 'type'
            from pg_type as t
        ) as o
        cross join aclexplode(o.acl) as a
        where
            o.catalog = p_catalog
            and o.oid = p_object
            and a.grantee <> o.owner
            and a.grantee is distinct from p_kept
    loop
        execute format(
            'revoke all on %s %s from %s cascade',
            v_right.kind, v_right.name, v_right.grantee
        );
    end loop;
end;
$function$;

comment on function evident._revoke_from_all(regclass, oid, regrole) is
'Takes all rights to an object from everybody but its owner and, if given, p_kept.';

revoke all on function evident._revoke_from_all(regclass, oid, regrole) from public;
grant execute on function evident._revoke_from_all(regclass, oid, regrole) to
evident_projector;
-- [end sql/functions/core/_revoke_from_all.sql]
-- [begin sql/functions/core/_close_types.sql]
-- evident._close_types: only who needs the row types of the package may name them.
--
-- PostgreSQL lets PUBLIC use each new type. Whoever may look into the schema could then
-- make casts from a row type to types of his own, by the thousand, each of them a
-- change that the store would record as an event; and columns of it in tables of his
-- own, which forbid changes to ours. Queries need no such right, only whoever defines
-- columns, arguments and results of the type: evident_projector, for folds.
--
-- A dump has no rights to row types, so PUBLIC has them again after a restore, until
-- this is called. Each migration that makes tables or views calls it. As the owner.

create or replace function evident._close_types()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform evident._revoke_from_all('pg_type', t.oid)
    from pg_type as t
    where
        t.typnamespace = 'evident'::regnamespace
        and t.typtype = 'c'
        and t.typowner = 'evident_owner'::regrole;
    grant usage on type evident.event_store to evident_projector;
end;
$function$;

comment on function evident._close_types() is
'Takes the use of row types in schema evident away from PUBLIC.';

revoke all on function evident._close_types() from public;
-- [end sql/functions/core/_close_types.sql]

-- What came to be before default privileges were out of the way.
do $do$
begin
    perform evident._drop_default_privileges();
    perform evident._revoke_from_all('pg_namespace', 'evident'::regnamespace);
    perform evident._revoke_from_all(
        'pg_proc', 'evident._drop_default_privileges()'::regprocedure
    );
    perform evident._revoke_from_all(
        'pg_proc', 'evident._revoke_from_all(regclass, oid, regrole)'::regprocedure,
        'evident_projector'
    );
    perform evident._revoke_from_all(
        'pg_proc', 'evident._close_types()'::regprocedure
    );
end;
$do$;

grant usage on schema evident to
evident_projector, evident_writer, evident_reader, evident_consumer,
evident_operator, evident_monitor, evident_auditor;

-- [begin sql/functions/core/version.sql]
-- evident.version: the newest engine migration whose objects are in place.
--
-- Migration tools keep their own marks, and a crash between a migration's
-- commit and its mark leaves the two apart. This function is replaced inside
-- each migration's transaction, so it tells what the schema really is.

create or replace function evident.version()
returns text
language sql
immutable
parallel safe
begin atomic
    select '0001_schema_and_roles'::text;
end;

comment on function evident.version() is
'The id of the newest engine migration that is in effect, such as 0005_guards.';

revoke all on function evident.version() from public;
grant execute on function evident.version() to
evident_writer, evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/core/version.sql]
