-- The isolation levels first: each is set by the first statement of a transaction,
-- and what it gives is kept for the plan below.

begin isolation level repeatable read;
\ir ../helpers/refusal.psql
set local role evident_reader;
select pg_temp.refusal('select evident.safe_position()') as repeatable_read \gset
rollback;

begin isolation level serializable;
\ir ../helpers/refusal.psql
set local role evident_reader;
select pg_temp.refusal('select evident.safe_position()') as serializable \gset
rollback;

begin;
select plan(11);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql

select is(
    :'repeatable_read'::jsonb - 'message',
    '{
        "code": "PT400",
        "detail": {
            "argument": "transaction_isolation",
            "reason": "repeatable read has one snapshot for all statements"
        },
        "hint": "read the feed at READ COMMITTED"
    }'::jsonb,
    'REPEATABLE READ is refused, since all its statements have one snapshot'
);
select is(
    :'serializable'::jsonb - 'message',
    '{
        "code": "PT400",
        "detail": {
            "argument": "transaction_isolation",
            "reason": "serializable has one snapshot for all statements"
        },
        "hint": "read the feed at READ COMMITTED"
    }'::jsonb,
    'SERIALIZABLE is refused, since all its statements have one snapshot'
);
select is(
    pg_temp.permitted('select evident.safe_position()'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may ask for the position, and so may operators and auditors'
);

-- A sequence that is made anew goes back with the transaction.

alter table evident.event_store alter column id restart with 1;

select is(
    evident.safe_position(),
    0::bigint,
    'the position is 0 while no id was ever drawn'
);

alter table evident.event_store alter column id restart with 30000000000;

-- Inserted without an announcement, which only append functions make.
insert into evident.event_store (aggregate_id, version, event_type, payload)
values
(pg_temp.task(1), 1, 'TaskCreated', '{}'),
(pg_temp.task(1), 2, 'TaskDone', '{}');

set local role evident_reader;

select is(
    evident.safe_position(),
    30000000001,
    'the position is the last id drawn when nobody is appending'
);

reset role;

-- Locks that are no announcements.

select
    pg_advisory_xact_lock_shared((17749::bigint << 48) | 1),
    pg_advisory_xact_lock_shared((17751::bigint << 48) | 1),
    pg_advisory_xact_lock_shared(1),
    pg_advisory_xact_lock_shared(17750 << 16, 1),
    pg_advisory_xact_lock((17750::bigint << 48) | 1);

select is(
    evident.safe_position(),
    30000000001,
    'advisory locks of other kinds do not hold the position back'
);

-- Announcements.

select evident.append_event(pg_temp.task(1), 'TaskNoted', '{}', 2);
select evident.append_event(pg_temp.task(1), 'TaskNoted', '{}', 3);
select evident.append_event(pg_temp.task(2), 'TaskCreated', '{}', 0);

select is(
    evident.safe_position(),
    30000000001,
    'the position stays before the first event of a transaction that is appending'
);

select pg_advisory_xact_lock_shared((17750::bigint << 48) | 30000000003);

select is(
    evident.safe_position(),
    30000000001,
    'a later announcement does not move the position'
);

select pg_advisory_xact_lock_shared((17750::bigint << 48) | 29999999999);

select is(
    evident.safe_position(),
    29999999999,
    'the smallest announcement is the position'
);

select pg_advisory_xact_lock_shared((17750::bigint << 48) | 7);

select is(
    evident.safe_position(),
    7::bigint,
    'a small announcement is told from a large one'
);

select pg_advisory_xact_lock_shared(17750::bigint << 48);

select is(
    evident.safe_position(),
    0::bigint,
    'an announcement before the first id of all makes the position 0'
);

select * from finish();
rollback;
