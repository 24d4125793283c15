begin;
select plan(3);
\ir ../helpers/refusal.psql

select is(
    pg_temp.permitted('select evident.require_utf8()'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'who may compute a leaf may ask'
);
set local role evident_reader;
select ok(evident.require_utf8(), 'this database is one of UTF8');
reset role;
select volatility_is(
    'evident', 'require_utf8', '{}'::name[], 'immutable',
    'the planner asks once, not the query for each row'
);

select * from finish();
rollback;
