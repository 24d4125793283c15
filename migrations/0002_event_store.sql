-- depends: 0001_schema_and_roles
-- The event store: one append-only table.
--
-- Locks: none on existing objects. Rollback would lose events: it is refused with
-- PT403 while the table holds any.

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

do $do$
begin
    perform evident._drop_default_privileges();
end;
$do$;

-- [begin sql/functions/core/_now.sql]
-- evident._now: the server's clock at this very moment.
--
-- The one place where time enters the store. No session setting can bend it;
-- tests replace this function inside their own transaction.

create or replace function evident._now()
returns timestamptz
language sql
volatile
parallel safe
begin atomic
    select clock_timestamp();
end;

comment on function evident._now() is
'The server clock now, not the start of the transaction.';

revoke all on function evident._now() from public;
-- [end sql/functions/core/_now.sql]
-- [begin sql/functions/core/_uuid_v7.sql]
-- evident._uuid_v7: a new time-ordered UUID, RFC 9562 version 7.
--
-- 48 bits of Unix milliseconds, then random bits; version and variant are
-- stamped over a random version-4 UUID, whose variant bits already fit.
-- Time order keeps the unique index on event_id growing at one edge.
-- PostgreSQL 18 has uuidv7(); this one body serves 15 and later alike.

create or replace function evident._uuid_v7()
returns uuid
language sql
volatile
parallel safe
begin atomic
    select encode(
        set_bit(
            set_bit(
                overlay(
                    uuid_send(gen_random_uuid()),
                    substr(
                        int8send(
                            (date_part('epoch', evident._now()) * 1000)::bigint
                        ),
                        3
                    ),
                    1,
                    6
                ),
                52, 1
            ),
            53, 1
        ),
        'hex'
    )::uuid;
end;

comment on function evident._uuid_v7() is
'A new UUID version 7 (RFC 9562): 48 bits of Unix milliseconds, then random.';

revoke all on function evident._uuid_v7() from public;
-- [end sql/functions/core/_uuid_v7.sql]

-- [begin sql/functions/core/require_utf8.sql]
-- evident.require_utf8: refuse a database whose encoding is not UTF8.
--
-- The installation refuses it, a restore does not ask. Every function of the ledger
-- does, and so does every new event, by the default of recorded_by: what is there can
-- be read, folded and relayed.
--
-- What is hashed is UTF-8, and the order of keys in jsonb depends on their length in
-- the database's encoding. A dump that was restored into a database of another one
-- has the same events and other texts: every hash would look like an alarm.
--
-- A database never changes its encoding, so this is immutable: the planner calls it
-- once for a plan, and a query over leaves pays nothing for it.
--
-- Errors: 0A000

create or replace function evident.require_utf8()
returns boolean
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if getdatabaseencoding() <> 'UTF8' then
        raise exception using
            errcode = 'feature_not_supported',
            message = format(
                'evident needs a database with encoding UTF8, this one has %s',
                getdatabaseencoding()
            ),
            hint = 'restore the dump into a database made with: '
                'create database ... encoding ''UTF8'' template template0';
    end if;
    return true;
end;
$function$;

comment on function evident.require_utf8() is
'True; raises 0A000 in a database whose encoding is not UTF8, as after a restore into
another one: nothing can be appended or sealed there.';

revoke all on function evident.require_utf8() from public;
grant execute on function evident.require_utf8() to
evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/core/require_utf8.sql]

create table evident.event_store (
    id bigint generated always as identity (cache 1)
    constraint event_store_id_pkey primary key,
    aggregate_id uuid not null,
    version integer not null,
    event_type text not null,
    payload jsonb not null,
    metadata jsonb not null default '{}',
    event_id uuid not null default evident._uuid_v7(),
    occurred_at timestamptz not null default evident._now(),
    -- No event is stored in a database whose encoding gives it other hashes. Looked at
    -- when an insert is planned, and not by a restore.
    recorded_by text not null
    default case when evident.require_utf8() then session_user::text end,
    constraint event_store_aggregate_id_version_key unique (aggregate_id, version),
    constraint event_store_event_id_key unique (event_id),
    constraint event_store_version_check check (version > 0),
    constraint event_store_event_type_check
    check (char_length(event_type) <@ int4range '[1,100]'),
    constraint event_store_payload_check
    check (payload @> '{}'),
    constraint event_store_metadata_check
    check (metadata @> '{}')
)
with (
    -- Rows never change: freeze them at the first vacuum, so that none comes back
    -- to a page to do it later.
    autovacuum_freeze_min_age = 0,
    autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.05
);

-- The table is in time order, so a summary of each block range will do.
create index event_store_occurred_at_idx
on evident.event_store using brin (occurred_at)
with (autosummarize = on);

comment on table evident.event_store is
'All events. Append-only: rows come by append_event, append_events and append_batch;
UPDATE, DELETE and TRUNCATE raise PT403.';
comment on column evident.event_store.id is
'Position in the feed. Has gaps and is not the order of commits: see read_feed.';
comment on column evident.event_store.aggregate_id is
'The stream: what the event happened to.';
comment on column evident.event_store.version is
'Place within the aggregate: 1, 2, 3, ... without gaps.';
comment on column evident.event_store.event_type is
'What happened, in 1 to 100 characters, such as OrderCreated.';
comment on column evident.event_store.payload is
'The event''s facts, a JSON object.';
comment on column evident.event_store.metadata is
'What is known about the event, a JSON object; by convention with the keys actor,
correlation_id and causation_id.';
comment on column evident.event_store.event_id is
'Identity of the event across systems; makes a repeated append recognisable. A
UUID version 7 when the caller gives none.';
comment on column evident.event_store.occurred_at is
'The server''s clock at the insert.';
comment on column evident.event_store.recorded_by is
'The login that appended the event (session_user).';

-- Rights are granted to each role outright: a membership would be somebody's to take
-- away. evident_projector runs folds, which see events.
grant select on table evident.event_store to
evident_reader, evident_operator, evident_auditor, evident_projector;
grant select on sequence evident.event_store_id_seq to
evident_reader, evident_consumer, evident_operator, evident_auditor, evident_monitor;

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
    select '0002_event_store'::text;
end;

comment on function evident.version() is
'The id of the newest engine migration that is in effect, such as 0005_guards.';

revoke all on function evident.version() from public;
grant execute on function evident.version() to
evident_writer, evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/core/version.sql]

do $do$
begin
    perform evident._close_types();
end;
$do$;
