"""Statements that would change history, or how it is kept, if they were allowed."""

from __future__ import annotations

# Rewriting: refused to everybody, the owner and superusers included.
REWRITES = [
    "update evident.event_store set payload = '{}'",
    "update evident.event_store set version = version + 1 where false",
    "update only evident.event_store set occurred_at = now()",
    "delete from evident.event_store",
    "delete from evident.event_store where id = 1",
    "delete from only evident.event_store where ctid = '(0,1)'",
    "truncate evident.event_store",
    "truncate evident.event_store restart identity cascade",
    """
    merge into evident.event_store as e
    using (select 1 as id) as s on e.id = s.id
    when matched then update set payload = '{}'
    """,
    """
    merge into evident.event_store as e
    using (select 1 as id) as s on e.id = s.id
    when matched then delete
    """,
    """
    insert into evident.event_store as e (
        aggregate_id, version, event_type, payload
    )
    select aggregate_id, version, event_type, '{"forged": 1}'
    from evident.event_store
    on conflict (aggregate_id, version) do update set payload = excluded.payload
    """,
    "with x as (delete from evident.event_store returning *) select * from x",
    """
    with x as (update evident.event_store set metadata = '{}' returning id)
    select * from x
    """,
]

# Each table of the ledger, with a column that matters and a key.
LEDGER = {
    "ledger_tile": ("hashes", "level, index"),
    "tree_head": ("root_hash", "number"),
    "log_identity": ("log_id", "incarnation"),
    "ledger_publication": ("checkpoint", "number"),
}


def rewrites_of(table: str, column: str, key: str) -> list[str]:
    """Rewrite one table of the ledger in each way there is."""
    name = f"evident.{table}"
    return [
        f"update {name} set {column} = {column}",
        f"update {name} set {column} = {column} where false",
        f"update only {name} set {column} = {column}",
        f"delete from {name}",
        f"delete from {name} where ctid = '(0,1)'",
        f"truncate {name}",
        f"truncate {name} restart identity cascade",
        f"""
        merge into {name} as t
        using (select true as yes) as s on s.yes
        when matched then update set {column} = t.{column}
        """,
        f"""
        merge into {name} as t
        using (select true as yes) as s on s.yes
        when matched then delete
        """,
        f"""
        insert into {name} overriding system value select * from {name}
        on conflict ({key}) do update set {column} = excluded.{column}
        """,
        f"with x as (delete from {name} returning *) select * from x",
    ]


def intrusions_of(table: str) -> list[str]:
    """Try to add rows to one table of the ledger, or to loosen what guards it."""
    name = f"evident.{table}"
    return [
        f"insert into {name} overriding system value select * from {name}",
        f"copy {name} from stdin",
        f"select * from {name} for update",
        f"alter table {name} disable trigger all",
        f"alter table {name} disable trigger {table}_history",
        f"alter table {name} enable replica trigger {table}_history",
        f"alter table {name} rename to forged",
        f"alter table {name} owner to session_user",
        f"alter table {name} enable row level security",
        f"drop table {name} cascade",
        f"drop trigger {table}_history on {name}",
        f"create rule forged as on insert to {name} do instead nothing",
        f"create table public.forged () inherits ({name})",
        f"create index forged on {name} ((1))",
    ]


for _table, (_column, _key) in LEDGER.items():
    REWRITES += rewrites_of(_table, _column, _key)

# Anything else that an ordinary login might try.
INTRUSIONS = [
    *(each for table in LEDGER for each in intrusions_of(table)),
    "select nextval('evident.ledger_publication_number_seq')",
    "select setval('evident.ledger_publication_number_seq', 1)",
    "alter sequence evident.ledger_publication_number_seq restart",
    "update evident.ledger_state set head_number = 1",
    "delete from evident.ledger_state",
    "select from evident.log_identity for update",
    "select evident._append_own_event('GuardChanged', '{}')",
    "create or replace view evident.ledger_status as select 1 as leaves",
    "alter function evident.seal(bigint) security invoker",
    "alter function evident.seal(bigint) reset search_path",
    "drop function evident.verify_ledger(bigint, bigint)",
    "select evident._seal_tiles(0, '', '{}')",
    "select evident._record_guard_changes()",
    "select evident._refuse_ledger(1, 'forged')",
    "select evident._tile_hashes(0, 0, 1)",
    "select evident._root_over(0, '')",
    "select evident._audit_path(0, 0, 1)",
    "select evident._leaf_index(1, 1)",
    "select evident._tile_end(0)",
    "select evident._tree_head()",
    "select evident._log_identity()",
    "select * from evident._changed_leaves(0, 0)",
    "select * from evident._verify_leaves(0, 0)",
    "select * from evident._verify_tiles(1, 0, 0)",
    "select * from evident._verify_heads(0, 0)",
    """
    insert into evident.event_store (aggregate_id, version, event_type, payload)
    values (gen_random_uuid(), 1, 'Forged', '{}')
    """,
    """
    insert into evident.event_store (
        id, aggregate_id, version, event_type, payload
    )
    overriding system value values (-1, gen_random_uuid(), 1, 'Forged', '{}')
    """,
    """
    insert into evident.event_store (aggregate_id, version, event_type, payload)
    values (gen_random_uuid(), 1, 'Forged', '{}') on conflict do nothing
    """,
    """
    merge into evident.event_store as e
    using (select gen_random_uuid() as a) as s on e.aggregate_id = s.a
    when not matched then
    insert (aggregate_id, version, event_type, payload) values (s.a, 1, 'F', '{}')
    """,
    "copy evident.event_store from stdin",
    "copy evident.event_store from '/dev/null'",
    "copy evident.event_store from program 'true'",
    "select * from evident.event_store for update",
    "select * from evident.event_store for key share",
    "begin; lock table evident.event_store in share row exclusive mode",
    "alter table evident.event_store disable trigger all",
    "alter table evident.event_store disable trigger event_store_history",
    "alter table evident.event_store enable replica trigger event_store_history",
    "alter table evident.event_store drop column payload",
    "alter table evident.event_store alter column payload type text",
    "alter table evident.event_store drop constraint event_store_event_id_key",
    "alter table evident.event_store rename to event_store_old",
    "alter table evident.event_store set schema public",
    "alter table evident.event_store owner to session_user",
    "alter table evident.event_store set unlogged",
    "alter table evident.event_store enable row level security",
    "drop table evident.event_store cascade",
    "drop trigger event_store_history on evident.event_store",
    "drop schema evident cascade",
    "drop sequence evident.event_store_id_seq cascade",
    "drop owned by evident_owner cascade",
    "reassign owned by evident_owner to session_user",
    """
    create rule forged as on insert to evident.event_store do instead nothing
    """,
    "create rule forged as on update to evident.event_store do instead nothing",
    "create table public.forged () inherits (evident.event_store)",
    "create temp table forged () inherits (evident.event_store)",
    """
    create trigger forged before insert on evident.event_store
    for each row execute function suppress_redundant_updates_trigger()
    """,
    "create index forged on evident.event_store (event_type)",
    "create policy forged on evident.event_store using (true)",
    "create table public.forged (id bigint references evident.event_store (id))",
    "create publication forged for table evident.event_store",
    "set session_replication_role = replica",
    "set local session_replication_role = replica",
    "select set_config('session_replication_role', 'replica', false)",
    "set role evident_owner",
    "set session authorization evident_owner",
    "grant evident_owner to session_user",
    "alter default privileges for role evident_owner grant all on tables to public",
    "alter role evident_owner login",
    "select setval('evident.event_store_id_seq', 1)",
    "select setval('evident.event_store_id_seq', 1000000000)",
    "select nextval('evident.event_store_id_seq')",
    "alter sequence evident.event_store_id_seq restart",
    """
    create or replace function evident.append_event(
        uuid, text, jsonb, integer default null, jsonb default '{}',
        uuid default null
    )
    returns bigint language sql as 'select 1::bigint'
    """,
    "create function evident.forged() returns integer language sql as 'select 1'",
    "alter function evident.append_batch(jsonb) security invoker",
    "alter function evident.append_batch(jsonb) reset search_path",
    "alter function evident._refuse_change() owner to session_user",
    "drop function evident._refuse_change() cascade",
    "create table evident.forged (n integer)",
    "comment on table evident.event_store is 'forged'",
    "reindex table evident.event_store",
    "cluster evident.event_store using event_store_id_pkey",
    "alter view evident.feed_status rename to forged",
    "create or replace view evident.feed_status as select 1 as head",
    "select evident._lock_aggregate(gen_random_uuid())",
    "select evident._announce_append()",
    "select evident._insert_stream(gen_random_uuid(), 0, '[]', 1, 1)",
    "select evident._append_stream(gen_random_uuid(), '[]', 7)",
    "select evident._append_stream_or_refuse(gen_random_uuid(), '[]', 7)",
    "select * from evident._append_at_versions('[]')",
    "select * from evident._append_one_by_one('[]')",
    """
    select evident._append_event_explained(
        gen_random_uuid(), 'Forged', '{}', 0, '{}', null
    )
    """,
    "update evident.feed_stamp set position = 1000000000",
    "delete from evident.feed_stamp",
    "insert into evident.feed_stamp (is_only, position) values (true, 7)",
    "insert into evident.consumer (name, partitions) values ('forged', 1)",
    "select * from evident.consumer",
    "select * from evident.consumer_partition for update",
    "update evident.consumer_partition set position = 1000000000",
    "truncate evident.consumer cascade",
    "drop table evident.consumer_partition",
    "select nextval('evident.consumer_epoch_seq')",
    "select evident._lock_lease('relay', 0, 1)",
    "select evident._partition_of(gen_random_uuid(), 7)",
    "select evident._refuse_consumer('relay')",
    "alter function evident.claim_events(text, text, bigint, interval) reset all",
    """
    insert into evident.projection (name, apply, key_column, key_type, mode, state)
    values ('shop.forged', 'shop.forged()', 'id', 'uuid', 'async', 'running')
    """,
    "update evident.projection set apply = 'shop.forged()'",
    "update evident.projection set position = 1000000000",
    "delete from evident.projection",
    "truncate evident.projection cascade",
    """
    insert into evident.projection_failure (projection, key, position, code, message)
    values ('shop.orders_summary', '', 1, '22012', 'forged')
    """,
    "delete from evident.projection_failure",
    """
    insert into evident.projection_skip (
        projection, key, position, actor, reason, code, message
    )
    values ('shop.orders_summary', '', 1, 'forged', 'forged', '22012', 'forged')
    """,
    "delete from evident.projection_skip",
    "update evident.projection_rebuild set definition = 'forged'",
    "select evident._make_fold(null, null, null)",
    "select evident._make_keep(null)",
    "select evident._make_keep_batch(null)",
    "select evident._switch_triggers(null, false)",
    "select evident._fold_slice(null, 0, 1)",
    "select evident._note_failure(null, '', 1, '22012', 'forged')",
    "select evident._park_event(null, 1)",
    "select evident._hand_over_to_triggers(null)",
    "select evident._lock_projection('shop.orders_summary')",
    "select evident._lock_keys(1, '{a}')",
    """
    select evident._finish_rebuild(
        null, null, 0, 1, 'true', 'forged', 0, 0, false
    )
    """,
    "select evident._fold_round(null, 'true', 0, 0, 1)",
    "select evident._note_rebuild(null, 0, 1, 'forged', 1, 1, null)",
    "insert into shop.orders_summary (aggregate_id) values (gen_random_uuid())",
    "update shop.orders_summary set paid = 0",
    "delete from shop.orders_summary",
    "truncate shop.orders_summary",
    "copy shop.orders_summary from stdin",
    "alter table shop.orders_summary add column forged text",
    "drop table shop.orders_summary cascade",
    "create function shop.forged() returns integer language sql as 'select 1'",
    """
    create or replace function shop.apply_orders_summary(
        shop.orders_summary, evident.event_store
    )
    returns shop.orders_summary language sql as 'select $1'
    """,
    "select evident._as_projector('select 1')",
    "select evident._ask_projector('select to_jsonb(1)')",
    "select evident._make_functions('select 1')",
    "select evident._share_projection('shop.orders_summary')",
    "select evident._refuse_settings()",
    "set role evident_projector",
    "grant evident_projector to session_user",
    "alter function evident._as_projector(text) security invoker",
    'drop function evident."keep_event_shop.orders_summary" cascade',
    'alter function evident."kept_event_shop.orders_summary" security invoker',
    'alter function evident."kept_batch_shop.orders_summary" reset search_path',
    'drop function evident."step_shop.orders_summary" cascade',
    "alter schema shop owner to session_user",
    'select evident."next_shop.orders_summary"(null, null)',
    'select * from evident."events_of_shop.orders_summary"',
    'create or replace view evident."events_of_shop.orders_summary" as select 1 as key',
    'alter view evident."events_of_shop.orders_summary" reset (security_invoker)',
    'drop routine evident."fold_shop.orders_summary"',
    """
    alter table evident.event_store
    disable trigger "event_store_keep_event_shop.orders_summary"
    """,
    'drop trigger "event_store_keep_event_shop.orders_summary" on evident.event_store',
    """
    create temp table forged (like evident.event_store);
    create trigger forged after insert on forged
    for each row execute function evident."keep_event_shop.orders_summary"()
    """,
    "update pg_catalog.pg_trigger set tgenabled = 'D'",
    "delete from pg_catalog.pg_trigger",
    """
    update pg_catalog.pg_class set relhastriggers = false
    where oid = 'evident.event_store'::regclass
    """,
    """
    do $do$ begin
        delete from evident.event_store;
        exception when sqlstate 'PT403' then null;
    end $do$
    """,
]

# The server only warns, and does nothing, or harms nobody.
WITHOUT_EFFECT = [
    "grant insert on evident.event_store to public",
    "revoke select on evident.event_store from evident_reader",
    "vacuum (full) evident.event_store",
    "analyze evident.event_store",
    "create table public.forged (like evident.event_store including all)",
]

# As an attacker who has come far: a view and a function of one's own.
THROUGH_ONES_OWN = [
    """
    create temp view forged as select * from evident.event_store;
    update forged set payload = '{}'
    """,
    """
    create temp view forged as select * from evident.event_store;
    delete from forged
    """,
    """
    create function pg_temp.forged() returns void language sql security definer
    as 'delete from evident.event_store';
    select pg_temp.forged()
    """,
]

# Code of one's own, which would run with the store's rights: in a read model, in a
# fold, in a function that tells keys.
OWN_CODE = [
    """
    create schema forged;
    create table forged.model (aggregate_id uuid primary key);
    create function forged.apply(forged.model, evident.event_store)
    returns forged.model language sql stable as 'select $1';
    grant all on schema forged to public;
    select evident.create_projection(
        'forged.model', 'forged.apply(forged.model, evident.event_store)', null
    )
    """,
    """
    create temp table forged (aggregate_id uuid primary key);
    create function pg_temp.apply(forged, evident.event_store)
    returns forged language sql stable as 'select $1';
    select evident.create_projection(
        'forged', 'pg_temp.apply(forged, evident.event_store)', null
    )
    """,
    """
    create function public.apply(shop.orders_summary, evident.event_store)
    returns shop.orders_summary language sql stable as 'select $1';
    select evident.create_projection(
        'shop.orders_summary',
        'public.apply(shop.orders_summary, evident.event_store)',
        null
    )
    """,
    """
    create function public.keys(evident.event_store)
    returns uuid language sql stable as 'select $1.aggregate_id';
    select evident.create_projection(
        'shop.orders_summary',
        'shop.apply_orders_summary(shop.orders_summary, evident.event_store)',
        null,
        p_keys => 'public.keys(evident.event_store)'
    )
    """,
    """
    select evident.create_projection(
        'evident.consumer',
        'shop.apply_orders_summary(shop.orders_summary, evident.event_store)',
        null
    )
    """,
]
