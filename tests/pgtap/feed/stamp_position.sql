-- The isolation level first: it is set by the first statement of a transaction, and
-- what it gives is kept for the plan below.

begin isolation level repeatable read;
\ir ../helpers/refusal.psql
set local role evident_operator;
select pg_temp.refusal('select evident.stamp_position()') as repeatable_read \gset
rollback;

begin;
select plan(12);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/consumers.psql

select is(
    :'repeatable_read'::jsonb ->> 'code',
    'PT400',
    'REPEATABLE READ is refused, since all its statements have one snapshot'
);
select is(
    pg_temp.permitted('select evident.stamp_position()'),
    array['evident_operator'],
    'operators may stamp'
);

update evident.feed_stamp set position = 0;
set local role evident_operator;

select is(
    evident.stamp_position(),
    :first::bigint + 5,
    'the stamp is the safe position'
);
select results_eq(
    $$ select s.position, s.stamped_at from evident.feed_stamp as s $$,
    format(
        $$ values (%s::bigint, '2026-01-01 00:00:00+00'::timestamptz) $$, :first + 5
    ),
    'the stamp is stored with its time'
);

set local evident_test.minutes = 1;

select is(
    evident.stamp_position(p_must_notify => true),
    :first::bigint + 5,
    'a stamp that is up to date stays'
);
select is(
    (select s.stamped_at from evident.feed_stamp as s),
    '2026-01-01 00:00:00+00'::timestamptz,
    'its time is when it moved'
);

reset role;
savepoint announced;
select pg_advisory_xact_lock_shared((17750::bigint << 48) | (:first + 1));
select
    evident.safe_position() - :first as safe_position,
    evident.stamp_position() - :first as stamp \gset held_
rollback to announced;

select is(
    array[:held_safe_position, :held_stamp],
    array[1, 5],
    'the stamp never goes back'
);

select pg_advisory_xact_lock_shared((17750::bigint << 48) | (:first + 7));
select max(nextval('evident.event_store_id_seq')) from generate_series(1, 4);
set local role evident_operator;

select is(
    evident.stamp_position(true),
    :first::bigint + 7,
    'an event that is on its way is not stamped'
);
select is(
    (select s.stamped_at from evident.feed_stamp as s),
    '2026-01-01 00:01:00+00'::timestamptz,
    'a stamp that moves has the time of its move'
);

reset role;
delete from evident.feed_stamp;

select is(
    pg_temp.refusal('select evident.stamp_position()')::jsonb
    - array['message', 'hint'],
    '{"code": "PT500", "detail": {"reason": "feed_stamp has no row"}}'::jsonb,
    'without its row nothing is stamped, and that is an error'
);
select is(
    (select count(*) from evident.feed_stamp),
    0::bigint,
    'and no row comes from nowhere'
);
select is(
    evident.safe_position(),
    :first::bigint + 7,
    'on the primary the position is not that of the stamp'
);

select * from finish();
rollback;
