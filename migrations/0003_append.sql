-- depends: 0002_event_store
-- Appending: one event, many events, many aggregates.
--
-- Locks: none. Rollback loses nothing.

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

do $do$
begin
    perform evident._drop_default_privileges();
end;
$do$;

-- [begin sql/functions/core/_refuse_argument.sql]
-- evident._refuse_argument: raise PT400 for one argument.
--
-- A function, so that a query over many entries can refuse the first bad one
-- and every caller words the refusal alike.
--
-- Errors: PT400, always.

create or replace function evident._refuse_argument(
    p_argument text,
    p_reason text,
    p_hint text
)
returns void
language plpgsql
volatile
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception using
        errcode = 'PT400',
        message = format('invalid argument %s: %s', p_argument, p_reason),
        detail = jsonb_build_object(
            'argument', p_argument,
            'reason', p_reason
        )::text,
        hint = p_hint;
end;
$function$;

comment on function evident._refuse_argument(text, text, text) is
'Raises PT400 with the detail {"argument", "reason"} and the given hint.';

revoke all on function evident._refuse_argument(text, text, text) from public;
grant execute on function evident._refuse_argument(text, text, text)
to evident_projector;
-- [end sql/functions/core/_refuse_argument.sql]
-- [begin sql/functions/core/_refuse_versions.sql]
-- evident._refuse_versions: raise PT409, or PT404, for version expectations.
--
-- Takes every unmet expectation of one call, so that a client sees all of them
-- at once. When nothing is wrong but that aggregates which must exist do not,
-- reloading would find nothing: that is PT404.
--
-- An expectation that was met, and yet nothing was stored: there is no version left, or
-- the ids of the events were taken.
--
-- Errors: always one of PT400, PT404, PT409, PT500, 40001

create or replace function evident._refuse_versions(p_conflicts jsonb)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_first constant jsonb := p_conflicts -> 0;
    v_met constant jsonb := jsonb_path_query_first(
        p_conflicts,
        '$[*] ? (@.expected == @.actual || @.expected == null'
        ' || (@.expected == -1 && @.actual > 0))'
    );
begin
    if v_met is not null then
        if (v_met ->> 'actual')::bigint < 2147483647 - 10000 then
            perform evident._refuse_sequence();
            raise exception using
                errcode = 'serialization_failure',
                message = format(
                    'aggregate %s is not appended to: its event ids were taken',
                    v_met ->> 'aggregate_id'
                ),
                detail = jsonb_build_object(
                    'aggregate_id', v_met -> 'aggregate_id'
                )::text,
                hint = 'call again';
        end if;
        perform evident._refuse_argument(
            'aggregate_id',
            format(
                'aggregate %s is at version %s, and the last one there is is '
                '2147483647', v_met ->> 'aggregate_id', v_met ->> 'actual'
            ),
            'go on in a new aggregate, whose first event names this one'
        );
    end if;

    if not jsonb_path_exists(p_conflicts, '$[*] ? (@.expected != -1)') then
        raise exception using
            errcode = 'PT404',
            message = format(
                'aggregate %s does not exist', v_first ->> 'aggregate_id'
            ),
            detail = jsonb_build_object(
                'name', v_first -> 'aggregate_id',
                'conflicts', p_conflicts
            )::text,
            hint = 'check the aggregate_id, or append with expected version 0 '
                'to create the aggregate';
    end if;

    raise exception using
        errcode = 'PT409',
        message = format(
            'aggregate %s is at version %s, expected %s',
            v_first ->> 'aggregate_id',
            v_first ->> 'actual',
            case v_first ->> 'expected'
                when '-1' then 'any that exists'
                else v_first ->> 'expected'
            end
        ),
        detail = jsonb_build_object('conflicts', p_conflicts)::text,
        hint = 'reload the aggregate and decide again';
end;
$function$;

comment on function evident._refuse_versions(jsonb) is
'Raises PT409 with the detail {"conflicts": [{"aggregate_id", "expected",
"actual"}, ...]}, or PT404 when each of them is an aggregate that must exist.';

revoke all on function evident._refuse_versions(jsonb) from public;
-- [end sql/functions/core/_refuse_versions.sql]
-- [begin sql/functions/core/_refuse_version.sql]
-- evident._refuse_version: raise PT409, or PT404, for one version expectation.
--
-- Errors: PT404 or PT409, always.

create or replace function evident._refuse_version(
    p_aggregate_id uuid,
    p_expected_version bigint,
    p_actual integer
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_conflicts constant jsonb := jsonb_build_array(
        jsonb_build_object(
            'aggregate_id', p_aggregate_id,
            'expected', p_expected_version,
            'actual', p_actual
        )
    );
begin
    perform evident._refuse_versions(v_conflicts);
end;
$function$;

comment on function evident._refuse_version(uuid, bigint, integer) is
'Raises what _refuse_versions raises for an aggregate that is at p_actual.';

revoke all on function evident._refuse_version(uuid, bigint, integer) from public;
-- [end sql/functions/core/_refuse_version.sql]
-- [begin sql/functions/append/_announce_again.sql]
-- evident._announce_again: announce an append in a transaction that has written
-- already, or whose first announcement somebody else's lock keeps out.
--
-- The first call notes its position in a setting that ends with the transaction
-- (and with a savepoint that is rolled back, just as the lock does), so that
-- later calls take the same lock again instead of one more. The setting is
-- never trusted: a value above the sequence is cut down to it, one below only
-- holds the feed back while this transaction runs, and anything but digits
-- counts as absent.
--
-- Any login may take any advisory lock, so a key may be held exclusively. Then the
-- announcement goes to the keys of 17757: 5 bits e, 18 bits m and 25 random bits,
-- which announce the position m * 2^e, the largest such number that is not above
-- the sequence. It is the sequence's value itself up to 262,143, and at most a
-- part in 131,072 less beyond, so the feed is hardly held back. Nobody can hold all
-- 33,554,432 keys of a position: the server's table of locks is full before. The
-- setting evident.feed_detour remembers the key, under the same mistrust.
--
-- Locks: one shared transaction-level advisory lock, never waiting; see
-- _announce_append.
-- Errors: 55P03, when a hundred random keys are all held

create or replace function evident._announce_again()
returns boolean
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_last constant bigint := coalesce(
        pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
    );
    v_position bigint := least(
        substring(
            current_setting('evident.feed_position', true) from '^[0-9]{1,15}$'
        )::bigint,
        v_last
    );
    v_detour bigint;
    v_exponent integer;
begin
    if pg_try_advisory_xact_lock_shared((17750::bigint << 48) | v_position) then
        perform set_config('evident.feed_position', v_position::text, true);
        return true;
    end if;

    v_detour := substring(
        current_setting('evident.feed_detour', true) from '^[0-9]{1,15}$'
    )::bigint;
    v_exponent := greatest(length(ltrim(v_last::bit(48)::text, '0')) - 18, 0);
    for v_try in 1..100 loop
        if v_try > 1
            or v_detour is null
            or v_detour >= 1::bigint << 48
            or ((v_detour >> 25) & 262143) << (v_detour >> 43)::integer > v_last
        then
            v_detour := (v_exponent::bigint << 43)
                | ((v_last >> v_exponent) << 25)
                | (uuid_hash_extended(gen_random_uuid(), 0) & 33554431);
        end if;
        if pg_try_advisory_xact_lock_shared((17757::bigint << 48) | v_detour) then
            perform set_config('evident.feed_detour', v_detour::text, true);
            return true;
        end if;
    end loop;

    raise exception using
        errcode = '55P03',
        message = 'the append cannot be announced to the feed: all the advisory'
            ' locks that were tried are held by other sessions',
        detail = '{"reason": "advisory locks are held"}',
        hint = 'look in pg_locks for the session that holds advisory locks'
            ' exclusively, and end it';
end;
$function$;

comment on function evident._announce_again() is
'Announces an append in a transaction that has written before, or beside a lock that
is held exclusively; true.';

revoke all on function evident._announce_again() from public;
-- [end sql/functions/append/_announce_again.sql]
-- [begin sql/functions/append/_announce_append.sql]
-- evident._announce_append: tell feed readers that this transaction will draw
-- event ids above the sequence's present value.
--
-- A writer calls this before it draws an id. The announcement is a shared
-- advisory lock that lives until the transaction is over; its key carries
-- 17750 ('EV') in the upper 16 bits and a position in the lower 48. Only somebody
-- who means harm takes such a key exclusively; _announce_again finds another one
-- then, so that an append never waits here. A reader takes the smallest announced
-- position as its limit; see safe_position.
--
-- A transaction without an id of its own has written nothing yet, so it has not
-- announced anything either: that is the common case, and as small as can be,
-- since each function in it is looked up again in every transaction.
-- _announce_again keeps a transaction with many appends from taking many locks.
--
-- Locks: one shared transaction-level advisory lock, never waiting. Inlined by the
-- planner.
-- Errors: 55P03, when all the keys that were tried are held

create or replace function evident._announce_append()
returns boolean
language sql
volatile
parallel unsafe
begin atomic
    select case
        when
            pg_current_xact_id_if_assigned() is null
            and pg_try_advisory_xact_lock_shared(
                (17750::bigint << 48) | coalesce(
                    pg_sequence_last_value(
                        'evident.event_store_id_seq'::regclass
                    ),
                    0
                )
            )
            then true
        else evident._announce_again()
    end;
end;

comment on function evident._announce_append() is
'Takes this transaction''s feed announcement, a shared advisory lock; true.';

revoke all on function evident._announce_append() from public;
-- [end sql/functions/append/_announce_append.sql]
-- [begin sql/functions/append/_draw_id.sql]
-- evident._draw_id: announce an append and draw its id, which currval then gives.
--
-- False when the id is not above what the sequence gave last: then the announcement
-- does not cover it, and the feed may have passed it. A sequence that caches,
-- descends or cycles hands out such ids, and so does a session that still has ids
-- from a time when it did.
--
-- The steps are in one case, since the planner sorts conditions by their cost; and
-- the sequence is looked at before it is drawn from, as arguments are evaluated
-- from left to right. Inlined by the planner.
--
-- Locks: see _announce_append.

create or replace function evident._draw_id()
returns boolean
language sql
volatile
parallel unsafe
begin atomic
    select case
        when evident._announce_append()
            then
                coalesce(
                    pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
                )
                < nextval('evident.event_store_id_seq'::regclass)
    end;
end;

comment on function evident._draw_id() is
'Announces an append and draws the next event id; false when the sequence hands out
ids that the feed may have passed.';

revoke all on function evident._draw_id() from public;
-- [end sql/functions/append/_draw_id.sql]
-- [begin sql/functions/append/_is_ordered.sql]
-- evident._is_ordered: true when a sequence hands out its numbers one after the other,
-- above the ids of all events.
--
-- One that caches, descends or cycles gives ids that the feed may have passed, and so
-- does one that came without its rows' numbers. Marked
-- immutable though it is not, so that the planner evaluates it once for a plan, and an
-- append pays nothing for it. ALTER SEQUENCE gives the sequence a new file, so
-- every session makes its plans that name it anew, and forgets the numbers that it
-- had cached. A setval does neither: that is seen where an id is taken, and by all who
-- read the feed (_refuse_behind).

create or replace function evident._is_ordered(p_sequence regclass)
returns boolean
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
-- A sequence has no index: see _require_projector.
set jit = off
as $function$
begin
    return exists (
        select
        from pg_sequence as s
        where
            s.seqrelid = p_sequence
            and s.seqcache = 1
            and s.seqincrement = 1
            and not s.seqcycle
    )
    and (
        select case when s.is_called then s.last_value else s.last_value - 1 end
        from evident.event_store_id_seq as s
    ) >= coalesce((select max(e.id) from evident.event_store as e), 0);
end;
$function$;

comment on function evident._is_ordered(regclass) is
'True when a sequence caches nothing, counts by 1, does not cycle, and is not below the
events.';

revoke all on function evident._is_ordered(regclass) from public;
-- [end sql/functions/append/_is_ordered.sql]
-- [begin sql/functions/append/_refuse_sequence.sql]
-- evident._refuse_sequence: raise PT500 unless the event ids come in order.
--
-- A sequence that was set back would have events stored below those that are sealed.
-- The newest id is looked up before the sequence, which only grows.
--
-- Errors: PT500

create or replace function evident._refuse_sequence()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_newest constant bigint := (select max(e.id) from evident.event_store as e);
    v_last constant bigint := coalesce(
        pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
    );
begin
    if v_last < v_newest then
        raise exception using
            errcode = 'PT500',
            message = format(
                'the sequence of the event ids is behind its rows: it is at %s, the '
                'newest event has %s', v_last, v_newest
            ),
            detail = jsonb_build_object(
                'reason', 'the sequence is behind its rows',
                'sequence', 'evident.event_store_id_seq',
                'last_value', v_last,
                'newest_id', v_newest
            )::text,
            hint = format(
                'the owner of the store runs: select setval('
                '''evident.event_store_id_seq'', %s)', v_newest
            );
    end if;
    if evident._is_ordered('evident.event_store_id_seq'::regclass) then
        return;
    end if;
    raise exception using
        errcode = 'PT500',
        message = 'the sequence of the event ids does not hand them out in order: '
            'the feed would skip events',
        detail = (
            select
                jsonb_build_object(
                    'reason', 'the sequence caches, descends, jumps or cycles',
                    'sequence', 'evident.event_store_id_seq',
                    'cache', s.seqcache,
                    'increment', s.seqincrement,
                    'is_cycling', s.seqcycle
                )::text
            from pg_sequence as s
            where s.seqrelid = 'evident.event_store_id_seq'::regclass
        ),
        hint = 'the owner of the store runs: alter sequence'
            ' evident.event_store_id_seq increment 1 cache 1 no cycle';
end;
$function$;

comment on function evident._refuse_sequence() is
'Raises PT500 when the sequence of the event ids is behind its rows, caches, does not
count by 1, or cycles.';

revoke all on function evident._refuse_sequence() from public;
-- [end sql/functions/append/_refuse_sequence.sql]
-- [begin sql/functions/append/_refuse_own_stream.sql]
-- evident._refuse_own_stream: refuse the store's own aggregate.
--
-- The nil aggregate holds what the store records about itself. Nobody appends there
-- through the append functions.
--
-- Errors: PT403, for that aggregate

create or replace function evident._refuse_own_stream(p_aggregate_id uuid)
returns void
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if p_aggregate_id = '00000000-0000-0000-0000-000000000000' then
        raise exception using
            errcode = 'PT403',
            message = format(
                'aggregate %s is the store''s own: it is closed to appends',
                p_aggregate_id
            ),
            detail = jsonb_build_object(
                'aggregate_id', p_aggregate_id,
                'reason', 'the store''s own stream is closed'
            )::text,
            hint = 'give the aggregate a UUID of its own, such as gen_random_uuid()';
    end if;
end;
$function$;

comment on function evident._refuse_own_stream(uuid) is
'Raises PT403 when the aggregate is the store''s own, the nil UUID.';

revoke all on function evident._refuse_own_stream(uuid) from public;
-- [end sql/functions/append/_refuse_own_stream.sql]
-- [begin sql/functions/append/_long_text_length.sql]
-- evident._long_text_length: how many bytes a document takes as text, found without
-- making a long text.
--
-- A number of twelve bytes can be one of 147,456 characters as text, so the numbers
-- are added up first: digits before the point from the weight that numeric_send tells,
-- digits behind it from scale. That is never more than the text has, and at most
-- five bytes a number less. Only what is short enough by that is made into text.
-- Up to 30,000 bytes it is enough that no number is huge: 16,383 digits behind the
-- point are the most there can be.
--
-- The largest document for its text is an array of single digits: four bytes in
-- memory for each byte of text.
--
-- jsonb_path_query would take a time that grows with the square of what it finds; so
-- the numbers are put into an array. What is nested deeper than 1000 levels is not
-- looked at: what walks it, here and in other programs, walks by recursion. A level
-- takes eight bytes.

create or replace function evident._long_text_length(p_document jsonb)
returns bigint
language plpgsql
stable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_limit constant bigint := 1048576;
    v_size constant bigint := pg_column_size(p_document || '{}');
    v_length bigint;
begin
    if v_size > 4 * v_limit + 1000
        or v_size >= 8000 and jsonb_path_exists(p_document, 'strict $.**{1000}')
    then
        return null;
    end if;

    if v_size > 30000
        or jsonb_path_exists(p_document, 'strict $.** ? (@.abs() > 1e30)')
    then
        select
            sum(
                case
                    when get_byte(n.bytes, 2) < 128
                        then 4 * (256 * get_byte(n.bytes, 2) + get_byte(n.bytes, 3))
                    else 0
                end
                + 3 + n.scale
            )
        into v_length
        from (
            select
                numeric_send(a.value::numeric) as bytes,
                scale(a.value::numeric) as scale
            from jsonb_array_elements(
                jsonb_path_query_array(
                    p_document, 'strict $.** ? (@.type() == "number")'
                )
            ) as a (value)
            offset 0
        ) as n;
        if v_length > v_limit then
            return null;
        end if;
    end if;

    v_length := pg_column_size(jsonb_out(p_document)) - 1;
    return case when v_length <= v_limit then v_length end;
end;
$function$;

comment on function evident._long_text_length(jsonb) is
'The length of a document''s text in bytes; null when it is above 1048576, or the
document is nested deeper than 1000 levels.';

revoke all on function evident._long_text_length(jsonb) from public;
-- [end sql/functions/append/_long_text_length.sql]
-- [begin sql/functions/append/_text_length.sql]
-- evident._text_length: how many bytes a document takes as text, if it may be stored.
--
-- A document of up to 3,000 bytes is at most 28 MB as text, so it is simply made into
-- one; pg_column_size of what jsonb_out gives is the length of that and a byte, without
-- a copy. The document's size is that of the value joined with an empty one, which is
-- the value itself, uncompressed: what comes from a table may be short only because it
-- is compressed.
--
-- What is immutable, as jsonb_out, is evaluated by the planner when it plans a query
-- for known values, in whatever branch it stands. So this is for the columns of a
-- query, and for simple expressions of PL/pgSQL, which are planned without values.
-- Inlined by the planner.

create or replace function evident._text_length(p_document jsonb)
returns bigint
language sql
stable
parallel safe
begin atomic
    select case
        when pg_column_size(p_document || '{}') <= 3000
            then
                nullif(
                    least(pg_column_size(jsonb_out(p_document)) - 1, 1048577), 1048577
                )
        else evident._long_text_length(p_document)
    end;
end;

comment on function evident._text_length(jsonb) is
'The length of a document''s text in bytes; null when it is above 1048576, or the
document is nested deeper than 1000 levels.';

revoke all on function evident._text_length(jsonb) from public;
-- [end sql/functions/append/_text_length.sql]
-- [begin sql/functions/append/_refuse_document.sql]
-- evident._refuse_document: refuse a payload or metadata that _text_length gave no
-- length for.
--
-- Errors: PT400, always.

create or replace function evident._refuse_document(p_argument text)
returns void
language plpgsql
volatile
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_reason constant text :=
        'longer than 1048576 bytes as text, or nested deeper than 1000 levels';
    v_hint constant text :=
        'store the document elsewhere, and its hash in the event';
begin
    perform evident._refuse_argument(p_argument, v_reason, v_hint);
end;
$function$;

comment on function evident._refuse_document(text) is
'Raises PT400 for a document that is too long as text, or nested too deeply.';

revoke all on function evident._refuse_document(text) from public;
-- [end sql/functions/append/_refuse_document.sql]
-- [begin sql/functions/append/_lock_aggregate.sql]
-- evident._lock_aggregate: queue for one aggregate until the transaction ends.
--
-- For appends that accept any version: without a queue they would race for
-- the next version and all but one would try again. Correctness never rests
-- on this lock but on the unique key over (aggregate_id, version); appends
-- that name a version do not take it. One place uses it for more: a batch
-- that checks versions without appending locks all its aggregates, so that two
-- such batches cannot each overlook what the other one appends.
--
-- Locks: an exclusive transaction-level advisory lock; key: 17751 in the
-- upper 16 bits, a 48-bit hash of the aggregate below. Inlined by the planner.

create or replace function evident._lock_aggregate(p_aggregate_id uuid)
returns boolean
language sql
volatile
parallel unsafe
begin atomic
    select pg_advisory_xact_lock(
        (17751::bigint << 48)
        | (uuid_hash_extended(p_aggregate_id, 0) & ((1::bigint << 48) - 1))
    ) is not null;
end;

comment on function evident._lock_aggregate(uuid) is
'Waits for and takes the aggregate''s transaction-level advisory lock; true.';

revoke all on function evident._lock_aggregate(uuid) from public;
-- [end sql/functions/append/_lock_aggregate.sql]
-- [begin sql/functions/append/_is_uuid.sql]
-- evident._is_uuid: true when a JSON value is a string that casts to uuid.
--
-- Stricter than the cast, which also takes braces. Inlined by the planner.

create or replace function evident._is_uuid(p_value jsonb)
returns boolean
language sql
immutable
parallel safe
begin atomic
    select coalesce(
        jsonb_typeof(p_value) = 'string'
        and (p_value #>> '{}') ~ '^([0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}$',
        false
    );
end;

comment on function evident._is_uuid(jsonb) is
'Whether a JSON value is a string in the form of a UUID.';

revoke all on function evident._is_uuid(jsonb) from public;
-- [end sql/functions/append/_is_uuid.sql]
-- [begin sql/functions/append/_is_expected_version.sql]
-- evident._is_expected_version: true for absent, null, or an integer from -1.
--
-- The number never becomes text, which can be 147,456 characters long. Not `between`:
-- beside another condition a dump and restore would give it fewer parentheses, and
-- the function another hash.

create or replace function evident._is_expected_version(p_value jsonb)
returns boolean
language sql
immutable
parallel safe
begin atomic
    select case coalesce(jsonb_typeof(p_value), 'null')
        when 'null' then true
        when 'number'
            then
                p_value::numeric >= -1
                and p_value::numeric <= 9223372036854775807
                and scale(p_value::numeric) = 0
        else false
    end;
end;

comment on function evident._is_expected_version(jsonb) is
'Whether a JSON value is absent, null or a bigint of -1 or more.';

revoke all on function evident._is_expected_version(jsonb) from public;
-- [end sql/functions/append/_is_expected_version.sql]
-- [begin sql/functions/append/_event_problem.sql]
-- evident._event_problem: what is wrong with one event of a document, or null.
--
-- Gives {path below the event, reason, hint}. Inlined by the planner.

create or replace function evident._event_problem(p_event jsonb)
returns text[]
language sql
immutable
parallel safe
begin atomic
    select case
        when jsonb_typeof(p_event) <> 'object'
            then array['', 'not a JSON object', 'pass {"type", "payload"}']
        when p_event - '{type,payload,metadata,event_id}'::text[] <> '{}'
            then array[
                '', 'has an unknown key',
                'the keys are type, payload, metadata and event_id'
            ]
        when
            coalesce(jsonb_typeof(p_event -> 'type'), '') <> 'string'
            or char_length(p_event ->> 'type') not between 1 and 100
            then array[
                '.type', 'not a text of 1 to 100 characters',
                'name what happened, such as OrderCreated'
            ]
        when coalesce(jsonb_typeof(p_event -> 'payload'), '') <> 'object'
            then array[
                '.payload', 'not a JSON object', 'wrap the value: {"value": ...}'
            ]
        when jsonb_typeof(p_event -> 'metadata') not in ('object', 'null')
            then array[
                '.metadata', 'not a JSON object',
                'leave it out when there is none'
            ]
        when
            jsonb_typeof(p_event -> 'event_id') <> 'null'
            and not evident._is_uuid(p_event -> 'event_id')
            then array['.event_id', 'not a UUID', 'pass a UUID as a string']
    end;
end;

comment on function evident._event_problem(jsonb) is
'What is wrong with one event {"type", "payload", "metadata"?, "event_id"?}:
{path, reason, hint}; null when it is fine.';

revoke all on function evident._event_problem(jsonb) from public;
-- [end sql/functions/append/_event_problem.sql]
-- [begin sql/functions/append/_most_text.sql]
-- evident._most_text: how many bytes of text a document of events may become.
--
-- Control characters take six bytes as text, and a number that is written out two
-- bytes for one in memory. Only exponents make more of it: those get 16 MiB.
-- The size is that of the array joined with an empty one, which is itself. Inlined by
-- the planner.

create or replace function evident._most_text(p_array jsonb)
returns bigint
language sql
stable
parallel safe
begin atomic
    select greatest(16777216, 8::bigint * pg_column_size(p_array || '[]'));
end;

comment on function evident._most_text(jsonb) is
'The most bytes of text that the events of one call may take.';

revoke all on function evident._most_text(jsonb) from public;
-- [end sql/functions/append/_most_text.sql]
-- [begin sql/functions/append/_refuse_text.sql]
-- evident._refuse_text: refuse a call whose events take too much room as text.
--
-- Errors: PT400, always.

create or replace function evident._refuse_text(p_argument text)
returns void
language plpgsql
volatile
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform evident._refuse_argument(
        p_argument,
        'the numbers of its events together take more than 16777216 bytes as text',
        'split the call'
    );
end;
$function$;

comment on function evident._refuse_text(text) is
'Raises PT400 for events that together take too much room as text.';

revoke all on function evident._refuse_text(text) from public;
-- [end sql/functions/append/_refuse_text.sql]
-- [begin sql/functions/append/_is_event.sql]
-- evident._is_event: true when one event's arguments can be stored as they are.
--
-- The quick look of the hot path, as few and small operators as will do; what is
-- wrong with a refused one is found by _event_problem. Null counts as refused in
-- a condition. The nil aggregate is the store's own. How long the documents are is for
-- append_event to find out. Inlined by the planner.

create or replace function evident._is_event(
    p_aggregate_id uuid,
    p_event_type text,
    p_payload jsonb,
    p_metadata jsonb
)
returns boolean
language sql
immutable
parallel safe
begin atomic
    select
        p_aggregate_id <> '00000000-0000-0000-0000-000000000000'
        and p_event_type <> ''
        and char_length(p_event_type) <= 100
        and p_payload @> '{}'
        and coalesce(p_metadata, '{}') @> '{}';
end;

comment on function evident._is_event(uuid, text, jsonb, jsonb) is
'True when the arguments make an event, however long; false or null otherwise.';

revoke all on function evident._is_event(uuid, text, jsonb, jsonb) from public;
-- [end sql/functions/append/_is_event.sql]
-- [begin sql/functions/append/_is_bounded.sql]
-- evident._is_bounded: true when neither of two documents is too long as text.

create or replace function evident._is_bounded(p_payload jsonb, p_metadata jsonb)
returns boolean
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    return evident._text_length(p_payload)
        + evident._text_length(p_metadata) is not null;
end;
$function$;

comment on function evident._is_bounded(jsonb, jsonb) is
'True when each of two documents takes at most 1048576 bytes as text.';

revoke all on function evident._is_bounded(jsonb, jsonb) from public;
-- [end sql/functions/append/_is_bounded.sql]
-- [begin sql/functions/append/_is_short.sql]
-- evident._is_short: true when two documents are short enough as text.
--
-- Documents of up to 1,000 bytes together are at most 9 MB as text, so they are simply
-- made into one; larger ones are measured (_is_bounded). An array holds its elements
-- uncompressed: what comes from a table may be short only because it is compressed.
-- Inlined by the planner.

create or replace function evident._is_short(p_payload jsonb, p_metadata jsonb)
returns boolean
language sql
stable
parallel safe
begin atomic
    select case
        when pg_column_size(array[p_payload, p_metadata]) <= 1000
            then octet_length(concat(p_payload, p_metadata)) <= 1048576
        else evident._is_bounded(p_payload, p_metadata)
    end;
end;

comment on function evident._is_short(jsonb, jsonb) is
'True when two documents may be stored: neither takes more than 1048576 bytes as text.
Small ones may be refused when they take more together; then the long path measures.';

revoke all on function evident._is_short(jsonb, jsonb) from public;
-- [end sql/functions/append/_is_short.sql]

-- [begin sql/functions/append/_may_append.sql]
-- evident._may_append: true when one event may be stored, and its append is announced.
--
-- What append_event asks before a row draws its id. The checks are in one case, since
-- the planner sorts conditions by their cost, and announcing has to be last. Inlined
-- by the planner.

create or replace function evident._may_append(
    p_aggregate_id uuid,
    p_event_type text,
    p_payload jsonb,
    p_metadata jsonb
)
returns boolean
language sql
volatile
parallel unsafe
begin atomic
    select case
        when
            evident._is_event(p_aggregate_id, p_event_type, p_payload, p_metadata)
            and evident._is_short(p_payload, p_metadata)
            and evident._is_ordered('evident.event_store_id_seq'::regclass)
            then evident._announce_append()
    end;
end;

comment on function evident._may_append(uuid, text, jsonb, jsonb) is
'True when the arguments make an event that may be stored at once, and the append is
announced; false or null otherwise.';

revoke all on function evident._may_append(uuid, text, jsonb, jsonb) from public;
-- [end sql/functions/append/_may_append.sql]
-- [begin sql/functions/append/_append_entries.sql]
-- evident._append_entries: the entries of one append document as rows.
--
-- Inlined by the planner. Casts are safe once the document is checked.

create or replace function evident._append_entries(p_appends jsonb)
returns table (
    ordinality bigint,
    aggregate_id uuid,
    expected bigint,
    events jsonb,
    event_count integer
)
language sql
immutable
parallel safe
begin atomic
    select
        a.ordinality,
        (a.value ->> 'aggregate_id')::uuid as aggregate_id,
        (a.value ->> 'expected_version')::bigint as expected,
        a.value -> 'events' as events,
        coalesce(jsonb_array_length(nullif(a.value -> 'events', 'null')), 0)
            as event_count
    from jsonb_array_elements(p_appends) with ordinality as a (value, ordinality);
end;

comment on function evident._append_entries(jsonb) is
'One row for each entry of an append document, in its order.';

revoke all on function evident._append_entries(jsonb) from public;
-- [end sql/functions/append/_append_entries.sql]
-- [begin sql/functions/append/_check_aggregate.sql]
-- evident._check_aggregate: refuse a null aggregate, the store's own one, or an
-- impossible version.
--
-- Errors: PT400, PT403

create or replace function evident._check_aggregate(
    p_aggregate_id uuid,
    p_expected_version bigint
)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if p_aggregate_id is null then
        perform evident._refuse_argument(
            'p_aggregate_id', 'null', 'name the aggregate'
        );
    end if;
    perform evident._refuse_own_stream(p_aggregate_id);
    if p_expected_version < -1 then
        perform evident._refuse_argument(
            'p_expected_version',
            format('%s is below -1', p_expected_version),
            'n = exactly n, 0 = must not exist, -1 = must exist, null = any'
        );
    end if;
end;
$function$;

comment on function evident._check_aggregate(uuid, bigint) is
'Raises PT400 for a null aggregate or an expected version below -1, PT403 for the
store''s own aggregate.';

revoke all on function evident._check_aggregate(uuid, bigint) from public;
-- [end sql/functions/append/_check_aggregate.sql]
-- [begin sql/functions/append/_check_events.sql]
-- evident._check_events: refuse an array of events that is malformed.
--
-- p_argument is the array as its caller knows it, such as p_events or
-- p_appends[3].events, so that the refusal points at the value.
--
-- One pass, which ends at the first bad event, as an into takes no second row. It ends
-- as well when the events before take far more room as text than in memory: only
-- numbers with exponents do, and then a request of 1 MB could keep the server
-- busy for minutes.
--
-- Generic plans, since those for known values hold copies of the whole document.
--
-- Errors: PT400, for the first bad event

create or replace function evident._check_events(p_events jsonb, p_argument text)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $function$
declare
    v_most_text constant bigint := evident._most_text(p_events);
    v_bad record;
    v_place text;
begin
    if jsonb_typeof(p_events) is distinct from 'array' or p_events = '[]' then
        perform evident._refuse_argument(
            p_argument, 'not a JSON array of events',
            'pass [{"type", "payload"}, ...]'
        );
    end if;
    if jsonb_array_length(p_events) > 10000 then
        perform evident._refuse_argument(
            p_argument, 'more than 10000 events', 'split the call'
        );
    end if;

    select
        w.ordinality,
        w.problem,
        w.payload_length,
        w.metadata_length
    into v_bad
    from (
        select
            m.*,
            sum(m.payload_length + m.metadata_length)
                over (rows unbounded preceding) as total
        from (
            select
                d.ordinality,
                evident._event_problem(d.event) as problem,
                evident._text_length(d.payload) as payload_length,
                evident._text_length(d.metadata) as metadata_length
            from (
                select
                    v.ordinality,
                    v.value as event,
                    v.value -> 'payload' as payload,
                    coalesce(v.value -> 'metadata', '{}') as metadata
                from jsonb_array_elements(p_events)
                    with ordinality as v (value, ordinality)
                offset 0
            ) as d
            offset 0
        ) as m
    ) as w
    where
        w.problem is not null
        or w.payload_length + w.metadata_length is null
        or w.total > v_most_text;
    if not found then
        return;
    end if;

    v_place := format('%s[%s]', p_argument, v_bad.ordinality - 1);
    if v_bad.problem is not null then
        perform evident._refuse_argument(
            v_place || v_bad.problem[1], v_bad.problem[2], v_bad.problem[3]
        );
    elsif v_bad.payload_length is null then
        perform evident._refuse_document(v_place || '.payload');
    elsif v_bad.metadata_length is null then
        perform evident._refuse_document(v_place || '.metadata');
    end if;
    perform evident._refuse_text(p_argument);
end;
$function$;

comment on function evident._check_events(jsonb, text) is
'Raises PT400 unless p_events is an array of 1 to 10000 well-formed events.';

revoke all on function evident._check_events(jsonb, text) from public;
-- [end sql/functions/append/_check_events.sql]
-- [begin sql/functions/append/_check_event_ids.sql]
-- evident._check_event_ids: refuse a call in which an event_id stands twice.
--
-- p_path leads from the argument to its event_ids, which are checked to be UUIDs.
--
-- Errors: PT400

create or replace function evident._check_event_ids(
    p_argument text,
    p_document jsonb,
    p_path jsonpath
)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_is_repeated boolean;
begin
    select count(distinct (i.value #>> '{}')::uuid) < count(*)
    into v_is_repeated
    from jsonb_path_query(p_document, p_path) as i (value)
    where jsonb_typeof(i.value) = 'string';

    if v_is_repeated then
        perform evident._refuse_argument(
            p_argument, 'an event_id stands twice', 'give each event its own'
        );
    end if;
end;
$function$;

comment on function evident._check_event_ids(text, jsonb, jsonpath) is
'Raises PT400 when an event_id stands twice in a document.';

revoke all on function evident._check_event_ids(text, jsonb, jsonpath) from public;
-- [end sql/functions/append/_check_event_ids.sql]
-- [begin sql/functions/append/_check_entries.sql]
-- evident._check_entries: refuse a batch whose entries are malformed.
--
-- Looks at everything but the events themselves; see _check_events. A key that
-- nobody knows is refused, since a misspelt expected_version would otherwise
-- switch the check off without a word.
--
-- Errors: PT400, for the first bad entry; PT403, for the store's own aggregate

create or replace function evident._check_entries(p_appends jsonb)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_problem text[];
    v_place text;
    v_repeated text;
    v_queue_length bigint;
begin
    if jsonb_typeof(p_appends) is distinct from 'array' then
        perform evident._refuse_argument(
            'p_appends', 'not a JSON array',
            'pass [{"aggregate_id", "expected_version", "events"}, ...]'
        );
    end if;
    if jsonb_array_length(p_appends) > 10000 then
        perform evident._refuse_argument(
            'p_appends', 'more than 10000 entries', 'split the batch'
        );
    end if;

    select
        p.problem,
        format('p_appends[%s]%s', a.ordinality - 1, p.problem[1])
    into v_problem, v_place
    from jsonb_array_elements(p_appends) with ordinality as a (value, ordinality)
    cross join lateral (
        select case
            when jsonb_typeof(a.value) <> 'object' then array[
                '', 'not a JSON object',
                'pass {"aggregate_id", "expected_version", "events"}'
            ]
            when a.value - '{aggregate_id,expected_version,events}'::text[] <> '{}'
                then array[
                    '', 'has an unknown key',
                    'the keys are aggregate_id, expected_version and events'
                ]
            when not evident._is_uuid(a.value -> 'aggregate_id') then array[
                '.aggregate_id', 'not a UUID', 'pass a UUID as a string'
            ]
            when not evident._is_expected_version(a.value -> 'expected_version')
                then array[
                    '.expected_version',
                    'not null and not an integer of -1 or more',
                    'n = exactly n, 0 = must not exist, -1 = must exist, '
                    'null = any'
                ]
            when coalesce(jsonb_typeof(a.value -> 'events'), 'null')
                not in ('array', 'null') then array[
                    '.events', 'not a JSON array',
                    'pass [{"type", "payload"}, ...], or leave events out to '
                    'check the version only'
                ]
            when coalesce(a.value -> 'events', 'null') in ('null', '[]')
                and coalesce(a.value -> 'expected_version', 'null') = 'null'
                then array[
                    '', 'neither events nor an expected version',
                    'give events to append, or a version to check'
                ]
        end as problem
    ) as p
    where p.problem is not null
    order by a.ordinality
    limit 1;
    if v_problem is not null then
        perform evident._refuse_argument(v_place, v_problem[2], v_problem[3]);
    end if;

    perform evident._refuse_own_stream(n.aggregate_id)
    from evident._append_entries(p_appends) as n
    where n.aggregate_id = '00000000-0000-0000-0000-000000000000';

    select n.aggregate_id::text into v_repeated
    from evident._append_entries(p_appends) as n
    group by n.aggregate_id
    having count(*) > 1
    limit 1;
    if found then
        perform evident._refuse_argument(
            'p_appends', format('aggregate %s stands in two entries', v_repeated),
            'put all events of one aggregate into one entry'
        );
    end if;

    -- Each such entry holds a lock in a table that all sessions share.
    select
        case
            when bool_or(n.event_count = 0) then count(*)
            else count(*) filter (where n.expected is null or n.expected < 0)
        end
    into v_queue_length
    from evident._append_entries(p_appends) as n;
    if v_queue_length > 1000 then
        perform evident._refuse_argument(
            'p_appends',
            'more than 1000 entries that queue for their aggregate',
            'split the batch, or name exact versions; an entry queues when its '
            'expected version is null or -1, and all do when one has no events'
        );
    end if;
end;
$function$;

comment on function evident._check_entries(jsonb) is
'Raises PT400 for the first malformed entry of a batch, PT403 for an entry of the
store''s own aggregate.';

revoke all on function evident._check_entries(jsonb) from public;
-- [end sql/functions/append/_check_entries.sql]
-- [begin sql/functions/append/_check_entry_events.sql]
-- evident._check_entry_events: refuse a batch whose events are malformed.
--
-- One pass over all events finds the first entry with something to refuse; see
-- _check_events. Only that entry is looked at on its own.
--
-- Generic plans, since those for known values hold copies of the whole document.
--
-- Errors: PT400, for the first bad event

create or replace function evident._check_entry_events(p_appends jsonb)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $function$
declare
    v_most_text constant bigint := evident._most_text(p_appends);
    v_entry integer;
    v_place text;
begin
    perform evident._refuse_argument(
        'p_appends', 'more than 10000 events', 'split the batch'
    )
    from evident._append_entries(p_appends) as n
    having sum(n.event_count) > 10000;

    select w.ordinality - 1 into v_entry
    from (
        select
            m.*,
            sum(m.length) over (rows unbounded preceding) as total
        from (
            select
                d.ordinality,
                case
                    when evident._event_problem(d.event) is null
                        then
                            evident._text_length(d.payload)
                            + evident._text_length(d.metadata)
                end as length
            from (
                select
                    n.ordinality,
                    v.value as event,
                    v.value -> 'payload' as payload,
                    coalesce(v.value -> 'metadata', '{}') as metadata
                from evident._append_entries(p_appends) as n
                cross join lateral jsonb_array_elements(
                    case when n.event_count > 0 then n.events else '[]' end
                ) as v (value)
                offset 0
            ) as d
            offset 0
        ) as m
    ) as w
    where w.length is null or w.total > v_most_text;
    if not found then
        return;
    end if;

    v_place := format('p_appends[%s].events', v_entry);
    perform evident._check_events(p_appends -> v_entry -> 'events', v_place);
    perform evident._refuse_text('p_appends');
end;
$function$;

comment on function evident._check_entry_events(jsonb) is
'Raises PT400 unless a batch has at most 10000 events, all well-formed.';

revoke all on function evident._check_entry_events(jsonb) from public;
-- [end sql/functions/append/_check_entry_events.sql]
-- [begin sql/functions/append/_replayed_version.sql]
-- evident._replayed_version: the version that an earlier run of the same append
-- gave its last event; null when none of its event_ids is stored.
--
-- An append is the same request when all its events carry an event_id and are
-- stored one after the other in this aggregate with equal type and payload.
-- Everything in between is an event_id used twice. Events that the running
-- call inserted itself (p_own_ids) prove nothing and count as not stored.
--
-- Errors: PT422

create or replace function evident._replayed_version(
    p_aggregate_id uuid,
    p_events jsonb,
    p_own_ids bigint[]
)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_stored record;
begin
    select
        count(*) as found,
        max(e.version) as last_version,
        bool_and(
            e.aggregate_id = p_aggregate_id
            and e.event_type = v.value ->> 'type'
            and e.payload = v.value -> 'payload'
        )
        and count(distinct e.version - v.ordinality) = 1 as is_same,
        -- collation: a boolean
        (array_agg(e.event_id order by
            e.aggregate_id = p_aggregate_id
            and e.event_type = v.value ->> 'type'
            and e.payload = v.value -> 'payload',
            v.ordinality
        ))[1] as event_id
    into v_stored
    from jsonb_array_elements(p_events) with ordinality as v (value, ordinality)
    inner join evident.event_store as e
        on e.event_id = (v.value ->> 'event_id')::uuid
    where e.id <> all (p_own_ids);

    if v_stored.found = 0 then
        return null;
    end if;

    if v_stored.is_same and v_stored.found = jsonb_array_length(p_events) then
        return v_stored.last_version;
    end if;

    raise exception using
        errcode = 'PT422',
        message = format(
            'event_id %s is already stored with other content', v_stored.event_id
        ),
        detail = (
            select
                jsonb_build_object(
                    'event_id', e.event_id,
                    'aggregate_id', e.aggregate_id,
                    'version', e.version
                )::text
            from evident.event_store as e
            where e.event_id = v_stored.event_id
        ),
        hint = 'repeat the very same append, or give new events new event_ids';
end;
$function$;

comment on function evident._replayed_version(uuid, jsonb, bigint[]) is
'The version of the last event when this very append is stored already, null
when none of its event_ids is; PT422 when they are stored otherwise.';

revoke all on function evident._replayed_version(uuid, jsonb, bigint[])
from public;
-- [end sql/functions/append/_replayed_version.sql]
-- [begin sql/functions/append/_base_version.sql]
-- evident._base_version: the version that an append is to follow; null when the
-- aggregate is not as expected.
--
-- An exact version is only looked for: that nothing follows it yet is decided by
-- the unique key. Why the look-up has a limit: see append_event. For any version
-- the caller first queues for the aggregate, and what the one before it appended
-- is visible to the statement after.
--
-- Nothing can follow version 2147483647, so that is null too.
--
-- Locks: the aggregate, when p_expected_version is null or -1.

create or replace function evident._base_version(
    p_aggregate_id uuid,
    p_expected_version bigint
)
returns integer
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if p_expected_version = 0 then
        return 0;
    end if;
    if p_expected_version < -1 then
        return null;
    end if;
    if p_expected_version > 0 then
        return (
            select e.version
            from evident.event_store as e
            where
                e.aggregate_id = p_aggregate_id
                and e.version = p_expected_version
                and e.version < 2147483647
            order by e.version
            limit 1
        );
    end if;

    perform evident._lock_aggregate(p_aggregate_id);
    return (
        select
            nullif(
                coalesce(
                    max(e.version), case when p_expected_version is null then 0 end
                ),
                2147483647
            )
        from evident.event_store as e
        where e.aggregate_id = p_aggregate_id
    );
end;
$function$;

comment on function evident._base_version(uuid, bigint) is
'The version that an append with this expectation is to
follow, 0 for a new aggregate; null when the aggregate is not as expected, or has the
last version there is.';

revoke all on function evident._base_version(uuid, bigint) from public;
-- [end sql/functions/append/_base_version.sql]
-- [begin sql/functions/append/_insert_stream.sql]
-- evident._insert_stream: insert a slice of an events document behind p_base.
--
-- Element i of the document gets version p_base + i; elements p_first to p_last
-- go in. An event whose version or event_id is taken is left out, and the
-- caller sees from the count that this happened. The first element claims its
-- version; behind it nothing but a given event_id can collide, and without one
-- the rest goes in unwatched, which is a sixth quicker.

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
    if p_first > 1 and not jsonb_path_exists(p_events, '$[*].event_id') then
        insert into evident.event_store as e (
            aggregate_id, version, event_type, payload, metadata
        )
        select
            p_aggregate_id,
            p_base + v.ordinality::integer,
            v.value ->> 'type',
            v.value -> 'payload',
            coalesce(v.value -> 'metadata', '{}')
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
            coalesce(v.value -> 'metadata', '{}'),
            coalesce((v.value ->> 'event_id')::uuid, evident._uuid_v7())
        from jsonb_array_elements(p_events) with ordinality as v (value, ordinality)
        where v.ordinality between p_first and p_last
        order by v.ordinality
        on conflict do nothing;
    end if;

    get diagnostics v_count = row_count;
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
-- [begin sql/functions/append/_append_stream.sql]
-- evident._append_stream: append checked events to one aggregate, all or none.
--
-- The first event claims its version; the unique key decides that race. Once the
-- claim stands nobody can append behind it, since whoever expects the version
-- before it collides and whoever expects the claimed version cannot see it. So
-- the other events follow without a race, and only an event_id that is stored
-- elsewhere can keep one of them out.
--
-- When any version will do, a lost race is run again; each lost race is somebody
-- else's success. A thousand of them are enough. An id that is taken looks like a
-- lost race too: the sequence was set back, which is asked each time.
--
-- Gives the version of the last event; or no version, and the actual version
-- that did not meet the expectation, so that a batch can report all of them. An
-- expectation that is met is a conflict only where no versions are left.
--
-- Locks: the aggregate, when p_expected_version is null or -1. The caller has
-- announced the append.
-- Errors: PT422, PT500, 40001

create or replace function evident._append_stream(
    p_aggregate_id uuid,
    p_events jsonb,
    p_expected_version bigint,
    out version bigint,
    out actual integer
)
returns record
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_length constant integer := jsonb_array_length(p_events);
    v_base integer;
begin
    for v_attempt in 1..1000 loop
        v_base := evident._base_version(p_aggregate_id, p_expected_version);

        if v_base is not null
            and v_base <= 2147483647 - v_length
            and evident._insert_stream(p_aggregate_id, v_base, p_events, 1, 1) = 1
        then
            if v_length = 1 or evident._insert_stream(
                p_aggregate_id, v_base, p_events, 2, v_length
            ) = v_length - 1 then
                version := v_base + v_length;
            else
                -- Raises, as some but not all are stored.
                version := evident._replayed_version(
                    p_aggregate_id,
                    p_events,
                    array(
                        select e.id
                        from evident.event_store as e
                        where
                            e.aggregate_id = p_aggregate_id
                            and e.version > v_base
                    )
                );
            end if;
            return;
        end if;

        version := evident._replayed_version(p_aggregate_id, p_events, '{}');
        if version is not null then
            return;
        end if;

        -- Met after all, by what was committed meanwhile, or any version will do.
        select coalesce(max(e.version), 0) into actual
        from evident.event_store as e
        where e.aggregate_id = p_aggregate_id;
        if actual > 2147483647 - v_length
            or (
                actual <> p_expected_version
                and (p_expected_version >= 0 or actual = 0)
            )
        then
            return;
        end if;
        perform evident._refuse_sequence();
    end loop;

    raise exception using
        errcode = 'serialization_failure',
        message = format(
            'aggregate %s is not appended to: others were first a thousand times',
            p_aggregate_id
        ),
        detail = jsonb_build_object('aggregate_id', p_aggregate_id)::text,
        hint = 'call again';
end;
$function$;

comment on function evident._append_stream(uuid, jsonb, bigint) is
'Appends checked events to one aggregate. version: of the last event, also of an
earlier run of the same append; null when actual does not meet p_expected_version, or
leaves no room.';

revoke all on function evident._append_stream(uuid, jsonb, bigint) from public;
-- [end sql/functions/append/_append_stream.sql]
-- [begin sql/functions/append/_append_stream_or_refuse.sql]
-- evident._append_stream_or_refuse: append checked events to one aggregate, or refuse.
--
-- Errors: PT404, PT409, PT422

create or replace function evident._append_stream_or_refuse(
    p_aggregate_id uuid,
    p_events jsonb,
    p_expected_version bigint
)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_outcome record;
begin
    select
        s.version,
        s.actual
    into v_outcome
    from evident._append_stream(p_aggregate_id, p_events, p_expected_version) as s;

    if v_outcome.version is null then
        perform evident._refuse_version(
            p_aggregate_id, p_expected_version, v_outcome.actual
        );
    end if;
    return v_outcome.version;
end;
$function$;

comment on function evident._append_stream_or_refuse(uuid, jsonb, bigint) is
'Appends checked events to one aggregate; the version of the last one, or PT404,
PT409 or PT422.';

revoke all on function evident._append_stream_or_refuse(uuid, jsonb, bigint)
from public;
-- [end sql/functions/append/_append_stream_or_refuse.sql]
-- [begin sql/functions/append/_append_event_explained.sql]
-- evident._append_event_explained: the long path of append_event.
--
-- Called when the short path inserted nothing: the argument is invalid, the
-- version is not as expected, a rival took it, the event_id is stored, or the id that
-- was drawn is one that the feed may have passed. Says which, or appends after all
-- when any version will do.
--
-- Where many write to one aggregate, most refusals are an exact version that is no
-- longer the newest: that is asked first. All else costs several times as much.
--
-- A document is measured before it is copied: it may be as large as a request.
--
-- Errors: PT400, PT403, PT404, PT409, PT422, PT500

create or replace function evident._append_event_explained(
    p_aggregate_id uuid,
    p_event_type text,
    p_payload jsonb,
    p_expected_version bigint,
    p_metadata jsonb,
    p_event_id uuid
)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_actual integer;
    v_event jsonb;
    v_problem text[];
    v_place text;
    v_is_long_payload constant boolean :=
        p_payload is not null and evident._text_length(p_payload) is null;
    v_is_long_metadata constant boolean :=
        p_metadata is not null and evident._text_length(p_metadata) is null;
begin
    if p_expected_version >= 0
        and p_event_id is null
        and not v_is_long_payload
        and not v_is_long_metadata
        and evident._is_event(p_aggregate_id, p_event_type, p_payload, p_metadata)
    then
        select coalesce(max(e.version), 0) into v_actual
        from evident.event_store as e
        where e.aggregate_id = p_aggregate_id;
        if v_actual <> p_expected_version then
            perform evident._refuse_version(
                p_aggregate_id, p_expected_version, v_actual
            );
        end if;
    end if;

    perform evident._check_aggregate(p_aggregate_id, p_expected_version);
    if v_is_long_payload then
        perform evident._refuse_document('p_payload');
    elsif v_is_long_metadata then
        perform evident._refuse_document('p_metadata');
    end if;
    v_event := jsonb_build_object(
        'type', p_event_type,
        'payload', p_payload,
        'metadata', p_metadata,
        'event_id', p_event_id
    );
    v_problem := evident._event_problem(v_event);
    if v_problem is not null then
        v_place := case v_problem[1]
            when '.type' then 'p_event_type' else replace(v_problem[1], '.', 'p_')
        end;
        perform evident._refuse_argument(v_place, v_problem[2], v_problem[3]);
    end if;

    perform evident._refuse_sequence();
    perform evident._announce_append();
    return evident._append_stream_or_refuse(
        p_aggregate_id, jsonb_build_array(v_event), p_expected_version
    );
end;
$function$;

comment on function
evident._append_event_explained(uuid, text, jsonb, bigint, jsonb, uuid) is
'Appends one event by the general engine, or raises what is wrong.';

revoke all on function
evident._append_event_explained(uuid, text, jsonb, bigint, jsonb, uuid)
from public;
-- [end sql/functions/append/_append_event_explained.sql]
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
    with entry as materialized (
        select
            n.aggregate_id,
            n.expected,
            n.events,
            n.expected = 0 or n.expected = (
                select e.version
                from evident.event_store as e
                where
                    e.aggregate_id = n.aggregate_id
                    and e.version = n.expected
            ) as has_base
        from evident._append_entries(p_appends) as n
    ),

    inserted as (
        insert into evident.event_store as e (
            aggregate_id, version, event_type, payload, metadata, event_id
        )
        select
            n.aggregate_id,
            n.expected + v.ordinality::integer,
            v.value ->> 'type',
            v.value -> 'payload',
            coalesce(v.value -> 'metadata', '{}'),
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
-- [begin sql/functions/append/_append_one_by_one.sql]
-- evident._append_one_by_one: append entries one after the other.
--
-- For batches in which some entry accepts any version or only checks. Entries
-- are taken in the order of their aggregates, each to its end before the
-- next, locks included, so that two batches never deadlock.
--
-- Entries without events are checked last, in a snapshot newer than all locks and
-- claims. A batch that has one locks all its aggregates: of two batches that
-- each check what the other one appends, the second finds the first one's events.
-- It would not in a snapshot as old as its transaction, so REPEATABLE READ and
-- SERIALIZABLE are refused; the latter finds out by itself only where all others
-- are SERIALIZABLE too.
--
-- The caller has checked the document, and announced the append.
-- Errors: PT400, PT422

create or replace function evident._append_one_by_one(p_appends jsonb)
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
    v_entry record;
    v_has_checks constant boolean := exists (
        select
        from evident._append_entries(p_appends) as n
        where n.event_count = 0
    );
begin
    if v_has_checks
        and current_setting('transaction_isolation')
        in ('repeatable read', 'serializable')
    then
        perform evident._refuse_argument(
            'transaction_isolation',
            current_setting('transaction_isolation')
            || ' cannot see whether a checked version still holds',
            'check versions at READ COMMITTED'
        );
    end if;

    for v_entry in
        select n.*
        from evident._append_entries(p_appends) as n
        order by n.aggregate_id
    loop
        if v_has_checks then
            perform evident._lock_aggregate(v_entry.aggregate_id);
        end if;
        continue when v_entry.event_count = 0;

        ordinality := v_entry.ordinality;
        aggregate_id := v_entry.aggregate_id;
        expected := v_entry.expected;
        select
            s.version,
            s.actual
        into version, actual
        from evident._append_stream(
            v_entry.aggregate_id, v_entry.events, v_entry.expected
        ) as s;
        return next;
    end loop;

    return query
    select
        n.ordinality,
        n.aggregate_id,
        n.expected,
        case
            when s.actual = n.expected or (n.expected = -1 and s.actual > 0)
                then s.actual::bigint
        end,
        s.actual
    from evident._append_entries(p_appends) as n
    cross join lateral (
        select coalesce(max(e.version), 0) as actual
        from evident.event_store as e
        where e.aggregate_id = n.aggregate_id
    ) as s
    where n.event_count = 0;
end;
$function$;

comment on function evident._append_one_by_one(jsonb) is
'Appends or checks entries one after the other. One row for each: version after
it; null when actual, the aggregate''s version before, is not as expected.';

revoke all on function evident._append_one_by_one(jsonb) from public;
-- [end sql/functions/append/_append_one_by_one.sql]
-- [begin sql/functions/append/append_event.sql]
-- evident.append_event: append one event to one aggregate.
--
-- The hot path: few and small expressions, since PL/pgSQL prepares each of them,
-- with every function in it, again in each transaction. So the two usual calls have
-- a statement each, which looks for the version before, checks its arguments,
-- announces the append and claims the next version; `found` is all that is asked
-- of it. A row draws its id, a column default, only once it has passed the `where`,
-- and so after the announcement there, as the feed demands (_may_append).
-- An exact version is looked for, since the unique key alone would let a writer
-- leave a gap; the key decides who of two rivals gets the next one, and the other
-- inserts nothing. Only an event_id that the caller gave can collide, so only the
-- general statement watches all keys, which costs more. Whatever is unusual ends
-- in _append_event_explained, which finds out what it was.
--
-- The look-up must stay one by the key whatever the table's statistics say.
-- Sequential scans are off, since a plan made and kept while the table was small
-- would be one. It is limited to the one row there can be. And plans are made once,
-- for any values: statistics that are older than the table's growth let the planner
-- think a plan for known values cheaper, and plan each call anew, which halved the
-- throughput. Such a plan also holds copies of the values, and what is refused for
-- its length is then in memory several times.
--
-- With no expected version, or -1, callers queue on the aggregate's lock, and
-- announce themselves only once they have it.
-- With an exact version a caller waits for nobody but a rival that is about to
-- commit the very same version.
--
-- At READ COMMITTED each statement sees what was committed before it. At
-- REPEATABLE READ and SERIALIZABLE a rival's version that the snapshot cannot
-- see ends in 40001.
--
-- Locks: the feed announcement (shared, never waits); the aggregate's advisory
-- lock when p_expected_version is null or -1.
-- Errors: PT400, PT403, PT404, PT409, PT422, PT500; 40001

create or replace function evident.append_event(
    p_aggregate_id uuid,
    p_event_type text,
    p_payload jsonb,
    p_expected_version bigint default null,
    p_metadata jsonb default null,
    p_event_id uuid default null
)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $function$
declare
    v_base integer;
begin
    if p_expected_version = 0 and p_event_id is null then
        insert into evident.event_store as e (
            aggregate_id, version, event_type, payload, metadata
        )
        select
            p_aggregate_id, 1, p_event_type, p_payload, coalesce(p_metadata, '{}')
        where
            evident._may_append(p_aggregate_id, p_event_type, p_payload, p_metadata)
        on conflict do nothing;
        if found then
            return 1;
        end if;
    elsif p_expected_version between 1 and 2147483646 and p_event_id is null then
        insert into evident.event_store as e (
            aggregate_id, version, event_type, payload, metadata
        )
        select
            p_aggregate_id, b.version + 1, p_event_type, p_payload,
            coalesce(p_metadata, '{}')
        from (
            select k.version
            from evident.event_store as k
            where
                k.aggregate_id = p_aggregate_id
                and k.version = p_expected_version
            order by k.version
            limit 1
        ) as b
        where
            evident._may_append(p_aggregate_id, p_event_type, p_payload, p_metadata)
        on conflict do nothing;
        if found then
            return p_expected_version + 1;
        end if;
    else
        v_base := evident._base_version(p_aggregate_id, p_expected_version);
        insert into evident.event_store as e (
            aggregate_id, version, event_type, payload, metadata, event_id
        )
        select
            p_aggregate_id, v_base + 1, p_event_type, p_payload,
            coalesce(p_metadata, '{}'), coalesce(p_event_id, evident._uuid_v7())
        where
            case
                when v_base is not null
                    then evident._may_append(
                        p_aggregate_id, p_event_type, p_payload, p_metadata
                    )
            end
        on conflict do nothing;
        if found then
            return v_base + 1::bigint;
        end if;
    end if;

    return evident._append_event_explained(
        p_aggregate_id, p_event_type, p_payload, p_expected_version, p_metadata,
        p_event_id
    );
end;
$function$;

comment on function evident.append_event(uuid, text, jsonb, bigint, jsonb, uuid) is
'Appends one event and gives its version, 1 for the first of its aggregate.
p_expected_version: n = the aggregate is at exactly n, 0 = it does not exist,
-1 = it exists, null = any. p_event_type: 1 to 100 characters. p_payload and
p_metadata: JSON objects of up to 1048576 bytes as text. p_event_id: identity of the
request; a repeated append with the same event_id, type and payload gives the first
version again. Errors: PT400 invalid argument, PT403 the store''s own aggregate, PT404
no such aggregate, PT409 version conflict, PT422 event_id used for other content,
PT500 the sequence of the ids is not as it was made.';

revoke all on function
evident.append_event(uuid, text, jsonb, bigint, jsonb, uuid)
from public;
grant execute on function
evident.append_event(uuid, text, jsonb, bigint, jsonb, uuid)
to evident_writer;
-- [end sql/functions/append/append_event.sql]
-- [begin sql/functions/append/append_events.sql]
-- evident.append_events: append many events to one aggregate, all or none.
--
-- Sequential scans are off, since a plan made and kept while the table was small
-- would be one until the next analyze.
--
-- Locks: as append_event.
-- Errors: PT400, PT403, PT404, PT409, PT422, PT500

create or replace function evident.append_events(
    p_aggregate_id uuid,
    p_events jsonb,
    p_expected_version bigint default null
)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
begin
    perform evident._check_aggregate(p_aggregate_id, p_expected_version);
    perform evident._check_events(p_events, 'p_events');
    perform evident._check_event_ids('p_events', p_events, '$[*].event_id');
    perform evident._refuse_sequence();
    perform evident._announce_append();
    return evident._append_stream_or_refuse(
        p_aggregate_id, p_events, p_expected_version
    );
end;
$function$;

comment on function evident.append_events(uuid, jsonb, bigint) is
'Appends 1 to 10000 events to one aggregate, all or none, and gives the version of
the last. p_events: [{"type", "payload", "metadata"?, "event_id"?}, ...].
p_expected_version: n = the aggregate is at exactly n, 0 = it does not exist,
-1 = it exists, null = any. Repeating the call with the same event_ids, types
and payloads gives the first version again. Errors: PT400 invalid argument,
PT403 the store''s own aggregate, PT404 no such aggregate, PT409 version conflict,
PT422 event_id used for other content, PT500 the sequence of the ids is not as it was
made.';

revoke all on function evident.append_events(uuid, jsonb, bigint) from public;
grant execute on function evident.append_events(uuid, jsonb, bigint)
to evident_writer;
-- [end sql/functions/append/append_events.sql]
-- [begin sql/functions/append/append_batch.sql]
-- evident.append_batch: append to many aggregates, all or none.
--
-- Two batches never deadlock with each other, whatever the order of their
-- entries. An entry without events appends nothing and only checks a version;
-- no other batch with such an entry can invalidate the check before this
-- one commits. Only READ COMMITTED can promise that; elsewhere it is PT400.
--
-- Locks: the feed announcement; the aggregates of entries that accept any
-- version, or of all entries when one of them only checks.
-- Errors: PT400, PT403, PT404, PT409, PT422, PT500

create or replace function evident.append_batch(p_appends jsonb)
returns table (aggregate_id uuid, version bigint)
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_is_exact boolean;
    v_outcome record;
begin
    perform evident._check_entries(p_appends);
    perform evident._check_entry_events(p_appends);
    perform evident._check_event_ids(
        'p_appends', p_appends, '$[*].events[*].event_id'
    );
    perform evident._refuse_sequence();
    perform evident._announce_append();

    select coalesce(
        bool_and(n.event_count > 0 and coalesce(n.expected, -1) >= 0), false
    )
    into v_is_exact
    from evident._append_entries(p_appends) as n;

    with outcome as (
        select t.* from evident._append_at_versions(p_appends) as t where v_is_exact
        union all
        select t.* from evident._append_one_by_one(p_appends) as t where not v_is_exact
    )

    select
        array_agg(o.aggregate_id order by o.ordinality) as aggregate_ids,
        array_agg(o.version order by o.ordinality) as versions,
        jsonb_agg(
            jsonb_build_object(
                'aggregate_id', o.aggregate_id,
                'expected', o.expected,
                'actual', o.actual
            )
            order by o.ordinality
        ) filter (where o.version is null) as conflicts
    into v_outcome
    from outcome as o;

    if v_outcome.conflicts is not null then
        perform evident._refuse_versions(v_outcome.conflicts);
    end if;

    return query
    select
        u.aggregate_id,
        u.version
    from unnest(v_outcome.aggregate_ids, v_outcome.versions)
        as u (aggregate_id, version);
end;
$function$;

comment on function evident.append_batch(jsonb) is
'Appends to many aggregates, all or none, and gives each new version in the order of
the entries. p_appends: up to 10000 entries [{"aggregate_id", "expected_version"?,
"events"?}, ...] with up to 10000 events in all, each aggregate once; an entry
without events only checks its version, at READ COMMITTED. Each entry that is stored
already, by its event_ids, types and payloads, gives its first version again. Every
unmet expectation is reported in one PT409. Errors: PT400 invalid argument, PT403 the
store''s own aggregate, PT404 no such aggregate, PT409 version conflict, PT422 event_id
used for other content, PT500 the sequence of the ids is not as it was made.';

revoke all on function evident.append_batch(jsonb) from public;
grant execute on function evident.append_batch(jsonb) to evident_writer;
-- [end sql/functions/append/append_batch.sql]

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
    select '0003_append'::text;
end;

comment on function evident.version() is
'The id of the newest engine migration that is in effect, such as 0005_guards.';

revoke all on function evident.version() from public;
grant execute on function evident.version() to
evident_writer, evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/core/version.sql]
