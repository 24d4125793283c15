begin;
select plan(7);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/consumers.psql

select is(
    pg_temp.permitted('select * from evident.consumer_status'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may select the status, and so may operators and auditors'
);
select columns_are(
    'evident',
    'consumer_status',
    array[
        'consumer', 'partition', 'position', 'lag', 'worker', 'epoch',
        'lease_expires_at', 'is_leased', 'blockers', 'seconds_behind', 'is_snapshot',
        'attempts', 'parked'
    ],
    'the view has its columns'
);
select is_empty(
    $$ select * from evident.consumer_status $$,
    'without a consumer there is no row'
);

set local role evident_operator;
select evident.create_consumer('test relay');
set local role evident_reader;

select results_eq(
    $$ select
        s.consumer, s.partition, s.position, s.lag, s.worker, s.epoch,
        s.lease_expires_at, s.is_leased, s.blockers, s.seconds_behind is not null,
        s.is_snapshot, s.attempts, s.parked
    from evident.consumer_status as s $$,
    format(
        $$ values (
            'test relay', 0, 0::bigint, %s::bigint, null::text, 0::bigint,
            null::timestamptz, false, 0::bigint, true, false, 0::bigint, 0::bigint
        ) $$,
        (select count(*) from evident.event_store)
    ),
    'a new consumer has everything before it'
);

-- The status has the real clock.
reset role;
create or replace function evident._now()
returns timestamptz
language sql
volatile
parallel safe
begin atomic
    select clock_timestamp();
end;
set local role evident_operator;
select pg_temp.claimed('test relay', 'a', 4, '1 hour') as claimed \gset
select evident.confirm_events('test relay', 0, pg_temp.epoch('test relay'), :first + 1);
set local role evident_reader;

select results_eq(
    $$ select s.position, s.lag, s.worker, s.epoch > 0, s.is_leased
    from evident.consumer_status as s
    where s.lease_expires_at > clock_timestamp() + interval '59 minutes' $$,
    format($$ values (%s::bigint, 4::bigint, 'a', true, true) $$, :first + 1),
    'a partition that is leased shows by whom and for how long'
);

reset role;
update evident.consumer_partition set lease_expires_at = clock_timestamp();

select results_eq(
    $$ select s.worker, s.is_leased from evident.consumer_status as s $$,
    $$ values ('a', false) $$,
    'a lease that has run out is none'
);

select pg_advisory_xact_lock_shared((17750::bigint << 48) | (:first + 2));

select is(
    (select s.lag from evident.consumer_status as s),
    4::bigint,
    'what is not safe to read yet is lag as well'
);

select * from finish();
rollback;
