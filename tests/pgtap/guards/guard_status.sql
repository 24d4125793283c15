begin;
select plan(51);
\ir ../helpers/refusal.psql

select is(
    pg_temp.permitted('select * from evident.guard_status()'),
    array['evident_auditor', 'evident_operator'],
    'operators and auditors may look at the guards, as monitors may below'
);

-- As installed. tests/store/test_guards.py changes everything there is, one after the other.

set local role evident_monitor;

select is_empty(
    $$ select g.kind, g.name, g.state
    from evident.guard_status() as g
    where g.is_intact is not true $$,
    'everything is intact as installed'
);

reset role;

select set_eq(
    $$ select g.name from evident.guard_status() as g
    where g.kind in ('function', 'aggregate') and g.name like 'evident.%' $$,
    $$ select p.oid::regprocedure::text
    from pg_proc as p
    where p.pronamespace = 'evident'::regnamespace $$,
    'each function is reported'
);
select set_eq(
    $$ select g.name from evident.guard_status() as g
    where g.kind in ('table', 'view', 'sequence') and g.name not like 'shop.%' $$,
    $$ select c.relname::text
    from pg_class as c
    where
        c.relnamespace = 'evident'::regnamespace and c.relkind in ('r', 'v', 'S') $$,
    'each table, view and sequence is reported'
);
select set_eq(
    $$ select g.name from evident.guard_status() as g where g.kind = 'role' $$,
    $$ select 'evident_' || r.name
    from unnest(array[
        'owner', 'projector', 'writer', 'reader', 'consumer', 'operator', 'monitor',
        'auditor'
    ]) as r (name) $$,
    'each role is reported'
);
select is(
    (
        select max(octet_length(concat(g.kind, g.name, g.state))) < 500
        from evident.guard_status() as g
    ),
    true,
    'rows are short'
);

-- Tampered with.

-- The rows that are not intact after some statements, which are then undone.
create function pg_temp.noticed(p_tampering text)
returns text
language plpgsql
as $function$
declare
    v_noticed text;
begin
    execute p_tampering;
    select string_agg(concat(g.kind, ' ', g.name, ': ', g.state), '; ')
    into v_noticed
    from evident.guard_status() as g
    where g.is_intact is not true;
    raise exception using errcode = 'ZZ000', message = 'undo';
exception
    when sqlstate 'ZZ000' then
        return v_noticed;
end;
$function$;

create role evident_test_forger;

select is(
    pg_temp.noticed(t.tampering), t.noticed, t.description || ' is told'
)
from (
    values
    (
        'alter table evident.event_store alter occurred_at drop default',
        'column event_store.occurred_at: timestamp with time zone not null instead of: '
        'timestamp with time zone not null default evident._now()',
        'what is there instead of what was'
    ),
    (
        'drop trigger log_identity_history on evident.log_identity',
        'trigger log_identity.log_identity_history: missing, was: enabled always: '
        'CREATE TRIGGER log_identity_history BEFORE DELETE OR UPDATE OR TRUNCATE ON '
        'evident.log_identity FOR EACH STATEMENT '
        'EXECUTE FUNCTION evident._refuse_change()',
        'what is missing'
    ),
    (
        'create rule forged as on delete to evident.event_store do instead nothing',
        E'rule event_store.forged: added: rewrites statements (O): CREATE RULE forged '
        'AS\n    ON DELETE TO evident.event_store DO INSTEAD NOTHING;',
        'what was added'
    ),
    (
        'grant update on evident.tree_head to evident_test_forger',
        'grant tree_head: evident_auditor SELECT, evident_operator SELECT, '
        'evident_test_forger UPDATE instead of: evident_auditor SELECT, '
        'evident_operator SELECT',
        'who got a right'
    ),
    (
        'alter sequence evident.event_store_id_seq cache 50',
        'sequence event_store_id_seq: owner evident_owner, bigint start 1 increment 1 '
        'min 1 max 9223372036854775807 cache 50 instead of: owner evident_owner, bigint '
        'start 1 increment 1 min 1 max 9223372036854775807 cache 1',
        'a sequence that caches'
    ),
    (
        'grant evident_owner to evident_test_forger',
        'member evident_owner: evident_test_forger: added: is a member',
        'somebody who can become the owner'
    ),
    (
        'create role evident_test_group; grant evident_projector to evident_test_group; '
        'grant evident_test_group to evident_test_forger',
        'member evident_projector: evident_test_forger: added: is a member of '
        'evident_test_group; member evident_projector: evident_test_group: added: '
        'is a member',
        'somebody who can become the projector by way of another role'
    ),
    (
        'alter role evident_writer login createrole',
        'role evident_writer: may log in, may create roles instead of: no login',
        'a role with other powers'
    )
) as t (tampering, noticed, description);

select matches(
    pg_temp.noticed(
        'alter default privileges for role evident_owner '
        'grant select on tables to evident_test_forger'
    ),
    '^default grant evident_owner, every schema: tables: added: ',
    'a default privilege is told'
);

-- Read models.

select matches(
    pg_temp.noticed(t.tampering), '(^|; )' || t.noticed || ': ',
    'of a read model is told: ' || t.tampering
)
from (
    values
    ('alter table shop.orders_summary set unlogged', 'table shop.orders_summary'),
    (
        'alter table shop.orders_summary owner to evident_test_forger',
        'table shop.orders_summary'
    ),
    (
        'grant update on shop.orders_summary to evident_test_forger',
        'grant shop.orders_summary'
    ),
    (
        'alter table shop.orders_summary add column more integer',
        'column shop.orders_summary.more'
    ),
    (
        'create rule forged as on update to shop.orders_summary do instead nothing',
        'rule shop.orders_summary.forged'
    ),
    ('alter schema shop owner to evident_test_forger', 'schema shop'),
    ('grant create on schema shop to evident_test_forger', 'grant schema shop'),
    (
        'create table shop.child () inherits (shop.orders_summary)', 'child shop.child'
    ),
    (
        'create or replace function shop.apply_orders_summary('
        'p_row shop.orders_summary, p_event evident.event_store) '
        'returns shop.orders_summary language sql immutable return p_row',
        'function shop.apply_orders_summary'
        '\(shop.orders_summary,evident.event_store\)'
    ),
    (
        'alter table evident.event_store '
        'disable trigger "event_store_keep_event_shop.orders_summary"',
        'trigger event_store.event_store_keep_event_shop.orders_summary'
    ),
    (
        'create unique index forged on shop.orders_summary (customer_id)',
        'index shop.orders_summary.forged'
    ),
    (
        'drop view evident."events_of_shop.orders_summary"',
        'view events_of_shop.orders_summary'
    ),
    (
        'alter function evident."kept_event_shop.orders_summary" security invoker',
        'function evident."kept_event_shop.orders_summary"\(evident.event_store\)'
    ),
    ('alter schema shop owner to evident_test_forger', 'schema shop')
) as t (tampering, noticed);

-- What may be.

select is(
    pg_temp.noticed(t.statement), null, 'nothing to worry about: ' || t.statement
)
from (
    values
    ('grant evident_writer, evident_reader to evident_test_forger'),
    ('grant pg_monitor to evident_monitor'),
    ('grant select on shop.orders_summary to evident_test_forger'),
    ('create index more on shop.orders_summary (customer_id)'),
    ('create publication everything for all tables'),
    ('analyze evident.event_store'),
    ('reindex table evident.event_store'),
    ('alter database evident_pgtap set work_mem = ''8MB'''),
    ('select evident.pause_projection(''shop.orders_summary'')'),
    (
        'select evident.pause_projection(''shop.orders_summary''); '
        'select evident.resume_projection(''shop.orders_summary'')'
    ),
    ('select evident.drop_projection(''shop.orders_summary'')'),
    (
        'alter table shop.orders_summary add column more integer; '
        'select evident.create_projection(p.name::regclass, p.apply::regprocedure, '
        'p.event_types) from evident.projection as p '
        'where p.name = ''shop.orders_summary'''
    ),
    (
        'create index forged on evident.event_store (event_type); '
        'select evident._record_baseline()'
    )
) as t (statement);

select matches(
    pg_temp.noticed(
        'alter table evident.baseline disable trigger all; '
        || t.tampering
        || '; alter table evident.baseline enable always trigger baseline_history; '
        'alter table evident.baseline enable always trigger baseline_history_rows'
    ),
    t.noticed,
    'a baseline with ' || t.description || ' is told'
)
from (
    values
    (
        'delete from evident.baseline',
        '(^|; )baseline evident.baseline: empty: nothing to compare with; ',
        'no rows'
    ),
    (
        'delete from evident.baseline where number = 7',
        '(^|; )baseline evident.baseline: rows are missing, sha256 ',
        'a gap'
    )
) as t (tampering, noticed, description);

-- The same, whatever the session says of formats and names.

create temporary table honest as select g.* from evident.guard_status() as g;

create function pg_temp.differing(p_setting text, p_value text)
returns bigint
language plpgsql
as $function$
declare
    v_count bigint;
begin
    perform set_config(p_setting, p_value, true);
    select count(*)
    into v_count
    from evident.guard_status() as g
    full join honest as h on (g.kind, g.name, g.state) = (h.kind, h.name, h.state)
    where g.kind is null or h.kind is null;
    perform set_config(p_setting, s.reset_val, true)
    from pg_settings as s
    where s.name = p_setting;
    return v_count;
end;
$function$;

select is(
    pg_temp.differing(s.name, s.value), 0::bigint,
    format('nothing else is reported with %s = %s', s.name, s.value)
)
from (
    values
    ('quote_all_identifiers', 'on'),
    ('bytea_output', 'escape'),
    ('IntervalStyle', 'iso_8601'),
    ('DateStyle', 'German'),
    ('TimeZone', 'Asia/Kathmandu'),
    ('standard_conforming_strings', 'off'),
    ('extra_float_digits', '-15')
) as s (name, value);

select * from finish();
rollback;
