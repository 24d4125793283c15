begin;
select plan(4);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql

select is(
    pg_temp.permitted('select evident.aggregate_version(pg_temp.task(1))'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may ask for a version, and so may operators and auditors'
);

select evident.append_events(pg_temp.task(1), pg_temp.noted(null, null, null), 0);
select evident.append_events(pg_temp.task(2), pg_temp.noted(null), 0);

set local role evident_reader;

select is(
    evident.aggregate_version(pg_temp.task(1)),
    3,
    'the version is that of the newest event, also of one just appended'
);
select is(
    evident.aggregate_version(p_aggregate_id => pg_temp.task(2)),
    1,
    'each aggregate has a version of its own'
);
select is(
    evident.aggregate_version(pg_temp.task(3)),
    0,
    'an aggregate without events has version 0'
);

reset role;
select * from finish();
rollback;
