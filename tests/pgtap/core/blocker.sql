begin;
select plan(4);
\ir ../helpers/refusal.psql

select is(
    pg_temp.permitted('select * from evident.blocker'),
    array['evident_auditor', 'evident_operator'],
    'operators and auditors may look for blockers'
);

set local role evident_monitor;
select is_empty(
    'select b.stops, b.lock from evident.blocker as b', 'nobody is in the way'
);
reset role;

-- tests/store/test_blockers.py has other sessions.
select pg_advisory_xact_lock(17750::bigint << 48);
select is_empty(
    'select b.stops, b.lock from evident.blocker as b', 'whoever asks is not listed'
);
select columns_are(
    'evident', 'blocker',
    array[
        'pid', 'login', 'application', 'started_at', 'stops', 'lock', 'is_held',
        'locks',
        'waiting', 'waiting_pids'
    ]
);

select * from finish();
rollback;
