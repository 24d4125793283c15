begin;
select plan(99);

-- The objects of both schemas, and what is granted on them.

create temporary view routine as
select
    p.oid,
    p.oid::regprocedure::text as signature,
    n.nspname as schema_name,
    p.proname as name,
    p.proowner,
    p.prolang,
    p.prosecdef,
    p.prokind,
    p.proconfig,
    p.prosqlbody,
    p.prorettype,
    coalesce(p.proacl, acldefault('f', p.proowner)) as acl
from pg_proc as p
inner join pg_namespace as n on p.pronamespace = n.oid
where n.nspname in ('evident', 'shop');

create temporary view relation as
select
    c.oid,
    c.oid::regclass::text as name,
    c.relkind,
    c.relowner,
    coalesce(
        c.relacl,
        acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)
    ) as acl
from pg_class as c
inner join pg_namespace as n on c.relnamespace = n.oid
where n.nspname in ('evident', 'shop');

create temporary view granted as
select
    r.signature as name,
    'function' as kind,
    r.proowner as owner,
    a.grantee,
    a.privilege_type,
    a.is_grantable
from routine as r
cross join lateral aclexplode(r.acl) as a
union all
select
    r.name,
    case r.relkind when 'S' then 'sequence' else 'relation' end,
    r.relowner,
    a.grantee,
    a.privilege_type,
    a.is_grantable
from relation as r
cross join lateral aclexplode(r.acl) as a
where r.relkind in ('r', 'v', 'm', 'p', 'f', 'S')
union all
select
    r.name || '.' || t.attname,
    'column',
    r.relowner,
    a.grantee,
    a.privilege_type,
    a.is_grantable
from relation as r
inner join pg_attribute as t on r.oid = t.attrelid
cross join lateral aclexplode(t.attacl) as a
union all
select
    n.nspname,
    'schema',
    n.nspowner,
    a.grantee,
    a.privilege_type,
    a.is_grantable
from pg_namespace as n
cross join lateral aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) as a
where n.nspname in ('evident', 'shop');

-- What create_projection makes for each is granted as it is.
create temporary view read_model as
select m.name
from unnest(array[
    'orders_summary', 'customer_activity', 'daily_sales', 'stock_level',
    'account_balance'
]) as m (name);

-- Privileges.

select is_empty(
    $$ select g.name, g.privilege_type from granted as g where g.grantee = 0 $$,
    'PUBLIC has no privilege on any function, table, sequence, view or schema'
);
select results_eq(
    $$ select t.oid::regtype::text, a.grantee::regrole::text
    from pg_type as t
    cross join lateral aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) as a
    where
        t.typnamespace = 'evident'::regnamespace
        and t.typtype = 'c'
        and a.grantee <> t.typowner $$,
    $$ values ('evident.event_store', 'evident_projector') $$,
    'nobody may name a row type of the package but whoever owns the folds'
);
set local role evident_reader;
select throws_ok(
    $$ create temporary table mine (event evident.event_store) $$,
    '42501', null,
    'a reader cannot keep the event store from changing by a column of its type'
);
select lives_ok(
    $$ select
        e,
        evident.leaf_hash(e),
        array(select f from evident.read_feed(0) as f),
        array(select a from evident.read_aggregate(e.aggregate_id) as a)
    from evident.event_store as e $$,
    'queries with whole rows need no right to the type'
);
set local role evident_projector;
select lives_ok(
    $$ create function pg_temp.tells(p_event evident.event_store)
    returns text
    language sql
    immutable
    return p_event.event_type $$,
    'and whoever owns the folds can write them'
);
reset role;
select is_empty(
    $$ select g.name, g.kind, g.grantee::regrole, g.privilege_type
    from granted as g
    where
        g.grantee <> g.owner
        and g.privilege_type <> case g.kind
            when 'function' then 'EXECUTE'
            when 'schema' then 'USAGE'
            else 'SELECT'
        end $$,
    'nobody but the owner may do more than execute functions and select'
);
select is_empty(
    $$ select g.name, g.grantee::regrole
    from granted as g
    where g.is_grantable and g.grantee <> g.owner $$,
    'nobody but the owner may hand privileges on'
);
select is_empty(
    $$ select r.name, p.privilege
    from relation as r
    cross join unnest(
        array['insert', 'update', 'delete', 'truncate', 'trigger', 'references']
    ) as p (privilege)
    cross join unnest(array[
        'evident_writer', 'evident_reader', 'evident_consumer', 'evident_operator',
        'evident_monitor', 'evident_auditor'
    ]) as o (role)
    where
        r.relkind in ('r', 'v', 'm', 'p', 'f')
        and has_table_privilege(o.role, r.oid, p.privilege) $$,
    'no role of the package can write to a table, by whatever membership'
);
select is_empty(
    $$ select g.name, g.grantee::regrole
    from granted as g
    inner join routine as r on g.name = r.signature
    where
        r.name like '\_%'
        and g.grantee <> g.owner
        and (r.name, g.grantee::regrole::text) not in (
            ('_as_projector', 'evident_owner'),
            ('_ask_projector', 'evident_owner'),
            ('_refuse_behind', 'evident_auditor'),
            ('_refuse_behind', 'evident_consumer'),
            ('_refuse_behind', 'evident_monitor'),
            ('_refuse_behind', 'evident_operator'),
            ('_refuse_behind', 'evident_reader'),
            ('_close_made', 'evident_projector'),
            ('_revoke_from_all', 'evident_projector'),
            ('_is_fold_error', 'evident_projector'),
            ('_lock_keys', 'evident_projector'),
            ('_refuse_argument', 'evident_projector'),
            ('_refuse_fold', 'evident_projector'),
            ('_refuse_key', 'evident_projector'),
            ('_refuse_settings', 'evident_projector'),
            ('_share_projection', 'evident_projector')
        )
        -- By status views, with their readers' rights.
        and r.name not in ('_events_after', '_feed_position') $$,
    'internal functions are granted to nobody, but for those by which folds are run, '
    'and by which they end'
);
select set_eq(
    $$ select r.name, g.grantee::regrole::text
    from granted as g
    inner join routine as r on g.name = r.signature
    where g.grantee <> g.owner and r.name not like '\_%' $$,
    $$ select f.name::name, 'evident_' || r.name
    from (
        values
        ('append_batch append_event append_events', 'writer'),
        ('aggregate_at aggregate_version leaf_entry leaf_hash project read_aggregate '
        'read_feed require_utf8 wait_for_projection', 'reader operator auditor'),
        ('projection_definition', 'reader operator auditor monitor'),
        ('safe_position', 'reader consumer operator auditor monitor'),
        ('claim_events confirm_events release_events park_event', 'consumer operator'),
        ('create_projection drop_projection run_projection', 'operator projector'),
        ('create_consumer drop_consumer seek_consumer retry_parked skip_parked '
        'pause_projection resume_projection '
        'rebuild_projection retry_failure skip_failure stamp_position seal '
        'begin_incarnation',
        'operator'),
        ('root_hash verify_ledger verify_projection', 'operator auditor'),
        ('consistency_proof inclusion_proof read_tile record_publication', 'auditor'),
        ('guard_status fingerprint', 'operator auditor monitor'),
        ('version', 'writer reader consumer operator monitor auditor'),
        ('withdraw', 'writer'),
        (
            'kept_event_shop.orders_summary kept_batch_shop.orders_summary '
            'kept_event_shop.account_balance kept_batch_shop.account_balance',
            'owner'
        )
    ) as t (names, roles)
    cross join lateral string_to_table(t.names, ' ') as f (name)
    cross join lateral string_to_table(t.roles, ' ') as r (name) $$,
    'each public function is granted to its roles, and to no others'
);
select set_eq(
    $$ select g.name, g.grantee::regrole::text
    from granted as g
    where g.kind in ('relation', 'sequence', 'column') and g.grantee <> g.owner $$,
    $$ select f.name, 'evident_' || r.name
    from (
        values
        ('evident.event_store', 'reader operator auditor projector'),
        ('evident.projection evident.projection_failure evident.projection_skip '
        'evident.projection_rebuild', 'reader operator auditor'),
        ('evident.feed_status evident.projection_status',
        'reader operator auditor monitor'),
        ('evident.event_store_id_seq evident.announcement evident._drawn '
        'evident.feed_stamp '
        'evident.consumer_status', 'reader consumer operator auditor monitor'),
        ('evident.ledger_tile evident.tree_head evident.log_identity '
        'evident.ledger_state evident.ledger_publication evident.baseline',
        'operator auditor'),
        ('evident.ledger_status evident.blocker', 'operator auditor monitor'),
        ('evident.consumer_parked evident.consumer_skip evident.consumer_decision',
        'consumer operator auditor')
        union all
        select 'shop.' || m.name, 'reader operator auditor'
        from read_model as m
        union all
        select 'evident.projection_skip.' || c.name, 'projector'
        from unnest(array['projection', 'position', 'key']) as c (name)
        union all
        -- All but the reasons, in which a worker may quote what is not to be read.
        select 'evident.' || c.table_name || '.' || c.column_name, 'monitor'
        from information_schema.columns as c
        where
            c.table_schema = 'evident'
            and (c.table_name, c.column_name) in (
                select t.name, n.name
                from (
                    values
                    ('consumer_parked', 'consumer partition aggregate_id version '
                    'parked_version position worker parked_at retried_after attempts'),
                    ('consumer_skip', 'consumer position aggregate_id version actor '
                    'recorded_by skipped_at'),
                    ('consumer_decision', 'number consumer kind partition '
                    'aggregate_id position_from position actor recorded_by '
                    'recorded_at')
                ) as t (name, columns)
                cross join lateral string_to_table(t.columns, ' ') as n (name)
            )
    ) as t (names, roles)
    cross join lateral string_to_table(t.names, ' ') as f (name)
    cross join lateral string_to_table(t.roles, ' ') as r (name) $$,
    'tables, views and sequences may be selected by their roles, and by no others'
);
select set_eq(
    $$ select g.name, g.grantee::regrole::text
    from granted as g
    where g.kind = 'schema' and g.grantee <> g.owner $$,
    $$ select 'evident' as name, 'evident_' || r.name as grantee
    from unnest(array[
        'projector', 'writer', 'reader', 'consumer', 'operator', 'monitor', 'auditor'
    ]) as r (name)
    union all
    select 'shop', 'evident_' || r.name
    from unnest(array['reader', 'operator', 'auditor']) as r (name) $$,
    'each schema may be used by its roles, and by no others'
);

-- Roles.

select is_empty(
    $$ select r.name
    from unnest(array[
        'evident_owner', 'evident_projector', 'evident_writer', 'evident_reader',
        'evident_consumer', 'evident_operator', 'evident_monitor', 'evident_auditor'
    ]) as r (name)
    left join pg_roles as o on r.name = o.rolname
    where
        o.rolname is null
        or o.rolcanlogin
        or o.rolsuper
        or o.rolcreaterole
        or o.rolcreatedb
        or o.rolreplication
        or o.rolbypassrls $$,
    'the eight roles exist, cannot log in and have no powers over the cluster'
);
select is_empty(
    $$ select m.roleid::regrole::text, m.member::regrole::text
    from pg_auth_members as m
    where m.member::regrole::text like 'evident\_%' $$,
    'no role has anything from another one'
);

-- Owners.

select is_empty(
    $$ select o.name, o.owner::regrole
    from (
        select r.signature as name, r.proowner as owner
        from routine as r
        union all
        select r.name, r.relowner
        from relation as r
        union all
        select n.nspname, n.nspowner
        from pg_namespace as n
        where n.nspname in ('evident', 'shop')
        union all
        select t.oid::regtype::text, t.typowner
        from pg_type as t
        where t.typnamespace in ('evident'::regnamespace, 'shop'::regnamespace)
    ) as o
    where o.owner <> case
        -- A trigger has its function by oid, so that one is the owner's, see
        -- _sql_keep_event_trigger.
        when o.name like 'evident."keep\_%' then 'evident_owner'::regrole
        when o.name ~ '^"?(shop|evident\."[a-z_]+_shop|evident\._as[k]?_projector|events_of_shop)'
            then 'evident_projector'::regrole
        else 'evident_owner'::regrole
    end $$,
    'each object is owned by evident_owner, each of a read model by evident_projector'
);

-- Functions.

select is_empty(
    $$ select r.signature, r.proconfig
    from routine as r
    where
        r.prosecdef
        and (
            r.proowner <> case
                when r.name in ('_as_projector', '_ask_projector')
                    or r.name ~ '^kept_(event|batch)_.*[.]'
                    then 'evident_projector'::regrole
                else 'evident_owner'::regrole
            end
            or coalesce('search_path=pg_catalog, pg_temp' <> all (r.proconfig), true)
            -- It looks at its path before anything else; see
            -- _sql_kept_event_function.
            and r.name !~ '^kept_event_.*[.]'
        ) $$,
    'each definer function belongs to evident_owner, what runs folds to '
    'evident_projector; each pins its path, or looks at it first'
);
select set_eq(
    $$ select distinct r.schema_name || '.' || r.name
    from routine as r
    where r.prosecdef $$,
    array[
        'evident.append_batch', 'evident.append_event', 'evident.append_events',
        'evident._as_projector', 'evident._ask_projector', 'evident._share_projection',
        'evident.kept_event_shop.orders_summary',
        'evident.kept_batch_shop.orders_summary',
        'evident.kept_event_shop.account_balance',
        'evident.kept_batch_shop.account_balance',
        'evident.project',
        'evident.begin_incarnation', 'evident.claim_events', 'evident.confirm_events',
        'evident.consistency_proof', 'evident.create_consumer',
        'evident.create_projection', 'evident.drop_consumer',
        'evident.drop_projection', 'evident.fingerprint', 'evident.guard_status',
        'evident.inclusion_proof', 'evident.initialize_log', 'evident.park_event',
        'evident.pause_projection', 'evident.projection_definition',
        'evident.read_tile', 'evident.rebuild_projection',
        'evident.record_publication', 'evident.release_events',
        'evident.repair_sequences',
        'evident.resume_projection', 'evident.retry_failure', 'evident.retry_parked',
        'evident.root_hash', 'evident.run_projection', 'evident.seal',
        'evident.seek_consumer', 'evident.skip_failure', 'evident.skip_parked',
        'evident.stamp_position', 'evident.verify_ledger',
        'evident.verify_projection'
    ],
    'definer functions are those whose callers have no rights of their own, and what '
    'runs folds'
);
select is_empty(
    $$ select r.signature
    from routine as r
    inner join pg_proc as p on r.oid = p.oid
    where p.proleakproof or p.prosupport <> 0 $$,
    'no function is said to leak nothing, or plans for itself'
);
select is_empty(
    $$ select r.signature, r.proconfig
    from routine as r
    inner join pg_language as l on r.prolang = l.oid
    where
        (
            r.schema_name = 'evident' and l.lanname = 'plpgsql'
            or r.prorettype = 'trigger'::regtype
        )
        and coalesce('search_path=pg_catalog, pg_temp' <> all (r.proconfig), true)
        -- Only evident_projector may run these, under a path that is pinned: see
        -- _sql_kept_event_function and _as_projector.
        and r.name !~ '^(keep_event|kept_event|next|folding|refolding)_.*[.]'
        -- Each name in it is qualified: it is the condition of a trigger.
        and r.name <> '_is_batch' $$,
    'each function in PL/pgSQL, and each trigger function, pins its path'
);
select is_empty(
    $$ select r.signature, l.lanname
    from routine as r
    inner join pg_language as l on r.prolang = l.oid
    where
        r.prokind <> 'a'
        and l.lanname <> 'plpgsql'
        and (
            l.lanname <> 'sql'
            or (
                r.prosqlbody is null
                and coalesce(
                    'search_path=pg_catalog, pg_temp' <> all (r.proconfig), true
                )
            )
        ) $$,
    'each other function is in SQL, with a body that was parsed when it was made or '
    'with a pinned path'
);

-- Guards.

select set_eq(
    $$ select
        t.tgrelid::regclass::text || '.' || t.tgname,
        pg_get_triggerdef(t.oid),
        t.tgenabled
    from pg_trigger as t
    where t.tgfoid = 'evident._refuse_change()'::regprocedure $$,
    $$ select
        format('evident.%1$s.%1$s_history%2$s', t.name, k.suffix) as name,
        format(
            'CREATE TRIGGER %1$s_history%2$s BEFORE %3$s ON evident.%1$s '
            'FOR EACH %4$s EXECUTE FUNCTION evident._refuse_change()',
            t.name, k.suffix, k.operations, k.each
        ) as definition,
        'A'::"char"
    from unnest(array[
        'event_store', 'ledger_tile', 'tree_head', 'log_identity',
        'ledger_publication', 'baseline'
    ]) as t (name)
    cross join (
        values
        ('', 'DELETE OR UPDATE OR TRUNCATE', 'STATEMENT'),
        ('_rows', 'DELETE OR UPDATE', 'ROW')
    ) as k (suffix, operations, each) $$,
    'the guards are for every change and enabled always'
);

-- Hijack. A caller puts a schema in front of pg_catalog, and has temporary objects,
-- which are looked at before anything else. It holds a twin of each function that
-- the package calls and of each operator that its types have, and each twin springs
-- the trap. Whatever runs in the package's functions must not be one of them, nor
-- in what create_projection makes, nor in the folds that it calls.

set local role evident_projector;

-- Kept by appends, across aggregates; kept by runs; and not registered yet.
create table shop.counted (event_type text primary key, events numeric);
create table shop.parked (aggregate_id uuid primary key, share numeric);
create table shop.spare (aggregate_id uuid primary key, share numeric);

create function shop.counted_keys(p_event evident.event_store)
returns text
language plpgsql
immutable
as $function$
begin
    return upper(p_event.event_type);
end;
$function$;

create function shop.apply_counted(
    p_row shop.counted, p_event evident.event_store
)
returns shop.counted
language plpgsql
immutable
as $function$
begin
    p_row.events := coalesce(p_row.events, 0) + char_length(left('one', 1));
    return p_row;
end;
$function$;

create function shop.apply_parked(p_row shop.parked, p_event evident.event_store)
returns shop.parked
language plpgsql
immutable
as $function$
begin
    p_row.share := 1 / coalesce((p_event.payload ->> 'amount')::numeric, 0);
    return p_row;
end;
$function$;

create function shop.apply_spare(p_row shop.spare, p_event evident.event_store)
returns shop.spare
language plpgsql
immutable
as $function$
begin
    p_row.share := abs((p_event.payload ->> 'amount')::numeric);
    return p_row;
end;
$function$;

reset role;

select evident.create_projection(
    'shop.counted',
    'shop.apply_counted(shop.counted, evident.event_store)',
    null,
    p_keys => 'shop.counted_keys(evident.event_store)'
);
select evident.create_projection(
    'shop.parked', 'shop.apply_parked(shop.parked, evident.event_store)', null, 'async'
);

create schema trap;
grant usage on schema trap to public;

create function trap.sprung()
returns boolean
language plpgsql
as $function$
begin
    -- Of a class that no projection takes for its fold's error.
    raise exception using errcode = 'XX000', message = 'hijacked';
end;
$function$;

do $do$
declare
    v_twin record;
begin
    for v_twin in
        select
            p.proname,
            pg_get_function_identity_arguments(p.oid) as arguments,
            pg_get_function_result(p.oid) as result
        from pg_proc as p
        where
            p.pronamespace = 'pg_catalog'::regnamespace
            and p.prokind in ('f', 'a')
            and not p.proretset
            and p.prorettype <> all (array['internal', 'trigger']::regtype[])
            -- PL/pgSQL takes none of these.
            and not p.proargtypes::oid[] && array['internal', '"any"', 'cstring']
                ::regtype[]::oid[]
            and p.prorettype <> 'cstring'::regtype
            and p.proname in (
                select w.word[1]
                from routine as r
                cross join lateral regexp_matches(
                    case
                        when r.prokind <> 'a' then pg_get_functiondef(r.oid)
                    end,
                    '([a-z0-9_]+)\(', 'g'
                ) as w (word)
            )
        order by p.oid
    loop
        execute format(
            'create function trap.%I(%s) returns %s language plpgsql as '
            '$$ begin perform trap.sprung(); end; $$',
            v_twin.proname,
            -- An aggregate's arguments may read "ORDER BY ...".
            regexp_replace(v_twin.arguments, ' ?ORDER BY ', ', '),
            v_twin.result
        );
    end loop;

    for v_twin in
        select
            o.oid,
            o.oprname,
            o.oprleft::regtype as left_type,
            o.oprright::regtype as right_type,
            o.oprresult::regtype as result
        from pg_operator as o
        where
            o.oprnamespace = 'pg_catalog'::regnamespace
            and o.oprleft = any (array[
                'uuid', 'integer', 'bigint', 'text', 'jsonb', 'boolean', 'oid', 'xid',
                'name', 'numeric', 'timestamptz', 'interval', 'text[]', '"char"',
                'regclass', 'bytea', 'bytea[]', 'bigint[]'
            ]::regtype[])
            and o.oprright <> all (array['internal', 'cstring']::regtype[])
    loop
        execute format(
            'create function trap.%I(%s, %s) returns %s language plpgsql as '
            '$$ begin perform trap.sprung(); end; $$',
            'operator_' || v_twin.oid, v_twin.left_type, v_twin.right_type,
            v_twin.result
        );
        execute format(
            'create operator trap.%s '
            '(leftarg = %s, rightarg = %s, function = trap.%I)',
            v_twin.oprname, v_twin.left_type, v_twin.right_type,
            'operator_' || v_twin.oid
        );
    end loop;
end;
$do$;

-- Twins of functions that take "any".
create function trap.format(p_format text, p_value integer)
returns text
language plpgsql
as $function$ begin perform trap.sprung(); end; $function$;

create function trap.jsonb_build_object(p_key text, p_value uuid)
returns jsonb
language plpgsql
as $function$ begin perform trap.sprung(); end; $function$;

-- The statement's outcome when a role runs it under the trap; always undone.
create function trap.attempted(p_role text, p_statement text)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform
        set_config('role', p_role, true),
        set_config('search_path', 'trap, pg_catalog', true);
    execute p_statement;
    raise exception using errcode = 'ZZ000', message = 'not hijacked';
exception
    when others then
        return sqlerrm;
end;
$function$;

-- A consumer with some events before it, and a key that is parked at the second one.
select evident.create_consumer('kept');
select evident.create_consumer('stuck');
insert into evident.event_store (aggregate_id, version, event_type, payload)
values
('01900000-0000-7000-8000-000000000010', 1, 'OrderCreated', '{"amount": 1}'),
('01900000-0000-7000-8000-000000000010', 2, 'ItemShipped', '{}');
select evident.run_projection('shop.parked');
insert into evident.event_store (aggregate_id, version, event_type, payload)
values
('01900000-0000-7000-8000-000000000010', 3, 'PaymentProcessed', '{"amount": 1}'),
('01900000-0000-7000-8000-000000000013', 1, 'ItemShipped', '{"amount": 0}'),
('01900000-0000-7000-8000-000000000014', 1, 'OrderCreated', '{"amount": 1}');
delete from shop.counted;

select evident.park_event('stuck', c.partition, c.epoch, c.id, 'poison')
from evident.claim_events('stuck', 'w', 1) as c;

-- A ledger of two full tiles, with more to seal, and guards that have changed since.
insert into evident.event_store (aggregate_id, version, event_type, payload, event_id)
select
    gen_random_uuid(), 1, 'Noted', '{"amount": 1}',
    format('01900000-0000-7000-9000-%s', lpad(n.number::text, 12, '0'))::uuid
from generate_series(1000, 1800) as n (number);
delete from shop.counted;
select evident.seal(600);
alter function evident.version() cost 99;
select
    evident._log_origin() || e'\n600\n' || encode(h.root_hash, 'base64')
    || e'\n\n' || chr(8212) || e' key AAAA\n' as note
from evident._tree_head() as h \gset

create temporary table attempt (
    role text,
    name text,
    statement text,
    expected text default 'not hijacked',
    outcome text
);
insert into attempt (role, name, statement)
values
(
    'evident_writer', 'append_event(uuid,text,jsonb,bigint,jsonb,uuid)',
    $$ select
        evident.append_event(
            '01900000-0000-7000-8000-000000000011', 'OrderCreated',
            '{"amount": 1}', 0, '{}', '01900000-0000-7000-9000-000000000011'
        ),
        evident.append_event(
            '01900000-0000-7000-8000-000000000011', 'OrderCreated',
            '{"amount": 1}', 0, '{}', '01900000-0000-7000-9000-000000000011'
        ),
        evident.append_event(
            '01900000-0000-7000-8000-000000000011', 'ItemShipped', '{}', 1
        ),
        evident.append_event(
            '01900000-0000-7000-8000-000000000011', 'PaymentProcessed',
            '{"amount": 1}'
        ) $$
),
(
    'evident_writer', 'append_events(uuid,jsonb,bigint)',
    $$ select
        evident.append_events(
            '01900000-0000-7000-8000-000000000011',
            '[
                {"type": "OrderCreated", "payload": {"amount": 1}},
                {"type": "ItemShipped", "payload": {}}
            ]',
            0
        ),
        evident.append_events(
            '01900000-0000-7000-8000-000000000011',
            '[{"type": "PaymentProcessed", "payload": {"amount": 1}}]', -1
        ) $$
),
(
    'evident_writer', 'append_batch(jsonb)',
    $$ select *
    from evident.append_batch('[
        {
            "aggregate_id": "01900000-0000-7000-8000-000000000011",
            "expected_version": 0,
            "events": [{"type": "OrderCreated", "payload": {"amount": 1}}]
        }
    ]') as a
    cross join evident.append_batch('[
        {
            "aggregate_id": "01900000-0000-7000-8000-000000000011",
            "events": [{"type": "ItemShipped", "payload": {}}]
        },
        {
            "aggregate_id": "01900000-0000-7000-8000-000000000012",
            "expected_version": 0
        }
    ]') as b $$
),
(
    'evident_reader', 'aggregate_version(uuid)',
    $$ select evident.aggregate_version('01900000-0000-7000-8000-000000000011') $$
),
(
    'evident_reader', 'read_aggregate(uuid,bigint,bigint)',
    $$ select * from evident.read_aggregate('01900000-0000-7000-8000-000000000011') $$
),
(
    'evident_reader', 'safe_position()',
    $$ select evident.safe_position() $$
),
(
    'evident_reader', 'read_feed(bigint,bigint,text[],bigint)',
    $$ select * from evident.read_feed(0, 10, '{OrderCreated}') $$
),
(
    'evident_reader', '_feed_position()',
    $$ select evident._feed_position() $$
),
(
    'evident_reader', '_events_after(bigint[],bigint)',
    $$ select evident._events_after('{1,2}', 1) $$
),
(
    'evident_reader', 'feed_status',
    $$ select * from evident.feed_status $$
),
(
    'evident_operator', 'stamp_position(boolean)',
    $$ select evident.stamp_position(true) $$
),
(
    'evident_operator', 'create_consumer(text,bigint,text[],text)',
    $$ select
        evident.create_consumer('trapped', 3, '{OrderCreated,ItemShipped}'),
        evident.create_consumer('trapped', 3, '{ItemShipped,OrderCreated}', 'now') $$
),
(
    'evident_operator', 'claim_events(text,text,bigint,interval)',
    $$ select
        evident.create_consumer('trapped'),
        evident.claim_events('trapped', 'w', 10, '1 hour') $$
),
(
    'evident_operator', 'confirm_events(text,bigint,bigint,bigint)',
    $$ select evident.confirm_events('kept', c.partition, c.epoch, c.id)
    from evident.claim_events('kept', 'w', 2) as c $$
),
(
    'evident_operator', 'release_events(text,bigint,bigint,boolean)',
    $$ select evident.release_events('kept', c.partition, c.epoch, false)
    from evident.claim_events('kept', 'w', 2) as c $$
),
(
    'evident_operator', 'park_event(text,bigint,bigint,bigint,text)',
    $$ select evident.park_event('kept', c.partition, c.epoch, c.id, 'poison')
    from evident.claim_events('kept', 'w', 2) as c $$
),
(
    'evident_operator', 'retry_parked(text,uuid,text,text)',
    $$ select evident.retry_parked('stuck', '01900000-0000-7000-8000-000000000010') $$
),
(
    'evident_operator', 'skip_parked(text,uuid,text,text)',
    $$ select evident.skip_parked(
        'stuck', '01900000-0000-7000-8000-000000000010', 'me', 'because'
    ) $$
),
(
    'evident_operator', 'seek_consumer(text,text,text,text)',
    $$ select evident.seek_consumer('stuck', 'start', 'me', 'because') $$
),
(
    'evident_operator', 'drop_consumer(text)',
    $$ select evident.drop_consumer('kept') $$
),
(
    'evident_reader', 'consumer_status',
    $$ select * from evident.consumer_status $$
),
(
    'evident_operator',
    'create_projection(regclass,regprocedure,text[],text,regprocedure,boolean)',
    $$ select
        evident.create_projection(
            'shop.spare', 'shop.apply_spare(shop.spare, evident.event_store)',
            '{ItemShipped}'
        ),
        evident.create_projection(
            'shop.spare', 'shop.apply_spare(shop.spare, evident.event_store)',
            '{ItemShipped}'
        ),
        evident.create_projection(
            'shop.spare', 'shop.apply_spare(shop.spare, evident.event_store)',
            '{OrderCreated,ItemShipped}'
        ),
        evident.run_projection('shop.spare') $$
),
(
    'evident_operator', 'drop_projection(text,text,text,boolean)',
    $$ select
        evident.drop_projection('shop.counted'),
        evident.drop_projection('shop.parked') $$
),
(
    'evident_operator', 'pause_projection(text,text,text,boolean)',
    $$ select
        evident.pause_projection('shop.orders_summary'),
        evident.pause_projection('shop.parked') $$
),
(
    'evident_operator', 'resume_projection(text)',
    $$ select
        evident.pause_projection('shop.counted'),
        evident.resume_projection('shop.counted'),
        evident.run_projection('shop.counted') $$
),
(
    'evident_operator', 'run_projection(text,bigint)',
    $$ select
        evident.run_projection('shop.parked', 1),
        evident.run_projection('shop.parked') $$
),
(
    'evident_operator', 'retry_failure(text,text)',
    $$ select
        evident.run_projection('shop.parked'),
        evident.retry_failure('shop.parked', '01900000-0000-7000-8000-000000000010') $$
),
(
    'evident_operator', 'skip_failure(text,text,text,text)',
    $$ select
        evident.run_projection('shop.parked'),
        evident.skip_failure(
            'shop.parked', '01900000-0000-7000-8000-000000000010', 'carol', 'no share'
        ),
        evident.skip_failure(
            'shop.parked', '01900000-0000-7000-8000-000000000013', 'carol', 'no share'
        ),
        evident.rebuild_projection('shop.parked') $$
),
(
    'evident_operator', 'rebuild_projection(text,bigint,bigint)',
    $$ select
        evident.rebuild_projection('shop.orders_summary'),
        evident.rebuild_projection('shop.counted', 0, 2),
        evident.rebuild_projection('shop.counted', 1, 2) $$
),
(
    'evident_auditor', 'verify_projection(text,text)',
    $$ select
        exists (select * from evident.verify_projection('shop.orders_summary')),
        exists (select * from evident.verify_projection('shop.counted')),
        exists (select * from evident.verify_projection('shop.parked')) $$
),
(
    'evident_reader', 'project(text,text,bigint,bigint,timestamp with time zone)',
    $$ select
        evident.project(
            'shop.orders_summary', '01900000-0000-7000-8000-000000000010', 1
        ),
        evident.project(
            'shop.orders_summary', '01900000-0000-7000-8000-000000000010',
            p_until => 'infinity'
        ),
        evident.project('shop.counted', 'ITEMSHIPPED', p_until_position => 100) $$
),
(
    'evident_reader', 'aggregate_at(uuid,timestamp with time zone)',
    $$ select * from evident.aggregate_at(
        '01900000-0000-7000-8000-000000000014', 'infinity'
    ) $$
),
(
    'evident_reader', 'wait_for_projection(text,bigint,interval)',
    $$ select
        evident.wait_for_projection('shop.orders_summary'),
        evident.wait_for_projection('shop.parked', 0, '10 milliseconds') $$
),
(
    'evident_reader', 'projection_definition(text)',
    $$ select
        evident.projection_definition('shop.orders_summary'),
        evident.projection_definition('shop.counted') $$
),
(
    'evident_reader', 'projection_status',
    $$ select * from evident.projection_status $$
),
(
    'evident_auditor', 'guard_status()',
    $$ select * from evident.guard_status() $$
),
(
    'evident_monitor', 'fingerprint()',
    $$ select evident.fingerprint() $$
),
(
    'evident_operator', 'seal(bigint)',
    $$ select evident.seal(150), evident.seal() $$
),
(
    'evident_reader', '_refuse_behind(boolean)',
    $$ select evident._refuse_behind(), evident._refuse_behind(true) $$
),
(
    'evident_reader', 'leaf_entry(evident.event_store)',
    $$ select evident.leaf_entry(e) from evident.event_store as e $$
),
(
    'evident_reader', 'leaf_hash(evident.event_store)',
    $$ select evident.leaf_hash(e) from evident.event_store as e $$
),
(
    'evident_reader', 'require_utf8()',
    $$ select evident.require_utf8() $$
),
(
    'evident_auditor', 'root_hash(bigint)',
    $$ select evident.root_hash(600), evident.root_hash(0), evident.root_hash(3) $$
),
(
    'evident_auditor', 'inclusion_proof(uuid,bigint)',
    $$ select
        evident.inclusion_proof('01900000-0000-7000-9000-000000001000'),
        evident.inclusion_proof('01900000-0000-7000-9000-000000001590', 600) $$
),
(
    'evident_auditor', 'consistency_proof(bigint,bigint)',
    $$ select
        evident.consistency_proof(3, 600), evident.consistency_proof(512, 599) $$
),
(
    'evident_auditor', 'read_tile(bigint,bigint,bigint)',
    $$ select
        evident.read_tile(0, 0), evident.read_tile(0, 2, 88),
        evident.read_tile(1, 0, 2) $$
),
(
    'evident_auditor', 'verify_ledger(bigint,bigint)',
    $$ select
        exists (select * from evident.verify_ledger()),
        exists (select * from evident.verify_ledger(5, 600)) $$
),
(
    'evident_operator', 'begin_incarnation(text,text)',
    $$ select
        evident.begin_incarnation('a test', 'trapped'),
        evident.begin_incarnation('a test') $$
),
(
    'evident_auditor', 'record_publication(text)',
    format('select evident.record_publication(%L)', :'note')
),
(
    'evident_auditor', 'ledger_status',
    $$ select * from evident.ledger_status $$
),
(
    'evident_auditor', 'version()',
    $$ select evident.version() $$
);
insert into attempt (role, name, statement, expected)
values
(
    'evident_writer', 'the refusal of an argument',
    $$ select evident.append_event(
        '01900000-0000-7000-8000-000000000011', '', '{}'
    ) $$,
    'invalid argument p_event_type: not a text of 1 to 100 characters'
),
(
    'evident_writer', 'the refusal of an event',
    $$ select evident.append_events('01900000-0000-7000-8000-000000000011', '[1]') $$,
    'invalid argument p_events[0]: not a JSON object'
),
(
    'evident_writer', 'the refusal of an entry',
    $$ select evident.append_batch('[1]') $$,
    'invalid argument p_appends[0]: not a JSON object'
),
(
    'evident_writer', 'the refusal of a version',
    $$ select evident.append_event(
        '01900000-0000-7000-8000-000000000011', 'OrderCreated', '{}', 7
    ) $$,
    'aggregate 01900000-0000-7000-8000-000000000011 is at version 0, expected 7'
),
(
    'evident_reader', 'the refusal of a position',
    $$ select evident.read_feed(null) $$,
    'invalid argument p_after: null or below 0'
),
(
    'evident_operator', 'the refusal of a consumer',
    $$ select evident.create_consumer('kept', 9) $$,
    'invalid argument p_partitions: consumer kept has 1'
),
(
    'evident_operator', 'the refusal of a name',
    $$ select evident.drop_consumer('nobody') $$,
    'consumer nobody does not exist'
),
(
    'evident_operator', 'the refusal of an epoch',
    $$ select evident.confirm_events('kept', 0, 7, 7) $$,
    'partition 0 of consumer kept is at epoch 0, not 7'
),
(
    'evident_writer', 'the refusal of a fold',
    $$ select evident.append_event(
        '01900000-0000-7000-8000-000000000011', 'PaymentProcessed',
        '{"amount": "much"}'
    ) $$,
    'projection shop.orders_summary: '
    'invalid input syntax for type numeric: "much"'
),
(
    'evident_operator', 'the refusal of a read model',
    $$ select evident.create_projection(
        'evident.event_store', 'shop.apply_spare(shop.spare, evident.event_store)',
        null
    ) $$,
    'invalid argument p_read_model: in schema evident'
),
(
    'evident_operator', 'the refusal of a projection',
    $$ select evident.run_projection('nobody') $$,
    'no such projection: nobody'
),
(
    'evident_operator', 'the refusal of a key',
    $$ select evident.retry_failure('shop.parked', 'nobody') $$,
    'invalid argument p_key: not a uuid'
),
(
    'evident_reader', 'the refusal of a key that is none',
    $$ select evident.project('shop.orders_summary', 'nobody') $$,
    'invalid argument p_key: not a uuid'
),
(
    'evident_reader', 'the refusal of an aggregate',
    $$ select evident.aggregate_at(
        '01900000-0000-7000-8000-000000000030', 'infinity'
    ) $$,
    'aggregate 01900000-0000-7000-8000-000000000030 does not exist'
),
(
    'evident_reader', 'the refusal of a wait',
    $$ select evident.wait_for_projection('shop.parked', -1) $$,
    'invalid argument p_position: below 0'
),
(
    'evident_auditor', 'the refusal of a tree size',
    $$ select evident.root_hash(601) $$,
    'invalid argument p_size: 601 is beyond the tree, which has 600 leaves'
),
(
    'evident_auditor', 'the refusal of an unknown event',
    $$ select evident.inclusion_proof('01900000-0000-7000-9000-000000000404') $$,
    'no event 01900000-0000-7000-9000-000000000404'
),
(
    'evident_owner', 'the refusal of a change',
    $$ delete from evident.event_store $$,
    'DELETE of evident.event_store refused: history is immutable'
),
('none', 'a function', $$ select jsonb_typeof('{}') $$, 'hijacked'),
('none', 'an aggregate', $$ select max(1) $$, 'hijacked'),
('none', 'a fold', $$ select shop.apply_spare(null, null) $$, 'hijacked'),
('none', 'an operator', $$ select 1 = 1 $$, 'hijacked'),
('none', 'a view', $$ select * from pg_locks $$, 'hijacked'),
('none', 'a temporary view', $$ select * from pg_database $$, 'hijacked'),
('none', 'a type', $$ select '{}'::jsonb $$, 'hijacked'),
(
    'none', 'a temporary type',
    $$ select '01900000-0000-7000-8000-000000000011'::uuid $$,
    'hijacked'
);

select set_eq(
    $$ select 'evident.' || a.name from attempt as a where a.name like '%(%' $$,
    $$ select r.signature
    from routine as r
    where
        r.schema_name = 'evident'
        and exists (
            select
            from granted as g
            where
                g.name = r.signature
                and g.grantee <> g.owner
                and g.grantee::regrole::text
                not in ('evident_owner', 'evident_projector')
        ) $$,
    'each function that somebody may call is tried'
);

-- From here to the rollback nothing but the trap's own functions is of any use. What
-- the attempts give is kept in a variable.
savepoint unarmed;
create view trap.pg_locks as select trap.sprung();
create view trap.pg_database as select trap.sprung();
create temporary view pg_database as select trap.sprung();
create temporary view event_store as select trap.sprung();
create temporary view consumer as select trap.sprung();
create temporary view consumer_partition as select trap.sprung();
create temporary view feed_stamp as select trap.sprung();
create temporary view projection as select trap.sprung();
create temporary view ledger_tile as select trap.sprung();
create temporary view tree_head as select trap.sprung();
create temporary view log_identity as select trap.sprung();
create temporary view ledger_publication as select trap.sprung();
create temporary view projection_failure as select trap.sprung();
create temporary view orders_summary as select trap.sprung();
create temporary view events_of_counted as select trap.sprung();
create domain trap.jsonb as pg_catalog.jsonb check (trap.sprung());
create domain trap.uuid as pg_catalog.uuid check (trap.sprung());
create domain pg_temp.uuid as pg_catalog.uuid check (trap.sprung());
create domain pg_temp.text as pg_catalog.text check (trap.sprung());
set local search_path = pg_catalog, pg_temp;
update pg_temp.attempt as a
set outcome = trap.attempted(a.role, a.statement);
select json_object_agg(a.name, a.outcome) as outcomes
from pg_temp.attempt as a \gset
rollback to unarmed;

select is(
    :'outcomes'::jsonb ->> a.name,
    a.expected,
    a.name || case a.expected
        when 'hijacked' then ' without a pinned path falls into the trap'
        else ' runs nothing of its caller''s'
    end
)
from attempt as a;

select * from finish();
rollback;
