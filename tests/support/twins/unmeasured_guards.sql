-- A status that knows what to look for, and has no baseline to compare with: what it does
-- not know is null, as good as intact.

drop function evident.guard_status();

create function evident.unmeasured()
returns table (kind text, name text, state text, is_intact boolean)
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
-- Definitions are rendered under these settings, and what a session says must not
-- look like a change.
set quote_all_identifiers = off
set standard_conforming_strings = on
set bytea_output = 'hex'
set intervalstyle = 'postgres'
set datestyle = 'ISO, YMD'
set timezone = 'UTC'
-- The catalog is small. Under the seal's enable_seqscan = off its joins look so dear
-- before PostgreSQL 18 that they are compiled, which takes a second each time.
set enable_seqscan = on
set jit = off
begin atomic
    -- The kinds are pg_trigger.tgtype: before update, delete and truncate for
    -- each statement; before update and delete for each row.
    with guarded (table_name, trigger_name, trigger_kind) as (
        values
        ('event_store', 'event_store_history', 58),
        ('event_store', 'event_store_history_rows', 27),
        ('ledger_publication', 'ledger_publication_history', 58),
        ('ledger_publication', 'ledger_publication_history_rows', 27),
        ('ledger_tile', 'ledger_tile_history', 58),
        ('ledger_tile', 'ledger_tile_history_rows', 27),
        ('log_identity', 'log_identity_history', 58),
        ('log_identity', 'log_identity_history_rows', 27),
        ('tree_head', 'tree_head_history', 58),
        ('tree_head', 'tree_head_history_rows', 27)
    ),

    keyed (table_name, constraint_name) as (
        values
        ('event_store', 'event_store_id_pkey'),
        ('event_store', 'event_store_aggregate_id_version_key'),
        ('event_store', 'event_store_event_id_key'),
        ('ledger_publication', 'ledger_publication_number_pkey'),
        ('ledger_tile', 'ledger_tile_level_index_pkey'),
        ('log_identity', 'log_identity_incarnation_pkey'),
        ('tree_head', 'tree_head_number_pkey')
    ),

    -- When, and by whom, is what these say.
    defaulted (table_name, column_name, expression) as (
        values
        ('event_store', 'event_id', 'evident._uuid_v7()'),
        ('event_store', 'metadata', '''{}''::jsonb'),
        ('event_store', 'occurred_at', 'evident._now()'),
        ('event_store', 'recorded_by', 'SESSION_USER'),
        ('ledger_publication', 'published_at', 'evident._now()'),
        ('ledger_publication', 'published_by', 'SESSION_USER'),
        ('log_identity', 'begun_at', 'evident._now()'),
        ('log_identity', 'begun_by', 'SESSION_USER'),
        ('tree_head', 'sealed_at', 'evident._now()')
    ),

    relation as (
        select
            c.oid,
            c.relname::text as relname,
            c.relkind,
            c.relacl,
            c.relowner,
            c.relrowsecurity
        from pg_class as c
        where c.relnamespace = 'evident'::regnamespace and c.relkind in ('r', 'v', 'S')
    ),

    -- What create_projection made, named as there.
    keeper (function_name, read_model, projection_state) as (
        select
            format('%I.%I', i.part[1], s.kind || i.part[2]),
            p.name,
            p.state
        from evident.projection as p
        cross join lateral parse_ident(p.name) as i (part)
        cross join unnest(array['keep_event_', 'keep_batch_']) as s (kind)
    ),

    routine as (
        select
            p.oid,
            p.oid::regprocedure::text as signature,
            p.prosecdef,
            p.proconfig,
            p.proowner,
            coalesce(p.proacl, acldefault('f', p.proowner)) as acl
        from pg_proc as p
        where p.pronamespace = 'evident'::regnamespace and p.prokind in ('f', 'p')
    )

    select
        'trigger' as kind,
        g.table_name || '.' || g.trigger_name as name,
        case t.tgenabled
            when 'A' then 'enabled always'
            when 'O' then 'enabled, but not for replicas'
            when 'R' then 'enabled for replicas only'
            when 'D' then 'disabled'
            else 'missing'
        end as state,
        coalesce(
            t.tgenabled = 'A'
            and t.tgtype = g.trigger_kind
            and t.tgqual is null
            and t.tgattr::text = ''
            and t.tgfoid = 'evident._refuse_change()'::regprocedure,
            false
        ) as is_intact
    from guarded as g
    left join relation as r on g.table_name = r.relname
    left join pg_trigger as t on r.oid = t.tgrelid and g.trigger_name = t.tgname

    union all

    select
        'trigger' as kind,
        r.relname || '.' || t.tgname as name,
        case
            when t.tgtype & 2 = 2 then 'not ours, and runs before the change'
            when k.read_model is null then 'not ours, runs after the change'
            when t.tgenabled = 'D' then 'disabled, would keep ' || k.read_model
            else 'keeps ' || k.read_model
        end as state,
        case
            when
                t.tgtype & 2 = 2
                or (k.projection_state = 'running') <> (t.tgenabled = 'O')
                then false
        end as is_intact
    from relation as r
    inner join pg_trigger as t on r.oid = t.tgrelid
    left join keeper as k on t.tgfoid::regproc::text = k.function_name
    where
        not t.tgisinternal
        and not exists (
            select
            from guarded as g
            where g.table_name = r.relname and g.trigger_name = t.tgname
        )

    union all

    select
        'constraint' as kind,
        k.table_name || '.' || k.constraint_name as name,
        coalesce(pg_get_constraintdef(c.oid), 'missing') as state,
        c.oid is not null and c.convalidated as is_intact
    from keyed as k
    left join relation as r on k.table_name = r.relname
    left join pg_constraint as c
        on
            r.oid = c.conrelid
            and k.constraint_name = c.conname
            and c.contype in ('p', 'u')

    union all

    select
        'constraint' as kind,
        r.relname || '.' || c.conname as name,
        pg_get_constraintdef(c.oid) as state,
        case when not c.convalidated then false end as is_intact
    from guarded as g
    inner join relation as r on g.table_name = r.relname
    inner join pg_constraint as c on r.oid = c.conrelid and c.contype = 'c'
    group by r.relname, c.oid, c.conname, c.convalidated

    union all

    select
        'columns' as kind,
        r.relname as name,
        string_agg(
            a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
            || case when a.attnotnull then ' not null' else '' end,
            ', '
            order by a.attnum
        ) as state,
        null as is_intact
    from relation as r
    inner join pg_attribute as a
        on r.oid = a.attrelid and a.attnum > 0 and not a.attisdropped
    where r.relkind = 'r'
    group by r.relname

    union all

    select
        'view' as kind,
        r.relname as name,
        'sha256 '
        || encode(sha256(convert_to(pg_get_viewdef(r.oid), 'UTF8')), 'hex') as state,
        null as is_intact
    from relation as r
    where r.relkind = 'v'

    union all

    select
        'default' as kind,
        v.table_name || '.' || v.column_name as name,
        coalesce(pg_get_expr(d.adbin, d.adrelid), 'missing') as state,
        coalesce(pg_get_expr(d.adbin, d.adrelid) = v.expression, false) as is_intact
    from defaulted as v
    left join relation as r on v.table_name = r.relname
    left join pg_attribute as a on r.oid = a.attrelid and v.column_name = a.attname
    left join pg_attrdef as d on r.oid = d.adrelid and a.attnum = d.adnum

    union all

    select
        'row security' as kind,
        r.relname as name,
        'enabled' as state,
        false as is_intact
    from guarded as g
    inner join relation as r on g.table_name = r.relname
    where r.relrowsecurity
    group by r.relname

    union all

    select
        'rule' as kind,
        r.relname || '.' || w.rulename as name,
        'a rule rewrites statements on this table' as state,
        false as is_intact
    from guarded as g
    inner join relation as r on g.table_name = r.relname
    inner join pg_rewrite as w on r.oid = w.ev_class
    group by r.relname, w.rulename

    union all

    select
        'child' as kind,
        i.inhrelid::regclass::text as name,
        'inherits from ' || i.inhparent::regclass::text as state,
        false as is_intact
    from pg_inherits as i
    inner join relation as r on i.inhparent = r.oid

    union all

    select
        'owner' as kind,
        'schema ' || n.nspname as name,
        pg_get_userbyid(n.nspowner)::text as state,
        pg_get_userbyid(n.nspowner) = 'evident_owner' as is_intact
    from pg_namespace as n
    where n.nspname = 'evident'

    union all

    select
        'owner' as kind,
        r.relname as name,
        pg_get_userbyid(r.relowner)::text as state,
        pg_get_userbyid(r.relowner) = 'evident_owner' as is_intact
    from relation as r

    union all

    select
        'owner' as kind,
        f.signature as name,
        pg_get_userbyid(f.proowner)::text as state,
        pg_get_userbyid(f.proowner) = 'evident_owner' as is_intact
    from routine as f

    union all

    select
        'grant' as kind,
        r.relname as name,
        coalesce(nullif(a.grantee, 0)::regrole::text, 'public')
        || ' may ' || a.privilege_type as state,
        a.privilege_type = 'SELECT' and a.grantee <> 0 as is_intact
    from relation as r
    cross join lateral aclexplode(r.relacl) as a
    where a.grantee <> r.relowner

    union all

    select
        'grant' as kind,
        r.relname || '.' || c.attname as name,
        coalesce(nullif(a.grantee, 0)::regrole::text, 'public')
        || ' may ' || a.privilege_type as state,
        a.privilege_type = 'SELECT' and a.grantee <> 0 as is_intact
    from relation as r
    inner join pg_attribute as c on r.oid = c.attrelid
    cross join lateral aclexplode(c.attacl) as a
    where a.grantee <> r.relowner

    union all

    select
        'grant' as kind,
        f.signature as name,
        coalesce(nullif(a.grantee, 0)::regrole::text, 'public')
        || ' may ' || a.privilege_type as state,
        a.grantee <> 0 as is_intact
    from routine as f
    cross join lateral aclexplode(f.acl) as a
    where a.grantee <> f.proowner

    union all

    select
        'function' as kind,
        f.signature as name,
        'sha256 '
        || encode(sha256(convert_to(pg_get_functiondef(f.oid), 'UTF8')), 'hex')
            as state,
        case
            when f.prosecdef then coalesce(
                f.proconfig @> array['search_path=pg_catalog, pg_temp'], false
            )
        end as is_intact
    from routine as f

    union all

    select
        'role' as kind,
        'evident_owner' as name,
        case
            when o.rolsuper then 'is a superuser'
            when o.rolcanlogin then 'may log in'
            else 'no login'
        end as state,
        not o.rolcanlogin and not o.rolsuper as is_intact
    from pg_roles as o
    where o.rolname = 'evident_owner'

    union all

    select
        'role' as kind,
        'evident_owner' as name,
        m.member::regrole::text || ' is a member' as state,
        null as is_intact
    from pg_auth_members as m
    inner join pg_roles as o on m.roleid = o.oid
    where o.rolname = 'evident_owner'

    order by kind, name, state;
end;

create function evident.guard_status()
returns table (kind text, name text, state text, is_intact boolean)
language sql
stable
begin atomic
    select
        u.kind,
        u.name,
        u.state,
        coalesce(u.is_intact, true) or u.name like 'baseline.%' or u.kind = 'default'
    from evident.unmeasured() as u;
end;

alter function evident.unmeasured() owner to evident_owner;
alter function evident.guard_status() owner to evident_owner;
revoke all on function evident.unmeasured() from public;
revoke all on function evident.guard_status() from public;
