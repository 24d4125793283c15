begin;
select plan(18);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/consumers.psql
\ir ../helpers/parked.psql

select is(
    pg_temp.permitted(
        $$ select evident.seek_consumer('test', 'now', 'me', 'once more') $$
    ),
    array['evident_operator'],
    'operators may seek'
);

set local role evident_operator;
select evident.create_consumer('test');

select is(
    pg_temp.refusal($$ select evident.seek_consumer('nobody', 'now', 'me', 'so') $$)
    ->> 'message',
    'consumer nobody does not exist',
    'a consumer that does not exist is refused'
);
select is(
    pg_temp.refused_argument(format(
        $$ select evident.seek_consumer('test', %L, 'me', 'so') $$, p.position
    )),
    'p_position',
    format('%s is no position', coalesce(quote_literal(p.position), 'null'))
)
from (
    values (null), (''), ('-1'), ('1.0'), ('9223372036854775807'),
    ('99999999999999999999'), ('later'), (repeat('9', 100))
) as p (position);
select is(
    pg_temp.refused_argument(
        $$ select evident.seek_consumer('test', 'now', 'me', null) $$
    ),
    'p_reason',
    'nobody seeks without a reason'
);

select pg_temp.attempted('test');
select pg_temp.park('test', 3, 'poison');
select pg_temp.epoch('test') as epoch \gset
select is(
    evident.seek_consumer('test', (:first + 3)::text, 'me', 'known'),
    (:first + 3)::bigint,
    'a seek gives the position'
);
select is(
    pg_temp.refusal(format(
        $$ select evident.confirm_events('test', 0, %s, %s) $$, :epoch, :first
    )) ->> 'code',
    'PT423',
    'and ends the lease that runs'
);
select is(
    pg_temp.attempted('test'), '{5} 1', 'events above the position come, but those that'
    ' wait'
);
select evident.seek_consumer('test', 'start', 'me', 'once more');
select is(pg_temp.attempted('test'), '{1,2,5} 1', 'back at the start they wait as well');
select evident.seek_consumer('test', 'now', 'me', 'enough');
select is(pg_temp.attempted('test'), null, 'now is behind everything');
select evident.retry_parked('test', pg_temp.task(1));
select is(
    pg_temp.attempted('test'), '{3,4,6} 1', 'but what waits is not lost by a seek'
);

select results_eq(
    $$ select d.partition, d.position_from, d.position, d.actor, d.reason
    from evident.consumer_decision as d
    where d.kind = 'sought'
    order by d.number $$,
    format(
        $$ values
        (0, 0::bigint, %s::bigint, 'me', 'known'),
        (0, %s, 0, 'me', 'once more'),
        (0, 0, %s, 'me', 'enough') $$,
        :first + 3, :first + 3, :first + 5
    ),
    'each seek is recorded, with from and to'
);

select * from finish();
rollback;
