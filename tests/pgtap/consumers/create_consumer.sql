begin;
select plan(31);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/consumers.psql

select is(
    pg_temp.permitted($$ select evident.create_consumer('test relay') $$),
    array['evident_operator'],
    'operators may create consumers'
);

set local role evident_operator;
select evident.create_consumer('test relay');
select evident.create_consumer(
    p_consumer => 'test search',
    p_partitions => 3,
    p_event_types => array['TaskDone', 'TaskCreated', 'TaskDone']
);
reset role;

select results_eq(
    $$ select c.name, c.partitions, c.event_types, c.created_at
    from evident.consumer as c
    order by c.name $$,
    $$ values
    ('test relay', 1, null::text[], '2026-01-01 00:00:00+00'::timestamptz),
    (
        'test search', 3, array['TaskCreated', 'TaskDone'],
        '2026-01-01 00:00:00+00'
    ) $$,
    'consumers have their definitions, one partition and every type by default'
);
select results_eq(
    $$ select p.consumer, p.partition, p.position, p.epoch
    from evident.consumer_partition as p
    order by p.consumer, p.partition $$,
    $$ values
    ('test relay', 0, 0::bigint, 0::bigint),
    ('test search', 0, 0, 0),
    ('test search', 1, 0, 0),
    ('test search', 2, 0, 0) $$,
    'each partition begins before the first event'
);

update evident.consumer_partition set position = 7;
set local role evident_operator;

select lives_ok(
    $$ select evident.create_consumer('test relay', 1, null) $$,
    'the same definition is accepted again'
);
select lives_ok(
    $$ select evident.create_consumer(
        'test search', 3, array['TaskCreated', 'TaskDone']
    ) $$,
    'the same types in another order are the same definition'
);
reset role;
select is(
    (
        select array_agg(p.position)
        from evident.consumer_partition as p
    ),
    array[7, 7, 7, 7]::bigint[],
    'creating a consumer again does not move it'
);

set local role evident_operator;

select is(
    pg_temp.refused_argument('select evident.create_consumer(' || c.arguments || ')'),
    c.argument,
    c.description || ' is refused'
)
from (
    values
    ($$ 'test relay', 2 $$, 'p_partitions', 'another number of partitions'),
    ($$ 'test relay', 1, '{TaskDone}' $$, 'p_event_types', 'one type instead of all'),
    ($$ 'test search', 3 $$, 'p_event_types', 'all types instead of two'),
    ($$ null $$, 'p_consumer', 'no name'),
    ($$ '' $$, 'p_consumer', 'an empty name'),
    ($$ repeat('x', 101) $$, 'p_consumer', 'a name of more than 100 characters'),
    ($$ 'x', null $$, 'p_partitions', 'no number of partitions'),
    ($$ 'x', 0 $$, 'p_partitions', 'no partition'),
    ($$ 'x', 4294967297 $$, 'p_partitions', 'a number that is no integer'),
    ($$ 'x', 1, null, 'later' $$, 'p_from', 'no position to begin at'),
    ($$ 'x', 1, null, '-1' $$, 'p_from', 'a negative position'),
    ($$ 'x', 1, null, '1000000' $$, 'p_from', 'a position above the safe one'),
    ($$ 'x', 1025 $$, 'p_partitions', 'more than 1024 partitions'),
    ($$ 'x', 1, '{}' $$, 'p_event_types', 'a list of no types'),
    ($$ 'x', 1, '{TaskDone,null}' $$, 'p_event_types', 'a null type'),
    ($$ 'x', 1, '{""}' $$, 'p_event_types', 'an empty type'),
    (
        $$ 'x', 1, array[repeat('x', 101)] $$, 'p_event_types',
        'a type of more than 100 characters'
    ),
    (
        $$ 'x', 1, array_fill('A'::text, array[1001]) $$, 'p_event_types',
        'more than 1000 types'
    )
) as c (arguments, argument, description);

select ok(
    pg_temp.refusal($$ select evident.create_consumer('test relay', 2) $$)
    ->> 'hint' ~ 'drop_consumer',
    'the hint says how to get another definition'
);
select lives_ok(
    $$ select evident.create_consumer(repeat('x', 100), 1024, '{A,B}') $$,
    'the largest consumer is accepted'
);
select is(
    (
        select count(*)
        from evident.consumer_status as s
        where s.consumer = repeat('x', 100)
    ),
    1024::bigint,
    'and has all its partitions'
);

-- Where it begins.

select evident.create_consumer('test from ' || f.text, 2, null, f.text)
from (values ('now'), ('start'), (:'first')) as f (text);
select results_eq(
    $$ select s.consumer, s.position
    from evident.consumer_status as s
    where s.consumer like 'test from %' and s.partition = 1
    order by s.position $$,
    format(
        $$ values
        ('test from start', 0::bigint), ('test from %1$s', %1$s), ('test from now', %2$s) $$,
        :first, :first + 5
    ),
    'a consumer begins where p_from says'
);
select lives_ok(
    $$ select evident.create_consumer('test from now', 2, null, 'start') $$,
    'once it is there that does not matter'
);
select is(
    pg_temp.claimed('test from now', 'w'),
    null,
    'what was there before now does not come'
);
select results_eq(
    $$ select d.kind, d.position, d.recorded_by = session_user
    from evident.consumer_decision as d
    where d.consumer = 'test from now' $$,
    format($$ values ('created', %s::bigint, true) $$, :first + 5),
    'that it was made is recorded'
);

select * from finish();
rollback;
