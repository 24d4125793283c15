-- depends: 0006_consumers
-- Projections: read models folded from events.
--
-- Locks: none on existing tables; functions of batch appends are replaced. Rollback
-- is refused with PT403 while a projection is registered: drop_projection them
-- first. No events are lost.

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

do $do$
begin
    perform evident._drop_default_privileges();
end;
$do$;

create table evident.projection (
    name text not null
    constraint projection_name_pkey primary key,
    number integer generated always as identity,
    apply text not null,
    keys text,
    key_column text not null,
    key_type text not null,
    event_types text [],
    mode text not null,
    is_invariant boolean not null default false,
    state text not null,
    reason text,
    position bigint not null default 0,
    definition text,
    created_at timestamptz not null default evident._now(),
    constraint projection_number_key unique (number),
    constraint projection_mode_check check (mode in ('sync', 'async')),
    constraint projection_state_check
    check (state in ('running', 'catching_up', 'paused'))
)
-- The position moves with every run, and is in no index: room for it on the page.
with (fillfactor = 50);

comment on table evident.projection is
'Registered projections; see create_projection and projection_status.';
comment on column evident.projection.name is
'The read model, schema included, quoted where needed.';
comment on column evident.projection.number is
'Stands for the projection in the keys of advisory locks.';
comment on column evident.projection.apply is
'The fold step, with its argument types. Text, since pg_upgrade refuses regprocedure.';
comment on column evident.projection.keys is
'The function that tells an event''s keys; null: the aggregate.';
comment on column evident.projection.event_types is
'What is folded, sorted; null: every type.';
comment on column evident.projection.state is
'running; catching_up: folded by run_projection until it is close enough to be kept in
the appends'' transactions; paused.';
comment on column evident.projection.is_invariant is
'The fold enforces a rule: its own error reaches whoever appends, and it is paused by
force only.';
comment on column evident.projection.reason is
'Why it is paused: what the store found, or who decided so, and why.';
comment on column evident.projection.position is
'Every event at or below it is folded or parked. Of no meaning while a synchronous
projection is running.';
comment on column evident.projection.definition is
'Fingerprint of what the rows were folded with; see projection_definition.';

create table evident.projection_failure (
    projection text not null,
    key text not null,
    position bigint not null,
    code text not null,
    message text not null,
    attempts integer not null default 1,
    failed_at timestamptz not null default evident._now(),
    constraint projection_failure_projection_key_pkey primary key (projection, key),
    constraint projection_failure_projection_fkey
    foreign key (projection) references evident.projection (name) on delete cascade
);

comment on table evident.projection_failure is
'Parked keys: the event that could not be folded. Later events of the key wait behind
it; see retry_failure and skip_failure.';
comment on column evident.projection_failure.key is
'The key; empty when the keys of the event could not be told: then everything waits.
While appends keep the read model, those that touch the key are refused.';
comment on column evident.projection_failure.position is
'The id of the event.';
comment on column evident.projection_failure.code is
'SQLSTATE of the newest attempt.';

create table evident.projection_skip (
    projection text not null,
    key text not null,
    position bigint not null,
    actor text not null,
    reason text not null,
    code text not null,
    message text not null,
    recorded_by text not null default session_user,
    skipped_at timestamptz not null default evident._now(),
    constraint projection_skip_projection_position_key_pkey
    primary key (projection, position, key),
    constraint projection_skip_actor_check
    check (char_length(actor) between 1 and 200),
    constraint projection_skip_reason_check
    check (char_length(reason) between 1 and 1000),
    constraint projection_skip_projection_fkey
    foreign key (projection) references evident.projection (name) on delete cascade
);

comment on table evident.projection_skip is
'Events that a projection leaves out, who decided it, and why; see skip_failure.';
comment on column evident.projection_skip.key is
'The key for which the event is left out; empty: for all.';
comment on column evident.projection_skip.position is
'The id of the event.';

create table evident.projection_rebuild (
    projection text not null,
    slice integer not null,
    slices integer not null,
    definition text not null,
    events_until bigint not null,
    rows_written bigint not null,
    lock_time interval not null,
    rebuilt_at timestamptz not null default evident._now(),
    constraint projection_rebuild_projection_slice_pkey
    primary key (projection, slice),
    constraint projection_rebuild_projection_fkey
    foreign key (projection) references evident.projection (name) on delete cascade
);

comment on table evident.projection_rebuild is
'The newest rebuild of each projection, slice by slice; see rebuild_projection.';
comment on column evident.projection_rebuild.definition is
'Fingerprint of what the slice was folded with.';
comment on column evident.projection_rebuild.events_until is
'The id up to which events were folded before the lock was taken.';
comment on column evident.projection_rebuild.lock_time is
'How long other writers of the read model may have waited for the slice.';

-- project, aggregate_at and projection_status read these with their caller's rights.
grant select on table
evident.projection, evident.projection_failure, evident.projection_skip,
evident.projection_rebuild
to evident_reader, evident_operator, evident_auditor;

-- What the view of a projection's events leaves out, and no more: not who, not why.
grant select (projection, position, key) on table evident.projection_skip
to evident_projector;

-- [begin sql/functions/append/_insert_stream.sql]
-- evident._insert_stream: insert a slice of an events document behind p_base.
--
-- Element i of the document gets version p_base + i; elements p_first to p_last
-- go in. An event whose version or event_id is taken is left out, and the
-- caller sees from the count that this happened. The first element claims its
-- version; behind it nothing but a given event_id can collide, and without one
-- the rest goes in unwatched, which is a sixth quicker.
--
-- evident.is_batch tells the triggers of synchronous projections to fold the
-- events together (_make_keep_batch).

create or replace function evident._insert_stream(
    p_aggregate_id uuid,
    p_base integer,
    p_events jsonb,
    p_first integer,
    p_last integer
)
returns integer
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_count integer;
begin
    perform set_config('evident.is_batch', 'on', true);
    if p_first > 1 and not jsonb_path_exists(p_events, '$[*].event_id') then
        insert into evident.event_store as e (
            aggregate_id, version, event_type, payload, metadata
        )
        select
            p_aggregate_id,
            p_base + v.ordinality::integer,
            v.value ->> 'type',
            v.value -> 'payload',
            coalesce(nullif(v.value -> 'metadata', 'null'), '{}')
        from jsonb_array_elements(p_events) with ordinality as v (value, ordinality)
        where v.ordinality between p_first and p_last
        order by v.ordinality;
    else
        insert into evident.event_store as e (
            aggregate_id, version, event_type, payload, metadata, event_id
        )
        select
            p_aggregate_id,
            p_base + v.ordinality::integer,
            v.value ->> 'type',
            v.value -> 'payload',
            coalesce(nullif(v.value -> 'metadata', 'null'), '{}'),
            coalesce((v.value ->> 'event_id')::uuid, evident._uuid_v7())
        from jsonb_array_elements(p_events) with ordinality as v (value, ordinality)
        where v.ordinality between p_first and p_last
        order by v.ordinality
        on conflict do nothing;
    end if;

    get diagnostics v_count = row_count;
    perform set_config('evident.is_batch', 'off', true);
    return v_count;
end;
$function$;

comment on function
evident._insert_stream(uuid, integer, jsonb, integer, integer) is
'Inserts elements p_first to p_last of an events document, element i as version
p_base + i; gives how many went in.';

revoke all on function
evident._insert_stream(uuid, integer, jsonb, integer, integer) from public;
-- [end sql/functions/append/_insert_stream.sql]
-- [begin sql/functions/append/_append_at_versions.sql]
-- evident._append_at_versions: append entries that all name an exact version, with
-- one statement.
--
-- An event stays out when the version it follows does not exist, or when its
-- version or its event_id is taken. Rows go in by aggregate and version, so
-- that two calls that wait for each other's keys meet them in one order and
-- cannot deadlock. Entries that did not go in whole are explained afterwards:
-- a repeated append has its first version, anything else has none.
--
-- An entry whose base was not there is told the version of that same snapshot: its
-- base may have come while the insert waited for somebody else.
--
-- The base is compared with a subselect, not by exists, since that one cannot
-- become a join or a hash over the whole table, whatever the plan was made for.
--
-- evident.is_batch tells the triggers of synchronous projections to fold the
-- events together (_make_keep_batch).
--
-- The caller has checked the document, and announced the append.
-- Errors: PT422

create or replace function evident._append_at_versions(p_appends jsonb)
returns table (
    ordinality bigint,
    aggregate_id uuid,
    expected bigint,
    version bigint,
    actual integer
)
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_ids bigint[];
    v_missed jsonb;
begin
    perform set_config('evident.is_batch', 'on', true);
    with entry as materialized (
        select
            n.aggregate_id,
            n.expected,
            n.events,
            n.expected <= 2147483647 - n.event_count
            and (
                n.expected = 0 or n.expected = (
                    select e.version
                    from evident.event_store as e
                    where
                        e.aggregate_id = n.aggregate_id
                        and e.version = n.expected
                )
            ) as has_base
        from evident._append_entries(p_appends) as n
    ),

    inserted as (
        insert into evident.event_store as e (
            aggregate_id, version, event_type, payload, metadata, event_id
        )
        select
            n.aggregate_id,
            (n.expected + v.ordinality)::integer,
            v.value ->> 'type',
            v.value -> 'payload',
            coalesce(nullif(v.value -> 'metadata', 'null'), '{}'),
            coalesce((v.value ->> 'event_id')::uuid, evident._uuid_v7())
        from entry as n
        cross join lateral
            jsonb_array_elements(n.events) with ordinality as v (value, ordinality)
        where n.has_base
        order by n.aggregate_id, v.ordinality
        on conflict do nothing
        returning e.id
    )

    select
        (select array_agg(i.id) from inserted as i),
        (
            select
                jsonb_object_agg(
                    n.aggregate_id,
                    (
                        select coalesce(max(e.version), 0)
                        from evident.event_store as e
                        where e.aggregate_id = n.aggregate_id
                    )
                )
            from entry as n
            where n.has_base is not true
        )
    into v_ids, v_missed;
    perform set_config('evident.is_batch', 'off', true);

    return query
    with own as (
        select
            e.aggregate_id,
            count(*) as event_count,
            min(e.version) as first_version
        from evident.event_store as e
        where e.id = any (v_ids)
        group by e.aggregate_id
    )

    select
        n.ordinality,
        n.aggregate_id,
        n.expected,
        case
            when o.event_count = n.event_count then n.expected + o.event_count
            else evident._replayed_version(
                n.aggregate_id, n.events, coalesce(v_ids, '{}')
            )
        end,
        coalesce(
            o.first_version - 1,
            (v_missed ->> n.aggregate_id::text)::integer,
            (
                select coalesce(max(e.version), 0)
                from evident.event_store as e
                where e.aggregate_id = n.aggregate_id
            )
        )
    from evident._append_entries(p_appends) as n
    left join own as o on n.aggregate_id = o.aggregate_id;
end;
$function$;

comment on function evident._append_at_versions(jsonb) is
'Appends entries that name exact versions. One row for each: version of the last
event, also of an earlier run of the same append; null when actual, the
aggregate''s version before, is not as expected.';

revoke all on function evident._append_at_versions(jsonb) from public;
-- [end sql/functions/append/_append_at_versions.sql]
-- [begin sql/functions/projections/_require_projection.sql]
-- evident._require_projection: the registered projection of a name.
--
-- Errors: PT404

create or replace function evident._require_projection(p_name text)
returns evident.projection
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_projection evident.projection;
begin
    select p.*
    into v_projection
    from evident.projection as p
    where p.name = p_name;

    if not found then
        raise exception using
            errcode = 'PT404',
            message = format(
                'no such projection: %s', coalesce(evident._short(p_name), 'null')
            ),
            detail = jsonb_build_object('name', evident._short(p_name))::text,
            hint = 'a projection has the name of its read model, schema included;'
                ' see evident.projection_status';
    end if;
    return v_projection;
end;
$function$;

comment on function evident._require_projection(text) is
'The registered projection of a name. Errors: PT404 no such projection.';

revoke all on function evident._require_projection(text) from public;
-- [end sql/functions/projections/_require_projection.sql]
-- [begin sql/functions/projections/_notify_held.sql]
-- evident._notify_held: say who has the lock of a projection that is not waited for.
--
-- Another runner, who is at work, or somebody who took the key by hand: evident.blocker
-- tells them apart.

create or replace function evident._notify_held(p_name text, p_key bigint)
returns void
language plpgsql
stable
parallel restricted
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_holder text;
begin
    select case
        when l.pid is null then 'a prepared transaction'
        else format(
            'session %s%s', l.pid, ' of ' || quote_ident(a.usename)
        )
    end
    into v_holder
    from pg_locks as l
    left join pg_stat_activity as a on l.pid = a.pid
    where
        l.locktype = 'advisory'
        and l.database = (
            select d.oid
            from pg_database as d
            where d.datname = current_database()
        )
        and (l.classid::bigint << 32) | l.objid::bigint = p_key
        and l.objsubid = 1
        and l.granted
    order by l.pid
    limit 1;

    raise notice using
        message = format(
            'nothing is done: %s has the lock of projection %s',
            coalesce(v_holder, 'another transaction'), p_name
        ),
        hint = 'another runner is at work, or evident.blocker names whoever is not';
end;
$function$;

comment on function evident._notify_held(text, bigint) is
'Raises a notice that names the session which holds the lock of a projection.';

revoke all on function evident._notify_held(text, bigint) from public;
-- [end sql/functions/projections/_notify_held.sql]
-- [begin sql/functions/projections/_lock_number.sql]
-- evident._lock_number: take an advisory lock that carries a projection's number.
--
-- Gives the projection as it is under the lock. One that was dropped and made anew
-- meanwhile has another number, and so another lock.
--
-- Locks: a transaction-level advisory lock; key: p_space in the upper 16 bits, the
-- number below.
-- Errors: PT400 at REPEATABLE READ and SERIALIZABLE, PT404

create or replace function evident._lock_number(
    p_name text,
    p_space bigint,
    p_is_shared boolean default false
)
returns evident.projection
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_projection evident.projection := evident._require_projection(p_name);
    v_number integer := 0;
begin
    perform evident._refuse_one_snapshot();
    -- Ends: another turn only when it was dropped and made anew while this waited.
    while v_number <> v_projection.number loop
        v_number := v_projection.number;
        if p_is_shared then
            perform pg_advisory_xact_lock_shared((p_space << 48) | v_number);
        else
            perform pg_advisory_xact_lock((p_space << 48) | v_number);
        end if;
        v_projection := evident._require_projection(p_name);
    end loop;
    return v_projection;
end;
$function$;

comment on function evident._lock_number(text, bigint, boolean) is
'Waits for and takes a lock of a projection until the transaction ends, and gives the
projection. Errors: PT400 at REPEATABLE READ and SERIALIZABLE, PT404 no such
projection.';

revoke all on function evident._lock_number(text, bigint, boolean) from public;
-- [end sql/functions/projections/_lock_number.sql]

-- [begin sql/functions/projections/_lock_registration.sql]
-- evident._lock_registration: be the only one to register or drop a projection.
--
-- A rebuild shares the lock with other rebuilds from its beginning. It reads what was
-- made for the projection long before it takes the projection's lock; whoever waited
-- for the former with the latter in hand would wait for ever.
--
-- Without a name it is the lock of all names, and null comes back. With one it gives
-- the projection, which has another number once it was dropped and made anew.
--
-- Everybody takes the locks in this order: registration, projection, making, view of
-- its events, event store, read model.
--
-- Locks: a transaction-level advisory lock; key: 17753 in the upper 16 bits, the
-- projection's number below, or 0.
-- Errors: PT400 at REPEATABLE READ and SERIALIZABLE, PT404

create or replace function evident._lock_registration(
    p_name text default null,
    p_is_shared boolean default false
)
returns evident.projection
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform evident._refuse_one_snapshot();
    if p_name is null then
        perform pg_advisory_xact_lock(17753::bigint << 48);
        return null;
    end if;
    return evident._lock_number(p_name, 17753, p_is_shared);
end;
$function$;

comment on function evident._lock_registration(text, boolean) is
'Waits for and takes the lock of a projection''s registration until the transaction
ends, and gives the projection. Errors: PT400 at REPEATABLE READ and SERIALIZABLE,
PT404 no such projection.';

revoke all on function evident._lock_registration(text, boolean) from public;
-- [end sql/functions/projections/_lock_registration.sql]

-- [begin sql/functions/projections/_lock_projection.sql]
-- evident._lock_projection: be the only one to run or change a projection.
--
-- Held to the end of the transaction by run_projection (which only tries), by
-- the last step of a rebuild, and by whatever changes the registration.
--
-- Locks: an exclusive transaction-level advisory lock; key: 17752 in the
-- upper 16 bits, the projection's number below.
-- Errors: PT400 at REPEATABLE READ and SERIALIZABLE, PT404

create or replace function evident._lock_projection(p_name text)
returns evident.projection
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    return evident._lock_number(p_name, 17752);
end;
$function$;

comment on function evident._lock_projection(text) is
'Waits for and takes the projection''s runner lock until the transaction ends, and
gives the projection. Errors: PT400 at REPEATABLE READ and SERIALIZABLE, PT404 no such
projection.';

revoke all on function evident._lock_projection(text) from public;
-- [end sql/functions/projections/_lock_projection.sql]
-- [begin sql/functions/projections/_lock_keys.sql]
-- evident._lock_keys: queue for keys of a synchronous projection across aggregates.
--
-- Taken in the order of the lock numbers, so that two appends that touch the same
-- keys never wait for each other in a circle.
--
-- Locks: exclusive transaction-level advisory locks; key: 17754 in the upper 16
-- bits, a 48-bit hash of projection and key below.

create or replace function evident._lock_keys(p_number integer, p_keys text[])
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_lock bigint;
begin
    for v_lock in
        select distinct
            (17754::bigint << 48)
            | (
                hashtextextended(k.key collate "C", p_number)
                & ((1::bigint << 48) - 1)
            ) as lock
        from unnest(p_keys) as k (key)
        order by lock
    loop
        perform pg_advisory_xact_lock(v_lock);
    end loop;
end;
$function$;

comment on function evident._lock_keys(integer, text[]) is
'Waits for and takes the advisory locks of keys, in one order for all.';

revoke all on function evident._lock_keys(integer, text[]) from public;
grant execute on function evident._lock_keys(integer, text[]) to evident_projector;
-- [end sql/functions/projections/_lock_keys.sql]
-- [begin sql/functions/projections/_refuse_settings.sql]
-- evident._refuse_settings: stop a fold that reaches for more than it has.
--
-- Raised by what runs folds (_as_projector, _ask_projector, the keep functions) when
-- it finds itself with other rights, or the path changed. The result is that of a
-- trigger that has nothing to say.
--
-- Errors: 42501, always.

create or replace function evident._refuse_settings()
returns evident.event_store
language plpgsql
stable
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception using
        errcode = 'insufficient_privilege',
        message = 'a fold changed search_path, or what runs folds was altered',
        detail = jsonb_build_object('role', current_user)::text,
        hint = 'a fold only computes: it leaves settings and functions as they are;'
            ' see evident.guard_status()';
end;
$function$;

comment on function evident._refuse_settings() is
'Raises 42501: what runs folds was altered, or the path was changed.';

revoke all on function evident._refuse_settings() from public;
grant execute on function evident._refuse_settings() to evident_projector;
-- [end sql/functions/projections/_refuse_settings.sql]

-- [begin sql/functions/projections/_fold_settings.sql]
-- evident._fold_settings: the settings that folds run under.
--
-- A cast, to_char, an operator or the text of a key may depend on settings, and a
-- replay must give what the append gave: so whatever runs a fold, or asks for the keys
-- of an event, pins all of these (_as_projector, _ask_projector, and whatever is made
-- with _sql_is_pinned or _sql_set_clauses). They are those that any login may set in
-- PostgreSQL 15 to 18 and that change, as their documentation says, what a value is
-- written as or read as, or what an expression means; a test puts every other setting
-- into a class of its own. The values are the same everywhere: rows depend on events,
-- and not on a database.
--
-- Not here: what a login cannot set for itself (lc_messages, and
-- plpgsql.variable_conflict), and settings of extensions.
--
-- alike is a value that means the same: a session that has it needs no other.
-- timezone_abbreviations reads a file whenever it is set: it is set only where it
-- differs.

create or replace function evident._fold_settings()
returns table (name text, value text, alike text)
language sql
immutable
parallel safe
rows 19
begin atomic
    select
        s.name,
        s.value,
        coalesce(s.alike, s.value)
    from (
        values
        ('datestyle', 'ISO, MDY', null),
        ('intervalstyle', 'postgres', null),
        ('timezone', 'UTC', 'Etc/UTC'),
        ('timezone_abbreviations', 'Default', null),
        ('extra_float_digits', '1', '3'),
        ('bytea_output', 'hex', null),
        ('lc_monetary', 'C', 'C.UTF-8'),
        ('lc_numeric', 'C', 'C.UTF-8'),
        ('lc_time', 'C', 'C.UTF-8'),
        ('default_text_search_config', 'pg_catalog.english', null),
        ('xmlbinary', 'base64', null),
        ('xmloption', 'content', null),
        ('array_nulls', 'on', null),
        ('quote_all_identifiers', 'off', null),
        ('standard_conforming_strings', 'on', null),
        ('backslash_quote', 'safe_encoding', null),
        ('transform_null_equals', 'off', null),
        ('plpgsql.check_asserts', 'on', null),
        ('plpgsql.extra_errors', 'none', null)
    ) as s (name, value, alike);
end;

comment on function evident._fold_settings() is
'The settings that folds run under: name, value, and a value that means the same.';

revoke all on function evident._fold_settings() from public;
-- [end sql/functions/projections/_fold_settings.sql]

-- [begin sql/functions/projections/generated/_fill.sql]
-- evident._fill: a template with values in the place of its slots.
--
-- A slot is a name in braces: {key}. Each of them needs a value, and each value a slot;
-- what a value holds is not looked at again, so no name of a column or an event type is
-- ever taken for a slot. Braces around anything else stay as they are.
--
-- Values are SQL: whoever makes them has quoted names (quote_ident, %I) and literals
-- (%L) already.
--
-- Errors: XX000, which is a mistake of this package

create or replace function evident._fill(p_template text, p_slots jsonb)
returns text
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_text text;
    v_wrong text;
begin
    select
        string_agg(
            case
                when p.slot is not null
                    then (p_slots ->> p.slot) || substr(p.text, length(p.slot) + 2)
                when p.number > 1 then '{' || p.text
                else p.text
            end,
            '' order by p.number
        )
    into v_text
    from (
        select
            s.number,
            s.text,
            case
                when s.number > 1 then substring(s.text from '^([a-z_]+)[}]')
            end as slot
        from string_to_table(p_template, '{') with ordinality as s (text, number)
    ) as p;

    select string_agg(format('{%s}', w.slot), ', ' order by w.slot collate "C")
    into v_wrong
    from (
        select coalesce(n.slot, g.slot) as slot
        from (
            select distinct m.part[1] as slot
            from regexp_matches(p_template, '[{]([a-z_]+)[}]', 'g') as m (part)
        ) as n
        full join jsonb_each_text(p_slots) as g (slot, value) on n.slot = g.slot
        where n.slot is null or g.value is null
    ) as w;

    if v_wrong is not null then
        raise exception using
            errcode = 'internal_error',
            message = 'a template and its values do not fit: ' || v_wrong,
            detail = jsonb_build_object('slots', v_wrong)::text,
            hint = 'each slot needs a value, and each value a slot';
    end if;
    return coalesce(v_text, p_template);
end;
$function$;

comment on function evident._fill(text, jsonb) is
'The template with the values of p_slots in the place of its {slots}, in one pass.
Errors: XX000 a slot without a value, or a value without a slot.';

revoke all on function evident._fill(text, jsonb) from public;
-- [end sql/functions/projections/generated/_fill.sql]

-- [begin sql/functions/projections/generated/_sql_set_clauses.sql]
-- evident._sql_set_clauses: the settings of folds, as clauses of a function.
--
-- Without p_values all of them; with p_values, which are the values that sessions begin
-- with, those that folds do not run under. timezone_abbreviations is left out, see
-- _fold_settings. quote_all_identifiers comes first, since it changes how the name of a
-- text search configuration is kept.

create or replace function evident._sql_set_clauses(p_values jsonb default null)
returns text
language sql
immutable
parallel safe
begin atomic
    select
        coalesce(
            string_agg(
                format('set %s = %L', s.name, s.value), chr(10)
                order by s.name <> 'quote_all_identifiers', s.name collate "C"
            ),
            ''
        )
    from evident._fold_settings() as s
    where
        s.name <> 'timezone_abbreviations'
        and not array[p_values ->> s.name] <@ array[s.value, s.alike];
end;

comment on function evident._sql_set_clauses(jsonb) is
'The settings of folds as clauses "set name = value"; p_values: only those for which
this object, by name in lower case, has a value that differs.';

revoke all on function evident._sql_set_clauses(jsonb) from public;
-- [end sql/functions/projections/generated/_sql_set_clauses.sql]
-- [begin sql/functions/projections/generated/_close_made.sql]
-- evident._close_made: take away what default privileges gave on what folds need.
--
-- Whoever set these for the role, in this database, gave rights to all that it makes:
-- to _as_projector, and so to all that folds may read. And row types of views are made
-- for PUBLIC to use, see _close_types. Only the role itself can revoke.

create or replace function evident._close_made()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
-- See _require_projector.
set enable_seqscan = on
set jit = off
as $function$
begin
    perform evident._revoke_from_all(o.catalog, o.oid, 'evident_owner')
    from (
        select
            'pg_proc'::regclass as catalog,
            p.oid
        from pg_proc as p
        where
            p.pronamespace = 'evident'::regnamespace
            and p.proowner = 'evident_projector'::regrole
        union all
        select
            'pg_class'::regclass,
            c.oid
        from pg_class as c
        where
            c.relnamespace = 'evident'::regnamespace
            and c.relowner = 'evident_projector'::regrole
        union all
        select
            'pg_type'::regclass,
            t.oid
        from pg_type as t
        where
            t.typnamespace = 'evident'::regnamespace
            and t.typtype = 'c'
            and t.typowner = 'evident_projector'::regrole
    ) as o;
end;
$function$;

comment on function evident._close_made() is
'Revokes, as evident_projector, what others than evident_owner may do with what that
role made in schema evident.';

revoke all on function evident._close_made() from public;
grant execute on function evident._close_made() to evident_projector;
-- [end sql/functions/projections/generated/_close_made.sql]

-- They run as evident_projector, and so belong to it; it may create here meanwhile.
grant create on schema evident to evident_projector;
set local role evident_projector;

-- [begin sql/functions/projections/_as_projector.sql]
-- evident._as_projector: run SQL as evident_projector, and give the count of its rows.
--
-- Whatever belongs to a read model runs here, or in _ask_projector: folds, functions
-- that tell keys, casts and operators of its types, its triggers, and what is made for
-- it. None of it is the store's, so none of it may run with the rights of its owner.
--
-- The function belongs to evident_projector, so a fold could alter it: take
-- `security definer` away, or set another path. It cannot write another body, for which
-- it would need to create in this schema. So the body looks first, in names that no
-- path bends, and does not go back to its caller under another path than it came with:
-- a plain "set" outlives the function that it stands in.
--
-- The settings are those of _fold_settings. The one that is dear to set is set for a
-- second call where it has to be.
--
-- A fold that was declared parallel safe, and is not, would fail in a parallel plan.
--
-- Errors: those of the SQL; 42501

create or replace function evident._as_projector(p_sql text)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
set datestyle = 'ISO, MDY'
set intervalstyle = postgres
set timezone = 'UTC'
set extra_float_digits = 1
set bytea_output = hex
set lc_monetary = 'C'
set lc_numeric = 'C'
set lc_time = 'C'
set default_text_search_config = 'pg_catalog.english'
set xmlbinary = base64
set xmloption = content
set array_nulls = on
set standard_conforming_strings = on
set backslash_quote = safe_encoding
set transform_null_equals = off
set "plpgsql.check_asserts" = on
set "plpgsql.extra_errors" = 'none'
set row_security = off
set max_parallel_workers_per_gather = 0
set jit = off
as $function$
declare
    v_count bigint;
    v_abbreviations constant text := pg_catalog.current_setting(
        'timezone_abbreviations'
    );
begin
    if current_user operator(pg_catalog.<>) 'evident_projector'
        or pg_catalog.current_setting('search_path')
        operator(pg_catalog.<>) 'pg_catalog, pg_temp'
    then
        perform evident._refuse_settings();
    end if;
    if v_abbreviations operator(pg_catalog.<>) 'Default' then
        perform pg_catalog.set_config('timezone_abbreviations', 'Default', true);
        v_count := evident._as_projector(p_sql);
        perform pg_catalog.set_config('timezone_abbreviations', v_abbreviations, true);
        return v_count;
    end if;
    execute p_sql;
    get diagnostics v_count = row_count;
    if pg_catalog.current_setting('search_path')
        operator(pg_catalog.<>) 'pg_catalog, pg_temp'
    then
        perform evident._refuse_settings();
    end if;
    return v_count;
end;
$function$;

comment on function evident._as_projector(text) is
'Runs SQL as evident_projector and gives how many rows its last statement had. Errors:
those of the SQL; 42501 when it changed search_path.';

revoke all on function evident._as_projector(text) from public;
grant execute on function evident._as_projector(text) to evident_owner;
-- [end sql/functions/projections/_as_projector.sql]
-- [begin sql/functions/projections/_ask_projector.sql]
-- evident._ask_projector: what a query gives that runs as evident_projector.
--
-- The twin of _as_projector for queries of one column of jsonb. It is stable, and so
-- has the snapshot of whoever asks: what a caller has read of the registration, and
-- what the query reads of rows and events, are of one moment.
--
-- Errors: those of the query; 42501

create or replace function evident._ask_projector(p_sql text)
returns setof jsonb
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
set datestyle = 'ISO, MDY'
set intervalstyle = postgres
set timezone = 'UTC'
set extra_float_digits = 1
set bytea_output = hex
set lc_monetary = 'C'
set lc_numeric = 'C'
set lc_time = 'C'
set default_text_search_config = 'pg_catalog.english'
set xmlbinary = base64
set xmloption = content
set array_nulls = on
set standard_conforming_strings = on
set backslash_quote = safe_encoding
set transform_null_equals = off
set "plpgsql.check_asserts" = on
set "plpgsql.extra_errors" = 'none'
set row_security = off
set max_parallel_workers_per_gather = 0
set jit = off
as $function$
declare
    v_abbreviations constant text := pg_catalog.current_setting(
        'timezone_abbreviations'
    );
begin
    if current_user operator(pg_catalog.<>) 'evident_projector'
        or pg_catalog.current_setting('search_path')
        operator(pg_catalog.<>) 'pg_catalog, pg_temp'
    then
        perform evident._refuse_settings();
    end if;
    if v_abbreviations operator(pg_catalog.<>) 'Default' then
        perform pg_catalog.set_config('timezone_abbreviations', 'Default', true);
        return query select a.answer from evident._ask_projector(p_sql) as a (answer);
        perform pg_catalog.set_config('timezone_abbreviations', v_abbreviations, true);
        return;
    end if;
    return query execute p_sql;
    if pg_catalog.current_setting('search_path')
        operator(pg_catalog.<>) 'pg_catalog, pg_temp'
    then
        perform evident._refuse_settings();
    end if;
end;
$function$;

comment on function evident._ask_projector(text) is
'What a query of one column of jsonb gives, run as evident_projector in the caller''s
snapshot. Errors: those of the query; 42501 when it changed search_path.';

revoke all on function evident._ask_projector(text) from public;
grant execute on function evident._ask_projector(text) to evident_owner;
-- [end sql/functions/projections/_ask_projector.sql]

do $do$
begin
    perform evident._close_made();
end;
$do$;

set local role evident_owner;
revoke create on schema evident from evident_projector;

-- [begin sql/functions/projections/_lock_making.sql]
-- evident._lock_making: be the only one to make functions in schema evident.
--
-- The right to create there is a row that two transactions cannot change at once
-- (_make_functions), and what was made is recorded (_record_baseline). So one lock
-- stands for both; no login without rights can hold it. It comes after the projection's
-- lock, and before those of the view of its events and of the event store: whoever
-- waits for it holds nothing that appends wait for. A transaction that has looked at
-- events may not wait: the holder may want the event store for himself.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.baseline
-- Errors: 55P03, at once, when another has it and p_may_wait is false

create or replace function evident._lock_making(p_may_wait boolean default true)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if p_may_wait then
        lock table evident.baseline in share row exclusive mode;
    else
        lock table evident.baseline in share row exclusive mode nowait;
    end if;
end;
$function$;

comment on function evident._lock_making(boolean) is
'Takes the lock of making functions until the transaction ends.';

revoke all on function evident._lock_making(boolean) from public;
-- [end sql/functions/projections/_lock_making.sql]
-- [begin sql/functions/projections/generated/_make_functions.sql]
-- evident._make_functions: make functions of a projection in schema evident.
--
-- They belong to evident_projector, which may not create there: it has the right for
-- the length of p_sql, in which no fold runs, and nobody else ever sees that. Such
-- functions cannot be given another body by a fold, nor be dropped and made again by
-- whoever owns the schema of a read model.
--
-- An error names the event triggers of others (_run_ddl).
--
-- Locks: that of making, see _lock_making

create or replace function evident._make_functions(p_sql text)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform evident._lock_making();
    perform evident._run_ddl('grant create on schema evident to evident_projector');
    perform evident._run_ddl(p_sql, p_is_projectors => true);
    perform evident._run_ddl(
        'select evident._close_made()', p_is_projectors => true
    );
    perform evident._run_ddl('revoke create on schema evident from evident_projector');
end;
$function$;

comment on function evident._make_functions(text) is
'Runs SQL as evident_projector, which may create in schema evident meanwhile.';

revoke all on function evident._make_functions(text) from public;
-- [end sql/functions/projections/generated/_make_functions.sql]
-- [begin sql/functions/projections/_share_projection.sql]
-- evident._share_projection: be told when a projection was changed since the snapshot.
--
-- For triggers at REPEATABLE READ and SERIALIZABLE, see _sql_refuse_old_snapshot. They
-- run as evident_projector, which has no rights on the registration.
--
-- Locks: the projection's row, shared
-- Errors: 40001

create or replace function evident._share_projection(p_name text)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform
    from evident.projection as p
    where p.name = p_name
    for share;
end;
$function$;

comment on function evident._share_projection(text) is
'Locks a projection''s row, shared. Errors: 40001 when it was changed since the
transaction''s snapshot.';

revoke all on function evident._share_projection(text) from public;
grant execute on function evident._share_projection(text) to evident_projector;
-- [end sql/functions/projections/_share_projection.sql]
-- [begin sql/functions/projections/_is_fold_error.sql]
-- evident._is_fold_error: whether an error is the fold's own doing.
--
-- Lost connections, conflicts between transactions, a full disk, cancels and
-- timeouts say nothing about an event: trying again may help, so no key is parked
-- and no projection blamed for them.

create or replace function evident._is_fold_error(p_sqlstate text)
returns boolean
language sql
immutable
parallel safe
begin atomic
    select left(p_sqlstate, 2) not in ('08', '25', '40', '53', '55', '57', '58', 'XX');
end;

comment on function evident._is_fold_error(text) is
'False for SQLSTATEs of the server, the session or other transactions.';

revoke all on function evident._is_fold_error(text) from public;
grant execute on function evident._is_fold_error(text) to evident_projector;
-- [end sql/functions/projections/_is_fold_error.sql]
-- [begin sql/functions/projections/_run_ddl.sql]
-- evident._run_ddl: run the DDL of a rebuild, or of switching appends on and off.
--
-- A DBA may have event triggers on all DDL, which forbid it, or write a log that
-- evident_owner and evident_projector may not write. The error is theirs, so it stays
-- as it is; the hint tells which triggers they are. Nothing but DDL is run here, no
-- fold and no wait: an error of another transaction's or the server's passes as it is.
--
-- p_is_projectors: it runs as evident_projector, to whom it makes what it makes.
--
-- Errors: those of the DDL

create or replace function evident._run_ddl(
    p_sql text,
    p_is_projectors boolean default false
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_message text;
    v_detail text;
    v_hint text;
    v_triggers text;
begin
    if p_is_projectors then
        perform evident._as_projector(p_sql);
    else
        execute p_sql;
    end if;
exception when others then
    get stacked diagnostics
        v_message = message_text,
        v_detail = pg_exception_detail,
        v_hint = pg_exception_hint;
    select
        string_agg(
            format(
                '%I (%s of %I)',
                t.evtname, t.evtfoid::regproc, pg_get_userbyid(t.evtowner)
            ),
            ', ' order by t.evtname collate "C"
        )
    into v_triggers
    from pg_event_trigger as t
    where
        t.evtenabled <> 'D'
        and t.evtevent in ('ddl_command_start', 'ddl_command_end', 'sql_drop')
        and t.evtowner is distinct from to_regrole('evident_owner');

    if v_triggers is null or not evident._is_fold_error(sqlstate) then
        raise;
    end if;
    raise exception using
        errcode = sqlstate,
        message = v_message,
        detail = coalesce(
            nullif(v_detail, ''), jsonb_build_object('event_triggers', v_triggers)::text
        ),
        hint = concat(
            nullif(v_hint, '') || '; ',
            'nothing was changed: this is DDL, and these event triggers act on it: ',
            v_triggers,
            '; they have to let evident_owner and evident_projector pass'
        );
end;
$function$;

comment on function evident._run_ddl(text, boolean) is
'Runs DDL, as evident_projector where it is that role''s; the hint of an error names the
event triggers of others.';

revoke all on function evident._run_ddl(text, boolean) from public;
-- [end sql/functions/projections/_run_ddl.sql]
-- [begin sql/functions/projections/_refuse_fold.sql]
-- evident._refuse_fold: raise a fold's error again, with the projection's name.
--
-- The code, message and detail stay the fold's; the message gets the name in front,
-- a detail that is empty too, and the hint tells the way out.
--
-- Errors: the given one, always.

create or replace function evident._refuse_fold(
    p_name text,
    p_sqlstate text,
    p_message text,
    p_detail text
)
returns void
language plpgsql
volatile
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception using
        errcode = p_sqlstate,
        message = format('projection %s: %s', p_name, p_message),
        detail = coalesce(
            nullif(p_detail, ''), jsonb_build_object('projection', p_name)::text
        ),
        hint = format(
            'repair the fold of %s, or pause_projection(%L) to go on without it',
            p_name, p_name
        );
end;
$function$;

comment on function evident._refuse_fold(text, text, text, text) is
'Raises a fold''s error with the projection''s name and a hint.';

revoke all on function evident._refuse_fold(text, text, text, text) from public;
grant execute on function evident._refuse_fold(text, text, text, text)
to evident_projector;
-- [end sql/functions/projections/_refuse_fold.sql]
-- [begin sql/functions/projections/_require_event_error.sql]
-- evident._require_event_error: raise again what is not an event's doing.
--
-- For whoever folds in the background and would park a key. An error of the
-- server, of another transaction, or of a fold that is broken or gone at all (class 42)
-- says nothing about the event at hand, and parking every key would not help.
--
-- Whoever has the lock that was not to be had is named.
--
-- Errors: the given one

create or replace function evident._require_event_error(
    p_projection evident.projection,
    p_sqlstate text,
    p_message text
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if p_sqlstate = '55P03' then
        perform evident._refuse_lock(
            p_projection.name,
            format('projection %s: %s', p_projection.name, p_message),
            array[evident._read_model(p_projection)],
            'nothing was folded; the next run tries again'
        );
    end if;
    if not evident._is_fold_error(p_sqlstate) or left(p_sqlstate, 2) = '42' then
        perform evident._refuse_fold(p_projection.name, p_sqlstate, p_message, null);
    end if;
end;
$function$;

comment on function evident._require_event_error(evident.projection, text, text) is
'Raises an error again, with the projection''s name, unless an event is to blame.';

revoke all on function evident._require_event_error(evident.projection, text, text)
from public;
-- [end sql/functions/projections/_require_event_error.sql]
-- [begin sql/functions/projections/generated/_name_of_object.sql]
-- evident._name_of_object: the qualified name of an object made for a projection.
--
-- p_form is a format() string that gets the projection's name: fold_%s. All of them are
-- in schema evident, where nobody can put another in their place, and belong to
-- evident_projector. With the read model's schema, and its dot: a_b.c and a.b_c are two
-- read models. Made from the name alone, so that it can be told also when the read
-- model is gone.

create or replace function evident._name_of_object(
    p_projection evident.projection,
    p_form text
)
returns text
language sql
immutable
parallel safe
begin atomic
    select format('evident.%I', format(p_form, (p_projection).name));
end;

comment on function evident._name_of_object(evident.projection, text) is
'The qualified name of an object made for the projection; p_form names it.';

revoke all on function evident._name_of_object(evident.projection, text)
from public;
-- [end sql/functions/projections/generated/_name_of_object.sql]
-- [begin sql/functions/projections/generated/_projection_made.sql]
-- evident._projection_made: what was made for a projection, as it is in the catalog.
--
-- Found by name: no form begins another, so no name can be read in two ways, and no two
-- objects have the same, so that a name is enough to drop one. The view
-- comes first, as it uses a function; then aggregates, and the functions they use.

create or replace function evident._projection_made(p_name text)
returns table (kind text, object oid, name name)
language sql
stable
parallel safe
begin atomic
    select
        m.kind,
        m.object,
        m.name
    from (
        select
            'view' as kind,
            c.oid as object,
            c.relname as name,
            1 as rank
        from pg_class as c
        where
            c.relnamespace = 'evident'::regnamespace
            and c.relname = 'events_of_' || p_name
        union all
        select
            case p.prokind when 'a' then 'aggregate' else 'function' end,
            p.oid,
            p.proname,
            case p.prokind when 'a' then 2 else 3 end
        from pg_proc as p
        where
            p.pronamespace = 'evident'::regnamespace
            and p.proname in (
                'fold_' || p_name, 'folding_' || p_name, 'refold_' || p_name,
                'refolding_' || p_name, 'step_' || p_name,
                'keys_' || p_name, 'row_' || p_name, 'next_' || p_name,
                'pinned_' || p_name, 'keep_event_' || p_name,
                'keep_batch_' || p_name, 'kept_event_' || p_name,
                'kept_batch_' || p_name, 'hold_event_' || p_name
            )
    ) as m
    -- collation: an oid
    order by m.rank, m.object;
end;

comment on function evident._projection_made(text) is
'The view, aggregates and functions that create_projection made, in an order in which
they can be dropped.';

revoke all on function evident._projection_made(text) from public;
-- [end sql/functions/projections/generated/_projection_made.sql]
-- [begin sql/functions/projections/_projection_bound.sql]
-- evident._projection_bound: the fold, or the keys function, of a projection.
--
-- p_form is that of the wrapper (_sql_step_function, _sql_keys_function), which is
-- bound to it. So it is the one that runs, whatever has its name now. Null when
-- there is none.

create or replace function evident._projection_bound(
    p_projection evident.projection,
    p_form text
)
returns oid
language sql
stable
parallel safe
begin atomic
    with wrapper as (
        select p.oid
        from pg_proc as p
        where
            p.pronamespace = 'evident'::regnamespace
            and p.proname = format(p_form, (p_projection).name)
    )

    select d.refobjid
    from wrapper as w
    inner join pg_depend as d
        on
            d.classid = 'pg_proc'::regclass
            and w.oid = d.objid
            and d.refclassid = 'pg_proc'::regclass
            and d.deptype = 'n'
    order by d.refobjid
    limit 1;
end;

comment on function evident._projection_bound(evident.projection, text) is
'The oid of what a projection''s wrapper of this form (step_%s, keys_%s) calls.';

revoke all on function evident._projection_bound(evident.projection, text)
from public;
-- [end sql/functions/projections/_projection_bound.sql]
-- [begin sql/functions/projections/_read_model.sql]
-- evident._read_model: the table of a projection, null when it is gone.
--
-- By the catalog, which anybody may read: the owner of the store has no rights on the
-- schemas of read models.

create or replace function evident._read_model(p_projection evident.projection)
returns oid
language sql
stable
parallel safe
begin atomic
    with named as (
        select parse_ident((p_projection).name) as part
    )

    select c.oid
    from named as i
    inner join pg_namespace as n on i.part[1] = n.nspname
    inner join pg_class as c on n.oid = c.relnamespace and i.part[2] = c.relname;
end;

comment on function evident._read_model(evident.projection) is
'The oid of a projection''s read model, null when it is gone.';

revoke all on function evident._read_model(evident.projection) from public;
-- [end sql/functions/projections/_read_model.sql]
-- [begin sql/functions/projections/_routine_attributes.sql]
-- evident._routine_attributes: what a function declares, as SQL for one that calls it.
--
-- A wrapper that claims more than what it calls makes plans that it cannot keep: a fold
-- with an exception block fails in a parallel one.

create or replace function evident._routine_attributes(p_routine oid)
returns text
language sql
stable
parallel safe
begin atomic
    select
        case p.provolatile
            when 'i' then 'immutable' when 's' then 'stable' else 'volatile'
        end
        || ' parallel '
        || case p.proparallel
            when 's' then 'safe' when 'r' then 'restricted' else 'unsafe'
        end
    from pg_proc as p
    where p.oid = p_routine;
end;

comment on function evident._routine_attributes(oid) is
'The volatility and parallel safety of a function, as SQL.';

revoke all on function evident._routine_attributes(oid) from public;
-- [end sql/functions/projections/_routine_attributes.sql]
-- [begin sql/functions/projections/_projection_intruder.sql]
-- evident._projection_intruder: what of some objects is not evident_projector's alone.
--
-- Whoever owns a fold, or may make another in its place, has code of his own run with
-- the rights of all folds; and he does who owns the schema, or may create in it.
-- Superusers may anyway. Empty when all is well; the names are quoted.
--
-- A foreign key makes rows of a read model somebody else's, or theirs of it: a rebuild,
-- which removes rows and writes them again, would be refused, or remove theirs as well,
-- and a fold would wait for whoever locks them.

create or replace function evident._projection_intruder(
    p_relations oid[],
    p_routines oid[]
)
returns table (rank integer, reason text, hint text)
language sql
stable
parallel safe
begin atomic
    -- In schema evident nobody makes anything but evident_owner, or in its hands.
    with held as (
        select u.oid
        from unnest(p_relations) as u (oid)
        union
        select t.relid
        from unnest(p_relations) as u (oid)
        cross join lateral pg_partition_tree(u.oid) as t
    ),

    place as (
        select c.relnamespace as oid
        from pg_class as c
        where c.oid = any(p_relations)
        union all
        select p.pronamespace
        from pg_proc as p
        where p.oid = any(p_routines)
    ),

    used as (
        select
            n.oid,
            n.nspname,
            n.nspowner,
            n.nspacl
        from pg_namespace as n
        where
            n.nspname <> 'evident'
            and n.oid in (
                select l.oid
                from place as l
            )
    )

    select
        1,
        format(
            '%s belongs to %s', c.oid::regclass, pg_get_userbyid(c.relowner)
        ),
        format(
            'alter %s %s owner to evident_projector',
            case c.relkind when 'v' then 'view' else 'table' end, c.oid::regclass
        )
    from pg_class as c
    where
        c.oid = any(p_relations)
        and c.relowner <> to_regrole('evident_projector')
    union all
    select
        2,
        format(
            '%s belongs to %s', p.oid::regprocedure, pg_get_userbyid(p.proowner)
        ),
        format('alter routine %s owner to evident_projector', p.oid::regprocedure)
    from pg_proc as p
    where
        p.oid = any(p_routines)
        and p.proowner <> to_regrole('evident_projector')
    union all
    select
        3,
        format('%s is security definer', p.oid::regprocedure),
        format('alter routine %s security invoker', p.oid::regprocedure)
    from pg_proc as p
    where p.oid = any(p_routines) and p.prosecdef
    union all
    select
        4,
        format('schema %I belongs to %s', n.nspname, pg_get_userbyid(n.nspowner)),
        format(
            'create schema ... authorization evident_projector,'
            ' or alter schema %I owner to evident_projector',
            n.nspname
        )
    from used as n
    where n.nspowner <> to_regrole('evident_projector')
    union all
    select
        5,
        format(
            '%s may create in schema %I',
            coalesce(r.rolname::text, 'public'), n.nspname
        ),
        format(
            'revoke create on schema %I from %s',
            n.nspname, coalesce(quote_ident(r.rolname), 'public')
        )
    from used as n
    cross join lateral aclexplode(n.nspacl) as a
    left join pg_roles as r on a.grantee = r.oid
    where
        a.privilege_type = 'CREATE'
        and a.grantee <> n.nspowner
        and a.grantee <> to_regrole('evident_projector')
        and not coalesce(r.rolsuper, false)
    union all
    select
        6,
        format(
            'foreign key %I of %s references %s',
            c.conname, c.conrelid::regclass, c.confrelid::regclass
        ),
        format(
            'alter table %s drop constraint %I: rows of a read model come and go with'
            ' its events alone, also in a rebuild',
            c.conrelid::regclass, c.conname
        )
    from pg_constraint as c
    where
        c.contype = 'f'
        and c.conparentid = 0
        and (
            c.conrelid in (
                select h.oid
                from held as h
            )
            or c.confrelid in (
                select h.oid
                from held as h
            )
        );
end;

comment on function evident._projection_intruder(oid[], oid[]) is
'Why relations and routines, and their schemas, are not evident_projector''s alone:
rank, reason, hint.';

revoke all on function evident._projection_intruder(oid[], oid[]) from public;
-- [end sql/functions/projections/_projection_intruder.sql]
-- [begin sql/functions/projections/_key_problem.sql]
-- evident._key_problem: why a column cannot be the key of a read model.
--
-- A key is a text where it waits for others: in a lock, among the parked ones, in the
-- hash that makes slices. In the read model it is a value. Where equal values have two
-- texts the two disagree, and updates are lost without an error. So a key's type is one
-- in which equal values have one text. What else means to be a key is made a text by
-- the function that tells the keys, which the hint shows.
--
-- Empty when the column is a key.

create or replace function evident._key_problem(p_model oid, p_column text)
returns table (reason text, hint text)
language sql
stable
parallel safe
begin atomic
    with asked as (
        select
            p_model as model,
            p_column as name
    )

    select
        format(
            'the key %I is of type %s%s', a.attname,
            format_type(a.atttypid, a.atttypmod),
            case
                when o.collname is not null
                    then
                        format(
                            ' under collation %I, which is not deterministic',
                            o.collname
                        )
                else ', in which equal values may have several texts'
            end
        ),
        format(
            'make it text %sand its text the same for equal values, in p_keys: '
            'create function %I.%I(p_event evident.event_store) returns text '
            'language sql stable return %s',
            case when o.collname is not null then 'collate "C" ' else '' end,
            n.nspname,
            'key_of_' || c.relname,
            format(
                case
                    when o.collname is not null then 'lower(normalize(%s))'
                    when t.typname = 'numeric' then 'trim_scale((%s)::numeric)::text'
                    when t.typname in ('float4', 'float8')
                        then '((%s)::float8 + 0)::text'
                    when t.typname = 'interval'
                        then 'justify_interval((%s)::interval)::text'
                    when t.typname = 'timestamptz'
                        then '((%s)::timestamptz at time zone ''UTC'')::text'
                    when t.typname = 'timestamp' then '(%s)::timestamp::text'
                    when t.typname = 'timetz'
                        then '((%s)::timetz at time zone ''UTC'')::text'
                    when t.typname = 'time' then '(%s)::time::text'
                    when t.typname = 'bytea' then 'encode((%s)::bytea, ''hex'')'
                    when t.typname = 'citext' then 'lower(%s)'
                    when t.typname = 'bpchar' then 'rtrim(%s)'
                    else '%s'
                end,
                format('p_event.payload ->> %L', a.attname)
            )
        )
    from asked as q
    inner join pg_attribute as a on q.model = a.attrelid and q.name = a.attname
    inner join pg_type as t on a.atttypid = t.oid
    inner join pg_class as c on a.attrelid = c.oid
    inner join pg_namespace as n on c.relnamespace = n.oid
    left join pg_collation as o
        on a.attcollation = o.oid and not o.collisdeterministic
    where
        o.oid is not null
        or a.atttypid not in (
            'uuid'::regtype, 'text'::regtype, 'smallint'::regtype,
            'integer'::regtype, 'bigint'::regtype, 'date'::regtype,
            'boolean'::regtype
        );
end;

comment on function evident._key_problem(oid, text) is
'Why equal values of a read model''s column could have several texts, with a hint that
shows the function to write; no row when they have one.';

revoke all on function evident._key_problem(oid, text) from public;
-- [end sql/functions/projections/_key_problem.sql]
-- [begin sql/functions/projections/_require_projector.sql]
-- evident._require_projector: refuse to run what is not safe any more.
--
-- Looked at whenever a projection is run, rebuilt, compared or asked: since it was
-- registered a schema, a table or a function may have been given to somebody else, and
-- names in that schema be his; and the key may have become of another type.
--
-- Errors: PT400

create or replace function evident._require_projector(
    p_projection evident.projection
)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
-- Under a run's enable_seqscan = off its joins look so dear before PostgreSQL 18 that
-- they are compiled, which takes a second each time.
set enable_seqscan = on
set jit = off
as $function$
declare
    v_problem record;
begin
    select i.reason, i.hint
    into v_problem
    from (
        select 0 as rank, k.reason, k.hint
        from evident._key_problem(
            evident._read_model(p_projection), p_projection.key_column
        ) as k
        union all
        select n.rank, n.reason, n.hint
        from evident._projection_intruder(
            array(
                select m.object
                from evident._projection_made(p_projection.name) as m
                where m.kind = 'view'
            )
            || evident._read_model(p_projection),
            array(
                select m.object
                from evident._projection_made(p_projection.name) as m
                inner join pg_proc as p on m.object = p.oid and not p.prosecdef
                -- What a trigger names is the owner's: see _sql_keep_event_trigger.
                where p.prorettype <> 'trigger'::regtype
            )
            || evident._projection_bound(p_projection, 'step_%s')
            || evident._projection_bound(p_projection, 'keys_%s')
        ) as n
    ) as i
    order by i.rank, i.reason collate "C"
    limit 1;

    if found then
        perform evident._refuse_argument(
            'p_name', v_problem.reason, v_problem.hint
        );
    end if;
end;
$function$;

comment on function evident._require_projector(evident.projection) is
'Raises PT400 when a projection''s schema, table, fold or keys are not
evident_projector''s alone, or its key is none any more.';

revoke all on function evident._require_projector(evident.projection) from public;
-- [end sql/functions/projections/_require_projector.sql]
-- [begin sql/functions/projections/generated/_name_of_trigger.sql]
-- evident._name_of_trigger: the name of a projection's trigger on the event store.
--
-- p_form is that of the trigger's function, see _name_of_object. With the schema,
-- and its dot: a_b.c and a.b_c are two read models.

create or replace function evident._name_of_trigger(
    p_projection evident.projection,
    p_form text
)
returns text
language sql
immutable
parallel safe
begin atomic
    select 'event_store_' || format(p_form, (p_projection).name);
end;

comment on function evident._name_of_trigger(evident.projection, text) is
'The name, not quoted, of a trigger that keeps a synchronous projection.';

revoke all on function evident._name_of_trigger(evident.projection, text)
from public;
-- [end sql/functions/projections/generated/_name_of_trigger.sql]
-- [begin sql/functions/projections/generated/_sql_columns.sql]
-- evident._sql_columns: lists of a read model's columns, as SQL.
--
-- p_form is a format() string that gets each column's quoted name, once or more:
-- %1$s. p_key takes the place of the key column's; an empty one leaves it out.

create or replace function evident._sql_columns(
    p_projection evident.projection,
    p_form text,
    p_key text default null
)
returns text
language sql
stable
parallel safe
begin atomic
    select
        string_agg(
            case
                when p_key <> '' and a.attname = (p_projection).key_column then p_key
                else format(p_form, quote_ident(a.attname))
            end,
            ', ' order by a.attnum
        )
    from pg_attribute as a
    where
        a.attrelid = evident._read_model(p_projection)
        and a.attnum > 0
        and not a.attisdropped
        and (a.attname <> (p_projection).key_column or p_key is distinct from '');
end;

comment on function
evident._sql_columns(evident.projection, text, text) is
'The read model''s columns in order, each put through format(p_form), comma between.';

revoke all on function
evident._sql_columns(evident.projection, text, text) from public;
-- [end sql/functions/projections/generated/_sql_columns.sql]
-- [begin sql/functions/projections/generated/_sql_blank_row.sql]
-- evident._sql_blank_row: SQL for a row of the read model with only its key set.
--
-- p_key is the SQL of the key. It is what the first event of a key meets.

create or replace function evident._sql_blank_row(
    p_projection evident.projection,
    p_key text
)
returns text
language sql
stable
parallel safe
begin atomic
    select format(
        'row(%s)::%s',
        evident._sql_columns(p_projection, 'null', p_key),
        (p_projection).name
    );
end;

comment on function evident._sql_blank_row(evident.projection, text) is
'SQL for a row of the read model with only its key set; p_key is the key''s SQL.';

revoke all on function evident._sql_blank_row(evident.projection, text) from public;
-- [end sql/functions/projections/generated/_sql_blank_row.sql]
-- [begin sql/functions/projections/generated/_sql_is_folded.sql]
-- evident._sql_is_folded: SQL that tells whether a projection folds an event.
--
-- p_event is the SQL of a row of the event store. What the store itself writes, under
-- the aggregate nil, is nobody's business but of a projection that names its types; in
-- an append's transaction no fold meets it, so that no fold can stop the store.
--
-- Names are qualified: a trigger looks here before it knows its path.

create or replace function evident._sql_is_folded(
    p_projection evident.projection,
    p_event text
)
returns text
language sql
immutable
parallel safe
begin atomic
    select concat_ws(
        ' and ',
        case
            when (p_projection).event_types is not null then format(
                '%s.event_type operator(pg_catalog.=) any (%L::pg_catalog.text[])',
                p_event, (p_projection).event_types
            )
        end,
        case
            when (p_projection).mode = 'sync' or (p_projection).event_types is null
                then format(
                    '%s.aggregate_id operator(pg_catalog.<>) %L::pg_catalog.uuid',
                    p_event, '00000000-0000-0000-0000-000000000000'
                )
        end
    );
end;

comment on function evident._sql_is_folded(evident.projection, text) is
'SQL that is true for events that the projection folds; p_event is the row''s SQL.';

revoke all on function evident._sql_is_folded(evident.projection, text) from public;
-- [end sql/functions/projections/generated/_sql_is_folded.sql]
-- [begin sql/functions/projections/_refuse_key.sql]
-- evident._refuse_key: stop a text that cannot be a key.
--
-- Raised at the door, where the function that tells keys gives its texts.
--
-- Errors: PT400, always.

create or replace function evident._refuse_key(p_key text, p_reason text)
returns text
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception using
        errcode = 'PT400',
        message = format(
            'invalid argument key: %s: %L', p_reason, left(p_key, 40)
        ),
        detail = jsonb_build_object(
            'argument', 'key', 'reason', p_reason
        )::text,
        hint = 'the function that tells the keys gives texts of at most 1000 bytes,'
            ' which mean the same whenever it runs';
end;
$function$;

comment on function evident._refuse_key(text, text) is
'Raises PT400 for a text that cannot be a key. Its result stands for the key.';

revoke all on function evident._refuse_key(text, text) from public;
grant execute on function evident._refuse_key(text, text) to evident_projector;
-- [end sql/functions/projections/_refuse_key.sql]
-- [begin sql/functions/projections/generated/_sql_keys_of.sql]
-- evident._sql_keys_of: SQL for the keys that an event touches.
--
-- A query of one column. p_event is the SQL of the event. Null and '' are no keys:
-- '' stands for the keys of an event that cannot be told.
--
-- This is the door: a text becomes a value here, and whatever needs the key as text
-- takes the value's own, which is one for all texts of it (_key_problem). 1,000 bytes
-- fit in the indexes of keys. A day named today would be another one in a rebuild,
-- and a number such as 0x10 or 1_000 is none before PostgreSQL 16.

create or replace function evident._sql_keys_of(
    p_projection evident.projection,
    p_event text
)
returns text
language sql
stable
parallel safe
begin atomic
    select case
        when (p_projection).keys is null
            then format('select (%s).aggregate_id', p_event)
        else format(
            'select distinct %s from %s(%s) as r (key) where r.key::text <> %L',
            format(
                case (p_projection).key_type
                    when 'text'
                        then
                            'case when octet_length(r.key::text) > 1000'
                            ' then evident._refuse_key(r.key::text, ''too long'')'
                            ' else r.key::text end'
                    when 'date'
                        then
                            'case when r.key::text collate "C"'
                            ' ~* ''now|today|tomorrow|yesterday'''
                            ' then evident._refuse_key(r.key::text, ''no fixed day'')'
                            ' else r.key::text end::date'
                    when 'uuid' then 'r.key::uuid'
                    when 'boolean' then 'r.key::boolean'
                    else
                        'case when r.key::text collate "C" ~ ''[_xXoObB]'''
                        ' then evident._refuse_key(r.key::text, ''not decimal'')'
                        ' else r.key::text end::%s'
                end,
                (p_projection).key_type
            ),
            evident._name_of_object(p_projection, 'keys_%s'),
            p_event,
            ''
        )
    end;
end;

comment on function evident._sql_keys_of(evident.projection, text) is
'SQL for a query that gives the keys of an event, once each; p_event is its SQL.';

revoke all on function evident._sql_keys_of(evident.projection, text) from public;
-- [end sql/functions/projections/generated/_sql_keys_of.sql]
-- [begin sql/functions/projections/_canonical_key.sql]
-- evident._canonical_key: the one text of a key that somebody wrote.
--
-- Errors: PT400 it is no value of the key's type

create or replace function evident._canonical_key(
    p_projection evident.projection,
    p_key text
)
returns text
language plpgsql
stable
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    return (
        select a.answer ->> 0
        from evident._ask_projector(
            format(
                'select jsonb_build_array(%L::%s::text)', p_key, p_projection.key_type
            )
        ) as a (answer)
    );
exception when data_exception then
    perform evident._refuse_argument(
        'p_key', 'not a ' || p_projection.key_type,
        'give a key as the read model has it'
    );
end;
$function$;

comment on function evident._canonical_key(evident.projection, text) is
'The text that the value of a key has, whatever text was given for it. Errors: PT400.';

revoke all on function evident._canonical_key(evident.projection, text) from public;
-- [end sql/functions/projections/_canonical_key.sql]
-- [begin sql/functions/projections/generated/_sql_stored_row.sql]
-- evident._sql_stored_row: SQL for the stored row of a key, null when there is none.
--
-- p_key is the SQL of the key. A subselect stays a look-up by key whatever the table's
-- size was when the plan was made. row(s.*) and not s, which a column may be called.

create or replace function evident._sql_stored_row(
    p_projection evident.projection,
    p_key text
)
returns text
language sql
immutable
parallel safe
begin atomic
    select format(
        '(select row(s.*)::%1$s from %1$s as s where s.%2$I = %3$s)',
        (p_projection).name, (p_projection).key_column, p_key
    );
end;

comment on function evident._sql_stored_row(evident.projection, text) is
'SQL for the read model''s row of a key; p_key is the key''s SQL.';

revoke all on function evident._sql_stored_row(evident.projection, text)
from public;
-- [end sql/functions/projections/generated/_sql_stored_row.sql]
-- [begin sql/functions/projections/generated/_sql_on_conflict.sql]
-- evident._sql_on_conflict: SQL that makes an insert into the read model an upsert.
--
-- A row is updated also where the key is its only column, so that the number of rows
-- written tells whether there was one to write.

create or replace function evident._sql_on_conflict(
    p_projection evident.projection
)
returns text
language sql
stable
parallel safe
begin atomic
    select format(
        'on conflict (%1$I) do update set %2$s',
        (p_projection).key_column,
        coalesce(
            evident._sql_columns(p_projection, '%1$s = excluded.%1$s', ''),
            format('%1$I = excluded.%1$I', (p_projection).key_column)
        )
    );
end;

comment on function evident._sql_on_conflict(evident.projection) is
'SQL for the "on conflict" of an insert into the read model.';

revoke all on function evident._sql_on_conflict(evident.projection) from public;
-- [end sql/functions/projections/generated/_sql_on_conflict.sql]
-- [begin sql/functions/projections/generated/_sql_fold_by_key.sql]
-- evident._sql_fold_by_key: SQL for the rows that some events lead to, by key.
--
-- Columns: key, next_row. p_events is SQL that gives key, event and position;
-- p_stored is SQL for the row that k.key has before the first of them, null when it
-- has none. A key's first event gets that row, the others a blank one: the fold
-- looks at it only when there is no row, and one that an event removed
-- must not come back as it was stored.

create or replace function evident._sql_fold_by_key(
    p_projection evident.projection,
    p_events text,
    p_stored text
)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        select
            k.key,
            {refold}(
                case when k.is_first then coalesce({stored}, {blank}) else {blank} end,
                k.event
                order by k.position
            ) as next_row
        from (
            select
                v.key,
                v.event,
                v.position,
                row_number() over (partition by v.key order by v.position) = 1
                    as is_first
            from ({events}) as v
        ) as k
        group by k.key
        $sql$,
        jsonb_build_object(
            'refold', evident._name_of_object(p_projection, 'refold_%s'),
            'stored', p_stored,
            'blank', evident._sql_blank_row(p_projection, 'k.key'),
            'events', p_events
        )
    );
end;

comment on function evident._sql_fold_by_key(evident.projection, text, text) is
'SQL that folds the events of p_events (key, event, position) onto the rows of
p_stored, and gives key and next_row.';

revoke all on function evident._sql_fold_by_key(evident.projection, text, text)
from public;
-- [end sql/functions/projections/generated/_sql_fold_by_key.sql]
-- [begin sql/functions/projections/generated/_projection_replaces.sql]
-- evident._projection_replaces: whether rows are removed before others are written.
--
-- See _sql_write_rows. Indexes of partitions count.

create or replace function evident._projection_replaces(
    p_projection evident.projection
)
returns boolean
language sql
stable
parallel safe
begin atomic
    with part as (
        select evident._read_model(p_projection) as oid
        union
        select t.relid::oid
        from pg_partition_tree(evident._read_model(p_projection)) as t
    )

    select count(*) > 0
    from pg_index as i
    inner join part as p on i.indrelid = p.oid
    where not i.indisprimary and (i.indisunique or i.indisexclusion);
end;

comment on function evident._projection_replaces(evident.projection) is
'True where a unique or exclusion constraint besides the key would refuse values that
go from row to row.';

revoke all on function evident._projection_replaces(evident.projection) from public;
-- [end sql/functions/projections/generated/_projection_replaces.sql]
-- [begin sql/functions/projections/generated/_sql_write_rows.sql]
-- evident._sql_write_rows: SQL that writes rows into the read model.
--
-- p_rows is SQL that gives key and next_row, one per key. A row without a key
-- removes the key's stored row. It gives one row, with the number of rows given.
--
-- Where something besides the key must be unique, a value may go from one of the rows
-- to another, and the order of the writes would decide whether that is refused. So all
-- stored rows are removed there before the first is written; other transactions see
-- neither. Otherwise rows are updated, which costs less; who waits for one finds it.

create or replace function evident._sql_write_rows(
    p_projection evident.projection,
    p_rows text
)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        with given as materialized ({rows}),

        removed as (
            delete from {table} as t
            using given as g
            where t.{key} = g.key and {is_removed}
            returning 1
        ),

        kept as (
            insert into {table} as t ({columns})
            select {values}
            from given as g
            cross join (select count(*) from removed) as r
            where (g.next_row).{key} is not null
            {on_conflict}
        )

        select count(*) from given
        $sql$,
        jsonb_build_object(
            'rows', p_rows,
            'table', (p_projection).name,
            'key', format('%I', (p_projection).key_column),
            'columns', evident._sql_columns(p_projection, '%1$s'),
            'values', evident._sql_columns(
                p_projection, '(g.next_row).%1$s', 'g.key'
            ),
            'on_conflict', evident._sql_on_conflict(p_projection),
            'is_removed', case
                when evident._projection_replaces(p_projection) then 'true'
                else format('(g.next_row).%I is null', (p_projection).key_column)
            end
        )
    );
end;

comment on function evident._sql_write_rows(evident.projection, text) is
'SQL that upserts and deletes rows of the read model; p_rows gives key and next_row.';

revoke all on function evident._sql_write_rows(evident.projection, text) from public;
-- [end sql/functions/projections/generated/_sql_write_rows.sql]
-- [begin sql/functions/projections/generated/_sql_differs.sql]
-- evident._sql_differs: SQL that tells whether stored and folded row differ.
--
-- t is the read model, p_row the SQL of the folded row; either may have none for the
-- key. Compared byte for byte (*<>), which works for all types; row(t.*), since t may
-- be a column too.

create or replace function evident._sql_differs(
    p_projection evident.projection,
    p_row text
)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        '((t.{key} is null) <> (({row}).{key} is null)'
        ' or t.{key} is not null and row(t.*)::{table} *<> row({columns})::{table})',
        jsonb_build_object(
            'table', (p_projection).name,
            'key', format('%I', (p_projection).key_column),
            'row', p_row,
            'columns', evident._sql_columns(
                p_projection, '(' || p_row || ').%1$s',
                format('t.%I', (p_projection).key_column)
            )
        )
    );
end;

comment on function evident._sql_differs(evident.projection, text) is
'SQL that is true where row t of the read model and the folded row p_row differ.';

revoke all on function evident._sql_differs(evident.projection, text)
from public;
-- [end sql/functions/projections/generated/_sql_differs.sql]
-- [begin sql/functions/projections/generated/_sql_end_of_fold_block.sql]
-- evident._sql_end_of_fold_block: SQL that ends a block around a fold, for its errors.
--
-- The block is around the fold alone, and writes nothing: such a block takes no
-- transaction id, which on the append path would be dear. What is not the fold's
-- doing passes as it is. All errors of an invariant do: they are its answer to whoever
-- appends.

create or replace function evident._sql_end_of_fold_block(
    p_projection evident.projection
)
returns text
language sql
immutable
parallel safe
begin atomic
    select case when (p_projection).is_invariant then 'end;' else format(
        $sql$
        exception when others then
            get stacked diagnostics
                v_message = message_text,
                v_detail = pg_exception_detail;
            if not evident._is_fold_error(sqlstate) then
                raise;
            end if;
            perform evident._refuse_fold(%L, sqlstate, v_message, v_detail);
        end;
        $sql$,
        (p_projection).name
    ) end;
end;

comment on function evident._sql_end_of_fold_block(evident.projection) is
'SQL for the end of a block: raises a fold''s error with the projection''s name, but an
invariant''s as it is. It uses the variables v_message and v_detail.';

revoke all on function evident._sql_end_of_fold_block(evident.projection) from public;
-- [end sql/functions/projections/generated/_sql_end_of_fold_block.sql]
-- [begin sql/functions/projections/generated/_sql_refuse_old_snapshot.sql]
-- evident._sql_refuse_old_snapshot: SQL that refuses to fold with an old snapshot.
--
-- At REPEATABLE READ and above an append sees the read model as it was at its
-- snapshot. A row that a rebuild or a hand-over wrote since is a conflict, but
-- one that came or went is not seen at all. Whoever writes the read model besides
-- the appends also touches the projection's row; to lock that one is an error
-- (40001) when it was touched since the snapshot.
--
-- The read model comes first, as it does in a rebuild: that one waits for the read
-- model alone, and PostgreSQL lets an append pass it where all would wait in a circle.
--
-- Locks: ROW EXCLUSIVE on the read model, then the projection's row (shared)

create or replace function evident._sql_refuse_old_snapshot(
    p_projection evident.projection
)
returns text
language sql
immutable
parallel safe
begin atomic
    select format(
        $sql$
            if current_setting('transaction_isolation')
                in ('repeatable read', 'serializable')
            then
                lock table %1$s in row exclusive mode;
                perform evident._share_projection(%1$L);
            end if;
        $sql$,
        (p_projection).name
    );
end;

comment on function evident._sql_refuse_old_snapshot(evident.projection) is
'SQL for a trigger: 40001 where rows were repaired since the transaction''s snapshot.';

revoke all on function evident._sql_refuse_old_snapshot(evident.projection) from public;
-- [end sql/functions/projections/generated/_sql_refuse_old_snapshot.sql]
-- [begin sql/functions/projections/generated/_sql_is_pinned.sql]
-- evident._sql_is_pinned: SQL that tells whether a trigger may run a fold at once.
--
-- It runs as evident_projector, and path and settings are those of all other paths
-- (_fold_settings); most sessions have them so, and setting them costs more than
-- looking. Nothing here must be bent by the path, nor be somebody else's: each name is
-- qualified. Two arrays, since a comparison for each setting takes longer, and a loop
-- longer still; in the second no value of one setting is one of another's.

create or replace function evident._sql_is_pinned()
returns text
language sql
immutable
parallel safe
begin atomic
    select
        evident._fill(
            $sql$current_user operator(pg_catalog.=) 'evident_projector'
            and array[{exact}] operator(pg_catalog.=) {values}::pg_catalog.text[]
            and array[{either}] operator(pg_catalog.<@) {choices}::pg_catalog.text[]
            $sql$,
            jsonb_build_object(
                'exact', string_agg(s.look, ', ' order by s.name collate "C")
                filter (where s.value = s.alike),
                'values', format(
                    '%L',
                    array_agg(s.value order by s.name collate "C")
                    filter (where s.value = s.alike)
                ),
                'either', string_agg(s.look, ', ' order by s.name collate "C")
                filter (where s.value <> s.alike),
                'choices', format(
                    '%L',
                    array_agg(s.value order by s.name collate "C")
                    filter (where s.value <> s.alike)
                    || array_agg(s.alike order by s.name collate "C")
                    filter (where s.value <> s.alike)
                )
            )
        )
    from (
        select
            f.name,
            f.value,
            f.alike,
            format('pg_catalog.current_setting(%L)', f.name) as look
        from evident._fold_settings() as f
        union all
        select
            'search_path' as name,
            'pg_catalog, pg_temp' as value,
            'pg_catalog, pg_temp' as alike,
            'pg_catalog.current_setting(''search_path'')' as look
    ) as s;
end;

comment on function evident._sql_is_pinned() is
'SQL that is true where role, path and settings are those that folds run under.';

revoke all on function evident._sql_is_pinned() from public;
-- [end sql/functions/projections/generated/_sql_is_pinned.sql]

-- [begin sql/functions/projections/generated/_sql_return.sql]
-- evident._sql_return: SQL that ends a trigger that ran a fold.
--
-- A fold may set a path that outlives it, and what follows the trigger runs as the
-- store's owner. So a trigger returns to it only under the path it came with; in place
-- of a bare null, since each expression more costs.

create or replace function evident._sql_return()
returns text
language sql
immutable
parallel safe
begin atomic
    select $sql$return case
                when pg_catalog.current_setting('search_path')
                    operator(pg_catalog.<>) 'pg_catalog, pg_temp'
                    then evident._refuse_settings()
            end;$sql$::text;
end;

comment on function evident._sql_return() is
'SQL that returns null from a trigger, or raises 42501 when the path was changed.';

revoke all on function evident._sql_return() from public;
-- [end sql/functions/projections/generated/_sql_return.sql]
-- [begin sql/functions/projections/_check_projection.sql]
-- evident._check_projection: refuse a projection that cannot work, or is not safe.
--
-- A fold runs as evident_projector, inside append functions and background runs. So it,
-- the read model and their schemas must belong to that role, and nobody else may create
-- in these: whoever may register projections, or own a schema, could otherwise run code
-- of his own with the rights of all folds. And nobody else may write the read model, or
-- it would not be what the events say.
--
-- A trigger of the read model that waits for the commit would run with the rights of
-- whoever commits.
--
-- Errors: PT400

create or replace function evident._check_projection(
    p_projection evident.projection,
    p_model regclass,
    p_apply regprocedure,
    p_keys regprocedure
)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_problem record;
begin
    select r.argument, r.reason, r.hint
    into v_problem
    from (
        select
            1 as rank,
            'p_read_model' as argument,
            'not a table that lasts' as reason,
            'make the read model a table, neither temporary nor unlogged' as hint
        from pg_class as c
        where
            c.oid = p_model
            and (c.relkind not in ('r', 'p') or c.relpersistence <> 'p')
        union all
        select
            2, 'p_read_model', 'in schema evident',
            'give read models a schema of their own'
        from pg_class as c
        where c.oid = p_model and c.relnamespace = 'evident'::regnamespace
        union all
        select
            3, 'p_read_model', 'the name is longer than 40 bytes',
            'what is made for it is named after it; choose a shorter name'
        where octet_length(p_projection.name) > 40
        union all
        select
            4, 'p_read_model', 'no primary key of one column',
            'the primary key of a read model is the key of its projection'
        where p_projection.key_column is null
        union all
        select
            4, 'p_read_model', 'the primary key is deferrable',
            'make it not deferrable: the next write of a key meets its row'
        from pg_index as i
        where i.indrelid = p_model and i.indisprimary and not i.indimmediate
        union all
        select
            5, 'p_read_model', 'the key is not a uuid, as aggregates are',
            'name a function that tells the keys: p_keys'
        where p_projection.keys is null and p_projection.key_type <> 'uuid'
        union all
        select 5, 'p_read_model', k.reason, k.hint
        from evident._key_problem(p_model, p_projection.key_column) as k
        where p_projection.keys is not null
        union all
        select
            6, 'p_read_model', format('column %s fills itself', a.attname),
            'a fold sets every column: no identity, no generated column'
        from pg_attribute as a
        where
            a.attrelid = p_model
            and a.attnum > 0
            and (a.attidentity <> '' or a.attgenerated <> '')
        union all
        select
            7,
            case when p.oid = p_apply then 'p_apply' else 'p_keys' end,
            'in schema evident',
            'name the function that was written for the read model'
        from pg_proc as p
        where
            p.oid in (p_apply, p_keys)
            and p.pronamespace = 'evident'::regnamespace
        union all
        select 7 + o.rank, 'p_read_model', o.reason, o.hint
        from evident._projection_intruder(array[p_model::oid], '{}') as o
        union all
        select 7 + o.rank, 'p_apply', o.reason, o.hint
        from evident._projection_intruder('{}', array[p_apply::oid]) as o
        union all
        select 7 + o.rank, 'p_keys', o.reason, o.hint
        from evident._projection_intruder('{}', array[p_keys::oid]) as o
        union all
        select
            13, 'p_read_model',
            format(
                '%s may %s',
                coalesce(nullif(a.grantee, 0)::regrole::text, 'public'),
                a.privilege_type
            ),
            'only the store writes a read model: revoke that'
        from pg_class as c
        cross join lateral (
            select g.grantee, g.privilege_type
            from aclexplode(c.relacl) as g
            union all
            select g.grantee, g.privilege_type
            from pg_attribute as t
            cross join lateral aclexplode(t.attacl) as g
            where t.attrelid = c.oid
        ) as a
        where
            c.oid = p_model
            and a.grantee <> c.relowner
            and a.privilege_type in (
                'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES'
            )
        union all
        select
            14, 'p_read_model', format('trigger %I waits for the commit', g.tgname),
            'make it not deferrable, or drop it'
        from pg_trigger as g
        where g.tgrelid = p_model and g.tgdeferrable and not g.tgisinternal
        union all
        select
            15, 'p_apply',
            format(
                'not a function (%s, evident.event_store) returns %1$s',
                p_projection.name
            ),
            'the fold step takes the row so far and an event, and gives the next row'
        where not exists (
            select
            from pg_proc as p
            inner join pg_type as t on p.prorettype = t.oid
            where
                p.oid = p_apply
                and p.prokind = 'f'
                and not p.proretset
                and t.typrelid = p_model
                and p.pronargs = 2
                and p.proargtypes[0] = t.oid
                and p.proargtypes[1] = 'evident.event_store'::regtype
        )
        union all
        select
            17,
            case when p.oid = p_apply then 'p_apply' else 'p_keys' end,
            'volatile',
            'a fold is pure, the same whenever it runs: declare it immutable or stable'
        from pg_proc as p
        where p.oid in (p_apply, p_keys) and p.provolatile = 'v'
        union all
        select
            18, 'p_keys',
            'not a function (evident.event_store) that returns text or uuid',
            'it gives the keys that an event touches, none, one or several'
        where
            p_projection.keys is not null
            and not exists (
                select
                from pg_proc as p
                where
                    p.oid = p_keys
                    and p.prokind = 'f'
                    and p.prorettype in ('text'::regtype, 'uuid'::regtype)
                    and p.pronargs = 1
                    and p.proargtypes[0] = 'evident.event_store'::regtype
            )
        union all
        select
            19, 'p_event_types', 'empty, or with an element that is null or no type',
            'list types of 1 to 100 characters; null means all'
        where
            cardinality(p_projection.event_types) = 0
            or exists (
                select
                from unnest(p_projection.event_types) as t (event_type)
                where coalesce(char_length(t.event_type), 0) not between 1 and 100
            )
        union all
        select
            20, 'p_mode',
            coalesce(quote_literal(evident._short(p_projection.mode)), 'null'),
            'choose ''sync'' (in the append''s transaction) or ''async'''
        where p_projection.mode is null or p_projection.mode not in ('sync', 'async')
        union all
        select
            21, 'p_is_invariant', 'async: no append waits for its answer',
            'an invariant is synchronous: p_mode => ''sync'''
        where p_projection.mode = 'async' and p_projection.is_invariant
    ) as r
    order by r.rank, r.argument collate "C", r.reason collate "C"
    limit 1;

    if found then
        perform evident._refuse_argument(
            v_problem.argument, v_problem.reason, v_problem.hint
        );
    end if;
end;
$function$;

comment on function
evident._check_projection(evident.projection, regclass, regprocedure, regprocedure)
is
'Raises PT400 for the first thing that is wrong with a registration.';

revoke all on function
evident._check_projection(evident.projection, regclass, regprocedure, regprocedure)
from public;
-- [end sql/functions/projections/_check_projection.sql]
-- [begin sql/functions/projections/_is_batch.sql]
-- evident._is_batch: tell whether a statement appends a batch.
--
-- For the triggers of synchronous projections, see _make_keep. PostgreSQL reads the
-- condition of a trigger anew from its text in each statement: a call without arguments
-- is read in a fifth of the time that the expression in it takes.
--
-- Runs under the path of whoever inserts: each name is qualified.

create or replace function evident._is_batch()
returns boolean
language plpgsql
stable
parallel safe
as $function$
begin
    return coalesce(
        pg_catalog.current_setting('evident.is_batch', true)
        operator(pg_catalog.=) 'on',
        false
    );
end;
$function$;

comment on function evident._is_batch() is
'Whether evident.is_batch is on: then one trigger folds all events of a statement.';

revoke all on function evident._is_batch() from public;
-- [end sql/functions/projections/_is_batch.sql]

-- [begin sql/functions/projections/generated/_sql_step_function.sql]
-- evident._sql_step_function: SQL for step_<projection>, which stands for the fold.
--
-- Everything calls this. Its body is parsed when it is made, so it is bound to the fold
-- and not to its name: dropping the fold is refused, and one that is made in its place
-- is not run. It takes a whole row, so columns may change; and it is inlined. What it
-- declares is what the fold declares, and no more.

create or replace function evident._sql_step_function(
    p_projection evident.projection,
    p_apply regprocedure
)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}(p_row {table}, p_event evident.event_store)
        returns {table}
        language sql
        {attributes}
        begin atomic
            select {fold}(p_row, p_event);
        end;

        comment on function {name}({table}, evident.event_store) is
        'Made by create_projection: stands for the fold step.';

        revoke all on function {name}({table}, evident.event_store) from public;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'step_%s'),
            'table', (p_projection).name,
            'attributes', evident._routine_attributes(p_apply),
            'fold', p_apply::oid::regproc::text
        )
    );
end;

comment on function evident._sql_step_function(evident.projection, regprocedure) is
'SQL that creates or replaces step_<projection>, bound to the fold p_apply.';

revoke all on function evident._sql_step_function(evident.projection, regprocedure)
from public;
-- [end sql/functions/projections/generated/_sql_step_function.sql]

-- [begin sql/functions/projections/generated/_sql_keys_function.sql]
-- evident._sql_keys_function: SQL for keys_<projection>, which tells an event's keys.
--
-- It stands for the function that was registered, as step_<projection> does for the
-- fold (_sql_step_function).

create or replace function evident._sql_keys_function(
    p_projection evident.projection,
    p_keys regprocedure
)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}(p_event evident.event_store)
        returns {returns}
        language sql
        {attributes}
        begin atomic
            {query};
        end;

        comment on function {name}(evident.event_store) is
        'Made by create_projection: stands for the function that tells keys.';

        revoke all on function {name}(evident.event_store) from public;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'keys_%s'),
            'returns', pg_get_function_result(p_keys),
            'attributes', evident._routine_attributes(p_keys),
            'query', format(
                case
                    when (
                        select p.proretset
                        from pg_proc as p
                        where p.oid = p_keys
                    )
                        then 'select k.key from %s(p_event) as k (key)'
                    else 'select %s(p_event)'
                end,
                p_keys::oid::regproc
            )
        )
    );
end;

comment on function evident._sql_keys_function(evident.projection, regprocedure) is
'SQL that creates or replaces keys_<projection>, bound to the function p_keys.';

revoke all on function evident._sql_keys_function(evident.projection, regprocedure)
from public;
-- [end sql/functions/projections/generated/_sql_keys_function.sql]

-- [begin sql/functions/projections/generated/_sql_events_view.sql]
-- evident._sql_events_view: SQL for events_of_<projection>, the events it is made of.
--
-- Once for each of their keys. Every path reads them here, so types, keys and what was
-- skipped are settled once. What was skipped as a whole (key '') must not reach the
-- function that tells the keys: `offset 0` keeps the planner from changing that order.

create or replace function evident._sql_events_view(p_projection evident.projection)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace view {name}
        with (security_invoker = on) as
        select
            k.key,
            e as event,
            e.id as position
        from evident.event_store as e
        {not_skipped}
        cross join lateral ({keys}) as k (key)
        where
            {is_folded}
            and not exists (
                select
                from evident.projection_skip as s
                where
                    s.projection = {projection}
                    and s.position = e.id
                    and s.key = k.key::text
            );

        comment on view {name} is
        'Made by create_projection: the events of the projection, once for each
key.';
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'events_of_%s'),
            'projection', format('%L', (p_projection).name),
            'is_folded', evident._sql_is_folded(p_projection, 'e'),
            'keys', evident._sql_keys_of(
                p_projection,
                case when (p_projection).keys is null then 'e' else 'l.event' end
            ),
            'not_skipped', case
                when (p_projection).keys is null then ''
                else format(
                    $sql$
                    cross join lateral (
                        select e as event
                        where not exists (
                            select
                            from evident.projection_skip as s
                            where
                                s.projection = %L
                                and s.position = e.id
                                and s.key = ''
                        )
                        offset 0
                    ) as l
                    $sql$,
                    (p_projection).name
                )
            end
        )
    );
end;

comment on function evident._sql_events_view(evident.projection) is
'SQL that creates or replaces the view of the events that a projection folds.';

revoke all on function evident._sql_events_view(evident.projection) from public;
-- [end sql/functions/projections/generated/_sql_events_view.sql]

-- [begin sql/functions/projections/generated/_sql_folding_function.sql]
-- evident._sql_folding_function: SQL for folding_<projection>, an aggregate's step.
--
-- The state is the row so far; its key is set before each event, so that a row comes
-- into being with only its key, also after a fold gave null, which removes it.
--
-- The body is quoted as a literal, as all bodies are: a column or a fold may be named
-- like whatever ends a body between dollars, and what follows would run as well.

create or replace function evident._sql_folding_function(
    p_projection evident.projection,
    p_attributes text
)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}(
            p_state {table}, p_key {key_type}, p_event evident.event_store
        )
        returns {table}
        language plpgsql
        {attributes}
        as {body};

        comment on function {name}({table}, {key_type}, evident.event_store) is
        'Made by create_projection: the row so far, its key set, and an event.';

        revoke all on function {name}({table}, {key_type}, evident.event_store)
        from public;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'folding_%s'),
            'table', (p_projection).name,
            'key_type', (p_projection).key_type,
            'attributes', p_attributes,
            'body', format('%L', format(
                $step$
            begin
                p_state.%I := p_key;
                return %s(p_state, p_event);
            end;
            $step$,
                (p_projection).key_column,
                evident._name_of_object(p_projection, 'step_%s')
            ))
        )
    );
end;

comment on function evident._sql_folding_function(evident.projection, text) is
'SQL that creates or replaces the step by which fold_<projection> folds.';

revoke all on function evident._sql_folding_function(evident.projection, text)
from public;
-- [end sql/functions/projections/generated/_sql_folding_function.sql]

-- [begin sql/functions/projections/generated/_sql_fold_aggregate.sql]
-- evident._sql_fold_aggregate: SQL for fold_<projection>(key, event), from nothing.
--
-- Its step is folding_<projection> (_sql_folding_function).

create or replace function evident._sql_fold_aggregate(
    p_projection evident.projection,
    p_attributes text
)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace aggregate {name}({key_type}, evident.event_store) (
            sfunc = {step},
            stype = {table},
            parallel = {parallel}
        );

        comment on aggregate {name}({key_type}, evident.event_store) is
        'Made by create_projection: folds events, in the order given by "order by",
into the row of a key.';

        revoke all on function {name}({key_type}, evident.event_store) from public;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'fold_%s'),
            'step', evident._name_of_object(p_projection, 'folding_%s'),
            'table', (p_projection).name,
            'key_type', (p_projection).key_type,
            'parallel', substring(p_attributes from '[a-z]+$')
        )
    );
end;

comment on function evident._sql_fold_aggregate(evident.projection, text) is
'SQL that creates or replaces the aggregate that folds events into a key''s row.';

revoke all on function evident._sql_fold_aggregate(evident.projection, text)
from public;
-- [end sql/functions/projections/generated/_sql_fold_aggregate.sql]

-- [begin sql/functions/projections/generated/_sql_refolding_function.sql]
-- evident._sql_refolding_function: SQL for refolding_<projection>, from a row.
--
-- The step of refold_<projection>. The row that it starts from is looked at only while
-- there is none; but its key always, so that a fold cannot move on to another one.

create or replace function evident._sql_refolding_function(
    p_projection evident.projection,
    p_attributes text
)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}(
            p_state {table}, p_start {table}, p_event evident.event_store
        )
        returns {table}
        language plpgsql
        {attributes}
        as {body};

        comment on function {name}({table}, {table}, evident.event_store) is
        'Made by create_projection: as the fold step, from p_start at first.';

        revoke all on function {name}({table}, {table}, evident.event_store)
        from public;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'refolding_%s'),
            'table', (p_projection).name,
            'attributes', p_attributes,
            'body', format('%L', format(
                $step$
            begin
                if p_state.%1$I is null then
                    p_state := p_start;
                else
                    p_state.%1$I := p_start.%1$I;
                end if;
                return %2$s(p_state, p_event);
            end;
            $step$,
                (p_projection).key_column,
                evident._name_of_object(p_projection, 'step_%s')
            ))
        )
    );
end;

comment on function evident._sql_refolding_function(evident.projection, text) is
'SQL that creates or replaces the step by which refold_<projection> folds.';

revoke all on function evident._sql_refolding_function(evident.projection, text)
from public;
-- [end sql/functions/projections/generated/_sql_refolding_function.sql]

-- [begin sql/functions/projections/generated/_sql_refold_aggregate.sql]
-- evident._sql_refold_aggregate: SQL for refold_<projection>(row, event), from a row.
--
-- Its step is refolding_<projection> (_sql_refolding_function).

create or replace function evident._sql_refold_aggregate(
    p_projection evident.projection,
    p_attributes text
)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace aggregate {name}({table}, evident.event_store) (
            sfunc = {step},
            stype = {table},
            parallel = {parallel}
        );

        comment on aggregate {name}({table}, evident.event_store) is
        'Made by create_projection: folds events, in the order given by "order by",
onto an existing row.';

        revoke all on function {name}({table}, evident.event_store) from public;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'refold_%s'),
            'step', evident._name_of_object(p_projection, 'refolding_%s'),
            'table', (p_projection).name,
            'parallel', substring(p_attributes from '[a-z]+$')
        )
    );
end;

comment on function evident._sql_refold_aggregate(evident.projection, text) is
'SQL that creates or replaces the aggregate that folds events onto a row.';

revoke all on function evident._sql_refold_aggregate(evident.projection, text)
from public;
-- [end sql/functions/projections/generated/_sql_refold_aggregate.sql]

-- [begin sql/functions/projections/generated/_make_fold.sql]
-- evident._make_fold: create what folds a projection's events.
--
-- step_<projection> and keys_<projection> stand for the fold and for the function that
-- tells keys; events_of_<projection> has the events; fold_<projection> folds them from
-- nothing, and refold_<projection> onto a row. Each has a function of its own that
-- writes its SQL (_sql_step_function and its neighbours).
--
-- All belong to evident_projector, and it alone may use them. What they declare is
-- what the fold declares, and no more.
--
-- Whatever runs a fold pins its settings (_fold_settings): casts in a fold, and the
-- text of a key (a day), must be the same for a failure, a skip, a lock and every
-- session.

create or replace function evident._make_fold(
    p_projection evident.projection,
    p_apply regprocedure,
    p_keys regprocedure
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_attributes constant text := evident._routine_attributes(p_apply);
begin
    perform evident._make_functions(
        evident._sql_step_function(p_projection, p_apply)
    );
    if p_keys is not null then
        perform evident._make_functions(
            evident._sql_keys_function(p_projection, p_keys)
        );
    end if;
    perform evident._make_functions(evident._sql_events_view(p_projection));
    perform evident._make_functions(
        evident._sql_folding_function(p_projection, v_attributes)
        || evident._sql_refolding_function(p_projection, v_attributes)
        || evident._sql_fold_aggregate(p_projection, v_attributes)
        || evident._sql_refold_aggregate(p_projection, v_attributes)
    );
end;
$function$;

comment on function
evident._make_fold(evident.projection, regprocedure, regprocedure) is
'Creates or replaces the wrappers of a fold and its keys, the view of a projection''s
events, and its aggregates.';

revoke all on function
evident._make_fold(evident.projection, regprocedure, regprocedure) from public;
-- [end sql/functions/projections/generated/_make_fold.sql]
-- [begin sql/functions/projections/generated/_sql_row_function.sql]
-- evident._sql_row_function: SQL for row_<projection>, which gives the row it is given.
--
-- It is inlined, and bound to the type of the read model as step_<projection> is.
-- Whoever owns the read model's schema could drop the table, and make another, with
-- code of his own: then neither is there, and no statement that names this would be
-- planned, let alone run.

create or replace function evident._sql_row_function(p_projection evident.projection)
returns text
language sql
immutable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}(p_row {table})
        returns {table}
        language sql
        immutable
        parallel safe
        begin atomic
            select p_row;
        end;

        comment on function {name}({table}) is
        'Made by create_projection: the row that it is given.';

        revoke all on function {name}({table}) from public;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'row_%s'),
            'table', (p_projection).name
        )
    );
end;

comment on function evident._sql_row_function(evident.projection) is
'SQL that creates or replaces row_<projection>.';

revoke all on function evident._sql_row_function(evident.projection) from public;
-- [end sql/functions/projections/generated/_sql_row_function.sql]

-- [begin sql/functions/projections/generated/_sql_next_function.sql]
-- evident._sql_next_function: SQL for next_<projection>, whose errors name it.
--
-- For the statement that folds and writes at once, where no block can be around the
-- fold alone (_sql_end_of_fold_block).

create or replace function evident._sql_next_function(p_projection evident.projection)
returns text
language sql
immutable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}(
            p_row {table}, p_event evident.event_store
        )
        returns {table}
        language plpgsql
        volatile
        parallel unsafe
        as {body};

        comment on function {name}({table}, evident.event_store) is
        'Made by create_projection: the fold step, naming the projection in
errors.';

        revoke all on function {name}({table}, evident.event_store) from public;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'next_%s'),
            'table', (p_projection).name,
            'body', format('%L', format(
                $next$
            declare
                v_message text;
                v_detail text;
            begin
                return %s(p_row, p_event);
            %s
            $next$,
                evident._name_of_object(p_projection, 'step_%s'),
                evident._sql_end_of_fold_block(p_projection)
            ))
        )
    );
end;

comment on function evident._sql_next_function(evident.projection) is
'SQL that creates or replaces next_<projection>.';

revoke all on function evident._sql_next_function(evident.projection) from public;
-- [end sql/functions/projections/generated/_sql_next_function.sql]

-- [begin sql/functions/projections/generated/_sql_fold_event.sql]
-- evident._sql_fold_event: SQL that folds one event, new, of a synchronous projection.
--
-- The beginning of a function's body, up to where path and settings turned out to be
-- others than those of folds (_sql_is_pinned): then it has done nothing.
--
-- The first version of an aggregate has no row to look for. For others the row is read,
-- folded and written where it was found, which costs less than one statement for all.
-- The last step of a rebuild stops writers of the read model with a lock, so it may
-- change the row after that look. Then the row is no longer there, or another
-- transaction has written it, and this one does not: what follows does the work again,
-- as it does for a row that came or goes. There, reading and writing are one
-- statement, which has its lock on the table before its snapshot; so nothing is ever
-- folded onto a row that a rebuild is about to change.
--
-- Errors of the fold are caught around the fold alone, which costs no transaction id.
--
-- Names of columns come before those of variables: a key may be called v_row, and
-- stands alone in "on conflict".

create or replace function evident._sql_fold_event(p_projection evident.projection)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $keep$
        #variable_conflict use_column
        declare
            v_row {table};
            v_found record;
            v_message text;
            v_detail text;
        begin
            if {is_pinned} and {is_folded} then
                if new.version = 1 then
                    v_row.{key} := new.aggregate_id;
                    begin
                        v_row := {step}(v_row, new);
                    {end_of_block}
                    insert into {table} as t ({columns})
                    select {new_row}
                    where v_row.{key} is not null
                    {on_conflict};
                    {return}
                end if;

                select
                    {row}(row(s.*)::{table}) as stored,
                    s.ctid as place,
                    s.xmin as writer
                into v_found
                from {table} as s
                where s.{key} = new.aggregate_id;

                if found then
                    begin
                        v_row := {step}(v_found.stored, new);
                    {end_of_block}
                    update {table} as t
                    set {settings}
                    where
                        t.ctid = v_found.place
                        and t.xmin = v_found.writer
                        and t.{key} = new.aggregate_id
                        and v_row.{key} is not null;
                    if found then
                        {return}
                    end if;
                end if;

                {refuse_old_snapshot}
                insert into {table} as t ({columns})
                select {next_row}
                from (
                    select
                        {next}(
                            coalesce({stored_row}, {blank_row}),
                            new
                        ) as next_row
                    offset 0
                ) as f
                where (f.next_row).{key} is not null
                {on_conflict};

                if not found then
                    delete from {table} as t
                    where t.{key} = new.aggregate_id;
                end if;
                {return}
            end if;
        $keep$,
        jsonb_build_object(
            'table', (p_projection).name,
            'key', format('%I', (p_projection).key_column),
            'is_pinned', evident._sql_is_pinned(),
            'is_folded', evident._sql_is_folded(p_projection, 'new'),
            'row', evident._name_of_object(p_projection, 'row_%s'),
            'step', evident._name_of_object(p_projection, 'step_%s'),
            'next', evident._name_of_object(p_projection, 'next_%s'),
            'end_of_block', evident._sql_end_of_fold_block(p_projection),
            'columns', evident._sql_columns(p_projection, '%1$s'),
            'new_row', evident._sql_columns(
                p_projection, 'v_row.%1$s', 'new.aggregate_id'
            ),
            'next_row', evident._sql_columns(
                p_projection, '(f.next_row).%1$s', 'new.aggregate_id'
            ),
            'settings', coalesce(
                evident._sql_columns(p_projection, '%1$s = v_row.%1$s', ''),
                format('%1$I = t.%1$I', (p_projection).key_column)
            ),
            'on_conflict', evident._sql_on_conflict(p_projection),
            'stored_row', evident._sql_stored_row(p_projection, 'new.aggregate_id'),
            'blank_row', evident._sql_blank_row(p_projection, 'new.aggregate_id'),
            'refuse_old_snapshot', evident._sql_refuse_old_snapshot(p_projection),
            'return', evident._sql_return()
        )
    );
end;

comment on function evident._sql_fold_event(evident.projection) is
'SQL for the beginning of a function that folds the event new, and returns; it goes on
where the settings are not those of folds.';

revoke all on function evident._sql_fold_event(evident.projection) from public;
-- [end sql/functions/projections/generated/_sql_fold_event.sql]

-- [begin sql/functions/projections/generated/_sql_pinned_function.sql]
-- evident._sql_pinned_function: SQL for pinned_<projection>, under settings of its own.
--
-- It folds one event as kept_event_<projection> does, with all settings of folds set:
-- for sessions that have others.

create or replace function evident._sql_pinned_function(p_projection evident.projection)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}(new evident.event_store)
        returns evident.event_store
        language plpgsql
        volatile
        parallel unsafe
        set search_path = pg_catalog, pg_temp
        {settings}
        as {body};

        comment on function {name}(evident.event_store) is
        'Made by create_projection: folds one event under the settings that all
use.';

        revoke all on function {name}(evident.event_store) from public;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'pinned_%s'),
            'settings', evident._sql_set_clauses(),
            'body', format('%L', format(
                $pinned$
            %s
            if %s then
                perform evident._refuse_settings();
            end if;
            return null;
        end;
        $pinned$,
                evident._sql_fold_event(p_projection),
                evident._sql_is_folded(p_projection, 'new')
            ))
        )
    );
end;

comment on function evident._sql_pinned_function(evident.projection) is
'SQL that creates or replaces pinned_<projection>.';

revoke all on function evident._sql_pinned_function(evident.projection) from public;
-- [end sql/functions/projections/generated/_sql_pinned_function.sql]

-- [begin sql/functions/projections/generated/_sql_kept_event_function.sql]
-- evident._sql_kept_event_function: SQL for kept_event_<projection>, for one event.
--
-- Events are inserted by the store's owner, and the fold runs as evident_projector, so
-- this is a definer function of that role. A cast in a fold may depend on settings, and
-- a replay must give the same (_fold_settings): where the session's are not those of
-- all other paths, pinned_<projection>, the same with all of them set, does the work.
-- The function itself sets those that sessions begin with otherwise in this database,
-- since each costs some of the append. It is the one definer function without a path,
-- and looks at the path before anything else (_sql_is_pinned).
--
-- A fold could alter it, since its role owns it: make it run as whoever inserts, or
-- move it to a schema of its own and give it another body there. As it stands in this
-- schema its body cannot be replaced (_make_functions), and runs a fold as
-- evident_projector or not at all.

create or replace function evident._sql_kept_event_function(
    p_projection evident.projection
)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}(new evident.event_store)
        returns evident.event_store
        language plpgsql
        volatile
        parallel unsafe
        security definer
        {settings}
        as {body};

        comment on function {name}(evident.event_store) is
        'Made by create_projection: folds one event into the read model.';

        revoke all on function {name}(evident.event_store) from public;
        grant execute on function {name}(evident.event_store) to evident_owner;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'kept_event_%s'),
            'settings', evident._sql_set_clauses(
                (
                    select jsonb_object_agg(lower(s.name), s.reset_val)
                    from pg_settings as s
                )
            ),
            'body', format('%L', format(
                $keep$
            %1$s
            if %2$s then
                if current_user operator(pg_catalog.<>) 'evident_projector' then
                    perform evident._refuse_settings();
                end if;
                declare
                    v_abbreviations constant text := pg_catalog.current_setting(
                        'timezone_abbreviations'
                    );
                begin
                    if v_abbreviations operator(pg_catalog.=) 'Default' then
                        perform %3$s(new);
                    else
                        perform pg_catalog.set_config(
                            'timezone_abbreviations', 'Default', true
                        );
                        perform %3$s(new);
                        perform pg_catalog.set_config(
                            'timezone_abbreviations', v_abbreviations, true
                        );
                    end if;
                end;
            end if;
            return null;
        end;
        $keep$,
                evident._sql_fold_event(p_projection),
                evident._sql_is_folded(p_projection, 'new'),
                evident._name_of_object(p_projection, 'pinned_%s')
            ))
        )
    );
end;

comment on function evident._sql_kept_event_function(evident.projection) is
'SQL that creates or replaces kept_event_<projection>.';

revoke all on function evident._sql_kept_event_function(evident.projection) from public;
-- [end sql/functions/projections/generated/_sql_kept_event_function.sql]

-- [begin sql/functions/projections/generated/_sql_keep_event_trigger.sql]
-- evident._sql_keep_event_trigger: SQL for the trigger of one event.
--
-- The function belongs to evident_owner, and names kept_event_<projection>: a trigger
-- has its function by oid, wherever a fold had that moved, and would run it as the
-- store's owner.

create or replace function evident._sql_keep_event_trigger(
    p_projection evident.projection
)
returns text
language sql
immutable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        as {body};

        comment on function {name}() is
        'Made by create_projection: folds one event by what it names.';

        revoke all on function {name}() from public;

        create or replace trigger {trigger}
        after insert on evident.event_store
        for each row
        when (not evident._is_batch())
        execute function {name}();
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'keep_event_%s'),
            'trigger', format(
                '%I', evident._name_of_trigger(p_projection, 'keep_event_%s')
            ),
            'body', format('%L', format(
                $call$
            begin
                return %s(new);
            end;
            $call$,
                evident._name_of_object(p_projection, 'kept_event_%s')
            ))
        )
    );
end;

comment on function evident._sql_keep_event_trigger(evident.projection) is
'SQL that creates or replaces keep_event_<projection> and its trigger.';

revoke all on function evident._sql_keep_event_trigger(evident.projection) from public;
-- [end sql/functions/projections/generated/_sql_keep_event_trigger.sql]

-- [begin sql/functions/projections/generated/_make_keep.sql]
-- evident._make_keep: make the trigger for one event of a synchronous projection.
--
-- keep_event_<projection>, for each row, is the short way where the key is the
-- aggregate. Functions that insert many events set evident.is_batch, and the trigger of
-- _make_keep_batch folds those. Either is right for any number of events, so the
-- setting is only about speed, and exactly one of the two acts: which one is settled
-- before the first of a statement's events is folded.
--
-- The trigger's function is the owner's, and names kept_event_<projection>, which folds
-- as evident_projector (_sql_fold_event), by itself or through pinned_<projection>.
--
-- Bodies are quoted as literals: an event type may hold whatever would end a body
-- between dollars, and what follows would run as well.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store

create or replace function evident._make_keep(p_projection evident.projection)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform evident._make_functions(
        evident._sql_row_function(p_projection)
        || evident._sql_next_function(p_projection)
        || evident._sql_pinned_function(p_projection)
        || evident._sql_kept_event_function(p_projection)
    );
    perform evident._run_ddl(evident._sql_keep_event_trigger(p_projection));
end;
$function$;

comment on function evident._make_keep(evident.projection) is
'Creates or replaces the trigger for single events, and enables it.';

revoke all on function evident._make_keep(evident.projection) from public;
-- [end sql/functions/projections/generated/_make_keep.sql]
-- [begin sql/functions/projections/generated/_sql_keys_of_statement.sql]
-- evident._sql_keys_of_statement: SQL for the events of a statement, once for each key.
--
-- A query of key, event and position, over the array p_events of
-- kept_batch_<projection>.

create or replace function evident._sql_keys_of_statement(
    p_projection evident.projection
)
returns text
language sql
stable
parallel safe
begin atomic
    select format(
        $sql$
            select
                k.key,
                e.event,
                e.id as position
            from (
                select
                    n as event,
                    n.id
                from unnest(p_events) as n
                where %s
                offset 0
            ) as e
            cross join lateral (%s) as k (key)
        $sql$,
        evident._sql_is_folded(p_projection, 'n'),
        evident._sql_keys_of(p_projection, 'e.event')
    );
end;

comment on function evident._sql_keys_of_statement(evident.projection) is
'SQL for a query of key, event and position over the events of a statement.';

revoke all on function evident._sql_keys_of_statement(evident.projection) from public;
-- [end sql/functions/projections/generated/_sql_keys_of_statement.sql]

-- [begin sql/functions/projections/generated/_sql_queue_for_keys.sql]
-- evident._sql_queue_for_keys: SQL that waits for the keys which the events touch.
--
-- Where keys cross aggregates, two appends may meet in one row. They queue on the
-- key's lock; but the later id may get there first. Rows would then differ from a
-- replay, so the earlier one is refused with 40001, and its retry has a new id.
-- One snapshot per transaction could not see the other: PT400 there.

create or replace function evident._sql_queue_for_keys(p_projection evident.projection)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
            declare
                v_queue text[];
                v_first bigint;
            begin
                begin
                    select
                        array_agg(distinct v.key::text),
                        min(v.position)
                    into v_queue, v_first
                    from ({events}) as v;
                {end_of_block}
                if v_queue is null then
                    {return}
                end if;

                if current_setting('transaction_isolation')
                    in ('repeatable read', 'serializable')
                then
                    perform evident._refuse_argument(
                        'transaction_isolation',
                        current_setting('transaction_isolation')
                        || ' cannot see what others fold into the rows of ' || {name},
                        'append at READ COMMITTED'
                    );
                end if;

                perform evident._lock_keys({number}, v_queue);
                if exists (
                    select
                    from (
                        select e as event
                        from evident.event_store as e
                        where
                            e.id > v_first
                            and {is_folded}
                            and not exists (
                                select
                                from unnest(p_events) as n
                                where n.id = e.id
                            )
                        offset 0
                    ) as l
                    cross join lateral ({later_keys}) as k (key)
                    where k.key::text = any (v_queue)
                ) then
                    raise exception using
                        errcode = 'serialization_failure',
                        message = 'could not fold into ' || {name} || ' in the order of'
                            ' the feed: a later event of the same key was there first',
                        detail = jsonb_build_object('projection', {name}::text)::text,
                        hint = 'append again';
                end if;
            end;
            $sql$,
        jsonb_build_object(
            'name', format('%L', (p_projection).name),
            'number', (p_projection).number,
            'events', evident._sql_keys_of_statement(p_projection),
            'end_of_block', evident._sql_end_of_fold_block(p_projection),
            'is_folded', evident._sql_is_folded(p_projection, 'e'),
            'later_keys', evident._sql_keys_of(p_projection, 'l.event'),
            'return', evident._sql_return()
        )
    );
end;

comment on function evident._sql_queue_for_keys(evident.projection) is
'SQL for kept_batch_<projection>: takes the locks of the keys, 40001 when a later event
was there first.';

revoke all on function evident._sql_queue_for_keys(evident.projection) from public;
-- [end sql/functions/projections/generated/_sql_queue_for_keys.sql]

-- [begin sql/functions/projections/generated/_sql_fold_statement.sql]
-- evident._sql_fold_statement: SQL that folds the events of a statement, p_events.
--
-- The body of kept_batch_<projection>, see _sql_kept_batch_function.

create or replace function evident._sql_fold_statement(p_projection evident.projection)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $keep$
        #variable_conflict use_column
        declare
            v_message text;
            v_detail text;
            v_count bigint;
            v_keys {key_type}[];
            v_rows {table}[];
            v_abbreviations text;
        begin
            if {is_pinned} then
                {queue}
                lock table {table} in row exclusive mode;
                begin
                    select
                        array_agg(f.key),
                        array_agg(f.next_row)
                    into v_keys, v_rows
                    from ({folded}) as f;
                {end_of_block}
                if v_keys is not null then
                    {write} into v_count;
                end if;
                {return}
            end if;
            v_abbreviations := pg_catalog.current_setting('timezone_abbreviations');
            if current_user operator(pg_catalog.<>) 'evident_projector'
                or v_abbreviations operator(pg_catalog.=) 'Default'
            then
                perform evident._refuse_settings();
            end if;
            perform pg_catalog.set_config('timezone_abbreviations', 'Default', true);
            perform {name}(p_events);
            perform pg_catalog.set_config(
                'timezone_abbreviations', v_abbreviations, true
            );
            return null;
        end;
        $keep$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'kept_batch_%s'),
            'table', (p_projection).name,
            'key_type', (p_projection).key_type,
            'is_pinned', evident._sql_is_pinned(),
            'queue', case
                when (p_projection).keys is null
                    then evident._sql_refuse_old_snapshot(p_projection)
                else evident._sql_queue_for_keys(p_projection)
            end,
            'folded', evident._sql_fold_by_key(
                p_projection,
                evident._sql_keys_of_statement(p_projection),
                evident._sql_stored_row(p_projection, 'k.key')
            ),
            'end_of_block', evident._sql_end_of_fold_block(p_projection),
            'write', evident._sql_write_rows(
                p_projection,
                'select unnest(v_keys) as key, unnest(v_rows) as next_row'
            ),
            'return', evident._sql_return()
        )
    );
end;

comment on function evident._sql_fold_statement(evident.projection) is
'SQL for the body of a function that folds p_events by key.';

revoke all on function evident._sql_fold_statement(evident.projection) from public;
-- [end sql/functions/projections/generated/_sql_fold_statement.sql]

-- [begin sql/functions/projections/generated/_sql_kept_batch_function.sql]
-- evident._sql_kept_batch_function: SQL for kept_batch_<projection>, for many events.
--
-- It folds the events of a statement by key, with one fold and one write. It gets them
-- as an array, since another function cannot see the rows of a statement.
--
-- The lock on the read model comes before the rows are read: the last step of
-- a rebuild stops its writers there.

create or replace function evident._sql_kept_batch_function(
    p_projection evident.projection
)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}(p_events evident.event_store[])
        returns evident.event_store
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        {settings}
        set enable_seqscan = off
        set row_security = off
        as {body};

        comment on function {name}(evident.event_store[]) is
        'Made by create_projection: folds the events of a statement, by key.';

        revoke all on function {name}(evident.event_store[]) from public;
        grant execute on function {name}(evident.event_store[]) to evident_owner;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'kept_batch_%s'),
            'settings', evident._sql_set_clauses(),
            'body', format('%L', evident._sql_fold_statement(p_projection))
        )
    );
end;

comment on function evident._sql_kept_batch_function(evident.projection) is
'SQL that creates or replaces kept_batch_<projection>.';

revoke all on function evident._sql_kept_batch_function(evident.projection) from public;
-- [end sql/functions/projections/generated/_sql_kept_batch_function.sql]

-- [begin sql/functions/projections/generated/_sql_keep_batch_trigger.sql]
-- evident._sql_keep_batch_trigger: SQL for the trigger of many events.
--
-- Where the key is the aggregate it leaves the statements that are no batch to
-- keep_event_<projection>. As there, the function is the owner's, and names
-- kept_batch_<projection>.

create or replace function evident._sql_keep_batch_trigger(
    p_projection evident.projection
)
returns text
language sql
immutable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        set search_path = pg_catalog, pg_temp
        as {body};

        comment on function {name}() is
        'Made by create_projection: folds a statement''s events by what it names.';

        revoke all on function {name}() from public;

        create or replace trigger {trigger}
        after insert on evident.event_store
        referencing new table as new_events
        for each statement {condition} execute function {name}();
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'keep_batch_%s'),
            'trigger', format(
                '%I', evident._name_of_trigger(p_projection, 'keep_batch_%s')
            ),
            'condition', case
                when (p_projection).keys is null
                    then 'when (evident._is_batch())'
                else ''
            end,
            'body', format('%L', format(
                $call$
            declare
                v_events constant evident.event_store[] := array(
                    select
                        row(
                            n.id, n.aggregate_id, n.version, n.event_type, n.payload,
                            n.metadata, n.event_id, n.occurred_at, n.recorded_by
                        )::evident.event_store
                    from new_events as n
                );
            begin
                perform %s(v_events);
                return null;
            end;
            $call$,
                evident._name_of_object(p_projection, 'kept_batch_%s')
            ))
        )
    );
end;

comment on function evident._sql_keep_batch_trigger(evident.projection) is
'SQL that creates or replaces keep_batch_<projection> and its trigger.';

revoke all on function evident._sql_keep_batch_trigger(evident.projection) from public;
-- [end sql/functions/projections/generated/_sql_keep_batch_trigger.sql]

-- [begin sql/functions/projections/generated/_make_keep_batch.sql]
-- evident._make_keep_batch: make the trigger for many events of a synchronous
-- projection.
--
-- keep_batch_<projection> folds the events of a statement by key. As in _make_keep, the
-- trigger's function is the owner's, and names kept_batch_<projection>, which belongs
-- to evident_projector, runs as that role, and looks first whether it does.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store

create or replace function evident._make_keep_batch(p_projection evident.projection)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform evident._make_functions(evident._sql_kept_batch_function(p_projection));
    perform evident._run_ddl(evident._sql_keep_batch_trigger(p_projection));
end;
$function$;

comment on function evident._make_keep_batch(evident.projection) is
'Creates or replaces the trigger for many events, and enables it.';

revoke all on function evident._make_keep_batch(evident.projection) from public;
-- [end sql/functions/projections/generated/_make_keep_batch.sql]
-- [begin sql/functions/projections/_refuse_parked.sql]
-- evident._refuse_parked: refuse an append that touches a parked key.
--
-- Of a synchronous projection: its events could not be folded in their order, so they
-- must not be stored. Of several parked keys the first one is told.
--
-- Errors: PT423

create or replace function evident._refuse_parked(p_projection text, p_keys text[])
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_key text;
    v_position bigint;
begin
    select
        f.key,
        f.position
    into v_key, v_position
    from evident.projection_failure as f
    where f.projection = p_projection and f.key = any (p_keys)
    order by f.key collate "C"
    limit 1;

    if found then
        raise exception using
            errcode = 'PT423',
            message = format(
                'projection %s: the key %L is parked behind event %s',
                p_projection, evident._short(v_key), v_position
            ),
            detail = jsonb_build_object(
                'projection', p_projection, 'key', v_key, 'position', v_position
            )::text,
            hint = format(
                'repair the fold and call evident.retry_failure(%L, %L), or leave'
                ' the event out with evident.skip_failure; all other keys go on',
                p_projection, v_key
            );
    end if;
end;
$function$;

comment on function evident._refuse_parked(text, text[]) is
'Raises PT423, with projection, key and position, where one of these keys is parked.';

revoke all on function evident._refuse_parked(text, text[]) from public;
-- [end sql/functions/projections/_refuse_parked.sql]
-- [begin sql/functions/projections/generated/_sql_hold_by_aggregate.sql]
-- evident._sql_hold_by_aggregate: SQL that refuses an event of a parked aggregate.
--
-- With one snapshot for the transaction the look may be old; the projection's row,
-- which was touched by whatever parked or freed a key, tells
-- (_sql_refuse_old_snapshot).

create or replace function evident._sql_hold_by_aggregate(
    p_projection evident.projection
)
returns text
language sql
immutable
parallel safe
begin atomic
    select evident._fill(
        $hold$
        begin
            if {is_folded} then
                if current_setting('transaction_isolation')
                    in ('repeatable read', 'serializable')
                then
                    perform evident._as_projector({lock});
                    perform evident._share_projection({name});
                end if;
                perform evident._refuse_parked(
                    {name}, array[new.aggregate_id::text]
                );
            end if;
            return null;
        end;
        $hold$,
        jsonb_build_object(
            'name', format('%L', (p_projection).name),
            'is_folded', evident._sql_is_folded(p_projection, 'new'),
            'lock', format(
                '%L',
                format('lock table %s in row exclusive mode', (p_projection).name)
            )
        )
    );
end;

comment on function evident._sql_hold_by_aggregate(evident.projection) is
'SQL for the body of a trigger for each row that refuses parked aggregates.';

revoke all on function evident._sql_hold_by_aggregate(evident.projection) from public;
-- [end sql/functions/projections/generated/_sql_hold_by_aggregate.sql]

-- [begin sql/functions/projections/generated/_sql_hold_by_keys.sql]
-- evident._sql_hold_by_keys: SQL that refuses a statement's events of parked keys.
--
-- The keys are told as evident_projector, from the events themselves: the view of a
-- projection's events may not be waited for by who holds the event store. With one
-- snapshot for the transaction the trigger that folds refuses.

create or replace function evident._sql_hold_by_keys(p_projection evident.projection)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $hold$
        declare
            v_ids constant bigint[] := array(
                select n.id from new_events as n where {is_folded}
            );
            v_keys text[];
            v_message text;
            v_detail text;
        begin
            if v_ids = '{}' then
                return null;
            end if;
            begin
                v_keys := array(
                    select a.answer ->> 0
                    from evident._ask_projector(format({question}, v_ids)) as a (answer)
                );
            {end_of_block}
            perform evident._refuse_parked({name}, v_keys);
            return null;
        end;
        $hold$,
        jsonb_build_object(
            'name', format('%L', (p_projection).name),
            'is_folded', evident._sql_is_folded(p_projection, 'n'),
            'end_of_block', evident._sql_end_of_fold_block(p_projection),
            -- A format() string itself, for the ids.
            'question', format('%L', format(
                $sql$
                select jsonb_build_array(k.key::text)
                from (
                    select e as event
                    from evident.event_store as e
                    where e.id = any (%%L::bigint[])
                    offset 0
                ) as l
                cross join lateral (%s) as k (key)
                $sql$,
                replace(evident._sql_keys_of(p_projection, 'l.event'), '%', '%%')
            ))
        )
    );
end;

comment on function evident._sql_hold_by_keys(evident.projection) is
'SQL for the body of a trigger for each statement that refuses parked keys.';

revoke all on function evident._sql_hold_by_keys(evident.projection) from public;
-- [end sql/functions/projections/generated/_sql_hold_by_keys.sql]

-- [begin sql/functions/projections/generated/_sql_hold_trigger.sql]
-- evident._sql_hold_trigger: SQL for the trigger of parked keys.

create or replace function evident._sql_hold_trigger(p_projection evident.projection)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        set search_path = pg_catalog, pg_temp
        set enable_seqscan = off
        as {body};

        comment on function {name}() is
        'Made by create_projection: refuses events of parked keys.';

        revoke all on function {name}() from public;

        create or replace trigger {trigger}
        after insert on evident.event_store
        {level} execute function {name}();
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'hold_event_%s'),
            'trigger', format(
                '%I', evident._name_of_trigger(p_projection, 'hold_event_%s')
            ),
            'level', case
                when (p_projection).keys is null then 'for each row'
                else 'referencing new table as new_events for each statement'
            end,
            'body', format('%L', case
                when (p_projection).keys is null
                    then evident._sql_hold_by_aggregate(p_projection)
                else evident._sql_hold_by_keys(p_projection)
            end)
        )
    );
end;

comment on function evident._sql_hold_trigger(evident.projection) is
'SQL that creates or replaces hold_event_<projection> and its trigger.';

revoke all on function evident._sql_hold_trigger(evident.projection) from public;
-- [end sql/functions/projections/generated/_sql_hold_trigger.sql]

-- [begin sql/functions/projections/generated/_make_hold.sql]
-- evident._make_hold: make the trigger that refuses appends to parked keys.
--
-- While appends keep a read model, a key that is parked must get no further events: its
-- row has not seen those that wait. hold_event_<projection> refuses them, and all other
-- keys go on. It is made when a projection goes live with parked keys, and disabled
-- when none is left (_drop_hold): otherwise each append would pay for a look.
--
-- No key is parked while appends keep the read model. So one that is found free here
-- stays so, and the triggers that fold, whose names come later in the alphabet, find
-- what freed it (retry_failure, skip_failure, a rebuild) in its row.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store

create or replace function evident._make_hold(p_projection evident.projection)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform evident._run_ddl(evident._sql_hold_trigger(p_projection));
end;
$function$;

comment on function evident._make_hold(evident.projection) is
'Creates or replaces the trigger that refuses appends to parked keys, and enables it.';

revoke all on function evident._make_hold(evident.projection) from public;
-- [end sql/functions/projections/generated/_make_hold.sql]
-- [begin sql/functions/projections/generated/_drop_hold.sql]
-- evident._drop_hold: let appends no longer look for parked keys, where none is left.
--
-- The trigger stays, disabled. Whoever frees the last key cannot do it: an operator may
-- leave his transaction open, and appends would wait for it. So the next run does.
--
-- The caller holds the projection's lock, so no key is parked meanwhile.
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store, asked for briefly; without
-- success the next run tries again

create or replace function evident._drop_hold(p_projection evident.projection)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms'
as $function$
begin
    if exists (
        select
        from pg_trigger as t
        where
            t.tgrelid = 'evident.event_store'::regclass
            and t.tgname = evident._name_of_trigger(p_projection, 'hold_event_%s')
            and t.tgenabled <> 'D'
            and not exists (
                select
                from evident.projection_failure as f
                where f.projection = p_projection.name
            )
    ) then
        perform evident._run_ddl(
            format(
                'alter table evident.event_store disable trigger %I',
                evident._name_of_trigger(p_projection, 'hold_event_%s')
            )
        );
    end if;
exception when lock_not_available then
    null;
end;
$function$;

comment on function evident._drop_hold(evident.projection) is
'Disables the trigger that refuses appends to parked keys when no key is parked.';

revoke all on function evident._drop_hold(evident.projection) from public;
-- [end sql/functions/projections/generated/_drop_hold.sql]
-- [begin sql/functions/projections/generated/_switch_triggers.sql]
-- evident._switch_triggers: let appends keep a synchronous projection, or no longer.
--
-- The triggers name the read model's columns, so they are made anew each time they are
-- to act; that enables them. While keys are parked one more refuses their events.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store: no transaction has appended
-- events that are not decided yet, and readers go on.

create or replace function evident._switch_triggers(
    p_projection evident.projection,
    p_must_keep boolean
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_name text;
begin
    -- Whoever pauses reads the last id drawn after this, also where no trigger is.
    lock table evident.event_store in share row exclusive mode;

    if p_must_keep then
        if p_projection.keys is null then
            perform evident._make_keep(p_projection);
        end if;
        perform evident._make_keep_batch(p_projection);
        if exists (
            select
            from evident.projection_failure as f
            where f.projection = p_projection.name
        ) then
            perform evident._make_hold(p_projection);
            return;
        end if;
    end if;

    for v_name in
        select t.tgname
        from pg_trigger as t
        where
            t.tgrelid = 'evident.event_store'::regclass
            and t.tgenabled <> 'D'
            and (
                t.tgname = evident._name_of_trigger(p_projection, 'hold_event_%s')
                or (
                    not p_must_keep
                    and t.tgname in (
                        evident._name_of_trigger(p_projection, 'keep_event_%s'),
                        evident._name_of_trigger(p_projection, 'keep_batch_%s')
                    )
                )
            )
        order by t.tgname collate "C"
    loop
        perform evident._run_ddl(
            format('alter table evident.event_store disable trigger %I', v_name)
        );
    end loop;
end;
$function$;

comment on function evident._switch_triggers(evident.projection, boolean) is
'Makes, or disables, the triggers that keep a synchronous projection.';

revoke all on function evident._switch_triggers(evident.projection, boolean)
from public;
-- [end sql/functions/projections/generated/_switch_triggers.sql]
-- [begin sql/functions/projections/_fold_slice.sql]
-- evident._fold_slice: fold a slice of the log into the read model, by key.
--
-- Events above p_after, up to p_until, in the order of their ids: one fold and one
-- write for all of them. With p_key only that key's events; without, those of all keys
-- that are not parked.
--
-- The caller sees to it that nobody else folds (_lock_projection).
-- Errors: those of the fold; then nothing is written.

create or replace function evident._fold_slice(
    p_projection evident.projection,
    p_after bigint,
    p_until bigint,
    p_key text default null
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_condition text := '';
begin
    if p_key is not null then
        v_condition := format('and v.key = %L::%s', p_key, p_projection.key_type);
    else
        select
            'and v.key::text <> all ('
            || quote_nullable(array_agg(f.key)) || '::text[])'
        into v_condition
        from evident.projection_failure as f
        where f.projection = p_projection.name
        having count(*) > 0;
    end if;

    perform evident._as_projector(evident._sql_write_rows(
        p_projection,
        evident._sql_fold_by_key(
            p_projection,
            format(
                'select v.key, v.event, v.position from %s as v'
                ' where v.position > %s and v.position <= %s %s',
                evident._name_of_object(p_projection, 'events_of_%s'),
                p_after, p_until, v_condition
            ),
            evident._sql_stored_row(p_projection, 'k.key')
        )
    ));
end;
$function$;

comment on function evident._fold_slice(evident.projection, bigint, bigint, text) is
'Folds events above p_after up to p_until into the read model, of one key or of all
that are not parked.';

revoke all on function
evident._fold_slice(evident.projection, bigint, bigint, text) from public;
-- [end sql/functions/projections/_fold_slice.sql]
-- [begin sql/functions/projections/_note_failure.sql]
-- evident._note_failure: park a key behind the event that could not be folded.
--
-- Only for what is the event's and the fold's doing. An error of the server, of
-- another transaction, or of a fold that is not there at all is raised again: it
-- says nothing about this event, and parking every key would not help.
--
-- Errors: the given one.

create or replace function evident._note_failure(
    p_projection evident.projection,
    p_key text,
    p_position bigint,
    p_sqlstate text,
    p_message text
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform evident._require_event_error(p_projection, p_sqlstate, p_message);

    insert into evident.projection_failure as f (
        projection, key, position, code, message
    )
    values (p_projection.name, p_key, p_position, p_sqlstate, p_message)
    on conflict (projection, key) do update
    set
        position = excluded.position,
        code = excluded.code,
        message = excluded.message,
        attempts = case
            when f.position = excluded.position then f.attempts + 1
            else 1
        end,
        failed_at = excluded.failed_at;
end;
$function$;

comment on function
evident._note_failure(evident.projection, text, bigint, text, text) is
'Parks a key behind an event, or raises an error that is not the event''s doing.';

revoke all on function
evident._note_failure(evident.projection, text, bigint, text, text) from public;
-- [end sql/functions/projections/_note_failure.sql]
-- [begin sql/functions/projections/_park_event.sql]
-- evident._park_event: fold one event key by key, and park the keys that fail.
--
-- A parked key keeps its row as it is before the event; its later events wait. When
-- the function that tells the keys fails, nobody knows which keys would have to wait,
-- so everything does: the failure is noted with the key '' and false comes back.

create or replace function evident._park_event(
    p_projection evident.projection,
    p_position bigint
)
returns boolean
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_keys text[];
    v_key text := '';
    v_message text;
begin
    begin
        select coalesce(array_agg(k.key order by k.key collate "C"), '{}')
        into v_keys
        from (
            select a.answer ->> 0 as key
            from evident._ask_projector(
                format(
                    'select jsonb_build_array(v.key::text)'
                    ' from %s as v where v.position = %s',
                    evident._name_of_object(p_projection, 'events_of_%s'),
                    p_position
                )
            ) as a (answer)
        ) as k
        where not exists (
            select
            from evident.projection_failure as f
            where f.projection = p_projection.name and f.key = k.key
        );
    exception when others then
        get stacked diagnostics v_message = message_text;
        perform evident._note_failure(
            p_projection, '', p_position, sqlstate, v_message
        );
        return false;
    end;

    foreach v_key in array v_keys loop
        begin
            perform evident._fold_slice(
                p_projection, p_position - 1, p_position, v_key
            );
        exception when others then
            get stacked diagnostics v_message = message_text;
            perform evident._note_failure(
                p_projection, v_key, p_position, sqlstate, v_message
            );
        end;
    end loop;
    return true;
end;
$function$;

comment on function evident._park_event(evident.projection, bigint) is
'Folds one event key by key and parks the keys that fail; false when its keys cannot
be told.';

revoke all on function evident._park_event(evident.projection, bigint) from public;
-- [end sql/functions/projections/_park_event.sql]
-- [begin sql/functions/projections/_fold_and_park.sql]
-- evident._fold_and_park: fold a slice, also when some of its events fail.
--
-- All of it at once, mostly. When that fails, halves the stretch until it folds or is
-- a single event, which is then folded key by key; doubles it again with each success.
-- So a failing event costs a few attempts, however long the slice is, and all
-- others are folded.
--
-- Gives the position reached: p_until, unless an event's keys cannot be told.

create or replace function evident._fold_and_park(
    p_projection evident.projection,
    p_after bigint,
    p_until bigint
)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_after bigint := p_after;
    v_step bigint := p_until - p_after;
    v_message text;
begin
    -- Ends: each turn folds some of the slice, parks one event, or halves the step.
    while v_after < p_until loop
        begin
            perform evident._fold_slice(
                p_projection, v_after, least(v_after + v_step, p_until)
            );
            v_after := least(v_after + v_step, p_until);
            v_step := v_step * 2;
        exception when others then
            get stacked diagnostics v_message = message_text;
            perform evident._require_event_error(p_projection, sqlstate, v_message);
            if v_step = 1 then
                exit when not evident._park_event(p_projection, v_after + 1);
                v_after := v_after + 1;
            else
                v_step := v_step / 2;
            end if;
        end;
    end loop;
    return v_after;
end;
$function$;

comment on function evident._fold_and_park(evident.projection, bigint, bigint) is
'Folds a slice of the log and parks the keys of events that fail; gives the position
reached.';

revoke all on function evident._fold_and_park(evident.projection, bigint, bigint)
from public;
-- [end sql/functions/projections/_fold_and_park.sql]
-- [begin sql/functions/projections/_fold_key.sql]
-- evident._fold_key: fold what waits for one parked key.
--
-- All of it at once; when that fails, event by event up to the one that fails,
-- behind which the key is parked again. Gives how many events were folded.
--
-- Where appends keep the read model they refuse the key's events while it is parked
-- (_make_hold), so all of its events are there to be read. Those with an older snapshot
-- are told by the projection's row, see _sql_refuse_old_snapshot; it comes last, for
-- they may have it for long.

create or replace function evident._fold_key(
    p_projection evident.projection,
    p_key text,
    p_after bigint
)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_is_live constant boolean := p_projection.mode = 'sync'
        and p_projection.state = 'running';
    v_until constant bigint := case
        when v_is_live then 9223372036854775807 else p_projection.position
    end;
    v_positions bigint[];
    v_position bigint;
    v_folded bigint := 0;
    v_message text;
begin
    v_positions := array(
        select a.answer::bigint
        from evident._ask_projector(
            format(
                'select to_jsonb(v.position) from %s as v'
                ' where v.key = %L::%s and v.position > %s and v.position <= %s'
                ' order by v.position',
                evident._name_of_object(p_projection, 'events_of_%s'),
                p_key, p_projection.key_type, p_after, v_until
            )
        ) as a (answer)
    );

    begin
        perform evident._fold_slice(p_projection, p_after, v_until, p_key);
        v_folded := cardinality(v_positions);
    exception when others then
        get stacked diagnostics v_message = message_text;
        perform evident._require_event_error(p_projection, sqlstate, v_message);

        foreach v_position in array v_positions loop
            begin
                perform evident._fold_slice(
                    p_projection, v_position - 1, v_position, p_key
                );
                v_folded := v_folded + 1;
            exception when others then
                get stacked diagnostics v_message = message_text;
                perform evident._note_failure(
                    p_projection, p_key, v_position, sqlstate, v_message
                );
                exit;
            end;
        end loop;
    end;

    if v_folded = cardinality(v_positions) then
        delete from evident.projection_failure as f
        where f.projection = p_projection.name and f.key = p_key;
    end if;
    if v_is_live then
        update evident.projection as p
        set position = p.position
        where p.name = p_projection.name;
    end if;
    return v_folded;
end;
$function$;

comment on function evident._fold_key(evident.projection, text, bigint) is
'Folds the events of a parked key above p_after, up to the checkpoint or all where
appends keep the read model; gives how many.';

revoke all on function evident._fold_key(evident.projection, text, bigint)
from public;
-- [end sql/functions/projections/_fold_key.sql]
-- [begin sql/functions/projections/_hand_over_to_triggers.sql]
-- evident._hand_over_to_triggers: let the appends keep a synchronous projection from
-- now on.
--
-- The lock on the event store waits until no transaction has events that are not
-- decided. So the rest of the log is complete, and whoever appends next meets the
-- triggers. The wait is short, since appends queue behind it; without success the
-- projection goes on catching up, and tries again with its next run.
--
-- A parked key stays so, and appends that touch it are refused (_make_hold). But not
-- while the keys of an event cannot be told: nobody knows which would have to wait.
--
-- The caller holds the projection's lock.
-- Locks: that of making, SHARE ROW EXCLUSIVE on evident.event_store, to the end of the
-- transaction

create or replace function evident._hand_over_to_triggers(
    p_projection evident.projection
)
returns boolean
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms'
as $function$
declare
    v_head bigint;
    v_is_folded boolean := false;
begin
    if exists (
        select
        from evident.projection_failure as f
        where f.projection = p_projection.name and f.key = ''
    ) then
        return false;
    end if;

    begin
        perform evident._lock_making(p_may_wait => false);
        lock table evident.event_store in share row exclusive mode;
        v_head := coalesce(
            pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
        );
        perform evident._fold_slice(p_projection, p_projection.position, v_head);
        v_is_folded := true;
        perform evident._switch_triggers(p_projection, true);
        update evident.projection as p
        set
            state = 'running',
            position = v_head
        where p.name = p_projection.name;
        perform evident._record_baseline(p_projection.name, 'handover');
    exception when others then
        if sqlstate <> '55P03'
            and (
                v_is_folded
                or not evident._is_fold_error(sqlstate)
                or left(sqlstate, 2) = '42'
            )
        then
            raise;
        end if;
        return false;
    end;
    return true;
end;
$function$;

comment on function evident._hand_over_to_triggers(evident.projection) is
'Folds the rest of the log and enables the triggers; false when somebody was in the
way or an event failed.';

revoke all on function evident._hand_over_to_triggers(evident.projection) from public;
-- [end sql/functions/projections/_hand_over_to_triggers.sql]
-- [begin sql/functions/projections/_append_own_event.sql]
-- evident._append_own_event: append an event of the store's own.
--
-- Its stream is the aggregate of the nil UUID, a constant. Every append function
-- refuses that aggregate, so what stands there the store itself wrote, and nothing
-- that a writer does can keep the store from writing: no aggregate lock is taken, and
-- the version is the exact next one. Another own event may be first; then once more.
--
-- Locks: the feed announcement of an append (_draw_id).
-- Errors: PT400 at REPEATABLE READ and SERIALIZABLE; PT500

create or replace function evident._append_own_event(
    p_event_type text,
    p_payload jsonb
)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_own constant uuid := '00000000-0000-0000-0000-000000000000'::uuid;
    v_version bigint;
begin
    perform evident._refuse_one_snapshot();
    if evident._text_length(p_payload) is null then
        raise exception using
            errcode = 'PT500',
            message = format(
                'event %s of the store''s own is not stored', p_event_type
            ),
            detail = jsonb_build_object(
                'reason', 'the payload is longer than 1048576 bytes'
            )::text,
            hint = 'evident.guard_status() shows what it would tell';
    end if;
    perform evident._refuse_sequence();
    for v_attempt in 1 .. 100 loop
        insert into evident.event_store as e (
            id, aggregate_id, version, event_type, payload
        )
        overriding system value
        select
            currval('evident.event_store_id_seq'::regclass),
            v_own,
            coalesce(
                (
                    select s.version
                    from evident.event_store as s
                    where s.aggregate_id = v_own
                    order by s.version desc
                    limit 1
                ),
                0
            ) + 1,
            p_event_type,
            p_payload
        where evident._draw_id()
        on conflict do nothing
        returning e.version into v_version;

        if found then
            return v_version;
        end if;
    end loop;
    raise exception using
        errcode = 'PT500',
        message = format('event %s of the store''s own is not stored', p_event_type),
        detail = jsonb_build_object(
            'reason', 'a hundred attempts stored no row'
        )::text,
        hint = 'evident.guard_status() shows what of event_store and its sequence is '
            'not as the package made it';
end;
$function$;

comment on function evident._append_own_event(text, jsonb) is
'Appends an event to the store''s own stream, which is the nil UUID''s and closed to
everybody else, and gives its version.';

revoke all on function evident._append_own_event(text, jsonb) from public;
-- [end sql/functions/projections/_append_own_event.sql]
-- [begin sql/functions/projections/_require_force.sql]
-- evident._require_force: refuse to leave a rule off by the way.
--
-- An invariant refuses appends that break its rule. Whoever stops it has to mean it,
-- and say why (_record_force); without an actor it was the login's own decision.
-- Elsewhere the reason may be left out, too.
--
-- Errors: PT400

create or replace function evident._require_force(
    p_projection evident.projection,
    p_actor text,
    p_reason text,
    p_force boolean
)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if p_projection.is_invariant and p_force is not true then
        perform evident._refuse_argument(
            'p_force',
            format(
                'appends would no longer be held to the rule of %s', p_projection.name
            ),
            'pass p_force => true with a p_reason, which is recorded'
        );
    end if;
    if p_projection.is_invariant or p_actor is not null or p_reason is not null then
        perform evident._check_decision(coalesce(p_actor, session_user), p_reason);
    end if;
end;
$function$;

comment on function
evident._require_force(evident.projection, text, text, boolean) is
'Raises PT400 unless an invariant is stopped by force, with a reason.';

revoke all on function
evident._require_force(evident.projection, text, text, boolean) from public;
-- [end sql/functions/projections/_require_force.sql]
-- [begin sql/functions/projections/_record_force.sql]
-- evident._record_force: make it history that a rule is no longer enforced.
--
-- In the store's own stream, where nobody can change it: who decided it and why, as
-- they were given, beside the login that did it.
--
-- Errors: those of _append_own_event

create or replace function evident._record_force(
    p_projection evident.projection,
    p_event_type text,
    p_actor text,
    p_reason text
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if p_projection.is_invariant then
        perform evident._append_own_event(
            p_event_type,
            jsonb_build_object(
                'projection', p_projection.name,
                'actor', coalesce(p_actor, session_user),
                'reason', p_reason
            )
        );
    end if;
end;
$function$;

comment on function
evident._record_force(evident.projection, text, text, text) is
'Appends an event, {"projection", "actor", "reason"}, to the store''s own stream when
the projection is an invariant.';

revoke all on function
evident._record_force(evident.projection, text, text, text) from public;
-- [end sql/functions/projections/_record_force.sql]
-- [begin sql/functions/projections/create_projection.sql]
-- evident.create_projection: register a fold, and make what keeps its read model.
--
-- The projection has the name of its read model. A synchronous one over events that
-- are stored already begins by catching up: run_projection folds them, and hands over
-- to the triggers when it is close enough.
--
-- The same registration again does nothing. With another fold, other event types or
-- other columns it renews what was made, and the projection is stale until it
-- is rebuilt. Where appends keep the read model, change its columns and register again
-- in one transaction: the triggers name the columns. Other keys or another mode make
-- another projection: drop the old one first.
--
-- An invariant is a fold that enforces a rule: what it raises is what appends are
-- refused with (_sql_end_of_fold_block). Whoever makes it an ordinary one, which could
-- then be paused by the way, leaves an event in the store's own stream. A repeated
-- registration that does not say (null) leaves it as it is.
--
-- Rows that are there already would be folded onto, hence none may be.
--
-- A setting that quotes every identifier would give the same read model another name,
-- and so fold each event into it twice.
--
-- Locks: the registration's and the projection's; for a synchronous projection also
-- SHARE ROW EXCLUSIVE on evident.event_store: appends wait, readers do not. Asked for
-- briefly, since appends queue behind it. 55P03: try again.
-- Errors: PT400, 55P03

create or replace function evident.create_projection(
    p_read_model regclass,
    p_apply regprocedure,
    p_event_types text[],
    p_mode text default 'sync',
    p_keys regprocedure default null,
    p_is_invariant boolean default null
)
returns text
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set quote_all_identifiers = off
set lock_timeout = '900ms'
as $function$
declare
    v_new evident.projection;
    v_old evident.projection;
    v_has_rows boolean;
begin
    if p_read_model is null or p_apply is null then
        perform evident._refuse_argument(
            case when p_apply is null then 'p_apply' else 'p_read_model' end,
            'null',
            'name a table, and a function (row so far, event) that returns the next row'
        );
    end if;
    -- An oid that is none of a function's is written without arguments.
    if p_apply::text not like '%(%' or p_keys::text not like '%(%' then
        perform evident._refuse_argument(
            case when p_apply::text like '%(%' then 'p_keys' else 'p_apply' end,
            'no function',
            'name a function with the types of its arguments'
        );
    end if;

    if cardinality(p_event_types) > 1000 then
        perform evident._refuse_argument(
            'p_event_types', 'more than 1000 types', 'pass null for all'
        );
    end if;

    v_new.name := p_read_model::text;
    v_new.apply := p_apply::text;
    v_new.keys := p_keys::text;
    v_new.mode := p_mode;
    v_new.is_invariant := p_is_invariant;
    v_new.event_types := (
        select array_agg(
            distinct t.event_type collate "C" order by t.event_type collate "C"
        )
        from unnest(p_event_types) as t (event_type)
    );
    if p_event_types = '{}' then
        v_new.event_types := '{}';
    end if;
    select
        a.attname,
        format_type(a.atttypid, -1)
    into v_new.key_column, v_new.key_type
    from pg_index as i
    inner join pg_attribute as a on i.indrelid = a.attrelid and i.indkey[0] = a.attnum
    where i.indrelid = p_read_model and i.indisprimary and i.indnkeyatts = 1;

    perform evident._check_projection(v_new, p_read_model, p_apply, p_keys);

    perform evident._lock_registration();
    select p.*
    into v_old
    from evident.projection as p
    where p.name = v_new.name;

    if found then
        if (v_old.mode, v_old.key_column, v_old.key_type, v_old.keys)
            is distinct from
            (v_new.mode, v_new.key_column, v_new.key_type, v_new.keys)
        then
            perform evident._refuse_argument(
                'p_read_model',
                'registered with another mode or other keys',
                format('drop_projection(%L) and empty the table first', v_new.name)
            );
        end if;
        v_new.is_invariant := coalesce(p_is_invariant, v_old.is_invariant);
        if (v_old.apply, v_old.event_types, v_old.is_invariant) is not distinct from
            (v_new.apply, v_new.event_types, v_new.is_invariant)
            and v_old.definition = evident.projection_definition(v_old.name)
            and evident._projection_bound(v_old, 'step_%s') = p_apply
        then
            perform evident._record_baseline(
                v_old.name, 'fold', array[v_old.apply, v_old.keys]
            );
            return v_old.name;
        end if;
        perform evident._lock_registration(v_old.name);
        perform evident._lock_projection(v_old.name);
        update evident.projection as p
        set
            apply = v_new.apply,
            event_types = v_new.event_types,
            is_invariant = v_new.is_invariant
        where p.name = v_old.name
        returning p.* into v_new;
    else
        -- From a dump of the schema alone: they fold into a read model that nobody has
        -- registered, and what a run is about to fold as well.
        if exists (
            select
            from pg_trigger as t
            where
                t.tgrelid = 'evident.event_store'::regclass
                and t.tgname in (
                    evident._name_of_trigger(v_new, 'keep_event_%s'),
                    evident._name_of_trigger(v_new, 'keep_batch_%s')
                )
        ) then
            perform evident._lock_making();
            perform evident._switch_triggers(v_new, false);
        end if;
        v_has_rows := (
            select a.answer::boolean
            from evident._ask_projector(
                format(
                    'select to_jsonb(exists (select from %s))', v_new.name
                )
            ) as a (answer)
        );
        if v_has_rows then
            perform evident._refuse_argument(
                'p_read_model',
                'has rows already',
                'truncate it: its rows come from the events'
            );
        end if;
        insert into evident.projection as p (
            name, apply, keys, key_column, key_type, event_types, mode, is_invariant,
            state
        )
        values (
            v_new.name, v_new.apply, v_new.keys, v_new.key_column, v_new.key_type,
            v_new.event_types, v_new.mode, coalesce(p_is_invariant, false),
            case v_new.mode when 'sync' then 'catching_up' else 'running' end
        )
        returning p.* into v_new;
    end if;

    perform evident._make_fold(v_new, p_apply, p_keys);
    update evident.projection as p
    set definition = evident.projection_definition(p.name)
    where p.name = v_new.name and v_old.name is null;
    if v_new.mode = 'sync' and v_new.state = 'running' then
        perform evident._switch_triggers(v_new, true);
    elsif v_new.state = 'catching_up'
        and not exists (select from evident.event_store)
    then
        perform evident._hand_over_to_triggers(v_new);
    end if;
    perform evident._record_baseline(v_new.name);
    if not v_new.is_invariant then
        perform evident._record_force(
            v_old, 'InvariantEnded', null,
            'registered again with p_is_invariant => false'
        );
    end if;
    return v_new.name;
end;
$function$;

comment on function
evident.create_projection(
    regclass, regprocedure, text[], text, regprocedure, boolean
) is
'Registers the fold of a read model and gives the projection''s name, which is the read
model''s, schema included. p_apply(row so far, event) returns the next row, null to
remove it; the first event of a key meets a row with only its key. p_event_types:
what is folded, 1,000 at most; null = all. p_mode: sync = in the append''s transaction,
async = by run_projection. p_keys(event): the keys that an event touches, null and ''''
aside; without it, its aggregate. p_is_invariant: the fold enforces a rule, and appends
are refused with its own error; for sync; null = as it is registered, or false. Table,
functions and their schemas belong to evident_projector. For READ COMMITTED. Errors:
PT400; 55P03 when others were in the way: call again.';

revoke all on function
evident.create_projection(
    regclass, regprocedure, text[], text, regprocedure, boolean
) from public;
grant execute on function
evident.create_projection(
    regclass, regprocedure, text[], text, regprocedure, boolean
) to evident_projector, evident_operator;
-- [end sql/functions/projections/create_projection.sql]
-- [begin sql/functions/projections/drop_projection.sql]
-- evident.drop_projection: forget a projection and what was made for it.
--
-- The read model stays as it is, and so do the fold and the events. Works also when
-- the read model is gone, which would otherwise stop appends for good.
--
-- An invariant is dropped by force only, as it is paused.
--
-- Locks: the registration's, the projection's and that of making; ACCESS EXCLUSIVE on
-- evident.event_store where there are triggers to drop; asked for briefly, since all
-- wait behind it. 55P03: try again.
-- Errors: PT400, PT404, 55P03

create or replace function evident.drop_projection(
    p_name text,
    p_actor text default null,
    p_reason text default null,
    p_force boolean default false
)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '900ms'
set quote_all_identifiers = off
set client_min_messages = warning
as $function$
declare
    v_projection evident.projection;
    v_form text;
    v_made record;
begin
    perform evident._lock_registration();
    perform evident._lock_registration(p_name);
    v_projection := evident._lock_projection(p_name);
    perform evident._require_force(v_projection, p_actor, p_reason, p_force);
    perform evident._lock_making();

    -- Before the event store, as everyone who reads it does.
    perform evident._run_ddl(
        format('drop view if exists evident.%I', 'events_of_' || p_name)
    );
    foreach v_form in array array['keep_event_%s', 'keep_batch_%s', 'hold_event_%s']
    loop
        continue when v_projection.mode <> 'sync';
        perform evident._run_ddl(
            format(
                'drop trigger if exists %I on evident.event_store',
                evident._name_of_trigger(v_projection, v_form)
            )
        );
    end loop;
    for v_made in
        select m.name
        from evident._projection_made(p_name) as m
    loop
        perform evident._run_ddl(format('drop routine evident.%I', v_made.name));
    end loop;

    delete from evident.projection as p
    where p.name = p_name;
    perform evident._record_baseline(p_name);
    perform evident._record_force(
        v_projection, 'InvariantDropped', p_actor, p_reason
    );
end;
$function$;

comment on function evident.drop_projection(text, text, text, boolean) is
'Forgets a projection with its failures and skips, and drops what create_projection
made for it. The read model and its rows stay. An invariant needs p_force and
p_reason, and an event InvariantDropped tells it, as in pause_projection. For READ
COMMITTED. Errors: PT400 invalid argument, PT404 no such projection; 55P03 when others
were in the way: call again.';

revoke all on function evident.drop_projection(text, text, text, boolean) from public;
grant execute on function evident.drop_projection(text, text, text, boolean) to
evident_projector, evident_operator;
-- [end sql/functions/projections/drop_projection.sql]
-- [begin sql/functions/projections/_pause.sql]
-- evident._pause: leave a read model as it is, and note why.
--
-- A synchronous one stops being kept by appends: the lock waits until none is under
-- way, so its rows are complete up to the newest id drawn, where it will go on.
--
-- The caller holds the projection's lock (_lock_projection).
--
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store for a synchronous projection

create or replace function evident._pause(
    p_projection evident.projection,
    p_reason text
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_position bigint := p_projection.position;
begin
    if p_projection.mode = 'sync' and p_projection.state = 'running' then
        perform evident._switch_triggers(p_projection, false);
        v_position := coalesce(
            pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
        );
    end if;

    update evident.projection as p
    set
        state = 'paused',
        position = v_position,
        reason = p_reason
    where p.name = p_projection.name;
end;
$function$;

comment on function evident._pause(evident.projection, text) is
'Stops folding into a read model; p_reason is shown in projection_status.';

revoke all on function evident._pause(evident.projection, text) from public;
-- [end sql/functions/projections/_pause.sql]
-- [begin sql/functions/projections/pause_projection.sql]
-- evident.pause_projection: leave a read model as it is for a while.
--
-- An invariant is paused by force only, with a reason: see _record_force.
-- That event comes after the lock, so that it waits for no append.
--
-- Locks: the projection's; SHARE ROW EXCLUSIVE on evident.event_store for a synchronous
-- projection: appends wait, readers do not. Asked for briefly, since appends queue
-- behind it. 55P03: try again.
-- Errors: PT400, PT404, 55P03

create or replace function evident.pause_projection(
    p_name text,
    p_actor text default null,
    p_reason text default null,
    p_force boolean default false
)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set lock_timeout = '900ms'
as $function$
declare
    v_projection evident.projection;
begin
    v_projection := evident._lock_projection(p_name);
    perform evident._require_force(v_projection, p_actor, p_reason, p_force);
    perform evident._pause(
        v_projection, coalesce(p_actor, session_user) || ': ' || p_reason
    );
    perform evident._record_force(
        v_projection, 'InvariantPaused', p_actor, p_reason
    );
end;
$function$;

comment on function evident.pause_projection(text, text, text, boolean) is
'Stops folding into a read model, which stays as it is; appends and other projections
go on. p_reason (1 to 1000 characters) is shown in projection_status with p_actor (1 to
200; null = the login). An invariant needs p_force and a reason, and an event
InvariantPaused in the store''s own stream tells it. For READ COMMITTED. Errors: PT400
invalid argument, PT404 no such projection; 55P03 when others were in the way: call
again.';

revoke all on function evident.pause_projection(text, text, text, boolean) from public;
grant execute on function evident.pause_projection(text, text, text, boolean)
to evident_operator;
-- [end sql/functions/projections/pause_projection.sql]
-- [begin sql/functions/projections/resume_projection.sql]
-- evident.resume_projection: go on with a paused projection.
--
-- What was appended meanwhile is folded by run_projection; a synchronous projection
-- is handed over to the appends after that.
--
-- Locks: the projection's, an advisory lock.
-- Errors: PT400, PT404

create or replace function evident.resume_projection(p_name text)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
as $function$
begin
    perform evident._require_projector(evident._lock_projection(p_name));

    update evident.projection as p
    set
        state = case p.mode when 'sync' then 'catching_up' else 'running' end,
        reason = null
    where p.name = p_name and p.state = 'paused';
end;
$function$;

comment on function evident.resume_projection(text) is
'Goes on with a paused projection: run_projection folds what was appended meanwhile.
Does nothing to one that is not paused. For READ COMMITTED. Errors: PT400 it is
not safe any more, PT404 no such projection.';

revoke all on function evident.resume_projection(text) from public;
grant execute on function evident.resume_projection(text) to evident_operator;
-- [end sql/functions/projections/resume_projection.sql]
-- [begin sql/functions/projections/_pause_unsafe.sql]
-- evident._pause_unsafe: pause the projections whose key could have several texts.
--
-- For migrations: such a key could be registered once, and its read model may have
-- lost updates. It is left as it is, and said why; a projection of a text key can take
-- its place.
--
-- Locks: the projections', SHARE ROW EXCLUSIVE on evident.event_store for those that
-- appends keep

create or replace function evident._pause_unsafe()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_projection evident.projection;
    v_problem record;
begin
    for v_projection in
        select p.*
        from evident.projection as p
        order by p.number
    loop
        select k.reason, k.hint
        into v_problem
        from evident._key_problem(
            evident._read_model(v_projection), v_projection.key_column
        ) as k;
        continue when not found;

        perform evident._pause(
            evident._lock_projection(v_projection.name), v_problem.reason
        );
        raise warning using
            message = format(
                'projection %s is paused: %s', v_projection.name, v_problem.reason
            ),
            hint = v_problem.hint;
    end loop;
end;
$function$;

comment on function evident._pause_unsafe() is
'Pauses each projection whose key is of a type in which equal values may have several
texts, with a warning and the reason.';

revoke all on function evident._pause_unsafe() from public;
-- [end sql/functions/projections/_pause_unsafe.sql]
-- [begin sql/functions/projections/run_projection.sql]
-- evident.run_projection: fold the next slice of the feed into a read model.
--
-- Rows and checkpoint change in one transaction, so a crash leaves both or neither.
-- One runner at a time: who finds another at work leaves it to that one. Only whole
-- feed is folded, up to the safe position, which is known before the events are
-- read (see safe_position).
--
-- The keys of events that fail are parked, with their later events behind them; all
-- others are folded (_fold_and_park).
--
-- A synchronous projection that has come this close is handed over to the appends.
--
-- One whose rows nobody knows to be those of any position (repair_sequences) is
-- rebuilt, before the lock is taken: a rebuild takes it last.
--
-- Locks: the projection's, an advisory lock, tried and never waited for.
-- Errors: PT400, PT404

create or replace function evident.run_projection(
    p_name text,
    p_limit bigint default 1000
)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set enable_seqscan = off
as $function$
declare
    v_projection evident.projection;
    v_number integer;
    v_safe bigint;
    v_until bigint;
    v_reached bigint;
    v_count bigint;
    v_ours constant text :=
        $sql$
        select
            count(*),
            max(n.id)
        from (
            select e.id
            from evident.event_store as e
            where e.id > $1 and e.id <= $2 and %s
            order by e.id
            limit $3
        ) as n
        $sql$;
begin
    if p_limit is null or p_limit < 1 then
        perform evident._refuse_argument(
            'p_limit', 'null or below 1', 'fold slice after slice, of 1000 events or so'
        );
    end if;
    v_projection := evident._require_projection(p_name);
    if v_projection.definition is null and v_projection.state <> 'paused' then
        return evident.rebuild_projection(p_name);
    end if;
    v_number := v_projection.number;
    if not pg_try_advisory_xact_lock((17752::bigint << 48) | v_number) then
        perform evident._notify_held(p_name, (17752::bigint << 48) | v_number);
        return 0;
    end if;
    v_projection := evident._require_projection(p_name);

    if v_projection.mode = 'sync' and v_projection.state = 'running' then
        if v_projection.number = v_number then
            perform evident._drop_hold(v_projection);
        end if;
        return 0;
    end if;
    if v_projection.number <> v_number
        or exists (
            select
            from evident.projection_failure as f
            where f.projection = p_name and f.key = ''
        )
    then
        return 0;
    end if;
    if v_projection.state = 'paused' then
        raise notice using
            message = format('nothing is done: projection %s is paused', p_name),
            hint = format('evident.resume_projection(%L)', p_name);
        return 0;
    end if;

    perform evident._require_projector(v_projection);

    v_safe := evident.safe_position();
    execute format(v_ours, evident._sql_is_folded(v_projection, 'e'))
    into v_count, v_until
    using v_projection.position, v_safe, p_limit;
    v_until := case when v_count < p_limit then v_safe else v_until end;

    if v_count > 0 then
        v_reached := evident._fold_and_park(
            v_projection, v_projection.position, v_until
        );
        if v_reached < v_until then
            v_until := v_reached;
            execute format(v_ours, evident._sql_is_folded(v_projection, 'e'))
            into v_count
            using v_projection.position, v_until, p_limit;
        end if;
    end if;

    if v_until > v_projection.position then
        update evident.projection as p
        set position = v_until
        where p.name = p_name;
        v_projection.position := v_until;
    end if;
    if v_projection.mode = 'sync' and v_until = v_safe then
        perform evident._hand_over_to_triggers(v_projection);
    end if;
    return v_count;
end;
$function$;

comment on function evident.run_projection(text, bigint) is
'Folds up to p_limit (1 or more) further events into the read model and gives how many
it dealt with, 0 when there are none now, or it is kept by appends, or, with a notice,
when another session holds its lock, or it is paused; after repair_sequences it is
rebuilt, which gives how many rows differed. For READ COMMITTED: call it at
intervals, or run evident work. Errors: PT400 invalid argument, or a transaction at
REPEATABLE READ or SERIALIZABLE; PT404 no such projection.';

revoke all on function evident.run_projection(text, bigint) from public;
grant execute on function evident.run_projection(text, bigint)
to evident_projector, evident_operator;
-- [end sql/functions/projections/run_projection.sql]
-- [begin sql/functions/projections/_require_failure.sql]
-- evident._require_failure: the failure of a parked key.
--
-- Errors: PT400, PT404

create or replace function evident._require_failure(
    p_projection evident.projection,
    p_key text
)
returns evident.projection_failure
language plpgsql
stable
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_key constant text := case
        when p_key = '' then '' else evident._canonical_key(p_projection, p_key)
    end;
    v_failure evident.projection_failure;
begin
    select f.*
    into v_failure
    from evident.projection_failure as f
    where f.projection = p_projection.name and f.key = v_key;

    if not found then
        raise exception using
            errcode = 'PT404',
            message = format(
                'projection %s has no parked key %s',
                p_projection.name,
                coalesce(quote_literal(evident._short(p_key)), 'null')
            ),
            detail = jsonb_build_object(
                'name', p_projection.name, 'key', evident._short(p_key)
            )::text,
            hint = 'see evident.projection_failure';
    end if;
    return v_failure;
end;
$function$;

comment on function evident._require_failure(evident.projection, text) is
'The failure of a parked key, whatever text of it is given. Errors: PT400 no such key
can be, PT404 it is not parked.';

revoke all on function evident._require_failure(evident.projection, text)
from public;
-- [end sql/functions/projections/_require_failure.sql]
-- [begin sql/functions/projections/retry_failure.sql]
-- evident.retry_failure: fold a parked key again, after the fold was repaired.
--
-- The key '' stands for an event whose keys could not be told; the next run tries
-- that one again.
--
-- Locks: the projection's, an advisory lock; rows of the read model. Not waited for
-- without end, since a runner leaves the projection alone meanwhile.
-- Errors: PT400, PT404, 55P03

create or replace function evident.retry_failure(p_name text, p_key text)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set enable_seqscan = off
set lock_timeout = '5s'
as $function$
declare
    v_projection evident.projection := evident._lock_projection(p_name);
    v_failure evident.projection_failure;
begin
    perform evident._require_projector(v_projection);
    v_failure := evident._require_failure(v_projection, p_key);

    if p_key = '' then
        delete from evident.projection_failure as f
        where f.projection = p_name and f.key = '';
        return 0;
    end if;
    return evident._fold_key(
        v_projection, v_failure.key, v_failure.position - 1
    );
end;
$function$;

comment on function evident.retry_failure(text, text) is
'Folds the events that wait for a parked key, in their order, and gives how many; the
key stays parked behind the first that fails, see projection_failure. With the key
'''' (keys could not be told) the next run tries again. For READ COMMITTED. Errors:
PT400 no such key can be, PT404 no such projection, or not parked; 55P03 others were
in the way, whom the hint names: call again.';

revoke all on function evident.retry_failure(text, text) from public;
grant execute on function evident.retry_failure(text, text) to evident_operator;
-- [end sql/functions/projections/retry_failure.sql]
-- [begin sql/functions/projections/skip_failure.sql]
-- evident.skip_failure: leave the event out at which a key is parked, on the record.
--
-- History is not edited: the event stays, and projection_skip says who left it out of
-- this projection, and why. Rebuilds, drift checks and time travel leave it out
-- too. The key's later events are folded at once.
--
-- Locks: the projection's, an advisory lock; rows of the read model. Not waited for
-- without end, since a runner leaves the projection alone meanwhile.
-- Errors: PT400, PT404, 55P03

create or replace function evident.skip_failure(
    p_name text,
    p_key text,
    p_actor text,
    p_reason text
)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set enable_seqscan = off
set lock_timeout = '5s'
as $function$
declare
    v_projection evident.projection;
    v_failure evident.projection_failure;
begin
    perform evident._check_decision(p_actor, p_reason);

    v_projection := evident._lock_projection(p_name);
    perform evident._require_projector(v_projection);
    v_failure := evident._require_failure(v_projection, p_key);

    insert into evident.projection_skip as s (
        projection, key, position, actor, reason, code, message
    )
    values (
        p_name, v_failure.key, v_failure.position, p_actor, p_reason, v_failure.code,
        v_failure.message
    );
    delete from evident.projection_failure as f
    where f.projection = p_name and f.key = v_failure.key;

    if p_key = '' then
        return 0;
    end if;
    return evident._fold_key(v_projection, v_failure.key, v_failure.position);
end;
$function$;

comment on function evident.skip_failure(text, text, text, text) is
'Leaves out, for this projection and key, the event that could not be folded, records
p_actor (1 to 200 characters) and p_reason (1 to 1000) in projection_skip, folds the
events behind it, and gives how many. For READ COMMITTED. Errors: PT400 invalid
argument, PT404 no such projection, or not parked; 55P03 others were
in the way, whom the hint names: call again.';

revoke all on function evident.skip_failure(text, text, text, text) from public;
grant execute on function evident.skip_failure(text, text, text, text)
to evident_operator;
-- [end sql/functions/projections/skip_failure.sql]
-- [begin sql/functions/projections/_refuse_lock.sql]
-- evident._refuse_lock: raise 55P03, and name who has the lock.
--
-- PostgreSQL tells whom a session waits for only while it waits, and not which row of a
-- table it waits for. So of those who have locked the tables, or rows of them, the one
-- is named that has been at it longest: its transaction id is the oldest. Whoever has
-- locked a table by hand needs none, and comes first.
--
-- Errors: 55P03, always

create or replace function evident._refuse_lock(
    p_name text,
    p_message text,
    p_tables oid[],
    p_hint text
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_holder record;
begin
    select
        l.pid,
        case
            when l.pid is null then format('prepared transaction %L', p.gid)
            else format(
                'session %s (%s)',
                l.pid, coalesce(nullif(a.application_name, ''), a.usename)
            )
        end as name,
        c.relname
    into v_holder
    from pg_locks as l
    inner join pg_class as c on l.relation = c.oid
    left join pg_stat_activity as a on l.pid = a.pid
    left join pg_locks as t
        on
            l.virtualtransaction = t.virtualtransaction
            and t.locktype = 'transactionid'
            and t.granted
            and t.mode = 'ExclusiveLock'
    left join pg_prepared_xacts as p
        on t.transactionid = p.transaction and l.pid is null
    where
        l.locktype = 'relation'
        and l.granted
        and l.mode <> 'AccessShareLock'
        and l.relation = any(p_tables)
        and l.database = (
            select d.oid
            from pg_database as d
            where d.datname = current_database()
        )
        and l.pid is distinct from pg_backend_pid()
    -- collation: numbers
    order by
        (l.mode in ('RowShareLock', 'RowExclusiveLock'))::integer,
        age(t.transactionid) desc nulls last,
        l.pid
    limit 1;

    raise exception using
        errcode = 'lock_not_available',
        message = p_message,
        detail = jsonb_build_object(
            'projection', p_name,
            'holder_pid', v_holder.pid,
            'holder', v_holder.name
        )::text,
        hint = coalesce(
            format(
                '%s has locked %I, or rows of it; ', v_holder.name, v_holder.relname
            ),
            'whoever had the lock is over by now; '
        ) || p_hint;
end;
$function$;

comment on function evident._refuse_lock(text, text, oid[], text) is
'Raises 55P03 for a projection; the hint names who has locked the tables, or rows of
them.';

revoke all on function evident._refuse_lock(text, text, oid[], text) from public;
-- [end sql/functions/projections/_refuse_lock.sql]
-- [begin sql/functions/projections/_fold_round.sql]
-- evident._fold_round: bring a rebuild's own rows up to a position, and what differs.
--
-- pg_temp.rebuilt has the rows as folded up to p_after; pg_temp.differing the keys
-- whose stored row may be another one. Here the events up to p_until are folded onto
-- the former, and the keys of those above p_low join the latter, which
-- then loses the keys whose stored row is the same. p_slice is a format() string for
-- SQL that tells whether a key is in the slice.
--
-- A key that is not in pg_temp.differing is equal now, and can only be changed by
-- events above p_until. One without an event above p_low is as it was, so only the
-- others are compared: a round takes as long as there are new events, not as there are
-- rows, or a rebuild would never catch up with writers. Rows are looked up, not read as
-- a whole, where they are few: what a random page costs is what memory does.

create or replace function evident._fold_round(
    p_projection evident.projection,
    p_slice text,
    p_low bigint,
    p_after bigint,
    p_until bigint
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set random_page_cost = 1.1
as $function$
declare
    v_events_above constant text := format(
        'select v.key, v.event, v.position from %s as v'
        ' where %s and v.position <= %s and v.position > ',
        evident._name_of_object(p_projection, 'events_of_%s'),
        format(p_slice, 'v.key'),
        p_until
    );
begin
    perform evident._as_projector(format(
        $sql$
        insert into pg_temp.rebuilt as r (key, next_row)
        %s
        on conflict (key) do update set next_row = excluded.next_row
        $sql$,
        evident._sql_fold_by_key(
            p_projection,
            v_events_above || p_after,
            '(select r.next_row from pg_temp.rebuilt as r where r.key = k.key)'
        )
    ));

    perform evident._as_projector(evident._fill(
        $sql$
        insert into pg_temp.differing as d (key)
        select distinct e.key from ({events}) as e
        on conflict do nothing;

        delete from pg_temp.differing as d
        where d.key in (
            select c.key
            from (select distinct e.key from ({events}) as e) as c
            left join pg_temp.rebuilt as r on c.key = r.key
            left join {table} as t on c.key = t.{key}
            where not {differs}
        )
        $sql$,
        jsonb_build_object(
            'events', v_events_above || p_low,
            'table', p_projection.name,
            'key', format('%I', p_projection.key_column),
            'differs', evident._sql_differs(p_projection, 'r.next_row')
        )
    ));
end;
$function$;

comment on function
evident._fold_round(evident.projection, text, bigint, bigint, bigint) is
'Folds further events onto a rebuild''s rows, and notes which keys differ.';

revoke all on function
evident._fold_round(evident.projection, text, bigint, bigint, bigint) from public;
-- [end sql/functions/projections/_fold_round.sql]
-- [begin sql/functions/projections/_note_rebuild.sql]
-- evident._note_rebuild: record that a slice was rebuilt.
--
-- Once slices that make up the whole were folded with the present definition, the rows
-- are what it says, and the projection is no longer stale. A slice may have been cut
-- into smaller ones, of twice as many: what a later one covers in part is forgotten.
-- The projection's row is also touched when rows were written: see
-- _sql_refuse_old_snapshot.

create or replace function evident._note_rebuild(
    p_projection evident.projection,
    p_slice integer,
    p_slices integer,
    p_definition text,
    p_events_until bigint,
    p_rows_written bigint,
    p_locked_at timestamptz
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    delete from evident.projection_rebuild as b
    where
        b.projection = p_projection.name
        and b.slices <> p_slices
        and b.slice % gcd(b.slices, p_slices) = p_slice % gcd(b.slices, p_slices);

    insert into evident.projection_rebuild as b (
        projection, slice, slices, definition, events_until, rows_written, lock_time
    )
    values (
        p_projection.name, p_slice, p_slices, p_definition, p_events_until,
        p_rows_written, evident._now() - p_locked_at
    )
    on conflict (projection, slice) do update
    set
        definition = excluded.definition,
        events_until = excluded.events_until,
        rows_written = excluded.rows_written,
        lock_time = excluded.lock_time,
        rebuilt_at = excluded.rebuilt_at;

    update evident.projection as p
    set
        definition = case
            when (
                select
                    bool_and(b.most % b.slices = 0)
                    -- collation: a number
                    and sum(b.most / b.slices) = max(b.most)
                from (
                    select
                        r.slices,
                        -- collation: a number
                        max(r.slices) over () as most
                    from evident.projection_rebuild as r
                    where r.projection = p.name and r.definition = p_definition
                ) as b
            ) then p_definition
            else p.definition
        end
    where
        p.name = p_projection.name
        and (p_rows_written > 0 or p.definition is distinct from p_definition);
end;
$function$;

comment on function
evident._note_rebuild(
    evident.projection, integer, integer, text, bigint, bigint, timestamptz
) is
'Records a rebuilt slice, and that the projection is not stale once all are.';

revoke all on function
evident._note_rebuild(
    evident.projection, integer, integer, text, bigint, bigint, timestamptz
) from public;
-- [end sql/functions/projections/_note_rebuild.sql]
-- [begin sql/functions/projections/_finish_rebuild.sql]
-- evident._finish_rebuild: the last step of a rebuild: stop writers, fold, write.
--
-- One attempt of several, in a block of the caller's: a lock that is not to be had
-- within a moment undoes it, so that nobody else waits for long. That holds to the
-- end, not only for the first lock: an application that has locked one row of a read
-- model would else make all appends wait that keep it. Whatever waits for these locks
-- waits for a moment too, and for the work.
--
-- Where appends keep the read model they take a lock on the table with their writes,
-- and queue behind whoever asks for this one. p_is_patient: longer than
-- deadlock_timeout, after which autovacuum gives way. Rows have no autovacuum in them;
-- and whoever has locked one and appends then is not to be ended for a deadlock.
--
-- When triggers are to be made anew it stops all appends instead, so that none is under
-- way that has begun with the old ones.
--
-- It holds nothing meanwhile that an append waits for. The projection's row comes
-- afterwards, as it does in appends with one snapshot (_sql_refuse_old_snapshot).
--
-- p_projection is the projection as it was when the rebuild began, p_now as it is under
-- its lock; pg_temp.rebuilt is folded up to p_position. p_filter: see _fold_round.
--
-- Locks: SHARE ROW EXCLUSIVE on the read model, or that of making and on
-- evident.event_store; all to the end of the transaction
-- Errors: 40001 when the projection was changed meanwhile; 55P03; those of the fold

create or replace function evident._finish_rebuild(
    p_projection evident.projection,
    p_now evident.projection,
    p_slice integer,
    p_slices integer,
    p_filter text,
    p_definition text,
    p_skips bigint,
    p_position bigint,
    p_is_patient boolean
)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set lock_timeout = '150ms'
as $function$
declare
    v_is_live constant boolean := p_projection.mode = 'sync'
        and p_projection.state = 'running';
    v_is_stale constant boolean := p_projection.definition
        is distinct from p_definition;
    v_started_at constant timestamptz := evident._now();
    v_safe bigint;
    v_written bigint;
begin
    if p_is_patient then
        perform set_config('lock_timeout', '1200ms', true);
    end if;
    if v_is_live and v_is_stale then
        perform evident._lock_making(p_may_wait => false);
        lock table evident.event_store in share row exclusive mode;
    elsif v_is_live then
        perform evident._as_projector(
            format('lock table %s in share row exclusive mode', p_projection.name)
        );
    end if;
    perform set_config('lock_timeout', '150ms', true);

    -- Nobody can make a foreign key any more, whose rows would go with those here.
    perform evident._as_projector(
        format('lock table %s in row exclusive mode', p_projection.name)
    );
    perform evident._require_projector(p_projection);

    if p_now.number <> p_projection.number
        or v_is_live <> (p_now.mode = 'sync' and p_now.state = 'running')
        or p_definition is distinct from evident.projection_definition(p_now.name)
        or p_skips <> (
            select count(*)
            from evident.projection_skip as s
            where s.projection = p_now.name
        )
    then
        raise exception using
            errcode = 'serialization_failure',
            message = format(
                'projection %s was changed during the rebuild', p_now.name
            ),
            detail = jsonb_build_object('projection', p_now.name)::text,
            hint = 'nothing was written; run the rebuild again';
    end if;

    if v_is_live and p_now.definition is distinct from p_definition then
        perform evident._switch_triggers(p_now, true);
    end if;

    -- The safe position may have gone back meanwhile: never below what is folded.
    v_safe := case
        when v_is_live then 9223372036854775807
        when p_slices = 1
            then greatest(p_position, evident.safe_position(), p_now.position)
        else p_now.position
    end;
    perform evident._fold_round(
        p_projection,
        p_filter,
        case when v_is_live then p_position else p_projection.position end,
        p_position,
        v_safe
    );
    v_written := (
        select a.answer::bigint
        from evident._ask_projector(
            'select to_jsonb(count(*)) from pg_temp.differing as d'
        ) as a (answer)
    );
    perform evident._as_projector(evident._fill(
        $sql$
        delete from {table} as t
        using pg_temp.differing as d
        where t.{key} = d.key;

        insert into {table} ({columns})
        select {values}
        from pg_temp.differing as d
        inner join pg_temp.rebuilt as r on d.key = r.key
        where (r.next_row).{key} is not null
        $sql$,
        jsonb_build_object(
            'table', p_projection.name,
            'key', format('%I', p_projection.key_column),
            'columns', evident._sql_columns(p_projection, '%1$s'),
            'values', evident._sql_columns(
                p_projection, '(r.next_row).%1$s', 'd.key'
            )
        )
    ));
    perform evident._run_ddl(
        'drop table pg_temp.rebuilt, pg_temp.differing', p_is_projectors => true
    );

    execute format(
        'delete from evident.projection_failure as f'
        ' where f.projection = %L and %s',
        p_now.name, format(p_filter, 'f.key')
    );
    if not v_is_live and p_slices = 1 then
        update evident.projection as p
        set position = v_safe
        where p.name = p_now.name
        returning p.* into p_now;
        if p_now.mode = 'sync' and p_now.state = 'catching_up' then
            perform evident._hand_over_to_triggers(p_now);
        end if;
    end if;
    perform evident._note_rebuild(
        p_projection, p_slice, p_slices, p_definition, p_position, v_written,
        v_started_at
    );
    return v_written;
end;
$function$;

comment on function evident._finish_rebuild(
    evident.projection, evident.projection, integer, integer, text, text, bigint,
    bigint, boolean
) is
'Stops writers of a read model, or all appends, folds the rest and writes what differs;
gives how many rows. Errors: 40001 changed meanwhile, 55P03 a lock was not to be had.';

revoke all on function evident._finish_rebuild(
    evident.projection, evident.projection, integer, integer, text, text, bigint,
    bigint, boolean
) from public;
-- [end sql/functions/projections/_finish_rebuild.sql]
-- [begin sql/functions/projections/rebuild_projection.sql]
-- evident.rebuild_projection: fold the log anew and repair the read model, in service.
--
-- 1. Fold the log up to a position into a temporary table, without locks.
-- 2. Note the keys whose rows differ. Where appends keep the read model, fold what was
--    appended meanwhile, and again, until little is left.
-- 3. Keep others from writing the read model: appends by a lock on the table; the
--    runner by the projection's. Where somebody is in the way there, or in 4, all that
--    was locked is let go of, and tried again a little later (_finish_rebuild).
-- 4. Fold the rest, and write the rows that differ. All are removed first, since
--    a value that must be unique may have gone from one of them to another.
-- All is one transaction: a rebuild that is killed has changed nothing.
--
-- Where a runner keeps it, it may be anywhere in what was not folded when the rebuild
-- began, so all keys above that checkpoint are compared in 4. In one piece such a
-- rebuild also catches up, and moves the checkpoint to the safe position; a slice
-- ends at the checkpoint, so that slices can be rebuilt one after the other.
--
-- A slice is the keys of one hash value: several sessions can share the work, and
-- each last step is shorter.
--
-- Where appends keep a read model that is stale, their triggers are made anew, since
-- they name its columns; for that all appends wait in 3 and 4.
--
-- The work is in the folds, which are not compiled; so neither is the rest. The whole
-- log is read as it lies and sorted, not by an index, which is slow once the log
-- is larger than memory.
--
-- Strict: a fold that fails ends it. Parked keys are free afterwards.
--
-- Locks: see 3, and the registration's (shared), to the end of the transaction
-- Errors: PT400, PT404; those of the fold; 40001 when the projection was changed
-- meanwhile; 55P03 when an open transaction has locked the table, or rows of it; 23505
-- when the read model has two rows of one key

create or replace function evident.rebuild_projection(
    p_name text,
    p_slice bigint default 0,
    p_slices bigint default 1
)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set work_mem = '32MB'
set jit = off
set enable_indexscan = off
set client_min_messages = warning
as $function$
declare
    v_projection evident.projection;
    v_is_live boolean;
    v_slice constant text := case
        when p_slices = 1 then 'true'
        else format(
            '(hashtextextended(%%1$s::text collate "C", 0) & 9223372036854775807)'
            ' %%%% %s = %s',
            p_slices, p_slice
        )
    end;
    v_now evident.projection;
    v_sql text;
    v_definition text;
    v_skips bigint;
    v_safe bigint;
    v_position bigint;
    v_until timestamptz;
    v_started_at timestamptz;
    v_pause double precision;
begin
    if p_slices is null or p_slices not between 1 and 1024 then
        perform evident._refuse_argument(
            'p_slices', 'not between 1 and 1024', 'take a few slices, such as 8'
        );
    end if;
    if p_slice is null or p_slice not between 0 and p_slices - 1 then
        perform evident._refuse_argument(
            'p_slice', format('not between 0 and %s', p_slices - 1),
            'slices count from 0'
        );
    end if;
    v_projection := evident._lock_registration(p_name, p_is_shared => true);
    v_is_live := v_projection.mode = 'sync' and v_projection.state = 'running';
    perform evident._require_projector(v_projection);
    v_definition := evident.projection_definition(p_name);
    if v_definition is null then
        perform evident._refuse_argument(
            'p_name',
            'its read model, its fold, or the function that tells its keys is missing',
            'create what is missing, or drop_projection'
        );
    end if;
    if v_projection.definition is null and p_slices > 1 then
        perform evident._refuse_argument(
            'p_slices', 'its rows are not known to be those of any position',
            'rebuild it in one piece'
        );
    end if;
    select count(*)
    into v_skips
    from evident.projection_skip as s
    where s.projection = p_name;

    -- 1. Up to here everything is there to be read.
    v_safe := evident.safe_position();
    v_position := case
        when v_is_live or p_slices = 1 then v_safe else v_projection.position
    end;
    perform evident._run_ddl(format(
        $sql$
        create temporary table rebuilt on commit drop as
        select
            v.key,
            %1$s(v.key, v.event order by v.position) as next_row
        from %2$s as v
        group by v.key
        with no data;

        create temporary table differing on commit drop as
        select r.key from pg_temp.rebuilt as r
        with no data;
        $sql$,
        evident._name_of_object(v_projection, 'fold_%s'),
        evident._name_of_object(v_projection, 'events_of_%s')
    ), p_is_projectors => true);
    v_sql := evident._fill(
        $sql$
        insert into pg_temp.rebuilt (key, next_row)
        select
            v.key,
            {fold}(v.key, v.event order by v.position)
        from {events} as v
        where v.position <= {position} and {slice}
        group by v.key
        $sql$,
        jsonb_build_object(
            'fold', evident._name_of_object(v_projection, 'fold_%s'),
            'events', evident._name_of_object(v_projection, 'events_of_%s'),
            'position', v_position,
            'slice', format(v_slice, 'v.key')
        )
    );
    perform evident._as_projector(v_sql);
    perform evident._run_ddl(
        'alter table pg_temp.rebuilt add primary key (key)', p_is_projectors => true
    );
    perform evident._as_projector('analyze pg_temp.rebuilt');

    perform set_config('enable_indexscan', 'on', true);

    -- 2.
    perform evident._as_projector(evident._fill(
        $sql$
        insert into pg_temp.differing (key)
        select coalesce(t.{key}, r.key)
        from (select s.* from {table} as s where {slice}) as t
        full join pg_temp.rebuilt as r on t.{key} = r.key
        where {differs}
        $sql$,
        jsonb_build_object(
            'table', v_projection.name,
            'key', format('%I', v_projection.key_column),
            'slice', format(v_slice, format('s.%I', v_projection.key_column)),
            'differs', evident._sql_differs(v_projection, 'r.next_row')
        )
    ));
    begin
        perform evident._run_ddl(
            'alter table pg_temp.differing add primary key (key)',
            p_is_projectors => true
        );
    exception when unique_violation then
        raise exception using
            errcode = 'unique_violation',
            message = format('%s has two rows of one key', p_name),
            detail = jsonb_build_object('projection', p_name)::text,
            hint = format(
                'its unique index is broken, by a new collation library for one: '
                'truncate %1$s; reindex table %1$s; then rebuild it again',
                p_name
            );
    end;

    -- 3 and 4.
    v_until := evident._now() + interval '1 minute';
    for v_attempt in 1..12 loop
        -- The later it is, the more there may be to fold.
        for v_round in 1..(case when v_is_live then 10 else 0 end) loop
            v_safe := evident.safe_position();
            exit when v_safe < v_position + 500;
            perform evident._fold_round(
                v_projection, v_slice, v_position, v_position, v_safe
            );
            v_position := v_safe;
        end loop;

        v_now := evident._lock_projection(p_name);
        v_started_at := evident._now();
        begin
            return evident._finish_rebuild(
                v_projection, v_now, p_slice::integer, p_slices::integer, v_slice,
                v_definition, v_skips, v_position, v_attempt > 8
            );
        exception when lock_not_available then
            v_pause := greatest(
                0.05 * v_attempt, date_part('epoch', evident._now() - v_started_at)
            );
        end;
        exit when evident._now() > v_until;
        -- For so long as appends may have waited they go on.
        perform pg_sleep(v_pause);
    end loop;

    perform evident._refuse_lock(
        p_name,
        format(
            'could not write %s: a transaction that wrote or locked it is still open',
            p_name
        ),
        array[
            evident._read_model(v_projection),
            'evident.event_store'::regclass,
            'evident.baseline'::regclass
        ],
        'nothing was changed; run the rebuild again when it is over'
    );
end;
$function$;

comment on function evident.rebuild_projection(text, bigint, bigint) is
'Folds the log anew and writes the rows that differ; gives how many. Readers never wait;
appends that keep the read model wait for the last step alone, see projection_rebuild.
p_slice of p_slices (1 to 1024) does the keys of one slice, so that sessions can
share the work. In one piece it also catches up to the safe position. For READ
COMMITTED. Errors: PT400 invalid argument, PT404 no such projection, the fold''s own,
40001 when the projection was changed meanwhile, 55P03 when an open transaction, which
the hint names, was in the way: call again.';

revoke all on function evident.rebuild_projection(text, bigint, bigint) from public;
grant execute on function evident.rebuild_projection(text, bigint, bigint)
to evident_operator;
-- [end sql/functions/projections/rebuild_projection.sql]
-- [begin sql/functions/projections/verify_projection.sql]
-- evident.verify_projection: the rows where read model and log disagree.
--
-- One snapshot, the caller's, for the checkpoint, the rows and the events: stable
-- functions have no other (_ask_projector). So the cut is consistent while appends and
-- runs go on, and nobody waits. A parked key is compared up to its failure.
--
-- The work is in the folds, which are not compiled; so neither is the rest. One key is
-- an index scan where the key is the aggregate; for others the log is read.
--
-- Errors: PT400, PT404; those of the fold, which is strict here

create or replace function evident.verify_projection(
    p_name text,
    p_key text default null
)
returns table (key text, stored jsonb, replayed jsonb)
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set work_mem = '32MB'
set jit = off
as $function$
declare
    v_projection evident.projection := evident._require_projection(p_name);
    v_stored text := v_projection.name;
    v_only text := 'true';
    v_failures text;
begin
    perform evident._require_projector(v_projection);
    if p_key is not null then
        perform evident._canonical_key(v_projection, p_key);
        v_only := format('v.key = %L::%s', p_key, v_projection.key_type);
        v_stored := format(
            '(select m.* from %s as m where m.%I = %L::%s)',
            v_projection.name, v_projection.key_column, p_key, v_projection.key_type
        );
    end if;
    select
        format(
            $sql$
            not exists (
                select
                from unnest(%L::text[], %L::bigint[]) as f (key, position)
                where f.position <= v.position and f.key = v.key::text
            )
            $sql$,
            array_agg(f.key), array_agg(f.position)
        )
    into v_failures
    from evident.projection_failure as f
    where f.projection = p_name
    having count(*) > 0;

    return query
    select
        a.answer ->> 0,
        nullif(a.answer -> 1, 'null'),
        nullif(a.answer -> 2, 'null')
    from evident._ask_projector(
        evident._fill(
            $sql$
            with replay as (
                select
                    v.key,
                    {fold}(v.key, v.event order by v.position) as next_row
                from {events} as v
                where v.position <= {position} and {not_parked} and {only}
                group by v.key
            )

            select
                jsonb_build_array(
                    coalesce(t.{key}, r.key)::text,
                    to_jsonb(t.*),
                    case
                        when (r.next_row).{key} is not null
                            then to_jsonb(r.next_row)
                                || jsonb_build_object({name_of_key}, r.key)
                    end
                )
            from {stored} as t
            full join replay as r on t.{key} = r.key
            where {differs}
            order by coalesce(t.{key}, r.key)::text collate "C"
            $sql$,
            jsonb_build_object(
                'fold', evident._name_of_object(v_projection, 'fold_%s'),
                'events', evident._name_of_object(v_projection, 'events_of_%s'),
                'position', case
                    when v_projection.mode = 'sync' and v_projection.state = 'running'
                        then 9223372036854775807
                    else v_projection.position
                end,
                'key', format('%I', v_projection.key_column),
                'name_of_key', format('%L', v_projection.key_column),
                'stored', v_stored,
                'differs', evident._sql_differs(v_projection, 'r.next_row'),
                'only', v_only,
                'not_parked', coalesce(v_failures, 'true')
            )
        )
    ) as a (answer);
end;
$function$;

comment on function evident.verify_projection(text, text) is
'The drift: one row for each key where the read model is not what its events fold to,
with the row as stored and as replayed (null: no row). No rows: they are equal. Blocks
nobody. p_key: look at this key alone. Errors: PT400 no such key can be, PT404 no
such projection, or the fold''s own.';

revoke all on function evident.verify_projection(text, text) from public;
grant execute on function evident.verify_projection(text, text) to
evident_operator, evident_auditor;
-- [end sql/functions/projections/verify_projection.sql]
-- [begin sql/functions/projections/project.sql]
-- evident.project: a row of a read model as of then, from the events alone.
--
-- Nothing stored is looked at, so it also tells what a table did not keep. A key that
-- is an aggregate is an index scan; for others the log is read, as the keys
-- of an event are only known to the projection.
--
-- A moment ends with the newest event that the clock had stamped by then, and all those
-- before it are folded, whatever their stamps: of a clock that was set back some would
-- be left out, and the row be one that never was.
--
-- The fold runs as evident_projector, as everywhere.
--
-- One form only: a parameter that a driver sends without a type would choose among
-- several by its place.
--
-- Errors: PT400, PT404; those of the fold

create or replace function evident.project(
    p_projection text,
    p_key text,
    p_until_version bigint default null,
    p_until_position bigint default null,
    p_until timestamptz default null
)
returns jsonb
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set datestyle = 'ISO, MDY'
set timezone = 'UTC'
as $function$
declare
    v_projection constant evident.projection := evident._require_projection(
        p_projection
    );
    v_reason text;
    v_query text;
begin
    perform evident._require_projector(v_projection);
    v_reason := case
        when p_key is null then 'p_key: null'
        when p_until_version < 1 then 'p_until_version: below 1'
        when p_until_version is not null and v_projection.keys is not null
            then 'p_until_version: the key is not an aggregate'
        when p_until_position < 0 then 'p_until_position: below 0'
        when num_nonnulls(p_until_version, p_until_position, p_until) > 1
            then 'p_until: more than one end'
    end;
    if v_reason is not null then
        raise exception using
            errcode = 'PT400',
            message = 'invalid argument ' || v_reason,
            detail = jsonb_build_object(
                'argument', split_part(v_reason, ': ', 1),
                'reason', split_part(v_reason, ': ', 2)
            )::text,
            hint = 'give a key, and a version (of an aggregate), a position'
                ' of the feed, a moment, or none of them for now';
    end if;

    perform evident._canonical_key(v_projection, p_key);

    v_query := evident._fill(
        $sql$
        select case when (f.next_row).{key} is not null
            then to_jsonb(f.next_row) || jsonb_build_object({name_of_key}, f.key) end
        from (
            select v.key, {fold}(v.key, v.event order by v.position) as next_row
            from (
                select k.key, k.event, k.position, {last_position} as last_position
                from {events} as k
                where k.key = {value}::{key_type}
            ) as v
            where v.position <= v.last_position {until}
            group by v.key
        ) as f
        $sql$,
        jsonb_build_object(
            'key', format('%I', v_projection.key_column),
            'name_of_key', format('%L', v_projection.key_column),
            'fold', evident._name_of_object(v_projection, 'fold_%s'),
            'events', evident._name_of_object(v_projection, 'events_of_%s'),
            'value', format('%L', p_key),
            'key_type', v_projection.key_type,
            'last_position', case
                when p_until is null then 'k.position'
                else format(
                    'max(k.position)'
                    ' filter (where (k.event).occurred_at <= %L) over ()',
                    p_until
                )
            end,
            'until', concat(
                ' and (v.event).version <= ' || p_until_version,
                ' and v.position <= ' || p_until_position
            )
        )
    );
    return (select a.answer from evident._ask_projector(v_query) as a (answer));
end;
$function$;

comment on function evident.project(text, text, bigint, bigint, timestamptz) is
'The row of a key as folded from its events, as JSON; null when there is none. Up to a
version (where the key is the aggregate), a position of the feed or a moment,
inclusive; without, now. Errors: PT400 invalid argument, PT404 no such projection, or
the fold''s own.';

revoke all on function evident.project(text, text, bigint, bigint, timestamptz)
from public;
grant execute on function evident.project(text, text, bigint, bigint, timestamptz) to
evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/projections/project.sql]
-- [begin sql/functions/projections/aggregate_at.sql]
-- evident.aggregate_at: everything that was known about an aggregate at a moment.
--
-- One row for each projection whose key is the aggregate, folded from its events up
-- to then; null is now. A projection in which it had no row is left out.
--
-- Runs with the caller's rights.
-- Errors: PT404; those of the folds

create or replace function evident.aggregate_at(
    p_aggregate_id uuid,
    p_until timestamptz
)
returns table (projection text, version integer, state jsonb)
language plpgsql
stable
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_version integer;
begin
    select max(e.version) filter (where e.occurred_at <= coalesce(p_until, 'infinity'))
    into v_version
    from evident.event_store as e
    where e.aggregate_id = p_aggregate_id
    having count(*) > 0;

    if not found then
        raise exception using
            errcode = 'PT404',
            message = format(
                'aggregate %s does not exist', coalesce(p_aggregate_id::text, 'null')
            ),
            detail = jsonb_build_object('aggregate_id', p_aggregate_id)::text,
            hint = 'check the aggregate''s id';
    end if;

    return query
    select
        s.name,
        v_version,
        s.state
    from (
        select
            p.name,
            evident.project(
                p.name, p_aggregate_id::text, p_until => p_until
            ) as state
        from evident.projection as p
        where p.keys is null
    ) as s
    where s.state is not null
    order by s.name collate "C";
end;
$function$;

comment on function evident.aggregate_at(uuid, timestamptz) is
'What was known about an aggregate at p_until (null = now): one row for each projection
by aggregate, with the aggregate''s version then, and the row as JSON. No rows: nothing
was known yet. Errors: PT404 no such aggregate.';

revoke all on function evident.aggregate_at(uuid, timestamptz) from public;
grant execute on function evident.aggregate_at(uuid, timestamptz) to
evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/projections/aggregate_at.sql]
-- [begin sql/functions/projections/wait_for_projection.sql]
-- evident.wait_for_projection: wait until a read model holds what was written.
--
-- Without a position it is the last id drawn when the call begins, so whatever the
-- caller has committed is included; on a standby, where the log has the sequence ahead,
-- the newest event. Each look has a snapshot of its own.
--
-- A row that appends keep comes with its event. So what is waited for there is the
-- event at the position, or that all is known up to it: on a standby it may not have
-- been replayed yet, after a failover it may never come. Without a position there is
-- nothing to wait for.
--
-- A transaction that has appended holds the feed back at its own events: nobody folds
-- them before it commits, so there it says so instead of waiting.
--
-- Runs with the caller's rights, and so raises by itself.
-- Errors: PT400, PT404

create or replace function evident.wait_for_projection(
    p_name text,
    p_position bigint default null,
    p_timeout interval default '10 seconds'
)
returns boolean
language plpgsql
volatile
parallel restricted
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_position constant bigint := coalesce(
        p_position,
        case
            when pg_is_in_recovery()
                then (select max(e.id) from evident.event_store as e)
            else pg_sequence_last_value('evident.event_store_id_seq'::regclass)
        end,
        0
    );
    v_until timestamptz;
    v_pause double precision := 0.002;
    v_reason text;
    v_is_kept boolean;
    v_is_there boolean;
begin
    v_reason := case
        when current_setting('transaction_isolation')
            in ('repeatable read', 'serializable')
            then 'transaction_isolation: one snapshot for all statements sees no change'
        when p_timeout is null or p_timeout < '0' or p_timeout > '1 day'
            then 'p_timeout: not between 0 and 1 day'
        when p_position < 0 then 'p_position: below 0'
        when
            exists (
                select
                from evident.announcement as a
                where a.pid = pg_backend_pid() and a.position < v_position
            )
            and evident.safe_position() < v_position
            and not exists (
                select
                from evident.projection as p
                where
                    p.name = p_name
                    and (
                        p.position >= v_position
                        or (p.mode = 'sync' and p.state = 'running')
                    )
            )
            then 'p_position: not before the events that this transaction has appended'
    end;
    if v_reason is not null then
        raise exception using
            errcode = 'PT400',
            message = 'invalid argument ' || v_reason,
            detail = jsonb_build_object(
                'argument', split_part(v_reason, ': ', 1),
                'reason', split_part(v_reason, ': ', 2)
            )::text,
            hint = 'wait at READ COMMITTED, after the commit, for a position of the'
                ' feed, or null for the newest, for a while';
    end if;

    v_until := clock_timestamp() + p_timeout;
    -- Ends: at p_timeout, by the clock.
    loop
        select
            p.position >= v_position,
            p.mode = 'sync' and p.state = 'running'
        into v_is_there, v_is_kept
        from evident.projection as p
        where p.name = p_name;
        if not found then
            raise exception using
                errcode = 'PT404',
                message = format(
                    'no such projection: %s', coalesce(left(p_name, 200), 'null')
                ),
                detail = jsonb_build_object('name', left(p_name, 200))::text,
                hint = 'a projection has the name of its read model, schema included;'
                    ' see evident.projection_status';
        end if;
        if v_is_kept and not v_is_there then
            v_is_there := p_position is null
                or exists (
                    select
                    from evident.event_store as e
                    where e.id = p_position
                )
                or evident.safe_position() >= p_position;
        end if;
        exit when v_is_there or clock_timestamp() >= v_until;
        perform pg_sleep(
            least(v_pause, date_part('epoch', v_until - clock_timestamp()))
        );
        v_pause := least(v_pause * 2, 0.1);
    end loop;
    return v_is_there;
end;
$function$;

comment on function evident.wait_for_projection(text, bigint, interval) is
'Waits until the read model holds all events up to p_position (a feed position; null =
the last id drawn by now): true, or false after p_timeout (0 to 1 day). Call
it after the commit, at READ COMMITTED. On a standby what counts is what it has
replayed. Parked keys are not waited for. Errors: PT400 invalid argument, or this
transaction has appended itself; PT404 no such projection.';

revoke all on function evident.wait_for_projection(text, bigint, interval) from public;
grant execute on function evident.wait_for_projection(text, bigint, interval) to
evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/projections/wait_for_projection.sql]
-- [begin sql/functions/projections/projection_definition.sql]
-- evident.projection_definition: a fingerprint of what a projection is made of.
--
-- The fold, the function that tells the keys, the event types and the columns of the
-- read model. The registration keeps the fingerprint of what its rows were folded
-- with; where they differ, the projection is stale. What a fold calls is not
-- looked into.
--
-- A function with a path and settings of its own, since definitions are written out
-- with as many schema names as the path demands, and with constants as the session
-- would show them; and with the owner's rights, since who reads projection_status need
-- not have any on the read models' schemas.
--
-- The functions are those that are bound (_projection_bound), whatever has their
-- names now.
--
-- Errors: PT404

create or replace function evident.projection_definition(p_name text)
returns text
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
set standard_conforming_strings = on
set bytea_output = 'hex'
set extra_float_digits = 1
set intervalstyle = 'postgres'
set datestyle = 'ISO, MDY'
set timezone = 'UTC'
as $function$
declare
    v_projection constant evident.projection := evident._require_projection(p_name);
    v_model constant oid := evident._read_model(v_projection);
    v_apply constant oid := evident._projection_bound(v_projection, 'step_%s');
    v_keys constant oid := evident._projection_bound(v_projection, 'keys_%s');
begin
    if v_model is null
        or v_apply is null or (v_keys is null) <> (v_projection.keys is null) then
        return null;
    end if;

    return (
        select
            encode(
                sha256(
                    convert_to(
                        jsonb_build_array(
                            pg_get_functiondef(v_apply),
                            pg_get_functiondef(v_keys),
                            v_projection.event_types,
                            jsonb_agg(
                                jsonb_build_array(
                                    a.attname,
                                    format_type(a.atttypid, a.atttypmod)
                                )
                                order by a.attnum
                            )
                        )::text,
                        'UTF8'
                    )
                ),
                'hex'
            )
        from pg_attribute as a
        where a.attrelid = v_model and a.attnum > 0 and not a.attisdropped
    );
end;
$function$;

comment on function evident.projection_definition(text) is
'The fingerprint of a projection''s fold, keys, event types and columns, as they are
now; null when one of them is missing. Where it is not the one that the rows were
folded with, the projection is stale. Errors: PT404 no such projection.';

revoke all on function evident.projection_definition(text) from public;
grant execute on function evident.projection_definition(text) to
evident_reader, evident_operator, evident_auditor, evident_monitor;
-- [end sql/functions/projections/projection_definition.sql]
-- [begin sql/functions/projections/projection_status.sql]
-- evident.projection_status: how each projection does.
--
-- How far behind is counted in ids, which have gaps: it is the most that can be
-- missing. Types are not looked at: the checkpoint passes other events by. The clock
-- is read here itself, since a view runs functions with its reader's rights.
--
-- An error's message may hold what an event says: it is for those who may read events.

create or replace view evident.projection_status as
select
    p.name,
    p.mode,
    p.is_invariant,
    p.state,
    coalesce(
        p.reason,
        (
            select
                format(
                    'the keys of event %s cannot be told, so everything waits:'
                    ' retry_failure or skip_failure with the key ''''', u.position
                )
            from evident.projection_failure as u
            where u.projection = p.name and u.key = ''
        ),
        case
            when p.is_invariant and p.state <> 'running'
                then 'its rule is not enforced until it is running'
        end
    ) as reason,
    (p.definition is distinct from evident.projection_definition(p.name)) as is_stale,
    l.position,
    greatest(s.safe_position - l.position, 0) as events_behind,
    coalesce(
        round(date_part('epoch', clock_timestamp() - o.occurred_at)::numeric, 3), 0
    ) as seconds_behind,
    coalesce(f.failures, 0) as failures,
    f.last_error,
    r.slices as rebuild_slices,
    r.slices_done as rebuild_slices_done,
    r.rebuilt_at
from evident.projection as p
cross join evident.feed_status as s
inner join lateral (
    values (
        case
            when p.mode = 'sync' and p.state = 'running' then s.head
            else p.position
        end
    )
) as l (position) on true
left join lateral (
    select e.occurred_at
    from evident.event_store as e
    where e.id > l.position and e.id <= s.safe_position
    order by e.id
    limit 1
) as o on true
left join lateral (
    select
        count(*) as failures,
        (
            array_agg(
                concat_ws(
                    ' ',
                    f.code,
                    case
                        when has_table_privilege('evident.event_store', 'select')
                            then f.message
                    end
                )
                order by f.failed_at desc
            )
        )[1] as last_error
    from evident.projection_failure as f
    where f.projection = p.name
) as f on true
left join lateral (
    select
        b.slices,
        count(*) as slices_done,
        max(b.rebuilt_at) as rebuilt_at
    from evident.projection_rebuild as b
    where b.projection = p.name
    group by b.slices
) as r on true;

comment on view evident.projection_status is
'One row for each projection: mode; is_invariant (its fold enforces a rule); state
(running, catching_up, paused); reason, why it is paused or cannot go on; is_stale (its
fold, event types or columns changed since its rows were folded); position (the
checkpoint; the head where appends keep it); events_behind the safe position and the
head, at most, counted in ids; seconds_behind, the age of the oldest event that
waits; failures (parked keys) and the last_error; how many of the slices of the
newest rebuild are done, and when. Readable at READ COMMITTED.';

revoke all on table evident.projection_status from public;
grant select on table evident.projection_status to
evident_reader, evident_operator, evident_auditor, evident_monitor;
-- [end sql/functions/projections/projection_status.sql]
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
    select '0007_projections'::text;
end;

comment on function evident.version() is
'The id of the newest engine migration that is in effect, such as 0005_guards.';

revoke all on function evident.version() from public;
grant execute on function evident.version() to
evident_writer, evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/core/version.sql]

do $do$
begin
    perform evident._pause_unsafe();
    perform evident._close_types();
end;
$do$;

do $do$
begin
    perform evident._record_baseline();
end;
$do$;
