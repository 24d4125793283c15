begin;
select plan(52);
\ir helpers/refusal.psql

select is(
    pg_temp.permitted('select * from evident.guard_status()'),
    array['evident_auditor', 'evident_operator'],
    'operators and auditors may look at the guards, and nobody else'
);

-- As installed.

set local role evident_auditor;

select is_empty(
    $$ select g.kind, g.name, g.state
    from evident.guard_status() as g
    where not g.is_intact $$,
    'everything is intact as installed'
);
select results_eq(
    $$ select g.name, g.state, g.is_intact
    from evident.guard_status() as g
    where g.kind = 'trigger'
    order by g.name $$,
    $$ values
    ('event_store.event_store_history', 'enabled always', true),
    ('event_store.event_store_history_rows', 'enabled always', true),
    (
        'event_store.event_store_keep_batch_shop.account_balance',
        'keeps shop.account_balance',
        null
    ),
    (
        'event_store.event_store_keep_batch_shop.orders_summary',
        'keeps shop.orders_summary',
        null
    ),
    (
        'event_store.event_store_keep_event_shop.account_balance',
        'keeps shop.account_balance',
        null
    ),
    (
        'event_store.event_store_keep_event_shop.orders_summary',
        'keeps shop.orders_summary',
        null
    ),
    ('ledger_publication.ledger_publication_history', 'enabled always', true),
    ('ledger_publication.ledger_publication_history_rows', 'enabled always', true),
    ('ledger_tile.ledger_tile_history', 'enabled always', true),
    ('ledger_tile.ledger_tile_history_rows', 'enabled always', true),
    ('log_identity.log_identity_history', 'enabled always', true),
    ('log_identity.log_identity_history_rows', 'enabled always', true),
    ('tree_head.tree_head_history', 'enabled always', true),
    ('tree_head.tree_head_history_rows', 'enabled always', true) $$,
    'the guard triggers are reported, and those of projections'
);
select results_eq(
    $$ select g.kind, g.is_intact
    from evident.guard_status() as g
    where g.kind in ('owner', 'grant', 'role', 'function')
    group by g.kind, g.is_intact
    order by g.kind, g.is_intact $$,
    $$ values
    ('function', true), ('function', null), ('grant', true), ('owner', true),
    ('role', true) $$,
    'owners, grants, functions and the owner''s role are reported'
);
select set_eq(
    $$ select g.name from evident.guard_status() as g
    where g.kind = 'function' and g.is_intact $$,
    $$ select p.oid::regprocedure::text
    from pg_proc as p
    where p.pronamespace = 'evident'::regnamespace and p.prosecdef $$,
    'each definer function is reported'
);
select set_eq(
    $$ select g.name from evident.guard_status() as g where g.kind = 'owner' $$,
    $$ select 'schema evident'
    union all
    select c.relname::text
    from pg_class as c
    where
        c.relnamespace = 'evident'::regnamespace and c.relkind in ('r', 'v', 'S')
    union all
    select p.oid::regprocedure::text
    from pg_proc as p
    where p.pronamespace = 'evident'::regnamespace $$,
    'each object''s owner is reported'
);
select is_empty(
    $$ select g.kind, g.name, g.state
    from evident.guard_status() as g
    where g.kind in ('rule', 'child') $$,
    'there is no rule and no child table'
);

reset role;

-- Tampered with.

-- What is reported as not intact after some statements, which are then undone;
-- without the fingerprints of functions.
create function pg_temp.noticed(p_tampering text)
returns text
language plpgsql
as $function$
declare
    v_noticed text;
begin
    execute p_tampering;
    select string_agg(
        concat_ws(
            ': ',
            g.kind || ' ' || g.name,
            case when g.kind <> 'function' then g.state end
        ),
        '; '
        order by g.kind, g.name, g.state
    )
    into v_noticed
    from evident.guard_status() as g
    where not g.is_intact;
    raise exception using errcode = 'ZZ000', message = 'undo';
exception
    when sqlstate 'ZZ000' then
        return v_noticed;
end;
$function$;

create role evident_test_forger;

select is(
    pg_temp.noticed(t.tampering), t.noticed, t.description || ' is noticed'
)
from (
    values
    (
        'alter table evident.event_store disable trigger event_store_history',
        'trigger event_store.event_store_history: disabled',
        'a disabled trigger'
    ),
    (
        'alter table evident.event_store enable trigger event_store_history_rows',
        'trigger event_store.event_store_history_rows: enabled, but not for replicas',
        'a trigger that keeps silent for replicated changes'
    ),
    (
        'alter table evident.event_store enable replica trigger event_store_history',
        'trigger event_store.event_store_history: enabled for replicas only',
        'a trigger that speaks for replicated changes only'
    ),
    (
        'alter table evident.event_store '
        'disable trigger "event_store_keep_event_shop.orders_summary"',
        'trigger event_store.event_store_keep_event_shop.orders_summary: '
        'disabled, would keep shop.orders_summary',
        'a disabled trigger of a projection that is running'
    ),
    (
        'alter table evident.ledger_tile disable trigger ledger_tile_history',
        'trigger ledger_tile.ledger_tile_history: disabled',
        'a disabled trigger of the tiles'
    ),
    (
        'alter table evident.tree_head enable trigger tree_head_history_rows',
        'trigger tree_head.tree_head_history_rows: enabled, but not for replicas',
        'a weaker trigger of the tree heads'
    ),
    (
        'drop trigger log_identity_history on evident.log_identity',
        'trigger log_identity.log_identity_history: missing',
        'a missing trigger of the log''s identity'
    ),
    (
        'alter table evident.ledger_publication '
        'disable trigger ledger_publication_history_rows',
        'trigger ledger_publication.ledger_publication_history_rows: disabled',
        'a disabled trigger of the publications'
    ),
    (
        'alter table evident.tree_head drop constraint tree_head_number_pkey',
        'constraint tree_head.tree_head_number_pkey: missing',
        'a missing key of the tree heads'
    ),
    (
        'alter table evident.event_store drop constraint event_store_event_id_key',
        'constraint event_store.event_store_event_id_key: missing',
        'a missing key'
    ),
    (
        'alter table evident.event_store '
        'alter occurred_at set default ''2001-02-03 00:00:00+00''::timestamptz',
        'default event_store.occurred_at: '
        '''2001-02-03 00:00:00+00''::timestamp with time zone',
        'another default of when events occur'
    ),
    (
        'alter table evident.tree_head alter sealed_at drop default',
        'default tree_head.sealed_at: missing',
        'a missing default of when a tree head was sealed'
    ),
    (
        'alter table evident.event_store enable row level security',
        'row security event_store: enabled',
        'row security, which hides rows,'
    ),
    (
        'create trigger forge before insert on evident.event_store '
        'for each row execute function suppress_redundant_updates_trigger()',
        'trigger event_store.forge: not ours, and runs before the change',
        'a trigger that could rewrite new events'
    ),
    (
        'drop trigger event_store_history on evident.event_store',
        'trigger event_store.event_store_history: missing',
        'a missing trigger'
    ),
    (
        'create rule forged as on delete to evident.event_store do instead nothing',
        'rule event_store.forged: a rule rewrites statements on this table',
        'a rule'
    ),
    (
        'create table public.forged () inherits (evident.event_store)',
        'child public.forged: inherits from evident.event_store',
        'a child table'
    ),
    (
        'grant update on evident.event_store to evident_test_forger',
        'grant event_store: evident_test_forger may UPDATE',
        'a grant on the table'
    ),
    (
        'grant select on evident.event_store to public',
        'grant event_store: public may SELECT',
        'a grant to everybody'
    ),
    (
        'grant usage on sequence evident.event_store_id_seq to evident_writer',
        'grant event_store_id_seq: evident_writer may USAGE',
        'a grant on the sequence'
    ),
    (
        'grant execute on function evident._now() to public',
        'grant evident._now(): public may EXECUTE',
        'a function that everybody may execute'
    ),
    (
        'alter table evident.event_store owner to evident_test_forger',
        'owner event_store: evident_test_forger; '
        'owner event_store_id_seq: evident_test_forger',
        'another owner of the table'
    ),
    (
        'alter schema evident owner to evident_test_forger',
        'owner schema evident: evident_test_forger',
        'another owner of the schema'
    ),
    (
        'alter function evident.version() owner to evident_test_forger',
        'owner evident.version(): evident_test_forger',
        'another owner of a function'
    ),
    (
        'alter role evident_owner login',
        'role evident_owner: may log in',
        'an owner that may log in'
    ),
    (
        'alter function evident.append_events(uuid, jsonb, integer) '
        'set search_path = public',
        'function evident.append_events(uuid,jsonb,integer)',
        'another path of a definer function'
    ),
    (
        'alter function evident.append_events(uuid, jsonb, integer) '
        'reset search_path',
        'function evident.append_events(uuid,jsonb,integer)',
        'a definer function without a path'
    ),
    (
        'create function evident.forged() returns integer language sql '
        'security definer return 1; '
        'alter function evident.forged() owner to evident_owner',
        'function evident.forged(); grant evident.forged(): public may EXECUTE',
        'a definer function that was added'
    )
) as t (tampering, noticed, description);
select matches(
    pg_temp.noticed(t.tampering), '^' || t.noticed, t.description || ' is noticed'
)
from (
    values
    (
        'create or replace trigger event_store_history '
        'before update or delete or truncate on evident.event_store '
        'for each statement '
        'execute function suppress_redundant_updates_trigger(); '
        'alter table evident.event_store enable always trigger event_store_history',
        'trigger event_store.event_store_history: ',
        'a trigger that calls another function'
    ),
    (
        'create or replace trigger event_store_history '
        'before update or delete or truncate on evident.event_store '
        'for each statement when (false) '
        'execute function evident._refuse_change(); '
        'alter table evident.event_store enable always trigger event_store_history',
        'trigger event_store.event_store_history: ',
        'a trigger with a condition'
    ),
    (
        'create or replace trigger event_store_history '
        'before truncate on evident.event_store '
        'for each statement execute function evident._refuse_change(); '
        'alter table evident.event_store enable always trigger event_store_history',
        'trigger event_store.event_store_history: ',
        'a trigger that lets updates and deletes pass'
    ),
    (
        'create or replace trigger event_store_history_rows '
        'before update of version or delete on evident.event_store '
        'for each row execute function evident._refuse_change(); '
        'alter table evident.event_store '
        'enable always trigger event_store_history_rows',
        'trigger event_store.event_store_history_rows: ',
        'a trigger that lets updates of some columns pass'
    ),
    (
        'alter role evident_owner superuser',
        'role evident_owner: ',
        'an owner that is a superuser'
    ),
    (
        'grant update (payload) on evident.event_store to evident_test_forger',
        'grant event_store',
        'a grant on a column'
    )
) as t (tampering, noticed, description);

select is(
    pg_temp.noticed($$ select evident.pause_projection('shop.orders_summary') $$),
    null,
    'a paused projection is nothing to worry about'
);

create function pg_temp.note()
returns trigger
language plpgsql
as $function$
begin
    return null;
end;
$function$;

create trigger other
after insert on evident.event_store
for each row execute function pg_temp.note();

select results_eq(
    $$ select g.state, g.is_intact
    from evident.guard_status() as g
    where g.name = 'event_store.other' $$,
    $$ values ('not ours, runs after the change', null::boolean) $$,
    'a trigger of somebody else''s after the change is named, as there may be some'
);

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

grant evident_owner to evident_test_forger;

select results_eq(
    $$ select g.is_intact
    from evident.guard_status() as g
    where g.kind = 'role' and g.state = 'evident_test_forger is a member' $$,
    $$ values (null::boolean) $$,
    'members of the owner''s role are named, as there may be some'
);

select g.state as fingerprint
from evident.guard_status() as g
where g.name = 'evident._refuse_change()' and g.kind = 'function' \gset

create or replace function evident._refuse_change()
returns trigger
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    return new;
end;
$function$;

select isnt(
    (
        select g.state
        from evident.guard_status() as g
        where g.name = 'evident._refuse_change()' and g.kind = 'function'
    ),
    :'fingerprint',
    'a function with another body has another fingerprint'
);

select * from finish();
rollback;
