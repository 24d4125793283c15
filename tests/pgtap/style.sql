begin;
select plan(18);

create temporary view relation as
select
    c.oid,
    n.nspname as schema_name,
    c.relname as name,
    c.relkind
from pg_class as c
inner join pg_namespace as n on c.relnamespace = n.oid
where
    n.nspname in ('evident', 'shop')
    and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    -- What create_projection made is named after a read model.
    and c.relname !~ '[.]';

create temporary view attribute as
select
    r.schema_name,
    r.name as relation_name,
    r.relkind,
    r.oid as relation_oid,
    a.attname as name,
    a.attnum as number,
    a.atttypid as type_oid,
    a.attidentity as identity
from relation as r
inner join pg_attribute as a on r.oid = a.attrelid
where r.relkind <> 'S' and a.attnum > 0 and not a.attisdropped;

create temporary view routine as
select
    p.oid,
    p.oid::regprocedure as signature,
    n.nspname as schema_name,
    p.proname as name,
    p.prokind,
    p.pronargs,
    p.prorettype
from pg_proc as p
inner join pg_namespace as n on p.pronamespace = n.oid
where n.nspname in ('evident', 'shop') and p.proname !~ '[.]';

-- Input and output parameters alike; t is a column of a returned table.
create temporary view parameter as
select
    r.signature,
    n.ordinality,
    n.name,
    coalesce((p.proargmodes::text[])[n.ordinality], 'i') as mode,
    -- An oidvector counts from 0.
    coalesce(
        p.proallargtypes[n.ordinality], p.proargtypes[n.ordinality - 1]
    ) as type_oid
from routine as r
inner join pg_proc as p on r.oid = p.oid
cross join lateral unnest(p.proargnames) with ordinality as n (name, ordinality);

-- Whatever has a name and a type.
create temporary view item as
select
    a.schema_name || '.' || a.relation_name as place,
    a.name,
    a.type_oid
from attribute as a
union all
select p.signature::text, p.name, p.type_oid
from parameter as p
union all
select r.signature::text, '', r.prorettype
from routine as r;

-- Comments.

select is_empty(
    $$ select n.name
    from unnest(array['evident', 'shop']) as n (name)
    where obj_description(n.name::regnamespace, 'pg_namespace') is null $$,
    'each schema has a comment'
);
select is_empty(
    $$ select r.schema_name, r.name
    from relation as r
    where r.relkind <> 'S' and obj_description(r.oid, 'pg_class') is null $$,
    'each table and view has a comment'
);
select is_empty(
    $$ select a.name
    from attribute as a
    where
        a.relation_oid = 'evident.event_store'::regclass
        and col_description(a.relation_oid, a.number) is null $$,
    'each column of the event store has a comment'
);
select is_empty(
    $$ select r.signature
    from routine as r
    where obj_description(r.oid, 'pg_proc') is null $$,
    'each function and aggregate has a comment'
);
select is_empty(
    $$ select r.signature, w.code
    from routine as r
    cross join unnest(array['PT400', 'PT404', 'PT409', 'PT422']) as w (code)
    where
        r.name in ('append_event', 'append_events', 'append_batch')
        and obj_description(r.oid, 'pg_proc') !~ w.code $$,
    'the comments of the append functions name each error'
);
select is_empty(
    $$ select d.name
    from (
        select r.signature::text as name, obj_description(r.oid, 'pg_proc') as comment
        from routine as r
        union all
        select r.name, obj_description(r.oid, 'pg_class')
        from relation as r
        union all
        select
            a.relation_name || '.' || a.name,
            col_description(a.relation_oid, a.number)
        from attribute as a
    ) as d
    where d.comment !~ '^[^ \n].*[^ ]$' or d.comment ~ '[^ -~\n]' $$,
    'comments are in ASCII, without space at their ends'
);

-- Names.

select is_empty(
    $$ select o.name
    from (
        select r.name from relation as r
        union all
        select a.name from attribute as a
        union all
        select r.name from routine as r
        union all
        select p.name from parameter as p
    ) as o
    where o.name !~ '^_?[a-z][a-z0-9_]*$' $$,
    'names are in lower case and need no quotes'
);
select is_empty(
    $$ select p.signature, p.name
    from parameter as p
    where p.mode in ('i', 'b', 'v') and p.name !~ '^p_[a-z]' $$,
    'parameters start with p_'
);
select is_empty(
    $$ select p.signature, p.name
    from parameter as p
    where p.mode in ('o', 't') and p.name ~ '^p_' $$,
    'output columns have bare names'
);
select is_empty(
    $$ select r.signature
    from routine as r
    where
        r.prokind <> 'a'
        and r.pronargs > (
            select count(*)
            from parameter as p
            where
                p.signature = r.signature
                and p.mode in ('i', 'b', 'v')
                and p.name <> ''
        ) $$,
    'each parameter has a name'
);
select is_empty(
    $$ select c.place, c.name
    from item as c
    where
        c.type_oid in ('timestamptz'::regtype, 'timestamp'::regtype)
        and c.name <> ''
        and c.name !~ '_at$'
        -- An end, beside p_until_version and p_until_position.
        and c.name <> 'p_until' $$,
    'timestamps end in _at'
);
select is_empty(
    $$ select c.place, c.name
    from item as c
    where
        c.type_oid = 'boolean'::regtype
        and c.name !~ '^((p_)?(is|has|can|may|must|was|needs)_|$)'
        -- As the tools of a shell say it.
        and c.name <> 'p_force' $$,
    'booleans read as a sentence'
);

create temporary view key as
select
    r.name as table_name,
    c.conname as name,
    c.contype,
    (
        select string_agg(a.name, '_' order by k.ordinality)
        from unnest(c.conkey) with ordinality as k (number, ordinality)
        inner join attribute as a on r.oid = a.relation_oid and k.number = a.number
    ) as columns
from pg_constraint as c
inner join relation as r on c.conrelid = r.oid
-- PostgreSQL 18 also has one for each "not null", which nobody names.
where c.contype <> 'n';

select is_empty(
    $$ select k.table_name, k.name
    from key as k
    where
        k.name <> concat_ws(
            '_', k.table_name, k.columns,
            case k.contype
                when 'p' then 'pkey'
                when 'u' then 'key'
                when 'f' then 'fkey'
                when 'c' then 'check'
            end
        ) $$,
    'constraints are named after their table, their columns and their kind'
);
select is_empty(
    $$ select r.name, i.indexrelid::regclass
    from pg_index as i
    inner join relation as r on i.indrelid = r.oid
    inner join pg_class as c on i.indexrelid = c.oid
    where
        not exists (select from pg_constraint as k where k.conindid = c.oid)
        and c.relname !~ concat(
            '^', r.name, '_',
            (
                select string_agg(coalesce(a.name, '.+'), '_' order by k.ordinality)
                from unnest(i.indkey::smallint[])
                    with ordinality as k (number, ordinality)
                left join attribute as a
                    on r.oid = a.relation_oid and k.number = a.number
                where k.ordinality <= i.indnkeyatts
            ),
            '_idx$'
        ) $$,
    'indexes are named after their table and their columns'
);
select is_empty(
    $$ select r.name, t.tgname
    from pg_trigger as t
    inner join relation as r on t.tgrelid = r.oid
    where not t.tgisinternal and left(t.tgname, length(r.name) + 1) <> r.name || '_' $$,
    'triggers are named after their table'
);

-- Types.

select is_empty(
    $$ select c.place, c.name, c.type_oid::regtype
    from item as c
    where
        c.type_oid = any (array[
            'varchar', 'bpchar', 'real', 'double precision', 'money', 'json',
            'timestamp', 'timetz', 'varchar[]', 'real[]', 'double precision[]', 'json[]'
        ]::regtype[]) $$,
    'text, numeric, jsonb and timestamptz stand for their lesser kin'
);
select is_empty(
    $$ select a.relation_name, a.name
    from attribute as a
    inner join pg_attrdef as d
        on a.relation_oid = d.adrelid and a.number = d.adnum
    where pg_get_expr(d.adbin, d.adrelid) ~ 'nextval' $$,
    'numbers are drawn by identity columns, not by serial ones'
);
select is_empty(
    $$ select a.relation_name, a.name from attribute as a where a.identity = 'd' $$,
    'identity columns are always generated'
);

select * from finish();
rollback;
