-- The schema, its eight roles and evident.version().
--
-- Locks: none that others would notice. Rollback loses no events, but it loses who
-- was granted the eight roles.
--
-- Runs as a superuser, or as a role with CREATEROLE and CREATE on the database.
-- Roles belong to the whole cluster: those that exist already, because another
-- database has the package too, are used as they are.

set local lock_timeout = '5s';

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
            hint = 'if it is this package, select evident.version() tells how far '
                'it is and later migrations bring it on; otherwise rename yours';
    end if;
end;
$do$;

do $do$
declare
    v_role record;
begin
    for v_role in
        select *
        from (values
            ('evident_owner', 'owns every object of evident; nobody logs in as it'),
            ('evident_projector', 'owns read models, their schemas and folds, which '
            'run as it; nobody logs in as it'),
            ('evident_writer', 'may append events'),
            ('evident_reader', 'may read events, the feed and the read models'),
            ('evident_consumer', 'may claim, confirm, release and park events'),
            ('evident_operator', 'runs projections, seals and watches the store'),
            ('evident_monitor', 'may read health and status, but no event'),
            ('evident_auditor', 'may read the ledger and export it')
        ) as r (name, purpose)
    loop
        continue when to_regrole(v_role.name) is not null;
        execute format('create role %I nologin', v_role.name);
        execute format('comment on role %I is %L', v_role.name, v_role.purpose);
    end loop;

    -- Whoever migrates must be able to become the owner, and the one of read models.
    -- From 16 on the creator of a role is its administrator but not, of itself,
    -- allowed to set it.
    if not (
        select s.rolsuper
        from pg_catalog.pg_roles as s
        where s.rolname = current_user
    ) then
        execute format(
            'grant evident_owner, evident_projector to %I%s',
            current_user,
            case
                when current_setting('server_version_num')::integer >= 160000
                    then ' with inherit false, set true'
                else ''
            end
        );
    end if;
end;
$do$;

create schema evident authorization evident_owner;

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;

comment on schema evident is
'Evident: an append-only event store with optimistic concurrency, a feed, '
'projections and a ledger.';

grant usage on schema evident to
evident_projector, evident_writer, evident_reader, evident_consumer,
evident_operator, evident_monitor, evident_auditor;

-- [begin sql/functions/version.sql]
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
-- [end sql/functions/version.sql]
