-- evident._catalog_roles: what around the package decides whom its guards bind.
--
-- The eight roles; who owns the database; who can become the two that own, or write
-- every table; settings of roles and of the database; default privileges; event
-- triggers. Logins that were given the other six roles come and go.

create or replace function evident._catalog_roles()
returns table (kind text, name text, state text, is_free boolean)
language plpgsql
stable
parallel restricted
set search_path = pg_catalog, pg_temp
as $function$
begin
    return query
    with recursive ours as (
        select r.*
        from unnest(
            array[
                'evident_owner', 'evident_projector', 'evident_writer',
                'evident_reader', 'evident_consumer', 'evident_operator',
                'evident_monitor', 'evident_auditor'
            ]
        ) as u (name)
        inner join pg_roles as r on u.name = r.rolname
    ),

    trusted as (
        select r.oid
        from pg_roles as r
        where r.rolname in ('evident_owner', 'evident_projector', 'pg_write_all_data')
    ),

    reached as (
        select
            m.roleid as top,
            m.roleid,
            m.member
        from pg_auth_members as m
        inner join trusted as t on m.roleid = t.oid

        union

        select
            r.top,
            m.roleid,
            m.member
        from reached as r
        inner join pg_auth_members as m on r.member = m.roleid
    ),

    member as (
        select
            r.top,
            r.roleid,
            r.member,
            false as is_free
        from reached as r

        union

        -- Reading statistics is what monitoring needs; other roles that one of ours
        -- belongs to give it rights.
        select
            m.roleid,
            m.roleid,
            m.member,
            m.member not in (select o.oid from ours as o)
            or pg_get_userbyid(m.roleid) in (
                'pg_monitor', 'pg_read_all_stats', 'pg_read_all_settings',
                'pg_stat_scan_tables'
            )
        from pg_auth_members as m
        where
            (
                m.roleid in (select o.oid from ours as o)
                or m.member in (select o.oid from ours as o)
            )
            and m.roleid not in (select t.oid from trusted as t)
    )

    select
        'role',
        o.rolname::text,
        concat_ws(
            ', ',
            case when o.rolcanlogin then 'may log in' else 'no login' end,
            case when o.rolsuper then 'is a superuser' end,
            case when o.rolcreaterole then 'may create roles' end,
            case when o.rolcreatedb then 'may create databases' end,
            case when o.rolreplication then 'may replicate' end,
            case when o.rolbypassrls then 'bypasses row security' end
        ),
        false
    from ours as o

    union all

    -- A restore may have another one, who can do nothing to the store but drop it.
    select
        'database',
        'this database',
        'owner ' || pg_get_userbyid(d.datdba),
        true
    from pg_database as d
    where d.datname = current_database()

    union all

    select
        'member',
        pg_get_userbyid(m.top) || ': ' || pg_get_userbyid(m.member),
        string_agg(
            concat_ws(
                ' ',
                'is a member',
                case
                    when m.roleid <> m.top then 'of ' || pg_get_userbyid(m.roleid)
                end,
                case when a.admin_option then 'and may grant it' end,
                -- From PostgreSQL 16 on.
                case
                    when to_jsonb(a) ->> 'inherit_option' = 'false'
                        then 'without inheriting'
                end,
                case when to_jsonb(a) ->> 'set_option' = 'false' then 'without SET' end
            ),
            ', '
            order by pg_get_userbyid(m.roleid), pg_get_userbyid(a.grantor)
        ),
        bool_and(m.is_free)
    from member as m
    inner join pg_auth_members as a on m.roleid = a.roleid and m.member = a.member
    group by m.top, m.member

    union all

    -- Triggers that keep read models are silent for replicas.
    select
        'setting',
        concat_ws(
            ' in ',
            case s.setrole
                when 0 then 'every role' else pg_get_userbyid(s.setrole)
            end,
            case s.setdatabase when 0 then 'every database' else 'this database' end
        ) || ': ' || split_part(c.setting, '=', 1),
        evident._short(substr(c.setting, strpos(c.setting, '=') + 1)),
        false
    from pg_db_role_setting as s
    cross join unnest(s.setconfig) as c (setting)
    where
        s.setdatabase in (
            0, (
                select d.oid
                from pg_database as d
                where d.datname = current_database()
            )
        )
        and (
            s.setrole in (select o.oid from ours as o)
            or c.setting like 'session_replication_role=%'
        )

    union all

    select
        'default grant',
        format(
            '%s, %s: %s', pg_get_userbyid(d.defaclrole),
            coalesce(nullif(d.defaclnamespace, 0)::regnamespace::text, 'every schema'),
            case d.defaclobjtype
                when 'r' then 'tables' when 'S' then 'sequences'
                when 'f' then 'functions' when 'T' then 'types'
                when 'n' then 'schemas'
                else d.defaclobjtype::text
            end
        ),
        coalesce(
            (
                select evident._short(
                    string_agg(
                        case g.grantee
                            when 0 then 'public' else pg_get_userbyid(g.grantee)
                        end
                        || ' ' || g.privilege_type
                        || case when g.is_grantable then '*' else '' end,
                        ', '
                        order by
                            case g.grantee
                                when 0 then 'public' else pg_get_userbyid(g.grantee)
                            end collate "C",
                            g.privilege_type collate "C"
                    )
                )
                from aclexplode(d.defaclacl) as g
            ),
            'nobody'
        ),
        false
    from pg_default_acl as d
    where
        d.defaclnamespace = 'evident'::regnamespace
        or pg_get_userbyid(d.defaclrole) in ('evident_owner', 'evident_projector')

    union all

    select
        'event trigger',
        e.evtname::text,
        evident._short(
            format(
                '%s on %s of %s calls %s', e.evtenabled, e.evtevent,
                coalesce(array_to_string(e.evttags, ' '), 'all'),
                e.evtfoid::regprocedure
            )
        ),
        true
    from pg_event_trigger as e;
end;
$function$;

comment on function evident._catalog_roles() is
'Describes the roles of the package, who can become them, and what else binds sessions:
kind, name, state, is_free.';

revoke all on function evident._catalog_roles() from public;
