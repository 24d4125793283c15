begin;
select plan(5);
\ir ../helpers/refusal.psql

select columns_are(
    'evident', 'feed_stamp', array['is_only', 'position', 'stamped_at'],
    'the stamp has its columns'
);
select results_eq(
    $$ select count(*) from evident.feed_stamp $$,
    array[1::bigint],
    'there is one row'
);
select throws_ok(
    $$ insert into evident.feed_stamp (position) values (7) $$,
    '23505', null,
    'there is never a second row'
);
select throws_ok(
    $$ insert into evident.feed_stamp (is_only, position) values (false, 7) $$,
    '23514', null,
    'nor one of another kind'
);
select is(
    pg_temp.permitted('select * from evident.feed_stamp'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may select it, since safe_position does for them'
);

select * from finish();
rollback;
