begin;
select plan(6);
\ir ../helpers/refusal.psql

select columns_are(
    'evident', 'consumer_skip',
    array[
        'consumer', 'position', 'aggregate_id', 'version', 'actor', 'reason', 'message',
        'recorded_by', 'skipped_at'
    ],
    'the table has its columns'
);
select is(
    pg_temp.permitted('select * from evident.consumer_skip'),
    array['evident_auditor', 'evident_operator'],
    'operators and auditors may select it'
);
select col_is_pk(
    'evident', 'consumer_skip', array['consumer', 'position'],
    'each event is left out once'
);
select throws_ok(
    format(
        $$ insert into evident.consumer_skip (
            consumer, position, aggregate_id, version, actor, reason, message
        )
        values ('nobody', 1, gen_random_uuid(), 1, %L, %L, 'no') $$,
        c.actor, c.reason
    ),
    c.code, null,
    c.description
)
from (
    values
    ('a', 'r', '23503', 'each belongs to a consumer'),
    (rpad('a', 201), 'r', '23514', 'an actor has 200 characters at most'),
    ('a', rpad('r', 1001), '23514', 'a reason has 1000 characters at most')
) as c (actor, reason, code, description);

select * from finish();
rollback;
