begin;
select plan(6);
\ir ../helpers/refusal.psql

select columns_are(
    'evident', 'projection_skip',
    array[
        'projection', 'key', 'position', 'actor', 'reason', 'code', 'message',
        'recorded_by', 'skipped_at'
    ],
    'the table has its columns'
);
select is(
    pg_temp.permitted('select * from evident.projection_skip'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may select it, and so may operators and auditors'
);
select col_is_pk(
    'evident', 'projection_skip', array['projection', 'position', 'key'],
    'each event is left out once for each key'
);
select throws_ok(
    $$ insert into evident.projection_skip (
        projection, key, position, actor, reason, code, message
    )
    values ('nobody', 'k', 1, 'carol', 'a test', 'ZZ001', 'no') $$,
    '23503', null,
    'each skip belongs to a projection'
);
select throws_ok(
    format(
        $$ insert into evident.projection_skip (
            projection, key, position, actor, reason, code, message
        )
        values ('nobody', 'k', 1, %L, %L, 'ZZ001', 'no') $$,
        c.actor, c.reason
    ),
    '23514', null,
    c.description
)
from (
    values
    (rpad('a', 201), 'r', 'an actor has 200 characters at most'),
    ('a', rpad('r', 1001), 'a reason has 1000 characters at most')
) as c (actor, reason, description);

select * from finish();
rollback;
