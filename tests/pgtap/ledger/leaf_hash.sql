begin;
select plan(4);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql

create function pg_temp.event(p_type text)
returns evident.event_store
language sql
immutable
return row(
    7, pg_temp.task(1), 3, p_type, '{"note": 7}', '{}', pg_temp.event_id(7),
    '2026-11-24 22:05:57.123456+00', 'carol'
)::evident.event_store;

select is(
    evident.leaf_hash(pg_temp.event('TaskNoted')),
    '\xaab87b7f6346d7822e5a556cea9781381a8daa57b356c73ee52cc3a710ef94c5'::bytea,
    'a leaf hash is what another language makes of the same event'
);
select is(
    evident.leaf_hash(pg_temp.event('TaskNoted')),
    sha256('\x00'::bytea || evident.leaf_entry(pg_temp.event('TaskNoted'))),
    'it is the hash of the entry with a zero byte in front'
);
select isnt(
    evident.leaf_hash(pg_temp.event('TaskNoted')),
    evident.leaf_hash(pg_temp.event('TaskDone')),
    'another event has another one'
);
select is(
    pg_temp.permitted('select evident.leaf_hash(e) from evident.event_store as e'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'who may read events may keep their hashes as receipts'
);

select * from finish();
rollback;
