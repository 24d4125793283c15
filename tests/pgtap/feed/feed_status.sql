-- The isolation level first: it is set by the first statement of a transaction, and
-- what it gives is kept for the plan below.

begin isolation level repeatable read;
\ir ../helpers/refusal.psql
set local role evident_reader;
select f.is_snapshot and f.head >= f.safe_position as repeatable_read
from evident.feed_status as f \gset
rollback;

-- A prepared transaction that has appended. Without max_prepared_transactions
-- its test is skipped. An error must not leave it behind: it would hold its locks
-- for ever.
select current_setting('max_prepared_transactions') <> '0' as can_prepare \gset
select coalesce(pg_sequence_last_value('evident.event_store_id_seq'), 0) as start \gset
select coalesce(max(e.id), 0) - :start as prepared_newest
from evident.event_store as e \gset
\if :can_prepare
begin;
select evident.append_event(
    '01900000-0000-7000-8000-000000000001', 'TaskCreated', '{}', 0
);
prepare transaction 'evident_test_feed_status';
\set ON_ERROR_STOP off
select
    f.head - :start as head,
    f.safe_position - :start as safe_position,
    f.lag,
    f.holder_pid is null as has_no_pid,
    coalesce(f.holder_name, 'nobody') as holder_name,
    coalesce(
        f.holder_started_at between now() - interval '1 minute' and now(), false
    ) as is_recent
from evident.feed_status as f \gset prepared_
rollback prepared 'evident_test_feed_status';
\set ON_ERROR_STOP on
\endif

begin;
select plan(12);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql

select ok(
    :'repeatable_read'::boolean,
    'a transaction whose statements have one snapshot is told so, and not refused'
);
select is(
    pg_temp.permitted('select * from evident.feed_status'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may select the status, and so may operators and auditors'
);
select columns_are(
    'evident',
    'feed_status',
    array[
        'head', 'safe_position', 'lag', 'holder_pid', 'holder_name',
        'holder_started_at', 'blockers', 'holder_login', 'held_seconds', 'problem',
        'is_snapshot'
    ],
    'the view has its columns'
);

-- Inserted without an announcement; see safe_position.
insert into evident.event_store (aggregate_id, version, event_type, payload)
values (pg_temp.task(1), 1, 'TaskCreated', '{}')
returning id as last \gset

set local role evident_reader;

select results_eq(
    $$ select
        f.head, f.safe_position, f.lag, f.holder_pid, f.holder_name,
        f.holder_started_at, f.held_seconds, f.problem, f.is_snapshot
    from evident.feed_status as f $$,
    format(
        $$ values (%s::bigint, %1$s::bigint, 0::bigint, null::integer,
        null::text, null::timestamptz, 0::numeric, null::text, false) $$,
        :last
    ),
    'while nobody is appending the feed is complete and nobody holds it'
);

reset role;
set local application_name = 'evident test';
-- A transaction looks at pg_stat_activity once.
select pg_stat_clear_snapshot();
select evident.append_events(pg_temp.task(1), pg_temp.noted(null, null), 1);
select evident.append_event(pg_temp.task(2), 'TaskCreated', '{}', 0);
set local role evident_reader;

select results_eq(
    $$ select f.head, f.safe_position, f.lag, f.holder_pid, f.holder_name,
        f.holder_login = session_user, f.held_seconds < 600
    from evident.feed_status as f $$,
    format(
        $$ values (%s::bigint, %s::bigint, 3::bigint, %s, 'evident test',
            true, true) $$,
        :last + 3, :last, pg_backend_pid()
    ),
    'a transaction that appends is named as the one that holds the feed'
);

reset role;
grant pg_read_all_stats to evident_reader;
set local role evident_reader;

select is(
    (select f.holder_started_at from evident.feed_status as f),
    transaction_timestamp(),
    'who may read all statistics sees since when the feed is held'
);

reset role;
select pg_advisory_xact_lock_shared((17750::bigint << 48) | :last + 3);

select is(
    (select count(*) from evident.feed_status),
    1::bigint,
    'there is one row however many announcements there are'
);

alter table evident.event_store alter column id restart with 1;

select results_eq(
    $$ select f.head, f.safe_position, f.lag, f.problem
    from evident.feed_status as f $$,
    format(
        $$ values (%s::bigint, 0::bigint, %s::bigint,
        'the sequence of the ids is behind its rows: '
        'as evident_owner, select evident.repair_sequences()') $$,
        :last + 3, (select count(*) from evident.event_store)
    ),
    'a sequence that is behind its rows is a problem, and hides no event'
);
delete from evident.feed_stamp;
select matches(
    (select f.problem from evident.feed_status as f),
    'feed_stamp has no row',
    'and so is a stamp that is missing'
);

\if :can_prepare
select is(
    array[:prepared_head, :prepared_safe_position, :prepared_lag],
    array[:prepared_newest, 0, 0],
    'a prepared transaction holds the feed before its first event'
);
select ok(
    :'prepared_has_no_pid'::boolean and :'prepared_is_recent'::boolean,
    'a prepared transaction has no process but a time'
);
select is(
    :'prepared_holder_name'::text,
    'evident_test_feed_status',
    'a prepared transaction is named by its identifier'
);
\else
select skip('max_prepared_transactions is 0', 3);
\endif

select * from finish();
rollback;
